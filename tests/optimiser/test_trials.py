from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimiser import trials
from optimiser.changes import Changed, more_at
from optimiser.depot import Depot
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.planner import Decision, decide
from optimiser.problem import Problem, build_problem
from optimiser.trials import Outcome, Search, Trials
from tests.builders import a_depot, a_night, a_van, a_visit

GOAL = np.array([True])


def a_tight_night(*, transformer_limit_kw: float = 8.0) -> tuple[Depot, Night]:
    """One van that needs 7.9 kW for four hours and a half, where 6 are left beside the base load."""
    depot = a_depot(vehicles=[a_van()], transformer_limit_kw=transformer_limit_kw)
    return depot, a_night(depot, visits=[a_visit(arrival="18:00", departure="22:30")])


def planned(depot: Depot, night: Night) -> Outcome:
    decision = decide(build_problem(depot, night))
    return Outcome(problem=decision.problem, power_kw=decision.power_kw, shortfall_kwh=decision.shortfall_kwh)


def more(amount: float) -> Changed:
    return more_at(*a_tight_night(), ["transformer"], amount)


def a_search(*, value: float = 1.0, upper: float = 40.0) -> Search:
    return Search(of=more, value=value, upper=upper, step=0.01, only_limits=True)


@pytest.mark.parametrize("near", [0.05, 1.9, 30.0])
def test_the_smallest_change_is_found_from_wherever_the_search_begins(near: float) -> None:
    found = Trials(planned(*a_tight_night())).smallest(a_search(value=near), GOAL)

    assert found is not None
    amount_kw, outcome = found
    assert outcome.ready.all()
    assert planned(*more(amount_kw)).ready.all()
    assert not planned(*more(0.95 * amount_kw)).ready.any()


def test_what_does_not_help_is_no_change() -> None:
    assert Trials(planned(*a_tight_night())).smallest(a_search(upper=0.5), GOAL) is None


def test_who_is_no_longer_ready_or_misses_more_is_worse_off() -> None:
    depot = a_depot()
    before = planned(depot, a_night(depot))

    def missing(first_kwh: float, second_kwh: float) -> Outcome:
        return replace(before, shortfall_kwh=np.array([first_kwh, second_kwh]))

    assert missing(0.1, 5.0).worse_than(missing(0.0, 5.0)).tolist() == [False, False]
    assert missing(0.3, 5.5).worse_than(missing(0.0, 5.0)).tolist() == [True, True]
    assert missing(0.0, 4.0).worse_than(missing(3.0, 5.0)).tolist() == [False, False]


def test_a_change_that_the_solver_comes_to_no_end_with_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned(*a_tight_night())

    def stalls(problem: Problem, *, branching: bool = True) -> Decision:
        raise SolverError(f"no proved optimum for {problem.visits} visits, {branching}")

    monkeypatch.setattr(trials, "decide", stalls)
    assert Trials(before).outcome(more(1.0)) is None


def test_there_is_an_end_to_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "MOST_TRIALS", 2)
    monkeypatch.setattr(trials, "LEAST_TRIALS", 0)
    few = Trials(planned(*a_tight_night()))

    assert [few.outcome(a_tight_night()) is None for _ in range(3)] == [False, False, True]
    assert few.smallest(a_search(), GOAL) is None
