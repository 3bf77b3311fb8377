"""Worst case at every feeder and every instant to come, from what is proven and what is not. Pure.

Counts as design demands: a connector whose limits are proven counts at the highest layer that can come into
force, every other one at full power. A limit in A counts on every wired phase unless the vehicle on it is
known to use fewer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from dispatch.composite import Limit, effective
from dispatch.station import StationProfile, TransactionId
from optimiser.depot import Charger, Connector, Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan
from optimiser.units import current_a_from_kw, floor_to_step, kw_from_current_a

PHASES = ("L1", "L2", "L3")
Measure = Literal["kw", "a"]
SLACK = 1e-6
"""What counts as floating-point noise in a sum of kW or A."""


class Place(NamedTuple):
    """One connector of the depot; prints as ``CP01/1``."""

    charger_id: str
    connector_id: int

    def __str__(self) -> str:
        return f"{self.charger_id}/{self.connector_id}"


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """A limit that several connectors share: the transformer, a feeder, or one phase of a feeder.

    ``limit`` in kW or A as ``measure`` says. ``carries_base_load``: what the site draws beside the chargers,
    and its reserve, count here too (at the transformer and at feeders that hang on it).
    """

    name: str
    measure: Measure
    limit: float
    carries_base_load: bool
    places: frozenset[Place]


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


def places(depot: Depot) -> list[Place]:
    """Every connector of the depot, in the order of ``depot.yaml``."""
    return [Place(charger.id, connector.id) for charger, connector in depot.connectors()]


def bottlenecks(depot: Depot) -> tuple[Bottleneck, ...]:
    """Every shared limit of a depot: the transformer first, then feeders, then phases of feeders."""
    transformer = Bottleneck(
        name="transformer",
        measure="kw",
        limit=depot.site.transformer_limit_kw,
        carries_base_load=True,
        places=frozenset(places(depot)),
    )
    below: dict[str, list[tuple[Charger, Connector]]] = {feeder.id: [] for feeder in depot.feeders}
    for charger in depot.chargers:
        for feeder_id in depot.feeder_path(charger):
            below[feeder_id] += [(charger, connector) for connector in charger.connectors]
    in_kw = [
        Bottleneck(
            name=f"feeder {feeder.id}",
            measure="kw",
            limit=feeder.limit_kw,
            carries_base_load=feeder.parent is None,
            places=frozenset(Place(charger.id, connector.id) for charger, connector in below[feeder.id]),
        )
        for feeder in depot.feeders
        if feeder.limit_kw is not None
    ]
    per_phase = [
        Bottleneck(
            name=f"feeder {feeder.id} phase {phase}",
            measure="a",
            limit=feeder.limit_per_phase_a,
            carries_base_load=feeder.parent is None,
            places=_on_phase(below[feeder.id], phase),
        )
        for feeder in depot.feeders
        if feeder.limit_per_phase_a is not None
        for phase in PHASES
    ]
    return (transformer, *in_kw, *per_phase)


def room_without_plan(bottleneck: Bottleneck, depot: Depot) -> float:
    """What chargers may take at a bottleneck at any time of the year, in its measure."""
    taken_kw = depot.site.reserve_kw + depot.site.base_load_max_kw if bottleneck.carries_base_load else 0.0
    return bottleneck.limit - _in_measure(bottleneck, taken_kw, depot)


def room(bottleneck: Bottleneck, depot: Depot, plan: Plan, instants: Sequence[datetime]) -> FloatArray:
    """What chargers may take at a bottleneck at instants, in its measure.

    Within the night after its forecast base load and tonight's cap, outside after the highest base load.
    """
    result = np.full(len(instants), room_without_plan(bottleneck, depot))
    for index, instant in enumerate(instants):
        step = int(np.floor(plan.horizon.position(instant)))
        if not bottleneck.carries_base_load or not 0 <= step < plan.horizon.steps:
            continue
        limit = bottleneck.limit
        if bottleneck.name == "transformer":
            limit = min(limit, plan.site.limit_kw[step])
        taken_kw = depot.site.reserve_kw + plan.site.base_load_kw[step]
        result[index] = limit - _in_measure(bottleneck, taken_kw, depot)
    return result


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
    kw, phase_a = np.zeros(len(instants)), np.zeros(len(instants))
    for transaction in {transaction_id, None}:
        for segment in effective(stack, transaction_id=transaction, start=instants[0]):
            held = slice(
                bisect_left(instants, segment.start),
                len(instants) if segment.end is None else bisect_left(instants, segment.end),
            )
            draw = wiring.draw(segment.limit)
            kw[held] = np.maximum(kw[held], draw.kw)
            phase_a[held] = np.maximum(phase_a[held], draw.phase_a)
    return Exposure(kw=kw, phase_a=phase_a)


def worst_case(bottleneck: Bottleneck, exposures: Mapping[Place, Exposure]) -> FloatArray:
    """The sum at a bottleneck of what its connectors may draw, in its measure; shape (instants,)."""
    parts = [exposures[place].measured(bottleneck.measure) for place in sorted(bottleneck.places)]
    return np.asarray(np.sum(parts, axis=0)) if parts else np.zeros(1)


def _on_phase(below: Sequence[tuple[Charger, Connector]], phase: str) -> frozenset[Place]:
    """Connectors that may load a phase: those wired to it, and those of which nobody knows."""
    return frozenset(
        Place(charger.id, connector.id)
        for charger, connector in below
        if connector.is_dc or not connector.phase_map or phase in connector.phase_map
    )


def _in_measure(bottleneck: Bottleneck, power_kw: float, depot: Depot) -> float:
    if bottleneck.measure == "kw":
        return power_kw
    return current_a_from_kw(power_kw, phases=3, voltage_v=depot.site.voltage_v)
