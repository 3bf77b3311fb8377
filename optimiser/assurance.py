"""How sure a plan is of its departures, as values: what was asked for, and what nights drawn afresh came to.

Knows how that is written down and shown; :mod:`optimiser.fresh_nights` measures it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from optimiser.horizon import Horizon

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Assurance:
    """What a plan comes to on ``nights`` drawn afresh: other ones than those that it was made for.

    ``target`` is ``policy.readiness``. ``readiness`` is the share of all departures that are ready, ``all_ready`` that
    of the nights on which everybody is. ``energy_cost`` is the mean of those nights, of what vehicles draw.
    """

    target: float
    nights: int
    readiness: float
    all_ready: float
    energy_cost: float

    def is_held(self, departures: int) -> bool:
        """Whether that is what was asked for, to two standard errors of so many departures on those nights."""
        error = math.sqrt(self.target * (1.0 - self.target) / max(1, self.nights * departures))
        return self.readiness >= self.target - 2.0 * error

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> Assurance | None:
        """That of a plan's document; None where it has none."""
        return None if document is None else cls(**document)


class _Departure(Protocol):
    """What a visit says of itself here."""

    @property
    def vehicle_id(self) -> str: ...
    @property
    def departure(self) -> datetime: ...
    @property
    def readiness(self) -> float | None: ...


class Assured:
    """A plan that may know how sure it is."""

    assurance: Assurance | None
    horizon: Horizon
    visits: Sequence[Any]

    def readiness(self) -> pd.DataFrame:
        """How sure each departure is, least sure first: the share of nights drawn afresh on which it is ready.

        ``departure`` is local time. Empty without ``policy.readiness`` and spreads in visits.csv. ``plan.assurance`` has the fleet's.

        >>> from dataclasses import replace
        >>> import optimiser as opt
        >>> depot = opt.load_depot("data/parcel-12")
        >>> night = opt.load_night("data/parcel-12", "2025-11-10")
        >>> depot = replace(depot, policy=replace(depot.policy, readiness=0.95))
        >>> visits = tuple(replace(visit, arrival_soc_sd_percent=5.0) for visit in night.visits)
        >>> plan = opt.plan(depot, replace(night, visits=visits))
        >>> plan.readiness().columns.tolist()
        ['vehicle', 'departure', 'readiness']
        >>> bool(plan.assurance.readiness > 0.94)
        True
        """
        import pandas as pd  # noqa: PLC0415 half a second that only those who want a frame wait for

        rows = [
            (visit.vehicle_id, self.horizon.local(visit.departure), visit.readiness)
            for visit in self.by_sureness()
            if visit.readiness is not None
        ]
        return pd.DataFrame(rows, columns=["vehicle", "departure", "readiness"])

    def by_sureness(self) -> list[Any]:
        """The visits whose readiness was measured, least sure first."""
        measured: list[_Departure] = [visit for visit in self.visits if visit.readiness is not None]
        return sorted(measured, key=lambda visit: (visit.readiness or 0.0, visit.departure, visit.vehicle_id))

    def assurance_document(self) -> dict[str, Any]:
        """What a plan's document has of it."""
        return {} if self.assurance is None else {"readiness": asdict(self.assurance)}
