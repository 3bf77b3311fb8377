"""How full vehicles are of which nobody tells it: what they should have come with, and what their meters show since. Pure.

Few AC chargers know a SoC, and not every vehicle has telematics. What visits.csv says of the arrival may be wrong, and
a plan may be followed late: of the two readings that are left the lower one counts, never the bolder.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np

from dispatch.occupants import Occupant
from dispatch.safety import Place
from dispatch.station import ConnectorState, LiveState
from optimiser.depot import Depot
from optimiser.night import Night, Visit
from optimiser.plan import Plan


def with_metered_energy(
    live: LiveState, there: Mapping[Place, Occupant], *, depot: Depot, night: Night, plan: Plan
) -> LiveState:
    """The live state in which the meters of vehicles without a known SoC tell the one that their energy comes to."""
    chargers = []
    for charger in live.chargers:
        states = []
        for state in charger.connectors:
            occupant = there.get(Place(charger.charger_id, state.connector_id))
            soc_percent = None
            if occupant is not None and occupant.soc_percent is None:
                soc_percent = _soc_percent(state, occupant, live.now, depot=depot, night=night, plan=plan)
            if soc_percent is not None and state.meter is not None:
                meter = state.meter.model_copy(update={"soc_percent": soc_percent})
                states.append(state.model_copy(update={"meter": meter}))
            else:
                states.append(state)
        chargers.append(charger.model_copy(update={"connectors": tuple(states)}))
    return live.model_copy(update={"chargers": tuple(chargers)})


def _soc_percent(
    state: ConnectorState, occupant: Occupant, now: datetime, *, depot: Depot, night: Night, plan: Plan
) -> float | None:
    """SoC at the time of the meter's reading; None where register or visit say nothing."""
    meter, begun_kwh = state.meter, occupant.transaction.meter_start_kwh
    visit = _visit_of(night, occupant, now)
    if meter is None or meter.energy_kwh is None or begun_kwh is None or visit is None:
        return None
    if meter.at < occupant.transaction.started_at or meter.energy_kwh < begun_kwh:
        return None
    vehicle = occupant.vehicle
    charged_kwh = (meter.energy_kwh - begun_kwh) * vehicle.charge_efficiency
    if meter.at >= visit.departure - timedelta(minutes=depot.policy.precondition_minutes):
        charged_kwh -= visit.precondition_kwh
    by_meter = visit.arrival_soc_percent + 100.0 * charged_kwh / vehicle.battery_kwh
    return min(100.0, max(0.0, min(by_meter, _by_plan(occupant, plan, meter.at, otherwise=by_meter))))


def _by_plan(occupant: Occupant, plan: Plan, at: datetime, *, otherwise: float) -> float:
    """SoC at an instant if a vehicle had taken what is planned for it. [%]"""
    visit, vehicle, horizon = occupant.visit, occupant.vehicle, plan.horizon
    if visit is None:
        return otherwise
    begin, end = max(visit.arrival, horizon.start), min(at, visit.departure, horizon.end)
    if begin >= end:
        return visit.arrival_soc_percent
    planned_kwh = float(horizon.presence(begin, end) @ np.array(visit.power_kw)) * horizon.step_h
    gained_kwh = visit.taken_share * planned_kwh * vehicle.charge_efficiency
    return visit.arrival_soc_percent + 100.0 * gained_kwh / vehicle.battery_kwh


def _visit_of(night: Night, occupant: Occupant, now: datetime) -> Visit | None:
    """The vehicle's first visit of the night that is not over."""
    mine = (one for one in night.visits if one.vehicle_id == occupant.vehicle.id and one.departure > now)
    return min(mine, key=lambda one: one.arrival, default=None)
