"""Hypothesis strategies for depots and nights of every kind that the planner must survive."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import strategies as st

from optimiser.depot import Charger, Depot, Feeder, Vehicle
from optimiser.horizon import FloatArray
from optimiser.night import Night, Visit
from optimiser.tariff import Tariff
from tests.builders import a_bus, a_dc_connector, a_depot, a_horizon, a_night, a_van, an_ac_connector


@st.composite
def depots(draw: st.DrawFn, *, tapers: bool = True, phases: bool = True) -> Depot:
    """One to five vehicles, each with a charger of its own, behind zero to two feeders."""
    vehicles: list[Vehicle] = []
    chargers: list[Charger] = []
    feeders = draw(
        st.sampled_from(
            [
                (),
                (Feeder(id="F1", limit_kw=30.0),),
                (Feeder(id="F1", limit_kw=40.0), Feeder(id="F2", parent="F1", limit_kw=15.0)),
                *([(Feeder(id="F1", limit_per_phase_a=40.0),)] if phases else []),
            ]
        )
    )
    for number in range(1, draw(st.integers(1, 5)) + 1):
        feeder = draw(st.sampled_from([None, *(f.id for f in feeders)]))
        if draw(st.integers(0, 3)) == 0:
            vehicles.append(
                a_bus(f"V{number}", battery_kwh=draw(st.sampled_from([90.0, 300.0])), tapers=tapers)
            )
            connector = a_dc_connector(max_kw=draw(st.sampled_from([30.0, 150.0])))
        else:
            one_phase = draw(st.booleans())
            vehicles.append(
                a_van(
                    f"V{number}",
                    ac_phases=1 if one_phase else 3,
                    max_ac_current_a=32.0 if one_phase else 16.0,
                    charge_efficiency=draw(st.sampled_from([0.85, 0.9, 1.0])),
                )
            )
            connector = an_ac_connector(
                current_step_a=draw(st.sampled_from([0.1, 0.5, 1.0])),
                min_current_a=draw(st.sampled_from([6.0, 8.0])),
                phase_map=draw(st.sampled_from([(), ("L1", "L2", "L3"), ("L2", "L3", "L1")])),
            )
        chargers.append(Charger(id=f"CP{number}", feeder=feeder, connectors=(connector,)))
    return a_depot(
        vehicles=vehicles,
        chargers=chargers,
        feeders=feeders,
        transformer_limit_kw=draw(st.sampled_from([5.0, 12.0, 43.0, 400.0])),
        reserve_kw=draw(st.sampled_from([0.0, 2.0])),
        tariff=draw(
            st.builds(
                Tariff,
                demand_charge_per_kw=st.sampled_from([0.0, 21.93, 191.79]),
                peak_so_far_kw=st.sampled_from([0.0, 8.0, 30.0]),
                billing_interval_minutes=st.sampled_from([15, 30, 60]),
            )
        ),
    )


@st.composite
def nights(draw: st.DrawFn, depot: Depot, *, roof: bool = True, priorities: bool = True) -> Night:
    """One visit per vehicle, at any minute, also beyond the horizon's ends, with any SoC."""
    horizon = a_horizon(start="18:00", end="08:00", step_minutes=draw(st.sampled_from([15, 30])))
    visits = []
    for number, vehicle in enumerate(depot.vehicles, start=1):
        arrival = horizon.start + timedelta(minutes=draw(st.integers(-120, 600)))
        arrival_soc_percent = draw(st.integers(0, 100))
        visits.append(
            Visit(
                vehicle_id=vehicle.id,
                charger_id=f"CP{number}",
                connector_id=1,
                arrival=arrival,
                departure=arrival + timedelta(minutes=draw(st.integers(130, 900))),
                arrival_soc_percent=float(arrival_soc_percent),
                required_soc_percent=float(draw(st.integers(0, 100))),
                priority=draw(st.sampled_from([0.5, 1.0, 10.0])) if priorities else 1.0,
            )
        )
    seed = draw(st.integers(0, 2**16))
    return a_night(
        depot,
        visits=visits,
        price_per_kwh=_prices(draw, horizon.steps, seed),
        base_load_kw=np.random.default_rng(seed).uniform(
            0.0, draw(st.sampled_from([2.0, 15.0])), horizon.steps
        ),
        pv_kw=draw(st.sampled_from([0.0, 6.0])) if roof else 0.0,
        horizon=horizon,
    )


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
