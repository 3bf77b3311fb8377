"""Periods of schedules on the wire, which every OCPP version writes alike: neutral periods to text and back.

Writing goes straight to JSON text: of the time that a profile of 96 periods took to be sent, three quarters went
into making dictionaries and then text of them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import NoneType
from typing import Any

from dispatch.payload import read_integer, read_number
from dispatch.station import RateUnit, SchedulePeriod
from optimiser.horizon import format_instant
from optimiser.units import floor_to_step

LIMIT_STEP = 0.1
"""A limit has at most one decimal (1.6 schema, ``multipleOf`` 0.1; in 2.0.1 the text says so). [A or W]"""
LARGEST_LIMIT = 1e12
"""Larger than all limits of a schedule together that are meant. [A or W]"""
PHASES_TEXT: Mapping[int | None, str] = {
    None: "",
    1: ',"numberPhases":1',
    2: ',"numberPhases":2',
    3: ',"numberPhases":3',
}
"""What is said of phases in a period."""
PLAIN = frozenset({int, float, NoneType})
"""Kinds of values in a period that need no second look."""
_START = operator.attrgetter("start_s")
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
    """Periods as the elements of a JSON list, or what is wrong with them."""

    text: str
    flaws: frozenset[Flaw]


def write_periods(periods: Sequence[SchedulePeriod]) -> WrittenPeriods:
    """Periods as they are sent: limits cut down to one decimal, no phases where there are none."""
    starts = [period.start_s for period in periods]
    limits = [period.limit for period in periods]
    phases = [period.number_phases for period in periods]
    # Whole lists at a time: a loop that looks at each period takes twice as long.
    found = {
        Flaw.FIRST: not starts or starts[0] != 0,
        Flaw.ORDER: not all(map(operator.lt, starts, starts[1:])),
        # The sum is what shows a limit that is no number, as min and max may pass it over.
        Flaw.LIMIT: bool(limits) and not (min(limits) >= 0 and sum(limits) < LARGEST_LIMIT),
        Flaw.PHASES: not PHASES_TEXT.keys() >= set(phases),
    }
    flaws = frozenset(flaw for flaw, is_there in found.items() if is_there)
    if flaws:
        return WrittenPeriods(text="", flaws=flaws)
    parts = [
        f'{{"startPeriod":{start_s},"limit":{limit}{PHASES_TEXT[number]}}}'
        for start_s, limit, number in zip(starts, map(limit_text, limits), phases, strict=True)
    ]
    return WrittenPeriods(text=",".join(parts), flaws=flaws)


@lru_cache(maxsize=4096)
def limit_text(limit: float) -> str:
    """A limit as it is sent: 5.76 as 5.7, 16.0 as 16. Never above what it is."""
    cut = floor_to_step(limit, LIMIT_STEP)
    return str(int(cut)) if cut.is_integer() else repr(cut)


@lru_cache(maxsize=256)
def instant_text(instant: datetime) -> str:
    """An instant as it is sent. Kept, as the profiles of a night share a handful of them."""
    return format_instant(instant)


def read_periods(periods: Any) -> tuple[SchedulePeriod, ...]:
    """The periods of a charge point in ascending order; none at all if one of them cannot be read.

    Limits are as they came, negative ones too.
    """
    read: list[SchedulePeriod] = []
    for period in periods if isinstance(periods, list) else []:
        fields = period if isinstance(period, dict) else {}
        values = fields.get("startPeriod"), fields.get("limit"), fields.get("numberPhases")
        known = _read_period(*values) if PLAIN.issuperset(map(type, values)) else _read_any_period(*values)
        if known is None:
            return ()
        if known.start_s < LONGEST_S:
            read.append(known)
    return tuple(sorted(read, key=_START))


def _read_any_period(start: Any, limit: Any, phases: Any) -> SchedulePeriod | None:
    """One period; None for one that cannot be read."""
    start_s, value = read_integer(start), read_number(limit)
    if start_s is None or start_s < 0 or value is None or math.isnan(value):
        return None
    number = read_integer(phases)
    # MicroOcpp says -1 for "no limit", and then also -1 phases.
    number_phases = number if number is not None and number > 0 else None
    return SchedulePeriod(start_s=start_s, limit=value, number_phases=number_phases)


_read_period = lru_cache(maxsize=65536, typed=True)(_read_any_period)
"""The same of plain numbers. Kept, as the chargers of a depot show the same quarters and currents again and again:
reading them anew took a tenth of the time that a push takes for a charger."""


def read_duration_s(duration: Any) -> int | None:
    """How long a schedule of a charge point is; None where it does not say. [s]"""
    number = read_integer(duration)
    return min(number, LONGEST_S) if number is not None and number > 0 else None


def read_unit(unit: Any) -> RateUnit | None:
    """The unit of a schedule."""
    return "A" if unit == "A" else "W" if unit == "W" else None
