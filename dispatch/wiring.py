"""How limits on a connector count at the grid: what a vehicle may draw under them, at an instant and through time. Pure.

A limit in A counts on every wired phase unless the vehicle is known to use fewer; a limit of DC may hold at the
charger's output, where the grid gives more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from dispatch.composite import ORIGIN, Limit, Timeline, timeline
from dispatch.kept import kept
from dispatch.station import StationProfile, TransactionId
from optimiser.depot import Connector
from optimiser.horizon import FloatArray
from optimiser.units import current_a_from_kw, floor_to_step, kw_from_current_a

Measure = Literal["kw", "a"]
KEPT = 8192
"""Stacks of which is remembered what they let a connector draw."""
DRAWN_KEPT = 2048
"""Of those, how often it is remembered what that is at the instants of a decision."""
SLACK = 1e-6
"""What counts as floating-point noise in a sum of kW or A."""


class Place(NamedTuple):
    """One connector of the depot; prints as ``CP01/1``."""

    charger_id: str
    connector_id: int

    def __str__(self) -> str:
        return f"{self.charger_id}/{self.connector_id}"


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Grid-side power of a connector [kW] and its highest current on one phase [A]."""

    kw: float
    phase_a: float


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """The most that a connector may draw at each of several instants; both arrays of shape (instants,)."""

    kw: FloatArray
    phase_a: FloatArray

    @classmethod
    def constant(cls, draw: Draw, count: int) -> Exposure:
        """The same at every instant."""
        return cls(kw=np.full(count, draw.kw), phase_a=np.full(count, draw.phase_a))

    def at_least(self, other: Exposure) -> Exposure:
        """The higher of two at every instant."""
        return Exposure(kw=np.maximum(self.kw, other.kw), phase_a=np.maximum(self.phase_a, other.phase_a))

    def at_most(self, other: Exposure) -> Exposure:
        """The lower of two at every instant."""
        return Exposure(kw=np.minimum(self.kw, other.kw), phase_a=np.minimum(self.phase_a, other.phase_a))

    def exceeds(self, other: Exposure) -> npt.NDArray[np.bool_]:
        """Where this may draw more than the other."""
        return (self.kw > other.kw + SLACK) | (self.phase_a > other.phase_a + SLACK)

    def is_same(self, other: Exposure) -> bool:
        """Whether this draws at every instant what the other does."""
        return not (self.exceeds(other).any() or other.exceeds(self).any())

    def measured(self, measure: Measure) -> FloatArray:
        """In the measure of a bottleneck."""
        return self.kw if measure == "kw" else self.phase_a


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """How limits on one connector count at the grid.

    ``vehicle_phases``: phases of the vehicle that is known to stand there, None while it is not known.
    """

    place: Place
    connector: Connector
    voltage_v: float
    vehicle_phases: int | None = None

    @property
    def full_kw(self) -> float:
        """Grid-side power with nothing to limit it, from every wired phase. [kW]"""
        return self.connector.full_power_kw(self.voltage_v)

    @property
    def counted_phases(self) -> int:
        """Phases that a limit in A counts on; 0 on DC."""
        wired = self.connector.phases
        return wired if self.vehicle_phases is None else max(1, min(wired, self.vehicle_phases))

    @property
    def full(self) -> Draw:
        """What the hardware can draw with nothing to limit it."""
        if self.connector.is_dc:
            return self._dc_draw(self.full_kw)
        return Draw(kw=self.full_kw, phase_a=self.connector.max_current_a)

    def draw(self, limit: Limit | None) -> Draw:
        """The most that may be drawn under a limit; no limit is full power."""
        if limit is None or limit.value < 0:
            return self.full
        if self.connector.is_dc:
            return self._dc_draw(min(limit.watts() / 1000.0 * self.connector.grid_per_limit, self.full_kw))
        if limit.unit == "A":
            phase_a = min(limit.value, self.connector.max_current_a)
            kw = kw_from_current_a(phase_a, phases=self.counted_phases, voltage_v=self.voltage_v)
            return Draw(kw=kw, phase_a=phase_a)
        # A power may flow through one phase alone, up to what the connector can carry.
        kw = min(limit.value / 1000.0, self.full_kw)
        phase_a = current_a_from_kw(kw, phases=1, voltage_v=self.voltage_v)
        return Draw(kw=kw, phase_a=min(phase_a, self.connector.max_current_a))

    def within(self, limit: Limit, allowed: Draw, *, step_a: float) -> Limit:
        """The limit, or as much of it as keeps the draw within what is allowed; 0 below what can be used."""
        drawn = self.draw(limit)
        if drawn.kw <= allowed.kw + SLACK and drawn.phase_a <= allowed.phase_a + SLACK:
            return limit
        connector = self.connector
        if limit.unit == "A":
            by_power_a = current_a_from_kw(allowed.kw, phases=self.counted_phases, voltage_v=self.voltage_v)
            value = floor_to_step(max(0.0, min(limit.value, allowed.phase_a, by_power_a)), step_a)
            return replace(limit, value=value if value >= connector.min_current_a else 0.0)
        phases = 3 if connector.is_dc else 1
        by_current_kw = kw_from_current_a(allowed.phase_a, phases=phases, voltage_v=self.voltage_v)
        kw = max(0.0, min(allowed.kw, by_current_kw)) / (connector.grid_per_limit if connector.is_dc else 1.0)
        value = min(limit.value, floor_to_step(kw * 1000.0, 1.0))
        lowest_w = connector.min_kw * 1000.0
        if not connector.is_dc:
            lowest_w = connector.min_current_a * self.voltage_v * (limit.number_phases or connector.phases)
        return replace(limit, value=value if value >= lowest_w else 0.0)

    def _dc_draw(self, kw: float) -> Draw:
        return Draw(kw=kw, phase_a=current_a_from_kw(kw, phases=3, voltage_v=self.voltage_v))


def exposure(
    wiring: Wiring,
    stack: Sequence[StationProfile],
    *,
    transaction_id: TransactionId | None,
    instants: Sequence[datetime],
) -> Exposure:
    """The most that a connector may draw that holds a stack of profiles.

    With the transaction and after its end, when its TxProfile no longer holds. ``instants`` ascend; each
    stands for the time until the next one, so they include every edge of the profiles.
    """
    moments = _ticks(instants if isinstance(instants, tuple) else tuple(instants))
    without = timeline(stack, transaction_id=None, start=instants[0])
    result = _drawn(without, wiring, moments)
    if transaction_id is not None:
        during = timeline(stack, transaction_id=transaction_id, start=instants[0])
        result = result if during is without else result.at_least(_drawn(during, wiring, moments))
    return result


def highest(exposures: Iterator[Exposure]) -> Exposure:
    """The highest of some, at least one, at every instant."""
    result = next(exposures)
    for other in exposures:
        result = result.at_least(other)
    return result


@kept(8)
def _ticks(instants: tuple[datetime, ...]) -> npt.NDArray[np.int64]:
    """Instants as a timeline counts them. [µs]"""
    tick = timedelta(microseconds=1)
    return np.array([(instant - ORIGIN) // tick for instant in instants], dtype=np.int64)


@kept(DRAWN_KEPT)
def _drawn(through: Timeline, wiring: Wiring, moments: npt.NDArray[np.int64]) -> Exposure:
    """What may be drawn under a timeline's limits."""
    table = _table(through, wiring.connector, wiring.voltage_v, wiring.vehicle_phases)
    found = np.maximum(0, np.searchsorted(table.starts, moments, side="right") - 1)
    return Exposure(kw=table.kw[found], phase_a=table.phase_a[found])


class _Table(NamedTuple):
    starts: npt.NDArray[np.int64]
    kw: FloatArray
    phase_a: FloatArray


@kept(KEPT)
def _table(through: Timeline, connector: Connector, voltage_v: float, vehicle_phases: int | None) -> _Table:
    """What a connector may draw from each start of a timeline on."""
    wiring = Wiring(
        place=Place("", connector.id), connector=connector, voltage_v=voltage_v, vehicle_phases=vehicle_phases
    )
    draws = [wiring.draw(limit) for limit in through.limits]
    return _Table(
        starts=np.array(through.starts, dtype=np.int64),
        kw=np.array([draw.kw for draw in draws]),
        phase_a=np.array([draw.phase_a for draw in draws]),
    )
