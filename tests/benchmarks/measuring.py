"""How long something takes, and how much of a benchmark is run.

``BENCHMARK_SHARE=0.1`` runs a tenth of the nights of every benchmark that asks here, at least one of each kind.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Elapsed:
    """Time by the wall, and of this process alone, which a busy machine disturbs less."""

    wall_s: float
    cpu_s: float

    def __add__(self, other: Elapsed) -> Elapsed:
        return Elapsed(wall_s=self.wall_s + other.wall_s, cpu_s=self.cpu_s + other.cpu_s)


def timed(call: Callable[[], Result]) -> tuple[Result, Elapsed]:
    """What a call gives, and how long it took. What was thrown away before is collected before."""
    gc.collect()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = call()
    return result, Elapsed(wall_s=time.perf_counter() - wall_s, cpu_s=time.process_time() - cpu_s)


def share_of(full: int) -> int:
    """How many of so many are to be run."""
    share = float(os.environ.get("BENCHMARK_SHARE", "1"))
    return max(1, round(full * share))


def followed(items: Sequence[Item]) -> Iterator[Item]:
    """The items one by one, with a line for every fourth of them: a long benchmark says that it is alive."""
    began_s = time.perf_counter()
    for number, item in enumerate(items):
        if number and number % max(1, len(items) // 4) == 0:
            print(f"  … {number} of {len(items)} after {time.perf_counter() - began_s:.0f} s", flush=True)
        yield item
