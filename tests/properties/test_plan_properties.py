"""What holds for every plan of every night."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from optimiser.compression import few_periods, periods_of
from optimiser.depot import Depot, Policy
from optimiser.horizon import FloatArray
from optimiser.lp import LinearProgram
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.problem import Problem, build_problem
from optimiser.profiles import charging_profiles, compressed
from optimiser.tariff import Tariff
from optimiser.verify import violations
from tests.nights import depots, nights
from tests.optimiser.second_formulation import SecondFormulation

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)
MANY = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    # Making a failing night smaller takes minutes, and the suite's time limit would come first and hide it.
    phases=(Phase.explicit, Phase.generate),
)


def drawn(data: st.DataObject) -> tuple[Depot, Night]:
    depot = data.draw(depots())
    return depot, data.draw(nights(depot))


def powers_of(plan: Plan) -> FloatArray:
    return np.array([visit.power_kw for visit in plan.visits])


@MANY
@given(st.data())
def test_no_plan_breaks_a_limit_a_window_a_set_point_or_the_energy_balance(data: st.DataObject) -> None:
    depot, night = drawn(data)
    plan = plan_night(depot, night, created_at=NOW)
    assert list(violations(plan, depot, night)) == []


@MANY
@given(st.data())
def test_no_plan_costs_less_than_its_bound_or_leaves_less_than_the_least_harm(data: st.DataObject) -> None:
    depot, night = drawn(data)
    plan = plan_night(depot, night, created_at=NOW)
    optimum = LinearProgram(build_problem(depot, night)).solve()
    weights = np.array([visit.priority for visit in night.visits])
    planned_kwh = float(weights @ [visit.shortfall_kwh for visit in plan.visits])
    # A minimum current that does not fit below a limit is a shortfall that the linear program cannot see.
    assert planned_kwh >= float(weights @ optimum.shortfall_kwh) - 1e-3
    assert plan.solver.lp_bound <= plan.cost.total + 1e-9


@MANY
@given(st.data())
def test_a_second_formulation_finds_the_same_optimum(data: st.DataObject) -> None:
    depot, night = drawn(data)
    # Where selling brings more than buying costs no linear program is exact, and these two are not so alike.
    sold = np.minimum(night.export_price_per_kwh, night.import_price_per_kwh)
    night = replace(night, export_price_per_kwh=sold)
    program = LinearProgram(build_problem(depot, night))
    optimum = program.solve()
    other = SecondFormulation(depot, night)
    weights = np.array([visit.priority for visit in night.visits])
    least_kwh = other.least_shortfall_kwh()
    # What the second stage of either may add to the least harm is beside the millionth.
    assert weights @ optimum.shortfall_kwh == pytest.approx(least_kwh, rel=1e-6, abs=2e-6)
    money = other.least_money(least_kwh)
    same_harm = other.least_money(least_kwh, optimum.shortfall_kwh)
    assert program.bound(program.problem, optimum.shortfall_kwh) == pytest.approx(
        same_harm, rel=1e-6, abs=1e-6
    )
    # Ties are broken for an early end, at a stated cost of at most 0.01 % of what the night can cost.
    drawn_kwh = float((program.problem.present * optimum.power_kw).sum()) * night.horizon.step_h
    dearest = float(np.abs(night.import_price_per_kwh).max()) * drawn_kwh
    assert money - 1e-5 <= optimum.money <= money + 1e-5 + 1e-4 * max(dearest, abs(money))


@MANY
@given(st.data())
def test_a_plan_written_and_read_again_is_the_same_plan(data: st.DataObject) -> None:
    depot, night = drawn(data)
    plan = plan_night(depot, night, created_at=NOW)
    assert Plan.from_document(plan.to_document()) == plan


@MANY
@given(st.data())
def test_energy_and_money_add_up(data: st.DataObject) -> None:
    depot, night = drawn(data)
    plan = plan_night(depot, night, created_at=NOW)
    power_kw = powers_of(plan)
    assert plan.site.charging_kw == pytest.approx(power_kw.sum(axis=0), abs=1e-5)
    for visit in plan.visits:
        battery_kwh = depot.vehicle(visit.vehicle_id).battery_kwh
        missing_kwh = battery_kwh * (visit.required_soc_percent - visit.arrival_soc_percent) / 100
        assert visit.required_kwh == pytest.approx(max(0.0, missing_kwh + visit.precondition_kwh), abs=1e-5)
        assert visit.delivered_kwh + visit.shortfall_kwh >= visit.required_kwh - 1e-5
        assert visit.shortfall_kwh == 0.0 or visit.delivered_kwh < visit.required_kwh
        kept_kwh = visit.delivered_kwh - visit.precondition_kwh
        soc_percent = visit.arrival_soc_percent + 100 * kept_kwh / battery_kwh
        assert visit.planned_soc_percent == pytest.approx(max(0.0, soc_percent), abs=1e-4)
    cost = plan.cost
    assert cost.total == pytest.approx(cost.energy + cost.demand)
    assert cost.demand == pytest.approx(sum(peak.money for peak in cost.peaks))


@MANY
@given(st.data())
def test_whatever_chargers_wake_the_limit_holds_where_it_can_hold_at_all(data: st.DataObject) -> None:
    depot = data.draw(depots(transformer_limits_kw=(43.0, 150.0, 400.0)))
    forgetful = data.draw(st.integers(1, 2))
    depot = replace(depot, policy=Policy(secure_against_forgetful=forgetful))
    night = data.draw(nights(depot))
    plan = plan_night(depot, night, created_at=NOW)
    full_kw = {c.id: c.connectors[0].full_power_kw(depot.site.voltage_v) for c in depot.chargers}
    drawn_kw = {name: np.zeros(night.horizon.steps) for name in full_kw}
    for visit in plan.visits:
        drawn_kw[visit.charger_id] += visit.power_kw
    left_kw = night.site_limit_kw - night.base_load_kw - depot.site.reserve_kw
    everybody = list(combinations(full_kw, min(forgetful, len(full_kw))))
    at_rest_kw = max(sum(full_kw[name] for name in awake) for awake in everybody)
    for awake in everybody:
        total_kw = sum(full_kw[name] if name in awake else drawn_kw[name] for name in full_kw)
        assert ((total_kw <= left_kw + 1e-4) | (at_rest_kw > left_kw)).all()


@MANY
@given(st.data())
def test_every_departure_with_room_is_ready(data: st.DataObject) -> None:
    """Room: no limit is near, chargers hold any number of periods, and the time would do for one step of 1 A or
    100 W less than the vehicle can take."""
    depot = data.draw(depots(transformer_limits_kw=(2000.0,)))
    depot = replace(
        depot, feeders=(), chargers=tuple(replace(c, feeder=None, max_periods=96) for c in depot.chargers)
    )
    depot = replace(depot, vehicles=tuple(replace(v, charge_curve=None) for v in depot.vehicles))
    night = data.draw(nights(depot))
    problem = build_problem(depot, night)
    plan = plan_night(depot, night, created_at=NOW)
    one_lower_kw = np.array([levels[-1] for levels in problem.levels_kw]) - problem.step_kw
    reach_kwh = (problem.energy_per_kw() * one_lower_kw[:, None]).sum(axis=1)
    for visit, need_kwh, can_kwh in zip(plan.visits, problem.need_kwh, reach_kwh, strict=True):
        battery_kwh = depot.vehicle(visit.vehicle_id).battery_kwh
        fits = need_kwh <= battery_kwh * (1 - visit.arrival_soc_percent / 100)
        if fits and need_kwh <= can_kwh:
            assert visit.is_ready, visit


@MANY
@given(st.data())
def test_a_plan_in_few_periods_passes_no_limit_and_no_peak_that_it_did_not_pass_before(
    data: st.DataObject,
) -> None:
    depot, night = drawn(data)
    problem = build_problem(depot, night)
    before_kw = powers_of(plan_night(depot, night, created_at=NOW))
    most = np.full(problem.visits, data.draw(st.integers(1, 6)))
    after_kw = few_periods(problem, before_kw, most)
    assert (periods_of(after_kw) <= most).all()
    assert within_limits(problem, after_kw)
    for demand in problem.demands:
        paid_kw = max(demand.so_far_kw, demand.peak_kw(before_kw.sum(axis=0) + problem.net_base_kw))
        assert demand.peak_kw(after_kw.sum(axis=0) + problem.net_base_kw) <= paid_kw + 1e-4


def within_limits(problem: Problem, power_kw: FloatArray) -> bool:
    is_below = all((c.weight @ power_kw <= c.limit + 1e-4).all() for c in problem.capacities)
    secured = problem.security
    return is_below and (
        secured is None or bool((secured.worst_kw(power_kw) <= secured.limit_kw + 1e-4).all())
    )


@MANY
@given(st.data())
def test_compressing_a_profile_raises_no_limit_at_any_instant(data: st.DataObject) -> None:
    depot, night = drawn(data)
    plan = plan_night(replace(depot, tariff=Tariff()), night, created_at=NOW)
    most = data.draw(st.integers(1, 5))
    for profile in charging_profiles(plan):
        few = compressed(profile, most)
        assert len(few.periods) <= most
        assert (few.start, few.end) == (profile.start, profile.end)
        for period in few.periods:
            for own in profile.periods:
                if own.start < period.end and period.start < own.end:
                    assert period.limit_kw <= own.limit_kw
                    assert (period.limit_a or 0.0) <= (own.limit_a or 0.0)
