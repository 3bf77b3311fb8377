"""Many combinations at once, on all cores or on a Dask cluster: rows in their order, whoever is first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from optimiser.processes import held, spread
from optimiser.sweep.outcome import Combination, Failure, Outcome, Work, outcome

WORTH_A_WORKER = 20
"""Combinations for each worker from which it is worth starting: it takes a second to load what 20 nights take."""

MOST_AT_ONCE = 2
"""Combinations that a worker is handed at once: few, so that all end together, and soon where they are stopped."""


class Client(Protocol):
    """What is asked of a cluster: ``distributed.Client`` is one."""

    def scatter(self, data: Any, *, broadcast: bool, hash: bool) -> Any:  # noqa: A002 - its own name for it
        """Something that all workers have, as a future."""

    def map(self, func: Any, *iterables: Any, pure: bool, **kwargs: Any) -> Any:
        """A future for each call, in their order."""

    def cancel(self, futures: Any) -> Any:
        """Takes back what is not done."""


def outcomes_on(
    client: Client, work: Work, combinations: Sequence[Combination]
) -> Iterator[Outcome | Failure]:
    """The same on a cluster, whose workers have this package in this version."""
    held = client.scatter(work, broadcast=True, hash=False)
    futures = client.map(_outcome, combinations, pure=False, work=held)
    try:
        for future in futures:
            yield future.result()
    finally:
        client.cancel(futures)


def _outcome(combination: Combination, *, work: Work) -> Outcome | Failure:
    return outcome(work, combination)


def outcomes(work: Work, combinations: Sequence[Combination], *, workers: int) -> Iterator[Outcome | Failure]:
    """The outcome of each combination, in their order, as soon as it is known. Raises as :func:`spread` does."""
    if workers == 1:
        return (outcome(work, combination) for combination in combinations)
    at_once = max(1, min(MOST_AT_ONCE, len(combinations) // (4 * workers)))
    return spread(_held_outcome, combinations, workers=workers, at_once=at_once, hold=work)


def _held_outcome(combination: Combination) -> Outcome | Failure:
    return outcome(held(), combination)
