from __future__ import annotations

from datetime import timedelta

import numpy as np

from optimiser.expected import LiveVehicle
from optimiser.planner import plan_night
from optimiser.replan import LEAD_S, replan
from tests.uncertain import NOW, a_sure_depot, an_uncertain_night, asked_for


def standing(vehicle_id: str, soc_percent: float) -> LiveVehicle:
    return LiveVehicle(
        charger_id=f"CP{vehicle_id[1:]}", connector_id=1, vehicle_id=vehicle_id, soc_percent=soc_percent
    )


def test_who_comes_as_empty_as_was_feared_changes_nothing() -> None:
    depot = a_sure_depot(readiness=0.98)
    night = an_uncertain_night(depot)
    now = night.visits[0].arrival + timedelta(minutes=30)
    empty = [standing("V1", 28.0)]

    feared = plan_night(depot, night, created_at=NOW)
    unaware = plan_night(asked_for(depot, None), night, created_at=NOW)

    assert replan(depot, night, feared, empty, now=now) is None
    assert replan(asked_for(depot, None), night, unaware, empty, now=now) is not None


def test_a_plan_made_anew_keeps_the_room_for_who_is_still_to_come_and_none_for_who_is_there() -> None:
    depot = a_sure_depot(readiness=0.98, transformer_limit_kw=60.0)
    night = an_uncertain_night(depot)
    plan = plan_night(depot, night, created_at=NOW)
    now = night.visits[0].arrival + timedelta(minutes=30)

    new = replan(depot, night, plan, [standing("V1", 2.0), standing("V2", 60.0)], now=now)

    assert new is not None
    step = int(night.horizon.position(now + timedelta(seconds=LEAD_S)))
    before, after = ([np.array(visit.power_kw[step:]) for visit in each.visits] for each in (plan, new))
    assert after[0].sum() > before[0].sum()
    assert after[1].sum() < before[1].sum()
    assert (after[2] == before[2]).all()
    assert (after[3] == before[3]).all()
    assert all(visit.is_ready for visit in new.visits)
    assert replan(depot, night, new, [standing("V1", 2.0), standing("V2", 60.0)], now=now) is None
