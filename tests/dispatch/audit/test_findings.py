"""What is found of a charger that lists its profiles, and of one that only shows what they come to."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dispatch.audit.facts import ChargerFacts, Found, Kind
from dispatch.audit.findings import audit
from dispatch.charger import Capabilities
from dispatch.evidence import Layer
from dispatch.station import InstalledProfile, MeterReading, Outcome, ProfileKind, Purpose
from tests.dispatch.audit_builders import (
    HOUR,
    a_command,
    a_look,
    reported,
    some_facts,
    the_floor,
    the_plan,
)
from tests.dispatch.dispatch_builders import NOW, a_composite_reply, a_profile

TWO_HOURS = 7200
RIGHT = a_composite_reply([(0, 12.0), (3600, 8.0)], duration_s=TWO_HOURS)
"""What floor and plan come to."""


def told(facts: ChargerFacts) -> list[tuple[int | None, Kind]]:
    return [(one.profile_id, one.kind) for one in audit(facts)]


def the_one(facts: ChargerFacts, kind: Kind) -> Found:
    (one,) = [one for one in audit(facts) if one.kind is kind]
    return one


PLANNED = [(11, Kind.AS_PLANNED), (12, Kind.AS_PLANNED)]


def test_a_list_with_floor_and_plan_is_as_planned() -> None:
    assert told(some_facts(a_look(read_back=RIGHT), listed=[the_floor(), the_plan()])) == PLANNED


def test_a_station_may_tell_our_profiles_in_other_words() -> None:
    as_watts = the_floor().model_copy(
        update={"unit": "W", "periods": a_profile(limits=[(0, 8.0 * 690)]).periods}
    )
    split = the_plan().model_copy(update={"periods": a_profile(limits=[(0, 12.0), (600, 12.0)]).periods})
    without_phases = the_plan().model_copy(
        update={"periods": a_profile(limits=[(0, 12.0)], number_phases=None).periods, "duration_s": None}
    )
    for floor, plan in ((as_watts, split), (the_floor(), without_phases)):
        assert told(some_facts(listed=[floor, plan])) == PLANNED


def test_what_a_list_does_not_have_is_missing_whether_it_was_accepted_or_not() -> None:
    facts = some_facts(a_look(held=[the_floor()]), listed=[])
    assert [(one.profile_id, one.kind, one.sentence) for one in audit(facts)] == [
        (11, Kind.MISSING, "it was accepted, and its list does not have it"),
        (12, Kind.MISSING, "it was never accepted"),
    ]


def test_of_what_half_a_list_does_not_have_nothing_can_be_told() -> None:
    facts = some_facts(listed=[the_floor()], is_whole=False)
    assert told(facts) == [(11, Kind.AS_PLANNED), (12, Kind.CANNOT_TELL)]
    assert the_one(facts, Kind.CANNOT_TELL).sentence == "its list is not whole: its reason"


def test_a_foreign_profile_is_told_with_purpose_level_limits_and_what_it_changes() -> None:
    other = a_profile(profile_id=999, stack_level=7, start=NOW - 30 * 24 * HOUR, limits=[(0, 6.0)])
    one = the_one(some_facts(listed=[the_floor(), the_plan(), other]), Kind.FOREIGN)
    assert (one.profile_id, one.layer) == (999, None)
    assert one.sentence == (
        "a default for sessions at stack level 7, 6 A, without end; "
        "from 19:00 to 20:00 6 A where 12 A should hold, from 20:00 to 21:00 6 A where 8 A should hold"
    )
    assert [d.is_higher for d in one.differences] == [False, False]


def test_a_foreign_profile_beneath_ours_is_named_though_it_changes_nothing() -> None:
    under = a_profile(profile_id=999, stack_level=0, limits=[(0, 6.0)], valid_to=NOW - HOUR)
    one = the_one(some_facts(listed=[the_floor(), the_plan(), under]), Kind.FOREIGN)
    assert one.differences == ()
    assert one.sentence.endswith("6 A, until 2025-11-10 18:00")


def test_a_default_of_the_whole_station_at_a_higher_level_leads_in_2_0_1() -> None:
    everywhere = a_profile(profile_id=999, connector_id=0, stack_level=7, limits=[(0, 6.0)])
    one = the_one(some_facts(listed=[the_floor(), the_plan(), everywhere]), Kind.FOREIGN)
    assert str(one.place) == "CP1/0"
    assert one.differences


def test_last_nights_plan_is_stale_and_says_which_night_it_is_of() -> None:
    old = the_plan(limit=10.0)
    facts = some_facts(listed=[the_floor(), old], commands=[a_command(old, at=NOW - 25 * HOUR)])
    one = the_one(facts, Kind.STALE)
    assert (one.profile_id, one.layer) == (12, Layer.PLAN)
    assert one.sentence.startswith("that of the night of 2025-11-10, sent at 2025-11-09 18:00: ")


def test_a_plan_that_is_over_is_told_from_tonights() -> None:
    over = the_plan().model_copy(
        update={"start": NOW - 26 * HOUR, "valid_from": NOW - 26 * HOUR, "valid_to": NOW - 20 * HOUR}
    )
    facts = some_facts(listed=[the_floor(), over], commands=[a_command(over)])
    assert told(facts) == [(11, Kind.AS_PLANNED), (12, Kind.STALE)]


def test_an_id_of_ours_at_another_stack_level_was_never_sent_from_here() -> None:
    moved = the_plan().model_copy(update={"stack_level": 7})
    facts = some_facts(listed=[the_floor(), moved], commands=[a_command(the_plan())])
    one = the_one(facts, Kind.FOREIGN)
    assert (one.profile_id, one.layer) == (12, Layer.PLAN)
    assert one.sentence.startswith("under an id of ours, but never sent from here: ")


def test_what_cannot_be_read_is_foreign_unless_it_has_an_id_of_ours() -> None:
    unread = [
        InstalledProfile(profile_id=number, connector_id=1, description="{'chargingSchedule': 3}")
        for number in (12, 999)
    ]
    facts = some_facts(listed=[the_floor(), *unread])
    assert told(facts) == [(11, Kind.AS_PLANNED), (12, Kind.CANNOT_TELL), (999, Kind.FOREIGN)]


def test_a_limit_from_outside_says_who_has_set_it() -> None:
    outside = a_profile(profile_id=5, connector_id=0, purpose=Purpose.EXTERNAL, limits=[(0, 6.0)])
    facts = some_facts(listed=[the_floor(), the_plan(), reported(outside, source="EMS")])
    assert ", set by EMS" in the_one(facts, Kind.FOREIGN).sentence


def test_a_composite_schedule_above_its_own_list_is_a_contradiction_and_below_it_something_foreign() -> None:
    for limits, kind in ([(0, 16.0)], Kind.CONTRADICTED), ([(0, 6.0)], Kind.FOREIGN):
        shown = a_composite_reply(limits, duration_s=TWO_HOURS)
        one = the_one(some_facts(a_look(read_back=shown), listed=[the_floor(), the_plan()]), kind)
        assert one.profile_id is None
        assert one.sentence.startswith("its composite schedule is not what its list of profiles comes to: ")


def test_relative_profiles_are_compared_by_their_periods() -> None:
    ours = the_floor().model_copy(update={"kind": ProfileKind.RELATIVE})
    theirs = ours.model_copy(update={"start": NOW})
    assert told(some_facts(a_look(wanted=[ours]), listed=[theirs])) == [(11, Kind.AS_PLANNED)]


# Without a list


def test_a_composite_schedule_of_floor_and_plan_shows_both_as_planned() -> None:
    assert told(some_facts(a_look(read_back=RIGHT))) == PLANNED


@pytest.mark.parametrize(
    ("limits", "is_higher"),
    [([(0, 6.0)], [False, False]), ([(0, 14.0), (3600, 8.0)], [True]), ([(0, 10.0)], [False, True])],
    ids=["lower", "higher", "both"],
)
def test_what_ours_do_not_explain_is_foreign_with_from_when_to_when_and_how_much(
    limits: list[tuple[int, float]], is_higher: list[bool]
) -> None:
    shown = a_composite_reply(limits, duration_s=TWO_HOURS)
    one = the_one(some_facts(a_look(read_back=shown)), Kind.FOREIGN)
    assert one.profile_id is None
    assert [d.is_higher for d in one.differences] == is_higher
    assert f"from 19:00 to 20:00 {limits[0][1]:g} A where 12 A should hold" in one.sentence


def test_a_plan_that_is_lost_is_not_taken_for_a_foreign_profile() -> None:
    shown = a_composite_reply([(0, 8.0)], duration_s=TWO_HOURS)
    facts = some_facts(a_look(read_back=shown))
    assert told(facts) == [(11, Kind.AS_PLANNED), (12, Kind.MISSING)]
    assert not the_one(facts, Kind.MISSING).may_be_covered


def test_full_power_may_cover_what_is_there() -> None:
    shown = a_composite_reply([(0, 16.0)], duration_s=TWO_HOURS)
    found = audit(some_facts(a_look(read_back=shown)))
    assert [(one.kind, one.may_be_covered) for one in found] == [(Kind.MISSING, True)] * 2


def test_what_was_sent_without_an_answer_explains_what_is_shown() -> None:
    doubtful = the_plan(limit=10.0)
    shown = a_composite_reply([(0, 10.0), (3600, 8.0)], duration_s=TWO_HOURS)
    facts = some_facts(a_look(read_back=shown, doubtful=[doubtful]), commands=[a_command(doubtful)])
    assert told(facts) == [(11, Kind.AS_PLANNED), (12, Kind.STALE)]


def test_what_was_superseded_in_the_ledger_and_still_holds_is_stale() -> None:
    old = the_plan(limit=10.0)
    shown = a_composite_reply([(0, 10.0), (3600, 8.0)], duration_s=TWO_HOURS)
    facts = some_facts(a_look(read_back=shown, held=[the_floor(), old]), commands=[a_command(old)])
    assert told(facts) == [(11, Kind.AS_PLANNED), (12, Kind.STALE)]


@pytest.mark.parametrize("lists", [True, False])
def test_less_than_planned_is_no_stale_plan_where_it_was_sent_for_the_same_plan(*, lists: bool) -> None:
    def found(limit: float, *, planned_at: datetime) -> Found:
        sent = the_plan(limit=limit)
        shown = a_composite_reply([(0, limit), (3600, 8.0)], duration_s=TWO_HOURS)
        look = a_look(read_back=shown, held=[the_floor(), sent], planned_at=planned_at)
        listed = [the_floor(), sent] if lists else None
        floor, plan = audit(some_facts(look, listed=listed, commands=[a_command(sent, at=NOW - HOUR)]))
        assert (floor.profile_id, floor.kind) == (11, Kind.AS_PLANNED)
        return plan

    cut = found(10.0, planned_at=NOW - 2 * HOUR)
    assert cut.kind is Kind.AS_PLANNED
    assert cut.sentence.startswith("less than planned: at 18:00 there was no room")
    assert found(10.0, planned_at=NOW).kind is Kind.STALE
    assert found(14.0, planned_at=NOW - 2 * HOUR).kind is Kind.STALE


@pytest.mark.parametrize("is_asked", [True, False])
def test_what_cannot_be_read_back_cannot_be_told_and_what_was_never_accepted_is_missing(
    *, is_asked: bool
) -> None:
    answer = a_composite_reply(None, outcome=Outcome.REFUSED, reason="Rejected") if is_asked else None
    facts = some_facts(a_look(read_back=answer, held=[the_floor()]))
    assert told(facts) == [(None, Kind.CANNOT_TELL), (12, Kind.MISSING)]


def test_a_model_that_takes_no_profiles_can_hold_none() -> None:
    habits = Capabilities(smart_charging=False)
    assert told(some_facts(a_look(wanted=[], habits=habits))) == [(None, Kind.CANNOT_TELL)]


def test_a_charger_that_is_away_is_not_judged_at_all() -> None:
    found = audit(some_facts(a_look(), a_look(2), listed=[the_floor()], is_connected=False))
    assert [(str(one.place), one.sentence) for one in found] == [
        ("CP1/1", "not connected"),
        ("CP1/2", "not connected"),
    ]


# The third witness


@pytest.mark.parametrize(("power_kw", "is_over"), [(8.2, False), (11.0, True), (1.0, False)])
def test_a_meter_contradicts_only_by_more_than_is_allowed(power_kw: float, *, is_over: bool) -> None:
    reading = MeterReading(at=NOW - timedelta(minutes=1), received_at=NOW, power_kw=power_kw)
    look = a_look(read_back=RIGHT, reading=reading, transaction_id=7)
    found = [one for one in audit(some_facts(look)) if one.kind is not Kind.AS_PLANNED]
    assert [one.kind for one in found] == ([Kind.CONTRADICTED] if is_over else [])
    assert all("11.00 kW drawn at 18:59, 8.28 kW allowed" in one.sentence for one in found)
