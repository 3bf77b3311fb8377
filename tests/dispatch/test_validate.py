"""Read-backs as real charge points give them, and meters, judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from dispatch.composite import Limit, Segment, effective
from dispatch.evidence import Verdict
from dispatch.safety import Place, Wiring
from dispatch.station import CompositeReply, MeterReading, Outcome, RateUnit
from dispatch.validate import Comparison, Finding, Grade, compare, judge_meter, words
from optimiser.depot import Connector
from tests.builders import a_dc_connector, an_ac_connector
from tests.dispatch.dispatch_builders import NOW, a_composite_reply, a_profile, seconds

ZONE = ZoneInfo("Europe/Berlin")


def a_wiring(connector: Connector | None = None, *, vehicle_phases: int | None = None) -> Wiring:
    return Wiring(
        place=Place("CP1", 1),
        connector=connector or an_ac_connector(),
        voltage_v=230.0,
        vehicle_phases=vehicle_phases,
    )


def should_hold(
    limits: Sequence[tuple[int, float]], *, unit: RateUnit = "A", number_phases: int | None = 3
) -> tuple[Segment, ...]:
    profile = a_profile(limits=limits, unit=unit, number_phases=number_phases)
    return effective([profile], transaction_id=None, start=NOW, end=NOW + seconds(3600))


def graded(
    answer: CompositeReply,
    *,
    limits: Sequence[tuple[int, float]] = ((0, 16.0), (1800, 8.0)),
    unit: RateUnit = "A",
    connector: Connector | None = None,
    number_phases: int | None = 3,
) -> Comparison:
    expected = should_hold(limits, unit=unit, number_phases=number_phases)
    return compare(expected, answer, wiring=a_wiring(connector), zone=ZONE)


def test_the_same_step_function_matches_also_split_into_more_periods() -> None:
    assert graded(a_composite_reply([(0, 16.0), (1800, 8.0)])).grade is Grade.MATCH
    assert graded(a_composite_reply([(0, 16.0), (900, 16.0), (1800, 8.0)])).grade is Grade.MATCH


def test_edges_may_be_off_by_seconds_and_limits_by_a_tenth_of_an_ampere() -> None:
    assert graded(a_composite_reply([(0, 15.9), (1803, 8.1)])).grade is Grade.MATCH
    assert graded(a_composite_reply([(0, 16.0), (1860, 8.0)])).grade is Grade.HIGHER


def test_periods_count_from_the_answers_own_start() -> None:
    late = a_composite_reply([(0, 16.0), (1790, 8.0)], start=NOW + seconds(10), duration_s=3590)
    assert graded(late).grade is Grade.MATCH


def test_a_clock_that_is_a_minute_off_leaves_nothing_uncovered() -> None:
    ahead = a_composite_reply([(0, 16.0), (1740, 8.0)], start=NOW + seconds(60), duration_s=3540)
    behind = a_composite_reply([(0, 16.0), (1860, 8.0)], start=NOW - seconds(60), duration_s=3600)
    assert graded(ahead).grade is Grade.MATCH
    assert graded(behind).grade is Grade.MATCH


def test_more_than_was_sent_is_higher_and_says_from_when() -> None:
    found = graded(a_composite_reply([(0, 16.0), (1800, 12.0)]))
    assert found.grade is Grade.HIGHER
    assert found.sentence == "from 19:30 it shows 12 A where 8 A should hold"
    assert found.finding.verdict is Verdict.CONTRADICTED


def test_less_than_was_sent_is_a_note_and_still_proves_the_limit() -> None:
    found = graded(a_composite_reply([(0, 10.0), (1800, 8.0)]))
    assert found.grade is Grade.LOWER
    assert found.finding == Finding(verdict=Verdict.CONFIRMED, sentence=found.sentence)
    assert "10 A where 16 A" in found.sentence


def test_every_difference_is_told_with_its_stretch_and_both_limits() -> None:
    found = graded(a_composite_reply([(0, 6.0), (900, 6.0), (1200, 16.0), (1800, 12.0)]))
    told = [
        (d.start - NOW, d.end - NOW, words(d.said), words(d.sent), d.is_higher) for d in found.differences
    ]
    assert told == [
        (seconds(0), seconds(1200), "6 A", "16 A", False),
        (seconds(1800), seconds(3600), "12 A", "8 A", True),
    ]
    assert graded(a_composite_reply([(0, 16.0), (1800, 8.0)])).differences == ()


def test_lower_in_one_stretch_does_not_hide_higher_in_another() -> None:
    assert graded(a_composite_reply([(0, 6.0), (1800, 12.0)])).grade is Grade.HIGHER


@pytest.mark.parametrize(
    "answer",
    [
        a_composite_reply([(0, -1.0)]),
        a_composite_reply([(0, 48.0)]),
        a_composite_reply([(0, 16.0), (1800, 8.0)], duration_s=2400),
        a_composite_reply([(600, 8.0)]),
    ],
    ids=["negative", "more than the hardware can", "ends too early", "begins too late"],
)
def test_a_stretch_that_shows_no_limit_has_none(answer: CompositeReply) -> None:
    assert graded(answer, limits=[(0, 8.0)]).grade is Grade.HIGHER


def test_no_limit_matches_where_the_full_current_is_allowed() -> None:
    assert graded(a_composite_reply([(0, -1.0)]), limits=[(0, 16.0)]).grade is Grade.MATCH
    assert graded(a_composite_reply([(0, 63.0)]), limits=[(0, 16.0)]).grade is Grade.MATCH


@pytest.mark.parametrize(
    "answer",
    [
        a_composite_reply(None, outcome=Outcome.REFUSED, reason="NotImplemented"),
        a_composite_reply(None),
        a_composite_reply([]),
    ],
    ids=["refused", "accepted without schedule", "no periods"],
)
def test_an_answer_without_schedule_proves_nothing(answer: CompositeReply) -> None:
    found = graded(answer)
    assert found.grade is Grade.UNUSABLE
    assert found.finding.verdict is Verdict.CANNOT_TELL
    assert found.sentence.startswith("cannot be read back")


def test_an_answer_in_another_unit_is_converted() -> None:
    in_watts = a_composite_reply([(0, 11000.0), (1800, 5520.0)], unit="W")
    assert graded(in_watts).grade is Grade.MATCH
    in_amperes = a_composite_reply([(0, 15.9)], unit="A")
    assert graded(in_amperes, limits=[(0, 11000.0)], unit="W").grade is Grade.MATCH


def test_where_phases_are_in_doubt_the_charger_gets_the_benefit() -> None:
    one_phase = a_composite_reply([(0, 3680.0)], unit="W", number_phases=None)
    assert graded(one_phase, limits=[(0, 16.0)], number_phases=None).grade is Grade.MATCH


def test_watts_may_be_off_by_a_hundredth() -> None:
    dc = a_dc_connector()
    for shown, grade in ((50_400.0, Grade.MATCH), (51_000.0, Grade.HIGHER), (40_000.0, Grade.LOWER)):
        answer = a_composite_reply([(0, shown)], unit="W", number_phases=None)
        found = graded(answer, limits=[(0, 50_000.0)], unit="W", connector=dc, number_phases=None)
        assert found.grade is grade


def metered(
    reading: MeterReading | None,
    *,
    limits: Sequence[tuple[int, float]] = ((0, 16.0), (1800, 8.0)),
    held_since: datetime | None = NOW,
    wiring: Wiring | None = None,
) -> Finding:
    in_force = effective([a_profile(limits=limits)], transaction_id=None, start=NOW)
    return judge_meter(
        reading, in_force, held_since=held_since, settle_s=30, wiring=wiring or a_wiring(), zone=ZONE
    )


def a_reading(
    *, after_s: float = 600, power_kw: float | None = None, current_a: float | None = None
) -> MeterReading:
    at = NOW + seconds(after_s)
    return MeterReading(at=at, received_at=at, power_kw=power_kw, current_a=current_a)


def test_a_vehicle_that_draws_what_is_allowed_confirms_the_limit() -> None:
    assert metered(a_reading(power_kw=11.2)).verdict is Verdict.CONFIRMED
    assert metered(a_reading(current_a=16.4)).verdict is Verdict.CONFIRMED
    assert metered(a_reading(power_kw=0.0)).verdict is Verdict.CONFIRMED


def test_a_vehicle_that_draws_more_contradicts_it_and_says_how_much() -> None:
    found = metered(a_reading(after_s=2400, power_kw=11.0))
    assert found.verdict is Verdict.CONTRADICTED
    assert found.sentence == "11.00 kW drawn at 19:40, 5.52 kW allowed"
    assert metered(a_reading(after_s=2400, current_a=9.0)).verdict is Verdict.CONTRADICTED


def test_within_the_settle_time_after_a_fall_the_limit_before_still_counts() -> None:
    assert metered(a_reading(after_s=1820, power_kw=11.0)).verdict is Verdict.CONFIRMED
    assert metered(a_reading(after_s=1840, power_kw=11.0)).verdict is Verdict.CONTRADICTED


@pytest.mark.parametrize("after_s", [-600, 0, 29])
def test_a_reading_from_before_the_limit_has_settled_tells_nothing(after_s: float) -> None:
    found = metered(a_reading(after_s=after_s, power_kw=11.0), limits=[(0, 6.0)])
    assert found.verdict is Verdict.CANNOT_TELL
    assert found.sentence == "no meter reading since the limit has settled"


def test_no_reading_or_one_without_power_and_current_tells_nothing() -> None:
    assert metered(None).verdict is Verdict.CANNOT_TELL
    assert metered(a_reading()).verdict is Verdict.CANNOT_TELL
    assert metered(a_reading(power_kw=1.0), held_since=None).verdict is Verdict.CANNOT_TELL


def test_power_is_held_against_the_phases_that_the_vehicle_has() -> None:
    wiring = a_wiring(vehicle_phases=1)
    assert metered(a_reading(power_kw=3.7), wiring=wiring).verdict is Verdict.CONFIRMED
    assert metered(a_reading(power_kw=7.4), wiring=wiring).verdict is Verdict.CONTRADICTED


def test_a_limit_is_expected_where_nothing_was_sent_only_by_the_hardware() -> None:
    open_end = (Segment(start=NOW, end=NOW + seconds(3600), limit=None),)
    answer = a_composite_reply([(0, 16.0)])
    assert compare(open_end, answer, wiring=a_wiring(), zone=ZONE).grade is Grade.MATCH
    limited = (Segment(start=NOW, end=NOW + seconds(3600), limit=Limit(value=6.0, unit="A")),)
    assert compare(limited, answer, wiring=a_wiring(), zone=ZONE).grade is Grade.HIGHER
