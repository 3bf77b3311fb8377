"""What is judged of nights that are written down by hand."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from dispatch.rehearsal.faults import Cut, Early, Late, OtherSoc
from dispatch.rehearsal.possible import ready_by_hand
from dispatch.rehearsal.scene import bounds
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
