"""What is judged of nights that are written down by hand."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from dispatch.rehearsal.faults import BaseLoad, Cut, Early, Late, OtherSoc, Reboot, Refuses
from dispatch.rehearsal.possible import ready_by_hand
from dispatch.rehearsal.scene import REACTION, bounds
from dispatch.rehearsal.site import Piece
from dispatch.rehearsal.verdict import Verdict, judge
from tests.builders import at
from tests.dispatch.rehearsal.rehearsal_builders import (
    a_planned_night,
    a_scene,
    happened_by_hand,
    level,
)

EVENING = at("20:00")
MISSED = {"V2": 60.0}


def test_a_night_in_which_all_went_well_breaks_nothing() -> None:
    scene = a_scene()
    verdict = judge(happened_by_hand(scene, pieces={"CP1": [level(scene, EVENING, 2, 11.04)]}))
    assert verdict.broken == frozenset()
    assert (verdict.ready, verdict.ready_possible, verdict.unannounced) == (3, 3, 0)


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


def test_the_building_alone_above_a_limit_is_nobodys_fault() -> None:
    scene = a_scene(BaseLoad(at=time(20), kw=30, minutes=60))
    verdict = judge(happened_by_hand(scene, pieces={"CP1": [level(scene, EVENING, 1, 5.0)]}))
    assert verdict.violations == ()


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


def test_who_could_have_been_ready_and_was_not_is_missing() -> None:
    verdict = judge(happened_by_hand(a_scene(), soc_percent=MISSED))
    assert (verdict.ready, verdict.ready_possible, verdict.unannounced) == (2, 3, 1)
    assert verdict.broken == {"ready", "warning"}


@pytest.mark.parametrize(("minutes_ahead", "unannounced"), [(61, 0), (59, 1)])
def test_a_warning_comes_an_hour_ahead(minutes_ahead: int, unannounced: int) -> None:
    scene = a_scene()
    said = scene.guests[1].departure - timedelta(minutes=minutes_ahead)
    happened = happened_by_hand(scene, soc_percent=MISSED, short=[(said, frozenset({"V2"}))])
    assert judge(happened).unannounced == unannounced


def test_a_warning_that_was_taken_back_is_none() -> None:
    scene = a_scene()
    said = [(EVENING, frozenset({"V2"})), (at("21:00"), frozenset[str]())]
    assert judge(happened_by_hand(scene, soc_percent=MISSED, short=said)).unannounced == 1


def test_nobody_can_warn_of_who_leaves_without_a_word() -> None:
    scene = a_scene(Early(vehicle="V2", minutes=600))
    verdict = judge(happened_by_hand(scene, soc_percent={"V2": 50.0}))
    assert verdict.unannounced == 0


def test_lost_entries_break_a_promise() -> None:
    assert judge(happened_by_hand(a_scene(), lost_entries=2)).broken == {"journal"}


def test_what_no_battery_can_take_in_time_was_not_possible() -> None:
    """At 07:00 a van at 50 % has 42 minutes: 7 kWh of the 19.2 that it needs."""
    scene = a_scene(Late(vehicle="V1", minutes=13 * 60 + 10))
    assert ready_by_hand(scene, a_planned_night()[2], begin=bounds(scene)[0]) == {1, 2}


def test_what_the_transformer_cannot_carry_was_not_possible() -> None:
    """Three vans want 19.2 kWh each, 64 from the grid together; 5 kW for 13.8 hours, less the building, are 0."""
    made = a_planned_night()
    cut = Cut(at=time(17), to_kw=3, minutes=15 * 60)
    scene = a_scene(cut, made=made)
    assert ready_by_hand(scene, made[2], begin=bounds(scene)[0]) == frozenset()


def test_who_comes_with_less_can_still_be_ready() -> None:
    scene = a_scene(OtherSoc(vehicle="V1", percent=10))
    assert ready_by_hand(scene, a_planned_night()[2], begin=bounds(scene)[0]) == {0, 1, 2}


def test_a_night_that_broke_a_limit_is_worse_than_one_that_left_somebody() -> None:
    scene = a_scene()
    above: Verdict = judge(happened_by_hand(scene, pieces={"CP1": [level(scene, EVENING, 1, 60.0)]}))
    left = judge(happened_by_hand(scene, soc_percent=dict.fromkeys(("V1", "V2", "V3"), 50.0)))
    assert above.harm > left.harm
