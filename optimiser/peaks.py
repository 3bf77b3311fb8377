"""What one kilowatt more costs while powers are moved about: the peaks of a night, kept up to date step by step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from optimiser.horizon import FloatArray
from optimiser.problem import Problem
from optimiser.tariff import Demand

NOISE_KW = 1e-7
"""Floating-point noise in a sum of powers."""


class Peak:
    """One demand charge: its mean net load per billing interval, and the peak that is paid for already."""

    def __init__(self, demand: Demand, chosen_net_kw: FloatArray) -> None:
        self.charge_per_kw = demand.charge_per_kw
        self.so_far_kw = demand.so_far_kw
        steps = len(chosen_net_kw)
        self._interval: npt.NDArray[np.int64] = np.full(steps, -1, dtype=np.int64)
        self._length = np.ones(steps)
        for number, (first, stop) in enumerate(demand.intervals):
            self._interval[first:stop] = number
            self._length[first:stop] = stop - first
        self._counts: npt.NDArray[np.bool_] = self._interval >= 0
        self._means_kw = np.array([chosen_net_kw[first:stop].mean() for first, stop in demand.intervals])
        # A peak up to here is paid for: by the billing period so far, or by the choice of steps.
        self.paid_kw = max(demand.so_far_kw, float(self._means_kw.max()))

    def set_net_load(self, net_kw: FloatArray) -> None:
        """Counts a net load (T,) anew; what is paid for stays paid for."""
        counts = self._counts
        sums = np.bincount(self._interval[counts], net_kw[counts] / self._length[counts])
        self._means_kw = np.asarray(sums, dtype=float)
        self.paid_kw = max(self.paid_kw, float(self._means_kw.max()))

    def change(self, step: int, added_kw: float) -> None:
        """One step draws so much more."""
        if self._counts[step]:
            self._means_kw[self._interval[step]] += added_kw / self._length[step]
            self.paid_kw = max(self.paid_kw, float(self._means_kw[self._interval[step]]))

    def mean_kw(self) -> FloatArray:
        """The mean of the interval that each step belongs to, shape (T,); nothing where none counts."""
        return np.where(self._counts, self._means_kw[self._interval], -np.inf)

    def free_kw(self) -> FloatArray:
        """How much more each step may draw, shape (T,), until the peak costs more than is paid for."""
        return (self.paid_kw - self.mean_kw()) * self._length

    def extra_cost(self, added_kw: FloatArray) -> FloatArray:
        """Money for so much more power in each step, shape (T,), each for itself."""
        return self.charge_per_kw * np.clip((added_kw - self.free_kw()) / self._length, 0.0, None)

    def highest_steps(self) -> npt.NDArray[np.int64]:
        """The steps of the highest interval, if lowering it saves money; else none."""
        top = int(np.argmax(self._means_kw))
        if self._means_kw[top] <= self.so_far_kw + NOISE_KW:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(self._interval == top)

    def takes(self, added_kw: FloatArray) -> npt.NDArray[np.bool_]:
        """Whether steps (T,) may draw so much more, each for itself, and stay below the highest interval."""
        top_kw = float(self._means_kw.max())
        below: npt.NDArray[np.bool_] = self.mean_kw() + added_kw / self._length < top_kw - NOISE_KW
        return below


def peaks_of(problem: Problem, chosen_kw: FloatArray) -> list[Peak]:
    """The peaks of a problem's demand charges, with those of chosen powers (V, T) paid for."""
    net_kw = chosen_kw.sum(axis=0) + problem.net_base_kw
    return [Peak(demand, net_kw) for demand in problem.demands]
