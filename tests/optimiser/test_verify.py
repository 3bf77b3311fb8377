from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimiser.accounting import assemble_plan
from optimiser.depot import Charger, Depot, Feeder, Policy
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import UNSOLVED, plan_night
from optimiser.tariff import DemandWindow, Tariff
from optimiser.verify import PlanRefusedError, refuse_if_broken, violations
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector, at

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)
EVENING = 40
"""The step at 22:00, when both vans are there."""


@cache
def a_planned_night() -> tuple[Plan, Depot, Night]:
    feeders = (
        Feeder(id="F1", limit_kw=30.0, limit_per_phase_a=70.0),
        Feeder(id="F2", parent="F1", limit_kw=20.0),
    )
    chargers = [Charger(id=f"CP{number}", feeder="F2", connectors=(an_ac_connector(),)) for number in (1, 2)]
    depot = a_depot(chargers=chargers, feeders=feeders)
    night = a_night(depot)
    return plan_night(depot, night, created_at=NOW), depot, night


def with_power(plan: Plan, row: int, step: int, power_kw: float) -> Plan:
    powers = list(plan.visits[row].power_kw)
    powers[step] = power_kw
    visits = list(plan.visits)
    visits[row] = replace(visits[row], power_kw=tuple(powers))
    return replace(plan, visits=tuple(visits))


def with_field(plan: Plan, **changes: float) -> Plan:
    return replace(plan, visits=(replace(plan.visits[0], **changes), *plan.visits[1:]))  # type: ignore[arg-type]


def test_a_plan_of_the_planner_is_accepted() -> None:
    plan, depot, night = a_planned_night()
    refuse_if_broken(plan, depot, night)
    assert plan.shortfall_kwh == 0


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        (lambda plan: with_power(plan, 0, 0, 11.04), "is not there"),
        (lambda plan: with_power(plan, 0, EVENING, 2.07), "allowed are 0 and 6 to 16"),
        (lambda plan: with_power(plan, 0, EVENING, 11.73), "allowed are 0 and 6 to 16"),
        (lambda plan: with_power(plan, 0, EVENING, -4.14), "allowed are 0 and 6 to 16"),
        (lambda plan: with_power(plan, 0, EVENING, 5.0), "not in steps of 1"),
        (lambda plan: with_field(plan, delivered_kwh=1.0), "delivered_kwh 1.0"),
        (lambda plan: with_field(plan, shortfall_kwh=1.0), "shortfall_kwh 1.0"),
        (lambda plan: with_field(plan, planned_soc_percent=91.0), "planned SoC 91.0"),
        (lambda plan: with_field(plan, required_kwh=1.0), "required_kwh 1.0"),
        (lambda plan: replace(plan, cost=replace(plan.cost, energy=1.0)), "cost.energy 1.0"),
        (lambda plan: replace(plan, cost=replace(plan.cost, demand=1.0)), "cost.demand 1.0"),
        (lambda plan: replace(plan, cost=replace(plan.cost, total=1.0)), "cost.total 1.0"),
        (lambda plan: replace(plan, peak_kw=1.0), "peak_kw 1.0"),
        (lambda plan: replace(plan, visits=plan.visits[:1]), "are not the night's"),
        (
            lambda plan: replace(plan, visits=(replace(plan.visits[0], power_kw=()), *plan.visits[1:])),
            "0 powers",
        ),
        (
            lambda plan: with_power(with_power(plan, 0, EVENING, 11.04), 1, EVENING, 11.04),
            "feeder F2 at 2025-11-10 22:00: 22.080 charging",
        ),
    ],
)
def test_a_broken_plan_is_refused_in_words(breaking: Callable[[Plan], Plan], words: str) -> None:
    plan, depot, night = a_planned_night()
    with pytest.raises(PlanRefusedError, match="breaks its own rules") as refused:
        refuse_if_broken(breaking(plan), depot, night)
    assert any(words in violation for violation in refused.value.violations)


def test_every_limit_is_checked_with_what_counts_beside_it() -> None:
    plan, depot, night = a_planned_night()
    plan = with_power(with_power(plan, 0, EVENING, 11.04), 1, EVENING, 11.04)
    busy = replace(night, base_load_kw=night.base_load_kw + 23.0)
    words = list(violations(plan, depot, busy))
    assert any(text.startswith("transformer at 2025-11-10 22:00: 22.080 charging + 25.000") for text in words)
    assert any(text.startswith("feeder F1 at 2025-11-10 22:00: 22.080 charging + 25.000") for text in words)
    assert any(text.startswith("feeder F2 at 2025-11-10 22:00: 22.080 charging + 0.000") for text in words)
    assert (
        any(text.startswith("feeder F1 phase L1 at 2025-11-10 22:00: 32.000 charging") for text in words)
        is False
    )
    narrow = replace(depot, feeders=(Feeder(id="F1", limit_per_phase_a=30.0), depot.feeders[1]))
    words = list(violations(plan, narrow, night))
    assert any(text.startswith("feeder F1 phase L1 at 2025-11-10 22:00: 32.000 charging") for text in words)


def test_two_vehicles_may_not_draw_at_one_connector_in_one_step() -> None:
    depot = a_depot()
    early = a_visit("V1", charger_id="CP1", arrival="18:00", departure="22:05")
    late = a_visit("V2", charger_id="CP1", arrival="22:06", departure="06:00")
    night = a_night(depot, visits=[early, late])
    plan = plan_night(depot, night, created_at=NOW)
    assert list(violations(plan, depot, night)) == []
    both = with_power(with_power(plan, 0, EVENING, 4.14), 1, EVENING, 4.14)
    assert any("both draw" in text for text in violations(both, depot, night))


def test_more_than_a_charge_curve_takes_is_found() -> None:
    chargers = [Charger(id="CP1", connectors=(a_dc_connector(),))]
    depot = a_depot(vehicles=[a_bus("B1")], chargers=chargers, transformer_limit_kw=400.0)
    night = a_night(depot, visits=[a_visit("B1", arrival_soc_percent=85.0, required_soc_percent=95.0)])
    plan = plan_night(depot, night, created_at=NOW)
    words = list(violations(with_power(plan, 0, EVENING, 150.0), depot, night))
    assert any("at 22:00" in text or "it takes" in text for text in words)


def test_a_plan_for_other_times_is_not_the_nights() -> None:
    plan, depot, night = a_planned_night()
    later = replace(night.visits[0], departure=night.visits[0].departure + timedelta(hours=1))
    other = replace(night, visits=(later, night.visits[1]))
    assert "the plan's visits are not the night's" in list(violations(plan, depot, other))


def test_a_van_that_cannot_charge_may_not_be_given_power() -> None:
    depot = a_depot(vehicles=[a_van("V1")], chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))])
    night = a_night(depot)
    plan = plan_night(depot, night, created_at=NOW)
    assert plan.shortfall_kwh == pytest.approx(32.0)
    assert list(violations(with_power(plan, 0, EVENING, 20.0), depot, night)) != []


def test_a_vehicle_that_shares_no_phase_with_its_connector_may_not_be_given_power() -> None:
    plug = an_ac_connector(min_current_a=0.0)
    feeder = Feeder(id="F1", limit_per_phase_a=50.0)
    depot = a_depot(
        vehicles=[a_bus("B1")],
        chargers=[Charger(id="CP1", feeder="F1", connectors=(plug,))],
        feeders=[feeder],
    )
    night = a_night(depot)
    power_kw = np.zeros((1, 96))
    plan = assemble_plan(depot, night, power_kw, solver=UNSOLVED, created_at=NOW)
    assert list(violations(plan, depot, night)) == []
    power_kw[0, EVENING] = 5.0
    plan = assemble_plan(depot, night, power_kw, solver=UNSOLVED, created_at=NOW)
    (violation,) = violations(plan, depot, night)
    assert "B1 at 2025-11-10 22:00: 5.0 kW is 0.000, allowed are 0 and 0 to 0" in violation


Planted = tuple[Plan, Depot, Night, str]
"""A plan with one thing wrong, its depot and night, and how the sentence begins that says so."""

CURRENTS_A = range(6, 17)
KW_PER_A = 0.69


def clock(plan: Plan, step: int) -> str:
    return f"{plan.horizon.local(plan.horizon.starts()[step]):%Y-%m-%d %H:%M}"


def steps_there(plan: Plan, row: int) -> list[int]:
    visit = plan.visits[row]
    return np.flatnonzero(plan.horizon.presence(visit.arrival, visit.departure)).tolist()


def power_outside_the_window(random: Random) -> Planted:
    plan, depot, night = a_planned_night()
    row = random.randrange(2)
    step = random.choice([step for step in range(96) if step not in steps_there(plan, row)])
    power_kw = random.choice(CURRENTS_A) * KW_PER_A
    return (
        with_power(plan, row, step, power_kw),
        depot,
        night,
        f"V{row + 1} draws {power_kw} kW at {clock(plan, step)}",
    )


def a_power_beside_the_steps(random: Random) -> Planted:
    plan, depot, night = a_planned_night()
    row = random.randrange(2)
    step = random.choice(steps_there(plan, row))
    power_kw = (random.choice(CURRENTS_A[:-1]) + random.uniform(0.01, 0.99)) * KW_PER_A
    return (
        with_power(plan, row, step, power_kw),
        depot,
        night,
        f"V{row + 1} at {clock(plan, step)}: {power_kw} kW",
    )


def a_power_that_the_charger_cannot_give(random: Random) -> Planted:
    plan, depot, night = a_planned_night()
    row = random.randrange(2)
    step = random.choice(steps_there(plan, row))
    power_kw = random.choice([random.uniform(0.1, 5.9), random.uniform(16.1, 99.0), -6.0, np.nan]) * KW_PER_A
    return (
        with_power(plan, row, step, power_kw),
        depot,
        night,
        f"V{row + 1} at {clock(plan, step)}: {power_kw} kW",
    )


def a_limit_below_what_is_drawn(random: Random) -> Planted:
    plan, depot, night = a_planned_night()
    charging_kw = np.array(plan.site.charging_kw)
    step = random.choice(np.flatnonzero(charging_kw).tolist())
    below_kw = charging_kw[step] - random.uniform(0.001, charging_kw[step])
    if random.random() < 0.5:
        feeders = (depot.feeders[0], replace(depot.feeders[1], limit_kw=below_kw))
        return plan, replace(depot, feeders=feeders), night, f"feeder F2 at {clock(plan, step)}: "
    limit_kw = night.site_limit_kw.copy()
    limit_kw[step] = below_kw + night.base_load_kw[step]
    return plan, depot, replace(night, site_limit_kw=limit_kw), f"transformer at {clock(plan, step)}: "


def a_wrong_cost(random: Random) -> Planted:
    plan, depot, night = a_planned_night()
    figure = random.choice(["energy", "demand", "total"])
    wrong = getattr(plan.cost, figure) + random.choice([-1, 1]) * random.uniform(1e-4, 50.0)
    return replace(plan, cost=replace(plan.cost, **{figure: wrong})), depot, night, f"cost.{figure} {wrong}"


def a_wrong_energy(random: Random) -> Planted:
    plan, depot, night = a_planned_night()
    figure = random.choice(["required_kwh", "delivered_kwh", "shortfall_kwh"])
    wrong = getattr(plan.visits[0], figure) + random.choice([-1, 1]) * random.uniform(0.0011, 50.0)
    return with_field(plan, **{figure: wrong}), depot, night, f"V1: {figure} {wrong}"


def an_overfull_battery(random: Random) -> Planted:
    """The battery has room for 38.4 kWh, and 16 quarters of an hour at 16 A are 39.7."""
    plan, depot, night = a_planned_night()
    row = random.randrange(2)
    whole = steps_there(plan, row)[1:-1]
    for step in random.sample(whole, random.randint(16, len(whole))):
        plan = with_power(plan, row, step, 16 * KW_PER_A)
    return plan, depot, night, f"V{row + 1} is charged "


@pytest.mark.parametrize(
    "planted",
    [
        power_outside_the_window,
        a_power_beside_the_steps,
        a_power_that_the_charger_cannot_give,
        a_limit_below_what_is_drawn,
        a_wrong_cost,
        a_wrong_energy,
        an_overfull_battery,
    ],
)
@settings(deadline=None)  # the first example waits for the plan
@given(random=st.randoms(use_true_random=False))
def test_whatever_is_planted_in_a_good_plan_is_found(
    planted: Callable[[Random], Planted], random: Random
) -> None:
    plan, depot, night, words = planted(random)
    assert any(text.startswith(words) for text in violations(plan, depot, night))


MORNING = 76
"""The step from 07:00 to 07:15; the van leaves at 07:45 and is warmed from 07:15."""


def a_warmed_night(powers_kw: dict[int, float], *, departure: str = "07:45") -> tuple[Plan, Depot, Night]:
    """A van that needs a full battery and 6 kWh to be warmed with, and powers by step."""
    depot = a_depot(vehicles=[a_van("V1", charge_efficiency=1.0)])
    visits = [
        a_visit(
            departure=departure,
            arrival_soc_percent=90.0,
            required_soc_percent=100.0,
            precondition_kwh=6.0,
        )
    ]
    night = a_night(depot, visits=visits)
    power_kw = np.zeros((1, 96))
    for step, kw in powers_kw.items():
        power_kw[0, step] = kw
    return assemble_plan(depot, night, power_kw, solver=UNSOLVED, created_at=NOW), depot, night


def test_what_preconditioning_takes_may_be_charged_while_it_takes_it() -> None:
    fill = {EVENING: 11.04, EVENING + 1: 11.04}
    plan, depot, night = a_warmed_night(fill | {MORNING + 1: 11.04, MORNING + 2: 11.04})
    assert list(violations(plan, depot, night)) == []
    assert plan.visits[0].required_kwh == pytest.approx(12.4)
    assert plan.visits[0].planned_soc_percent == pytest.approx(90.0 + 100.0 * (4 * 2.76 - 6.0) / 64.0)


@pytest.mark.parametrize(
    ("powers_kw", "words"),
    [
        # 6.4 kWh of room, and 3 kWh more after a quarter of an hour of warming.
        ({EVENING: 11.04, EVENING + 1: 11.04, EVENING + 2: 11.04}, "8.280 kWh until 2025-11-10 22:45"),
        (
            {40: 11.04, 41: 11.04, MORNING: 11.04},
            "8.280 kWh until 2025-11-11 07:15, its battery has room for 6.400",
        ),
    ],
)
def test_before_preconditioning_has_taken_it_there_is_no_room_for_it(
    powers_kw: dict[int, float], words: str
) -> None:
    plan, depot, night = a_warmed_night(powers_kw)
    (violation,) = violations(plan, depot, night)
    assert words in violation


def test_a_battery_may_not_be_above_full_within_a_step_either() -> None:
    powers_kw = {40: 11.04, 41: 11.04, MORNING + 1: 11.04}
    plan, depot, night = a_warmed_night(powers_kw, departure="07:57")
    # Warming begins at 07:27, three minutes before the end of a step that fills the battery all the time.
    (violation,) = violations(plan, depot, night)
    assert "7.728 kWh until 2025-11-11 07:27, its battery has room for 6.400" in violation


def test_a_bus_takes_more_again_when_preconditioning_has_lowered_its_charge() -> None:
    chargers = [Charger(id="CP1", connectors=(a_dc_connector(),))]
    depot = a_depot(vehicles=[a_bus("B1")], chargers=chargers, transformer_limit_kw=400.0)
    power_kw = np.zeros((1, 96))
    power_kw[0, MORNING + 2] = 30.0

    def found(precondition_kwh: float) -> list[str]:
        visit = a_visit("B1", departure="07:45", arrival_soc_percent=97.0, precondition_kwh=precondition_kwh)
        night = a_night(depot, visits=[visit])
        plan = assemble_plan(depot, night, power_kw, solver=UNSOLVED, created_at=NOW)
        return list(violations(plan, depot, night))

    (violation,) = found(0.0)
    assert "is given 27.000 kW at 2025-11-11 07:30, at 99.2 % it takes 20.06" in violation
    assert found(20.0) == []


def test_the_peak_of_a_window_is_worked_out_again() -> None:
    evening = DemandWindow(
        name="evening", days="all", from_minute=16 * 60, to_minute=21 * 60, charge_per_kw=8.0
    )
    depot = a_depot(tariff=Tariff(demand_charge_per_kw=2.0, demand_windows=(evening,)))
    night = a_night(depot, base_load_kw=np.linspace(2.0, 1.0, 96))
    plan = plan_night(depot, night, created_at=NOW)
    assert list(violations(plan, depot, night)) == []
    without = replace(depot, tariff=replace(depot.tariff, demand_windows=()))
    assert any(text.startswith("cost.demand") for text in violations(plan, without, night))


def test_a_current_that_is_not_in_the_chargers_list_is_found() -> None:
    plug = replace(an_ac_connector(), allowed_currents_a=(6.0, 10.0, 16.0))
    depot = a_depot(vehicles=[a_van("V1")], chargers=[Charger(id="CP1", connectors=(plug,))])
    power_kw = np.zeros((1, 96))
    power_kw[0, EVENING : EVENING + 3] = 6.9, 8.28, 11.04
    night = a_night(depot)
    plan = assemble_plan(depot, night, power_kw, solver=UNSOLVED, created_at=NOW)
    (violation,) = violations(plan, depot, night)
    assert "V1 at 2025-11-10 22:15: 8.28 kW is 12.000, not one of 6, 10, 16" in violation


def test_a_plan_that_a_forgetful_charger_would_break_is_found_where_it_need_not_be() -> None:
    depot = a_depot(transformer_limit_kw=20.0, policy=Policy(secure_against_forgetful=1))
    power_kw = np.zeros((2, 96))
    power_kw[0, [EVENING, EVENING + 1]] = 6.9, 8.28
    # With 2 kW of base load 18 are left: the other charger may wake at 11.04 kW beside 6.9, not beside 8.28.
    night = a_night(depot)
    plan = assemble_plan(depot, night, power_kw, solver=UNSOLVED, created_at=NOW)
    (violation,) = violations(plan, depot, night)
    assert (
        "transformer at 2025-11-10 22:15: 19.320 kW of charging with 1 forgetful, 18.000 are left"
        in violation
    )
    busy = replace(night, base_load_kw=night.base_load_kw + 9.0)
    assert not any("forgetful" in text for text in violations(plan, depot, busy))


def test_power_before_the_earliest_start_is_told() -> None:
    plan, depot, night = a_planned_night()
    later = replace(night, visits=(replace(night.visits[0], earliest_start=at("22:15")), *night.visits[1:]))
    early = with_power(plan, 0, EVENING, 6.9)
    told = [sentence for sentence in violations(early, depot, later) if "may be charged" in sentence]
    assert "V1 draws at 2025-11-10 22:00, before 2025-11-10 22:15, when it may be charged" in told
    assert not any("may be charged" in sentence for sentence in violations(early, depot, night))
