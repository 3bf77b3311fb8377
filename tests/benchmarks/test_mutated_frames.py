"""A million mutated frames: run by name, ``python -m pytest tests/benchmarks/test_mutated_frames.py -s``."""

from __future__ import annotations

import itertools
import time

import pytest

from dispatch.dialects import DIALECTS
from tests.dispatch.desk_builders import a_spoken_wire
from tests.dispatch.mutated_frames import mutated_frames, survive

FRAMES = 1_000_000
CONNECTIONS = 20
"""Each with a seed and a pending call of its own."""


@pytest.mark.timeout(3600)
async def test_a_million_mutated_frames_crash_nothing_and_lose_no_pending_call() -> None:
    begun = time.monotonic()
    answers = 0
    for seed in range(CONNECTIONS):
        dialect = list(DIALECTS.values())[seed % len(DIALECTS)]
        async with a_spoken_wire(dialect) as spoken:
            answers += await survive(spoken, itertools.islice(mutated_frames(seed), FRAMES // CONNECTIONS))
    seconds = time.monotonic() - begun
    print(
        f"\n{FRAMES} frames, {answers} of them answered, {CONNECTIONS} pending calls kept, in {seconds:.0f} s"
    )
