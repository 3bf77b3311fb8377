"""The gateway's local HTTP API: the verbs of ``station.py`` for whoever holds a token, and the way to call them.

:func:`serving_api` serves any :class:`~dispatch.station.Stations`; :class:`ApiStations` is one over HTTP,
:func:`stations_of` that of a depot's folder. Beyond a loopback address the API is served encrypted or not at all.

Each name comes with what it needs when it is first asked for: a plan waits for no web server, and a gateway for no
client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dispatch.api.access import stations_of, tokens_of
    from dispatch.api.client import ApiStations
    from dispatch.api.server import create_app, serving_api
    from dispatch.api.token import ApiTokens, Role

__all__ = ["ApiStations", "ApiTokens", "Role", "create_app", "serving_api", "stations_of", "tokens_of"]

_HOMES = {
    "ApiStations": "dispatch.api.client",
    "ApiTokens": "dispatch.api.token",
    "Role": "dispatch.api.token",
    "create_app": "dispatch.api.server",
    "serving_api": "dispatch.api.server",
    "stations_of": "dispatch.api.access",
    "tokens_of": "dispatch.api.access",
}
"""Where each public name lives."""


if not TYPE_CHECKING:  # a type checker knows the names from above, and would take any other for granted here

    def __getattr__(name: str) -> Any:
        """A public name, loaded when it is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)
