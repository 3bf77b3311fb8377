"""The plan of a night: kW per visit and step, cost, peak, shortfall and where all of it came from.

One object for the command line, the notebook, the dispatcher and the report; JSON by ``depot-plan/1``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from optimiser.horizon import Horizon, format_instant

SCHEMA = "depot-plan/1"

READY_TOLERANCE_PERCENT = 0.25
"""SoC that may be missing from a vehicle that counts as ready; vehicles show whole percents.

A battery that must be full cannot be hit more closely than by one set-point: 1 A on three phases for a quarter
of an hour is 0.24 % of a van of 64 kWh.
"""


@dataclass(frozen=True, kw_only=True)
class PlannedVisit:
    """What one visit gets. ``*_kwh`` on the battery side, ``power_kw`` on the grid side, one per step.

    ``arrival`` and ``departure`` are those of the visit, also where they lie outside the horizon.
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
    power_kw: tuple[float, ...]

    @property
    def is_ready(self) -> bool:
        """Whether the vehicle leaves with what it needs, to :data:`READY_TOLERANCE_PERCENT`."""
        return self.planned_soc_percent >= self.required_soc_percent - READY_TOLERANCE_PERCENT


@dataclass(frozen=True, kw_only=True)
class Series:
    """Limit and charging power of a feeder, one value per step. [kW] Without a limit, ``limit_kw`` is None."""

    limit_kw: tuple[float, ...] | None
    charging_kw: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class SiteSeries:
    """The site's night, one value per step. [kW] ``limit_kw`` is what base load and charging may reach."""

    limit_kw: tuple[float, ...]
    base_load_kw: tuple[float, ...]
    charging_kw: tuple[float, ...]
    pv_kw: tuple[float, ...] = ()
    import_price_per_kwh: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Money for the night: the chargers' energy, the demand charge on the site's peak, and their sum."""

    energy: float
    demand: float
    total: float
    currency: str


@dataclass(frozen=True, kw_only=True)
class Solver:
    """How the plan was found.

    ``lp_bound``: no plan with this shortfall can cost less. ``gap`` ≥ 0 is (plan − bound) / |bound|.
    """

    name: str
    version: str
    proved_optimal: bool
    lp_bound: float
    gap: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A night's plan. ``baseline`` holds the figures of the same night plugged-and-charged."""

    depot: str
    night: date
    created_at: datetime
    inputs_sha256: str
    horizon: Horizon
    visits: tuple[PlannedVisit, ...]
    site: SiteSeries
    feeders: Mapping[str, Series]
    cost: Cost
    peak_kw: float
    solver: Solver
    baseline: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def shortfall_kwh(self) -> float:
        """What all vehicles together leave without. [kWh, battery side]"""
        return sum(visit.shortfall_kwh for visit in self.visits)

    def to_frame(self) -> pd.DataFrame:
        """Grid-side kW: one row per step (local time), one column per (vehicle, charger, connector, arrival)."""
        index = pd.DatetimeIndex(self.horizon.starts(), name="start").tz_convert(self.horizon.timezone)
        keys = [(v.vehicle_id, v.charger_id, v.connector_id, v.arrival) for v in self.visits]
        columns = pd.MultiIndex.from_tuples(keys, names=["vehicle", "charger", "connector", "arrival"])
        rows = list(zip(*(visit.power_kw for visit in self.visits), strict=True))
        return pd.DataFrame(rows, index=index, columns=columns, dtype=float)

    def departures(self) -> pd.DataFrame:
        """One row per visit in the order of departure: who leaves when, with what, and how much is missing."""
        rows = [
            {
                "departure": self.horizon.local(visit.departure),
                "vehicle": visit.vehicle_id,
                "charger": visit.charger_id,
                "connector": visit.connector_id,
                "arrival_soc_percent": visit.arrival_soc_percent,
                "required_soc_percent": visit.required_soc_percent,
                "planned_soc_percent": visit.planned_soc_percent,
                "shortfall_kwh": visit.shortfall_kwh,
                "ready": visit.is_ready,
            }
            for visit in sorted(self.visits, key=lambda visit: (visit.departure, visit.vehicle_id))
        ]
        return pd.DataFrame(rows)

    def to_document(self) -> dict[str, Any]:
        """The plan as the JSON document ``depot-plan/1``; instants in the depot's local time with offset."""
        local = self.horizon.local
        return {
            "schema": SCHEMA,
            "depot": self.depot,
            "night": self.night.isoformat(),
            "created_at": format_instant(self.created_at),
            "inputs_sha256": self.inputs_sha256,
            "horizon": {
                "start": local(self.horizon.start).isoformat(),
                "step_s": self.horizon.step_s,
                "steps": self.horizon.steps,
                "timezone": self.horizon.timezone,
            },
            "visits": [
                asdict(visit)
                | {
                    "arrival": local(visit.arrival).isoformat(),
                    "departure": local(visit.departure).isoformat(),
                    "power_kw": list(visit.power_kw),
                }
                for visit in self.visits
            ],
            "site": {name: list(values) for name, values in asdict(self.site).items()},
            "feeders": {name: _series_document(series) for name, series in self.feeders.items()},
            "cost": asdict(self.cost),
            "peak_kw": self.peak_kw,
            "solver": asdict(self.solver),
            "baseline": dict(self.baseline),
            "warnings": list(self.warnings),
        }

    def to_json(self) -> str:
        """The document as text, one line per key of the second level, so that it can be read and compared."""
        return json.dumps(self.to_document(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """The plan of a ``depot-plan/1`` document. Raises :class:`ValueError` for any other."""
        try:
            return cls._from_document(document)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a {SCHEMA} document: {error!r}") from error

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> Plan:
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}, expected {SCHEMA!r}")
        horizon = document["horizon"] | {"start": datetime.fromisoformat(document["horizon"]["start"])}
        return cls(
            depot=document["depot"],
            night=date.fromisoformat(document["night"]),
            created_at=datetime.fromisoformat(document["created_at"]),
            inputs_sha256=document["inputs_sha256"],
            horizon=Horizon(**horizon),
            visits=tuple(
                PlannedVisit(
                    **visit
                    | {
                        "arrival": datetime.fromisoformat(visit["arrival"]).astimezone(UTC),
                        "departure": datetime.fromisoformat(visit["departure"]).astimezone(UTC),
                        "power_kw": tuple(visit["power_kw"]),
                    }
                )
                for visit in document["visits"]
            ),
            site=SiteSeries(**{name: tuple(values) for name, values in document["site"].items()}),
            feeders={
                name: Series(
                    limit_kw=None if series["limit_kw"] is None else tuple(series["limit_kw"]),
                    charging_kw=tuple(series["charging_kw"]),
                )
                for name, series in document["feeders"].items()
            },
            cost=Cost(**document["cost"]),
            peak_kw=document["peak_kw"],
            solver=Solver(**document["solver"]),
            baseline=document["baseline"],
            warnings=tuple(document["warnings"]),
        )


def _series_document(series: Series) -> dict[str, Any]:
    limit = None if series.limit_kw is None else list(series.limit_kw)
    return {"limit_kw": limit, "charging_kw": list(series.charging_kw)}
