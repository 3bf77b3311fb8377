"""The WebSocket endpoint that chargers dial in to, and the verbs of ``station.py`` on their sockets.

:mod:`~dispatch.gateway.server` opens the doors, :mod:`~dispatch.gateway.session` is one charger's socket,
:mod:`~dispatch.gateway.live` what is known of all of them, :mod:`~dispatch.gateway.settings` who may come in.
"""

from dispatch.gateway.server import Doors, Gateway, accepting, running, serve
from dispatch.gateway.settings import GatewaySettingsError, load_credentials

__all__ = ["Doors", "Gateway", "GatewaySettingsError", "accepting", "load_credentials", "running", "serve"]
