"""Planning a night again with a change, and looking for the smallest change after which vehicles leave ready.

A trial is a whole plan in set-points: what passes here is what planning the changed folder will give.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optimiser.changes import Changed
from optimiser.horizon import FloatArray
from optimiser.lp import LinearProgram, SolverError
from optimiser.planned import READY_TOLERANCE_PERCENT
from optimiser.planner import decide
from optimiser.problem import BoolArray, Problem, build_problem

POWERS_PLANNED_AT_MOST = 50_000
"""How many powers may be planned again in all to explain one night: a few seconds, on any depot. A dozen plans of a
thousand vans took a minute and a half."""

LEAST_TRIALS = 3
"""So many plans every night is worth: what can be asked instead, and a first look at its limits."""

MOST_TRIALS = 24
"""So many plans an explanation costs at most."""

PROMISE_COSTS = 0.25
"""What solving the linear program costs, in plans."""

CLOSE_ENOUGH = 0.005
"""How near to the least the linear program is searched, as a share."""

HASTY_COSTS = 0.2
"""The same for a hasty plan: its branch and bound is what takes the time."""

DOWNWARDS = 0.965
"""Plans need a little more than the linear program, for their set-points; or less, for the tolerance of ready."""

PROVED_CLOSE = 0.03
"""How much larger than one that does not pass, as a share, the amount found may be."""

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


@dataclass(frozen=True, kw_only=True)
class Search:
    """A change by an amount: ``of`` makes it, from ``step`` to ``upper`` in steps, and ``value`` is a first guess."""

    of: Callable[[float], Changed]
    value: float
    upper: float
    step: float
    only_limits: bool = False


class Trials:
    """Plans of one night with changes, as long as there is time for more."""

    def __init__(self, before: Outcome) -> None:
        self.before = before
        powers = max(1, int(before.problem.drawable.sum()))
        self._left = float(max(LEAST_TRIALS, min(MOST_TRIALS, POWERS_PLANNED_AT_MOST // powers)))
        self._program: LinearProgram | None = None

    @property
    def are_spent(self) -> bool:
        """Whether there is no time for more."""
        return self._left <= 0

    def outcome(self, changed: Changed, *, hasty: bool = False) -> Outcome | None:
        """The changed night, planned; None where too many have been, or the solver came to no end.

        ``hasty`` plans may leave a set-point more behind than those of a night: where one passes, the other will.
        """
        if self._left <= 0:
            return None
        self._left -= HASTY_COSTS if hasty else 1.0
        problem = build_problem(*changed)
        try:
            decision = decide(problem, branching=not hasty)
        except SolverError:
            # The night itself has its plan; that one change cannot be told about must not cost it.
            return None
        return Outcome(problem=problem, power_kw=decision.power_kw, shortfall_kwh=decision.shortfall_kwh)

    def promise(self, changed: Changed, *, only_limits: bool = False) -> Outcome | None:
        """The least shortfall that the changed night can come to, by its linear program: quickly found, no proof.

        With ``only_limits`` visits are what they were, and the program goes on from where it stands.
        """
        if self._left <= 0:
            return None
        self._left -= PROMISE_COSTS
        problem = build_problem(*changed)
        try:
            program = self._program if only_limits else None
            if program is None:
                program = LinearProgram(problem)
            if only_limits:
                self._program = program
            program.aim_at(problem)
            highest_kw = np.broadcast_to(problem.max_kw[:, None], problem.present.shape)
            optimum = program.within((np.zeros_like(highest_kw), highest_kw))
        except SolverError:
            return None
        assert optimum is not None, "a shortfall is always possible"
        return Outcome(problem=problem, power_kw=optimum.power_kw, shortfall_kwh=optimum.shortfall_kwh)

    def passing(self, changed: Changed, goal: BoolArray, *, hasty: bool = False) -> Outcome | None:
        """The changed night planned, where all of ``goal`` (V,) leave ready and nobody is worse off; else None."""
        found = self.outcome(changed, hasty=hasty)
        before = self._hastily_before if hasty else self.before
        return found if found is not None and _passes(found, goal, before) else None

    def may_pass(self, changed: Changed, goal: BoolArray, *, only_limits: bool = False) -> bool:
        """Whether a plan could pass, by the linear program."""
        found = self.promise(changed, only_limits=only_limits)
        return found is not None and _passes(found, goal, self.before)

    @cached_property
    def _hastily_before(self) -> Outcome:
        """The unchanged night as a hasty plan has it: what hasty plans are held against."""
        problem = self.before.problem
        decision = decide(problem, branching=False)
        return Outcome(problem=problem, power_kw=decision.power_kw, shortfall_kwh=decision.shortfall_kwh)

    def smallest(self, change: Search, goal: BoolArray) -> tuple[float, Outcome] | None:
        """The least amount of a change that passes, in whole steps.

        The linear program says where to look, hasty plans go from there to the least that passes with them, and whole
        plans prove it, or go a little further.
        """
        least = self._searched(change, goal)
        if least is None:
            return None
        top = round(change.upper / change.step)

        def tried(count: int, *, hasty: bool = False) -> Outcome | None:
            return self.passing(change.of(count * change.step), goal, hasty=hasty)

        low, high, stride = math.floor(least * DOWNWARDS) - 1, least, 1.02
        while tried(high, hasty=True) is None:
            if high >= top or self._left <= 0:
                return None
            low, high, stride = high, min(top, max(high + 1, math.ceil(high * stride))), stride * stride
        while low > 0 and high - low > max(1, round(PROVED_CLOSE * high)):
            middle = (low + high) // 2
            low, high = (middle, high) if tried(middle, hasty=True) is None else (low, middle)
        found = tried(high)
        if found is None:
            high = min(top, max(high + 1, math.ceil(1.02 * high)))
            found = tried(high)
        while found is not None:
            lower = min(high - 1, math.floor(high * DOWNWARDS))
            better = tried(lower) if lower > 0 else None
            if better is None:
                return high * change.step, found
            high, found = lower, better
        return None

    def _searched(self, change: Search, goal: BoolArray) -> int | None:
        """The least count of steps with which a plan may pass: by strides, then by halves."""
        top = round(change.upper / change.step)
        low, high, stride = 0, top + 1, 1.1
        at = min(top, max(1, round(change.value / change.step)))
        while high - low > max(1, round(CLOSE_ENOUGH * high)):
            if self.may_pass(change.of(at * change.step), goal, only_limits=change.only_limits):
                high = at
            else:
                low = at
            if low >= top or self._left <= 0:
                break
            if low > 0 and high <= top:
                at = (low + high) // 2
            else:
                # Still on one side of it: on in strides that grow.
                at = max(1, int(high / stride)) if high <= top else min(top, max(low + 1, int(low * stride)))
                stride *= stride
        return high if high <= top else None


def _passes(found: Outcome, goal: BoolArray, before: Outcome) -> bool:
    return bool(found.ready[goal].all() and not found.worse_than(before).any())


def _tolerance_kwh(problem: Problem) -> FloatArray:
    return problem.battery_kwh * READY_TOLERANCE_PERCENT / 100.0
