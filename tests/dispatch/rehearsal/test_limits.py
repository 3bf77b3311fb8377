"""When a limit that could have been kept was not, on nights that are written down by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from functools import cache

import pytest

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.bounds import bounds_of
from dispatch.rehearsal.faults import BaseLoad, Cut, Fault, Offline, OtherPhases, Reboot, Refuses, Silent
from dispatch.rehearsal.limits import Violation, violations
from dispatch.rehearsal.scene import METER_INTERVAL, REACTION, Scene, bounds
from dispatch.rehearsal.site import Piece
from dispatch.rehearsal.verdict import judge
from optimiser.depot import Charger, Depot, Feeder
from optimiser.night import Night
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector, at
from tests.dispatch.rehearsal.rehearsal_builders import (
    a_planned_night,
    a_record,
    a_scene,
    happened_by_hand,
    level,
)

EVENING = at("20:00")
JUMP = BaseLoad(at=time(20), kw=20, minutes=120)


def found_in(scene: Scene, **pieces: list[Piece]) -> list[Violation]:
    begin, _ = bounds(scene)
    record = a_record(begin, pieces)
    return [found for bound in bounds_of(scene.depot) for found in violations(record, scene, bound)]


def test_power_above_the_transformer_is_one_violation_from_its_first_to_its_last_instant() -> None:
    """25 kW, no base load: two vehicles draw 22 kW, a third 11 kW more for an hour."""
    scene = a_scene()
    pieces = {
        "CP1": [level(scene, EVENING, 3, 11.0)],
        "CP2": [level(scene, EVENING, 3, 11.0)],
        "CP3": [level(scene, at("21:00"), 1, 11.0)],
    }
    (violation,) = judge(happened_by_hand(scene, pieces=pieces)).violations
    base_kw = scene.night.base_load_kw[0]
    assert (violation.limit, violation.start, violation.end) == ("transformer", at("21:00"), at("22:00"))
    assert violation.excess_kw == pytest.approx(33.0 + base_kw - 25.0)


def test_a_peak_between_two_edges_is_seen() -> None:
    scene = a_scene()
    begin, _ = bounds(scene)
    start_s = (EVENING - begin).total_seconds()
    rising = [Piece(start_s, start_s + 600, 0.0, 40.0, 0)]
    assert len(judge(happened_by_hand(scene, pieces={"CP1": rising})).violations) == 1


def test_the_building_alone_above_a_limit_is_nobodys_fault_but_what_is_charged_beside_it_is() -> None:
    scene = a_scene(BaseLoad(at=time(20), kw=30, minutes=60))
    assert found_in(scene) == []
    (violation,) = found_in(scene, CP1=[level(scene, EVENING, 1, 5.0)])
    assert violation.start == EVENING + REACTION
    assert violation.excess_kw == pytest.approx(5.0)


def test_a_jump_of_the_building_must_be_answered_soon() -> None:
    """20 kW beside 10 kW are above 25 kW; there is time to see it and to lower, and no more than that."""
    scene = a_scene(BaseLoad(at=time(20), kw=20, minutes=60))
    (violation,) = judge(happened_by_hand(scene, pieces={"CP1": [level(scene, EVENING, 1, 10.0)]})).violations
    assert violation.start == EVENING + REACTION


def test_a_cut_that_was_announced_has_no_excuse() -> None:
    cut = Cut(at=time(20), to_kw=8, minutes=60, notice_minutes=180)
    scene = a_scene(cut)
    (violation,) = judge(happened_by_hand(scene, pieces={"CP1": [level(scene, EVENING, 2, 10.0)]})).violations
    assert (violation.start, violation.end) == (EVENING, at("21:00"))


@pytest.mark.parametrize(("secured", "violations"), [(0, 0), (1, 1)])
def test_a_depot_that_is_to_be_secure_has_no_excuse_for_one_that_forgets(
    secured: int, violations: int
) -> None:
    made = a_planned_night(secure_against_forgetful=secured, transformer_limit_kw=60.0)
    scene = a_scene(Reboot(charger="CP2", at=time(20), forgets=True), made=made)
    pieces = {"CP1": [level(scene, EVENING, 1, 55.0)], "CP2": [level(scene, EVENING, 1 / 60, 11.0)]}
    assert len(judge(happened_by_hand(scene, pieces=pieces)).violations) == violations


def test_a_charger_that_obeys_nobody_must_be_made_room_for() -> None:
    scene = a_scene(Refuses(charger="CP2"))
    alone = {"CP2": [level(scene, EVENING, 1, 11.0)]}
    beside = {**alone, "CP1": [level(scene, EVENING, 1, 20.0)]}
    assert judge(happened_by_hand(scene, pieces=alone)).violations == ()
    assert len(judge(happened_by_hand(scene, pieces=beside)).violations) == 1


def test_who_could_not_be_reached_when_something_happened_must_be_made_room_for() -> None:
    """2 kW, 20 more from 20:00 on, and 11 kW on a charger that is offline since 19:30: 33 of 25 kW are nobody's fault.

    4 kW beside that are somebody's, once there was time to answer.
    """
    scene = a_scene(Offline(charger="CP1", at=time(19, 30), minutes=180), JUMP)
    deaf = [level(scene, at("19:00"), 4, 11.0)]
    assert found_in(scene, CP1=deaf) == []
    (violation,) = found_in(scene, CP1=deaf, CP2=[level(scene, EVENING, 1, 4.0)])
    assert violation.start == EVENING + REACTION
    assert violation.excess_kw == pytest.approx(4.0)


def test_who_went_offline_long_after_something_happened_could_have_been_lowered() -> None:
    scene = a_scene(JUMP, Offline(charger="CP1", at=time(20, 30), minutes=180))
    (violation,) = found_in(scene, CP1=[level(scene, at("19:00"), 4, 11.0)])
    assert (violation.start, violation.end) == (EVENING + REACTION, at("22:00"))


def test_what_was_too_much_by_itself_is_not_excused_by_a_line_that_is_lost() -> None:
    scene = a_scene(*(Offline(charger=f"CP{n}", at=time(19, 30), minutes=180) for n in (1, 2, 3)))
    too_much = {f"CP{n}": [level(scene, EVENING, 1, 10.0)] for n in (1, 2, 3)}
    (violation,) = found_in(scene, **too_much)
    assert violation.excess_kw == pytest.approx(30.0 + 2.0 - 25.0)


def test_while_nobody_ticks_nobody_answers() -> None:
    """A tick every hour: three are silent from 19:30 on, the next one is at 23:30 at the latest."""
    scene = a_scene(Silent(at=time(19, 30), ticks=3), JUMP.model_copy(update={"minutes": 300}))
    (violation,) = found_in(scene, CP1=[level(scene, EVENING, 5, 11.0)])
    assert (violation.start, violation.end) == (at("23:30") + REACTION, at("01:00"))


@cache
def a_hall(*, limit_per_phase_a: float = 32.0, parent: str | None = None) -> tuple[Depot, Night]:
    """Three vans in a hall: CP1 and CP2 have one phase, on L1 and L2 of the hall, CP3 has three, turned by one."""
    maps = (("L1",), ("L2",), ("L2", "L3", "L1"))
    wired = [an_ac_connector(phases=len(phase_map), phase_map=phase_map) for phase_map in maps]
    chargers = [
        Charger(id=f"CP{n}", feeder="hall", connectors=(one,)) for n, one in enumerate(wired, start=1)
    ]
    feeders = [Feeder(id="hall", parent=parent, limit_per_phase_a=limit_per_phase_a)]
    if parent is not None:
        feeders.append(Feeder(id=parent))
    vans = [a_van("V1", ac_phases=1), a_van("V2", ac_phases=1), a_van("V3")]
    depot = a_depot(vehicles=vans, chargers=chargers, feeders=feeders)
    night = a_night(
        depot, visits=[a_visit(f"V{n}", charger_id=f"CP{n}") for n in (1, 2, 3)], base_load_kw=6.9
    )
    return depot, night


def a_hall_scene(*faults: Fault, limit_per_phase_a: float = 32.0, parent: str | None = None) -> Scene:
    return scene_of(*a_hall(limit_per_phase_a=limit_per_phase_a, parent=parent), faults)


def amperes(scene: Scene, current_a: float, phases: int) -> list[Piece]:
    """So much on each phase from 20:00 to 21:00."""
    return [level(scene, EVENING, 1, current_a * phases * 0.23)._replace(phases=phases)]


def test_a_phase_carries_what_is_truly_drawn_on_it() -> None:
    """The building takes 10 A of every phase. L1: 10 + 16 + 10 of three phases are 36 of 32 A; L2 has 10 + 10 + 6."""
    scene = a_hall_scene()
    found = found_in(scene, CP1=amperes(scene, 16, 1), CP2=amperes(scene, 6, 1), CP3=amperes(scene, 10, 3))
    assert [one.limit for one in found] == ["hall phase L1"]
    assert found[0].excess_kw == pytest.approx(4 * 0.23)


def test_a_vehicle_on_fewer_phases_loads_those_that_its_conductors_lie_on() -> None:
    """On one of three phases CP3 loads its first conductor, which is the hall's L2."""
    scene = a_hall_scene(limit_per_phase_a=25.0)
    found = found_in(scene, CP3=amperes(scene, 16, 1))
    assert [one.limit for one in found] == ["hall phase L2"]
    assert found[0].excess_kw == pytest.approx(1 * 0.23)


def test_below_another_feeder_the_building_does_not_count() -> None:
    scene = a_hall_scene(limit_per_phase_a=15.0, parent="main")
    assert [one.limit for one in found_in(scene, CP1=amperes(scene, 16, 1))] == ["hall phase L1"]
    assert found_in(scene, CP1=amperes(scene, 15, 1)) == []


def test_a_jump_of_the_building_lies_on_all_phases_alike() -> None:
    """6.9 kW more are 10 A more on each: nobody's fault for two minutes, and above 32 A beside 16 A after that."""
    scene = a_hall_scene(BaseLoad(at=time(20), kw=6.9, minutes=60))
    (violation,) = found_in(scene, CP1=amperes(scene, 16, 1))
    assert (violation.limit, violation.start) == ("hall phase L1", EVENING + REACTION)
    assert violation.excess_kw == pytest.approx(4 * 0.23)


def test_a_connector_without_a_word_on_its_wiring_is_wired_straight() -> None:
    depot, night = a_hall(limit_per_phase_a=25.0)
    straight = [
        replace(charger, connectors=tuple(replace(one, phase_map=()) for one in charger.connectors))
        for charger in depot.chargers
    ]
    scene = scene_of(replace(depot, chargers=tuple(straight)), night, [])
    assert [one.limit for one in found_in(scene, CP2=amperes(scene, 16, 1))] == ["hall phase L1"]
    hall = bounds_of(scene.depot)[1:]
    assert [bound.careful_share(scene.guests[1].plug, 1) for bound in hall] == [1.0, 1.0, 1.0]


def test_more_phases_than_anybody_knew_of_are_excused_until_a_meter_has_told() -> None:
    """V1 has one phase by the depot's list and draws on three from 20:00 on: 2 + 11 + 5 of 15 kW.

    Chargers tell their meters every 15 minutes, and an answer takes two.
    """
    vans = [a_van("V1", ac_phases=1), a_van("V2")]
    depot = a_depot(vehicles=vans, transformer_limit_kw=15.0)
    scene = scene_of(depot, a_night(depot), [OtherPhases(vehicle="V1", drawn=3)])
    pieces = {"CP1": [level(scene, EVENING, 1, 11.0)], "CP2": [level(scene, at("19:00"), 2, 5.0)]}
    (violation,) = found_in(scene, **pieces)
    assert (violation.start, violation.end) == (EVENING + METER_INTERVAL + REACTION, at("21:00"))
