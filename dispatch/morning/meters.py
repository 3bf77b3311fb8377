"""What meters say of energy and power, and of when they say nothing. Pure.

Registers are believed before samples of power: between two readings of a register the energy is known whatever
happened, and its mean power is what is billed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dispatch.morning.sessions import Session, Span, reading_time
from dispatch.station import MeterReading
from optimiser.horizon import FloatArray, Horizon

BoolArray = npt.NDArray[np.bool_]

TELLS_FOR_S = 20 * 60.0
"""How far apart two readings may be for the power between them to be known: chargers that sample every quarter of
an hour do so, with some delay. [s]"""
CLOSE_S = 2 * 60.0
"""Between readings this near to each other a mean says what was drawn at any time, whatever was allowed. [s]"""
SPREAD_AS_ALLOWED = 1.05
"""Up to this much of what was allowed between two readings, a meter shows a vehicle that obeys: meters and vehicles
are off by some percent."""
IDLE_KW = 0.05
"""A mean below this over any time is a connector at which nobody charged. [kW]"""
IMPLAUSIBLE = 1.1
"""A register that gains more than this much of what the connector can draw was set anew."""
REGISTER_STEP_KWH = 0.01
"""What rounding may add to the gain of a register: chargers tell whole Wh, some whole tens of them. [kWh]"""


@dataclass(frozen=True, kw_only=True)
class Minutes:
    """The minutes of a night, from ``start`` on."""

    start: datetime
    count: int

    @classmethod
    def of(cls, horizon: Horizon, *, until: datetime) -> Minutes:
        """Those of a horizon that are over."""
        whole = int((min(until, horizon.end) - horizon.start).total_seconds() // 60)
        return cls(start=horizon.start, count=max(0, whole))

    @property
    def end(self) -> datetime:
        """The end of the last."""
        return self.instant(self.count)

    def instant(self, minute: int) -> datetime:
        """When a minute begins."""
        return self.start + timedelta(minutes=minute)

    def position(self, instant: datetime) -> float:
        """Where an instant lies, in minutes from the start."""
        return (instant - self.start).total_seconds() / 60.0

    def edges(self) -> FloatArray:
        """Both ends of every minute, in seconds from the start."""
        return np.arange(self.count + 1, dtype=float) * 60.0

    def from_steps(self, values: Sequence[float], step_s: int) -> FloatArray:
        """A value per step of the horizon as one per minute."""
        steps = (np.arange(self.count) * 60 // step_s).astype(int)
        return np.asarray(values, dtype=float)[steps] if self.count else np.zeros(0)


@dataclass(frozen=True, kw_only=True)
class Metering:
    """One connector's energy over time. ``at_s`` from the night's start, ``energy_kwh`` since the first reading.

    Between two readings ``is_known`` says whether the energy between them is, ``is_told`` whether its power is;
    unknown energy counts as none.
    """

    at_s: FloatArray
    energy_kwh: FloatArray
    is_known: BoolArray
    is_told: BoolArray

    def gained_kwh(self, begin_s: float, end_s: float) -> tuple[float, float]:
        """Energy that is known between two times [kWh], and how much of that time nothing is known of. [s]"""
        if end_s <= begin_s:
            return 0.0, 0.0
        if not len(self.at_s):
            return 0.0, end_s - begin_s
        low_kwh, high_kwh = np.interp([begin_s, end_s], self.at_s, self.energy_kwh)
        known_s = _covered(self._spans(self.is_known), np.array([begin_s, end_s]))[0]
        return float(high_kwh - low_kwh), max(0.0, end_s - begin_s - float(known_s))

    def per_minute_kwh(self, minutes: Minutes, *, allowed_kw: FloatArray) -> FloatArray:
        """Known energy of every minute. [kWh]

        Between two readings it is spread as it was allowed, where that allowed as much: evenly spread, two
        connectors that take turns would seem to draw at once.
        """
        if len(self.at_s) < 2:
            return np.zeros(minutes.count)
        edges = minutes.edges()
        allowed_kwh = np.concatenate([[0.0], np.cumsum(allowed_kw)]) / 60.0
        at_points = np.interp(self.at_s, edges, allowed_kwh)
        room_kwh, gained_kwh = np.diff(at_points), np.diff(self.energy_kwh)
        is_within = (room_kwh > 0.0) & (gained_kwh <= SPREAD_AS_ALLOWED * room_kwh)
        segment = np.clip(np.searchsorted(self.at_s, edges, side="right") - 1, 0, len(gained_kwh) - 1)
        evenly = (edges - self.at_s[segment]) / np.diff(self.at_s)[segment]
        as_allowed = (allowed_kwh - at_points[segment]) / np.where(is_within, room_kwh, 1.0)[segment]
        share = np.clip(np.where(is_within[segment], as_allowed, evenly), 0.0, 1.0)
        return np.diff(self.energy_kwh[segment] + share * gained_kwh[segment])

    def most_kw(self, minutes: Minutes) -> FloatArray:
        """The highest mean of every minute that leaves the energy between readings what it is. [kW]"""
        if len(self.at_s) < 2:
            return np.zeros(minutes.count)
        edges, last = minutes.edges(), len(self.at_s) - 1
        before = np.clip(np.searchsorted(self.at_s, edges[:-1], side="right") - 1, 0, last)
        after = np.clip(np.searchsorted(self.at_s, edges[1:], side="left"), 0, last)
        return (self.energy_kwh[after] - self.energy_kwh[before]) * 60.0

    def told(self, minutes: Minutes, *, idle: Iterable[tuple[float, float]]) -> BoolArray:
        """Of which minutes the power is known, those included in which nobody was plugged in for certain."""
        return _covered([*self._spans(self.is_told), *idle], minutes.edges()) > 59.0

    def told_closely(self, minutes: Minutes, *, idle: Iterable[tuple[float, float]]) -> BoolArray:
        """Those among them between readings that are near to each other."""
        is_close = self.is_told & (np.diff(self.at_s) <= CLOSE_S)
        return _covered([*self._spans(is_close), *idle], minutes.edges()) > 59.0

    def _spans(self, which: BoolArray) -> list[tuple[float, float]]:
        return [(float(self.at_s[index]), float(self.at_s[index + 1])) for index in np.flatnonzero(which)]


def metering(
    readings: Sequence[MeterReading], sessions: Sequence[Session], *, start: datetime, full_kw: float
) -> Metering:
    """A connector's meter, from its readings and from the registers at both ends of its sessions."""
    has_register = _has_register(readings)
    points = _registers(readings, sessions, start) if has_register else []
    if has_register:
        gains_kwh = [later - earlier for (_, earlier), (_, later) in pairwise(points)]
    else:
        points = [(_seconds(reading_time(r), start), r.power_kw) for r in readings if r.power_kw is not None]
        gains_kwh = [
            (one_kw + other_kw) / 2.0 * (later - earlier) / 3600.0
            for (earlier, one_kw), (later, other_kw) in pairwise(points)
        ]
    at_s = np.array([at for at, _ in points])
    gained = np.array(gains_kwh)
    hours = np.diff(at_s) / 3600.0
    is_near = hours * 3600.0 <= TELLS_FOR_S
    is_known = (gained >= 0.0) & (gained <= IMPLAUSIBLE * full_kw * hours + REGISTER_STEP_KWH)
    if not has_register:
        is_known &= is_near
    gained = np.where(is_known, gained, 0.0)
    return Metering(
        at_s=at_s,
        energy_kwh=np.concatenate([[0.0], np.cumsum(gained)]) if len(at_s) else np.zeros(0),
        is_known=is_known,
        is_told=is_known & (is_near | (gained < IDLE_KW * hours)),
    )


def idle_spans(
    online: Iterable[Span], sessions: Iterable[Session], minutes: Minutes
) -> list[tuple[float, float]]:
    """When a connector's charger was there and told of no session on it, in seconds from the start."""
    free = [
        (_seconds(span.start, minutes.start), _seconds(span.end or minutes.end, minutes.start))
        for span in online
    ]
    for session in sessions:
        begin = _seconds(session.begin, minutes.start)
        end = _seconds(session.until or minutes.end, minutes.start)
        cut: list[tuple[float, float]] = []
        for first, last in free:
            cut += [(first, min(last, begin)), (max(first, end), last)]
        free = [(first, last) for first, last in cut if first < last]
    return free


def _registers(
    readings: Sequence[MeterReading], sessions: Sequence[Session], start: datetime
) -> list[tuple[float, float]]:
    found: dict[float, float] = {}
    for session in sessions:
        if session.meter_start_kwh is not None:
            found[_seconds(session.begin, start)] = session.meter_start_kwh
        if session.meter_stop_kwh is not None and session.end is not None:
            found[_seconds(session.end, start)] = session.meter_stop_kwh
    for reading in readings:
        if reading.energy_kwh is not None:
            found[_seconds(reading_time(reading), start)] = reading.energy_kwh
    return sorted(found.items())


def _has_register(readings: Sequence[MeterReading]) -> bool:
    """Whether energy is to be had from registers: those at the ends of sessions alone are less than samples of power."""
    return any(r.energy_kwh is not None for r in readings) or all(r.power_kw is None for r in readings)


def _covered(spans: Iterable[tuple[float, float]], edges: FloatArray) -> FloatArray:
    """How long spans, wherever they overlap, last together between each two edges."""
    merged: list[list[float]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last)
        elif first < last:
            merged.append([first, last])
    if not merged:
        return np.zeros(max(0, len(edges) - 1))
    corners = np.array(merged)
    lengths = np.diff(corners, axis=1)[:, 0]
    sums = np.concatenate([[0.0], np.cumsum(lengths)])
    heights = np.column_stack([sums[:-1], sums[1:]]).ravel()
    return np.diff(np.interp(edges, corners.ravel(), heights))


def _seconds(instant: datetime, start: datetime) -> float:
    return (instant - start).total_seconds()
