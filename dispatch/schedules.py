"""Periods of schedules on the wire, which every OCPP version writes alike: neutral periods to text and back.

Writing goes straight to JSON text: of the time that a profile of 96 periods took to be sent, three quarters went
into making dictionaries and then text of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from dispatch.payload import read_integer, read_number
from dispatch.station import RateUnit, SchedulePeriod
from optimiser.units import floor_to_step

LIMIT_STEP = 0.1
"""A limit has at most one decimal (1.6 schema, ``multipleOf`` 0.1; in 2.0.1 the text says so). [A or W]"""
LARGEST_LIMIT = 1e9
"""Larger than any limit that is meant. [A or W]"""
LONGEST_S = 365 * 24 * 3600
"""What a charge point says about later than in a year is left out; some answer with 270,000 years. [s]"""


class Flaw(StrEnum):
    """What must not be sent."""

    FIRST = "the first period must start at 0 s"
    ORDER = "periods must ascend"
    LIMIT = "a limit must be a number, 0 or above"
    PHASES = "there are 1 to 3 phases"


@dataclass(frozen=True, kw_only=True)
class WrittenPeriods:
    """Periods as the elements of a JSON list, and what is wrong with them; where something is, they are not whole."""

    text: str
    flaws: frozenset[Flaw]


def write_periods(periods: Sequence[SchedulePeriod]) -> WrittenPeriods:
    """Periods as they are sent: limits cut down to one decimal, no phases where there are none."""
    flaws: set[Flaw] = set()
    parts: list[str] = []
    before_s = -1
    for period in periods:
        start_s, limit, phases = period.start_s, period.limit, period.number_phases
        if start_s <= before_s:
            flaws.add(Flaw.ORDER)
        before_s = start_s
        if not 0 <= limit < LARGEST_LIMIT:  # also not for what is no number
            flaws.add(Flaw.LIMIT)
        elif phases is None:
            parts.append(f'{{"startPeriod":{start_s},"limit":{limit_text(limit)}}}')
        else:
            parts.append(f'{{"startPeriod":{start_s},"limit":{limit_text(limit)},"numberPhases":{phases}}}')
            if not 1 <= phases <= 3:
                flaws.add(Flaw.PHASES)
    if not periods or periods[0].start_s != 0:
        flaws.add(Flaw.FIRST)
    return WrittenPeriods(text=",".join(parts), flaws=frozenset(flaws))


@lru_cache(maxsize=4096)
def limit_text(limit: float) -> str:
    """A limit as it is sent: 5.76 as 5.7, 16.0 as 16. Never above what it is."""
    cut = floor_to_step(limit, LIMIT_STEP)
    return str(int(cut)) if cut.is_integer() else repr(cut)


def read_periods(periods: Any) -> tuple[SchedulePeriod, ...]:
    """The periods of a charge point in ascending order; none at all if one of them cannot be read.

    Limits are as they came, negative ones too.
    """
    read: list[SchedulePeriod] = []
    for period in periods if isinstance(periods, list) else []:
        fields = period if isinstance(period, dict) else {}
        start, limit = read_integer(fields.get("startPeriod")), read_number(fields.get("limit"))
        if start is None or start < 0 or limit is None or math.isnan(limit):
            return ()
        phases = read_integer(fields.get("numberPhases"))
        # MicroOcpp says -1 for "no limit", and then also -1 phases.
        number_phases = phases if phases is not None and phases > 0 else None
        if start < LONGEST_S:
            read.append(SchedulePeriod(start_s=start, limit=limit, number_phases=number_phases))
    return tuple(sorted(read, key=lambda period: period.start_s))


def read_duration_s(duration: Any) -> int | None:
    """How long a schedule of a charge point is; None where it does not say. [s]"""
    number = read_integer(duration)
    return min(number, LONGEST_S) if number is not None and number > 0 else None


def read_unit(unit: Any) -> RateUnit | None:
    """The unit of a schedule."""
    return "A" if unit == "A" else "W" if unit == "W" else None
