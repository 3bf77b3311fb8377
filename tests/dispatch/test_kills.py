"""Gateway and dispatcher, as real processes, killed at random frames of a push over real WebSockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dispatch.kill_builders import kill_again_and_again

PUSHES, KILLS = 4, 3
"""Two hundred pushes are killed by name: ``python -m pytest tests/benchmarks/test_two_hundred_kills.py -s``."""


@pytest.mark.timeout(300)
async def test_after_kills_in_a_push_all_is_proven_again_and_no_limit_was_exceeded_and_no_entry_lost(
    tmp_path: Path,
) -> None:
    killed = await kill_again_and_again(tmp_path, pushes=PUSHES, kills=KILLS, seed=1)
    assert {one.was_gateway for one in killed} == {True, False}
    assert any(one.unanswered for one in killed)
