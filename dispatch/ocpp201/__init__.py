"""OCPP 2.0.1: all that is particular to it, between neutral values and payloads. It alone knows its words.

Charging profiles are in :mod:`dispatch.ocpp201.profiles`, whatever else we ask and its answers in
:mod:`dispatch.ocpp201.requests`, what a charging station tells us in :mod:`dispatch.ocpp201.calls`, its sessions in
:mod:`dispatch.ocpp201.transactions`, meter values in :mod:`dispatch.ocpp201.metering`, the device model in
:mod:`dispatch.ocpp201.variables`; one station is spoken with in :mod:`dispatch.ocpp201.speaker`.

A neutral connector is an EVSE here: it charges one vehicle at a time, whatever number of sockets it has.
"""

SUBPROTOCOL = "ocpp2.0.1"
"""Name of OCPP-J 2.0.1 in the WebSocket handshake."""
