"""Checks a plan against its depot and night before it may leave. Shares nothing with the solver.

Everything is worked out again from the folder's values in plain loops: an error in the problem's arrays, in the
linear program or in the set-points must not be able to hide behind the same error here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from optimiser.depot import Connector, Depot, Feeder, Vehicle
from optimiser.night import Night
from optimiser.plan import Plan, PlannedVisit

LIMIT_TOLERANCE_KW = 1e-4
"""A tenth of a watt: what rounding the plan's numbers can add up to over hundreds of vehicles."""

ENERGY_TOLERANCE_KWH = 1e-3
"""A watt-hour: rounding of the plan's numbers over a night."""

STEP_TOLERANCE = 1e-3
"""How far a set-point may lie beside a step of its charger, in steps: the plan's last decimal."""


class PlanRefusedError(RuntimeError):
    """A plan that breaks a rule. ``violations`` says which, where and by how much."""

    def __init__(self, violations: tuple[str, ...]) -> None:
        super().__init__("the plan breaks its own rules and was not written:\n  " + "\n  ".join(violations))
        self.violations = violations


def refuse_if_broken(plan: Plan, depot: Depot, night: Night) -> None:
    """Raises :class:`PlanRefusedError` if :func:`violations` finds any."""
    found = tuple(violations(plan, depot, night))
    if found:
        raise PlanRefusedError(found)


def violations(plan: Plan, depot: Depot, night: Night) -> Iterator[str]:
    """Every broken rule of a plan in one sentence: limits, windows, set-points, energy, one vehicle per connector."""
    yield from _visits_match(plan, night)
    for visit in plan.visits:
        yield from _window(plan, visit)
        yield from _set_points(plan, visit, depot)
        yield from _energy(plan, visit, depot)
        yield from _charge_curve(plan, visit, depot)
    yield from _connectors(plan)
    yield from _site(plan, depot, night)
    for feeder in depot.feeders:
        yield from _feeder(plan, depot, night, feeder)


def _visits_match(plan: Plan, night: Night) -> Iterator[str]:
    planned = [(v.vehicle_id, v.charger_id, v.connector_id, v.arrival, v.departure) for v in plan.visits]
    wanted = [(v.vehicle_id, v.charger_id, v.connector_id, v.arrival, v.departure) for v in night.visits]
    if planned != wanted:
        yield "the plan's visits are not the night's"
    for visit in plan.visits:
        if len(visit.power_kw) != plan.horizon.steps:
            yield f"{visit.vehicle_id}: {len(visit.power_kw)} powers for {plan.horizon.steps} steps"


def _steps(plan: Plan) -> Iterator[tuple[int, datetime, datetime]]:
    for index in range(plan.horizon.steps):
        start = plan.horizon.start + timedelta(seconds=index * plan.horizon.step_s)
        yield index, start, start + timedelta(seconds=plan.horizon.step_s)


def _hours_there(visit: PlannedVisit, start: datetime, end: datetime) -> float:
    overlap = min(end, visit.departure) - max(start, visit.arrival)
    return max(0.0, overlap.total_seconds() / 3600.0)


def _local(plan: Plan, instant: datetime) -> str:
    return plan.horizon.local(instant).strftime("%Y-%m-%d %H:%M")


def _window(plan: Plan, visit: PlannedVisit) -> Iterator[str]:
    for index, start, end in _steps(plan):
        if visit.power_kw[index] != 0 and _hours_there(visit, start, end) == 0:
            yield f"{visit.vehicle_id} draws {visit.power_kw[index]} kW at {_local(plan, start)} and is not there"


def _set_points(plan: Plan, visit: PlannedVisit, depot: Depot) -> Iterator[str]:
    connector = depot.connector(visit.charger_id, visit.connector_id)
    vehicle = depot.vehicle(visit.vehicle_id)
    kw_per_unit, least, most, step = _allowed(connector, vehicle, depot.site.voltage_v)
    for index, start, _ in _steps(plan):
        power_kw = visit.power_kw[index]
        if power_kw == 0:
            continue
        units = power_kw / kw_per_unit if kw_per_unit else 0.0
        where = f"{visit.vehicle_id} at {_local(plan, start)}: {power_kw} kW"
        if not least - STEP_TOLERANCE * step <= units <= most + STEP_TOLERANCE * step:
            yield f"{where} is {units:.3f}, allowed are 0 and {least:g} to {most:g}"
        elif abs(units / step - round(units / step)) > STEP_TOLERANCE:
            yield f"{where} is {units:.3f}, not in steps of {step:g}"


def _allowed(connector: Connector, vehicle: Vehicle, voltage_v: float) -> tuple[float, float, float, float]:
    """Grid-side kW per unit, and least, most and step in that unit: amperes per phase on AC, limit kW on DC."""
    if connector.phases == 0:
        at_grid = 1.0 / connector.conversion_efficiency
        per_limit = at_grid if connector.limit_side == "output" else 1.0
        return (
            per_limit,
            connector.min_kw,
            min(connector.max_kw, vehicle.max_dc_kw * at_grid / per_limit),
            0.1,
        )
    phases = min(connector.phases, vehicle.ac_phases)
    least_a = max(connector.min_current_a, vehicle.min_current_a)
    most_a = min(connector.max_current_a, vehicle.max_ac_current_a)
    return phases * voltage_v / 1000.0, least_a, most_a, connector.current_step_a


def _energy(plan: Plan, visit: PlannedVisit, depot: Depot) -> Iterator[str]:
    vehicle = depot.vehicle(visit.vehicle_id)
    charged_kwh = sum(
        vehicle.charge_efficiency * visit.power_kw[index] * _hours_there(visit, start, end)
        for index, start, end in _steps(plan)
    )
    room_kwh = vehicle.battery_kwh * (100.0 - visit.arrival_soc_percent) / 100.0
    needed_kwh = vehicle.battery_kwh * (visit.required_soc_percent - visit.arrival_soc_percent) / 100.0
    short_kwh = max(0.0, needed_kwh - charged_kwh)
    planned_soc_percent = visit.arrival_soc_percent + 100.0 * charged_kwh / vehicle.battery_kwh
    if charged_kwh > room_kwh + ENERGY_TOLERANCE_KWH:
        yield f"{visit.vehicle_id} is charged {charged_kwh:.3f} kWh, its battery has room for {room_kwh:.3f}"
    if abs(charged_kwh - visit.delivered_kwh) > ENERGY_TOLERANCE_KWH:
        yield f"{visit.vehicle_id}: delivered_kwh {visit.delivered_kwh}, its powers give {charged_kwh:.6f}"
    if abs(short_kwh - visit.shortfall_kwh) > ENERGY_TOLERANCE_KWH:
        yield f"{visit.vehicle_id}: shortfall_kwh {visit.shortfall_kwh}, its powers leave {short_kwh:.6f}"
    if abs(planned_soc_percent - visit.planned_soc_percent) > 1e-3:
        yield f"{visit.vehicle_id}: planned SoC {visit.planned_soc_percent}, its powers give {planned_soc_percent:.4f}"


def _charge_curve(plan: Plan, visit: PlannedVisit, depot: Depot) -> Iterator[str]:
    vehicle = depot.vehicle(visit.vehicle_id)
    if vehicle.charge_curve is None:
        return
    soc_percent = visit.arrival_soc_percent
    for index, start, end in _steps(plan):
        battery_kw = vehicle.charge_efficiency * visit.power_kw[index]
        soc_percent += 100.0 * battery_kw * _hours_there(visit, start, end) / vehicle.battery_kwh
        takes_kw = float(
            np.interp(soc_percent, vehicle.charge_curve.soc_percent, vehicle.charge_curve.max_kw)
        )
        if battery_kw > takes_kw + LIMIT_TOLERANCE_KW:
            at = _local(plan, start)
            yield f"{visit.vehicle_id} is given {battery_kw:.3f} kW at {at}, at {soc_percent:.1f} % it takes {takes_kw:.3f}"


def _connectors(plan: Plan) -> Iterator[str]:
    for index, start, _ in _steps(plan):
        drawing: dict[tuple[str, int], str] = {}
        for visit in plan.visits:
            if visit.power_kw[index] > 0:
                place = (visit.charger_id, visit.connector_id)
                other = drawing.setdefault(place, visit.vehicle_id)
                if other != visit.vehicle_id:
                    yield f"{other} and {visit.vehicle_id} both draw at {place} at {_local(plan, start)}"


def _site(plan: Plan, depot: Depot, night: Night) -> Iterator[str]:
    for index, start, _ in _steps(plan):
        charging_kw = sum(visit.power_kw[index] for visit in plan.visits)
        beside_kw = float(night.base_load_kw[index]) + depot.site.reserve_kw
        limit_kw = float(night.site_limit_kw[index])
        yield from _above(plan, "transformer", start, charging=charging_kw, beside=beside_kw, limit=limit_kw)


def _feeder(plan: Plan, depot: Depot, night: Night, feeder: Feeder) -> Iterator[str]:
    below = [visit for visit in plan.visits if _hangs_below(depot, visit.charger_id, feeder.id)]
    for index, start, _ in _steps(plan):
        charging_kw = sum(visit.power_kw[index] for visit in below)
        beside_kw = 0.0
        if feeder.parent is None:
            beside_kw = float(night.base_load_kw[index]) + depot.site.reserve_kw
        if feeder.limit_kw is not None:
            name, limit_kw = f"feeder {feeder.id}", feeder.limit_kw
            yield from _above(plan, name, start, charging=charging_kw, beside=beside_kw, limit=limit_kw)
        if feeder.limit_per_phase_a is not None:
            volt = depot.site.voltage_v
            for phase in ("L1", "L2", "L3"):
                current_a = sum(_current_a(depot, visit, index, phase) for visit in below)
                beside_a = beside_kw * 1000.0 / (3.0 * volt)
                name = f"feeder {feeder.id} phase {phase}"
                limit_a = feeder.limit_per_phase_a
                yield from _above(plan, name, start, charging=current_a, beside=beside_a, limit=limit_a)


def _above(
    plan: Plan, name: str, start: datetime, *, charging: float, beside: float, limit: float
) -> Iterator[str]:
    # Base load alone may be above a limit: nothing can be done about that but not to charge.
    if charging > max(0.0, limit - beside) + LIMIT_TOLERANCE_KW:
        yield f"{name} at {_local(plan, start)}: {charging:.3f} charging + {beside:.3f} beside it > {limit:.3f}"


def _hangs_below(depot: Depot, charger_id: str, feeder_id: str) -> bool:
    feeders = {feeder.id: feeder for feeder in depot.feeders}
    at = depot.charger(charger_id).feeder
    while at is not None:
        if at == feeder_id:
            return True
        at = feeders[at].parent
    return False


def _current_a(depot: Depot, visit: PlannedVisit, index: int, phase: str) -> float:
    """Amperes of a visit on one phase; without a phase map one-phase vehicles count on every phase."""
    connector = depot.connector(visit.charger_id, visit.connector_id)
    phases = min(connector.phases, depot.vehicle(visit.vehicle_id).ac_phases) if connector.phases else 3
    if connector.phase_map and phase not in connector.phase_map[:phases]:
        return 0.0
    return visit.power_kw[index] * 1000.0 / (phases * depot.site.voltage_v)
