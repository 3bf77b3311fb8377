"""What was acknowledged is in the store after kill -9, whole, at whatever moment it comes."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from dispatch.events import Booted
from dispatch.journal import open_journal

ROOT = Path(__file__).parents[3]
KILLS = {"sqlite": 20, "postgresql": 8}
"""How often a writer is killed; a server's connections take longer to come by."""
BREATH_S = 0.02
"""How long a writer goes on at most beside what it is left to acknowledge. [s]"""


def test_nothing_acknowledged_is_lost_when_writers_are_killed(store_url: str, tmp_path: Path) -> None:
    kills = KILLS[store_url.partition(":")[0]]
    open_journal(store_url, tmp_path).close()
    dice = random.Random(20251110)
    acknowledged: set[str] = set()
    command = [sys.executable, "-m", "tests.dispatch.store.killed_writer", store_url, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        lines = (line.strip() for line in nursery.stdout)
        for kill in range(kills):
            nursery.stdin.write("\n")
            nursery.stdin.flush()
            child = int(next(lines))
            if kill % 4:  # the others may die while they open the store
                acknowledged.update(itertools.islice(lines, dice.randint(2, 12)))
            time.sleep(dice.uniform(0.0, BREATH_S))
            os.kill(child, signal.SIGKILL)
            acknowledged.update(itertools.takewhile(lambda line: line != "dead", lines))
        nursery.stdin.close()
    journal = open_journal(store_url, tmp_path)
    known = journal.frames_known()
    told = {event.model for event in journal.events() if isinstance(event, Booted)}
    journal.close()
    acknowledged.discard("open")
    assert len(acknowledged) > kills
    assert acknowledged <= told
    # What was not acknowledged may be there or not, but never half of it.
    assert known == {("CP1", way, name) for way in ("in", "out") for name in told}
