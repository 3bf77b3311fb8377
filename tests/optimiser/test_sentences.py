from __future__ import annotations

from dataclasses import replace

import pytest

from optimiser.assurance import Assurance
from optimiser.baselines import compare, plug_and_charge
from optimiser.cost import PaidPeak
from optimiser.plan import Plan
from optimiser.rules import Decided
from optimiser.sentences import (
    clock,
    comparisons,
    cost,
    duration,
    energy,
    headlines,
    peak,
    readiness,
    rule_decisions,
    status,
    sureness,
    tariff_classes,
    window_peaks,
)
from optimiser.tariff import ClassPrice, TariffClasses
from tests.builders import a_depot, a_night, a_van, at

BATTERY_KWH = 64.0


def a_plan(*, vehicles: int = 3, limit_kw: float = 100.0) -> Plan:
    depot = a_depot(
        vehicles=[a_van(f"V{n}", battery_kwh=BATTERY_KWH) for n in range(1, vehicles + 1)],
        transformer_limit_kw=limit_kw,
    )
    return plug_and_charge(depot, a_night(depot))


def with_short(plan: Plan, *shortfalls_kwh: float) -> Plan:
    visits = [
        replace(
            visit,
            shortfall_kwh=missing_kwh,
            delivered_kwh=visit.delivered_kwh - missing_kwh,
            planned_soc_percent=visit.planned_soc_percent - 100.0 * missing_kwh / BATTERY_KWH,
        )
        for visit, missing_kwh in zip(plan.visits, shortfalls_kwh, strict=False)
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


def compared(plan: Plan, *, energy: float, demand: float = 0.0) -> Plan:
    cost = replace(plan.cost, energy=energy, demand=demand, total=energy + demand)
    return replace(plan, baseline=compare(plan, replace(plan, cost=cost)))


def test_a_saving_is_in_money_and_percent() -> None:
    said = cost(compared(a_plan(), energy=64.0)).text

    assert said == "Energy costs 32.00 EUR, 32.00 EUR (50 %) less than plug-and-charge."


def test_a_plan_that_pays_more_for_energy_says_so() -> None:
    assert "16.00 EUR (100 %) more than plug-and-charge" in cost(compared(a_plan(), energy=16.0)).text


def test_a_saving_on_a_night_of_free_energy_has_no_percentage() -> None:
    assert "33.00 EUR more than plug-and-charge." in cost(compared(a_plan(), energy=-1.0)).text


def test_the_demand_charge_of_a_billing_period_is_told_apart_from_the_energy_of_a_night() -> None:
    plan = compared(a_plan(), energy=64.0, demand=500.0)
    charged = replace(plan, cost=replace(plan.cost, demand=20.0))

    assert cost(plan).text.endswith(
        "than plug-and-charge; the peak adds no demand charge, where plug-and-charge would add 500.00 EUR."
    )
    assert cost(charged).text.endswith(
        "; the peak adds 20.00 EUR demand charge, where plug-and-charge would add 500.00 EUR."
    )
    assert cost(replace(charged, baseline={})).text == (
        "Energy costs 32.00 EUR; the peak adds 20.00 EUR demand charge."
    )


def test_a_plan_that_delivers_less_claims_no_saving() -> None:
    plan = compared(a_plan(), energy=64.0)

    said = cost(with_short(plan, 10.0)).text

    assert "plug-and-charge would deliver 10.0 kWh more for 64.00 EUR, so the two do not compare" in said


def test_without_a_baseline_only_the_plan_is_told() -> None:
    assert cost(a_plan()).text == "Energy costs 32.00 EUR."
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


def test_a_small_energy_is_never_written_as_nothing() -> None:
    assert energy(0.012) == "0.012 kWh"
    assert energy(0.0) == "0.0 kWh"


def test_a_visit_is_ready_or_short_by_so_much() -> None:
    short, ready, _ = with_short(a_plan(), 0.52).visits

    assert (status(short), status(ready)) == ("short 0.5 kWh", "ready")


def test_the_weekday_is_said_from_the_next_day_on() -> None:
    horizon = a_plan().horizon

    assert (clock(horizon, at("17:50")), clock(horizon, at("07:42"))) == ("17:50", "Tue 07:42")


def with_peaks(plan: Plan, *names: str) -> Plan:
    peaks = [
        PaidPeak(
            name=name,
            charge_per_kw=8.0,
            so_far_kw=10.0 * n,
            peak_kw=15.0,
            money=max(0.0, 8 * (15 - 10.0 * n)),
        )
        for n, name in enumerate(names)
    ]
    return replace(plan, cost=replace(plan.cost, peaks=tuple(peaks)))


def test_the_peaks_of_windows_are_told_one_by_one_and_alone_that_of_all_hours_is_not() -> None:
    assert window_peaks(with_peaks(a_plan(), "all hours")) == ()
    assert window_peaks(with_peaks(a_plan(), "all hours", "evening", "night")) == (
        "The peak of all hours is 15.0 kW and adds 120.00 EUR.",
        "The peak of evening is 15.0 kW and adds 40.00 EUR beyond the 10.0 kW so far.",
        "The peak of night is 15.0 kW and adds nothing beyond the 20.0 kW so far.",
    )


def test_the_peak_of_a_window_stands_beside_that_of_plug_and_charge() -> None:
    plan = with_peaks(a_plan(), "evening")
    higher = replace(plan, cost=replace(plan.cost, peaks=(replace(plan.cost.peaks[0], peak_kw=33.0),)))
    said = window_peaks(replace(plan, baseline=compare(plan, higher)))
    assert said == (
        "The peak of evening is 15.0 kW and adds 120.00 EUR; plug-and-charge would reach 33.0 kW.",
    )


def with_classes(plan: Plan, *, peak_kw: float, annual_energy_kwh: float = 2.5e6) -> Plan:
    classes = TariffClasses(
        annual_energy_kwh=annual_energy_kwh,
        annual_peak_kw=900.0,
        below=ClassPrice(capacity_per_kw=16.53, energy_per_kwh=0.0859),
        above=ClassPrice(capacity_per_kw=191.79, energy_per_kwh=0.0158),
    )
    return replace(plan, peak_kw=peak_kw, cost=replace(plan.cost, classes=classes))


def test_a_night_below_the_years_peak_leaves_the_class_where_it_is() -> None:
    assert tariff_classes(with_classes(a_plan(), peak_kw=800.0)) == (
        (
            "With the year's peak so far of 900.0 kW and 2,500,000 kWh the year has 2,778 full-load hours: "
            "the class from 2,500 h a year holds."
        ),
        "There the grid costs 212,111.00 EUR a year; at the prices below 2,500 h it would cost 229,627.00 EUR.",
        "The class changes above a peak of 1,000.0 kW.",
    )


def test_a_peak_that_takes_the_site_below_the_threshold_says_so() -> None:
    said = tariff_classes(with_classes(a_plan(), peak_kw=1250.0))
    assert said == (
        (
            "With tonight's peak of 1,250.0 kW and 2,500,000 kWh the year has 2,000 full-load hours: "
            "the class below 2,500 h a year holds."
        ),
        "There the grid costs 235,412.50 EUR a year; at the prices from 2,500 h it would cost 279,237.50 EUR.",
        "The class changes at a peak of 1,000.0 kW.",
    )


def test_what_plug_and_charge_would_make_of_the_year_is_told_where_it_peaks_higher() -> None:
    plan = with_classes(a_plan(), peak_kw=800.0)
    beside = tariff_classes(replace(plan, baseline=compare(plan, replace(plan, peak_kw=1250.0))))[-1]
    assert beside == (
        "Plug-and-charge's peak of 1,250.0 kW would be 2,000 full-load hours and cost 235,412.50 EUR a year."
    )


def test_without_classes_nothing_is_said_of_them() -> None:
    assert tariff_classes(a_plan()) == ()


def test_rules_are_told_with_what_they_decided_of_whom() -> None:
    soc = Decided(what="required_soc_percent", value=90.0, rule="vans")
    firm = Decided(what="may_be_overridden", value=False, rule="early")
    plan = a_plan(vehicles=7)
    first, *others = plan.visits
    visits = [replace(first, decided=(soc, firm)), *(replace(visit, decided=(soc,)) for visit in others)]
    assert rule_decisions(replace(plan, visits=tuple(visits))) == (
        "Rule vans: required SoC 90 % (V1, V2, V3, V4, V5 and 2 more).",
        "Rule early: keeps its powers when others need more (V1).",
    )


def test_without_rules_nothing_is_told_of_them() -> None:
    assert rule_decisions(a_plan()) == ()


def test_how_sure_the_departures_are_is_said_with_how_it_was_measured() -> None:
    plan = a_plan(vehicles=2)
    sure, unsure = (
        replace(visit, readiness=share) for visit, share in zip(plan.visits, (0.999, 0.92), strict=True)
    )
    assurance = Assurance(target=0.98, nights=1000, readiness=0.9596, all_ready=0.9199, energy_cost=40.0)
    measured = replace(plan, visits=(sure, unsure), assurance=assurance)

    (headline,) = sureness(measured)

    assert headline.text == (
        "With the spread of their arrivals 95.9 % of departures leave ready, asked for are 98 %; everybody does on "
        "91.9 % of nights. Measured on 1,000 nights drawn afresh, whose energy costs 40.00 EUR in the mean. "
        "Least sure: V2 (92 %)."
    )
    assert not headline.is_good
    assert headline in headlines(measured)
    assert sureness(plan) == ()


def test_a_plan_that_leaves_room_for_late_and_empty_arrivals_is_not_called_dearer() -> None:
    plan = a_plan(vehicles=2)
    assurance = Assurance(target=0.98, nights=1000, readiness=0.99, all_ready=0.98, energy_cost=40.0)
    baseline = compare(plan, plan)
    baseline["delivered_kwh"] -= 10.0

    text = cost(replace(plan, baseline=baseline, assurance=assurance)).text

    assert " for 10.0 kWh more than plug-and-charge would give for " in text
    assert "than plug-and-charge;" not in text
