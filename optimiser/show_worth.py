"""What more would be worth, beside a stored plan: worked out from its folder when the plan is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from optimiser.depot import Depot
from optimiser.inputs import InputError, load_night
from optimiser.lp import SolverError
from optimiser.plan import Plan
from optimiser.valuation import worth

VISITS_AT_MOST = 200
"""Of a larger night the worth takes longer than anybody waits for a plan to be printed."""


def with_worth(stored: Plan, depot: Depot, folder: Path) -> Plan:
    """The plan with its worth; as it was where the folder's night is no longer what was planned, or is large."""
    if stored.valued is not None or len(stored.visits) > VISITS_AT_MOST:
        return stored
    try:
        night = load_night(folder, stored.night.isoformat())
        if night.inputs_sha256 != stored.inputs_sha256:
            return stored
        return replace(stored, valued=worth(depot, night))
    except (InputError, SolverError):
        # The plan itself can be shown all the same, which is what was asked for.
        return stored
