from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from optimiser.depot import Charger, Depot, Feeder
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.verify import PlanRefusedError, refuse_if_broken, violations
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)
EVENING = 40
"""The step at 22:00, when both vans are there."""


def a_planned_night() -> tuple[Plan, Depot, Night]:
    feeders = (
        Feeder(id="F1", limit_kw=30.0, limit_per_phase_a=70.0),
        Feeder(id="F2", parent="F1", limit_kw=20.0),
    )
    chargers = [Charger(id=f"CP{number}", feeder="F2", connectors=(an_ac_connector(),)) for number in (1, 2)]
    depot = a_depot(chargers=chargers, feeders=feeders)
    night = a_night(depot)
    return plan_night(depot, night, created_at=NOW), depot, night


def with_power(plan: Plan, row: int, step: int, power_kw: float) -> Plan:
    powers = list(plan.visits[row].power_kw)
    powers[step] = power_kw
    visits = list(plan.visits)
    visits[row] = replace(visits[row], power_kw=tuple(powers))
    return replace(plan, visits=tuple(visits))


def with_field(plan: Plan, **changes: float) -> Plan:
    return replace(plan, visits=(replace(plan.visits[0], **changes), *plan.visits[1:]))  # type: ignore[arg-type]


def test_a_plan_of_the_planner_is_accepted() -> None:
    plan, depot, night = a_planned_night()
    refuse_if_broken(plan, depot, night)
    assert plan.shortfall_kwh == 0


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        (lambda plan: with_power(plan, 0, 0, 11.04), "is not there"),
        (lambda plan: with_power(plan, 0, EVENING, 2.07), "allowed are 0 and 6 to 16"),
        (lambda plan: with_power(plan, 0, EVENING, 11.73), "allowed are 0 and 6 to 16"),
        (lambda plan: with_power(plan, 0, EVENING, -4.14), "allowed are 0 and 6 to 16"),
        (lambda plan: with_power(plan, 0, EVENING, 5.0), "not in steps of 1"),
        (lambda plan: with_field(plan, delivered_kwh=1.0), "delivered_kwh 1.0"),
        (lambda plan: with_field(plan, shortfall_kwh=1.0), "shortfall_kwh 1.0"),
        (lambda plan: with_field(plan, planned_soc_percent=91.0), "planned SoC 91.0"),
        (lambda plan: replace(plan, visits=plan.visits[:1]), "are not the night's"),
        (
            lambda plan: with_power(with_power(plan, 0, EVENING, 11.04), 1, EVENING, 11.04),
            "feeder F2 at 2025-11-10 22:00: 22.080 charging",
        ),
    ],
)
def test_a_broken_plan_is_refused_in_words(breaking: Callable[[Plan], Plan], words: str) -> None:
    plan, depot, night = a_planned_night()
    with pytest.raises(PlanRefusedError, match="breaks its own rules") as refused:
        refuse_if_broken(breaking(plan), depot, night)
    assert any(words in violation for violation in refused.value.violations)


def test_every_limit_is_checked_with_what_counts_beside_it() -> None:
    plan, depot, night = a_planned_night()
    plan = with_power(with_power(plan, 0, EVENING, 11.04), 1, EVENING, 11.04)
    busy = replace(night, base_load_kw=night.base_load_kw + 23.0)
    words = list(violations(plan, depot, busy))
    assert any(text.startswith("transformer at 2025-11-10 22:00: 22.080 charging + 25.000") for text in words)
    assert any(text.startswith("feeder F1 at 2025-11-10 22:00: 22.080 charging + 25.000") for text in words)
    assert any(text.startswith("feeder F2 at 2025-11-10 22:00: 22.080 charging + 0.000") for text in words)
    assert (
        any(text.startswith("feeder F1 phase L1 at 2025-11-10 22:00: 32.000 charging") for text in words)
        is False
    )
    narrow = replace(depot, feeders=(Feeder(id="F1", limit_per_phase_a=30.0), depot.feeders[1]))
    words = list(violations(plan, narrow, night))
    assert any(text.startswith("feeder F1 phase L1 at 2025-11-10 22:00: 32.000 charging") for text in words)


def test_two_vehicles_may_not_draw_at_one_connector_in_one_step() -> None:
    depot = a_depot()
    early = a_visit("V1", charger_id="CP1", arrival="18:00", departure="22:05")
    late = a_visit("V2", charger_id="CP1", arrival="22:06", departure="06:00")
    night = a_night(depot, visits=[early, late])
    plan = plan_night(depot, night, created_at=NOW)
    assert list(violations(plan, depot, night)) == []
    both = with_power(with_power(plan, 0, EVENING, 4.14), 1, EVENING, 4.14)
    assert any("both draw" in text for text in violations(both, depot, night))


def test_more_than_a_charge_curve_takes_is_found() -> None:
    chargers = [Charger(id="CP1", connectors=(a_dc_connector(),))]
    depot = a_depot(vehicles=[a_bus("B1")], chargers=chargers, transformer_limit_kw=400.0)
    night = a_night(depot, visits=[a_visit("B1", arrival_soc_percent=85.0, required_soc_percent=95.0)])
    plan = plan_night(depot, night, created_at=NOW)
    words = list(violations(with_power(plan, 0, EVENING, 150.0), depot, night))
    assert any("at 22:00" in text or "it takes" in text for text in words)


def test_a_plan_for_other_times_is_not_the_nights() -> None:
    plan, depot, night = a_planned_night()
    later = replace(night.visits[0], departure=night.visits[0].departure + timedelta(hours=1))
    other = replace(night, visits=(later, night.visits[1]))
    assert "the plan's visits are not the night's" in list(violations(plan, depot, other))


def test_a_van_that_cannot_charge_may_not_be_given_power() -> None:
    depot = a_depot(vehicles=[a_van("V1")], chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))])
    night = a_night(depot)
    plan = plan_night(depot, night, created_at=NOW)
    assert plan.shortfall_kwh == pytest.approx(32.0)
    assert list(violations(with_power(plan, 0, EVENING, 20.0), depot, night)) != []
