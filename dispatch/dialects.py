"""The OCPP versions that are spoken. It alone knows all of them; nothing above it knows any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dispatch.dialect import Dialect
from dispatch.ocpp16.speaker import DIALECT as OCPP_16
from dispatch.ocpp201.speaker import DIALECT as OCPP_201

DIALECTS: Mapping[str, Dialect] = {dialect.ocpp: dialect for dialect in (OCPP_16, OCPP_201)}
"""By their name in ``depot.yaml``."""
SUBPROTOCOLS: Mapping[str, Dialect] = {dialect.subprotocol: dialect for dialect in DIALECTS.values()}
"""By their name in the WebSocket handshake."""


def choose(offered: Sequence[str], *, preferred: str) -> Dialect | None:
    """The dialect for a charger that offers some subprotocols: that of ``depot.yaml`` if it is offered.

    Otherwise the first that is spoken here, as the charger's order is its preference (OCPP 2.0.1 Part 4 §3.1.2);
    None if there is none.
    """
    spoken = [SUBPROTOCOLS[name] for name in offered if name in SUBPROTOCOLS]
    return next((dialect for dialect in spoken if dialect.ocpp == preferred), spoken[0] if spoken else None)
