"""Planned against read back against metered: what each look at a connector proves. Pure.

Only a charger that draws, or will draw, more than it should is contradicted; less is a note, and an answer
that cannot be read proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from dispatch.charger import Capabilities
from dispatch.composite import DEFAULT_PHASES, Limit, Segment, limit_of
from dispatch.evidence import Verdict
from dispatch.safety import Wiring
from dispatch.station import CompositeReply, CompositeSchedule, MeterReading, Outcome, RateUnit

TOLERANCE_A = 0.1
"""One step of what OCPP carries. [A]"""
TOLERANCE_PERCENT = 1.0
"""For limits in W. [%]"""
TIME_TOLERANCE = timedelta(seconds=5)
"""How long two step functions may differ at an edge: chargers round their answers to whole seconds or more."""
CLOCK_TOLERANCE = timedelta(seconds=120)
"""How far a charger's clock may be off before what its answer leaves open at either end counts as uncovered."""
METER_TOLERANCE_PERCENT = 5.0
METER_TOLERANCE_A = 0.5
"""What a charger's own meter and the vehicle's regulation may be off, whichever of the two is more."""


class Grade(StrEnum):
    """How a read-back compares with what should hold."""

    MATCH = "match"
    LOWER = "lower"
    HIGHER = "higher"
    UNUSABLE = "unusable"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A verdict and the sentence that says why, empty where there is nothing to say."""

    verdict: Verdict
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A stretch in which ``said`` is not what was ``sent``; None is no limit. ``is_higher``: it allows more."""

    start: datetime
    end: datetime
    sent: Limit | None
    said: Limit | None
    is_higher: bool


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Grade of a read-back, with the first difference in words, and all of them in order."""

    grade: Grade
    sentence: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def finding(self) -> Finding:
        """What the grade proves: a limit lower than expected is still one that holds."""
        verdict = {
            Grade.MATCH: Verdict.CONFIRMED,
            Grade.LOWER: Verdict.CONFIRMED,
            Grade.HIGHER: Verdict.CONTRADICTED,
            Grade.UNUSABLE: Verdict.CANNOT_TELL,
        }[self.grade]
        return Finding(verdict=verdict, sentence=self.sentence)


def compare(
    expected: Sequence[Segment],
    answer: CompositeReply,
    *,
    wiring: Wiring,
    zone: ZoneInfo,
    habits: Capabilities | None = None,
) -> Comparison:
    """Compare what should hold with a charger's composite schedule, as step functions in absolute time.

    ``expected`` has no gaps and an end. Where the charger shows no period, a negative limit or one that its
    hardware cannot reach, nothing limits it: stacks fill such stretches in different ways. ``habits`` are the
    charger's own, by which its answer is read; another unit is only believed where it fits exactly.
    """
    habits = habits or Capabilities()
    schedule = answer.schedule
    if answer.reply.outcome is not Outcome.ACCEPTED or schedule is None:
        reason = answer.reply.reason or "no schedule in its answer"
        return Comparison(grade=Grade.UNUSABLE, sentence=f"cannot be read back: {reason}")
    if not schedule.periods and habits.read_back_empty == "unreadable":
        return Comparison(grade=Grade.UNUSABLE, sentence="cannot be read back: no period in its answer")
    found = _compare(expected, schedule, wiring=wiring, zone=zone, habits=habits)
    if found.grade is Grade.HIGHER and habits.read_back_unit == "either":
        relabelled = schedule.model_copy(update={"unit": "W" if schedule.unit == "A" else "A"})
        other = _compare(expected, relabelled, wiring=wiring, zone=zone, habits=habits)
        found = other if other.grade is Grade.MATCH else found
    return found


def _compare(
    expected: Sequence[Segment],
    schedule: CompositeSchedule,
    *,
    wiring: Wiring,
    zone: ZoneInfo,
    habits: Capabilities,
) -> Comparison:
    begin, end = expected[0].start, expected[-1].end
    assert end is not None, "a comparison ends where the question for the schedule ended"
    answer_end = schedule.start + timedelta(seconds=schedule.duration_s)
    tolerance = timedelta.max if habits.read_back_span == "as_told" else CLOCK_TOLERANCE
    if timedelta(0) < schedule.start - begin <= tolerance:
        begin = schedule.start
    if timedelta(0) < end - answer_end <= tolerance:
        end = answer_end
    if begin >= end:
        return Comparison(grade=Grade.UNUSABLE, sentence="cannot be read back: its answer is of another time")
    found = differences(expected, shown_segments(schedule), begin=begin, end=end, wiring=wiring)
    if not found:
        return Comparison(grade=Grade.MATCH)
    higher = [difference for difference in found if difference.is_higher]
    first = (higher or found)[0]
    sentence = f"from {first.start.astimezone(zone):%H:%M} it shows {words(first.said)} where {words(first.sent)} should hold"
    return Comparison(grade=Grade.HIGHER if higher else Grade.LOWER, sentence=sentence, differences=found)


def differences(
    sent: Sequence[Segment], said: Sequence[Segment], *, begin: datetime, end: datetime, wiring: Wiring
) -> tuple[Difference, ...]:
    """Where two step functions differ by more than what they are told in leaves open, equal neighbours merged.

    Stretches no longer than the time tolerance are passed over. Both are in ascending order.
    """
    found: list[Difference] = []
    edges = sorted({begin, *(s.start for s in (*sent, *said) if begin < s.start < end), end})
    stretches = [(start, end) for start, end in pairwise(edges) if end - start > TIME_TOLERANCE]
    middles = [start + (end - start) / 2 for start, end in stretches]
    limits = zip(_limits_at(sent, middles), _limits_at(said, middles), strict=True)
    for (start, following), (one, other) in zip(stretches, limits, strict=True):
        excess = 0.0 if one is other or one == other else _excess(one, other, wiring)
        if excess == 0:
            continue
        new = Difference(start=start, end=following, sent=one, said=other, is_higher=excess > 0)
        if found and replace(found[-1], start=start, end=following) == new and found[-1].end == start:
            found[-1] = replace(found[-1], end=following)
        else:
            found.append(new)
    return tuple(found)


def judge_meter(
    reading: MeterReading | None,
    in_force: Sequence[Segment],
    *,
    held_since: datetime | None,
    settle_s: int,
    wiring: Wiring,
    zone: ZoneInfo,
) -> Finding:
    """Judge a running transaction's meter reading by its own time against the limit that held then.

    ``in_force`` covers the settle time before the reading. ``held_since``: when the last profile was
    accepted; a reading from before that, or within the settle time after it, tells nothing.
    """
    if reading is None or (reading.power_kw is None and reading.current_a is None):
        return Finding(verdict=Verdict.CANNOT_TELL, sentence="no meter reading of power or current")
    settled_from = reading.at - timedelta(seconds=settle_s)
    if held_since is None or settled_from < held_since:
        return Finding(verdict=Verdict.CANNOT_TELL, sentence="no meter reading since the limit has settled")
    limits = [s.limit for s in in_force if s.start <= reading.at and (s.end is None or s.end > settled_from)]
    highest = max((wiring.draw(limit) for limit in limits), key=lambda draw: draw.kw, default=wiring.full)
    tolerance = METER_TOLERANCE_PERCENT / 100.0
    if reading.power_kw is not None:
        phases = wiring.counted_phases or DEFAULT_PHASES
        slack_kw = max(tolerance * highest.kw, METER_TOLERANCE_A * phases * wiring.voltage_v / 1000.0)
        is_kept = reading.power_kw <= highest.kw + slack_kw
        sentence = f"{reading.power_kw:.2f} kW drawn at {reading.at.astimezone(zone):%H:%M}, {highest.kw:.2f} kW allowed"
    else:
        assert reading.current_a is not None
        slack_a = max(tolerance * highest.phase_a, METER_TOLERANCE_A)
        is_kept = reading.current_a <= highest.phase_a + slack_a
        sentence = f"{reading.current_a:.1f} A drawn at {reading.at.astimezone(zone):%H:%M}, {highest.phase_a:.1f} A allowed"
    return Finding(verdict=Verdict.CONFIRMED if is_kept else Verdict.CONTRADICTED, sentence=sentence)


def shown_segments(schedule: CompositeSchedule) -> list[Segment]:
    """What a composite schedule says, and after its end nothing."""
    end = schedule.start + timedelta(seconds=schedule.duration_s)
    starts = [schedule.start + timedelta(seconds=period.start_s) for period in schedule.periods]
    return [
        Segment(
            start=start,
            end=min(following, end),
            limit=limit_of(period.limit, schedule.unit, period.number_phases),
        )
        for start, following, period in zip(starts, [*starts, end][1:], schedule.periods, strict=True)
        if start < end
    ] + [Segment(start=end, end=None, limit=None)]


def _limits_at(segments: Sequence[Segment], instants: Sequence[datetime]) -> list[Limit | None]:
    """The limit at each of the instants; both in ascending order."""
    limits: list[Limit | None] = []
    left = iter(segments)
    segment = next(left, None)
    for instant in instants:
        while segment is not None and segment.end is not None and segment.end <= instant:
            segment = next(left, None)
        limits.append(None if segment is None or instant < segment.start else segment.limit)
    return limits


def _excess(sent: Limit | None, said: Limit | None, wiring: Wiring) -> float:
    """By how much a charger shows more than was sent, in the unit of what was sent; 0 within tolerance.

    Where the units differ and the phases are in doubt, the reading most in favour of the charger counts.
    """
    unit: RateUnit = sent.unit if sent is not None else "W" if wiring.connector.is_dc else "A"
    tolerance = TOLERANCE_A + 1e-6
    if unit == "W":
        tolerance = max(1.0, 0.0 if sent is None else TOLERANCE_PERCENT / 100.0 * sent.value)
    expected = _value(sent, unit, DEFAULT_PHASES, wiring)
    doubtful = {limit.number_phases for limit in (sent, said) if limit is not None} - {None}
    differences = [
        _value(said, unit, phases or DEFAULT_PHASES, wiring) - expected for phases in doubtful or {1, 3}
    ]
    if any(abs(difference) <= tolerance for difference in differences):
        return 0.0
    return min(differences)


def _value(limit: Limit | None, unit: RateUnit, phases: int, wiring: Wiring) -> float:
    """A limit in a unit, at most what the hardware can reach. [A or W]"""
    connector = wiring.connector
    full_w = connector.max_kw * 1000.0 if connector.is_dc else wiring.full_kw * 1000.0
    full = connector.max_current_a if unit == "A" else full_w
    if limit is None or limit.value < 0:
        return full
    value = limit.value
    if limit.unit != unit:
        volts = wiring.voltage_v * phases
        value = value / volts if unit == "A" else value * volts
    return min(value, full)


def words(limit: Limit | None) -> str:
    """A limit as people read it."""
    if limit is None or limit.value < 0:
        return "no limit"
    return f"{limit.value:g} {limit.unit}"
