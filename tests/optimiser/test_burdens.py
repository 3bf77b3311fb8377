"""Connectors that nobody governs: what they may draw is taken from every limit, and nobody is planned on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from optimiser.depot import Charger, Depot, Feeder, Policy
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.verify import violations
from tests.builders import a_depot, a_night, a_van, an_ac_connector

NOON = datetime(2025, 11, 10, 11, tzinfo=UTC)
FULL_KW = 11.04


def three_vans(*, limit_kw: float = 20.0, forgetful: int = 0, feeder: Feeder | None = None) -> Depot:
    hung = None if feeder is None else feeder.id
    chargers = [
        Charger(id=f"CP{n}", feeder=hung, connectors=(an_ac_connector(phase_map=("L1", "L2", "L3")),))
        for n in (1, 2, 3)
    ]
    return a_depot(
        vehicles=[a_van(f"V{n}") for n in (1, 2, 3)],
        chargers=chargers,
        transformer_limit_kw=limit_kw,
        feeders=[] if feeder is None else [feeder],
        policy=Policy(secure_against_forgetful=forgetful),
    )


def burdened(depot: Depot, kw: float = FULL_KW, *, charger_id: str = "CP1") -> Night:
    night = a_night(depot)
    return replace(night, burden_kw={(charger_id, 1): np.full(night.horizon.steps, kw)})


def most_kw(plan: Plan) -> float:
    return max(plan.site.charging_kw)


def test_others_are_planned_beside_a_burden_and_nobody_on_it() -> None:
    depot = three_vans()
    plan = plan_night(depot, burdened(depot), created_at=NOON)
    assert not any(plan.visits[0].power_kw)
    assert most_kw(plan) <= 20.0 - 2.0 - FULL_KW + 1e-6
    assert plan.visits[1].delivered_kwh > 0
    assert plan.site.burden_kw == (FULL_KW,) * 96


def test_a_plan_that_forgets_a_burden_is_refused() -> None:
    depot = three_vans()
    without = plan_night(depot, a_night(depot), created_at=NOON)
    assert any("transformer" in one for one in violations(without, depot, burdened(depot)))


@pytest.mark.parametrize("feeder", [Feeder(id="F", limit_kw=18.0), Feeder(id="F", limit_per_phase_a=28.0)])
def test_a_burden_counts_at_every_feeder_above_it(feeder: Feeder) -> None:
    depot = three_vans(limit_kw=60.0, feeder=feeder)
    without = plan_night(depot, a_night(depot), created_at=NOON)
    night = burdened(depot)
    assert any("feeder F" in one for one in violations(without, depot, night))
    plan = plan_night(depot, night, created_at=NOON)
    assert 0.0 < most_kw(plan) < most_kw(without)


def test_security_is_kept_beside_a_burden_where_it_can_be() -> None:
    depot = three_vans(limit_kw=30.0, forgetful=1)
    plan = plan_night(depot, burdened(depot), created_at=NOON)
    worst_kw = [FULL_KW + min(one.power_kw[t] for one in plan.visits[1:]) + FULL_KW for t in range(96)]
    assert max(worst_kw) <= 28.0 + 1e-6
    assert most_kw(plan) > 0.0


def test_where_a_burden_leaves_no_security_the_limit_alone_holds() -> None:
    depot = three_vans(limit_kw=20.0, forgetful=1)
    plan = plan_night(depot, burdened(depot), created_at=NOON)
    assert 0.0 < most_kw(plan) <= 20.0 - 2.0 - FULL_KW + 1e-6


def test_beside_burdens_above_the_limit_nobody_charges() -> None:
    depot = three_vans(limit_kw=12.0)
    plan = plan_night(depot, burdened(depot), created_at=NOON)
    assert most_kw(plan) == 0.0
    assert all(not visit.is_ready for visit in plan.visits)
