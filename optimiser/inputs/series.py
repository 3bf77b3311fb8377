"""Time series of a night: rows that each hold until the next, checked for order, gaps and cover.

Knows how a series may be written; the steps themselves are :meth:`optimiser.horizon.Horizon.resample`'s.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from optimiser.horizon import FloatArray, Horizon
from optimiser.inputs.files import Folder

REGULAR_SHARE = 2 / 3
"""Share of equal spacings from which on a series counts as regular, so that a longer one can be a gap."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """The start of a row, the line on which it stands and its values by column."""

    line: int
    start: datetime
    values: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class TimeSeries:
    """A series that covers its horizon; ``points`` rise strictly and the last holds until ``end``."""

    name: str
    points: tuple[Point, ...]
    end: datetime

    def on(self, horizon: Horizon, column: str, *, how: Literal["mean", "max", "min"]) -> FloatArray:
        """One column on the steps of a horizon, shape (steps,)."""
        starts = [point.start for point in self.points]
        values = [point.values[column] for point in self.points]
        return horizon.resample(starts, values, end=self.end, how=how)


def checked_series(folder: Folder, name: str, points: list[Point], horizon: Horizon) -> TimeSeries | None:
    """The series of these points, or None with every problem of its times noted."""
    before = len(folder.problems)
    ordered = _ordered(folder, name, points, horizon)
    if not ordered:
        return None
    spacings = [later.start - earlier.start for earlier, later in pairwise(ordered)]
    for place in _gaps(spacings):
        first, second = ordered[place], ordered[place + 1]
        folder.complain(
            f"{name} line {second.line}, start",
            found=f"a gap of {_minutes(spacings[place])} min from {_local(horizon, first.start)} "
            f"to {_local(horizon, second.start)}",
            allowed=f"a row every {_minutes(_common(spacings)[0])} min as in the rest of the file",
        )
    end = ordered[-1].start + spacings[-1] if spacings else max(horizon.end, ordered[-1].start)
    _check_cover(folder, name, ordered, end, horizon)
    if len(folder.problems) > before:
        return None
    return TimeSeries(name=name, points=tuple(ordered), end=end)


def _ordered(folder: Folder, name: str, points: list[Point], horizon: Horizon) -> list[Point]:
    """The points that rise; each that does not is a problem."""
    ordered: list[Point] = []
    for point in points:
        if not ordered or point.start > ordered[-1].start:
            ordered.append(point)
            continue
        last = ordered[-1]
        again = point.start == last.start
        folder.complain(
            f"{name} line {point.line}, start",
            found=f"{_local(horizon, point.start)} {'again' if again else 'after'} "
            f"{'' if again else _local(horizon, last.start) + ' '}(line {last.line})",
            allowed="times that rise from row to row",
        )
    return ordered


def _common(spacings: list[timedelta]) -> tuple[timedelta, int]:
    return Counter(spacings).most_common(1)[0]


def _gaps(spacings: list[timedelta]) -> list[int]:
    """Places of spacings that are gaps: in a regular series, longer than usual and than both neighbours.

    A series that changes from hours to quarters, or a tariff that changes at 22:00 and 06:00, has none.
    """
    if len(spacings) < 3:
        return []
    common, count = _common(spacings)
    if count < REGULAR_SHARE * len(spacings):
        return []
    return [
        place
        for place, spacing in enumerate(spacings)
        if spacing > common
        and all(spacing > spacings[n] for n in (place - 1, place + 1) if 0 <= n < len(spacings))
    ]


def _check_cover(folder: Folder, name: str, points: list[Point], end: datetime, horizon: Horizon) -> None:
    covers = f"a series from {_local(horizon, points[0].start)} to {_local(horizon, end)}"
    needed = f"one that covers {_local(horizon, horizon.start)} to {_local(horizon, horizon.end)}"
    if points[0].start > horizon.start:
        folder.complain(
            f"{name} line {points[0].line}, start", found=f"{covers}, which begins too late", allowed=needed
        )
    if end < horizon.end:
        folder.complain(
            f"{name} line {points[-1].line}, start", found=f"{covers}, which ends too early", allowed=needed
        )


def _minutes(spacing: timedelta) -> str:
    return f"{spacing.total_seconds() / 60:g}"


def _local(horizon: Horizon, instant: datetime) -> str:
    return horizon.local(instant).isoformat(timespec="minutes")
