"""What a tick takes for known of a connector before it has asked anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch.evidence import Command, Layer, Verdict
from dispatch.remembered import JITTER, MAX_REFUSED, Refusals, is_rewritten_in_vain, is_silent, seen_before
from dispatch.station import Outcome, StationProfile
from dispatch.store.ledger import Seen
from dispatch.validate import Grade
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW, a_profile, seconds

MINUTE = timedelta(minutes=1)
TICK = 15 * MINUTE
BERLIN = ZoneInfo("Europe/Berlin")


def refused(profile: StationProfile, at: datetime, outcome: Outcome | None = Outcome.REFUSED) -> Command:
    return Command(
        id=1,
        night=NIGHT,
        at=at,
        charger_id="CP1",
        layer=Layer.PLAN,
        profile=profile,
        outcome=outcome,
        reason="Rejected",
        answered_at=at,
    )


def refusals(*minutes_ago: float, profile: StationProfile | None = None) -> Refusals:
    asked = profile or a_profile()
    return Refusals(commands=tuple(refused(asked, NOW - minutes * MINUTE) for minutes in minutes_ago))


def is_asked(known: Refusals, profile: StationProfile | None = None, *, now: datetime = NOW) -> bool:
    return known.answer_to(profile or a_profile(), now=now) is None


def test_what_was_refused_is_asked_again_after_a_tick_then_two_then_four_and_so_on() -> None:
    asked = [NOW]
    for tick in range(1, 65):
        now = NOW + tick * TICK
        known = Refusals(commands=tuple(refused(a_profile(), at) for at in asked))
        if is_asked(known, now=now):
            asked.append(now)
    assert [(at - NOW) // TICK for at in asked] == [0, 1, 2, 4, 8, 16, 32, 64]


def test_a_remembered_answer_is_the_one_that_was_given() -> None:
    reply = refusals(5).answer_to(a_profile(), now=NOW)
    assert reply is not None
    assert (reply.outcome, reply.reason, reply.at) == (Outcome.REFUSED, "Rejected", NOW - 5 * MINUTE)


def test_another_content_is_asked_for_at_once_until_too_much_was_refused() -> None:
    other = a_profile(limits=[(0, 8.0)])
    assert not is_asked(refusals(5))
    assert is_asked(refusals(5), other)
    assert not is_asked(refusals(*[5.0] * MAX_REFUSED), other)


def test_another_profile_is_not_what_was_refused() -> None:
    assert is_asked(refusals(5), a_profile(profile_id=12))


def test_people_are_told_how_often_it_has_refused_and_when_it_is_asked_again() -> None:
    assert refusals(5).sentence(11, zone=BERLIN) == "refused once since 18:55, asked again from 19:10"
    assert refusals(35, 5).sentence(11, zone=BERLIN) == "refused 2 times since 18:25, asked again from 19:25"
    assert refusals(5).sentence(12, zone=BERLIN) == ""


@pytest.mark.parametrize(
    ("verdict", "sentence", "grade"),
    [
        (Verdict.CONFIRMED, "", Grade.MATCH),
        (Verdict.CONFIRMED, "audit", Grade.MATCH),
        (Verdict.CONFIRMED, "it shows 0 A", None),
        (Verdict.CANNOT_TELL, "no answer", Grade.UNUSABLE),
        (Verdict.CONTRADICTED, "it shows 16 A", None),
    ],
)
def test_a_look_says_later_what_it_said_then_but_where_more_or_less_was_shown(
    verdict: Verdict, sentence: str, grade: Grade | None
) -> None:
    seen = Seen(at=NOW - MINUTE, verdict=verdict, sentence=sentence)
    found = seen_before(seen, came=None, held_since=NOW - 2 * MINUTE, earliest=NOW - TICK)
    assert (None if found is None else found.grade) is grade


@pytest.mark.parametrize(
    ("came", "held_since", "earliest"),
    [
        (NOW, NOW - 9 * MINUTE, NOW - TICK),
        (NOW - 9 * MINUTE, NOW, NOW - TICK),
        (NOW - 9 * MINUTE, NOW - 9 * MINUTE, NOW),
    ],
)
def test_a_look_is_worth_nothing_after_a_boot_a_new_profile_or_a_while(
    came: datetime, held_since: datetime, earliest: datetime
) -> None:
    seen = Seen(at=NOW - MINUTE, verdict=Verdict.CONFIRMED)
    assert seen_before(seen, came=came, held_since=held_since, earliest=earliest) is None
    assert seen_before(None, came=None, held_since=None, earliest=NOW - TICK) is None


@pytest.mark.parametrize(
    ("verdict", "seen_minutes_ago", "held_minutes_ago", "is_in_vain"),
    [
        (Verdict.CONTRADICTED, 9, 10, True),
        (Verdict.CONTRADICTED, 11, 10, False),
        (Verdict.CONTRADICTED, 9, 60, False),
        (Verdict.CONFIRMED, 9, 10, False),
    ],
)
def test_who_shows_more_than_it_was_just_sent_again_is_left_with_that_for_an_hour(
    verdict: Verdict, seen_minutes_ago: int, held_minutes_ago: int, *, is_in_vain: bool
) -> None:
    seen = Seen(at=NOW - seen_minutes_ago * MINUTE, verdict=verdict)
    held_since = NOW - held_minutes_ago * MINUTE
    assert is_rewritten_in_vain(seen, came=None, held_since=held_since, now=NOW) is is_in_vain
    assert not is_rewritten_in_vain(seen, came=NOW, held_since=held_since, now=NOW)


def silent(unanswered: Sequence[Command], *, seen: Seen | None = None, came_s: float = -3600) -> bool:
    return is_silent(unanswered, seen, came=NOW + seconds(came_s))


def test_a_charger_is_silent_until_it_comes_anew_or_was_read_back_since() -> None:
    asked = [refused(a_profile(), NOW - MINUTE, Outcome.NO_ANSWER)]
    assert silent(asked)
    assert not silent([])
    assert not silent(asked, came_s=-30)
    assert not silent(asked, seen=Seen(at=NOW, verdict=Verdict.CONFIRMED))
    assert silent(asked, seen=Seen(at=NOW, verdict=Verdict.CANNOT_TELL))
    assert silent(asked, seen=Seen(at=NOW - 2 * MINUTE, verdict=Verdict.CONFIRMED))


def test_a_tick_may_come_a_little_early() -> None:
    assert is_asked(refusals(14.5))
    assert JITTER < TICK / 2
