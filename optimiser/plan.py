"""The plan of a night: kW per visit and step, cost, peak, shortfall and where all of it came from.

One object for the command line, the notebook, the dispatcher and the report; JSON by ``depot-plan/1``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from optimiser.assurance import Assurance, Assured
from optimiser.cost import Cost
from optimiser.depot import Depot
from optimiser.display import Card, counted, warned
from optimiser.explanation import Explained, Explanation
from optimiser.gains import Valued, worth_of
from optimiser.horizon import Horizon, format_instant
from optimiser.planned import PlannedConnector, PlannedVisit, visit_document, visit_of
from optimiser.series import LIMIT_SLACK_KW, Series, SiteSeries
from optimiser.units import NOMINAL_VOLTAGE_V

if TYPE_CHECKING:
    import pandas as pd

    from optimiser.load_chart import Picture

SCHEMA = "depot-plan/1"

SHOWN_KW = 0.05
"""Less than this would be shown as 0.0. [kW]"""


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


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan(Explained, Valued, Assured):
    """The plan of a night: what every vehicle draws in every step, what that costs, who is short.

    ``visits`` in the order of the night's; ``site`` and ``feeders`` their load and limits per step [kW];
    ``cost`` in the depot's currency; ``peak_kw`` the highest mean over a billing interval of charging + base
    load − PV [kW]; ``solver`` how near to the best possible; ``baseline`` the figures of the same night
    plugged-and-charged; ``connectors`` all of the depot's, in its order. Plans are values: nothing changes one, :func:`dataclasses.replace` makes another.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> plan = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
    >>> plan.visits[0].vehicle_id, plan.visits[0].is_ready, plan.site.headroom_kw > 0
    ('V001', True, True)
    >>> plan.peak_kw < plan.baseline["peak_kw"]
    True
    """

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
    connectors: tuple[PlannedConnector, ...] = ()
    assurance: Assurance | None = None

    @property
    def shortfall_kwh(self) -> float:
        """What all vehicles together leave without. [kWh, battery side]"""
        return sum(visit.shortfall_kwh for visit in self.visits)

    def _card(self) -> Card:
        return Card(
            title=f"Plan of {self.depot}, night of {self.night}: {counted(len(self.visits), 'visit')}",
            facts=(
                ("departures", self._readiness_text()),
                ("cost", self._cost_text()),
                ("peak", f"{self.peak_kw:,.1f} kW, {self._headroom_text()} the limit"),
                (
                    "made by",
                    f"{self.solver.name} {self.solver.version}, {self.created_at:%Y-%m-%d %H:%M} UTC",
                ),
                *warned(self.warnings),
            ),
            headers=("leaves", "vehicle", "connector", "SoC then", "planned", "required", "state"),
            rows=tuple(self._departure_row(visit) for visit in self._by_departure()),
            numbers=frozenset({3, 4, 5}),
            more="plan.departures() has all",
        )

    def _readiness_text(self) -> str:
        ready = sum(visit.is_ready for visit in self.visits)
        text = f"{ready} of {len(self.visits)} ready"
        if self.assurance is not None:
            text += f", {100.0 * self.assurance.readiness:.1f} % sure"
        if ready == len(self.visits):
            return text
        return f"{text}, {len(self.visits) - ready} short by {self.shortfall_kwh:,.1f} kWh"

    def _cost_text(self) -> str:
        currency = self.cost.currency
        text = f"{self.cost.energy:,.2f} {currency} energy + {self.cost.demand:,.2f} {currency} demand charge"
        if not self.solver.proved_optimal:
            return text
        return f"{text}, at most {100.0 * self.solver.gap:.2f} % above the cheapest possible"

    def _headroom_text(self) -> str:
        headroom_kw = self.site.headroom_kw
        if headroom_kw < -LIMIT_SLACK_KW:
            return f"up to {-headroom_kw:,.3g} kW above"
        return "at" if headroom_kw < SHOWN_KW else f"{headroom_kw:,.1f} kW or more below"

    def _departure_row(self, visit: PlannedVisit) -> tuple[str, ...]:
        return (
            f"{self.horizon.local(visit.departure):%a %H:%M}",
            visit.vehicle_id,
            f"{visit.charger_id}/{visit.connector_id}",
            f"{visit.arrival_soc_percent:.1f} %",
            f"{visit.planned_soc_percent:.1f} %",
            f"{visit.required_soc_percent:.1f} %",
            "ready" if visit.is_ready else f"short {visit.shortfall_kwh:,.1f} kWh",
        )

    def _by_departure(self) -> list[PlannedVisit]:
        return sorted(self.visits, key=lambda visit: (visit.departure, visit.vehicle_id))

    def to_frame(self) -> pd.DataFrame:
        """Grid-side power [kW] as a DataFrame: one row per step, one column per visit.

        The index is the start of the step in the depot's local time; the columns are (vehicle, charger,
        connector, arrival).

        >>> import optimiser as opt
        >>> depot = opt.load_depot("data/parcel-12")
        >>> plan = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
        >>> frame = plan.to_frame()
        >>> frame.shape
        (96, 12)
        >>> bool(frame.sum(axis="columns").max() < 43)
        True
        """
        import pandas as pd  # noqa: PLC0415 half a second that only those who want a frame wait for

        index = pd.DatetimeIndex(self.horizon.starts(), name="start").tz_convert(self.horizon.timezone)
        keys = [(v.vehicle_id, v.charger_id, v.connector_id, v.arrival) for v in self.visits]
        columns = pd.MultiIndex.from_tuples(keys, names=["vehicle", "charger", "connector", "arrival"])
        rows = list(zip(*(visit.power_kw for visit in self.visits), strict=True))
        return pd.DataFrame(rows, index=index, columns=columns, dtype=float)

    def departures(self) -> pd.DataFrame:
        """Who leaves when, with what, and how much is missing: one row per visit in the order of departure.

        ``departure`` is local time, ``*_soc_percent`` of the usable battery [%], ``shortfall_kwh`` on the
        battery side [kWh]; ``ready`` whether the vehicle has what it needs.

        >>> import optimiser as opt
        >>> depot = opt.load_depot("data/parcel-12")
        >>> plan = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
        >>> departures = plan.departures()
        >>> departures[["vehicle", "charger", "required_soc_percent", "ready"]].head(2)
          vehicle charger  required_soc_percent  ready
        0    S004    CP12                  90.0   True
        1    V001    CP01                  90.0   True
        >>> departures[~departures["ready"]].empty
        True
        """
        import pandas as pd  # noqa: PLC0415 as above

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
            for visit in self._by_departure()
        ]
        return pd.DataFrame(rows)

    def plot(self) -> Picture:
        """The night against its limit as a matplotlib figure: base load and charging [kW], the price below.

        The last line of a notebook's cell shows it; ``plan.plot().savefig("tonight.png")`` writes it.
        ``figure.axes[0]`` has the load, to draw more over it.

        >>> import optimiser as opt
        >>> depot = opt.load_depot("data/parcel-12")
        >>> plan = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
        >>> figure = plan.plot()
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['kW', 'EUR/kWh']
        """
        from optimiser.load_chart import load_picture  # noqa: PLC0415 matplotlib, only for who wants a picture

        title = f"{self.depot}, night of {self.night}: peak {self.peak_kw:,.1f} kW"
        return load_picture(self.horizon, self.site, currency=self.cost.currency, title=title)

    def to_document(self) -> dict[str, Any]:
        """The plan as the JSON document ``depot-plan/1``; instants in the depot's local time with offset."""
        local = self.horizon.local
        return (
            {
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
                "visits": [visit_document(visit, local) for visit in self.visits],
                "site": {name: list(values) for name, values in vars(self.site).items()},
                "feeders": {name: series.to_document() for name, series in self.feeders.items()},
                "cost": asdict(self.cost),
                "peak_kw": self.peak_kw,
                "solver": asdict(self.solver),
                "baseline": dict(self.baseline),
                "warnings": list(self.warnings),
                "connectors": [dict(vars(connector)) for connector in self.connectors],
            }
            | self.explanation_document()
            | self.worth_document()
            | self.assurance_document()
        )

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
        connectors = document.get("connectors") or _visited_connectors(document["visits"])
        return cls(
            depot=document["depot"],
            night=date.fromisoformat(document["night"]),
            created_at=datetime.fromisoformat(document["created_at"]),
            inputs_sha256=document["inputs_sha256"],
            horizon=Horizon(**horizon),
            visits=tuple(visit_of(visit) for visit in document["visits"]),
            site=SiteSeries(**{name: tuple(values) for name, values in document["site"].items()}),
            feeders={name: Series.from_document(series) for name, series in document["feeders"].items()},
            cost=Cost.from_document(document["cost"]),
            peak_kw=document["peak_kw"],
            solver=Solver(**document["solver"]),
            baseline=document["baseline"],
            warnings=tuple(document["warnings"]),
            connectors=tuple(PlannedConnector(**connector) for connector in connectors),
            valued=worth_of(document, Horizon(**horizon)),
            assurance=Assurance.from_document(document.get("readiness")),
            explanation=Explanation.from_document(document.get("explanation", {})),
        )


def wired(plan: Plan, depot: Depot) -> Plan:
    """The plan with the connectors of a depot and the phases that its vehicles use on them.

    What makes a plan whole when it is made, and what the depot may have changed since a stored one was. A visit
    of a vehicle or to a connector that the depot no longer has keeps its phases.
    """
    connectors = {(charger.id, connector.id): connector for charger, connector in depot.connectors()}
    vehicles = {vehicle.id: vehicle for vehicle in depot.vehicles}

    def phases(visit: PlannedVisit) -> int:
        connector = connectors.get((visit.charger_id, visit.connector_id))
        vehicle = vehicles.get(visit.vehicle_id)
        return visit.phases if not (connector and vehicle) else min(connector.phases, vehicle.ac_phases)

    return replace(
        plan,
        visits=tuple(replace(visit, phases=phases(visit)) for visit in plan.visits),
        connectors=tuple(
            PlannedConnector(
                charger_id=charger_id,
                connector_id=connector_id,
                phases=connector.phases,
                voltage_v=depot.site.voltage_v,
            )
            for (charger_id, connector_id), connector in connectors.items()
        ),
    )


def _visited_connectors(visits: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Connectors of a document that names none: known from their visits, and by their power alone."""
    visited = sorted({(visit["charger_id"], visit["connector_id"]) for visit in visits})
    return [
        {"charger_id": charger_id, "connector_id": connector_id, "phases": 0, "voltage_v": NOMINAL_VOLTAGE_V}
        for charger_id, connector_id in visited
    ]
