"""Whatever has changed in a night: a plan made again is within the limits of now, adds up, and asks for no other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimiser.depot import Depot, Policy
from optimiser.expected import LiveVehicle, Place
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.replan import replan
from tests.builders import a_depot, a_night, a_van, a_visit, at

NOON = datetime(2025, 11, 10, 11, tzinfo=UTC)
VANS = 4
FULL_KW = 11.04
TOLERANCE_KW = 1e-3


def planned(limit_kw: float, forgetful: int) -> tuple[Depot, Night, Plan]:
    depot = a_depot(
        vehicles=[a_van(f"V{n}", ac_phases=3 if n % 2 else 1) for n in range(1, VANS + 1)],
        transformer_limit_kw=limit_kw,
        policy=Policy(secure_against_forgetful=forgetful),
    )
    visits = [
        a_visit(f"V{n}", charger_id=f"CP{n}", arrival=f"1{5 + n}:10", departure=f"0{5 + n}:20")
        for n in range(1, VANS + 1)
    ]
    night = a_night(depot, visits=visits, price_per_kwh=np.where(np.arange(96) < 48, 0.4, 0.2))
    return depot, night, plan_night(depot, night, created_at=NOON)


PLANNED = {(kw, k): planned(kw, k) for kw in (16.0, 30.0, 60.0) for k in (0, 1)}


@dataclass(frozen=True, kw_only=True)
class Now:
    """What is true at some instant of a night."""

    depot: Depot
    plan: Plan
    night: Night
    live: tuple[LiveVehicle, ...]
    vacant: frozenset[Place]
    surely_kw: dict[Place, FloatArray]
    now: datetime

    def planned_again(self, plan: Plan) -> Plan | None:
        return replan(
            self.depot,
            self.night,
            plan,
            self.live,
            now=self.now,
            vacant=self.vacant,
            surely_kw=self.surely_kw,
        )


@st.composite
def nows(draw: st.DrawFn) -> Now:
    depot, night, plan = PLANNED[draw(st.sampled_from(sorted(PLANNED)))]
    now = at("15:00") + timedelta(minutes=draw(st.integers(0, 18 * 60)))
    first = max(0, math.floor(night.horizon.position(now)))
    steps = np.arange(night.horizon.steps)
    excess_kw = draw(st.sampled_from([0.0, 0.0, 3.0, 12.0]))
    cut = draw(st.sampled_from([1.0, 1.0, 0.5]))
    base_load_kw = night.base_load_kw + np.where((steps >= first) & (steps < first + 12), excess_kw, 0.0)
    tonight = replace(night, base_load_kw=base_load_kw, site_limit_kw=cut * night.site_limit_kw)
    bays = draw(st.permutations(range(1, VANS + 1))) if draw(st.booleans()) else range(1, VANS + 1)
    live: list[LiveVehicle] = []
    vacant: set[Place] = set()
    for number, bay in enumerate(bays, start=1):
        visit = night.visits[number - 1]
        is_due = visit.arrival <= now < visit.departure
        state = draw(st.sampled_from(["there", "there", "there", "unknown", "missing", "early"]))
        if state == "missing":
            vacant.add((f"CP{bay}", 1))
        if (state == "there" and is_due) or (state == "early" and now < visit.arrival):
            soc_percent = draw(st.one_of(st.none(), st.floats(0, 100)))
            live.append(
                LiveVehicle(
                    charger_id=f"CP{bay}",
                    connector_id=1,
                    vehicle_id=f"V{number}",
                    soc_percent=soc_percent,
                    since=now - timedelta(minutes=5),
                    is_asleep=draw(st.integers(0, 9)) == 0,
                )
            )
    burdened = draw(st.sets(st.integers(1, VANS), max_size=2))
    burden_kw = {(f"CP{n}", 1): np.where(steps >= first, FULL_KW, 0.0) for n in burdened}
    surely_kw = {place: kw for place, kw in burden_kw.items() if draw(st.booleans())}
    return Now(
        depot=depot,
        plan=plan,
        night=replace(tonight, burden_kw=burden_kw),
        live=tuple(live),
        vacant=frozenset(vacant) - {vehicle.place for vehicle in live},
        surely_kw=surely_kw,
        now=now,
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nows())
def test_a_plan_made_again_is_within_limits_adds_up_and_asks_for_no_other(case: Now) -> None:
    new = case.planned_again(case.plan)
    checked = new or case.plan
    steps = range(
        max(0, math.floor(case.night.horizon.position(case.now + timedelta(seconds=120)))),
        checked.horizon.steps,
    )
    governed_kw = np.array(
        [v.power_kw for v in checked.visits if (v.charger_id, v.connector_id) not in case.night.burden_kw]
    ).reshape(-1, checked.horizon.steps)
    # What is planned is within what base load and burdens leave of the limit; where that is nothing, nobody charges.
    left_kw = case.night.site_limit_kw - case.night.base_load_kw - case.night.burdens_kw
    over_kw = governed_kw.sum(axis=0) - np.clip(left_kw, 0.0, None)
    assert max((over_kw[step] for step in steps), default=0.0) <= TOLERANCE_KW
    if new is None:
        return
    for visit in new.visits:
        vehicle = case.depot.vehicle(visit.vehicle_id)
        there = new.horizon.presence(visit.arrival, visit.departure)
        gained_kwh = float(there @ np.array(visit.power_kw)) * new.horizon.step_h * vehicle.charge_efficiency
        assert math.isclose(visit.delivered_kwh, gained_kwh, abs_tol=1e-4)
        soc_percent = visit.arrival_soc_percent + 100.0 * gained_kwh / vehicle.battery_kwh
        assert math.isclose(visit.planned_soc_percent, max(0.0, soc_percent), abs_tol=1e-3)
    assert case.planned_again(new) is None
