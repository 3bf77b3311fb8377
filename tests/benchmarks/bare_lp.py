"""The bare linear program of a night, as fast as it can be had: arrays straight into HiGHS, one solve.

What a plan is measured against. The physics are those of the planner (energy, power, transformer and feeder
limits, peak), and nothing is done for the chargers: no set-points, no ties, no check. Written without the
planner's arrays, so that it stays what it is while they change. Nights with a roof, taper, phase limits or
billing intervals other than a step are not for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.night import Night

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SETTINGS: dict[str, dict[str, Any]] = {
    "as HiGHS comes": {},
    "dual simplex, 1e-9": {"solver": "simplex", "dual_feasibility_tolerance": 1e-9},
    "the same without presolve": {
        "solver": "simplex",
        "dual_feasibility_tolerance": 1e-9,
        "presolve": "off",
    },
    "interior point, crossover": {"solver": "ipm", "run_crossover": "on"},
}
"""The settings of which the fastest is the reference."""


@dataclass(frozen=True, kw_only=True)
class BareOptimum:
    """The optimum: money without the price of the shortfall, and the shortfall of each visit (V,)."""

    money: float
    shortfall_kwh: FloatArray


@dataclass(frozen=True, kw_only=True)
class BareModel:
    """The program as HiGHS takes it. Columns: drawn powers step by step, shortfalls (V), the extra peak."""

    lp: Any
    visits: int
    penalty_per_kwh: float

    def solve(self, options: dict[str, Any], *, time_limit_s: float) -> BareOptimum | None:
        """The optimum; None if there is none in that time."""
        highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy ships half its types
        for name, value in {"output_flag": False, "time_limit": time_limit_s, **options}.items():
            highs.setOptionValue(name, value)
        highs.passModel(self.lp)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        shortfall_kwh = np.array(highs.getSolution().col_value)[-1 - self.visits : -1]
        money = highs.getInfo().objective_function_value - self.penalty_per_kwh * float(shortfall_kwh.sum())
        return BareOptimum(money=money, shortfall_kwh=shortfall_kwh)


class _Rows:
    """Rows in the order in which they are added, each block at once."""

    def __init__(self) -> None:
        self._lengths: list[IntArray] = []
        self._columns: list[IntArray] = []
        self._values: list[FloatArray] = []
        self._bounds: list[tuple[FloatArray, FloatArray]] = []

    def add(
        self,
        lengths: IntArray,
        columns: IntArray,
        values: FloatArray,
        *,
        lower: FloatArray,
        upper: FloatArray,
    ) -> None:
        self._lengths.append(lengths)
        self._columns.append(columns)
        self._values.append(values)
        self._bounds.append((lower, upper))

    def put_into(self, lp: Any) -> None:
        lengths = np.concatenate(self._lengths)
        lp.num_row_ = len(lengths)
        lp.row_lower_ = np.concatenate([lower for lower, _ in self._bounds])
        lp.row_upper_ = np.concatenate([upper for _, upper in self._bounds])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        lp.a_matrix_.index_ = np.concatenate(self._columns).astype(np.int32)
        lp.a_matrix_.value_ = np.concatenate(self._values)


@dataclass(frozen=True, kw_only=True)
class _Fleet:
    """Arrays of a night's visits, shape (V,), and the share of each step they are there (V, T)."""

    max_kw: FloatArray
    efficiency: FloatArray
    need_kwh: FloatArray
    room_kwh: FloatArray
    present: FloatArray


def bare_model(depot: Depot, night: Night, *, need_kwh: FloatArray | None = None) -> BareModel:
    """The program of a night; ``need_kwh`` (V,) are other needs than those of the visits."""
    fleet = _fleet(depot, night)
    if need_kwh is not None:
        fleet = replace(fleet, need_kwh=need_kwh)
    visits, steps = fleet.present.shape
    step_of, visit_of = np.nonzero((fleet.present * fleet.max_kw[:, None]).T)
    powers = len(step_of)
    drawn_h = fleet.present[visit_of, step_of] * night.horizon.step_h
    dearest = float(np.abs(night.import_price_per_kwh).max())
    # More than one kWh can cost by any means: the highest price, and a peak for one step.
    worst = dearest + depot.tariff.demand_charge_per_kw / night.horizon.step_h
    penalty_per_kwh = 2.0 * (worst + 1e-2) / float(fleet.efficiency.min())

    rows = _Rows()
    by_visit = np.argsort(visit_of, kind="stable")
    counts = np.bincount(visit_of, minlength=visits)
    energy_per_kw = (fleet.efficiency[visit_of] * drawn_h)[by_visit]
    _add_energy(rows, fleet, columns=by_visit, counts=counts, energy_per_kw=energy_per_kw)
    reach_kw = np.where(fleet.present > 0, fleet.max_kw[:, None], 0.0)
    for below, limit_kw in _limits(depot, night):
        rows_at = below @ reach_kw > limit_kw
        columns = np.flatnonzero(below[visit_of] & rows_at[step_of])
        lengths = np.bincount(step_of[columns], minlength=steps)[rows_at]
        upper = limit_kw[rows_at]
        rows.add(
            lengths,
            columns,
            np.ones(len(columns)),
            lower=np.full(len(upper), -highspy.kHighsInf),
            upper=upper,
        )
    if depot.tariff.demand_charge_per_kw > 0:
        _add_peak(rows, step_of, depot.tariff.peak_so_far_kw - night.base_load_kw, peak=powers + visits)

    lp: Any = highspy.HighsLp()
    lp.num_col_ = powers + visits + 1
    lp.col_cost_ = np.concatenate(
        [
            night.import_price_per_kwh[step_of] * drawn_h,
            np.full(visits, penalty_per_kwh),
            [depot.tariff.demand_charge_per_kw],
        ]
    )
    lp.col_lower_ = np.zeros(lp.num_col_)
    lp.col_upper_ = np.concatenate([fleet.max_kw[visit_of], fleet.need_kwh, [highspy.kHighsInf]])
    rows.put_into(lp)
    return BareModel(lp=lp, visits=visits, penalty_per_kwh=penalty_per_kwh)


def _add_energy(
    rows: _Rows, fleet: _Fleet, *, columns: IntArray, counts: IntArray, energy_per_kw: FloatArray
) -> None:
    """need ≤ charged + shortfall ≤ room: shortfall is dear, so there is none where there is more than the need."""
    ends = np.cumsum(counts)
    shortfalls = len(columns) + np.arange(len(counts))
    rows.add(
        counts + 1,
        np.insert(columns, ends, shortfalls),
        np.insert(energy_per_kw, ends, 1.0),
        lower=fleet.need_kwh,
        upper=fleet.room_kwh,
    )


def _add_peak(rows: _Rows, step_of: IntArray, free_kw: FloatArray, *, peak: int) -> None:
    counts = np.bincount(step_of, minlength=len(free_kw))
    ends = np.cumsum(counts)
    rows.add(
        counts + 1,
        np.insert(np.arange(len(step_of)), ends, peak),
        np.insert(np.ones(len(step_of)), ends, -1.0),
        lower=np.full(len(free_kw), -highspy.kHighsInf),
        upper=free_kw,
    )


def _fleet(depot: Depot, night: Night) -> _Fleet:
    assert not night.pv_kw.any()
    assert depot.tariff.billing_steps(night.horizon) == 1
    vehicles = {vehicle.id: vehicle for vehicle in depot.vehicles}
    connectors = {(charger.id, connector.id): connector for charger, connector in depot.connectors()}
    rows = []
    for visit in night.visits:
        vehicle = vehicles[visit.vehicle_id]
        connector = connectors[visit.charger_id, visit.connector_id]
        current_a = min(connector.max_current_a, vehicle.max_ac_current_a)
        max_kw = current_a * min(connector.phases, vehicle.ac_phases) * depot.site.voltage_v / 1000.0
        missing_percent = max(0.0, visit.required_soc_percent - visit.arrival_soc_percent)
        rows.append(
            (
                max_kw,
                vehicle.charge_efficiency,
                vehicle.battery_kwh * missing_percent / 100.0,
                vehicle.battery_kwh * (100.0 - visit.arrival_soc_percent) / 100.0,
                night.horizon.position(visit.arrival),
                night.horizon.position(visit.departure),
            )
        )
    max_kw, efficiency, need_kwh, room_kwh, first, last = np.array(rows).T
    edges = np.arange(night.horizon.steps)
    present = np.minimum(edges + 1.0, last[:, None]) - np.maximum(edges, first[:, None])
    return _Fleet(
        max_kw=max_kw,
        efficiency=efficiency,
        need_kwh=need_kwh,
        room_kwh=room_kwh,
        present=np.where(present < 1e-9, 0.0, present),
    )


def _limits(depot: Depot, night: Night) -> list[tuple[BoolArray, FloatArray]]:
    """For the transformer and each feeder with a limit: the visits below it (V,), and what is left (T,)."""
    beside_kw = night.base_load_kw + depot.site.reserve_kw
    parents = {feeder.id: feeder.parent for feeder in depot.feeders}
    feeder_of = {charger.id: charger.feeder for charger in depot.chargers}
    below: dict[str, BoolArray] = {feeder: np.zeros(len(night.visits), dtype=bool) for feeder in parents}
    for row, visit in enumerate(night.visits):
        feeder = feeder_of[visit.charger_id]
        while feeder is not None:
            below[feeder][row] = True
            feeder = parents[feeder]
    limits = [(np.ones(len(night.visits), dtype=bool), night.site_limit_kw - beside_kw)]
    for each in depot.feeders:
        assert each.limit_per_phase_a is None
        if each.limit_kw is not None:
            counted_kw = beside_kw if each.parent is None else np.zeros(night.horizon.steps)
            limits.append((below[each.id], each.limit_kw - counted_kw))
    return [(rows, np.clip(limit_kw, 0.0, None)) for rows, limit_kw in limits]
