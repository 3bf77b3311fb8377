"""Checks a plan against its depot and night before it may leave. Shares nothing with the solver.

Everything is worked out again from the folder's values, also who is there when: an error in the problem's arrays, in
the linear program or in the set-points must not be able to hide behind the same error here. Masks over all visits
(V) and steps (T) find what breaks, only that becomes sentences. Times are seconds from the start of the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from optimiser.depot import ChargeCurve, Connector, Depot, Feeder, Vehicle
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.tariff import DemandWindow

LIMIT_TOLERANCE_KW = 1e-4
"""A tenth of a watt: what rounding the plan's numbers can add up to over hundreds of vehicles."""

ENERGY_TOLERANCE_KWH = 1e-3
"""A watt-hour: rounding of the plan's numbers over a night."""

MONEY_TOLERANCE = 1e-6
"""Share of a cost that rounding the plan's numbers can move."""

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
    """Every broken rule of a plan in one sentence.

    Limits, windows, set-points, energy, preconditioning, charge curves, one vehicle per connector, money.
    """
    mismatch = tuple(_visits_match(plan, night))
    if mismatch:
        yield from mismatch
        return
    facts = _worked_out(plan, depot, night)
    yield from _window(facts)
    yield from _set_points(facts)
    yield from _energy(facts)
    yield from _full(facts)
    yield from _charge_curve(facts)
    yield from _connectors(facts)
    yield from _money(facts)
    yield from _site(facts)
    yield from _forgetful(facts)
    yield from _feeders(facts)


def _visits_match(plan: Plan, night: Night) -> Iterator[str]:
    planned = [(v.vehicle_id, v.charger_id, v.connector_id, v.arrival, v.departure) for v in plan.visits]
    wanted = [(v.vehicle_id, v.charger_id, v.connector_id, v.arrival, v.departure) for v in night.visits]
    if planned != wanted:
        yield "the plan's visits are not the night's"
    for visit in plan.visits:
        if len(visit.power_kw) != plan.horizon.steps:
            yield f"{visit.vehicle_id}: {len(visit.power_kw)} powers for {plan.horizon.steps} steps"


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What plan and folder say, and what follows from it.

    One entry per visit (V,) have ``vehicles`` to ``begins_s``, when its preconditioning begins. Of shape (V, T) are
    grid-side and battery-side power, ``since_s`` and ``until_s`` (while the vehicle is there in a step, for so many
    ``hours``), and what is charged and what preconditioning has taken until then, both on the battery side.
    """

    plan: Plan
    depot: Depot
    night: Night
    vehicles: Sequence[Vehicle]
    connectors: Sequence[Connector]
    battery_kwh: FloatArray
    arrival_soc_percent: FloatArray
    precondition_kwh: FloatArray
    begins_s: FloatArray
    power_kw: FloatArray
    battery_kw: FloatArray
    since_s: FloatArray
    until_s: FloatArray
    hours: FloatArray
    charged_kwh: FloatArray
    taken_kwh: FloatArray

    def at(self, step: int) -> str:
        return self.clock(step * self.plan.horizon.step_s)

    def clock(self, instant_s: float) -> str:
        horizon = self.plan.horizon
        return horizon.local(horizon.start + timedelta(seconds=instant_s)).strftime("%Y-%m-%d %H:%M")


def _worked_out(plan: Plan, depot: Depot, night: Night) -> _Facts:
    vehicle_of = {vehicle.id: vehicle for vehicle in depot.vehicles}
    connector_of = {(charger.id, plug.id): plug for charger in depot.chargers for plug in charger.connectors}
    vehicles = [vehicle_of[visit.vehicle_id] for visit in plan.visits]
    start, step_s = plan.horizon.start, float(plan.horizon.step_s)
    arrival_s = np.array([(visit.arrival - start).total_seconds() for visit in plan.visits])
    departure_s = np.array([(visit.departure - start).total_seconds() for visit in plan.visits])
    starts_s = np.arange(plan.horizon.steps) * step_s
    since_s = np.maximum(starts_s, arrival_s[:, None])
    until_s = np.minimum(starts_s + step_s, departure_s[:, None])
    hours = np.maximum(until_s - since_s, 0.0) / 3600.0
    power_kw = np.array([visit.power_kw for visit in plan.visits], dtype=float).reshape(hours.shape)
    battery_kw = np.array([[vehicle.charge_efficiency] for vehicle in vehicles]).reshape(-1, 1) * power_kw

    # Preconditioning takes constant power over its minutes before departure, or over a visit that is shorter.
    precondition_kwh = np.array([visit.precondition_kwh for visit in night.visits])
    warming_s = 60.0 * depot.policy.precondition_minutes
    taken_kwh = np.zeros_like(power_kw)
    warmed = precondition_kwh > 0
    lasts_s = np.minimum(warming_s, departure_s - arrival_s)[warmed, None]
    left_s = np.maximum(departure_s[:, None] - until_s, 0.0)[warmed]
    taken_kwh[warmed] = precondition_kwh[warmed, None] * (1.0 - np.minimum(1.0, left_s / lasts_s))
    return _Facts(
        plan=plan,
        depot=depot,
        night=night,
        vehicles=vehicles,
        connectors=[connector_of[visit.charger_id, visit.connector_id] for visit in plan.visits],
        battery_kwh=np.array([vehicle.battery_kwh for vehicle in vehicles]),
        arrival_soc_percent=np.array([visit.arrival_soc_percent for visit in plan.visits]),
        precondition_kwh=precondition_kwh,
        begins_s=departure_s - warming_s,
        power_kw=power_kw,
        battery_kw=battery_kw,
        since_s=since_s,
        until_s=until_s,
        hours=hours,
        charged_kwh=np.cumsum(battery_kw * hours, axis=1),
        taken_kwh=taken_kwh,
    )


def _window(facts: _Facts) -> Iterator[str]:
    for row, step in np.argwhere((facts.power_kw != 0) & (facts.hours == 0)).tolist():
        yield f"{facts.vehicles[row].id} draws {facts.power_kw[row, step]} kW at {facts.at(step)} and is not there"


def _set_points(facts: _Facts) -> Iterator[str]:
    pairs = zip(facts.connectors, facts.vehicles, strict=True)
    allowed = [_allowed(connector, vehicle, facts.depot.site.voltage_v) for connector, vehicle in pairs]
    kw_per_unit, least, most, step_size = np.array(allowed).reshape(-1, 4).T[:, :, None]
    units = facts.power_kw / np.where(kw_per_unit > 0, kw_per_unit, np.inf)
    slack = STEP_TOLERANCE * step_size
    inside = (kw_per_unit > 0) & (units >= least - slack) & (units <= most + slack)
    beside = np.abs(units / step_size - np.rint(units / step_size)) > STEP_TOLERANCE
    for row, connector in enumerate(facts.connectors):
        if connector.allowed_currents_a:
            distances_a = np.abs(units[row, :, None] - np.array(connector.allowed_currents_a))
            beside[row] = distances_a.min(axis=1) > STEP_TOLERANCE
    for row, step in np.argwhere((facts.power_kw != 0) & (~inside | beside)).tolist():
        rule = f"not in steps of {step_size[row, 0]:g}"
        if not inside[row, step]:
            rule = f"allowed are 0 and {least[row, 0]:g} to {most[row, 0]:g}"
        elif facts.connectors[row].allowed_currents_a:
            rule = f"not one of {', '.join(f'{a:g}' for a in facts.connectors[row].allowed_currents_a)}"
        where = f"{facts.vehicles[row].id} at {facts.at(step)}: {facts.power_kw[row, step]} kW"
        yield f"{where} is {units[row, step]:.3f}, {rule}"


def _allowed(connector: Connector, vehicle: Vehicle, voltage_v: float) -> tuple[float, float, float, float]:
    """Grid-side kW per unit, and least, most and step in that unit: amperes per phase on AC, limit kW on DC."""
    if connector.phases == 0:
        at_grid = 1.0 / connector.conversion_efficiency
        per_limit = at_grid if connector.limit_side == "output" else 1.0
        most_kw = min(connector.max_kw, vehicle.max_dc_kw * at_grid / per_limit)
        return per_limit, connector.min_kw, most_kw, 0.1
    phases = min(connector.phases, vehicle.ac_phases)
    least_a = max(connector.min_current_a, vehicle.min_current_a)
    most_a = min(connector.max_current_a, vehicle.max_ac_current_a)
    return phases * voltage_v / 1000.0, least_a, most_a, connector.current_step_a


def _energy(facts: _Facts) -> Iterator[str]:
    visits = facts.plan.visits
    missing_percent = np.array([visit.required_soc_percent for visit in visits]) - facts.arrival_soc_percent
    needed_kwh = np.maximum(0.0, facts.battery_kwh * missing_percent / 100.0 + facts.precondition_kwh)
    charged_kwh = facts.charged_kwh[:, -1]
    short_kwh = np.maximum(0.0, needed_kwh - charged_kwh)
    kept_kwh = charged_kwh - facts.precondition_kwh
    soc_percent = np.maximum(0.0, facts.arrival_soc_percent + 100.0 * kept_kwh / facts.battery_kwh)
    again = np.stack([needed_kwh, charged_kwh, short_kwh, soc_percent], axis=1)
    said = [(v.required_kwh, v.delivered_kwh, v.shortfall_kwh, v.planned_soc_percent) for v in visits]
    tolerance = np.array([ENERGY_TOLERANCE_KWH] * 3 + [1e-3])
    sentences = (
        "{}: required_kwh {}, its visit needs {:.6f}",
        "{}: delivered_kwh {}, its powers give {:.6f}",
        "{}: shortfall_kwh {}, its powers leave {:.6f}",
        "{}: planned SoC {}, its powers give {:.4f}",
    )
    for row, figure in np.argwhere(np.abs(again - np.reshape(said, again.shape)) > tolerance).tolist():
        yield sentences[figure].format(facts.vehicles[row].id, said[row][figure], again[row, figure])


def _full(facts: _Facts) -> Iterator[str]:
    """Never above a full battery: at the end of no step, and not at the instant when preconditioning begins."""
    room_kwh = facts.battery_kwh * (100.0 - facts.arrival_soc_percent) / 100.0
    before_s = np.maximum(np.minimum(facts.until_s, facts.begins_s[:, None]) - facts.since_s, 0.0)
    before_kwh = (facts.battery_kw * before_s / 3600.0).sum(axis=1)
    instants_s = np.column_stack([facts.until_s, facts.begins_s])
    by_then_kwh = np.column_stack([facts.charged_kwh, before_kwh])
    most_kwh = np.column_stack([room_kwh[:, None] + facts.taken_kwh, room_kwh])
    over = by_then_kwh > most_kwh + ENERGY_TOLERANCE_KWH
    for row in np.flatnonzero(over.any(axis=1)).tolist():
        first = np.where(over[row], instants_s[row], np.inf).argmin()
        charged = f"{facts.vehicles[row].id} is charged {by_then_kwh[row, first]:.3f} kWh"
        until = facts.clock(instants_s[row, first])
        yield f"{charged} until {until}, its battery has room for {most_kwh[row, first]:.3f}"


def _charge_curve(facts: _Facts) -> Iterator[str]:
    """At most what the vehicle takes at the SoC that it has at the end of each step, preconditioning deducted."""
    rows_of: dict[ChargeCurve, list[int]] = {}
    for row, vehicle in enumerate(facts.vehicles):
        if vehicle.charge_curve is not None:
            rows_of.setdefault(vehicle.charge_curve, []).append(row)
    for curve, rows in rows_of.items():
        kept_kwh = facts.charged_kwh[rows] - facts.taken_kwh[rows]
        gained_percent = 100.0 * kept_kwh / facts.battery_kwh[rows, None]
        soc_percent = facts.arrival_soc_percent[rows, None] + gained_percent
        takes_kw = np.interp(soc_percent, curve.soc_percent, curve.max_kw)
        over = (facts.hours[rows] > 0) & (facts.battery_kw[rows] > takes_kw + LIMIT_TOLERANCE_KW)
        for place, step in np.argwhere(over).tolist():
            row, at = rows[place], facts.clock(facts.since_s[rows[place], step])
            given = f"{facts.vehicles[row].id} is given {facts.battery_kw[row, step]:.3f} kW at {at}"
            yield f"{given}, at {soc_percent[place, step]:.1f} % it takes {takes_kw[place, step]:.3f}"


def _connectors(facts: _Facts) -> Iterator[str]:
    rows_of: dict[tuple[str, int], list[int]] = {}
    for row, visit in enumerate(facts.plan.visits):
        rows_of.setdefault((visit.charger_id, visit.connector_id), []).append(row)
    for place, rows in rows_of.items():
        if len(rows) == 1:
            continue
        draws = facts.power_kw[rows] > 0
        for step in np.flatnonzero(draws.sum(axis=0) > 1).tolist():
            first, *others = (facts.vehicles[rows[which]].id for which in np.flatnonzero(draws[:, step]))
            for other in others:
                if other != first:
                    yield f"{first} and {other} both draw at {place} at {facts.at(step)}"


def _money(facts: _Facts) -> Iterator[str]:
    plan = facts.plan
    energy = _energy_cost(facts)
    peak_kw, demand = _peak_and_its_cost(facts)
    tolerance = MONEY_TOLERANCE * max(1.0, abs(plan.cost.total))
    if abs(energy - plan.cost.energy) > tolerance:
        yield f"cost.energy {plan.cost.energy}, its powers cost {energy:.6f}"
    if abs(peak_kw - plan.peak_kw) > LIMIT_TOLERANCE_KW:
        yield f"peak_kw {plan.peak_kw}, its powers reach {peak_kw:.6f}"
    if abs(demand - plan.cost.demand) > tolerance:
        yield f"cost.demand {plan.cost.demand}, its powers cost {demand:.6f}"
    if abs(energy + demand - plan.cost.total) > tolerance:
        yield f"cost.total {plan.cost.total}, its powers cost {energy + demand:.6f}"


def _energy_cost(facts: _Facts) -> float:
    """Money for what is drawn; what the roof gives beyond the base load costs its export price."""
    night = facts.night
    drawn_kwh = (facts.power_kw * facts.hours).sum(axis=0)
    surplus_kw = np.maximum(0.0, night.pv_kw - night.base_load_kw)
    unsold_kwh = np.minimum(drawn_kwh, surplus_kw * facts.plan.horizon.step_s / 3600.0)
    bought = night.import_price_per_kwh * (drawn_kwh - unsold_kwh)
    return float((bought + night.export_price_per_kwh * unsold_kwh).sum())


def _peak_and_its_cost(facts: _Facts) -> tuple[float, float]:
    """The highest mean net load over a billing interval [kW], and the money for it and for those of all windows."""
    horizon, tariff = facts.plan.horizon, facts.depot.tariff
    every = max(1, tariff.billing_interval_minutes * 60 // horizon.step_s)
    firsts = range(0, horizon.steps, every)
    net_load_kw = facts.power_kw.sum(axis=0) + facts.night.base_load_kw - facts.night.pv_kw
    means_kw = [float(net_load_kw[first : first + every].mean()) for first in firsts]
    peak_kw = max(means_kw)
    demand = tariff.demand_charge_per_kw * max(0.0, peak_kw - tariff.peak_so_far_kw)
    windows = tariff.demand_windows
    minutes = [_local_minutes(facts.plan, first, first + every) for first in firsts] if windows else []
    for one in {window.name: window for window in windows}.values():
        same = [window for window in windows if window.name == one.name]
        within_kw = [
            mean_kw
            for mean_kw, of_interval in zip(means_kw, minutes, strict=True)
            if any(_holds(window, *minute) for minute in of_interval for window in same)
        ]
        demand += one.charge_per_kw * max([0.0, *(mean_kw - one.peak_so_far_kw for mean_kw in within_kw)])
    return peak_kw, demand


def _local_minutes(plan: Plan, first: int, stop: int) -> list[tuple[int, int]]:
    """Weekday (Monday is 0) and minute of the day, by the depot's clock, of every minute of the steps."""
    step_s, zone = plan.horizon.step_s, plan.horizon.zone
    seconds = range(first * step_s, min(stop, plan.horizon.steps) * step_s, 60)
    local = [(plan.horizon.start + timedelta(seconds=second)).astimezone(zone) for second in seconds]
    return [(minute.weekday(), 60 * minute.hour + minute.minute) for minute in local]


def _holds(window: DemandWindow, weekday: int, minute: int) -> bool:
    is_day = window.days == "all" or (weekday in {5, 6}) == (window.days == "weekends")
    return is_day and window.from_minute <= minute < window.to_minute


def _site(facts: _Facts) -> Iterator[str]:
    charging_kw, limit_kw = facts.power_kw.sum(axis=0), facts.night.site_limit_kw
    beside_kw = facts.night.base_load_kw + facts.depot.site.reserve_kw
    yield from _above(facts, "transformer", charging=charging_kw, beside=beside_kw, limit=limit_kw)


def _forgetful(facts: _Facts) -> Iterator[str]:
    """The site's limit with the worst ``policy.secure_against_forgetful`` chargers at full power, where it can hold."""
    depot, night = facts.depot, facts.night
    forgetful = min(depot.policy.secure_against_forgetful, len(depot.chargers))
    if forgetful == 0:
        return
    volt = depot.site.voltage_v
    full_kw = np.array([sum(c.full_power_kw(volt) for c in charger.connectors) for charger in depot.chargers])
    row_of = {charger.id: row for row, charger in enumerate(depot.chargers)}
    drawn_kw = np.zeros((len(full_kw), facts.plan.horizon.steps))
    for visit, power_kw in zip(facts.plan.visits, facts.power_kw, strict=True):
        drawn_kw[row_of[visit.charger_id]] += power_kw
    alone_kw = np.sort(full_kw)[-forgetful:].sum()
    more_kw = np.partition(full_kw[:, None] - drawn_kw, -forgetful, axis=0)[-forgetful:].sum(axis=0)
    worst_kw = drawn_kw.sum(axis=0) + more_kw
    left_kw = night.site_limit_kw - night.base_load_kw - depot.site.reserve_kw
    for step in np.flatnonzero((alone_kw <= left_kw) & (left_kw < worst_kw - LIMIT_TOLERANCE_KW)).tolist():
        charging = f"transformer at {facts.at(step)}: {worst_kw[step]:.3f} kW of charging"
        yield f"{charging} with {forgetful} forgetful, {left_kw[step]:.3f} are left"


def _feeders(facts: _Facts) -> Iterator[str]:
    parents = {feeder.id: feeder.parent for feeder in facts.depot.feeders}
    first_of = {charger.id: charger.feeder for charger in facts.depot.chargers}
    rows_below: dict[str, list[int]] = {feeder.id: [] for feeder in facts.depot.feeders}
    for row, visit in enumerate(facts.plan.visits):
        at = first_of[visit.charger_id]
        while at is not None:
            rows_below[at].append(row)
            at = parents[at]
    for feeder in facts.depot.feeders:
        yield from _feeder(facts, feeder, rows_below[feeder.id])


def _feeder(facts: _Facts, feeder: Feeder, below: list[int]) -> Iterator[str]:
    power_kw = facts.power_kw[below]
    beside_kw = (facts.night.base_load_kw + facts.depot.site.reserve_kw) * (feeder.parent is None)
    if feeder.limit_kw is not None:
        name, limit_kw = f"feeder {feeder.id}", np.full_like(beside_kw, feeder.limit_kw)
        yield from _above(facts, name, charging=power_kw.sum(axis=0), beside=beside_kw, limit=limit_kw)
    if feeder.limit_per_phase_a is not None:
        volt = facts.depot.site.voltage_v
        limit_a = np.full_like(beside_kw, feeder.limit_per_phase_a)
        for phase in ("L1", "L2", "L3"):
            a_per_kw = np.array([_a_per_kw(facts, row, phase) for row in below])
            current_a = (a_per_kw[:, None] * power_kw).sum(axis=0)
            name = f"feeder {feeder.id} phase {phase}"
            beside_a = beside_kw * 1000.0 / (3.0 * volt)
            yield from _above(facts, name, charging=current_a, beside=beside_a, limit=limit_a)


def _above(
    facts: _Facts, name: str, *, charging: FloatArray, beside: FloatArray, limit: FloatArray
) -> Iterator[str]:
    # Base load alone may be above a limit: nothing can be done about that but not to charge.
    for step in np.flatnonzero(charging > np.maximum(0.0, limit - beside) + LIMIT_TOLERANCE_KW).tolist():
        drawn = f"{name} at {facts.at(step)}: {charging[step]:.3f} charging"
        yield f"{drawn} + {beside[step]:.3f} beside it > {limit[step]:.3f}"


def _a_per_kw(facts: _Facts, row: int, phase: str) -> float:
    """Amperes on one phase for a kW of a visit: of all three where the two share none, of each without a phase map."""
    connector = facts.connectors[row]
    phases = min(connector.phases, facts.vehicles[row].ac_phases) or 3
    if connector.phase_map and phase not in connector.phase_map[:phases]:
        return 0.0
    return 1000.0 / (phases * facts.depot.site.voltage_v)
