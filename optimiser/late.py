"""What visits must still get when they come late, while their powers are cut to set-points and moved about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimiser.horizon import FloatArray
from optimiser.levels import BoolArray, IntArray
from optimiser.problem import Problem


@dataclass(frozen=True, kw_only=True)
class LateNeed:
    """One late arrival of a visit: ``energy`` (T,) is what a kW in each step still gives it. [kWh per kW]"""

    energy: FloatArray
    need_kwh: float

    def missing_kwh(self, power_kw: FloatArray) -> float:
        """What powers (T,) leave it without, below 0 where there is more."""
        return self.need_kwh - float(self.energy @ power_kw)


class LateNeeds:
    """Those of all visits, for needs of which ``shortfall_kwh`` (V,) is left."""

    def __init__(self, problem: Problem, shortfall_kwh: FloatArray) -> None:
        self._of: dict[int, list[LateNeed]] = {}
        self._free_from: IntArray = np.zeros(problem.visits, dtype=np.int64)
        self._steps: IntArray = np.arange(problem.steps)
        cover = problem.cover
        if cover is None:
            return
        energy_per_full_kw = problem.efficiency * problem.step_h
        for visit, present, need_kwh in zip(
            cover.visit.tolist(), cover.present, cover.need_kwh.tolist(), strict=True
        ):
            late = LateNeed(
                energy=energy_per_full_kw[visit] * present, need_kwh=need_kwh - float(shortfall_kwh[visit])
            )
            self._of.setdefault(visit, []).append(late)
            fewer = np.flatnonzero(present < problem.present[visit])
            self._free_from[visit] = max(self._free_from[visit], int(fewer.max(initial=-1)) + 1)

    def of(self, visit: int) -> Sequence[LateNeed]:
        """Those of a visit, the latest first."""
        return self._of.get(visit, ())

    def may_move(self, visits: IntArray, from_step: int) -> BoolArray:
        """The steps (visits, T) to which power may be moved out of a step: later, or when every late one is there."""
        free_from = self._free_from[visits][:, None]
        may: BoolArray = (self._steps >= from_step) | (self._steps >= free_from)
        return may
