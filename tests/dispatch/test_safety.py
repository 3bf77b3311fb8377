"""How limits count at the grid, and what is left for charging."""

from __future__ import annotations

import numpy as np
import pytest

from dispatch.composite import Limit
from dispatch.safety import (
    Draw,
    Exposure,
    Place,
    Standing,
    Wiring,
    bottlenecks,
    exposure,
    room,
    room_without_plan,
    worst_case,
    worst_case_kw,
)
from dispatch.station import Purpose, StationProfile
from optimiser.depot import Charger, Connector, Depot, Feeder
from optimiser.forgetful import all_awake
from tests.builders import a_dc_connector, a_depot, an_ac_connector
from tests.dispatch.dispatch_builders import NOW, a_plan, a_profile, seconds

CP1 = Place("CP1", 1)


def a_wiring(connector: Connector | None = None, *, vehicle_phases: int | None = None) -> Wiring:
    return Wiring(
        place=CP1, connector=connector or an_ac_connector(), voltage_v=230.0, vehicle_phases=vehicle_phases
    )


def with_feeders(*feeders: Feeder, connector: Connector | None = None) -> Depot:
    chargers = [
        Charger(id=f"CP{number}", feeder="F2" if number == 1 else "F1", connectors=(connector or an_ac_connector(),))
        for number in (1, 2)
    ]  # fmt: skip
    return a_depot(chargers=chargers, feeders=feeders, transformer_limit_kw=43.0, reserve_kw=3.0)


TREE = (Feeder(id="F1", limit_kw=30.0), Feeder(id="F2", parent="F1", limit_kw=12.0, limit_per_phase_a=20.0))


def test_a_limit_in_amperes_counts_on_every_wired_phase_until_the_vehicle_is_known() -> None:
    sixteen = Limit(value=16.0, unit="A", number_phases=1)
    assert a_wiring().draw(sixteen).kw == pytest.approx(11.04)
    assert a_wiring(vehicle_phases=1).draw(sixteen).kw == pytest.approx(3.68)
    assert a_wiring(vehicle_phases=3).draw(sixteen).kw == pytest.approx(11.04)


def test_no_limit_and_one_beyond_the_hardware_count_at_full_power() -> None:
    for limit in (None, Limit(value=-1.0, unit="A"), Limit(value=63.0, unit="A"), Limit(value=1e6, unit="W")):
        assert a_wiring().draw(limit).kw == pytest.approx(11.04)
        assert a_wiring().draw(limit).phase_a == 16.0


def test_a_power_may_flow_through_one_phase_alone() -> None:
    assert a_wiring().draw(Limit(value=2300.0, unit="W")).kw == 2.3
    assert a_wiring().draw(Limit(value=2300.0, unit="W")).phase_a == pytest.approx(10.0)
    assert a_wiring().draw(Limit(value=9200.0, unit="W")).phase_a == 16.0


def test_a_dc_limit_at_the_output_draws_more_from_the_grid() -> None:
    connector = Connector(
        id=1, phases=0, max_kw=100.0, min_kw=5.0, conversion_efficiency=0.9, limit_side="output"
    )
    draw = a_wiring(connector).draw(Limit(value=45_000.0, unit="W"))
    assert draw.kw == pytest.approx(50.0)
    assert draw.phase_a == pytest.approx(50_000 / 690)
    assert a_wiring(connector).draw(None).kw == pytest.approx(100 / 0.9)


def test_a_limit_is_cut_to_what_is_allowed_in_whole_steps_and_to_nothing_below_the_minimum() -> None:
    sixteen = Limit(value=16.0, unit="A", number_phases=3)
    allowed = Draw(kw=8.0, phase_a=32.0)
    assert a_wiring().within(sixteen, allowed, step_a=0.1).value == 11.5
    assert a_wiring().within(sixteen, allowed, step_a=1.0).value == 11.0
    assert a_wiring().within(sixteen, Draw(kw=4.0, phase_a=32.0), step_a=0.1).value == 0.0
    assert a_wiring().within(sixteen, Draw(kw=99.0, phase_a=7.0), step_a=0.1).value == 7.0
    assert a_wiring().within(sixteen, Draw(kw=99.0, phase_a=99.0), step_a=0.1) is sixteen


def test_a_limit_in_watts_is_cut_to_whole_watts() -> None:
    full = Limit(value=11_040.0, unit="W", number_phases=3)
    assert a_wiring().within(full, Draw(kw=5.0004, phase_a=99.0), step_a=0.1).value == 5000.0
    assert a_wiring().within(full, Draw(kw=4.0, phase_a=99.0), step_a=0.1).value == 0.0
    dc = a_wiring(a_dc_connector(max_kw=150.0, min_kw=10.0))
    assert (
        dc.within(Limit(value=90_000.0, unit="W"), Draw(kw=50.0, phase_a=999.0), step_a=0.1).value == 50_000
    )
    assert dc.within(Limit(value=90_000.0, unit="W"), Draw(kw=9.0, phase_a=999.0), step_a=0.1).value == 0


def test_every_feeder_and_each_of_its_phases_is_a_bottleneck_for_what_hangs_below() -> None:
    found = {limit.name: limit for limit in bottlenecks(with_feeders(*TREE))}
    assert list(found) == ["transformer", "feeder F1", "feeder F2"] + [
        f"feeder F2 phase L{n}" for n in (1, 2, 3)
    ]
    assert found["feeder F1"].places == {CP1, Place("CP2", 1)}
    assert found["feeder F2"].places == {CP1}


def test_a_one_phase_connector_counts_on_its_phase_or_on_the_worst_where_nobody_knows_it() -> None:
    on_l2 = an_ac_connector(phases=1, phase_map=("L2",))
    known = {limit.name: limit.places for limit in bottlenecks(with_feeders(*TREE, connector=on_l2))}
    assert known["feeder F2 phase L2"] == {CP1}
    assert known["feeder F2 phase L1"] == frozenset()
    somewhere = an_ac_connector(phases=1)
    unknown = {limit.name: limit.places for limit in bottlenecks(with_feeders(*TREE, connector=somewhere))}
    assert unknown["feeder F2 phase L1"] == unknown["feeder F2 phase L3"] == {CP1}


def test_base_load_and_reserve_count_at_the_transformer_and_at_feeders_that_hang_on_it() -> None:
    depot = with_feeders(*TREE)
    left = {limit.name: room_without_plan(limit, depot) for limit in bottlenecks(depot)}
    assert left["transformer"] == pytest.approx(43 - 3 - 5)
    assert left["feeder F1"] == pytest.approx(30 - 3 - 5)
    assert left["feeder F2"] == 12.0
    assert left["feeder F2 phase L1"] == 20.0


def test_within_the_night_its_own_base_load_and_cap_count_and_outside_the_highest() -> None:
    depot = a_depot(transformer_limit_kw=43.0, base_load_max_kw=5.0)
    plan = a_plan(depot)
    (transformer,) = bottlenecks(depot)
    instants = [plan.horizon.start - seconds(1), plan.horizon.start, plan.horizon.end]
    assert room(transformer, depot, plan, instants).tolist() == [38.0, 41.0, 38.0]


def test_a_connector_counts_with_its_transaction_and_after_its_end() -> None:
    default = a_profile(profile_id=1, limits=[(0, 10.0)])
    override = a_profile(
        profile_id=2, purpose=Purpose.TX, transaction_id=7, limits=[(0, 6.0), (600, 16.0)], duration_s=1200
    )
    instants = [NOW, NOW + seconds(600), NOW + seconds(1200)]
    found = exposure(a_wiring(), [default, override], transaction_id=7, instants=instants)
    assert found.phase_a.tolist() == [10.0, 16.0, 10.0]
    assert found.kw == pytest.approx(np.array([10.0, 16.0, 10.0]) * 0.69)


def test_without_any_profile_a_connector_counts_at_full_power() -> None:
    found = exposure(a_wiring(), [], transaction_id=None, instants=[NOW])
    assert found.kw == pytest.approx([11.04])


def test_the_worst_case_is_the_sum_of_what_hangs_below() -> None:
    depot = with_feeders(*TREE)
    exposures = {
        place: Exposure.constant(Draw(kw=kw, phase_a=2 * kw), 2) for place, kw in ((CP1, 4.0), (Place("CP2", 1), 5.0))
    }  # fmt: skip
    found = {limit.name: worst_case(limit, exposures)[0] for limit in bottlenecks(depot)}
    assert (found["transformer"], found["feeder F1"], found["feeder F2"]) == (9.0, 9.0, 4.0)
    assert found["feeder F2 phase L3"] == 8.0


def standing(
    *held: StationProfile, doubtful: tuple[StationProfile, ...] = (), proven: bool = True
) -> Standing:
    return Standing(wiring=a_wiring(), held=held, doubtful=doubtful, is_proven=proven)


FLOOR = a_profile(profile_id=11, limits=[(0, 8.0)])
NIGHT = a_profile(profile_id=12, stack_level=1, limits=[(0, 0.0)], duration_s=600)


def test_what_is_proven_counts_at_what_comes_to_light_when_the_plan_expires() -> None:
    assert standing(FLOOR, NIGHT).most([NOW, NOW + seconds(600)]).phase_a.tolist() == [0.0, 8.0]


def test_what_is_not_proven_counts_at_full_power_whatever_was_accepted() -> None:
    assert standing(FLOOR, NIGHT, proven=False).most([NOW]).phase_a.tolist() == [16.0]


def test_a_write_that_nobody_answered_counts_as_taken_and_as_not_taken() -> None:
    higher = NIGHT.model_copy(update={"periods": a_profile(limits=[(0, 12.0)]).periods})
    assert standing(FLOOR, NIGHT, doubtful=(higher,)).most([NOW]).phase_a.tolist() == [12.0]
    assert standing(FLOOR, higher, doubtful=(NIGHT,)).most([NOW]).phase_a.tolist() == [12.0]


def test_the_same_write_left_unanswered_often_is_one_that_may_be_there() -> None:
    assert standing(FLOOR, NIGHT, doubtful=(NIGHT, FLOOR) * 40).most([NOW]).phase_a.tolist() == [0.0]


def test_more_ways_than_can_be_looked_at_count_at_full_power() -> None:
    doubtful = tuple(
        a_profile(profile_id=number % 8, stack_level=number % 8, limits=[(0, 6.0)]) for number in range(40)
    )
    assert standing(FLOOR, doubtful=doubtful).most([NOW]).phase_a.tolist() == [16.0]


def test_the_worst_case_is_told_in_kw_at_feeders_and_on_each_of_their_phases() -> None:
    depot = with_feeders(*TREE)
    other = a_wiring()
    state = [
        standing(FLOOR),
        Standing(wiring=Wiring(place=Place("CP2", 1), connector=other.connector, voltage_v=230.0)),
    ]
    found = worst_case_kw(state, bottlenecks(depot), [NOW, NOW + seconds(600)])
    assert found["transformer"] == pytest.approx([8 * 0.69 + 11.04] * 2)
    assert found["feeder F2"] == pytest.approx([8 * 0.69] * 2)
    assert found["feeder F2 phase L1"] == pytest.approx([8 * 0.23] * 2)


def test_what_check_says_of_forgetting_at_once_is_the_worst_case_of_nothing_proven() -> None:
    top = Feeder(id="F1", limit_kw=20.0, limit_per_phase_a=30.0)
    chargers = [
        Charger(id="CP1", feeder="F2", connectors=(an_ac_connector(phases=1, phase_map=("L2",)),)),
        Charger(id="CP2", feeder="F1", connectors=(an_ac_connector(),)),
        Charger(id="CP3", feeder="F1", connectors=(a_dc_connector(),)),
    ]
    depot = a_depot(chargers=chargers, feeders=(top, TREE[1]), transformer_limit_kw=43.0, reserve_kw=3.0)
    state = [
        Standing(wiring=Wiring(place=Place(charger.id, connector.id), connector=connector, voltage_v=230.0))
        for charger, connector in depot.connectors()
    ]
    worst_kw = worst_case_kw(state, bottlenecks(depot), [NOW])
    limits = {limit.name: limit for limit in bottlenecks(depot)}
    told = list(all_awake(depot))
    assert len(told) == len(limits)
    for one in told:
        name = "transformer" if one.feeder_id is None else f"feeder {one.feeder_id}"
        limit = limits[name if one.phase is None else f"{name} phase {one.phase}"]
        in_kw = 1.0 if one.phase is None else 0.23
        assert worst_kw[limit.name] == pytest.approx([one.most_kw])
        assert one.left_kw == pytest.approx(room_without_plan(limit, depot) * in_kw)


def test_a_place_prints_as_people_write_it() -> None:
    assert str(CP1) == "CP1/1"
