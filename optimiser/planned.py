"""What a plan gives each visit, and on which connector: the rows of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from optimiser.rules import Decided

READY_TOLERANCE_PERCENT = 0.25
"""SoC that may be missing from a vehicle that counts as ready; vehicles show whole percents.

A battery that must be full cannot be hit more closely than by one set-point: 1 A on three phases for a quarter
of an hour is 0.24 % of a van of 64 kWh.
"""


@dataclass(frozen=True, kw_only=True)
class PlannedConnector:
    """A connector of the depot, visited or not: what turns its power into a current per phase.

    ``phases`` is 0 on DC, and where the plan was stored before plans named their connectors.
    """

    charger_id: str
    connector_id: int
    phases: int
    voltage_v: float


@dataclass(frozen=True, kw_only=True)
class PlannedVisit:
    """What one visit gets. ``*_kwh`` on the battery side, ``power_kw`` on the grid side, one per step.

    ``arrival`` and ``departure`` are those of the visit, also where they lie outside the horizon. ``phases``
    are those that vehicle and connector both have, 0 on DC. ``precondition_kwh`` is the part of ``required_kwh``
    that warming or cooling takes before departure: the SoC planned is what is left after it. ``taken_share``: what the
    vehicle was seen to draw of ``power_kw``, which it may draw and which counts at the limits. ``earliest_start``:
    before it nothing is planned. ``decided``: which fleet rule has decided what of the visit.

    ``readiness``: the share of nights drawn afresh on which it is ready, where arrivals are uncertain and planned for.
    ``power_kw`` then is what it may draw, enough for more than the visit as written; ``delivered_kwh`` and the SoC
    planned are what it takes of that until its battery is full if it comes as written.
    """

    vehicle_id: str
    charger_id: str
    connector_id: int
    arrival: datetime
    departure: datetime
    arrival_soc_percent: float
    required_soc_percent: float
    planned_soc_percent: float
    required_kwh: float
    delivered_kwh: float
    shortfall_kwh: float
    power_kw: tuple[float, ...] = field(repr=False)
    phases: int = 0
    precondition_kwh: float = 0.0
    taken_share: float = 1.0
    earliest_start: datetime | None = None
    decided: tuple[Decided, ...] = ()
    readiness: float | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the vehicle leaves with what it needs, to :data:`READY_TOLERANCE_PERCENT`."""
        return self.planned_soc_percent >= self.required_soc_percent - READY_TOLERANCE_PERCENT


INSTANTS = ("arrival", "departure", "earliest_start")


def visit_document(visit: PlannedVisit, local: Callable[[datetime], datetime]) -> dict[str, Any]:
    """A visit as ``plan.json`` has it: instants in local time, without what nothing is said of."""
    document = dict(vars(visit))  # asdict copies every number of every step: five times as long
    document |= {name: local(document[name]).isoformat() for name in INSTANTS if document[name] is not None}
    document |= {"power_kw": list(visit.power_kw), "decided": [dict(vars(one)) for one in visit.decided]}
    return {name: value for name, value in document.items() if value not in (None, [])}


def visit_of(document: Mapping[str, Any]) -> PlannedVisit:
    """The visit of a plan's document; raises what a wrong one makes of it."""
    instants = {
        name: datetime.fromisoformat(document[name]).astimezone(UTC) for name in INSTANTS if name in document
    }
    decided = tuple(Decided(**one) for one in document.get("decided", ()))
    return PlannedVisit(
        **{**document, **instants, "power_kw": tuple(document["power_kw"]), "decided": decided}
    )
