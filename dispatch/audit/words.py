"""An audit's words for people: profiles, instants, and stretches of time in which limits differ. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch.composite import Limit
from dispatch.station import InstalledProfile, Purpose, StationProfile
from dispatch.validate import Difference, words

STRETCHES_TOLD = 3
"""Stretches that are told one by one; of more the number."""
PURPOSES = {
    Purpose.STATION_MAX: "the station's maximum",
    Purpose.TX_DEFAULT: "a default for sessions",
    Purpose.TX: "for a session",
    Purpose.EXTERNAL: "a limit from outside",
}


def hours(instant: datetime, *, at: datetime, zone: ZoneInfo) -> str:
    """An instant in local time, with its day where it is not within a day of ``at``."""
    is_near = abs(instant - at) < timedelta(days=1)
    return f"{instant.astimezone(zone):{'%H:%M' if is_near else '%Y-%m-%d %H:%M'}}"


def stretches(differences: Sequence[Difference], *, at: datetime, zone: ZoneInfo) -> str:
    """From when to when it allows how much, and what should hold then."""
    told = [
        f"from {hours(d.start, at=at, zone=zone)} to {hours(d.end, at=at, zone=zone)} "
        f"{words(d.said)} where {words(d.sent)} should hold"
        for d in differences[:STRETCHES_TOLD]
    ]
    more = len(differences) - len(told)
    return ", ".join(told) + (f", and {more} more" if more else "")


def described(installed: InstalledProfile, zone: ZoneInfo) -> str:
    """A profile in one line: what it is for, its stack level, its limits, how long it is valid, who has set it."""
    profile = installed.profile
    source = f", set by {installed.source}" if installed.source not in {None, "CSO"} else ""
    if profile is None:
        return f"{installed.description}{source}"
    parts = [f"{PURPOSES[profile.purpose]} at stack level {profile.stack_level}", _limits(profile)]
    if profile.kind != "absolute":
        parts.append(profile.kind.value)
    end = _end(profile)
    parts.append("without end" if end is None else f"until {end.astimezone(zone):%Y-%m-%d %H:%M}")
    return ", ".join(parts) + source


def _limits(profile: StationProfile) -> str:
    values = [
        words(Limit(value=value, unit=profile.unit))
        for value in sorted({period.limit for period in profile.periods})
    ]
    return values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"


def _end(profile: StationProfile) -> datetime | None:
    """When it is over for good."""
    ends = [] if profile.valid_to is None else [profile.valid_to]
    if profile.duration_s is not None and profile.kind == "absolute":
        ends.append(profile.start + timedelta(seconds=profile.duration_s))
    return min(ends, default=None)
