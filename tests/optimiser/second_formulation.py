"""The linear program a second time: rows straight into HiGHS, written without a look at ``lp.py``.

Least weighted shortfall first, then the least money for it. Taper, roof and phases are left out, so nights with
them are not compared by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from optimiser.depot import Depot
from optimiser.night import Night

INFINITE = highspy.kHighsInf


@dataclass(frozen=True, kw_only=True)
class SecondOpinion:
    weighted_shortfall_kwh: float
    money: float


class _Rows:
    def __init__(self) -> None:
        self.highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy ships half its types
        self.highs.setOptionValue("output_flag", False)
        self.columns = 0

    def column(self, lower: float, upper: float) -> int:
        self.highs.addVar(lower, upper)
        self.columns += 1
        return self.columns - 1

    def row(self, lower: float, terms: dict[int, float], upper: float) -> None:
        keys = np.array(list(terms), dtype=np.int32)
        self.highs.addRow(lower, upper, len(keys), keys, np.array(list(terms.values()), dtype=float))

    def minimise(self, costs: dict[int, float]) -> float:
        for column in range(self.columns):
            self.highs.changeColCost(column, costs.get(column, 0.0))
        self.highs.run()
        assert self.highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return float(self.highs.getInfo().objective_function_value)


def second_opinion(depot: Depot, night: Night) -> SecondOpinion:
    """The optimum of a night without taper, roof and phase limits."""
    rows = _Rows()
    hours = night.horizon.step_s / 3600
    steps = range(night.horizon.steps)
    power: dict[tuple[int, int], int] = {}
    shortfall: list[int] = []
    money: dict[int, float] = {}
    for number, visit in enumerate(night.visits):
        vehicle = depot.vehicle(visit.vehicle_id)
        connector = depot.connector(visit.charger_id, visit.connector_id)
        if connector.phases:
            phases = min(connector.phases, vehicle.ac_phases)
            amperes = min(connector.max_current_a, vehicle.max_ac_current_a)
            most_kw = amperes * phases * depot.site.voltage_v / 1000
        else:
            most_kw = min(connector.max_kw, vehicle.max_dc_kw)
        need = vehicle.battery_kwh * (visit.required_soc_percent - visit.arrival_soc_percent) / 100
        shortfall.append(rows.column(0, max(0.0, need)))
        charged: dict[int, float] = {}
        for step in steps:
            start = (visit.arrival - night.horizon.start).total_seconds() / night.horizon.step_s - step
            end = (visit.departure - night.horizon.start).total_seconds() / night.horizon.step_s - step
            share = min(1.0, end) - max(0.0, start)
            if share > 0:
                column = rows.column(0, most_kw)
                power[number, step] = column
                charged[column] = vehicle.charge_efficiency * share * hours
                money[column] = float(night.import_price_per_kwh[step]) * share * hours
        if need > 0:
            rows.row(need, charged | {shortfall[-1]: 1.0}, INFINITE)
        room = vehicle.battery_kwh * (100 - visit.arrival_soc_percent) / 100
        rows.row(-INFINITE, charged, room)
    peak = rows.column(0, INFINITE)
    money[peak] = depot.tariff.demand_charge_per_kw
    every = max(1, depot.tariff.billing_interval_minutes * 60 // night.horizon.step_s)
    for step in steps:
        drawing = {column: 1.0 for (_, at), column in power.items() if at == step}
        beside = float(night.base_load_kw[step]) + depot.site.reserve_kw
        rows.row(-INFINITE, drawing, max(0.0, float(night.site_limit_kw[step]) - beside))
        for feeder in depot.feeders:
            below = {
                column: 1.0
                for (number, at), column in power.items()
                if at == step and feeder.id in _path(depot, night.visits[number].charger_id)
            }
            counted = beside if feeder.parent is None else 0.0
            if feeder.limit_kw is not None:
                rows.row(-INFINITE, below, max(0.0, feeder.limit_kw - counted))
    for first in steps[::every]:
        interval = steps[first : first + every]
        drawing = {column: 1 / len(interval) for (_, at), column in power.items() if at in interval}
        base = float(np.mean([night.base_load_kw[step] - night.pv_kw[step] for step in interval]))
        rows.row(-INFINITE, drawing | {peak: -1.0}, depot.tariff.peak_so_far_kw - base)
    weights = {column: visit.priority for column, visit in zip(shortfall, night.visits, strict=True)}
    least = rows.minimise(weights)
    rows.row(-INFINITE, weights, least + 1e-6)
    return SecondOpinion(weighted_shortfall_kwh=least, money=rows.minimise(money))


def _path(depot: Depot, charger_id: str) -> set[str]:
    parents = {feeder.id: feeder.parent for feeder in depot.feeders}
    found: set[str] = set()
    at = depot.charger(charger_id).feeder
    while at is not None:
        found.add(at)
        at = parents[at]
    return found
