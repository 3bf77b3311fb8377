"""Random depots and nights of any number of vans, under each kind of tariff; the same case, the same night.

A mixed fleet: vans of 40 to 75 kWh, a third of them on one phase, to the minute. One that is alike: a single
model in shifts on the full hour, whole percents, which leaves a solver more ties. Every van has a 16 A charger
of its own that takes 0 or 6 A and more. Cables hang in a tree: halls below the transformer, rows below the halls. All limits
are a multiple of what the fleet needs on average, so that they bind in the cheap hours and nearly every night
can be served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import product
from typing import Literal, get_args

import numpy as np

from optimiser.depot import Charger, Depot, Feeder, Site, Vehicle
from optimiser.horizon import FloatArray, Horizon
from optimiser.night import Night, Visit
from optimiser.tariff import Tariff
from tests.benchmarks.random_nights import SURCHARGE_PER_KWH, day_ahead_per_mwh
from tests.builders import an_ac_connector

Prices = Literal["day-ahead", "three-level", "two-level", "flat"]
PRICES: tuple[Prices, ...] = get_args(Prices)

TIMEZONE = "Europe/Berlin"
DEMAND_CHARGES_PER_KW = (21.93, 191.79)
"""What a German network takes for the year's highest quarter-hour, below and from 2,500 hours of use."""
CORE_H = 10.0
"""The hours in which nearly the whole fleet is at home: what a mean power is a mean over."""
BASE_KW_PER_VEHICLE = 0.4


@dataclass(frozen=True, kw_only=True)
class Case:
    """A night by what decides it. ``day`` is drawn like the rest where it is not given.

    Cases of one seed and size have the same fleet on the same day, whatever the tariff.
    """

    vehicles: int
    seed: int
    prices: Prices = "day-ahead"
    demand_charge: bool = False
    alike: bool = False
    current_step_a: float = 1.0
    day: date | None = None

    def __str__(self) -> str:
        return f"{self.vehicles} {'like' if self.alike else 'mixed'} vans, {self.tariff}, seed {self.seed}"

    @property
    def tariff(self) -> str:
        return f"{self.prices} {'with' if self.demand_charge else 'without'} demand charge"


def every_tariff(vehicles: int, seeds: Sequence[int]) -> list[Case]:
    """Each seed under each kind of prices, with and without a demand charge; every other fleet is alike."""
    return [
        Case(
            vehicles=vehicles,
            seed=seed,
            prices=prices,
            demand_charge=demand_charge,
            alike=seed % 2 == 1,
        )
        for seed, prices, demand_charge in product(seeds, PRICES, (False, True))
    ]


def random_case(seed: int, *, fewest: int, most: int) -> Case:
    """A case of any size between two, small ones as likely as large ones on a logarithmic scale."""
    random = np.random.default_rng([seed, fewest, most])
    return Case(
        vehicles=round(float(np.exp(random.uniform(np.log(fewest), np.log(most))))),
        seed=seed,
        prices=PRICES[int(random.integers(len(PRICES)))],
        demand_charge=bool(random.integers(2)),
        alike=bool(random.integers(2)),
    )


def a_synthetic_night(case: Case) -> tuple[Depot, Night]:
    """The depot and the night of a case."""
    random = np.random.default_rng([case.seed, case.vehicles])
    days = _days_with_prices()
    drawn_day = days[int(random.integers(len(days)))]
    horizon = _horizon(case.day or drawn_day)
    vehicles = [
        _a_vehicle(f"V{number:04}", random, alike=case.alike) for number in range(1, case.vehicles + 1)
    ]
    rows = _row_of_each(case.vehicles)
    chargers = tuple(
        Charger(
            id=f"CP{number:04}",
            feeder=f"row{rows[number - 1]}",
            connectors=(an_ac_connector(current_step_a=case.current_step_a),),
        )
        for number in range(1, case.vehicles + 1)
    )
    visits = tuple(
        _a_visit(vehicle, charger, horizon, random, alike=case.alike)
        for vehicle, charger in zip(vehicles, chargers, strict=True)
    )
    mean_kw = _mean_kw(vehicles, visits)
    base_load_kw = _base_load_kw(case.vehicles, horizon, random)
    room = float(random.uniform(1.05, 2.0))
    site_limit_kw = float(np.ceil(base_load_kw.max() + room * mean_kw.sum()))
    depot = Depot(
        name=f"{case.vehicles} vans",
        timezone=TIMEZONE,
        currency="EUR",
        site=Site(transformer_limit_kw=site_limit_kw, base_load_max_kw=float(base_load_kw.max())),
        chargers=chargers,
        vehicles=tuple(vehicles),
        feeders=_feeders(rows, room * mean_kw, random),
        tariff=_tariff(case, float(mean_kw.sum() + base_load_kw.mean()), random),
    )
    night = Night(
        date=horizon.local(horizon.start).date(),
        horizon=horizon,
        visits=visits,
        import_price_per_kwh=_prices_per_kwh(case.prices, horizon, random),
        export_price_per_kwh=np.zeros(horizon.steps),
        base_load_kw=base_load_kw,
        site_limit_kw=np.full(horizon.steps, site_limit_kw),
        pv_kw=np.zeros(horizon.steps),
    )
    return depot, night


def _a_vehicle(vehicle_id: str, random: np.random.Generator, *, alike: bool) -> Vehicle:
    one_phase = not alike and random.random() < 1 / 3
    battery_kwh = 64.0 if alike else 40.0 if one_phase else float(random.choice([46.0, 64.0, 75.0]))
    return Vehicle(
        id=vehicle_id,
        battery_kwh=battery_kwh,
        max_ac_current_a=32.0 if one_phase else 16.0,
        ac_phases=1 if one_phase else 3,
        max_dc_kw=0.0,
        charge_efficiency=0.9 if alike else float(random.choice([0.88, 0.9, 0.92])),
        id_tag=f"TAG-{vehicle_id}",
    )


def _a_visit(
    vehicle: Vehicle, charger: Charger, horizon: Horizon, random: np.random.Generator, *, alike: bool
) -> Visit:
    """Home in the evening, away in the morning."""
    grid_minutes, decimals = (60, 0) if alike else (1, 1)
    after_noon_minutes = float(np.clip(random.normal(360, 75), 120, 600))
    until_noon_minutes = float(np.clip(random.normal(330, 50), 150, 450))
    return Visit(
        vehicle_id=vehicle.id,
        charger_id=charger.id,
        connector_id=1,
        arrival=horizon.start + timedelta(minutes=grid_minutes * round(after_noon_minutes / grid_minutes)),
        departure=horizon.end - timedelta(minutes=grid_minutes * round(until_noon_minutes / grid_minutes)),
        arrival_soc_percent=round(float(random.uniform(15, 75)), decimals),
        required_soc_percent=90.0 if alike else float(random.choice([80.0, 90.0, 100.0])),
    )


def _row_of_each(vehicles: int) -> list[int]:
    """The row of every van: one row for a small yard, from 50 vans on at least four, of 50 vans at most."""
    rows = 1 if vehicles < 50 else max(4, vehicles // 50)
    return [number * rows // vehicles for number in range(vehicles)]


def _feeders(rows: list[int], share_kw: FloatArray, random: np.random.Generator) -> tuple[Feeder, ...]:
    """Halls of five rows below one cable; ``share_kw`` is each van's share of the transformer, shape (V,)."""
    row_kw = np.bincount(rows, weights=share_kw)
    hall_of_row = np.arange(len(row_kw)) // (2 if len(row_kw) <= 4 else 5)
    hall_kw = np.bincount(hall_of_row, weights=row_kw)

    def limit_kw(mean_kw: float) -> float:
        return float(np.ceil(max(22.1, mean_kw * random.uniform(1.05, 1.6))))

    return (
        Feeder(id="main"),
        *(Feeder(id=f"hall{hall}", parent="main", limit_kw=limit_kw(kw)) for hall, kw in enumerate(hall_kw)),
        *(
            Feeder(id=f"row{row}", parent=f"hall{hall_of_row[row]}", limit_kw=limit_kw(kw))
            for row, kw in enumerate(row_kw)
        ),
    )


def _mean_kw(vehicles: Sequence[Vehicle], visits: Sequence[Visit]) -> FloatArray:
    """Grid-side power with which each van has what it needs after :data:`CORE_H` hours, shape (V,)."""
    return np.array(
        [
            vehicle.battery_kwh
            * max(0.0, visit.required_soc_percent - visit.arrival_soc_percent)
            / (100.0 * vehicle.charge_efficiency * CORE_H)
            for vehicle, visit in zip(vehicles, visits, strict=True)
        ]
    )


def _base_load_kw(vehicles: int, horizon: Horizon, random: np.random.Generator) -> FloatArray:
    """A hall with light and conveyors: high by day, low by night, never quite still."""
    hours = np.array([horizon.local(start).hour for start in horizon.starts()])
    by_day = np.where((hours >= 6) & (hours < 20), 1.0, 0.35)
    load_kw: FloatArray = vehicles * BASE_KW_PER_VEHICLE * by_day * random.uniform(0.8, 1.2, horizon.steps)
    return np.round(load_kw, 2)


def _tariff(case: Case, needed_mean_kw: float, random: np.random.Generator) -> Tariff:
    """With a demand charge, the month's peak so far is 60 to 100 % of what this night needs on average."""
    charge_per_kw = float(random.choice(DEMAND_CHARGES_PER_KW))
    peak_so_far_kw = round(needed_mean_kw * float(random.uniform(0.6, 1.0)), 1)
    if not case.demand_charge:
        return Tariff()
    return Tariff(demand_charge_per_kw=charge_per_kw, peak_so_far_kw=peak_so_far_kw)


def _prices_per_kwh(prices: Prices, horizon: Horizon, random: np.random.Generator) -> FloatArray:
    if prices == "day-ahead":
        hours = [f"{start:%Y-%m-%dT%H}:00:00Z" for start in horizon.starts()]
        return np.array(
            [day_ahead_per_mwh()[hour] / 1000.0 + SURCHARGE_PER_KWH["parcel-12"] for hour in hours]
        )
    cheap, middle, dear = (float(price) for price in np.sort(random.uniform(0.15, 0.4, 3)).round(4))
    later_h = int(random.integers(-1, 2))
    hours_of_day = np.array([(horizon.local(start).hour - later_h) % 24 for start in horizon.starts()])
    by_night = (hours_of_day >= 22) | (hours_of_day < 6)
    in_the_evening = (hours_of_day >= 17) & (hours_of_day < 21)
    if prices == "flat":
        return np.full(horizon.steps, middle)
    if prices == "two-level":
        return np.where(by_night, cheap, dear)
    return np.where(by_night, cheap, np.where(in_the_evening, dear, middle))


@cache
def _days_with_prices() -> list[date]:
    """Days whose night from noon to noon has a price in every hour."""
    known = day_ahead_per_mwh()
    days = sorted({datetime.fromisoformat(hour).date() for hour in known})
    return [
        day for day in days if all(f"{start:%Y-%m-%dT%H}:00:00Z" in known for start in _horizon(day).starts())
    ]


def _horizon(day: date) -> Horizon:
    return Horizon.for_night(day, start=time(12), end=time(12), step_minutes=15, timezone=TIMEZONE)
