"""OCPP 1.6: all that is particular to it, between neutral values and payloads. It alone knows its words.

What we ask of a charge point and make of its answers is in :mod:`dispatch.ocpp16.requests`, what a charge point
tells us and is answered in :mod:`dispatch.ocpp16.calls`, meter values in :mod:`dispatch.ocpp16.metering`; one
charge point is spoken with in :mod:`dispatch.ocpp16.speaker`.
"""

SUBPROTOCOL = "ocpp1.6"
"""Name of OCPP-J 1.6 in the WebSocket handshake."""
