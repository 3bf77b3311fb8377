from __future__ import annotations

import pytest

from optimiser import processes
from optimiser.processes import spread, workers_for


def test_a_worker_is_started_where_there_is_enough_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_cores", lambda: 4)

    counts = (0, 1, 39, 40, 79, 80, 10_000)
    assert [workers_for(count, worth=20) for count in counts] == [1, 1, 1, 2, 3, 4, 4]


def test_what_comes_of_tasks_is_in_their_order() -> None:
    assert list(spread(abs, [-3, 2, -1, 0], workers=2)) == [3, 2, 1, 0]
