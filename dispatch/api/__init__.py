"""The gateway's local HTTP API: the verbs of ``station.py`` for whoever holds the token, and the way to call them.

:func:`serving_api` serves any :class:`~dispatch.station.Stations`; :class:`ApiStations` is one over HTTP. The API
is for this machine alone and listens on nothing but a loopback address.

Each name comes with what it needs when it is first asked for: a plan waits for no web server, and a gateway for no
client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dispatch.api.client import ApiStations
    from dispatch.api.server import create_app, serving_api
    from dispatch.api.token import read_or_create_token

__all__ = ["ApiStations", "create_app", "read_or_create_token", "serving_api"]

_HOMES = {
    "ApiStations": "dispatch.api.client",
    "create_app": "dispatch.api.server",
    "read_or_create_token": "dispatch.api.token",
    "serving_api": "dispatch.api.server",
}
"""Where each public name lives."""


if not TYPE_CHECKING:  # a type checker knows the names from above, and would take any other for granted here

    def __getattr__(name: str) -> Any:
        """A public name, loaded when it is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)
