"""What is true of one night: who comes, when, how full, and the site's prices, loads and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from optimiser.horizon import FloatArray, Horizon


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One vehicle on one connector between two instants; they may lie outside the night's horizon.

    ``priority`` is a weight ≥ 0 of its shortfall, larger is more important.
    """

    vehicle_id: str
    charger_id: str
    connector_id: int
    arrival: datetime
    arrival_soc_percent: float
    departure: datetime
    required_soc_percent: float
    priority: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Night:
    """A night on its horizon; every array has shape (steps,).

    ``import_price_per_kwh`` and ``export_price_per_kwh`` in the depot's currency; ``base_load_kw`` what the
    site draws beside the chargers; ``site_limit_kw`` the transformer limit or a lower cap of tonight;
    ``pv_kw`` what the roof is expected to give. ``inputs_sha256`` is of the files the night was read from.
    """

    date: date
    horizon: Horizon
    visits: tuple[Visit, ...]
    import_price_per_kwh: FloatArray
    export_price_per_kwh: FloatArray
    base_load_kw: FloatArray
    site_limit_kw: FloatArray
    pv_kw: FloatArray
    inputs_sha256: str = ""
    warnings: tuple[str, ...] = field(default=())
