from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.replan import LEAD_S, CannotReplanError, LiveVehicle, replan
from optimiser.verify import violations
from tests.builders import a_depot, a_night, a_van, a_visit, at

NOON = datetime(2025, 11, 10, 11, tzinfo=UTC)
EVENING = at("19:31")


def a_depot_and_plan(*, limit_kw: float = 43.0, vans: int = 3) -> tuple[Depot, Night, Plan]:
    depot = a_depot(vehicles=[a_van(f"V{n}") for n in range(1, vans + 1)], transformer_limit_kw=limit_kw)
    night = a_night(depot)
    return depot, night, plan_night(depot, night, created_at=NOON)


def live(plan: Plan, *, soc_percent: Mapping[str, float | None]) -> list[LiveVehicle]:
    return [
        LiveVehicle(
            charger_id=visit.charger_id,
            connector_id=visit.connector_id,
            vehicle_id=visit.vehicle_id,
            soc_percent=soc_percent.get(visit.vehicle_id),
        )
        for visit in plan.visits
    ]


def powers_before(plan: Plan, step: int) -> list[tuple[float, ...]]:
    return [visit.power_kw[:step] for visit in plan.visits]


def test_a_night_that_goes_as_planned_is_left_alone() -> None:
    depot, night, plan = a_depot_and_plan()
    arrived = live(plan, soc_percent={"V1": 40.0, "V2": 41.0, "V3": 39.5})
    # The vans charge from their arrival on at a flat price: at once nothing has been charged yet.
    now = plan.visits[0].arrival
    assert replan(depot, night, plan, arrived, now=now) is None


def test_an_unknown_soc_asks_for_nothing() -> None:
    depot, night, plan = a_depot_and_plan()
    assert replan(depot, night, plan, live(plan, soc_percent={}), now=EVENING) is None


def test_a_vehicle_that_comes_home_nearly_empty_is_served_and_the_others_keep_their_plan() -> None:
    depot, night, plan = a_depot_and_plan()
    now = plan.visits[0].arrival
    new = replan(depot, night, plan, live(plan, soc_percent={"V2": 5.0}), now=now)
    assert new is not None
    assert [visit.power_kw for visit in new.visits][::2] == [visit.power_kw for visit in plan.visits][::2]
    assert new.visits[1].planned_soc_percent == pytest.approx(90.0, abs=1.0)
    assert new.shortfall_kwh == pytest.approx(0.0, abs=0.2)
    assert "V2 had 5 % instead of 40 %" in new.warnings[-1]


def test_nothing_changes_before_the_push_can_be_there() -> None:
    depot, night, plan = a_depot_and_plan()
    now = EVENING
    new = replan(depot, night, plan, live(plan, soc_percent={"V2": 5.0}), now=now)
    assert new is not None
    step = int(plan.horizon.position(now + timedelta(seconds=LEAD_S))) + 1
    assert powers_before(new, step) == powers_before(plan, step)
    assert new.visits[1].power_kw[step:] != plan.visits[1].power_kw[step:]


def test_a_plan_made_anew_asks_for_no_other() -> None:
    depot, night, plan = a_depot_and_plan()
    arrived = live(plan, soc_percent={"V2": 5.0})
    new = replan(depot, night, plan, arrived, now=EVENING)
    assert new is not None
    assert replan(depot, night, new, arrived, now=EVENING) is None


def test_where_the_limit_binds_the_others_make_room_and_nobody_passes_it() -> None:
    depot = a_depot(vehicles=[a_van(f"V{n}") for n in (1, 2, 3)], transformer_limit_kw=13.5)
    leaves_early = a_visit("V2", charger_id="CP2", departure="23:30", required_soc_percent=60.0)
    visits = [a_visit("V1", charger_id="CP1"), leaves_early, a_visit("V3", charger_id="CP3")]
    night = a_night(depot, visits=visits)
    plan = plan_night(depot, night, created_at=NOON)
    arrived = live(plan, soc_percent={"V2": 5.0, "V1": 40.0, "V3": 40.0})
    new = replan(depot, night, plan, arrived, now=visits[0].arrival)
    assert new is not None
    assert [visit.power_kw for visit in new.visits][::2] != [visit.power_kw for visit in plan.visits][::2]
    assert new.shortfall_kwh == pytest.approx(0.0, abs=0.2)
    totals_kw = [sum(powers) for powers in zip(*(visit.power_kw for visit in new.visits), strict=True)]
    assert max(totals_kw) <= 13.5 - 2.0 + 1e-6


def test_what_cannot_be_made_good_is_a_shortfall_in_the_new_plan() -> None:
    depot, night, plan = a_depot_and_plan()
    now = at("06:00")
    new = replan(depot, night, plan, live(plan, soc_percent={"V2": 10.0}), now=now)
    assert new is not None
    late = new.visits[1]
    assert late.shortfall_kwh > 30.0
    # From two minutes past six on: that long a push may take.
    assert late.planned_soc_percent == pytest.approx(10.0 + 100 * 0.9 * 11.04 * (100 / 60) / 64.0, abs=1.0)
    assert replan(depot, night, new, live(plan, soc_percent={"V2": 10.0}), now=now) is None


def test_who_can_still_be_ready_makes_no_room_for_who_cannot() -> None:
    """There is power for one of them; V2 has come home empty and cannot be filled in time by any means."""
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")], transformer_limit_kw=13.2)
    visits = [
        a_visit("V1", charger_id="CP1", arrival="01:00", departure="04:40", required_soc_percent=90.0),
        a_visit("V2", charger_id="CP2", arrival="01:00", departure="04:40", required_soc_percent=40.0),
    ]
    night = a_night(depot, visits=visits)
    plan = plan_night(depot, night, created_at=NOON)
    assert plan.visits[0].is_ready
    required = replace(night, visits=(visits[0], replace(visits[1], required_soc_percent=100.0)))
    changed = replace(required, inputs_sha256="changed")
    new = replan(depot, changed, plan, live(plan, soc_percent={"V1": 40.0, "V2": 0.0}), now=at("01:01"))
    assert new is not None
    assert new.visits[0].is_ready
    assert not new.visits[1].is_ready


def test_a_night_that_a_visit_was_taken_from_is_planned_for_the_others() -> None:
    depot, night, plan = a_depot_and_plan()
    other = replace(night, visits=night.visits[:2], inputs_sha256="changed")
    assert replan(depot, other, plan, live(plan, soc_percent={}), now=EVENING) is None
    new = replan(depot, other, plan, live(plan, soc_percent={"V2": 5.0}), now=EVENING)
    assert new is not None
    assert [visit.vehicle_id for visit in new.visits] == ["V1", "V2"]


def test_a_night_on_another_horizon_than_its_plan_cannot_be_planned_again() -> None:
    depot, night, plan = a_depot_and_plan()
    other = replace(night, horizon=night.horizon.from_step(4))
    with pytest.raises(CannotReplanError, match="another horizon"):
        replan(depot, other, plan, [], now=EVENING)


def test_after_the_last_step_there_is_nothing_left_to_plan() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    night = a_night(depot, visits=[a_visit("V1", departure="11:59")])
    plan = plan_night(depot, night, created_at=NOON)
    assert replan(depot, night, plan, live(plan, soc_percent={"V1": 5.0}), now=at("11:58")) is None


def test_who_leaves_before_a_push_can_be_there_cannot_be_helped() -> None:
    """The vans leave at 07:42; what is decided at 07:41 is counted on from 07:43 on."""
    depot, night, plan = a_depot_and_plan()
    short = live(plan, soc_percent={"V2": 50.0})
    assert replan(depot, night, plan, short, now=at("07:41")) is None


def test_the_new_plan_keeps_every_rule_with_the_soc_it_found() -> None:
    depot, night, plan = a_depot_and_plan(limit_kw=20.0)
    now = plan.visits[0].arrival
    new = replan(depot, night, plan, live(plan, soc_percent={"V1": 10.0, "V2": 5.0, "V3": 40.0}), now=now)
    assert new is not None
    visits = [
        replace(visit, arrival_soc_percent=planned.arrival_soc_percent)
        for visit, planned in zip(night.visits, new.visits, strict=True)
    ]
    assert list(violations(new, depot, replace(night, visits=tuple(visits)))) == []


def a_warmed_van() -> tuple[Depot, Night, Plan]:
    depot = a_depot(vehicles=[a_van("V1")])
    visit = a_visit("V1", departure="07:45", required_soc_percent=60.0, precondition_kwh=6.4)
    night = a_night(depot, visits=[visit])
    return depot, night, plan_night(depot, night, created_at=NOON)


def test_a_vehicle_that_is_being_warmed_as_planned_is_left_alone() -> None:
    depot, night, plan = a_warmed_van()
    # 6.4 of 64 kWh are warmth: the van is at 70 % before and on its way down to 60 % from 07:15 on.
    for clock, soc_percent in (("07:00", 70.0), ("07:30", 65.0)):
        assert replan(depot, night, plan, live(plan, soc_percent={"V1": soc_percent}), now=at(clock)) is None


def test_what_warming_will_take_is_no_charge_to_leave_with() -> None:
    depot, night, plan = a_warmed_van()
    new = replan(depot, night, plan, live(plan, soc_percent={"V1": 63.0}), now=at("07:00"))
    assert new is not None
    assert "V1 had 63 % instead of 70 % at 07:00" in new.warnings[-1]
    assert new.visits[0].planned_soc_percent == pytest.approx(60.0, abs=1.0)
    assert new.visits[0].delivered_kwh - plan.visits[0].delivered_kwh == pytest.approx(0.07 * 64, abs=1.0)
    assert replan(depot, night, new, live(plan, soc_percent={"V1": 63.0}), now=at("07:00")) is None


def test_what_warming_has_taken_already_is_not_taken_again() -> None:
    depot, night, plan = a_warmed_van()
    new = replan(depot, night, plan, live(plan, soc_percent={"V1": 60.0}), now=at("07:28"))
    assert new is not None
    # From 07:30 on a quarter of an hour at 11.04 kW against the second half of the warming.
    left = 60.0 + 100.0 * (0.9 * 11.04 / 4 - 6.4 * 17 / 30) / 64.0
    assert new.visits[0].planned_soc_percent == pytest.approx(left, abs=0.5)


def test_who_may_not_be_overridden_keeps_its_powers_and_the_rest_makes_the_room() -> None:
    depot = a_depot(vehicles=[a_van(f"V{n}") for n in (1, 2, 3)], transformer_limit_kw=13.5)
    leaves_early = a_visit("V2", charger_id="CP2", departure="23:30", required_soc_percent=60.0)
    firm = a_visit("V1", charger_id="CP1", may_be_overridden=False)
    night = a_night(depot, visits=[firm, leaves_early, a_visit("V3", charger_id="CP3")])
    plan = plan_night(depot, night, created_at=NOON)
    arrived = live(plan, soc_percent={"V2": 5.0, "V1": 40.0, "V3": 40.0})
    new = replan(depot, night, plan, arrived, now=firm.arrival)
    assert new is not None
    assert new.visits[0].power_kw == plan.visits[0].power_kw
    assert new.visits[2].power_kw != plan.visits[2].power_kw
    free = replace(night, visits=(replace(firm, may_be_overridden=True), *night.visits[1:]))
    asked = replan(depot, free, plan, arrived, now=firm.arrival)
    assert asked is not None
    assert asked.visits[0].power_kw != plan.visits[0].power_kw


def test_a_limit_that_falls_spares_nobody_who_may_not_be_overridden() -> None:
    depot, night, _ = a_depot_and_plan(limit_kw=20.0, vans=2)
    firm = replace(night, visits=tuple(replace(v, may_be_overridden=False) for v in night.visits))
    plan = plan_night(depot, firm, created_at=NOON)
    cut = replace(firm, site_limit_kw=firm.site_limit_kw - 10.0)
    new = replan(
        depot, cut, plan, live(plan, soc_percent={"V1": 40.0, "V2": 40.0}), now=plan.visits[0].arrival
    )
    assert new is not None
    step = int(plan.horizon.position(at("18:15")))
    totals_kw = [sum(powers) for powers in zip(*(visit.power_kw for visit in new.visits), strict=True)]
    assert max(totals_kw[step:]) <= 10.0 - 2.0 + 1e-6
