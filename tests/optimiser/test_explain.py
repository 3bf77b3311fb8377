from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

import optimiser.explain as explaining
from optimiser import trials
from optimiser.changes import more_at, with_visits
from optimiser.depot import Charger, Depot, Feeder
from optimiser.explain import explained
from optimiser.explanation import Explanation, Fix
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.rules import Decided
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)


def planned(depot: Depot, night: Night) -> Plan:
    return plan_night(depot, night, created_at=NOW)


def explanation(depot: Depot, night: Night) -> Explanation:
    return explained(planned(depot, night), depot, night).explain()


def ready(depot: Depot, night: Night) -> dict[str, bool]:
    return {visit.vehicle_id: visit.is_ready for visit in planned(depot, night).visits}


def of_kind(found: Explanation, kind: str) -> list[Fix]:
    return [fix for fix in found.fixes if fix.kind == kind]


def a_fed_depot() -> tuple[Depot, Night]:
    """Two vans behind a feeder with 8 kW, two behind one with 20 A, none with time to spare; CP5 is free."""
    chargers = [
        Charger(id=f"CP{number}", feeder="F1" if number < 3 else "F2", connectors=(an_ac_connector(),))
        for number in range(1, 6)
    ]
    depot = a_depot(
        vehicles=[a_van(f"V{number}") for number in range(1, 5)],
        chargers=chargers,
        feeders=[Feeder(id="F1", limit_kw=8.0), Feeder(id="F2", limit_per_phase_a=20.0)],
    )
    visits = [
        a_visit(f"V{number}", charger_id=f"CP{number}", arrival="22:00", departure="03:00")
        for number in range(1, 5)
    ]
    return depot, a_night(depot, visits=visits)


@cache
def of_the_fed_depot() -> Explanation:
    """Many tests read it and none changes it."""
    return explanation(*a_fed_depot())


def test_a_night_on_which_all_are_ready_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    depot = a_depot()
    night = a_night(depot)
    plan = planned(depot, night)
    monkeypatch.delattr(explaining, "build_problem")

    assert explained(plan, depot, night) is plan
    assert explaining.explain(plan, depot, night) == Explanation()


def test_more_at_a_limit_is_the_least_that_gets_those_it_names_ready() -> None:
    depot, night = a_fed_depot()
    limits = of_kind(of_the_fed_depot(), "limit")

    assert [(fix.limits, fix.unit, fix.vehicle_ids) for fix in limits] == [
        (("feeder F1",), "kW", ("V1", "V2")),
        (("feeder F2 per phase",), "A", ("V3",)),
    ]
    for fix in limits:
        enough = ready(*more_at(depot, night, fix.limits, fix.amount))
        too_little = ready(*more_at(depot, night, fix.limits, 0.95 * fix.amount))
        assert all(enough[vehicle_id] for vehicle_id in fix.vehicle_ids)
        assert not all(too_little[vehicle_id] for vehicle_id in fix.vehicle_ids)


def test_limits_that_bind_one_behind_the_other_are_raised_together() -> None:
    depot, night = a_fed_depot()
    tight = replace(depot, site=replace(depot.site, transformer_limit_kw=10.0), feeders=(Feeder(id="F1", limit_kw=8.0), Feeder(id="F2")))  # fmt: skip
    night = replace(night, site_limit_kw=0.0 * night.site_limit_kw + 10.0)

    together = [fix for fix in of_kind(explanation(tight, night), "limit") if len(fix.limits) == 2]

    assert len(together) == 1
    assert all(ready(*more_at(tight, night, together[0].limits, together[0].amount)).values())
    assert "each of" in together[0].text


def test_a_later_departure_is_the_first_at_which_the_vehicle_is_ready() -> None:
    depot = a_depot(vehicles=[a_van()])
    night = a_night(depot, visits=[a_visit(arrival="02:00", departure="04:30")])
    (fix,) = of_kind(explanation(depot, night), "departure")

    def leaving(minutes: float) -> bool:
        visit = night.visits[0]
        moved = replace(visit, departure=visit.departure + timedelta(minutes=minutes))
        return ready(depot, with_visits(night, {0: moved}))["V1"]

    assert leaving(fix.amount)
    assert not leaving(fix.amount - 2)
    assert fix.unit == "min"


def test_another_connector_that_is_free_is_found() -> None:
    chargers = [
        Charger(id=f"CP{number}", connectors=(an_ac_connector(max_current_a=current_a),))
        for number, current_a in enumerate((16.0, 32.0, 17.0), start=1)
    ]
    depot = a_depot(vehicles=[a_van(max_ac_current_a=32.0)], chargers=chargers)
    night = a_night(depot, visits=[a_visit(arrival="02:00", departure="04:30")])
    (fix,) = of_kind(explanation(depot, night), "connector")

    moved = replace(night.visits[0], charger_id=fix.charger_id, connector_id=fix.connector_id)
    assert fix.charger_id == "CP2"
    assert ready(depot, with_visits(night, {0: moved}))["V1"]


def test_a_vehicle_that_is_put_first_says_who_pays_for_it() -> None:
    depot, night = a_fed_depot()
    (fix,) = of_kind(of_the_fed_depot(), "priority")

    row = [visit.vehicle_id for visit in night.visits].index(fix.vehicle_ids[0])
    first = replace(night.visits[row], priority=fix.amount)
    after = ready(depot, with_visits(night, {row: first}))
    assert after["V3"]
    assert not after["V4"]
    assert list(fix.then_short_kwh or {}) == ["V4"]


def test_what_can_be_asked_instead_can_be_reached() -> None:
    depot, night = a_fed_depot()
    (fix,) = of_kind(of_the_fed_depot(), "required_soc")
    asked = fix.required_soc_percent or {}

    visits = {
        row: replace(visit, required_soc_percent=asked[visit.vehicle_id])
        for row, visit in enumerate(night.visits)
        if visit.vehicle_id in asked
    }
    assert all(ready(depot, with_visits(night, visits)).values())
    plan = planned(depot, night)
    assert all(
        visit.planned_soc_percent - asked[visit.vehicle_id] < 0.2
        for visit in plan.visits
        if visit.vehicle_id in asked
    )


def test_a_shortage_says_who_how_much_and_why() -> None:
    depot, night = a_fed_depot()
    found = of_the_fed_depot()

    worst = found.shortages[0]
    plan = planned(depot, night)
    assert worst.shortfall_kwh == max(visit.shortfall_kwh for visit in plan.visits)
    assert [binding.limit for binding in worst.bindings] == ["feeder F1"]
    assert worst.text.startswith("V1 leaves CP1/1 at Tue 03:00 with ")
    assert "feeder F1 (22:00–Tue 03:00)" in worst.text


def test_a_stay_that_is_too_short_is_told_as_that() -> None:
    depot = a_depot(vehicles=[a_van()])
    night = a_night(depot, visits=[a_visit(arrival="02:00", departure="04:30")])
    (shortage,) = explanation(depot, night).shortages
    assert shortage.unreachable_kwh == pytest.approx(shortage.shortfall_kwh, abs=0.01)
    assert "too short a time for the 11.0 kW" in shortage.text


def test_a_vehicle_that_cannot_charge_where_it_stands_is_told_as_that() -> None:
    depot = a_depot(vehicles=[a_van(max_ac_current_a=0.0)])
    found = explanation(depot, a_night(depot))
    assert "cannot charge there at all" in found.shortages[0].text
    assert [fix.kind for fix in found.fixes] == ["required_soc"]


def test_who_is_put_off_too_long_is_told_so_and_how_much_earlier_would_do() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    by_rule = Decided(what="earliest_start", value="06:00", rule="night tariff")
    visit = replace(a_visit("V1", earliest_start="06:00"), decided=(by_rule,))
    night = a_night(depot, visits=[visit])
    told = explanation(depot, night)
    assert "It may not be charged before Tue 06:00 (rule night tariff)." in told.shortages[0].text
    (fix,) = of_kind(told, "earliest_start")
    assert "min earlier than now (rule night tariff): it is ready then." in fix.text
    assert visit.earliest_start is not None
    earlier = replace(visit, earliest_start=visit.earliest_start - timedelta(minutes=fix.amount))
    assert ready(depot, replace(night, visits=(earlier,)))["V1"]
    assert not told.is_cut_short
    barely = replace(visit, earliest_start=visit.earliest_start - timedelta(minutes=fix.amount - 15))
    assert not ready(depot, replace(night, visits=(barely,)))["V1"]


def test_a_night_with_no_time_for_every_change_says_so_and_what_can_be_asked_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trials, "POWERS_PLANNED_AT_MOST", 0)
    found = explanation(*a_fed_depot())
    assert found.is_cut_short
    assert of_kind(found, "required_soc")
    assert found.told()[-1] == ("helps", found.note)
    assert Explanation.from_document(found.to_document()) == found
