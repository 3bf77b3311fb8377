"""The set-points that chargers can take, numbered: level 0 is 0 kW, level 1 the least power above it, and so on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from optimiser.horizon import FloatArray
from optimiser.problem import Problem
from optimiser.units import ROUNDING_SLACK

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


class Levels:
    """``kw`` (V, L): the power of each level of a visit, its highest repeated to the end of the row.

    ``highest`` (V,) is the number of the highest level, 0 for a visit that cannot charge. ``usable`` (V, T) says
    where a visit may draw at all.
    """

    def __init__(self, problem: Problem) -> None:
        able = problem.max_kw > 0
        self.highest: IntArray = np.array(
            [len(levels) if ok else 0 for levels, ok in zip(problem.levels_kw, able, strict=True)],
            dtype=np.int64,
        )
        self.kw: FloatArray = np.zeros((problem.visits, int(self.highest.max(initial=0)) + 2))
        for row, levels in enumerate(problem.levels_kw):
            if able[row]:
                self.kw[row, 1 : len(levels) + 1] = levels
                self.kw[row, len(levels) + 1 :] = levels[-1]
        self.usable: BoolArray = (problem.drawable > 0) & (self.highest > 0)[:, None]
        self.lowest_kw: FloatArray = self.kw[:, 1]
        self.highest_kw: FloatArray = self.kw[:, -1]

    def bounds_kw(self, on: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Bounds of the powers (V, T) where each visit draws in exactly the steps in which it is on."""
        return np.where(on, self.lowest_kw[:, None], 0.0), np.where(on, self.highest_kw[:, None], 0.0)

    def cut(self, power_kw: FloatArray) -> IntArray:
        """The level at or below each power (V, T)."""
        cut = np.zeros(power_kw.shape, dtype=np.int64)
        for row, highest in enumerate(self.highest.tolist()):
            levels_kw = self.kw[row, : highest + 1]
            step_kw = levels_kw[-1] - levels_kw[-2] if highest > 1 else levels_kw[-1]
            cut[row] = np.searchsorted(levels_kw, power_kw[row] + ROUNDING_SLACK * step_kw, side="right") - 1
        return cut

    def power_kw(self, level: IntArray) -> FloatArray:
        """The powers of levels (V, T)."""
        return np.take_along_axis(self.kw, level, axis=1)
