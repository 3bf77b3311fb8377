"""Small depots, nights and plans in memory; every argument can be left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from optimiser.depot import ChargeCurve, Charger, Connector, Depot, Feeder, Policy, Site, Vehicle
from optimiser.horizon import FloatArray, Horizon
from optimiser.night import Night, Visit
from optimiser.tariff import Tariff

NIGHT = date(2025, 11, 10)


def a_horizon(
    *, start: str = "12:00", end: str = "12:00", step_minutes: int = 15, night: date = NIGHT
) -> Horizon:
    return Horizon.for_night(
        night,
        start=time.fromisoformat(start),
        end=time.fromisoformat(end),
        step_minutes=step_minutes,
        timezone="Europe/Berlin",
    )


def at(text: str, *, night: date = NIGHT) -> datetime:
    """A local Berlin time of the night: from noon on that day, before noon on the next one."""
    moment = time.fromisoformat(text)
    day = night if moment >= time(12) else night + timedelta(days=1)
    zone = a_horizon(night=night).zone
    return datetime.combine(day, moment, tzinfo=zone).astimezone(UTC)


def an_ac_connector(
    connector_id: int = 1,
    *,
    phases: int = 3,
    max_current_a: float = 16.0,
    min_current_a: float = 6.0,
    current_step_a: float = 1.0,
    phase_map: tuple[str, ...] = (),
) -> Connector:
    return Connector(
        id=connector_id,
        phases=phases,
        max_current_a=max_current_a,
        min_current_a=min_current_a,
        current_step_a=current_step_a,
        phase_map=phase_map,
    )


def a_dc_connector(connector_id: int = 1, *, max_kw: float = 150.0, min_kw: float = 10.0) -> Connector:
    return Connector(
        id=connector_id, phases=0, max_kw=max_kw, min_kw=min_kw, conversion_efficiency=1.0, limit_side="grid"
    )


def a_van(
    vehicle_id: str = "V1",
    *,
    battery_kwh: float = 64.0,
    max_ac_current_a: float = 16.0,
    ac_phases: int = 3,
    charge_efficiency: float = 0.9,
) -> Vehicle:
    return Vehicle(
        id=vehicle_id,
        battery_kwh=battery_kwh,
        max_ac_current_a=max_ac_current_a,
        ac_phases=ac_phases,
        max_dc_kw=0.0,
        charge_efficiency=charge_efficiency,
        id_tag=f"TAG-{vehicle_id}",
    )


def a_bus(vehicle_id: str = "B1", *, battery_kwh: float = 300.0, tapers: bool = True) -> Vehicle:
    curve = ChargeCurve(id="bus", soc_percent=(0.0, 80.0, 100.0), max_kw=(150.0, 150.0, 15.0))
    return Vehicle(
        id=vehicle_id,
        battery_kwh=battery_kwh,
        max_ac_current_a=0.0,
        ac_phases=0,
        max_dc_kw=150.0,
        charge_efficiency=0.9,
        id_tag=f"TAG-{vehicle_id}",
        charge_curve=curve if tapers else None,
    )


def a_visit(
    vehicle_id: str = "V1",
    *,
    charger_id: str = "CP1",
    connector_id: int = 1,
    arrival: str = "17:50",
    departure: str = "07:42",
    arrival_soc_percent: float = 40.0,
    required_soc_percent: float = 90.0,
    priority: float = 1.0,
    precondition_kwh: float = 0.0,
    earliest_start: str | None = None,
    may_be_overridden: bool = True,
    night: date = NIGHT,
) -> Visit:
    return Visit(
        vehicle_id=vehicle_id,
        charger_id=charger_id,
        connector_id=connector_id,
        arrival=at(arrival, night=night),
        arrival_soc_percent=arrival_soc_percent,
        departure=at(departure, night=night),
        required_soc_percent=required_soc_percent,
        priority=priority,
        precondition_kwh=precondition_kwh,
        earliest_start=None if earliest_start is None else at(earliest_start, night=night),
        may_be_overridden=may_be_overridden,
    )


def a_depot(
    *,
    vehicles: Sequence[Vehicle] = (a_van("V1"), a_van("V2")),
    chargers: Sequence[Charger] | None = None,
    transformer_limit_kw: float = 43.0,
    reserve_kw: float = 0.0,
    base_load_max_kw: float = 5.0,
    feeders: Sequence[Feeder] = (),
    tariff: Tariff | None = None,
    policy: Policy | None = None,
) -> Depot:
    """A depot with one three-phase 16 A charger CP1, CP2, … per vehicle."""
    if chargers is None:
        chargers = [
            Charger(id=f"CP{number}", connectors=(an_ac_connector(),))
            for number in range(1, len(vehicles) + 1)
        ]
    return Depot(
        name="test depot",
        timezone="Europe/Berlin",
        currency="EUR",
        site=Site(
            transformer_limit_kw=transformer_limit_kw,
            reserve_kw=reserve_kw,
            base_load_max_kw=base_load_max_kw,
        ),
        chargers=tuple(chargers),
        vehicles=tuple(vehicles),
        feeders=tuple(feeders),
        tariff=tariff or Tariff(),
        policy=policy or Policy(),
    )


def a_night(
    depot: Depot,
    *,
    visits: Sequence[Visit] | None = None,
    price_per_kwh: float | FloatArray = 0.30,
    export_price_per_kwh: float | FloatArray = 0.0,
    base_load_kw: float | FloatArray = 2.0,
    pv_kw: float | FloatArray = 0.0,
    site_limit_kw: float | FloatArray | None = None,
    horizon: Horizon | None = None,
) -> Night:
    """A night; without ``visits`` every vehicle visits the charger of its number."""
    horizon = horizon or a_horizon()
    if visits is None:
        visits = [a_visit(v.id, charger_id=f"CP{n}") for n, v in enumerate(depot.vehicles, start=1)]
    if site_limit_kw is None:
        site_limit_kw = depot.site.transformer_limit_kw

    def series(value: float | FloatArray) -> FloatArray:
        return np.broadcast_to(np.asarray(value, dtype=float), (horizon.steps,)).copy()

    return Night(
        date=horizon.local(horizon.start).date(),
        horizon=horizon,
        visits=tuple(visits),
        import_price_per_kwh=series(price_per_kwh),
        export_price_per_kwh=series(export_price_per_kwh),
        base_load_kw=series(base_load_kw),
        site_limit_kw=series(site_limit_kw),
        pv_kw=series(pv_kw),
    )
