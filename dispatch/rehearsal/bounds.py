"""The limits that a site has: transformer, feeders and their phases, and what of each connector counts at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dispatch.rehearsal.site import Plug
from optimiser.depot import Connector, Depot, Feeder
from optimiser.units import kw_from_current_a

PHASES = ("L1", "L2", "L3")


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A limit that the site has: ``plugs`` are behind it; base load and reserve count where ``carries_base_load``.

    ``limit_kw`` is None for the transformer, whose limit is the night's. Of a phase it is what that phase alone may
    carry; ``conductors`` says on which phase each conductor of a plug lies, without a word the first on L1.
    """

    name: str
    plugs: tuple[Plug, ...]
    limit_kw: float | None
    carries_base_load: bool
    phase: str | None = None
    conductors: Mapping[Plug, tuple[str, ...]] = field(default_factory=dict)

    def share(self, plug: Plug, phases: int) -> float:
        """How much counts of what a connector truly draws on its first ``phases`` conductors (0: DC, on all alike)."""
        if self.phase is None:
            return 1.0
        if phases == 0:
            return self.evenly
        return 1.0 / phases if self.phase in (self.conductors[plug] or PHASES)[:phases] else 0.0

    def careful_share(self, plug: Plug, phases: int) -> float:
        """The same for who does not know how a connector is wired: without a word it counts on every phase."""
        is_unknown = self.phase is not None and phases > 0 and not self.conductors[plug]
        return 1.0 / phases if is_unknown else self.share(plug, phases)

    @property
    def evenly(self) -> float:
        """How much counts of what is spread over all phases, as the building is."""
        return 1.0 if self.phase is None else 1.0 / len(PHASES)


def bounds_of(depot: Depot) -> tuple[Bound, ...]:
    """The transformer, every feeder with a limit in kW, and every phase of one with a limit in A."""
    below: dict[str | None, dict[Plug, Connector]] = {None: {}}
    for charger, connector in depot.connectors():
        for feeder_id in (None, *depot.feeder_path(charger)):
            below.setdefault(feeder_id, {})[Plug(charger.id, connector.id)] = connector
    transformer = Bound(name="transformer", plugs=tuple(below[None]), limit_kw=None, carries_base_load=True)
    feeders = [
        bound for feeder in depot.feeders for bound in _of_feeder(depot, feeder, below.get(feeder.id, {}))
    ]
    return (transformer, *feeders)


def _of_feeder(depot: Depot, feeder: Feeder, below: Mapping[Plug, Connector]) -> list[Bound]:
    carries_base_load = feeder.parent is None
    bounds: list[Bound] = []
    if feeder.limit_kw is not None:
        bounds.append(
            Bound(
                name=feeder.id,
                plugs=tuple(below),
                limit_kw=feeder.limit_kw,
                carries_base_load=carries_base_load,
            )
        )
    if feeder.limit_per_phase_a is not None:
        limit_kw = kw_from_current_a(feeder.limit_per_phase_a, phases=1, voltage_v=depot.site.voltage_v)
        conductors = {plug: connector.phase_map for plug, connector in below.items()}
        bounds += [
            Bound(
                name=f"{feeder.id} phase {phase}",
                plugs=tuple(below),
                limit_kw=limit_kw,
                carries_base_load=carries_base_load,
                phase=phase,
                conductors=conductors,
            )
            for phase in PHASES
        ]
    return bounds
