"""A depot's connectors as decisions see them, and chargers that do with a write what a test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from dispatch.charger import Capabilities
from dispatch.composite import profile_edges
from dispatch.decide import Decision, Holding, Room, decide, edges_of
from dispatch.evidence import Layer
from dispatch.floors import targets
from dispatch.layers import LayerProfile, layer_profiles
from dispatch.safety import Exposure, Place, Wiring, bottlenecks, exposure, room, worst_case
from dispatch.station import StationProfile
from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan

ALL_LAYERS = frozenset(Layer)


def wanted_of(
    depot: Depot, plan: Plan, capabilities: Capabilities | None = None, *, now: datetime | None = None
) -> dict[Place, tuple[LayerProfile, ...]]:
    words = dict.fromkeys(Layer, capabilities or Capabilities())
    return {
        target.place: layer_profiles(target, words, is_degraded=words[Layer.PLAN].is_degraded(1), at=now)
        for target in targets(depot, plan)
    }


@dataclass(kw_only=True)
class Chargers:
    """What the chargers of a depot truly hold, beside what is known of them."""

    depot: Depot
    plan: Plan
    now: datetime
    truth: dict[Place, tuple[StationProfile, ...]] = field(default_factory=dict)
    known: dict[Place, Holding] = field(default_factory=dict)

    @classmethod
    def on_day_one(
        cls, depot: Depot, plan: Plan, *, now: datetime, capabilities: Capabilities | None = None
    ) -> Chargers:
        """Nothing is installed anywhere; whoever looks finds just that."""
        chargers = cls(depot=depot, plan=plan, now=now)
        wanted = wanted_of(depot, plan, capabilities, now=now)
        for charger, connector in depot.connectors():
            place = Place(charger.id, connector.id)
            wiring = Wiring(place=place, connector=connector, voltage_v=depot.site.voltage_v)
            chargers.truth[place] = ()
            chargers.known[place] = Holding(
                wiring=wiring, is_proven=True, wanted=wanted[place], open_layers=ALL_LAYERS
            )
        return chargers

    def want(self, plan: Plan, capabilities: Capabilities | None = None) -> None:
        """Another plan is to be on the chargers, perhaps in other words."""
        self.plan = plan
        for place, wanted in wanted_of(self.depot, plan, capabilities, now=self.now).items():
            self.known[place] = replace(self.known[place], wanted=wanted)

    def instants(self) -> list[datetime]:
        in_truth = [edge for stack in self.truth.values() for p in stack for edge in profile_edges(p)]
        return edges_of(
            list(self.known.values()), now=self.now, others=[*self.plan.horizon.starts(), *in_truth]
        )

    def decide(self) -> Decision:
        instants = self.instants()
        rooms = [
            Room(bottleneck=limit, allowed=room(limit, self.depot, self.plan, instants))
            for limit in bottlenecks(self.depot)
        ]
        zone = self.plan.horizon.zone
        return decide(list(self.known.values()), rooms, instants=instants, zone=zone)

    def apply(self, place: Place, profile: StationProfile) -> None:
        """The charger takes a profile."""
        self.truth[place] = put(self.truth[place], profile)

    def accept(self, place: Place, profile: StationProfile) -> None:
        """The charger takes a profile and says so."""
        self.apply(place, profile)
        holding = self.known[place]
        doubtful = tuple(p for p in holding.doubtful if p.profile_id != profile.profile_id)
        self.known[place] = replace(holding, held=put(holding.held, profile), doubtful=doubtful)

    def doubt(self, place: Place, profile: StationProfile) -> None:
        """Nobody knows whether the charger has taken a profile."""
        holding = self.known[place]
        self.known[place] = replace(holding, doubtful=(*holding.doubtful, profile))

    def look(self, place: Place, *, is_readable: bool = True) -> None:
        """A read-back proves what the charger holds if it is not more than what it has accepted."""
        instants = self.instants()
        holding = self.known[place]
        shown = exposure(holding.wiring, self.truth[place], transaction_id=None, instants=instants)
        expected = exposure(holding.wiring, holding.held, transaction_id=None, instants=instants)
        is_higher = bool(shown.exceeds(expected).any())
        self.known[place] = replace(
            holding,
            is_proven=is_readable and not is_higher,
            may_hold_less=not is_readable or bool(expected.exceeds(shown).any()),
            rewrite=ALL_LAYERS if is_readable and is_higher else frozenset(),
        )

    def overload(self, instants: Sequence[datetime]) -> dict[str, FloatArray]:
        """What may truly be drawn above each limit at every instant, 0 where the limit is kept."""
        exposures: dict[Place, Exposure] = {
            place: exposure(self.known[place].wiring, stack, transaction_id=None, instants=instants)
            for place, stack in self.truth.items()
        }
        return {
            limit.name: np.maximum(
                0.0, worst_case(limit, exposures) - room(limit, self.depot, self.plan, instants)
            )
            for limit in bottlenecks(self.depot)
        }


def put(stack: Sequence[StationProfile], profile: StationProfile) -> tuple[StationProfile, ...]:
    return (*(held for held in stack if held.profile_id != profile.profile_id), profile)
