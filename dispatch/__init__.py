"""Brings a plan to the chargers over OCPP and proves that they obey.

What planners need of it by day, to look back on a night or to rehearse one:

>>> from dispatch import load_morning, rehearse

Each name comes with what it needs when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dispatch.morning.face import Morning, load_morning
    from dispatch.rehearsal.face import rehearse

__all__ = ["Morning", "load_morning", "rehearse"]

_HOMES = {
    "Morning": "dispatch.morning.face",
    "load_morning": "dispatch.morning.face",
    "rehearse": "dispatch.rehearsal.face",
}
"""Where each public name lives."""


if not TYPE_CHECKING:  # a type checker knows the names from above, and would take any other for granted here

    def __getattr__(name: str) -> Any:
        """A public name, loaded when it is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)
