"""The WebSocket endpoint that chargers dial in to, and the verbs of ``station.py`` on their sockets.

:mod:`~dispatch.gateway.server` opens the doors, :mod:`~dispatch.gateway.settings` says which and reads what they need,
:mod:`~dispatch.gateway.door` lets chargers in, :mod:`~dispatch.gateway.session` is one charger's socket, and
:mod:`~dispatch.gateway.live` what is known of all of them.
"""

from dispatch.gateway.companions import Companion
from dispatch.gateway.server import Doors, Gateway, accepting, running, serve
from dispatch.gateway.settings import Entrance, GatewaySettingsError, entrance_of

__all__ = [
    "Companion",
    "Doors",
    "Entrance",
    "Gateway",
    "GatewaySettingsError",
    "accepting",
    "entrance_of",
    "running",
    "serve",
]
