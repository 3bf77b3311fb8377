"""What is true of one night: who comes, when, how full, and the site's prices, loads and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from optimiser.display import Card, Printed, counted, spread, warned
from optimiser.horizon import FloatArray, Horizon
from optimiser.rules import Decided


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One vehicle on one connector between two instants; they may lie outside the night's horizon.

    ``priority`` is a weight ≥ 0 of its shortfall, larger is more important. ``precondition_kwh`` is what warming or
    cooling before departure takes out of the battery, at constant power over ``policy.precondition_minutes``.
    ``arrival_sd_minutes`` and ``arrival_soc_sd_percent`` are standard deviations of what is expected of the arrival.
    Nothing is planned before ``earliest_start``. One that may not be overridden keeps its powers when the night is
    planned again for the sake of others. ``decided`` is what fleet rules have decided of all this.
    """

    vehicle_id: str
    charger_id: str
    connector_id: int
    arrival: datetime
    arrival_soc_percent: float
    departure: datetime
    required_soc_percent: float
    priority: float = 1.0
    precondition_kwh: float = 0.0
    arrival_sd_minutes: float = 0.0
    arrival_soc_sd_percent: float = 0.0
    earliest_start: datetime | None = None
    may_be_overridden: bool = True
    decided: tuple[Decided, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SocReading:
    """What a vehicle's telematics have written down of its state of charge at an instant."""

    vehicle_id: str
    at: datetime
    soc_percent: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Night(Printed):
    """A night on its horizon: who comes, and the site's prices, loads and limits; arrays have shape (steps,).

    ``import_price_per_kwh`` and ``export_price_per_kwh`` in the depot's currency; ``base_load_kw`` what the
    site draws beside the chargers; ``site_limit_kw`` the transformer limit or a lower cap of tonight;
    ``site_cap_kw`` that cap as it was announced, where there is one, also while it is above the transformer limit;
    ``pv_kw`` what the roof is expected to give. ``inputs_sha256`` is of the files the night was read from.
    ``burden_kw``: the most that connectors may draw which nobody governs now, by charger and connector, on the grid
    side. That much is taken from every limit above them, and no visit on them can be planned.

    >>> import optimiser as opt
    >>> night = opt.load_night("data/parcel-12", "2025-11-10")
    >>> night
    Night of 2025-11-10, from Mon 12:00 to Tue 12:00 (Europe/Berlin)
      visits     12, arriving from Mon 12:53, leaving from Tue 07:33
      steps      96 of 15 minutes
      price      0.20 to 0.26 per kWh
      base load  0.5 to 9.6 kW
      limit      43.0 kW
    >>> night.visits[0].vehicle_id, night.visits[0].required_soc_percent, night.import_price_per_kwh.shape
    ('V001', 90.0, (96,))

    Nights are values: :func:`dataclasses.replace` asks what if, here the limit 50 kW higher.

    >>> from dataclasses import replace
    >>> replace(night, site_limit_kw=night.site_limit_kw + 50).site_limit_kw.max().item()
    93.0
    """

    date: date
    horizon: Horizon
    visits: tuple[Visit, ...]
    import_price_per_kwh: FloatArray
    export_price_per_kwh: FloatArray
    base_load_kw: FloatArray
    site_limit_kw: FloatArray
    pv_kw: FloatArray
    site_cap_kw: FloatArray | None = None
    inputs_sha256: str = ""
    warnings: tuple[str, ...] = field(default=())
    burden_kw: Mapping[tuple[str, int], FloatArray] = field(default_factory=dict)

    @property
    def burdens_kw(self) -> FloatArray:
        """What all burdens come to, shape (steps,). [kW]"""
        total_kw: FloatArray = np.sum([np.zeros(self.horizon.steps), *self.burden_kw.values()], axis=0)
        return total_kw

    def _card(self) -> Card:
        def clock(instant: datetime) -> str:
            return f"{self.horizon.local(instant):%a %H:%M}"

        in_order = sorted(self.visits, key=lambda visit: (visit.arrival, visit.vehicle_id))
        prices, base_kw, limit_kw = self.import_price_per_kwh, self.base_load_kw, self.site_limit_kw
        visits = str(len(in_order))
        if in_order:
            leaving = clock(min(visit.departure for visit in in_order))
            visits += f", arriving from {clock(in_order[0].arrival)}, leaving from {leaving}"
        facts = [
            ("visits", visits),
            ("steps", f"{self.horizon.steps} of {counted(self.horizon.step_s // 60, 'minute')}"),
            ("price", spread(prices, decimals=2, unit="per kWh")),
            ("base load", spread(base_kw, decimals=1, unit="kW")),
            ("limit", spread(limit_kw, decimals=1, unit="kW")),
        ]
        if self.pv_kw.any():
            facts.append(("forecast PV", f"up to {self.pv_kw.max():,.1f} kW"))
        facts += warned(self.warnings)
        start, end = clock(self.horizon.start), clock(self.horizon.end)
        return Card(
            title=f"Night of {self.date}, from {start} to {end} ({self.horizon.timezone})",
            facts=tuple(facts),
            headers=("arrives", "leaves", "vehicle", "connector", "SoC then", "required"),
            rows=tuple(
                (
                    clock(visit.arrival),
                    clock(visit.departure),
                    visit.vehicle_id,
                    f"{visit.charger_id}/{visit.connector_id}",
                    f"{visit.arrival_soc_percent:.1f} %",
                    f"{visit.required_soc_percent:.1f} %",
                )
                for visit in in_order
            ),
            numbers=frozenset({4, 5}),
            more="night.visits has all",
        )
