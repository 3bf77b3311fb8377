"""Worst case at every feeder and every instant to come, from what is proven and what is not. Pure.

A connector whose limits are proven counts at the highest layer that can come into force by expiry, by the end of its
transaction, or because a write that nobody has answered was taken after all; every other one counts at full power.
A limit in A counts on every wired phase unless the vehicle on it is known to use fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, product

import numpy as np

from dispatch.station import StationProfile, TransactionId
from dispatch.wiring import SLACK, Draw, Exposure, Measure, Place, Wiring, exposure, highest
from optimiser.depot import Charger, Connector, Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan
from optimiser.units import current_a_from_kw

__all__ = [
    "PHASES",
    "SLACK",
    "Bottleneck",
    "Draw",
    "Exposure",
    "Measure",
    "Place",
    "Stack",
    "Standing",
    "Wiring",
    "after",
    "bottlenecks",
    "exposure",
    "highest",
    "one_per_slot",
    "places",
    "room",
    "room_without_plan",
    "worst_case",
    "worst_case_kw",
]

PHASES = ("L1", "L2", "L3")
Stack = tuple[StationProfile, ...]
"""Profiles on one connector, in the order in which they were sent."""
MOST_STACKS = 96
"""Of how many ways in which writes may have ended each is looked at; where there are more, anything may be."""


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


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of the profiles on one connector.

    ``held``: what it has accepted. ``doubtful``: what it may have taken without saying so. ``is_proven``: a read-back
    or a meter shows that no more than ``held`` is in force. ``may_hold_less``: it may have lost some of it.
    ``ceiling_id`` is the profile that only caps the others: while they are there no read-back shows whether it is, so
    it counts for nothing. ``is_capped``: it was seen to be there, and then counts whatever the others are.
    """

    wiring: Wiring
    held: Stack = ()
    doubtful: Stack = ()
    is_proven: bool = False
    may_hold_less: bool = False
    ceiling_id: int | None = None
    is_capped: bool = False
    transaction_id: TransactionId | None = None

    @property
    def place(self) -> Place:
        """The connector."""
        return self.wiring.place

    @property
    def is_whole(self) -> bool:
        """Whether all of what it has accepted is sure to be there."""
        return self.is_proven and not self.may_hold_less

    def exposure(self, stack: Stack, instants: Sequence[datetime]) -> Exposure:
        """The most that it may draw while it holds a stack."""
        return exposure(self.wiring, stack, transaction_id=self.transaction_id, instants=instants)

    def stacks(self, *, with_losses: bool) -> tuple[Stack, ...] | None:
        """Every stack that it may hold; None where those are more than can be looked at.

        What it has accepted, each profile perhaps followed by one with its id that was not answered;
        ``with_losses`` also without any of them.
        """
        return self._stacks(self.held, self.doubtful, with_losses=with_losses)

    def _stacks(self, accepted: Stack, doubtful: Stack, *, with_losses: bool) -> tuple[Stack, ...] | None:
        versions: dict[int, list[StationProfile | None]] = {}
        for profile in accepted:
            is_ceiling = profile.profile_id == self.ceiling_id
            if is_ceiling and not self.is_capped and not with_losses:
                continue
            may_be_lost = with_losses and not (is_ceiling and self.is_capped)
            versions.setdefault(profile.profile_id, [None] if may_be_lost else []).append(profile)
        for profile in dict.fromkeys(doubtful):
            if profile.profile_id != self.ceiling_id or self.is_capped or with_losses:
                versions.setdefault(profile.profile_id, [None]).append(profile)
        found = list(islice(product(*versions.values()), MOST_STACKS + 1))
        if len(found) > MOST_STACKS:
            return None
        return tuple(
            {
                stack: None
                for chosen in found
                for stack in one_per_slot(tuple(p for p in chosen if p is not None))
            }
        )

    def most(self, instants: Sequence[datetime]) -> Exposure:
        """The most that it may draw at each instant; full power where nothing is proven, its ceiling where only that is."""
        stacks = None
        if self.is_proven:
            stacks = self.stacks(with_losses=False)
        elif self.is_capped:
            ceilings = (
                tuple(one for one in stack if one.profile_id == self.ceiling_id)
                for stack in (self.held, self.doubtful)
            )
            stacks = self._stacks(*ceilings, with_losses=False)
        if stacks is None:
            return Exposure.constant(self.wiring.full, len(instants))
        return highest(self.exposure(stack, instants) for stack in stacks)


def after(stack: Stack, new: StationProfile) -> Iterator[Stack]:
    """What a stack may be once a profile was taken: it replaces the one with its id.

    In OCPP 1.6 it also replaces what has its connector, purpose and level (§5.16.4); 2.0.1 knows no such rule.
    """
    yield from one_per_slot((*(profile for profile in stack if profile.profile_id != new.profile_id), new))


def one_per_slot(stack: Stack) -> Iterator[Stack]:
    """A stack as it stands, and with the last of each connector, purpose and level alone."""
    yield stack
    last = {_slot(profile): profile for profile in stack}
    if len(last) < len(stack):
        yield tuple(profile for profile in stack if last[_slot(profile)] is profile)


def worst_case_kw(
    state: Sequence[Standing], limits: Sequence[Bottleneck], instants: Sequence[datetime]
) -> dict[str, FloatArray]:
    """The most that may be drawn at every bottleneck, by its name; arrays of shape (instants,). [kW]

    ``state`` has every connector below the bottlenecks once, ``instants`` as for :func:`exposure`. What chargers draw
    alone, without base load and reserve; on one phase of a feeder the current times the voltage.
    """
    exposures = {standing.place: standing.most(instants) for standing in state}
    volt = {standing.place: standing.wiring.voltage_v for standing in state}
    result = {}
    for limit in limits:
        drawn = worst_case(limit, exposures, count=len(instants))
        voltage_v = next((volt[place] for place in limit.places), 0.0)
        result[limit.name] = drawn if limit.measure == "kw" else drawn * voltage_v / 1000.0
    return result


def worst_case(bottleneck: Bottleneck, exposures: Mapping[Place, Exposure], *, count: int = 1) -> FloatArray:
    """The sum at a bottleneck of what its connectors may draw, in its measure; shape (instants,).

    ``count``: how many instants there are, where it has no connectors.
    """
    parts = [exposures[place].measured(bottleneck.measure) for place in sorted(bottleneck.places)]
    return np.asarray(np.sum(parts, axis=0)) if parts else np.zeros(count)


def _slot(profile: StationProfile) -> tuple[int, str, int, TransactionId | None]:
    return profile.connector_id, profile.purpose, profile.stack_level, profile.transaction_id


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
