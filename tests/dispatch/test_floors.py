"""What connectors get without a plan, and around their visits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.floors import floors, targets
from dispatch.safety import Place, bottlenecks, room_without_plan
from optimiser.depot import Charger, Connector, Depot, Feeder
from optimiser.profiles import Period
from tests.builders import a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector, at
from tests.dispatch.dispatch_builders import a_plan, seconds

CP1, CP2, CP3 = Place("CP1", 1), Place("CP2", 1), Place("CP3", 1)


def with_connectors(
    connectors: Sequence[Connector], *, limit_kw: float, feeders: Sequence[Feeder] = ()
) -> Depot:
    chargers = [
        Charger(id=f"CP{number}", feeder=feeders[0].id if feeders else None, connectors=(connector,))
        for number, connector in enumerate(connectors, start=1)
    ]
    return a_depot(chargers=chargers, feeders=feeders, transformer_limit_kw=limit_kw, base_load_max_kw=5.0)


def three_ac(limit_kw: float) -> Depot:
    return with_connectors([an_ac_connector()] * 3, limit_kw=limit_kw)


def at_instant(periods: Sequence[Period], time: str) -> float:
    return next(p.limit_kw for p in periods if p.start <= at(time) < p.end)


def test_everybody_gets_an_equal_share_in_whole_steps() -> None:
    assert floors(three_ac(26.0)) == {place: pytest.approx(10 * 0.69) for place in (CP1, CP2, CP3)}


def test_nobody_gets_more_than_the_hardware_can() -> None:
    assert floors(three_ac(500.0)) == {place: pytest.approx(11.04) for place in (CP1, CP2, CP3)}


def test_below_the_minimum_as_many_as_possible_get_just_that_and_the_others_nothing() -> None:
    assert floors(three_ac(5 + 9.0)) == {CP1: pytest.approx(4.14), CP2: pytest.approx(4.14), CP3: 0.0}
    assert floors(three_ac(5 + 4.0)) == {CP1: 0.0, CP2: 0.0, CP3: 0.0}


def test_a_site_without_room_for_anything_gets_no_floor() -> None:
    assert set(floors(three_ac(3.0)).values()) == {0.0}


def test_a_feeder_bounds_the_floors_below_it() -> None:
    feeder = Feeder(id="F1", limit_kw=8.0 + 5.0)
    depot = with_connectors([an_ac_connector()] * 2, limit_kw=500.0, feeders=[feeder])
    assert sum(floors(depot).values()) <= 8.0


def test_phases_of_a_feeder_bound_the_floors_below_it() -> None:
    feeder = Feeder(id="F1", limit_per_phase_a=24.0)
    depot = with_connectors(
        [an_ac_connector(phases=1, phase_map=("L1",))] * 2, limit_kw=500.0, feeders=[feeder]
    )
    base_a = 5000 / 690
    assert sum(floors(depot).values()) / 0.23 <= 24.0 - base_a


def test_a_dc_floor_is_at_least_what_it_can_charge_with() -> None:
    depot = with_connectors([a_dc_connector(min_kw=10.0)] * 2, limit_kw=5 + 15.0)
    assert floors(depot) == {CP1: 10.0, CP2: 0.0}


@given(
    kinds=st.lists(st.sampled_from(["three", "one", "dc"]), min_size=1, max_size=8),
    limit_kw=st.floats(0, 200),
    feeder_kw=st.floats(0, 200),
    per_phase_a=st.floats(1, 200),
)
def test_floors_never_add_up_to_more_than_any_limit(
    kinds: list[str], limit_kw: float, feeder_kw: float, per_phase_a: float
) -> None:
    made = {"three": an_ac_connector(), "one": an_ac_connector(phases=1), "dc": a_dc_connector()}
    feeder = Feeder(id="F1", limit_kw=feeder_kw, limit_per_phase_a=per_phase_a)
    depot = with_connectors([made[kind] for kind in kinds], limit_kw=limit_kw, feeders=[feeder])
    found = floors(depot)
    for limit in bottlenecks(depot):
        total = 0.0
        for charger, connector in depot.connectors():
            if (place := Place(charger.id, connector.id)) in limit.places:
                total += found[place] / (1.0 if limit.measure == "kw" else (connector.phases or 3) * 0.23)
        assert total <= max(0.0, room_without_plan(limit, depot)) + 1e-6


def test_the_plan_holds_while_a_visit_is_planned_and_the_floor_around_it() -> None:
    depot = a_depot(vehicles=[a_van("V1")], transformer_limit_kw=43.0)
    night = a_night(depot, visits=[a_visit("V1", arrival="18:00", departure="06:00")])
    (target,) = targets(depot, a_plan(depot, night, power_kw={"V1": {40: 6.9}}, created_at=at("15:00")))
    floor_kw = target.floor.limit_kw
    assert floor_kw == pytest.approx(11.04)
    assert at_instant(target.plan.periods, "17:59") == floor_kw
    assert at_instant(target.plan.periods, "18:00") == 0.0
    assert at_instant(target.plan.periods, "22:00") == 6.9
    assert at_instant(target.plan.periods, "06:00") == floor_kw


def test_there_is_no_floor_where_the_plan_leaves_no_room_nor_in_the_steps_beside_it() -> None:
    depot = a_depot(transformer_limit_kw=18.0, base_load_max_kw=5.0)  # floors of 6 A each
    night = a_night(
        depot,
        visits=[a_visit("V1"), a_visit("V2", charger_id="CP2", arrival="23:00", departure="06:00")],
        base_load_kw=5.0,
    )
    plan = a_plan(depot, night, power_kw={"V1": {36: 11.04}})
    second = targets(depot, plan)[1]
    assert second.floor.limit_kw > 0
    shown = [at_instant(second.plan.periods, time) for time in ("20:44", "20:45", "21:00", "21:29", "21:30")]
    assert shown == [second.floor.limit_kw, 0.0, 0.0, 0.0, second.floor.limit_kw]


def test_there_is_no_floor_between_visits_where_a_connector_that_does_not_obey_takes_the_room() -> None:
    depot = a_depot(transformer_limit_kw=18.0, base_load_max_kw=5.0)  # floors of 6 A each
    night = a_night(
        depot, visits=[a_visit("V2", charger_id="CP2", arrival="23:00", departure="06:00")], base_load_kw=5.0
    )
    plan = a_plan(depot, night, power_kw={})
    burden_kw = np.zeros(plan.horizon.steps)
    burden_kw[36] = 11.04  # from 21:00 to 21:15
    second = targets(depot, plan, {Place("CP1", 1): burden_kw})[1]
    shown = [at_instant(second.plan.periods, time) for time in ("20:44", "21:00", "21:29", "21:30")]
    assert shown == [second.floor.limit_kw, 0.0, 0.0, second.floor.limit_kw]


def test_a_plan_begins_a_minute_before_the_night_or_before_it_was_made_if_that_was_earlier() -> None:
    depot = a_depot()
    late = targets(depot, a_plan(depot, created_at=at("21:00")))[0]
    assert late.plan.start == at("12:00") - seconds(60)
    early_made = at("12:00") - seconds(3600.5)
    assert targets(depot, a_plan(depot, created_at=early_made))[0].plan.start == at("12:00") - seconds(3661)
