"""What is judged of nights that are written down by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch.rehearsal.faults import Early
from dispatch.rehearsal.verdict import Verdict, judge
from tests.builders import at
from tests.dispatch.rehearsal.rehearsal_builders import (
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


def test_a_night_that_broke_a_limit_is_worse_than_one_that_left_somebody() -> None:
    scene = a_scene()
    above: Verdict = judge(happened_by_hand(scene, pieces={"CP1": [level(scene, EVENING, 1, 60.0)]}))
    left = judge(happened_by_hand(scene, soc_percent=dict.fromkeys(("V1", "V2", "V3"), 50.0)))
    assert above.harm > left.harm
