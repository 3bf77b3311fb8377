"""Cuts a row into a few runs at the least loss, exactly. Knows numbers only, not what they stand for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from optimiser.horizon import FloatArray

NOISE = 1e-9
"""What one run more has to gain: floating-point noise in sums of powers over a night is far below it."""


def least_of_runs(value: FloatArray) -> FloatArray:
    """The least value of every run, from its first item (row) to its last (column), shape (n, n).

    Below the diagonal there is no run, and no meaning.
    """
    has_run = np.tri(len(value), dtype=bool).T
    least: FloatArray = np.minimum.accumulate(np.where(has_run, value, value.max(initial=0.0)), axis=1)
    return least


def sums_of_runs(value: FloatArray) -> FloatArray:
    """The sum of every run, from its first item (row) to its last (column), shape (n, n).

    Below the diagonal there is no run, and no meaning.
    """
    until = np.concatenate([[0.0], np.cumsum(value)])
    sums: FloatArray = until[None, 1:] - until[:-1, None]
    return sums


def best_runs(value: FloatArray, most: int) -> list[tuple[int, int]]:
    """At most ``most`` ≥ 1 runs over all items of the least sum; each is (first item, last item + 1).

    ``value`` (n, n) is what the run costs from its first item (row) to its last (column). Fewer runs where more would
    gain nothing. The dynamic program over runs and items looks at every cut, so nothing costs less.
    """
    count = len(value)
    whole = np.where(np.tri(count, k=-1, dtype=bool), np.inf, value)
    best = [whole[0]]
    begins: list[npt.NDArray[np.int64]] = [np.zeros(count, dtype=np.int64)]
    while len(best) < min(most, count):
        # A last run that begins at item 1 or later, after the best runs over the items before it.
        options = best[-1][:-1, None] + whole[1:]
        best.append(options.min(axis=0))
        begins.append(options.argmin(axis=0) + 1)
    sums = np.array([row[-1] for row in best])
    number = int(np.argmax(sums <= sums.min() + NOISE))
    runs: list[tuple[int, int]] = []
    end = count
    for row in reversed(begins[: number + 1]):
        begin = int(row[end - 1])
        runs.append((begin, end))
        end = begin
    return runs[::-1]
