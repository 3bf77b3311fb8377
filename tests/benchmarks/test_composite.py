"""How long the composite schedule of a high stack takes: twenty profiles of 96 periods each over 24 h.

``python -m pytest tests/benchmarks/test_composite.py -s`` prints the figures, in time of
the processor: what else runs on the machine is not measured; a few seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from dispatch.composite import (
    Kind,
    Period,
    Profile,
    Purpose,
    Request,
    Running,
    Stack,
    Station,
    composite_schedule,
)
from dispatch.station import RateUnit

START = datetime(2025, 11, 10, 12, tzinfo=UTC)
DAY_S = 86_400
PROFILES, PERIODS = 20, 96
AT_MOST_MS = 5.0
RUNS = 50

UNITS: tuple[RateUnit, RateUnit] = ("A", "W")


def a_profile(number: int) -> Profile:
    """Quarter-hours, each profile shifted against the others, so that no two of them change at one instant."""
    unit = UNITS[number % 2]
    return Profile(
        evse_id=1,
        purpose=Purpose.TX_DEFAULT,
        stack_level=number,
        kind=Kind.ABSOLUTE,
        unit=unit,
        start=START - timedelta(seconds=37 * number),
        periods=tuple(
            Period(
                start_s=900 * step,
                limit=Decimal(60 + (7 * number + step) % 260) / 10 * (1 if unit == "A" else 690),
                number_phases=3,
            )
            for step in range(PERIODS)
        ),
    )


def overlapping(number: int) -> Profile:
    """Each level holds for the whole day: the highest is heard alone."""
    return a_profile(number)


def in_turn(number: int) -> Profile:
    """Each level is valid for its own 72 minutes of the day: every profile is heard."""
    begin = START + timedelta(minutes=72 * number)
    return replace(a_profile(number), valid_from=begin, valid_to=begin + timedelta(minutes=72))


def running_out(number: int) -> Profile:
    """The higher the level the sooner its schedule is over: each falls back to the one below it."""
    return replace(a_profile(number), duration_s=(PROFILES - number) * DAY_S // PROFILES)


def of_every_purpose(number: int) -> Profile:
    """Four leaders at every instant, none of which changes with another."""
    purpose = (Purpose.TX_DEFAULT, Purpose.TX, Purpose.STATION_MAX, Purpose.EXTERNAL)[number % 4]
    is_for_all = purpose in {Purpose.STATION_MAX, Purpose.EXTERNAL}
    return replace(a_profile(number), purpose=purpose, evse_id=0 if is_for_all else 1)


@pytest.mark.parametrize("shape", [overlapping, in_turn, running_out, of_every_purpose])
@pytest.mark.parametrize("evse_id", [0, 1])
def test_a_high_stack_is_resolved_at_once(shape: Callable[[int], Profile], evse_id: int) -> None:
    stack = Stack(
        ocpp="2.0.1",
        profiles=tuple(shape(number) for number in range(PROFILES)),
        running=(Running(evse_id=1, transaction_id="t1", start=START),),
    )
    request = Request(evse_id=evse_id, start=START, duration_s=DAY_S, unit="A")
    taken_ms = []
    for _ in range(RUNS):
        began = time.process_time()
        answer = composite_schedule(stack, request, Station())
        taken_ms.append(1000 * (time.process_time() - began))
    median_ms = statistics.median(taken_ms)
    print(f"\n{shape.__name__}, EVSE {evse_id}: {len(answer.periods)} periods, median {median_ms:.2f} ms")
    assert median_ms <= AT_MOST_MS
