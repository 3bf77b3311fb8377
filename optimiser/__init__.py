"""Plans a depot's night of charging. Knows depots, tariffs, time and energy, never OCPP.

The face for planners, who write ``import optimiser as opt``:

>>> import optimiser as opt
>>> depot = opt.load_depot("data/parcel-12")
>>> night = opt.load_night("data/parcel-12", "2025-11-10")
>>> tonight = opt.plan(depot, night)
>>> bool(tonight.departures()["ready"].all())
True

Each name comes with what it needs when it is first asked for: a charge point process that imports
``optimiser.depot`` never loads a solver, pandas or matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimiser.baselines import plug_and_charge
    from optimiser.depot import Depot
    from optimiser.face import ChargingProfiles, charging_profiles, compare, plan, what_if
    from optimiser.inputs import InputError, load_depot, load_history, load_night
    from optimiser.night import Night
    from optimiser.plan import Plan
    from optimiser.profiles import ChargingProfile
    from optimiser.valuation import worth

__all__ = [
    "ChargingProfile",
    "ChargingProfiles",
    "Depot",
    "InputError",
    "Night",
    "Plan",
    "charging_profiles",
    "compare",
    "load_depot",
    "load_history",
    "load_night",
    "plan",
    "plug_and_charge",
    "what_if",
    "worth",
]

_HOMES = {
    "ChargingProfile": "optimiser.profiles",
    "ChargingProfiles": "optimiser.face",
    "Depot": "optimiser.depot",
    "InputError": "optimiser.inputs",
    "Night": "optimiser.night",
    "Plan": "optimiser.plan",
    "charging_profiles": "optimiser.face",
    "compare": "optimiser.face",
    "load_depot": "optimiser.inputs",
    "load_history": "optimiser.inputs",
    "load_night": "optimiser.inputs",
    "plan": "optimiser.face",
    "plug_and_charge": "optimiser.baselines",
    "what_if": "optimiser.face",
    "worth": "optimiser.valuation",
}
"""Where each public name lives."""

# ``plan`` is both a function and a module. Python sets a module on its package once, when it is first imported:
# that is done here, and the name given back to the function. Later, ``from optimiser.plan import Plan`` finds the
# module where Python keeps all of them and leaves the name alone. The module is light, so this costs nobody much.
importlib.import_module("optimiser.plan")
del globals()["plan"]


if not TYPE_CHECKING:  # a type checker knows the names from above, and would take any other for granted here

    def __getattr__(name: str) -> Any:
        """A public name, loaded when it is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return list(__all__)
