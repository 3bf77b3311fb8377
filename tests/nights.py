"""Hypothesis strategies for depots and nights of every kind that the planner must survive."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from optimiser.depot import Charger, Connector, Depot, Feeder, Policy, Vehicle
from optimiser.horizon import FloatArray, Horizon
from optimiser.night import Night, Visit
from optimiser.tariff import DemandWindow, Tariff
from tests.builders import a_bus, a_dc_connector, a_depot, a_horizon, a_night, a_van, an_ac_connector

FEEDERS = (
    (),
    (Feeder(id="F1", limit_kw=30.0),),
    (Feeder(id="F1", limit_kw=40.0), Feeder(id="F2", parent="F1", limit_kw=15.0)),
    (Feeder(id="F1", limit_per_phase_a=40.0),),
)

EVENING = DemandWindow(
    name="evening", days="all", from_minute=17 * 60, to_minute=20 * 60 + 10, charge_per_kw=9.0
)
MORNING = DemandWindow(
    name="morning",
    days="weekdays",
    from_minute=6 * 60,
    to_minute=7 * 60 + 30,
    charge_per_kw=3.0,
    peak_so_far_kw=6.0,
)
LATE = replace(EVENING, from_minute=21 * 60, to_minute=22 * 60)

WINDOWS = ((), (), (EVENING,), (EVENING, MORNING), (EVENING, LATE, MORNING))


@st.composite
def depots(draw: st.DrawFn, *, transformer_limits_kw: tuple[float, ...] = (5.0, 12.0, 43.0, 400.0)) -> Depot:
    """One to five vehicles, each with a charger of its own, behind zero to two feeders."""
    vehicles: list[Vehicle] = []
    chargers: list[Charger] = []
    feeders = draw(st.sampled_from(FEEDERS))
    for number in range(1, draw(st.integers(1, 5)) + 1):
        is_bus = draw(st.integers(0, 3)) == 0
        vehicles.append(draw(_buses(f"V{number}") if is_bus else _vans(f"V{number}")))
        chargers.append(
            Charger(
                id=f"CP{number}",
                feeder=draw(st.sampled_from([None, *(f.id for f in feeders)])),
                connectors=(draw(_dc_connectors() if is_bus else _ac_connectors()),),
            )
        )
    return a_depot(
        vehicles=vehicles,
        chargers=chargers,
        feeders=feeders,
        transformer_limit_kw=draw(st.sampled_from(transformer_limits_kw)),
        reserve_kw=draw(st.sampled_from([0.0, 2.0])),
        tariff=draw(_tariffs()),
        policy=Policy(
            secure_against_forgetful=draw(st.integers(0, 2)),
            precondition_minutes=draw(st.sampled_from([20, 30, 45])),
        ),
    )


def _buses(name: str) -> st.SearchStrategy[Vehicle]:
    return st.builds(
        lambda battery_kwh, tapers: a_bus(name, battery_kwh=battery_kwh, tapers=tapers),
        st.sampled_from([90.0, 300.0]),
        st.booleans(),
    )


@st.composite
def _vans(draw: st.DrawFn, name: str) -> Vehicle:
    one_phase = draw(st.booleans())
    return a_van(
        name,
        ac_phases=1 if one_phase else 3,
        max_ac_current_a=32.0 if one_phase else 16.0,
        charge_efficiency=draw(st.sampled_from([0.85, 0.9, 1.0])),
    )


@st.composite
def _dc_connectors(draw: st.DrawFn) -> Connector:
    connector = a_dc_connector(max_kw=draw(st.sampled_from([30.0, 150.0])))
    if draw(st.booleans()):
        return connector
    return replace(connector, limit_side="output", conversion_efficiency=0.95)


@st.composite
def _ac_connectors(draw: st.DrawFn) -> Connector:
    connector = an_ac_connector(
        current_step_a=draw(st.sampled_from([0.1, 0.5, 1.0])),
        min_current_a=draw(st.sampled_from([6.0, 8.0])),
        phase_map=draw(st.sampled_from([(), ("L1", "L2", "L3"), ("L2", "L3", "L1")])),
    )
    listed = draw(st.sampled_from([(), (), (6.0, 10.0, 13.0, 16.0), (10.0, 16.0)]))
    return replace(connector, allowed_currents_a=listed)


def _tariffs() -> st.SearchStrategy[Tariff]:
    return st.builds(
        Tariff,
        demand_charge_per_kw=st.sampled_from([0.0, 21.93, 191.79]),
        peak_so_far_kw=st.sampled_from([0.0, 8.0, 30.0]),
        billing_interval_minutes=st.sampled_from([15, 30, 60]),
        demand_windows=st.sampled_from(WINDOWS),
    )


@st.composite
def nights(draw: st.DrawFn, depot: Depot) -> Night:
    """One visit per vehicle, at any minute, also beyond the horizon's ends, with any SoC.

    Some vehicles come to the charger of the one before, when that one has left. Some are warmed before departure.
    """
    horizon = a_horizon(start="18:00", end="08:00", step_minutes=draw(st.sampled_from([15, 30])))
    visits: list[Visit] = []
    for number, vehicle in enumerate(depot.vehicles, start=1):
        before = visits[-1] if visits else None
        follows = before and _is_ac(depot, before.charger_id) == (vehicle.max_ac_current_a > 0)
        if before and follows and before.departure < horizon.end and draw(st.integers(0, 3)) == 0:
            arrival = before.departure + timedelta(minutes=draw(st.integers(0, 60)))
            visits.append(draw(_visits(vehicle, horizon, before.charger_id, arrival)))
        else:
            arrival = horizon.start + timedelta(minutes=draw(st.integers(-120, 600)))
            visits.append(draw(_visits(vehicle, horizon, f"CP{number}", arrival)))
    seed = draw(st.integers(0, 2**16))
    base_max_kw = draw(st.sampled_from([2.0, 15.0]))
    limit_kw = np.full(horizon.steps, depot.site.transformer_limit_kw)
    if draw(st.integers(0, 3)) == 0:
        limit_kw[horizon.steps // 2 :] *= 0.6
    return a_night(
        depot,
        visits=visits,
        price_per_kwh=_prices(draw, horizon.steps, seed),
        export_price_per_kwh=draw(st.sampled_from([0.0, 0.08])),
        base_load_kw=np.random.default_rng(seed).uniform(0.0, base_max_kw, horizon.steps),
        pv_kw=draw(st.sampled_from([0.0, 6.0])),
        site_limit_kw=limit_kw,
        horizon=horizon,
    )


def _is_ac(depot: Depot, charger_id: str) -> bool:
    return depot.charger(charger_id).connectors[0].phases > 0


@st.composite
def _visits(draw: st.DrawFn, vehicle: Vehicle, horizon: Horizon, charger_id: str, arrival: datetime) -> Visit:
    arrival_soc_percent = draw(st.integers(0, 100))
    arrival = min(arrival, horizon.end - timedelta(minutes=1))
    precondition_kwh = draw(st.sampled_from([0.0, 0.0, 2.0, 12.0]))
    departure = max(arrival + timedelta(minutes=draw(st.integers(130, 900))), horizon.start)
    return Visit(
        vehicle_id=vehicle.id,
        charger_id=charger_id,
        connector_id=1,
        arrival=arrival,
        departure=departure,
        arrival_soc_percent=float(arrival_soc_percent),
        required_soc_percent=float(draw(st.integers(0, 100))),
        priority=draw(st.sampled_from([0.5, 1.0, 10.0])),
        precondition_kwh=precondition_kwh,
        earliest_start=draw(_starts(arrival)),
    )


def _starts(arrival: datetime) -> st.SearchStrategy[datetime | None]:
    """Mostly none; some are put off, also to before they arrive or to after they leave."""
    minutes = st.sampled_from([None, None, None, -60, 45, 190, 1000])
    return minutes.map(lambda late: None if late is None else arrival + timedelta(minutes=late))


def _prices(draw: st.DrawFn, steps: int, seed: int) -> FloatArray:
    kind = draw(st.sampled_from(["flat", "two levels", "three levels", "day ahead", "negative"]))
    random = np.random.default_rng(seed)
    if kind == "flat":
        return np.full(steps, 0.3)
    if kind == "two levels":
        return np.where(np.arange(steps) < steps // 2, 0.32, 0.21)
    if kind == "three levels":
        return np.array([(0.35, 0.25, 0.15)[(3 * step) // steps] for step in range(steps)])
    return random.uniform(0.05, 0.4, steps) - (0.25 if kind == "negative" else 0.0)
