"""Planning a night again with a change, and looking for the smallest change after which vehicles leave ready.

A trial is a whole plan in set-points: what passes here is what planning the changed folder will give.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimiser.changes import Changed
from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.plan import READY_TOLERANCE_PERCENT
from optimiser.planner import decide
from optimiser.problem import BoolArray, Problem, build_problem

POWERS_PLANNED_AT_MOST = 250_000
"""How many powers may be planned again in all to explain one night: ten seconds or so, on any depot."""

FEWEST_TRIALS = 12
"""So many plans an explanation may always cost."""

CLOSE_ENOUGH = 1.03
"""How much larger than one that does not help the smallest change found may be."""

ROUNDING_KWH = 1e-5
"""What the last decimals of a plan can make of an energy. [kWh]"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A night planned: powers (V, T), and who leaves ready and with what too little, shape (V,)."""

    problem: Problem
    power_kw: FloatArray
    shortfall_kwh: FloatArray

    @property
    def ready(self) -> BoolArray:
        """Who leaves with what they need, to the tolerance that plans have for it."""
        return np.asarray(self.shortfall_kwh <= _tolerance_kwh(self.problem) - ROUNDING_KWH)

    def worse_than(self, before: Outcome) -> BoolArray:
        """Who leaves with less than before, or no longer ready."""
        more_kwh = self.shortfall_kwh - before.shortfall_kwh
        return np.asarray(
            (before.ready & ~self.ready) | (~self.ready & (more_kwh > _tolerance_kwh(self.problem)))
        )


class Trials:
    """Plans of one night with changes, as long as there is time for more."""

    def __init__(self, before: Outcome) -> None:
        self.before = before
        powers = max(1, int(before.problem.drawable.sum()))
        self._left = max(FEWEST_TRIALS, POWERS_PLANNED_AT_MOST // powers)

    def outcome(self, changed: Changed) -> Outcome | None:
        """The changed night, planned; None where too many have been, or the solver came to no end."""
        if self._left <= 0:
            return None
        self._left -= 1
        try:
            return planned(*changed)
        except SolverError:
            # The night itself has its plan; that one change cannot be told about must not cost it.
            return None

    def passing(self, changed: Changed, goal: BoolArray) -> Outcome | None:
        """The changed night where all of ``goal`` (V,) leave ready and nobody is worse off; else None."""
        found = self.outcome(changed)
        if found is None or not found.ready[goal].all() or found.worse_than(self.before).any():
            return None
        return found

    def smallest(
        self, change: Callable[[float], Changed], goal: BoolArray, *, amount: float, upper: float, step: float
    ) -> tuple[float, Outcome] | None:
        """The least amount of a change that passes, a whole number of ``step``, searched from ``amount`` on.

        Of the amounts tried, one that is smaller by more than :data:`CLOSE_ENOUGH`, or by one step, did not pass.
        """
        top = round(upper / step)
        low, high, at, stride = 0, top + 1, min(top, max(1, round(amount / step))), CLOSE_ENOUGH
        best: Outcome | None = None
        while high - low > max(1, round((CLOSE_ENOUGH - 1.0) * high)):
            found = self.passing(change(at * step), goal)
            if found is not None:
                high, best = at, found
            else:
                low = at
            if low > 0 and high <= top:
                at = (low + high) // 2
            else:
                # Still on one side of it: on in strides that grow.
                at = max(1, int(high / stride)) if high <= top else min(top, max(low + 1, int(low * stride)))
                stride *= stride
            if low >= top or self._left <= 0:
                break
        return None if best is None else (high * step, best)


def planned(depot: Depot, night: Night) -> Outcome:
    """A night planned in set-points."""
    decision = decide(build_problem(depot, night))
    return Outcome(problem=decision.problem, power_kw=decision.power_kw, shortfall_kwh=decision.shortfall_kwh)


def _tolerance_kwh(problem: Problem) -> FloatArray:
    return problem.battery_kwh * READY_TOLERANCE_PERCENT / 100.0
