"""Spreads tasks over the cores of this machine: what comes of them, in their order, whoever is first."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

UNGUARDED = (
    'the workers have ended: a script calls what uses them below `if __name__ == "__main__":`, or with workers=1; '
    "where it does, memory may have run out"
)

_held: list[Any] = []
"""In a worker: what all its tasks have in common."""


def workers_for(tasks: int, *, worth: int) -> int:
    """How many processes are worth it on this machine, each for at least ``worth`` tasks: 1 means this one."""
    return max(1, min(_cores(), tasks // worth))


def spread(
    act: Callable[[Task], Result], tasks: Sequence[Task], *, workers: int, at_once: int = 1, hold: Any = None
) -> Iterator[Result]:
    """What comes of each task, in their order, as soon as it is known.

    ``act`` is a function of a module; ``hold`` is sent to each worker once, where :func:`held` gives it; a worker
    is handed ``at_once`` tasks. Workers are spawned: a fork of a process with threads, as a notebook's is, can
    hang. Raises :class:`RuntimeError` where they cannot start.
    """
    if workers == 1:
        yield from map(act, tasks)
        return
    # a hundredth of a second that only many tasks need
    import multiprocessing  # noqa: PLC0415
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415

    if multiprocessing.parent_process() is not None:
        raise RuntimeError(UNGUARDED)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(hold,))
    try:
        yield from pool.map(act, tasks, chunksize=at_once)
    except BrokenProcessPool as error:
        raise RuntimeError(UNGUARDED) from error
    finally:
        pool.shutdown(cancel_futures=True)


def held() -> Any:
    """In a worker: what was sent to it at its start."""
    return _held[0]


def _begin(hold: Any) -> None:
    """A worker leaves Ctrl-C to the process that started it, and what it has loaded stays to its end."""
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _held[:] = [hold]


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
