from __future__ import annotations

from dataclasses import replace

import pytest

from optimiser.baselines import compare, plug_and_charge
from optimiser.plan import Plan
from optimiser.sentences import clock, comparisons, cost, duration, energy, headlines, peak, readiness, status
from tests.builders import a_depot, a_night, a_van, at


def a_plan(*, vehicles: int = 3, limit_kw: float = 100.0) -> Plan:
    depot = a_depot(vehicles=[a_van(f"V{n}") for n in range(1, vehicles + 1)], transformer_limit_kw=limit_kw)
    return plug_and_charge(depot, a_night(depot))


def with_short(plan: Plan, *shortfalls_kwh: float) -> Plan:
    visits = [
        replace(v, shortfall_kwh=s, delivered_kwh=v.delivered_kwh - s)
        for v, s in zip(plan.visits, shortfalls_kwh, strict=False)
    ]
    return replace(plan, visits=(*visits, *plan.visits[len(visits) :]))


def test_all_ready_is_said_first() -> None:
    assert headlines(a_plan())[0].text == "All 3 departures are ready."


def test_one_departure_is_not_all_of_them() -> None:
    assert readiness(a_plan(vehicles=1)).text == "The one departure is ready."


def test_nobody_comes() -> None:
    assert readiness(replace(a_plan(), visits=())).text == "No vehicle is expected this night."


def test_who_is_short_is_named_with_the_most_missing_first() -> None:
    said = readiness(with_short(a_plan(), 2.0, 12.34))

    assert said.text == (
        "2 of 3 departures are short: V2 (leaves Tue 07:42) by 12.3 kWh, V1 (leaves Tue 07:42) by 2.0 kWh."
    )
    assert not said.is_good


def test_a_long_list_of_the_short_is_cut_with_a_count() -> None:
    said = readiness(with_short(a_plan(vehicles=8), *range(1, 8)))

    assert said.text.startswith("7 of 8 departures are short: V7 ")
    assert said.text.endswith(" and 2 more.")


def test_a_saving_is_in_money_and_percent() -> None:
    plan = a_plan()
    baseline = replace(plan, cost=replace(plan.cost, total=plan.cost.total * 2))

    said = cost(replace(plan, baseline=compare(plan, baseline))).text

    assert said == ("Charging costs 32.00 EUR, 32.00 EUR (50 %) less than plug-and-charge at 64.00 EUR.")


def test_a_plan_that_delivers_less_claims_no_saving() -> None:
    plan = a_plan()

    said = cost(replace(with_short(plan, 10.0), baseline=compare(plan, plan))).text

    assert "plug-and-charge would deliver 10.0 kWh more for 32.00 EUR, so the two do not compare" in said


def test_without_a_baseline_only_the_plan_is_told() -> None:
    assert cost(a_plan()).text == "Charging costs 32.00 EUR."
    assert peak(a_plan()).text == "The site peaks at 35.1 kW and stays 64.9 kW or more below its limit."


def test_a_peak_says_how_long_plug_and_charge_would_pass_the_limit() -> None:
    plan, baseline = a_plan(), a_plan(limit_kw=30.0)

    said = peak(replace(plan, baseline=compare(plan, baseline))).text

    assert said.endswith("plug-and-charge would peak at 35.1 kW and be above the limit for 3 h 15 min.")


def test_a_night_above_its_limit_is_bad_news() -> None:
    said = peak(a_plan(limit_kw=30.0))

    assert "is above its limit for 3 h 15 min" in said.text
    assert not said.is_good


def test_a_night_at_its_limit_does_not_pass_it() -> None:
    plan = a_plan(vehicles=1, limit_kw=13.04)

    assert "reaches its limit and never passes it" in peak(plan).text


def test_figures_stand_beside_each_other_with_their_units() -> None:
    plan = a_plan()

    rows = {row.name: row for row in comparisons(replace(plan, baseline=compare(plan, a_plan(vehicles=2))))}

    assert (rows["Total"].planned, rows["Total"].baseline, rows["Total"].difference) == (
        "32.00 EUR",
        "21.33 EUR",
        "+10.67",
    )
    assert rows["Departures ready"].planned == "3 of 3"
    assert rows["Time above the limit"].difference == "="


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "0 min"), (45, "45 min"), (60, "1 h"), (195, "3 h 15 min")]
)
def test_minutes_are_said_in_hours(minutes: int, said: str) -> None:
    assert duration(minutes) == said


def test_a_small_shortfall_is_never_written_as_nothing() -> None:
    assert energy(0.012) == "0.012 kWh"
    assert energy(0.0) == "0.0 kWh"
    assert status(with_short(a_plan(), 0.012).visits[0]) == "short 0.012 kWh"


def test_the_weekday_is_said_from_the_next_day_on() -> None:
    horizon = a_plan().horizon

    assert (clock(horizon, at("17:50")), clock(horizon, at("07:42"))) == ("17:50", "Tue 07:42")
