"""Checks a plan against its depot and night before it may leave. Shares nothing with the solver.

Everything is worked out again from the folder's values in plain loops: an error in the problem's arrays, in the
linear program or in the set-points must not be able to hide behind the same error here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from optimiser.depot import Connector, Depot, Feeder, Vehicle
from optimiser.night import Night, Visit
from optimiser.plan import Plan, PlannedVisit
from optimiser.tariff import DemandWindow

LIMIT_TOLERANCE_KW = 1e-4
"""A tenth of a watt: what rounding the plan's numbers can add up to over hundreds of vehicles."""

ENERGY_TOLERANCE_KWH = 1e-3
"""A watt-hour: rounding of the plan's numbers over a night."""

MONEY_TOLERANCE = 1e-6
"""Share of a cost that rounding the plan's numbers can move."""

STEP_TOLERANCE = 1e-3
"""How far a set-point may lie beside a step of its charger, in steps: the plan's last decimal."""


_There = tuple[int, datetime, datetime, float]
"""A step in which a vehicle is there: its number, from when, until when, and for how many hours."""


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
    """Every broken rule of a plan in one sentence.

    Limits, windows, set-points, energy, preconditioning, charge curves, one vehicle per connector, money.
    """
    mismatch = tuple(_visits_match(plan, night))
    if mismatch:
        yield from mismatch
        return
    for visit, wanted in zip(plan.visits, night.visits, strict=True):
        there = tuple(_steps_there(plan, visit))
        yield from _window(plan, visit, there)
        yield from _set_points(plan, visit, depot)
        yield from _energy(visit, wanted, depot, there)
        yield from _full(plan, visit, wanted, depot, there)
        yield from _charge_curve(plan, visit, wanted, depot, there)
    yield from _connectors(plan)
    yield from _money(plan, depot, night)
    yield from _site(plan, depot, night)
    yield from _forgetful(plan, depot, night)
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


def _steps_there(plan: Plan, visit: PlannedVisit) -> Iterator[_There]:
    """The steps in which a vehicle is there, from when to when, and for how many hours."""
    for index, start, end in _steps(plan):
        since, until = max(start, visit.arrival), min(end, visit.departure)
        if since < until:
            yield index, since, until, (until - since).total_seconds() / 3600.0


def _local(plan: Plan, instant: datetime) -> str:
    return plan.horizon.local(instant).strftime("%Y-%m-%d %H:%M")


def _window(plan: Plan, visit: PlannedVisit, there: Sequence[_There]) -> Iterator[str]:
    present = {index for index, *_ in there}
    for index, power_kw in enumerate(visit.power_kw):
        if power_kw != 0 and index not in present:
            at = plan.horizon.start + timedelta(seconds=index * plan.horizon.step_s)
            yield f"{visit.vehicle_id} draws {power_kw} kW at {_local(plan, at)} and is not there"


def _set_points(plan: Plan, visit: PlannedVisit, depot: Depot) -> Iterator[str]:
    connector = depot.connector(visit.charger_id, visit.connector_id)
    vehicle = depot.vehicle(visit.vehicle_id)
    kw_per_unit, least, most, step = _allowed(connector, vehicle, depot.site.voltage_v)
    for index, power_kw in enumerate(visit.power_kw):
        if power_kw == 0:
            continue
        units = power_kw / kw_per_unit if kw_per_unit else 0.0
        start = plan.horizon.start + timedelta(seconds=index * plan.horizon.step_s)
        where = f"{visit.vehicle_id} at {_local(plan, start)}: {power_kw} kW"
        if not least - STEP_TOLERANCE * step <= units <= most + STEP_TOLERANCE * step:
            yield f"{where} is {units:.3f}, allowed are 0 and {least:g} to {most:g}"
        elif connector.allowed_currents_a:
            if min(abs(units - current_a) for current_a in connector.allowed_currents_a) > STEP_TOLERANCE:
                yield f"{where} is {units:.3f}, not one of {', '.join(f'{a:g}' for a in connector.allowed_currents_a)}"
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


def _energy(visit: PlannedVisit, wanted: Visit, depot: Depot, there: Sequence[_There]) -> Iterator[str]:
    vehicle = depot.vehicle(visit.vehicle_id)
    charged_kwh = sum(
        vehicle.charge_efficiency * visit.power_kw[index] * hours for index, _, _, hours in there
    )
    missing_percent = visit.required_soc_percent - visit.arrival_soc_percent
    needed_kwh = max(0.0, vehicle.battery_kwh * missing_percent / 100.0 + wanted.precondition_kwh)
    short_kwh = max(0.0, needed_kwh - charged_kwh)
    kept_kwh = charged_kwh - wanted.precondition_kwh
    planned_soc_percent = max(0.0, visit.arrival_soc_percent + 100.0 * kept_kwh / vehicle.battery_kwh)
    if abs(needed_kwh - visit.required_kwh) > ENERGY_TOLERANCE_KWH:
        yield f"{visit.vehicle_id}: required_kwh {visit.required_kwh}, its visit needs {needed_kwh:.6f}"
    if abs(charged_kwh - visit.delivered_kwh) > ENERGY_TOLERANCE_KWH:
        yield f"{visit.vehicle_id}: delivered_kwh {visit.delivered_kwh}, its powers give {charged_kwh:.6f}"
    if abs(short_kwh - visit.shortfall_kwh) > ENERGY_TOLERANCE_KWH:
        yield f"{visit.vehicle_id}: shortfall_kwh {visit.shortfall_kwh}, its powers leave {short_kwh:.6f}"
    if abs(planned_soc_percent - visit.planned_soc_percent) > 1e-3:
        yield f"{visit.vehicle_id}: planned SoC {visit.planned_soc_percent}, its powers give {planned_soc_percent:.4f}"


def _preconditioned_kwh(depot: Depot, wanted: Visit, instant: datetime) -> float:
    """What preconditioning has taken by an instant, at constant power over its minutes before departure."""
    lasts = min(timedelta(minutes=depot.policy.precondition_minutes), wanted.departure - wanted.arrival)
    left = max(timedelta(0), wanted.departure - instant)
    return wanted.precondition_kwh * (1.0 - min(1.0, left / lasts))


def _full(
    plan: Plan, visit: PlannedVisit, wanted: Visit, depot: Depot, there: Sequence[_There]
) -> Iterator[str]:
    """Never above a full battery: at the end of no step, and not at the instant when preconditioning begins."""
    vehicle = depot.vehicle(visit.vehicle_id)
    room_kwh = vehicle.battery_kwh * (100.0 - visit.arrival_soc_percent) / 100.0
    begins = wanted.departure - timedelta(minutes=depot.policy.precondition_minutes)
    charged_kwh = 0.0
    for index, since, until, hours in there:
        gained_kwh = vehicle.charge_efficiency * visit.power_kw[index] * hours
        for instant in (begins, until) if since < begins < until else (until,):
            by_then_kwh = charged_kwh + gained_kwh * ((instant - since) / (until - since))
            taken_kwh = _preconditioned_kwh(depot, wanted, instant)
            if by_then_kwh > room_kwh + taken_kwh + ENERGY_TOLERANCE_KWH:
                yield (
                    f"{visit.vehicle_id} is charged {by_then_kwh:.3f} kWh until {_local(plan, instant)}, "
                    f"its battery has room for {room_kwh + taken_kwh:.3f}"
                )
                return
        charged_kwh += gained_kwh


def _charge_curve(
    plan: Plan, visit: PlannedVisit, wanted: Visit, depot: Depot, there: Sequence[_There]
) -> Iterator[str]:
    """At most what the vehicle takes at the SoC that it has at the end of each step, preconditioning deducted."""
    vehicle = depot.vehicle(visit.vehicle_id)
    if vehicle.charge_curve is None:
        return
    charged_kwh = 0.0
    for index, since, until, hours in there:
        battery_kw = vehicle.charge_efficiency * visit.power_kw[index]
        charged_kwh += battery_kw * hours
        kept_kwh = charged_kwh - _preconditioned_kwh(depot, wanted, until)
        soc_percent = visit.arrival_soc_percent + 100.0 * kept_kwh / vehicle.battery_kwh
        takes_kw = float(
            np.interp(soc_percent, vehicle.charge_curve.soc_percent, vehicle.charge_curve.max_kw)
        )
        if battery_kw > takes_kw + LIMIT_TOLERANCE_KW:
            at = _local(plan, since)
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


def _money(plan: Plan, depot: Depot, night: Night) -> Iterator[str]:
    energy = sum(_energy_cost(plan, night, index, start, end) for index, start, end in _steps(plan))
    peak_kw, demand = _peak_and_its_cost(plan, depot, night)
    tolerance = MONEY_TOLERANCE * max(1.0, abs(plan.cost.total))
    if abs(energy - plan.cost.energy) > tolerance:
        yield f"cost.energy {plan.cost.energy}, its powers cost {energy:.6f}"
    if abs(peak_kw - plan.peak_kw) > LIMIT_TOLERANCE_KW:
        yield f"peak_kw {plan.peak_kw}, its powers reach {peak_kw:.6f}"
    if abs(demand - plan.cost.demand) > tolerance:
        yield f"cost.demand {plan.cost.demand}, its powers cost {demand:.6f}"
    if abs(energy + demand - plan.cost.total) > tolerance:
        yield f"cost.total {plan.cost.total}, its powers cost {energy + demand:.6f}"


def _energy_cost(plan: Plan, night: Night, index: int, start: datetime, end: datetime) -> float:
    """Money for what is drawn in a step; what the roof gives beyond the base load costs its export price."""
    drawn_kwh = 0.0
    for visit in plan.visits:
        if visit.power_kw[index]:
            there = min(end, visit.departure) - max(start, visit.arrival)
            drawn_kwh += visit.power_kw[index] * max(0.0, there.total_seconds() / 3600.0)
    surplus_kw = max(0.0, float(night.pv_kw[index] - night.base_load_kw[index]))
    unsold_kwh = min(drawn_kwh, surplus_kw * (end - start).total_seconds() / 3600.0)
    bought = float(night.import_price_per_kwh[index]) * (drawn_kwh - unsold_kwh)
    return bought + float(night.export_price_per_kwh[index]) * unsold_kwh


def _peak_and_its_cost(plan: Plan, depot: Depot, night: Night) -> tuple[float, float]:
    """The highest mean net load over a billing interval [kW], and the money for it and for those of all windows."""
    tariff = depot.tariff
    every = max(1, tariff.billing_interval_minutes * 60 // plan.horizon.step_s)
    means: dict[int, float] = {}
    for first in range(0, plan.horizon.steps, every):
        steps = range(first, min(first + every, plan.horizon.steps))
        charging_kw = sum(visit.power_kw[index] for index in steps for visit in plan.visits)
        beside_kw = sum(float(night.base_load_kw[index] - night.pv_kw[index]) for index in steps)
        means[first] = (charging_kw + beside_kw) / len(steps)
    peak_kw = max(means.values())
    demand = tariff.demand_charge_per_kw * max(0.0, peak_kw - tariff.peak_so_far_kw)
    windows = tariff.demand_windows
    for one in {window.name: window for window in windows}.values():
        same = [window for window in windows if window.name == one.name]
        within = [
            mean
            for first, mean in means.items()
            if any(_touches(plan, window, first, first + every) for window in same)
        ]
        demand += one.charge_per_kw * max([0.0, *(mean - one.peak_so_far_kw for mean in within)])
    return peak_kw, demand


def _touches(plan: Plan, window: DemandWindow, first: int, stop: int) -> bool:
    """Whether any minute of the steps lies in a window of the tariff, by the depot's clock."""
    minute = plan.horizon.start + timedelta(seconds=first * plan.horizon.step_s)
    end = min(plan.horizon.end, plan.horizon.start + timedelta(seconds=stop * plan.horizon.step_s))
    while minute < end:
        local = plan.horizon.local(minute)
        is_day = window.days == "all" or (local.weekday() in {5, 6}) == (window.days == "weekends")
        if is_day and window.from_minute <= 60 * local.hour + local.minute < window.to_minute:
            return True
        minute += timedelta(minutes=1)
    return False


def _site(plan: Plan, depot: Depot, night: Night) -> Iterator[str]:
    for index, start, _ in _steps(plan):
        charging_kw = sum(visit.power_kw[index] for visit in plan.visits)
        beside_kw = float(night.base_load_kw[index]) + depot.site.reserve_kw
        limit_kw = float(night.site_limit_kw[index])
        yield from _above(plan, "transformer", start, charging=charging_kw, beside=beside_kw, limit=limit_kw)


def _forgetful(plan: Plan, depot: Depot, night: Night) -> Iterator[str]:
    """The site's limit with the worst ``policy.secure_against_forgetful`` chargers at full power, where it can hold."""
    forgetful = min(depot.policy.secure_against_forgetful, len(depot.chargers))
    full_kw = {
        charger.id: sum(connector.full_power_kw(depot.site.voltage_v) for connector in charger.connectors)
        for charger in depot.chargers
    }
    alone_kw = sum(sorted(full_kw.values(), reverse=True)[:forgetful])
    for index, start, _ in _steps(plan) if forgetful else ():
        left_kw = float(night.site_limit_kw[index] - night.base_load_kw[index]) - depot.site.reserve_kw
        drawn_kw = dict.fromkeys(full_kw, 0.0)
        for visit in plan.visits:
            drawn_kw[visit.charger_id] += visit.power_kw[index]
        more_kw = sorted((full_kw[name] - drawn_kw[name] for name in full_kw), reverse=True)[:forgetful]
        worst_kw = sum(drawn_kw.values()) + sum(more_kw)
        if alone_kw <= left_kw < worst_kw - LIMIT_TOLERANCE_KW:
            yield (
                f"transformer at {_local(plan, start)}: {worst_kw:.3f} kW of charging with {forgetful} forgetful, "
                f"{left_kw:.3f} are left"
            )


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
