"""Many combinations at once, on all cores or on a Dask cluster: rows in their order, whoever is first."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

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


def workers_for(combinations: int) -> int:
    """How many processes are worth it on this machine: 1 means this one."""
    return max(1, min(_cores(), combinations // WORTH_A_WORKER))


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


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def outcomes(work: Work, combinations: Sequence[Combination], *, workers: int) -> Iterator[Outcome | Failure]:
    """The outcome of each combination, in their order, as soon as it is known.

    Workers are spawned: a fork of a process with threads, as a notebook's is, can hang. Raises
    :class:`RuntimeError` where they cannot start.
    """
    if workers == 1:
        yield from (outcome(work, combination) for combination in combinations)
        return
    if multiprocessing.parent_process() is not None:
        raise RuntimeError(UNGUARDED)
    at_once = max(1, min(MOST_AT_ONCE, len(combinations) // (4 * workers)))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(work,))
    try:
        yield from pool.map(_held_outcome, combinations, chunksize=at_once)
    except BrokenProcessPool as error:
        raise RuntimeError(UNGUARDED) from error
    finally:
        pool.shutdown(cancel_futures=True)


UNGUARDED = (
    'the workers of a what-if have ended: a script calls it below `if __name__ == "__main__":`, or with workers=1; '
    "where it does, memory may have run out"
)

_held: list[Work] = []
"""In a worker: what all its combinations have in common."""


def _begin(work: Work) -> None:
    """A worker leaves Ctrl-C to the process that started it, and what it has loaded stays to its end."""
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _held[:] = [work]


def _held_outcome(combination: Combination) -> Outcome | Failure:
    return outcome(_held[0], combination)
