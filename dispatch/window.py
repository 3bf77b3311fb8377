"""The part of a schedule that comes next, for a charger that holds too few periods for all of it. Pure.

It is sent anew whenever the present leaves it, so that nothing of the plan is lost but the seconds before a tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from optimiser.profiles import ChargingProfile, Period

REACH = timedelta(minutes=30)
"""How long a window must last before what comes after it may be allowed nothing: two ticks of a quarter of an hour."""


def window(profile: ChargingProfile, most: int, *, at: datetime) -> ChargingProfile:
    """What of a schedule holds at an instant and after it, in at most ``most`` periods, never above the schedule.

    It lasts until the schedule's end where its last period can go on that long at the lowest of what comes, or at what
    it is. Where that would leave out what comes within :data:`REACH`, it ends where its last period does.
    """
    begun = [number for number, period in enumerate(profile.periods) if period.start <= at]
    rest = profile.periods[begun[-1] if begun else 0 :]
    if len(rest) <= most:
        return replace(profile, periods=rest)
    whole = (*rest[: most - 1], _lowest_of(rest[most - 1 :]))
    is_lossless = whole[-1].limit_kw == rest[most - 1].limit_kw
    if is_lossless or (most > 1 and whole[-1].start - at >= REACH):
        return replace(profile, periods=whole)
    return replace(profile, periods=rest[:most])


def _lowest_of(periods: Sequence[Period]) -> Period:
    """One period instead of several, at the lowest of their limits; nothing where their phases differ."""
    lowest = min(periods, key=lambda period: period.limit_kw)
    if len({period.phases for period in periods if period.limit_kw > 0}) > 1 and lowest.limit_kw > 0:
        lowest = replace(lowest, limit_kw=0.0, limit_a=None if lowest.limit_a is None else 0.0)
    return replace(lowest, start=periods[0].start, end=periods[-1].end)
