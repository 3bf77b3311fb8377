"""The linear program a second time: rows straight into HiGHS, written from the rules and without a look at ``lp``.

Least weighted shortfall first, then the least money for it. It has all of the night: partial steps, charge curves
that fall, preconditioning, phases, roof, demand windows, and security against forgetful chargers with θ and z.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import highspy
import numpy as np

from optimiser.depot import Connector, Depot, Feeder, Vehicle
from optimiser.horizon import FloatArray
from optimiser.night import Night, Visit
from optimiser.tariff import DemandWindow

INFINITE = highspy.kHighsInf

Terms = dict[int, float]

SLACK_KWH = 1e-6
"""How far the least money may leave the least shortfall."""


class _Rows:
    def __init__(self) -> None:
        self.highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy ships half its types
        self.highs.setOptionValue("output_flag", False)
        for which in ("primal", "dual"):
            self.highs.setOptionValue(f"{which}_feasibility_tolerance", 1e-9)
        self.columns = 0
        self.rows = 0

    def column(self, lower: float, upper: float) -> int:
        self.highs.addVar(lower, upper)
        self.columns += 1
        return self.columns - 1

    def row(self, lower: float, terms: Terms, upper: float) -> int:
        keys = np.array(list(terms), dtype=np.int32)
        self.highs.addRow(lower, upper, len(keys), keys, np.array(list(terms.values()), dtype=float))
        self.rows += 1
        return self.rows - 1

    def minimise(self, costs: Terms) -> float:
        for column in range(self.columns):
            self.highs.changeColCost(column, costs.get(column, 0.0))
        self.highs.run()
        assert self.highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return float(self.highs.getInfo().objective_function_value)


class SecondFormulation:
    """A night as rows; asked for its least weighted shortfall, and for the least money with that or with any."""

    def __init__(self, depot: Depot, night: Night) -> None:
        self._depot, self._night = depot, night
        self._rows = _Rows()
        self._hours = night.horizon.step_s / 3600
        self._steps = range(night.horizon.steps)
        self._power: dict[tuple[int, int], int] = {}
        self._shortfall: list[int] = []
        self._money: Terms = {}
        self._drawn: list[Terms] = [{} for _ in self._steps]
        for number, visit in enumerate(night.visits):
            self._add_visit(number, visit)
        for step in self._steps:
            self._add_limits(step)
            self._add_price(step)
            self._add_security(step)
        self._add_demands()
        weights = {c: v.priority for c, v in zip(self._shortfall, night.visits, strict=True)}
        self._weights = weights
        self._harm = self._rows.row(-INFINITE, weights, INFINITE)

    def least_shortfall_kwh(self) -> float:
        """The least priority-weighted shortfall."""
        return self._rows.minimise(self._weights)

    def least_money(self, weighted_shortfall_kwh: float, shortfall_kwh: FloatArray | None = None) -> float:
        """The least money with at most this priority-weighted shortfall, and with at most these of visits (V,)."""
        if shortfall_kwh is not None:
            for column, most_kwh in zip(self._shortfall, shortfall_kwh.tolist(), strict=True):
                self._rows.highs.changeColBounds(column, 0.0, most_kwh + SLACK_KWH)
            found_kwh = sum(self._weights[c] * s for c, s in zip(self._shortfall, shortfall_kwh, strict=True))
            weighted_shortfall_kwh = max(weighted_shortfall_kwh, float(found_kwh) - SLACK_KWH / 2)
        self._rows.highs.changeRowBounds(self._harm, -INFINITE, weighted_shortfall_kwh + SLACK_KWH)
        return self._rows.minimise(self._money)

    # -- vehicles ------------------------------------------------------------------------------------------

    def _add_visit(self, number: int, visit: Visit) -> None:
        vehicle = self._depot.vehicle(visit.vehicle_id)
        connector = self._depot.connector(visit.charger_id, visit.connector_id)
        most_kw = _most_kw(connector, vehicle, self._depot.site.voltage_v)
        missing_kwh = vehicle.battery_kwh * (visit.required_soc_percent - visit.arrival_soc_percent) / 100
        need_kwh = max(0.0, missing_kwh + visit.precondition_kwh)
        self._shortfall.append(self._rows.column(0, need_kwh))
        room_kwh = vehicle.battery_kwh * (100 - visit.arrival_soc_percent) / 100
        curve = vehicle.charge_curve
        charged: Terms = {}
        for step, share, taken_kwh in self._steps_there(visit):
            if self._is_anothers(visit, step, share) or self._is_too_early(visit, step):
                continue
            column = self._rows.column(0, min(most_kw, INFINITE))
            self._power[number, step] = column
            charged[column] = vehicle.charge_efficiency * share * self._hours
            self._drawn[step][column] = share
            self._rows.row(-INFINITE, charged, room_kwh + taken_kwh)
            if curve is not None:
                battery_kwh = visit.arrival_soc_percent / 100 * vehicle.battery_kwh - taken_kwh
                points = [
                    (soc / 100 * vehicle.battery_kwh, kw)
                    for soc, kw in zip(curve.soc_percent, curve.max_kw, strict=True)
                ]
                for (kwh, kw), (next_kwh, next_kw) in pairwise(points):
                    # η p ≤ kw + slope (energy after the step − kwh): a concave curve is below each of its lines.
                    slope = (next_kw - kw) / (next_kwh - kwh)
                    terms = {each: -slope * factor for each, factor in charged.items()}
                    terms[column] += vehicle.charge_efficiency
                    self._rows.row(-INFINITE, terms, kw + slope * (battery_kwh - kwh))
        self._rows.row(need_kwh, charged | {self._shortfall[-1]: 1.0}, INFINITE)

    def _is_too_early(self, visit: Visit, step: int) -> bool:
        begins = self._night.horizon.start + timedelta(seconds=step * self._night.horizon.step_s)
        return visit.earliest_start is not None and begins < visit.earliest_start

    def _is_anothers(self, visit: Visit, step: int, share: float) -> bool:
        """Whether a step that two visits of a connector share is the other's: who has more of it, or was first."""
        own, others = (visit.charger_id, visit.connector_id), []
        for other in self._night.visits:
            if other is not visit and (other.charger_id, other.connector_id) == own:
                others += [theirs for at, theirs, _ in self._steps_there(other) if at == step]
        return any(theirs > share for theirs in others)

    def _steps_there(self, visit: Visit) -> Iterator[tuple[int, float, float]]:
        """Each step in which a vehicle is there, its share, and what preconditioning is sure to have taken by its end."""
        horizon = self._night.horizon
        lasts = timedelta(minutes=self._depot.policy.precondition_minutes)
        begins = max(visit.departure - lasts, visit.arrival)
        for step in self._steps:
            start = horizon.start + timedelta(seconds=step * horizon.step_s)
            end = start + timedelta(seconds=horizon.step_s)
            since, until = max(start, visit.arrival), min(end, visit.departure)
            if since >= until:
                continue
            taken = (until - begins) / (visit.departure - begins) if since >= begins else 0.0
            yield step, (until - since) / (end - start), taken * visit.precondition_kwh

    # -- limits --------------------------------------------------------------------------------------------

    def _at(self, step: int) -> Iterator[tuple[Visit, int]]:
        for number, visit in enumerate(self._night.visits):
            if (number, step) in self._power:
                yield visit, self._power[number, step]

    def _add_limits(self, step: int) -> None:
        night, depot = self._night, self._depot
        beside_kw = float(night.base_load_kw[step]) + depot.site.reserve_kw
        everything = {column: 1.0 for _, column in self._at(step)}
        self._rows.row(-INFINITE, everything, max(0.0, float(night.site_limit_kw[step]) - beside_kw))
        for feeder in depot.feeders:
            below = [each for each in self._at(step) if feeder.id in _path(depot, each[0].charger_id)]
            counted_kw = beside_kw if feeder.parent is None else 0.0
            if feeder.limit_kw is not None:
                left_kw = max(0.0, feeder.limit_kw - counted_kw)
                self._rows.row(-INFINITE, {column: 1.0 for _, column in below}, left_kw)
            if feeder.limit_per_phase_a is not None:
                self._add_phases(feeder, below, counted_kw)

    def _add_phases(self, feeder: Feeder, below: list[tuple[Visit, int]], counted_kw: float) -> None:
        volt = self._depot.site.voltage_v
        assert feeder.limit_per_phase_a is not None
        left_a = max(0.0, feeder.limit_per_phase_a - counted_kw * 1000 / (3 * volt))
        for phase in ("L1", "L2", "L3"):
            terms: Terms = {}
            for visit, column in below:
                connector = self._depot.connector(visit.charger_id, visit.connector_id)
                vehicle = self._depot.vehicle(visit.vehicle_id)
                phases = min(connector.phases, vehicle.ac_phases) if connector.phases else 3
                if not connector.phase_map or phase in connector.phase_map[:phases]:
                    terms[column] = 1000 / (phases * volt)
            self._rows.row(-INFINITE, terms, left_a)

    def _add_security(self, step: int) -> None:
        """Σ p + k θ + Σ z ≤ what is left, θ + z[c] ≥ full power of c − p[c] for every charger of the depot."""
        depot, night = self._depot, self._night
        forgetful = min(depot.policy.secure_against_forgetful, len(depot.chargers))
        left_kw = float(night.site_limit_kw[step] - night.base_load_kw[step]) - depot.site.reserve_kw
        full_kw = {
            charger.id: sum(_full_kw(connector, depot.site.voltage_v) for connector in charger.connectors)
            for charger in depot.chargers
        }
        if not forgetful or sum(sorted(full_kw.values())[-forgetful:]) > left_kw:
            return
        theta = self._rows.column(0, INFINITE)
        total = {column: 1.0 for _, column in self._at(step)} | {theta: float(forgetful)}
        for charger_id, most_kw in full_kw.items():
            z = self._rows.column(0, INFINITE)
            total[z] = 1.0
            drawn = {column: 1.0 for visit, column in self._at(step) if visit.charger_id == charger_id}
            self._rows.row(most_kw, {theta: 1.0, z: 1.0} | drawn, INFINITE)
        self._rows.row(-INFINITE, total, left_kw)

    # -- money ---------------------------------------------------------------------------------------------

    def _add_price(self, step: int) -> None:
        """What is drawn is bought or from the roof; what is from the roof costs what selling it would have brought."""
        night = self._night
        surplus_kw = max(0.0, float(night.pv_kw[step] - night.base_load_kw[step]))
        bought, roof = self._rows.column(0, INFINITE), self._rows.column(0, surplus_kw)
        self._rows.row(0.0, self._drawn[step] | {bought: -1.0, roof: -1.0}, 0.0)
        self._money[bought] = float(night.import_price_per_kwh[step]) * self._hours
        self._money[roof] = float(night.export_price_per_kwh[step]) * self._hours

    def _add_demands(self) -> None:
        tariff, horizon = self._depot.tariff, self._night.horizon
        every = max(1, tariff.billing_interval_minutes * 60 // horizon.step_s)
        intervals = [self._steps[first : first + every] for first in self._steps[::every]]
        self._add_peak(intervals, tariff.demand_charge_per_kw, tariff.peak_so_far_kw)
        for name in {window.name for window in tariff.demand_windows}:
            same = [window for window in tariff.demand_windows if window.name == name]
            within = [each for each in intervals if any(self._is_within(each, window) for window in same)]
            self._add_peak(within, same[0].charge_per_kw, same[0].peak_so_far_kw)

    def _add_peak(self, intervals: list[range], charge_per_kw: float, so_far_kw: float) -> None:
        extra = self._rows.column(0, INFINITE)
        self._money[extra] = charge_per_kw
        for interval in intervals:
            drawing = {column: 1 / len(interval) for step in interval for _, column in self._at(step)}
            night = self._night
            base_kw = float(np.mean([night.base_load_kw[step] - night.pv_kw[step] for step in interval]))
            self._rows.row(-INFINITE, drawing | {extra: -1.0}, so_far_kw - base_kw)

    def _is_within(self, interval: range, window: DemandWindow) -> bool:
        horizon = self._night.horizon
        for minute in range(interval.start * horizon.step_s // 60, interval.stop * horizon.step_s // 60):
            local = (horizon.start + timedelta(minutes=minute)).astimezone(horizon.zone)
            is_weekend = local.isoweekday() > 5
            on_day = {"all": True, "weekends": is_weekend, "weekdays": not is_weekend}[window.days]
            if on_day and window.from_minute <= local.hour * 60 + local.minute < window.to_minute:
                return True
        return False


def _most_kw(connector: Connector, vehicle: Vehicle, voltage_v: float) -> float:
    """The most a vehicle can draw on a connector, grid side, before any charge curve. [kW]"""
    if connector.phases == 0:
        at_output_kw = connector.max_kw if connector.limit_side == "output" else np.inf
        at_grid_kw = np.inf if connector.limit_side == "output" else connector.max_kw
        return float(min(at_grid_kw, min(at_output_kw, vehicle.max_dc_kw) / connector.conversion_efficiency))
    least_a = max(connector.min_current_a, vehicle.min_current_a)
    most_a = min(connector.max_current_a, vehicle.max_ac_current_a)
    if connector.allowed_currents_a:
        most_a = max((a for a in connector.allowed_currents_a if least_a <= a <= most_a), default=0.0)
    return most_a * min(connector.phases, vehicle.ac_phases) * voltage_v / 1000


def _full_kw(connector: Connector, voltage_v: float) -> float:
    """What a connector draws when nothing but its hardware limits it, grid side. [kW]"""
    if connector.phases == 0:
        return connector.max_kw / (connector.conversion_efficiency if connector.limit_side == "output" else 1)
    return connector.max_current_a * connector.phases * voltage_v / 1000


def _path(depot: Depot, charger_id: str) -> set[str]:
    parents = {feeder.id: feeder.parent for feeder in depot.feeders}
    found: set[str] = set()
    at = depot.charger(charger_id).feeder
    while at is not None:
        found.add(at)
        at = parents[at]
    return found
