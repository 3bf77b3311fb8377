from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from optimiser.depot import Charger
from optimiser.planner import UNSOLVED, decide, plan_night, plan_uncertified
from optimiser.problem import build_problem
from optimiser.verify import PlanRefusedError, refuse_if_broken
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)


def test_a_plan_says_where_it_came_from_and_how_good_it_is() -> None:
    depot = a_depot()
    plan = plan_night(depot, a_night(depot), created_at=NOW)
    assert plan.created_at == NOW
    assert plan.solver.name == "HiGHS"
    assert "PuLP" in plan.solver.version
    assert plan.solver.proved_optimal
    assert plan.solver.lp_bound <= plan.cost.total
    assert plan.solver.gap == pytest.approx((plan.cost.total - plan.solver.lp_bound) / plan.solver.lp_bound)


def test_the_same_night_gives_the_same_plan_again() -> None:
    depot = a_depot()
    one, other = (plan_night(depot, a_night(depot), created_at=NOW) for _ in range(2))
    assert [visit.power_kw for visit in one.visits] == [visit.power_kw for visit in other.visits]
    assert one.cost == other.cost


def test_a_decision_knows_what_it_leaves_behind() -> None:
    depot = a_depot()
    visits = [a_visit("V1", arrival="06:00", departure="07:00"), a_visit("V2", charger_id="CP2")]
    decision = decide(build_problem(depot, a_night(depot, visits=visits)))
    assert decision.shortfall_kwh == pytest.approx([32.0 - 11.04 * 0.9, 0.0], abs=0.2)


def test_a_night_without_visits_is_an_empty_plan() -> None:
    depot = a_depot()
    plan = plan_night(depot, a_night(depot, visits=[]), created_at=NOW)
    assert plan.visits == ()
    assert plan.cost.total == 0.0
    assert plan.peak_kw == pytest.approx(2.0)


def test_a_refusal_names_every_violation() -> None:
    depot = a_depot()
    night = a_night(depot)
    plan = plan_night(depot, night, created_at=NOW)
    other = a_depot(transformer_limit_kw=3.0)
    with pytest.raises(PlanRefusedError) as refused:
        refuse_if_broken(plan, other, a_night(other))
    assert len(refused.value.violations) > 1
    assert "transformer" in str(refused.value)


def test_a_plan_has_no_more_periods_than_its_charger_can_hold() -> None:
    price = np.tile([0.1, 0.4], 48)
    few = Charger(id="CP1", connectors=(an_ac_connector(),), max_periods=5)
    many = Charger(id="CP2", connectors=(an_ac_connector(),), max_periods=90)
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")], chargers=[few, many], transformer_limit_kw=40.0)
    visits = [a_visit("V1", charger_id="CP1"), a_visit("V2", charger_id="CP2")]
    first, second = plan_night(
        depot, a_night(depot, visits=visits, price_per_kwh=price), created_at=NOW
    ).visits
    changes = [int(np.count_nonzero(np.diff(visit.power_kw))) + 1 for visit in (first, second)]
    assert changes[0] <= 5 < changes[1]
    assert first.is_ready
    assert second.is_ready


def test_two_visits_of_one_connector_share_its_periods() -> None:
    charger = Charger(id="CP1", connectors=(an_ac_connector(),), max_periods=7)
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")], chargers=[charger])
    visits = [
        a_visit("V1", arrival="16:00", departure="22:00"),
        a_visit("V2", arrival="22:30", departure="06:00"),
    ]
    assert build_problem(depot, a_night(depot, visits=visits)).max_periods.tolist() == [4, 4]


def test_what_few_periods_leave_behind_is_said() -> None:
    price = np.tile([0.1, 0.4], 48)
    charger = Charger(id="CP1", connectors=(an_ac_connector(),), max_periods=2)
    depot = a_depot(vehicles=[a_van("V1")], chargers=[charger])
    plan = plan_night(depot, a_night(depot, visits=[a_visit("V1")], price_per_kwh=price), created_at=NOW)
    assert any("few periods of a profile" in warning for warning in plan.warnings)


def test_without_its_certificate_a_plan_is_the_same() -> None:
    depot = a_depot(transformer_limit_kw=12.0)
    night = a_night(depot)

    certified = plan_night(depot, night, created_at=NOW)
    plan = plan_uncertified(depot, night, created_at=NOW)

    assert plan == replace(certified, solver=UNSOLVED)
