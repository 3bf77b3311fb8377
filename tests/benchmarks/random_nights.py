"""Random nights of the sample depots: their fleets with other arrivals and SoC, on days with real prices."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import numpy as np

from optimiser.depot import Depot
from optimiser.horizon import FloatArray, Horizon
from optimiser.inputs import load_folder
from optimiser.night import Night, Visit

DATA = Path(__file__).parents[2] / "data"
SURCHARGE_PER_KWH = {"parcel-12": 0.1226, "bus-60": 0.13401}


@cache
def day_ahead_per_mwh() -> dict[str, float]:
    """EUR/MWh by the start of the hour in UTC."""
    with (DATA / "sources" / "smard_day_ahead_de_lu_2025_hourly.csv").open(encoding="utf-8") as lines:
        return {row[0]: float(row[1]) for row in list(csv.reader(lines))[1:]}


def days_with_prices(folder: str) -> list[date]:
    """Days whose night from noon to noon has a price in every hour; bands hold on every day."""
    if folder not in SURCHARGE_PER_KWH:
        return [date(2025, 11, 3) + timedelta(days=number) for number in range(14)]
    known = sorted({datetime.fromisoformat(hour).date() for hour in day_ahead_per_mwh()})
    return [day for day in known if _prices(folder, _horizon(day)) is not None]


def a_random_night(folder: str, seed: int) -> tuple[Depot, Night]:
    """The fleet of 2025-11-10 with minutes and SoC drawn anew, on a random day; tariff and limits as shipped."""
    random = np.random.default_rng(seed)
    depot, shipped = load_folder(DATA / folder, "2025-11-10")
    days = days_with_prices(folder)
    horizon = _horizon(days[int(random.integers(len(days)))], depot.timezone)
    prices = _prices(folder, horizon)
    if prices is None:
        prices = depot.tariff.prices_per_kwh(horizon)
    shift = horizon.start - shipped.horizon.start
    spread_percent = float(random.choice([8.0, 20.0]))
    night = replace(
        shipped,
        date=horizon.local(horizon.start).date(),
        horizon=horizon,
        visits=tuple(_moved(visit, shift, spread_percent, random) for visit in shipped.visits),
        import_price_per_kwh=prices,
        export_price_per_kwh=np.zeros(horizon.steps),
        base_load_kw=np.resize(shipped.base_load_kw, horizon.steps),
        site_limit_kw=np.full(horizon.steps, depot.site.transformer_limit_kw),
        pv_kw=np.zeros(horizon.steps),
    )
    return depot, night


def _moved(visit: Visit, shift: timedelta, spread_percent: float, random: np.random.Generator) -> Visit:
    arrival = visit.arrival + shift + timedelta(minutes=int(random.normal(0, 45)))
    departure = visit.departure + shift + timedelta(minutes=int(random.normal(0, 25)))
    soc_percent = float(np.clip(visit.arrival_soc_percent + random.normal(0, spread_percent), 3, 98))
    return replace(
        visit,
        arrival=arrival,
        departure=max(departure, arrival + timedelta(hours=1)),
        arrival_soc_percent=round(soc_percent, 1),
    )


def _horizon(day: date, timezone: str = "Europe/Berlin") -> Horizon:
    return Horizon.for_night(day, start=time(12), end=time(12), step_minutes=15, timezone=timezone)


def _prices(folder: str, horizon: Horizon) -> FloatArray | None:
    surcharge = SURCHARGE_PER_KWH.get(folder)
    hours = [start.strftime("%Y-%m-%dT%H:00:00Z") for start in horizon.starts()]
    if surcharge is None or any(hour not in day_ahead_per_mwh() for hour in hours):
        return None
    return np.array([day_ahead_per_mwh()[hour] / 1000.0 + surcharge for hour in hours])
