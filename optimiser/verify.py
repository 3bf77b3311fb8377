"""Checks a plan against its depot and night before it may leave. Shares nothing with the solver.

Everything is worked out again from the folder's values, also who is there when: an error in the problem's arrays, in
the linear program or in the set-points must not be able to hide behind the same error here. Masks over all visits
(V) and steps (T) find what breaks, only that becomes sentences. Times are seconds from the start of the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from optimiser.depot import ChargeCurve, Connector, Depot, Feeder, Vehicle
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.tariff import DemandWindow
from optimiser.verify_facts import Facts, worked_out

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
    facts = worked_out(plan, depot, night)
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


def _window(facts: Facts) -> Iterator[str]:
    for row, step in np.argwhere((facts.power_kw != 0) & (facts.presence_h == 0)).tolist():
        yield f"{facts.vehicles[row].id} draws {facts.power_kw[row, step]} kW at {facts.at(step)} and is not there"
    for row, visit in enumerate(facts.night.visits):
        if visit.earliest_start is None:
            continue
        starts_s = (visit.earliest_start - facts.plan.horizon.start).total_seconds()
        begins_s = np.arange(facts.plan.horizon.steps) * float(facts.plan.horizon.step_s)
        early = (facts.power_kw[row] != 0) & (begins_s < starts_s - 1.0)
        for step in np.flatnonzero(early).tolist():
            yield f"{visit.vehicle_id} draws at {facts.at(step)}, before {facts.clock(starts_s)}, when it may be charged"


def _set_points(facts: Facts) -> Iterator[str]:
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


def _energy(facts: Facts) -> Iterator[str]:
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


def _full(facts: Facts) -> Iterator[str]:
    """Never above a full battery: at the end of no step, and not at the instant when preconditioning begins.

    Who may come emptier than written is allowed more than that, and stops by itself.
    """
    room_kwh = facts.battery_kwh * (100.0 - facts.arrival_soc_percent) / 100.0
    before_s = np.maximum(np.minimum(facts.until_s, facts.begins_s[:, None]) - facts.since_s, 0.0)
    before_kwh = (facts.battery_kw * before_s / 3600.0).sum(axis=1)
    instants_s = np.column_stack([facts.until_s, facts.begins_s])
    by_then_kwh = np.column_stack([facts.charged_kwh, before_kwh])
    most_kwh = np.column_stack([room_kwh[:, None] + facts.taken_kwh, room_kwh])
    over = (by_then_kwh > most_kwh + ENERGY_TOLERANCE_KWH) & ~facts.may_differ[:, None]
    for row in np.flatnonzero(over.any(axis=1)).tolist():
        first = np.where(over[row], instants_s[row], np.inf).argmin()
        charged = f"{facts.vehicles[row].id} is charged {by_then_kwh[row, first]:.3f} kWh"
        until = facts.clock(instants_s[row, first])
        yield f"{charged} until {until}, its battery has room for {most_kwh[row, first]:.3f}"


def _charge_curve(facts: Facts) -> Iterator[str]:
    """At most what the vehicle takes at the SoC that it has at the end of each step, preconditioning deducted."""
    rows_of: dict[ChargeCurve, list[int]] = {}
    for row, vehicle in enumerate(facts.vehicles):
        # Who may come emptier is allowed more than it takes as written, and takes less by itself.
        if vehicle.charge_curve is not None and not facts.may_differ[row]:
            rows_of.setdefault(vehicle.charge_curve, []).append(row)
    for curve, rows in rows_of.items():
        kept_kwh = facts.charged_kwh[rows] - facts.taken_kwh[rows]
        gained_percent = 100.0 * kept_kwh / facts.battery_kwh[rows, None]
        soc_percent = facts.arrival_soc_percent[rows, None] + gained_percent
        takes_kw = np.interp(soc_percent, curve.soc_percent, curve.max_kw)
        over = (facts.presence_h[rows] > 0) & (facts.battery_kw[rows] > takes_kw + LIMIT_TOLERANCE_KW)
        for place, step in np.argwhere(over).tolist():
            row, at = rows[place], facts.clock(facts.since_s[rows[place], step])
            given = f"{facts.vehicles[row].id} is given {facts.battery_kw[row, step]:.3f} kW at {at}"
            yield f"{given}, at {soc_percent[place, step]:.1f} % it takes {takes_kw[place, step]:.3f}"


def _connectors(facts: Facts) -> Iterator[str]:
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


def _money(facts: Facts) -> Iterator[str]:
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


def _energy_cost(facts: Facts) -> float:
    """Money for what is drawn; what the roof gives beyond the base load costs its export price."""
    night = facts.night
    drawn_kwh = facts.drawn_kwh.sum(axis=0)
    surplus_kw = np.maximum(0.0, night.pv_kw - night.base_load_kw)
    unsold_kwh = np.minimum(drawn_kwh, surplus_kw * facts.plan.horizon.step_s / 3600.0)
    bought = night.import_price_per_kwh * (drawn_kwh - unsold_kwh)
    return float((bought + night.export_price_per_kwh * unsold_kwh).sum())


def _peak_and_its_cost(facts: Facts) -> tuple[float, float]:
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


def _site(facts: Facts) -> Iterator[str]:
    charging_kw, limit_kw = facts.governed_kw.sum(axis=0), facts.night.site_limit_kw
    beside_kw = facts.night.base_load_kw + facts.depot.site.reserve_kw + facts.night.burdens_kw
    yield from _above(facts, "transformer", charging=charging_kw, beside=beside_kw, limit=limit_kw)


def _forgetful(facts: Facts) -> Iterator[str]:
    """The site's limit with the worst ``policy.secure_against_forgetful`` chargers at full power, where it can hold."""
    depot, night = facts.depot, facts.night
    forgetful = min(depot.policy.secure_against_forgetful, len(depot.chargers))
    if forgetful == 0:
        return
    volt = depot.site.voltage_v
    full_kw = np.array([sum(c.full_power_kw(volt) for c in charger.connectors) for charger in depot.chargers])
    row_of = {charger.id: row for row, charger in enumerate(depot.chargers)}
    drawn_kw = np.zeros((len(full_kw), facts.plan.horizon.steps))
    for (charger_id, _), burden_kw in night.burden_kw.items():
        drawn_kw[row_of[charger_id]] += burden_kw
    asleep_kw = np.partition(full_kw[:, None] - drawn_kw, -forgetful, axis=0)[-forgetful:].sum(axis=0)
    alone_kw = drawn_kw.sum(axis=0) + asleep_kw
    for visit, power_kw in zip(facts.plan.visits, facts.governed_kw, strict=True):
        drawn_kw[row_of[visit.charger_id]] += power_kw
    more_kw = np.partition(full_kw[:, None] - drawn_kw, -forgetful, axis=0)[-forgetful:].sum(axis=0)
    worst_kw = drawn_kw.sum(axis=0) + more_kw
    left_kw = night.site_limit_kw - night.base_load_kw - depot.site.reserve_kw
    for step in np.flatnonzero((alone_kw <= left_kw) & (left_kw < worst_kw - LIMIT_TOLERANCE_KW)).tolist():
        charging = f"transformer at {facts.at(step)}: {worst_kw[step]:.3f} kW of charging"
        yield f"{charging} with {forgetful} forgetful, {left_kw[step]:.3f} are left"


def _feeders(facts: Facts) -> Iterator[str]:
    parents = {feeder.id: feeder.parent for feeder in facts.depot.feeders}
    below: dict[str, set[str]] = {feeder.id: set() for feeder in facts.depot.feeders}
    for charger in facts.depot.chargers:
        at = charger.feeder
        while at is not None:
            below[at].add(charger.id)
            at = parents[at]
    for feeder in facts.depot.feeders:
        yield from _feeder(facts, feeder, below[feeder.id])


def _feeder(facts: Facts, feeder: Feeder, chargers: set[str]) -> Iterator[str]:
    rows = [row for row, visit in enumerate(facts.plan.visits) if visit.charger_id in chargers]
    power_kw, volt = facts.governed_kw[rows], facts.depot.site.voltage_v
    base_kw = (facts.night.base_load_kw + facts.depot.site.reserve_kw) * (feeder.parent is None)
    burdens = [
        (facts.depot.connector(*place), burden_kw)
        for place, burden_kw in facts.night.burden_kw.items()
        if place[0] in chargers
    ]
    if feeder.limit_kw is not None:
        name, limit_kw = f"feeder {feeder.id}", np.full_like(base_kw, feeder.limit_kw)
        beside_kw = sum((burden_kw for _, burden_kw in burdens), base_kw)
        yield from _above(facts, name, charging=power_kw.sum(axis=0), beside=beside_kw, limit=limit_kw)
    if feeder.limit_per_phase_a is not None:
        limit_a = np.full_like(base_kw, feeder.limit_per_phase_a)
        phases_of = [min(facts.connectors[row].phases, facts.vehicles[row].ac_phases) for row in rows]
        for phase in ("L1", "L2", "L3"):
            a_per_kw = np.array(
                [
                    _a_per_kw(facts.connectors[row], phases, phase, volt)
                    for row, phases in zip(rows, phases_of, strict=True)
                ]
            )
            current_a = (a_per_kw[:, None] * power_kw).sum(axis=0)
            beside_a = base_kw * 1000.0 / (3.0 * volt)
            for connector, burden_kw in burdens:
                beside_a = beside_a + burden_kw * _a_per_kw(connector, connector.phases, phase, volt)
            name = f"feeder {feeder.id} phase {phase}"
            yield from _above(facts, name, charging=current_a, beside=beside_a, limit=limit_a)


def _above(
    facts: Facts, name: str, *, charging: FloatArray, beside: FloatArray, limit: FloatArray
) -> Iterator[str]:
    # Base load alone may be above a limit: nothing can be done about that but not to charge.
    for step in np.flatnonzero(charging > np.maximum(0.0, limit - beside) + LIMIT_TOLERANCE_KW).tolist():
        drawn = f"{name} at {facts.at(step)}: {charging[step]:.3f} charging"
        yield f"{drawn} + {beside[step]:.3f} beside it > {limit[step]:.3f}"


def _a_per_kw(connector: Connector, phases: int, phase: str, voltage_v: float) -> float:
    """Amperes on one phase for a kW on so many phases of a connector; none of them: all three (DC).

    Without a phase map each phase is counted as the worst.
    """
    used = phases or 3
    if connector.phase_map and phase not in connector.phase_map[:used]:
        return 0.0
    return 1000.0 / (used * voltage_v)
