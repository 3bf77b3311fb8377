"""Nights that happened, or will: each named after its story, planned whole, judged by what the depot would see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from optimiser.baselines import plug_and_charge
from optimiser.depot import Charger, Policy
from optimiser.draws import Stream, draws
from optimiser.fresh_nights import lived, ready
from optimiser.inputs import load_folder
from optimiser.night import Night
from optimiser.planner import plan_night
from optimiser.tariff import DemandWindow, Tariff
from tests.builders import a_bus, a_dc_connector, a_depot, a_horizon, a_night, a_van, a_visit, at
from tests.uncertain import a_sure_depot, an_uncertain_night, asked_for, with_spread

NOW = datetime(2025, 11, 10, 10, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "data"


def minutes_between(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 60


@pytest.mark.parametrize(
    ("folder", "night"),
    [
        (folder, night.name)
        for folder in ("parcel-12", "bus-60", "last-mile-300")
        for night in sorted((DATA / folder / "nights").iterdir())
    ],
)
def test_every_shipped_night_gets_everybody_out_near_its_bound_and_below_its_limits(
    folder: str, night: str
) -> None:
    depot, tonight = load_folder(DATA / folder, night)
    plan = plan_night(depot, tonight, created_at=NOW)
    assert all(visit.is_ready for visit in plan.visits)
    assert plan.solver.gap <= 0.003
    assert plan.cost.total < plug_and_charge(depot, tonight).cost.total


@pytest.mark.parametrize(("night", "hours"), [("2025-03-29", 23), ("2025-10-25", 25)])
def test_the_clocks_change_and_nobody_notices(night: str, hours: int) -> None:
    depot, tonight = load_folder(DATA / "parcel-12", night)
    plan = plan_night(depot, tonight, created_at=NOW)
    assert plan.horizon.steps == hours * 4
    assert all(len(visit.power_kw) == hours * 4 for visit in plan.visits)
    first = plan.visits[0]
    assert plan.horizon.local(first.departure).strftime("%H:%M") == "07:42"
    stay_minutes = minutes_between(first.arrival, first.departure)
    wall_minutes = (24 - 17) * 60 - 50 + 7 * 60 + 42
    assert stay_minutes - wall_minutes == (hours - 24) * 60


def test_the_late_bus_is_charged_in_what_is_left_of_the_night() -> None:
    chargers = [Charger(id=f"CP{n}", connectors=(a_dc_connector(),)) for n in (1, 2)]
    depot = a_depot(vehicles=[a_bus("B1"), a_bus("B2")], chargers=chargers, transformer_limit_kw=160.0)
    on_time = a_visit("B1", charger_id="CP1", arrival="19:00", departure="05:00", arrival_soc_percent=20)
    late = a_visit("B2", charger_id="CP2", arrival="02:40", departure="05:00", arrival_soc_percent=20)
    night = a_night(depot, visits=[on_time, late], base_load_kw=5.0)
    plan = plan_night(depot, night, created_at=NOW)
    assert all(visit.is_ready for visit in plan.visits)
    waiting = slice(int(plan.horizon.position(late.arrival)) + 1, int(plan.horizon.position(late.departure)))
    assert sum(plan.visits[1].power_kw[waiting]) > 5 * sum(plan.visits[0].power_kw[waiting])


def test_a_negative_price_fills_whom_it_finds() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    prices = np.full(96, 0.30)
    prices[60:68] = -0.05
    night = a_night(depot, visits=[a_visit("V1", required_soc_percent=50.0)], price_per_kwh=prices)
    plan = plan_night(depot, night, created_at=NOW)
    assert plan.visits[0].power_kw[60:68] == pytest.approx([11.04] * 8)
    assert plan.cost.total == pytest.approx(-0.05 * 11.04 * 2)
    assert plan.visits[0].planned_soc_percent > 50.0


def test_all_need_a_full_battery() -> None:
    depot = a_depot(vehicles=[a_van(f"V{n}") for n in range(1, 5)])
    visits = [a_visit(f"V{n}", charger_id=f"CP{n}", required_soc_percent=100.0) for n in range(1, 5)]
    plan = plan_night(depot, a_night(depot, visits=visits), created_at=NOW)
    assert all(99.75 <= visit.planned_soc_percent <= 100.0 for visit in plan.visits)
    assert all(visit.is_ready for visit in plan.visits)


def test_two_vans_share_one_charger_one_after_the_other() -> None:
    depot = a_depot()
    early = a_visit("V1", charger_id="CP1", arrival="16:00", departure="22:07")
    late = a_visit("V2", charger_id="CP1", arrival="22:10", departure="06:00")
    plan = plan_night(depot, a_night(depot, visits=[early, late]), created_at=NOW)
    assert all(visit.is_ready for visit in plan.visits)
    assert not any(a > 0 and b > 0 for a, b in zip(*(v.power_kw for v in plan.visits), strict=True))


def test_the_transformer_is_at_its_edge_all_night() -> None:
    """Two vans need 71.1 kWh; one after the other at 8 A, 5.52 kW, they have 77.3 kWh in their 14 hours."""
    depot = a_depot(transformer_limit_kw=7.55)
    visits = [
        a_visit(name, charger_id=charger, arrival="17:00", departure="07:00")
        for name, charger in (("V1", "CP1"), ("V2", "CP2"))
    ]
    plan = plan_night(depot, a_night(depot, visits=visits, base_load_kw=2.0), created_at=NOW)
    assert max(plan.site.charging_kw) <= 5.55
    assert all(visit.is_ready for visit in plan.visits)


def test_nobody_can_be_served_and_the_plan_says_so() -> None:
    depot = a_depot(transformer_limit_kw=1.5)
    plan = plan_night(depot, a_night(depot, base_load_kw=2.0), created_at=NOW)
    assert plan.shortfall_kwh == pytest.approx(64.0)
    assert not any(visit.is_ready for visit in plan.visits)
    assert max(plan.site.charging_kw) == 0.0
    assert "above the limit" in plan.warnings[0]


def test_the_grid_operator_cuts_the_night_at_two() -> None:
    depot = a_depot()
    cap_kw = np.full(96, 43.0)
    cap_kw[56:] = 8.0
    night = a_night(depot, site_limit_kw=cap_kw, price_per_kwh=np.linspace(0.4, 0.2, 96))
    plan = plan_night(depot, night, created_at=NOW)
    assert max(plan.site.charging_kw[56:]) <= 6.0
    assert all(visit.is_ready for visit in plan.visits)


def test_the_important_van_leaves_ready_when_not_all_can() -> None:
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")], transformer_limit_kw=6.0)
    visits = [
        a_visit("V1", charger_id="CP1", priority=1.0),
        a_visit("V2", charger_id="CP2", priority=100.0, departure="02:00"),
    ]
    plan = plan_night(depot, a_night(depot, visits=visits, base_load_kw=0.5), created_at=NOW)
    short, important = plan.visits
    assert important.is_ready
    assert not short.is_ready


def test_a_peak_one_would_rather_not_pass_bends_before_a_departure_is_missed() -> None:
    tariff = Tariff(demand_charge_per_kw=191.79, peak_so_far_kw=5.0)
    depot = a_depot(vehicles=[a_van("V1")], tariff=tariff)
    visits = [a_visit("V1", arrival="03:30", departure="07:00")]
    plan = plan_night(depot, a_night(depot, visits=visits), created_at=NOW)
    assert plan.visits[0].is_ready
    assert plan.peak_kw > 12.0


def test_a_night_of_half_hours_is_planned_as_well() -> None:
    depot = a_depot()
    night = a_night(depot, horizon=a_horizon(start="18:00", end="09:00", step_minutes=30))
    plan = plan_night(depot, night, created_at=NOW)
    assert plan.horizon.steps == 30
    assert plan.horizon.end - plan.horizon.start == timedelta(hours=15)
    assert plan.night == date(2025, 11, 10)
    assert all(visit.is_ready for visit in plan.visits)


def test_on_a_cold_morning_a_van_leaves_warm_and_with_what_it_needs() -> None:
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")])
    cold = a_visit("V1", charger_id="CP1", precondition_kwh=5.0)
    mild = a_visit("V2", charger_id="CP2")
    plan = plan_night(depot, a_night(depot, visits=[cold, mild]), created_at=NOW)
    assert all(visit.is_ready for visit in plan.visits)
    assert plan.visits[0].delivered_kwh - plan.visits[1].delivered_kwh == pytest.approx(5.0, abs=0.7)
    assert plan.visits[0].required_kwh == pytest.approx(32.0 + 5.0)


@pytest.mark.parametrize("step_minutes", [15, 30, 60])
def test_a_day_ahead_night_with_prices_below_zero_is_planned_in_steps_of_any_length(
    step_minutes: int,
) -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    horizon = a_horizon(step_minutes=step_minutes)
    by_hour = [0.25 - 0.15 * (hour in {13, 14}) - 0.30 * (hour in {15, 16}) for hour in range(24)]
    prices = np.repeat(by_hour, 60 // step_minutes)
    visits = [a_visit("V1", arrival="18:00", departure="08:00", required_soc_percent=60.0)]
    night = a_night(depot, visits=visits, price_per_kwh=prices, horizon=horizon)
    plan = plan_night(depot, night, created_at=NOW)
    paid_for = slice(15 * 60 // step_minutes, 17 * 60 // step_minutes)
    assert plan.visits[0].is_ready
    assert plan.visits[0].power_kw[paid_for] == pytest.approx([11.04] * (120 // step_minutes))
    assert sum(plan.visits[0].power_kw) == pytest.approx(sum(plan.visits[0].power_kw[paid_for]))
    assert plan.cost.total == pytest.approx(-0.05 * 2 * 11.04)


def test_a_depot_secured_against_one_forgetful_charger_gets_everybody_out() -> None:
    depot = replace(
        a_depot(vehicles=[a_van(f"V{n}") for n in range(1, 4)], transformer_limit_kw=28.0),
        policy=Policy(secure_against_forgetful=1),
    )
    plan = plan_night(depot, a_night(depot, base_load_kw=2.0), created_at=NOW)
    power_kw = np.array([visit.power_kw for visit in plan.visits])
    for awake in range(3):
        asleep_kw = np.delete(power_kw, awake, axis=0).sum(axis=0)
        assert (asleep_kw + 11.04 + 2.0 <= 28.0 + 1e-6).all()
    assert all(visit.is_ready for visit in plan.visits)


def test_between_two_demand_windows_the_vans_draw_and_within_them_they_rest() -> None:
    windows = [
        DemandWindow(name=name, days="all", from_minute=60 * first, to_minute=60 * last, charge_per_kw=50.0)
        for name, first, last in (("evening", 17, 21), ("morning", 6, 9))
    ]
    depot = a_depot(tariff=Tariff(demand_windows=tuple(windows)))
    plan = plan_night(depot, a_night(depot, base_load_kw=0.0), created_at=NOW)
    assert all(visit.is_ready for visit in plan.visits)
    assert max(plan.site.charging_kw[20:36]) == 0.0
    assert max(plan.site.charging_kw[72:84]) == 0.0
    assert plan.cost.demand == 0.0


def test_the_van_that_comes_home_late_and_empty() -> None:
    """It was to come at 17:50 with 40 %, and comes at 19:15 with 25 %: a plan that knew how sure that was has room."""
    depot = a_sure_depot(vehicles=4, readiness=0.98)
    tonight = an_uncertain_night(depot)
    plans = {
        "as written": plan_night(asked_for(depot, None), tonight, created_at=NOW),
        "forecast": plan_night(depot, tonight, created_at=NOW),
    }
    late_s = (at("19:15") - tonight.horizon.start).total_seconds()
    written = draws(as_certain(tonight), 1, stream=Stream.FRESH)
    came = replace(
        written,
        arrival_s=np.full_like(written.arrival_s, late_s),
        soc_percent=np.array([[25.0], [40], [40], [40]]),
    )
    ready_at_once = {
        name: ready(tonight, lived(depot, tonight, np.array([v.power_kw for v in plan.visits]), came))[
            :, 0
        ].tolist()
        for name, plan in plans.items()
    }
    assert ready_at_once == {"as written": [0.0, 1.0, 1.0, 1.0], "forecast": [1.0, 1.0, 1.0, 1.0]}
    assert plans["forecast"].assurance is not None
    assert plans["forecast"].assurance.readiness >= 0.97


def as_certain(night: Night) -> Night:
    return with_spread(night, arrival_sd_minutes=0.0, arrival_soc_sd_percent=0.0)
