"""Who could have been ready, on nights that are reckoned by hand.

A van needs 19.2 kWh in its battery: 21.3 kWh from the grid, which 11.04 kW bring in 1 h 56 min. It stays from 17:50 to
07:42, and was planned to charge after midnight. The building takes 2 kW of the transformer's 25.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time

import pytest

from dispatch.rehearsal.byhand import charge_by_hand
from dispatch.rehearsal.faults import (
    Absent,
    BaseLoad,
    Cut,
    Early,
    Fault,
    Late,
    Offline,
    OtherPhases,
    OtherSoc,
    Refuses,
    Silent,
    Sleeps,
    WrongBay,
)
from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.possible import Fate, fates
from dispatch.rehearsal.scene import Scene, bounds
from dispatch.rehearsal.site import Piece
from dispatch.rehearsal.verdict import judge
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from tests.builders import at
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night, a_scene, happened_by_hand, level

FULL_KW = 11.04
NEEDED_H = 19.2 / 0.9 / FULL_KW


def by_hand(*faults: Fault, made: tuple[Depot, Night, Plan] | None = None) -> frozenset[int]:
    """Who is ready if everything is known from the beginning."""
    scene = a_scene(*faults, made=made)
    begin, _ = bounds(scene)
    return charge_by_hand(scene, start=begin, stands={}, who=range(len(scene.guests)), held={}).ready


def fate(scene: Scene, *, drawn: Sequence[Piece] = (), slept: Mapping[str, datetime] | None = None) -> Fate:
    """What is said of V1, which left short and truly drew so much; the others charged in the evening."""
    others = {name: charged(scene, at("20:00")) for name in ("CP2", "CP3")}
    happened = happened_by_hand(scene, pieces={**others, "CP1": drawn}, slept=slept)
    return fates(happened, [0])[0]


def charged(scene: Scene, start: datetime, hours: float = NEEDED_H) -> list[Piece]:
    return [level(scene, start, hours, FULL_KW)]


def test_everybody_can_be_ready_on_a_night_without_faults() -> None:
    assert by_hand() == {0, 1, 2}


def test_what_no_battery_can_take_in_time_is_not_possible() -> None:
    """At 07:00 a van has 42 minutes: 7 kWh of the 19.2 that it needs."""
    assert by_hand(Late(vehicle="V1", minutes=13 * 60 + 10)) == {1, 2}


def test_two_minutes_are_what_an_answer_takes() -> None:
    """13 h 52 min, of which 1 h 56 min are for charging: of 11 h 55 min 2 are left to answer in, of 11 h 57 min none."""
    assert 0 in by_hand(Late(vehicle="V1", minutes=11 * 60 + 53))
    assert 0 not in by_hand(Late(vehicle="V1", minutes=11 * 60 + 57))


def test_what_the_transformer_cannot_carry_is_not_possible() -> None:
    """Of 3 kW the building takes 2, and a van takes no less than 4.14."""
    assert by_hand(Cut(at=time(17), to_kw=3, minutes=15 * 60)) == frozenset()


def test_who_comes_with_less_can_still_be_ready() -> None:
    assert by_hand(OtherSoc(vehicle="V1", percent=10)) == {0, 1, 2}


def test_warming_is_charged_as_well() -> None:
    """At 05:40 there are 2 h 2 min less 2 for 19.2 kWh and 2 for warming, which take 2 h 8 min."""
    story = Late(vehicle="V1", minutes=11 * 60 + 50)
    assert 0 in by_hand(story)
    assert 0 not in by_hand(story, made=a_planned_night(precondition_kwh=2.0))


def test_who_was_left_alone_all_night_could_have_been_ready() -> None:
    assert fate(a_scene()) == Fate(possible=True)


def test_nobody_charges_early_for_who_leaves_early_without_a_word() -> None:
    """It was planned after midnight and left at 22:00: that could not be known."""
    scene = a_scene(Early(vehicle="V1", minutes=582))
    assert fate(scene) == Fate(possible=False, lost_at=at("22:00"))


@pytest.mark.parametrize(("known", "is_possible"), [(time(3), True), (time(4), True), (time(5), False)])
def test_who_says_that_it_leaves_early_is_charged_from_then_on(known: time, *, is_possible: bool) -> None:
    """It leaves at 06:00 with what it came with: from 04:00 there is time enough, from 05:00 there is not."""
    found = fate(a_scene(Early(vehicle="V1", minutes=102, known=known)))
    assert found.possible == is_possible
    assert (found.lost_at is None) == is_possible


def test_who_was_neglected_before_a_fault_is_not_excused_by_it() -> None:
    """At 06:30 a van that has nothing yet was too late already; the building's jump is no reason any more."""
    jump = BaseLoad(at=time(6, 30), kw=20, minutes=120)
    assert fate(a_scene(jump)).possible


def test_who_had_time_left_when_a_fault_took_it_is_excused() -> None:
    """At 05:00 there were 2 h 42 min; beside 22 of 25 kW a van cannot charge."""
    jump = BaseLoad(at=time(5), kw=20, minutes=180)
    assert fate(a_scene(jump)) == Fate(possible=False, lost_at=at("05:00"))


def test_who_had_charged_half_before_a_fault_needs_the_other_half() -> None:
    """An hour from 00:00 on leaves 57 min: a jump that ends at 06:30 leaves time for them, one until 07:00 does not."""
    for minutes, is_possible in ((90, True), (120, False)):
        scene = a_scene(BaseLoad(at=time(5), kw=20, minutes=minutes))
        assert fate(scene, drawn=charged(scene, at("00:00"), 1.0)).possible == is_possible


def test_a_charger_that_is_lost_goes_on_with_the_best_that_could_be_known() -> None:
    """It was lost at 22:00 and drew nothing: whoever had sent it its plan before that would have got it ready."""
    assert fate(a_scene(Offline(charger="CP1", at=time(22), minutes=600))).possible


def test_nobody_tells_a_charger_that_is_lost_of_who_comes_emptier() -> None:
    """It is lost before its van comes, with 20 % less than planned: what it holds is what was planned."""
    story = [Offline(charger="CP1", at=time(17), minutes=900), OtherSoc(vehicle="V1", percent=30)]
    scene = a_scene(*story)
    assert not fate(scene, drawn=charged(scene, at("00:00"))).possible


def test_while_nobody_ticks_nobody_answers() -> None:
    """It says at 03:00 that it leaves at 06:00, and has half an hour of its 1 h 56 min.

    Silent until 04:30, cron has its turn at 05:30 at the latest. What it had was no neglect: until 07:42 there was time.
    """
    early = Early(vehicle="V1", minutes=102, known=time(3))
    heard, unheard = a_scene(early), a_scene(early, Silent(at=time(2, 30), ticks=2))
    assert fate(heard, drawn=charged(heard, at("00:00"), 0.5)).possible
    assert fate(unheard, drawn=charged(unheard, at("00:00"), 0.5)) == Fate(
        possible=False, lost_at=at("03:00")
    )


def test_who_was_neglected_before_a_silence_is_not_excused_by_it() -> None:
    """When it left at 06:00 with nothing there were 1 h 42 min to 07:42: whoever planned that had planned it short."""
    early = Early(vehicle="V1", minutes=102, known=time(3))
    assert fate(a_scene(early, Silent(at=time(2, 30), ticks=3))).possible


def test_who_sleeps_is_lost_from_when_it_is_offered_power_in_vain() -> None:
    scene = a_scene(Sleeps(vehicle="V1", after_minutes=20))
    assert fate(scene, slept={"V1": at("00:15")}) == Fate(possible=False, lost_at=at("00:15"))


def test_who_sleeps_and_was_offered_power_too_late_was_neglected() -> None:
    scene = a_scene(Sleeps(vehicle="V1", after_minutes=20))
    assert fate(scene, slept={"V1": at("06:30")}).possible


def test_other_phases_show_when_a_vehicle_first_draws() -> None:
    """On one phase 3.68 kW need 5 h 48 min: seen at 00:15 that is time enough, seen at 03:15 it is not.

    Somebody has to draw first: from 03:00 to 03:15 that is 0.92 kWh, and from 00:00 on it goes on for an hour.
    """
    scene = a_scene(OtherPhases(vehicle="V1", drawn=1))
    begun = [level(scene, at("00:00"), 1, 3.68)._replace(phases=1)]
    assert fate(scene, drawn=begun).possible
    late = [level(scene, at("03:00"), 4, 3.68)._replace(phases=1)]
    assert fate(scene, drawn=late) == Fate(possible=False, lost_at=at("03:15"))


def test_what_other_phases_take_before_they_are_seen_is_no_neglect() -> None:
    """At 05:40 there are 2 h 2 min, enough on three phases. At 05:55 a meter tells of one: until then 0.8 kWh of 2.5."""
    scene = a_scene(OtherPhases(vehicle="V1", drawn=1))
    drawn = [level(scene, at("05:40"), 2.0, 3.68)._replace(phases=1)]
    assert fate(scene, drawn=drawn) == Fate(possible=False, lost_at=at("05:55"))
    drawn = [level(scene, at("05:50"), 1.8, 3.68)._replace(phases=1)]
    assert fate(scene, drawn=drawn).possible  # on three phases it was too late as well


def test_a_wrong_bay_that_can_charge_is_no_reason() -> None:
    made = a_planned_night(free_chargers=1)
    assert fate(a_scene(WrongBay(vehicle="V1", charger="CP4"), made=made)).possible


def test_news_of_others_takes_none_of_the_time_that_is_left() -> None:
    """V2 leaves without a word at 05:46, when 1 h 56 min are left to V1: nothing has to be answered."""
    assert fate(a_scene(Early(vehicle="V2", minutes=116))).possible


@pytest.mark.parametrize(("known", "is_possible"), [(time(4, 43), True), (time(4, 46), False)])
def test_news_of_the_vehicle_itself_takes_two_minutes_to_answer(known: time, *, is_possible: bool) -> None:
    """It is to leave at 06:42: from 04:46 on there are 1 h 56 min, less two."""
    assert fate(a_scene(Early(vehicle="V1", minutes=60, known=known))).possible == is_possible


def short_of_power(*, missed: Sequence[str], faults: Sequence[Fault] = ()) -> Happened:
    """A night whose transformer carries two of three vans: 2 kW of building and 4.14 kW for one at a time.

    From 17:50 to 07:42 that is 57.4 kWh, and each of them needs 21.3.
    """
    made = a_planned_night()
    scene = a_scene(Cut(at=time(17), to_kw=6.5, minutes=15 * 60, notice_minutes=300), *faults, made=made)
    return happened_by_hand(scene, soc_percent=dict.fromkeys(missed, 50.0))


@pytest.mark.parametrize("missed", ["V1", "V2", "V3"])
def test_whoever_was_left_behind_where_there_is_room_for_two_could_not_be_ready_as_well(missed: str) -> None:
    verdict = judge(short_of_power(missed=[missed]))
    assert (verdict.ready, verdict.ready_possible) == (2, 2)


def test_of_two_that_were_left_behind_one_could_have_been_ready() -> None:
    verdict = judge(short_of_power(missed=["V1", "V3"]))
    assert (verdict.ready, verdict.ready_possible) == (1, 2)


def test_who_does_not_come_leaves_its_power_to_others() -> None:
    verdict = judge(short_of_power(missed=["V1"], faults=[Absent(vehicle="V3")]))
    assert (verdict.ready, verdict.ready_possible) == (1, 2)


def test_a_charger_that_obeys_nobody_counts_at_full_power_all_night() -> None:
    """25 kW less 2 and 11 leave room for one van at a time; beside 10 kW more of building for none, until 06:55.

    That CP3's van is full by 21:03 is nothing to build on: nothing of it is proven.
    """
    assert by_hand(Refuses(charger="CP3")) == {0, 1, 2}
    assert fate(a_scene(Refuses(charger="CP3"))).possible
    jump = BaseLoad(at=time(0, 15), kw=10, minutes=400)
    assert fate(a_scene(jump)).possible
    assert not fate(a_scene(Refuses(charger="CP3"), jump)).possible
