"""The night as arrays on its horizon, and what can be known before anything is solved. No solver in it.

Shapes: ``visits`` rows V, ``steps`` columns T. Powers are grid side and in kW, energies battery side in kWh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from optimiser.accounting import consumed_kwh, required_kwh
from optimiser.depot import ChargeCurve, Connector, Depot, Feeder, PowerRange, power_range
from optimiser.forgetful import Security, security
from optimiser.horizon import FloatArray
from optimiser.night import Night, Visit
from optimiser.scenarios import Cover, Scenarios, scenarios_of
from optimiser.taper import TaperPiece, concave_points
from optimiser.tariff import Demand
from optimiser.windows import drawing_shares

BoolArray = npt.NDArray[np.bool_]

PHASES = ("L1", "L2", "L3")

_PER_VISIT = (
    "present",
    "paid_present",
    "min_kw",
    "max_kw",
    "step_kw",
    "efficiency",
    "arrival_kwh",
    "need_kwh",
    "consumed_kwh",
    "priority",
    "battery_kwh",
    "curve_margin_kw",
    "max_periods",
)
"""Arrays of a problem with a row per visit."""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """One limit on a weighted sum of powers: Σ weight[v] · power_kw[v, t] ≤ limit[t].

    ``weight`` has shape (V,), ``limit`` (T,), both in the unit of the limit: kW, or amperes of one phase.
    ``overdrawn`` marks the steps in which base load and reserve alone are above the limit, which then is 0.
    """

    name: str
    weight: FloatArray
    limit: FloatArray
    overdrawn: bool = False

    def lowered_by(self, step_kw: FloatArray) -> Capacity:
        """The same limit, lower by the largest set-point step (V,) that counts towards it."""
        return replace(self, limit=np.clip(self.limit - (self.weight * step_kw).max(initial=0.0), 0.0, None))


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Everything the planner needs to know of a night.

    ``present``: share of the step, shape (V, T); a step shared by two visits of one connector belongs to the
    one that has more of it. ``max_kw``, ``min_kw``, ``step_kw``, ``efficiency``, ``need_kwh``, ``arrival_kwh``,
    ``priority`` have shape (V,); ``max_kw`` of 0 means the visit cannot charge. ``consumed_kwh`` (V, T) is what
    preconditioning has taken by the end of a step. ``levels_kw`` has the set-points of each visit above 0, rising;
    ``step_kw`` is the largest distance between two of them. ``max_periods`` (V,) is how many periods a visit may
    have, over the whole night and those of 0 kW included. ``curve_margin_kw`` (V,) keeps powers below the charge curve.
    Prices per kWh, ``surplus_kw`` (roof beyond base load) and ``net_base_kw`` (base load − roof) shape (T,).

    ``paid_present`` (V, T) is the share of the step for which energy is paid: ``present``, or how likely it is drawn
    where that is uncertain. ``scenarios`` are arrivals as they may come, ``cover`` what a plan is to hold of them.
    """

    step_h: float
    present: FloatArray
    paid_present: FloatArray
    min_kw: FloatArray
    max_kw: FloatArray
    step_kw: FloatArray
    efficiency: FloatArray
    arrival_kwh: FloatArray
    need_kwh: FloatArray
    consumed_kwh: FloatArray
    priority: FloatArray
    curves: tuple[ChargeCurve | None, ...]
    battery_kwh: FloatArray
    curve_margin_kw: FloatArray
    levels_kw: tuple[FloatArray, ...]
    max_periods: npt.NDArray[np.int64]
    capacities: tuple[Capacity, ...]
    security: Security | None
    import_price_per_kwh: FloatArray
    export_price_per_kwh: FloatArray
    surplus_kw: FloatArray
    net_base_kw: FloatArray
    demands: tuple[Demand, ...]
    scenarios: Scenarios | None = None
    cover: Cover | None = None

    @property
    def visits(self) -> int:
        """Number of visits, V."""
        return int(self.present.shape[0])

    @property
    def steps(self) -> int:
        """Number of steps, T."""
        return int(self.present.shape[1])

    @property
    def battery_room_kwh(self) -> FloatArray:
        """What is missing to a full battery on arrival, shape (V,)."""
        return np.clip(self.battery_kwh - self.arrival_kwh, 0.0, None)

    @property
    def room_kwh(self) -> FloatArray:
        """What a visit can take in all: to a full battery, and what preconditioning consumes. Shape (V,)."""
        room_kwh: FloatArray = self.battery_room_kwh + self.consumed_kwh[:, -1]
        return room_kwh

    @property
    def most_kwh(self) -> FloatArray:
        """What a visit may be allowed in all, shape (V,): its room, and who may come late more; it stops when it is full."""
        most_kwh = self.room_kwh
        if self.cover is not None:
            most_kwh[self.cover.visit] += self.need_kwh[self.cover.visit]
        return most_kwh

    @property
    def drawable(self) -> FloatArray:
        """Where a visit may draw at all, shape (V, T), 0 or 1."""
        return ((self.present > 0) & (self.max_kw[:, None] > 0)).astype(float)

    def with_leeway(self) -> Problem:
        """The same night with every limit and the paid peak one set-point lower, every need one set-point higher.

        What is planned under it can be cut to set-points and filled up again within the true limits. A charge
        curve is two set-points lower: filling up raises the power and, by the energy before, lowers the curve.
        """
        leeway_kw = float(self.step_kw[self.max_kw > 0].max(initial=0.0))
        one_step_kwh = self.energy_per_kw().max(axis=1, initial=0.0) * self.step_kw
        secured = self.security
        need_kwh = np.where(
            self.need_kwh > 0,
            np.minimum(self.need_kwh + one_step_kwh, np.maximum(self.need_kwh, self.room_kwh)),
            0.0,
        )
        return replace(
            self,
            cover=self.cover and self.cover.raised(one_step_kwh, need_kwh),
            capacities=tuple(capacity.lowered_by(self.step_kw) for capacity in self.capacities),
            # Not below what chargers at rest come to: no powers could hold that.
            security=secured
            and replace(
                secured,
                limit_kw=np.maximum(
                    secured.limit_kw - leeway_kw, secured.worst_kw(np.zeros_like(self.present))
                ),
            ),
            demands=tuple(replace(each, so_far_kw=each.so_far_kw - leeway_kw) for each in self.demands),
            curve_margin_kw=2.0 * self.step_kw * self.efficiency,
            need_kwh=need_kwh,
        )

    def beside(self, committed_kw: FloatArray, free: BoolArray) -> Problem:
        """The problem of the visits with ``free`` (V,) alone, beside powers (V, T) that the others keep."""
        kept_kw = committed_kw[~free]
        total_kw = kept_kw.sum(axis=0)
        rows = np.flatnonzero(free)
        own = {name: getattr(self, name)[rows] for name in _PER_VISIT}
        return replace(
            self,
            **own,
            curves=tuple(self.curves[row] for row in rows),
            levels_kw=tuple(self.levels_kw[row] for row in rows),
            capacities=tuple(
                replace(
                    capacity,
                    weight=capacity.weight[rows],
                    limit=np.clip(capacity.limit - capacity.weight[~free] @ kept_kw, 0.0, None),
                )
                for capacity in self.capacities
            ),
            security=self.security and self.security.beside(committed_kw, free),
            scenarios=self.scenarios and self.scenarios.of(rows),
            surplus_kw=np.clip(self.surplus_kw - total_kw, 0.0, None),
            net_base_kw=self.net_base_kw + total_kw,
        )

    def energy_per_kw(self) -> FloatArray:
        """Battery kWh that one grid kW gives in every step, shape (V, T)."""
        return self.efficiency[:, None] * self.present * self.step_h

    def shortfall_kwh(self, power_kw: FloatArray) -> FloatArray:
        """What powers (V, T) leave each visit without, shape (V,)."""
        missing_kwh: FloatArray = self.need_kwh - (self.energy_per_kw() * power_kw).sum(axis=1)
        if self.cover is not None:
            late_kwh = self.cover.missing_kwh(self.efficiency * self.step_h, power_kw)
            np.maximum.at(missing_kwh, self.cover.visit, late_kwh)
        return np.clip(missing_kwh, 0.0, None)

    def money(self, power_kw: FloatArray) -> float:
        """Money for powers (V, T): energy, and the demand charge beyond the peak so far."""
        drawn_kw = (self.paid_present * power_kw).sum(axis=0)
        unsold_kw = np.minimum(drawn_kw, self.surplus_kw)
        energy = self.import_price_per_kwh * (drawn_kw - unsold_kw) + self.export_price_per_kwh * unsold_kw
        net_load_kw = power_kw.sum(axis=0) + self.net_base_kw
        return float(energy.sum() * self.step_h) + sum(each.cost(net_load_kw) for each in self.demands)

    def price_per_kwh(self, drawn_kw: FloatArray) -> FloatArray:
        """What a kWh more costs in each step, shape (T,), where visits draw so much: selling it, or buying it."""
        return np.where(drawn_kw < self.surplus_kw, self.export_price_per_kwh, self.import_price_per_kwh)

    def unreachable_kwh(self) -> FloatArray:
        """Shortfall that no limit but the vehicle's own time and power explains, shape (V,)."""
        reachable_kwh = (self.energy_per_kw() * self.drawable * self.max_kw[:, None]).sum(axis=1)
        unreachable_kwh: FloatArray = np.clip(self.need_kwh - reachable_kwh, 0.0, None)
        return unreachable_kwh

    def taper_pieces(self, visit: int) -> tuple[TaperPiece, ...]:
        """Sloped pieces of the smallest concave curve above a visit's charge curve, where they can bite."""
        curve = self.curves[visit]
        if curve is None:
            return ()
        points = concave_points(curve)
        most_kwh = self.battery_kwh[visit]
        flat_kw = self.max_kw[visit] * self.efficiency[visit]
        pieces = []
        for (soc, kw), (next_soc, next_kw) in pairwise(points):
            if next_kw > kw or next_kw >= flat_kw:
                continue
            slope = (next_kw - kw) / ((next_soc - soc) / 100.0 * self.battery_kwh[visit])
            start_kwh = soc / 100.0 * self.battery_kwh[visit]
            if start_kwh < most_kwh:
                pieces.append(TaperPiece(intercept_kw=kw - slope * start_kwh, slope_kw_per_kwh=slope))
        return tuple(pieces)


def build_problem(depot: Depot, night: Night) -> Problem:
    """The arrays of a night."""
    vehicles = [depot.vehicle(visit.vehicle_id) for visit in night.visits]
    battery_kwh = np.array([vehicle.battery_kwh for vehicle in vehicles], dtype=float)
    arrival_kwh = battery_kwh * np.array([v.arrival_soc_percent for v in night.visits], dtype=float) / 100.0
    ranges = [_range(depot, visit) for visit in night.visits]
    governed = _governed(night)
    present, scenarios = drawing_shares(night), scenarios_of(depot, night)
    return Problem(
        step_h=night.horizon.step_h,
        present=present,
        paid_present=present,
        scenarios=scenarios,
        min_kw=np.array([r.min_kw for r in ranges], dtype=float),
        max_kw=governed * np.array([_usable_max(r) for r in ranges], dtype=float),
        step_kw=np.array([r.step_kw for r in ranges], dtype=float),
        efficiency=np.array([vehicle.charge_efficiency for vehicle in vehicles], dtype=float),
        arrival_kwh=arrival_kwh,
        need_kwh=np.array([required_kwh(depot, visit) for visit in night.visits], dtype=float),
        consumed_kwh=consumed_kwh(depot, night),
        priority=np.array([visit.priority for visit in night.visits], dtype=float),
        curves=tuple(vehicle.charge_curve for vehicle in vehicles),
        battery_kwh=battery_kwh,
        curve_margin_kw=np.zeros(len(vehicles)),
        levels_kw=tuple(r.levels_kw() for r in ranges),
        max_periods=_max_periods(depot, night),
        security=security(depot, night),
        capacities=_capacities(depot, night, ranges),
        import_price_per_kwh=night.import_price_per_kwh,
        export_price_per_kwh=night.export_price_per_kwh,
        surplus_kw=np.clip(night.pv_kw - night.base_load_kw, 0.0, None),
        net_base_kw=night.base_load_kw - night.pv_kw,
        demands=depot.tariff.demands(night.horizon),
    )


def _max_periods(depot: Depot, night: Night) -> npt.NDArray[np.int64]:
    """Visits of one connector share what its charger can hold: where one ends and the next begins is one period."""
    periods = {charger.id: charger.max_periods for charger in depot.chargers}
    places = [(visit.charger_id, visit.connector_id) for visit in night.visits]
    shared = Counter(places)
    return np.array([(periods[place[0]] - 1) // shared[place] + 1 for place in places], dtype=np.int64)


def _range(depot: Depot, visit: Visit) -> PowerRange:
    connector = depot.connector(visit.charger_id, visit.connector_id)
    return power_range(connector, depot.vehicle(visit.vehicle_id), voltage_v=depot.site.voltage_v)


def _usable_max(reach: PowerRange) -> float:
    """The maximum, or 0 where it lies below the least current the two can agree on."""
    return reach.max_kw if reach.max_kw >= reach.min_kw - 1e-9 else 0.0


def _governed(night: Night) -> FloatArray:
    """1 for a visit whose charger obeys, 0 for one on a connector that is a burden; shape (V,)."""
    places = [(visit.charger_id, visit.connector_id) for visit in night.visits]
    return np.array([place not in night.burden_kw for place in places], dtype=float)


def _capacities(depot: Depot, night: Night, ranges: list[PowerRange]) -> tuple[Capacity, ...]:
    """Site and feeder limits. Base load and reserve count at the site and at feeders without parent.

    A burden counts where its charger hangs, and the visits on it, which are part of it, do not.
    """
    paths = [depot.feeder_path(depot.charger(visit.charger_id)) for visit in night.visits]
    beside_kw = night.base_load_kw + depot.site.reserve_kw
    everything = _governed(night)
    capacities = [_capacity("transformer", everything, night.site_limit_kw - beside_kw - night.burdens_kw)]
    for feeder in depot.feeders:
        below = everything * np.array([feeder.id in path for path in paths], dtype=float)
        counted_kw = beside_kw if feeder.parent is None else np.zeros(night.horizon.steps)
        burdens = {
            place: kw
            for place, kw in night.burden_kw.items()
            if feeder.id in depot.feeder_path(depot.charger(place[0]))
        }
        if feeder.limit_kw is not None:
            left_kw = feeder.limit_kw - counted_kw - sum(burdens.values())
            capacities.append(_capacity(f"feeder {feeder.id}", below, left_kw))
        if feeder.limit_per_phase_a is not None:
            capacities += _phase_capacities(
                depot, night, ranges, feeder=feeder, below=below, counted_kw=counted_kw, burdens=burdens
            )
    return tuple(capacities)


def _phase_capacities(
    depot: Depot,
    night: Night,
    ranges: list[PowerRange],
    *,
    feeder: Feeder,
    below: FloatArray,
    counted_kw: FloatArray,
    burdens: Mapping[tuple[str, int], FloatArray],
) -> list[Capacity]:
    volt = depot.site.voltage_v
    limit_a = (feeder.limit_per_phase_a or 0.0) - counted_kw * 1000.0 / (3.0 * volt)
    capacities = []
    for phase in PHASES:
        weight = np.array(
            [
                amperes_per_kw(
                    phase, depot.connector(visit.charger_id, visit.connector_id), reach.phases, voltage_v=volt
                )
                for visit, reach in zip(night.visits, ranges, strict=True)
            ]
        )
        burdened_a = np.zeros(night.horizon.steps)
        for place, kw in burdens.items():
            connector = depot.connector(*place)
            burdened_a += kw * amperes_per_kw(phase, connector, connector.phases, voltage_v=volt)
        capacities.append(
            _capacity(f"feeder {feeder.id} phase {phase}", weight * below, limit_a - burdened_a)
        )
    return capacities


def amperes_per_kw(phase: str, connector: Connector, phases: int, *, voltage_v: float) -> float:
    """Amperes on one phase for one kW of a vehicle that uses ``phases`` of a connector (0: DC, all three).

    Without a ``phase_map`` a vehicle on fewer than three phases is counted on each of them: the worst phase.
    """
    used = phases or 3
    if connector.phase_map and phase not in connector.phase_map[:used]:
        return 0.0
    return 1000.0 / (used * voltage_v)


def _capacity(name: str, weight: FloatArray, limit: FloatArray) -> Capacity:
    return Capacity(
        name=name, weight=weight, limit=np.clip(limit, 0.0, None), overdrawn=bool((limit < -1e-9).any())
    )
