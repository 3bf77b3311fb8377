"""Equal steps in UTC: the night as a row of numbered intervals. The only place that converts time zones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class TimeError(ValueError):
    """A time that names no instant, or two."""


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """``steps`` intervals of ``step_s`` seconds from ``start``, half-open: a step holds its start, not its end.

    ``start`` is kept in UTC; ``timezone`` (IANA) is the depot's, for people.
    """

    start: datetime
    step_s: int
    steps: int
    timezone: str

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise TimeError("a horizon starts at an instant: found a time without offset")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        if self.step_s <= 0 or self.steps <= 0:
            raise TimeError(
                f"a horizon has at least one step of positive length: found {self.steps} × {self.step_s} s"
            )

    @classmethod
    def for_night(cls, night: date, *, start: time, end: time, step_minutes: int, timezone: str) -> Horizon:
        """The horizon of the night that starts on the local date ``night`` and ends on the next day.

        A night across a clock change is an hour shorter or longer: in Berlin from noon to noon 92 quarters
        on 2025-03-29, 96 on most days and 100 on 2025-10-25.
        """
        zone = ZoneInfo(timezone)
        if night == date.max:
            raise TimeError(f"{night} has no next day on which a night could end")
        first = instant_from_local(datetime.combine(night, start), zone)
        last = instant_from_local(datetime.combine(night + timedelta(days=1), end), zone)
        step_s = step_minutes * 60
        duration_s = int((last - first).total_seconds())
        steps, rest_s = divmod(duration_s, step_s)
        if rest_s or steps <= 0:
            raise TimeError(
                f"horizon of {night}: {duration_s // 60} minutes from {start:%H:%M} to {end:%H:%M} "
                f"are not a whole number of {step_minutes}-minute steps"
            )
        return cls(start=first, step_s=step_s, steps=steps, timezone=timezone)

    @property
    def end(self) -> datetime:
        """The first instant after the last step."""
        return self.start + timedelta(seconds=self.step_s * self.steps)

    @property
    def step_h(self) -> float:
        """Length of a step. [h]"""
        return self.step_s / 3600.0

    @property
    def zone(self) -> ZoneInfo:
        """The depot's time zone."""
        return ZoneInfo(self.timezone)

    def starts(self) -> list[datetime]:
        """Start of every step, in UTC."""
        return [self.start + timedelta(seconds=self.step_s * step) for step in range(self.steps)]

    def local(self, instant: datetime) -> datetime:
        """An instant as the depot's wall clock shows it."""
        return instant.astimezone(self.zone)

    def position(self, instant: datetime) -> float:
        """Where an instant lies, counted in steps from the start; below 0 and above ``steps`` outside."""
        return (instant - self.start).total_seconds() / self.step_s

    def presence(self, arrival: datetime, departure: datetime) -> FloatArray:
        """Share of every step, 0 to 1, that lies between arrival and departure; shape (steps,)."""
        edges = np.arange(self.steps, dtype=float)
        first, last = self.position(arrival), self.position(departure)
        shares: FloatArray = np.minimum(edges + 1.0, last) - np.maximum(edges, first)
        shares[shares < 1e-9] = 0.0
        return np.clip(shares, 0.0, 1.0)

    def from_step(self, step: int) -> Horizon:
        """The rest of the horizon from a step on."""
        return Horizon(
            start=self.start + timedelta(seconds=self.step_s * step),
            step_s=self.step_s,
            steps=self.steps - step,
            timezone=self.timezone,
        )

    def resample(
        self,
        starts: Sequence[datetime],
        values: Sequence[float],
        *,
        end: datetime,
        how: Literal["mean", "max", "min"],
    ) -> FloatArray:
        """A step function (``values[i]`` from ``starts[i]`` to ``starts[i+1]``, the last to ``end``) on the steps.

        Where a step holds several values, ``how`` decides: the mean of prices, the highest of base loads,
        the lowest of limits. Raises :class:`TimeError` if the function does not cover the horizon.
        """
        if not starts or starts[0] > self.start or end < self.end:
            raise TimeError("a series covers the whole horizon")
        edges = np.array([self.position(instant) for instant in [*starts, end]])
        levels = np.asarray(values, dtype=float)
        result = np.empty(self.steps)
        for step in range(self.steps):
            overlap = np.minimum(edges[1:], step + 1.0) - np.maximum(edges[:-1], float(step))
            held = overlap > 1e-9
            if how == "mean":
                result[step] = float(np.average(levels[held], weights=overlap[held]))
            else:
                result[step] = float(levels[held].max() if how == "max" else levels[held].min())
        return result


def instant_from_local(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, of a wall-clock time without offset.

    Raises :class:`TimeError` for a time that the clocks skip in spring or show twice in autumn, and says
    which offsets would tell the two apart.
    """
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return _in_utc(first)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise TimeError(f"{local.isoformat()} does not exist in {zone.key}: the clocks skip it")
    raise TimeError(
        f"{local.isoformat()} exists twice in {zone.key}: write {first.isoformat()} or {second.isoformat()}"
    )


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """An ISO 8601 timestamp as an instant in UTC; without an offset it is local to ``zone``.

    Raises :class:`TimeError` for text that is no timestamp and for local times that name no single instant.
    """
    try:
        stamp = datetime.fromisoformat(text.strip())
    except ValueError:
        raise TimeError(
            f"{text!r} is not a timestamp such as 2025-11-10T17:50, 2025-11-10T17:50+01:00 or 2025-11-10T16:50Z"
        ) from None
    return instant_from_local(stamp, zone) if stamp.tzinfo is None else _in_utc(stamp)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise TimeError(f"{moment.isoformat()} is outside the calendar") from None


def format_instant(instant: datetime) -> str:
    """An instant as ``YYYY-MM-DDTHH:MM:SSZ``: whole seconds, UTC, the only form every charger reads.

    Several chargers fail on fractions, and two stacks read an offset as if it were Z.
    """
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
