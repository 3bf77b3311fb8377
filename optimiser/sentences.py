"""A plan in depot words: the three sentences that everybody reads first, and how its numbers are written.

The report and the command line say the same because both say it from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from optimiser.baselines import minutes_above_limit
from optimiser.cost import PaidPeak
from optimiser.horizon import Horizon
from optimiser.plan import Plan
from optimiser.planned import PlannedVisit
from optimiser.tariff import ALL_HOURS
from optimiser.units import floor_to_step

NAMED_AT_MOST = 5
"""Vehicles a sentence names before it says how many more there are."""

SAME_ENERGY_SHARE = 1e-3
"""How much less a plan may deliver and still be compared in money: far below what the sentence shows."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One sentence, and whether it tells of something that a person has to look at."""

    text: str
    is_good: bool


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One figure of the plan beside that of plug-and-charge, written out with its unit."""

    name: str
    planned: str
    baseline: str
    difference: str


def headlines(plan: Plan) -> tuple[Headline, ...]:
    """Who leaves ready, what the night costs, how near the site comes to its limit.

    What plug-and-charge would have done is told from ``plan.baseline``, where that is filled.
    """
    return (readiness(plan), *sureness(plan), cost(plan), peak(plan))


def readiness(plan: Plan) -> Headline:
    """Whether everybody leaves ready; if not, who is short and by how much."""
    short = sorted((v for v in plan.visits if not v.is_ready), key=lambda v: -v.shortfall_kwh)
    count = len(plan.visits)
    if not count:
        return Headline(text="No vehicle is expected this night.", is_good=True)
    if not short:
        everybody = "The one departure is ready." if count == 1 else f"All {count} departures are ready."
        return Headline(text=everybody, is_good=True)
    named = ", ".join(_short(plan.horizon, visit) for visit in short[:NAMED_AT_MOST])
    more = f" and {len(short) - NAMED_AT_MOST} more" if len(short) > NAMED_AT_MOST else ""
    are = "is" if len(short) == 1 else "are"
    return Headline(text=f"{len(short)} of {count} departures {are} short: {named}{more}.", is_good=False)


def sureness(plan: Plan) -> tuple[Headline, ...]:
    """How sure the departures are, measured on nights drawn afresh; nothing where arrivals are not uncertain."""
    sure = plan.assurance
    if sure is None:
        return ()
    least = [visit for visit in plan.by_sureness() if visit.readiness < sure.target][:NAMED_AT_MOST]
    named = ", ".join(f"{visit.vehicle_id} ({percent(visit.readiness)})" for visit in least)
    text = (
        f"With the spread of their arrivals {percent(sure.readiness)} of departures leave ready, asked for are "
        f"{percent(sure.target)}; everybody does on {percent(sure.all_ready)} of nights. Measured on "
        f"{sure.nights:,} nights drawn afresh, whose energy costs {money(sure.energy_cost, plan.cost.currency)} in the mean."
        f"{f' Least sure: {named}.' if named else ''}"
    )
    return (Headline(text=text, is_good=sure.is_held(len(plan.visits))),)


def percent(share: float) -> str:
    """A share in percent, cut down to tenths: what is not quite all is never said to be all."""
    return f"{floor_to_step(100.0 * share, 0.1):.10g} %"


def cost(plan: Plan) -> Headline:
    """What the night costs, beside plug-and-charge.

    Energy and demand charge apart: the one is of this night, the other of the whole billing period.
    """
    currency = plan.cost.currency
    text = f"Energy costs {money(plan.cost.energy, currency)}"
    if not plan.baseline:
        return Headline(text=f"{text}{_demand(plan.cost.demand, currency)}.", is_good=True)
    other = plan.baseline["cost"]
    more_kwh = plan.baseline["delivered_kwh"] - sum(visit.delivered_kwh for visit in plan.visits)
    if more_kwh > SAME_ENERGY_SHARE * plan.baseline["delivered_kwh"]:
        text += (
            f"; plug-and-charge would deliver {energy(more_kwh)} more for {money(other['energy'], currency)}, "
            "so the two do not compare"
        )
    elif plan.assurance is not None and -more_kwh > SAME_ENERGY_SHARE * plan.baseline["delivered_kwh"]:
        text += (
            f" for {energy(-more_kwh)} more than plug-and-charge would give for {money(other['energy'], currency)}: "
            "that much room is left for who comes late or empty"
        )
    else:
        saved = other["energy"] - plan.cost.energy
        share = f" ({100.0 * abs(saved) / other['energy']:.0f} %)" if other["energy"] > 0 else ""
        direction = "less" if saved >= 0 else "more"
        text += f", {money(abs(saved), currency)}{share} {direction} than plug-and-charge"
    text += _demand(plan.cost.demand, currency)
    if other["demand"] > 0:
        if not plan.cost.demand:
            text += "; the peak adds no demand charge"
        text += f", where plug-and-charge would add {money(other['demand'], currency)}"
    return Headline(text=f"{text}.", is_good=True)


def peak(plan: Plan) -> Headline:
    """How high the site goes, how near to its limit, and what plug-and-charge would have done there."""
    headroom_kw = plan.site.headroom_kw
    above_minutes = minutes_above_limit(plan)
    if above_minutes:
        near = f"is above its limit for {duration(above_minutes)}"
    elif headroom_kw < 0.05:
        near = "reaches its limit and never passes it"
    else:
        near = f"stays {power(headroom_kw)} or more below its limit"
    text = f"The site peaks at {power(plan.peak_kw)} and {near}"
    if plan.baseline:
        minutes = plan.baseline["minutes_above_limit"]
        passing = f"and be above the limit for {duration(minutes)}" if minutes else "within the limit"
        text += f"; plug-and-charge would peak at {power(plan.baseline['peak_kw'])} {passing}"
    return Headline(text=f"{text}.", is_good=not above_minutes)


RULED = {
    "required_soc_percent": "required SoC {:g} %",
    "priority": "priority {:g}",
    "tier": "tier {}",
    "earliest_start": "charged from {} on",
}
"""How what a rule has decided is told, by what it is."""


def rule_decisions(plan: Plan) -> tuple[str, ...]:
    """Which fleet rule has decided what of whom, in the order of visits; nothing where there are no rules."""
    told: dict[str, dict[str, list[str]]] = {}
    for visit in plan.visits:
        for one in visit.decided:
            text = RULED[one.what].format(one.value) if one.what in RULED else _yielding(one.value)
            told.setdefault(one.rule, {}).setdefault(text, []).append(visit.vehicle_id)
    return tuple(
        f"Rule {rule}: " + "; ".join(f"{text} ({_named(whom)})" for text, whom in said.items()) + "."
        for rule, said in told.items()
    )


def _yielding(value: object) -> str:
    return "makes room for others" if value else "keeps its powers when others need more"


def _named(vehicle_ids: Sequence[str]) -> str:
    more = len(vehicle_ids) - NAMED_AT_MOST
    return ", ".join(vehicle_ids[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def window_peaks(plan: Plan) -> tuple[str, ...]:
    """Each peak that has a demand charge, where a tariff has some for windows of the day; else nothing."""
    if all(peak.name == ALL_HOURS for peak in plan.cost.peaks):
        return ()
    return tuple(_paid_peak(plan, peak) for peak in plan.cost.peaks)


def _paid_peak(plan: Plan, peak: PaidPeak) -> str:
    costs = f"adds {money(peak.money, plan.cost.currency)}" if peak.money > 0 else "adds nothing"
    so_far = f" beyond the {power(peak.so_far_kw)} so far" if peak.so_far_kw > 0 else ""
    text = f"The peak of {peak.name} is {power(peak.peak_kw)} and {costs}{so_far}"
    other_kw = plan.baseline.get("peaks_kw", {}).get(peak.name)
    return f"{text}." if other_kw is None else f"{text}; plug-and-charge would reach {power(other_kw)}."


def tariff_classes(plan: Plan) -> tuple[str, ...]:
    """Where the year stands between two classes of grid prices, what both cost, and what would change the class.

    Nothing where the tariff has no classes.
    """
    classes = plan.cost.classes
    if classes is None:
        return ()
    peak_kw = max(plan.peak_kw, classes.annual_peak_kw)
    hours, threshold = classes.full_load_h(peak_kw), f"{classes.threshold_h:,.0f} h"
    is_above = hours >= classes.threshold_h
    here, there = ("from", "below") if is_above else ("below", "from")
    currency = plan.cost.currency
    whose = "tonight's peak" if plan.peak_kw > classes.annual_peak_kw else "the year's peak so far"
    stands = (
        f"With {whose} of {power(peak_kw)} and {classes.annual_energy_kwh:,.0f} kWh the year has "
        f"{hours:,.0f} full-load hours: the class {here} {threshold} a year holds."
    )
    costs = (
        f"There the grid costs {money(classes.annual_cost(peak_kw, above=is_above), currency)} a year; at the prices "
        f"{there} {threshold} it would cost {money(classes.annual_cost(peak_kw, above=not is_above), currency)}."
    )
    change = f"The class changes {'above' if is_above else 'at'} a peak of {power(classes.change_kw)}."
    other_kw = plan.baseline.get("peak_kw", 0.0)
    if other_kw <= peak_kw:
        return stands, costs, change
    other_is_above = classes.full_load_h(other_kw) >= classes.threshold_h
    beside = (
        f"Plug-and-charge's peak of {power(other_kw)} would be {classes.full_load_h(other_kw):,.0f} full-load hours "
        f"and cost {money(classes.annual_cost(other_kw, above=other_is_above), currency)} a year."
    )
    return stands, costs, change, beside


def comparisons(plan: Plan) -> tuple[Comparison, ...]:
    """Cost, peak, energy and departures of the plan beside those of ``plan.baseline``."""
    other = plan.baseline
    delivered_kwh = sum(visit.delivered_kwh for visit in plan.visits)
    ready = sum(visit.is_ready for visit in plan.visits)
    currency = plan.cost.currency

    def in_money(name: str, planned: float, baseline: float) -> Comparison:
        return _compared(name, planned, baseline, decimals=2, unit=currency)

    cost = other["cost"]
    return (
        in_money("Energy", plan.cost.energy, cost["energy"]),
        in_money("Demand charge", plan.cost.demand, cost["demand"]),
        in_money("Total", plan.cost.total, cost["total"]),
        _compared("Peak of the site", plan.peak_kw, other["peak_kw"], decimals=1, unit="kW"),
        _compared(
            "Time above the limit",
            minutes_above_limit(plan),
            other["minutes_above_limit"],
            decimals=0,
            unit="min",
        ),
        _compared("Energy into batteries", delivered_kwh, other["delivered_kwh"], decimals=1, unit="kWh"),
        _compared("Departures ready", ready, other["ready"], decimals=0, unit=f"of {len(plan.visits)}"),
    )


def status(visit: PlannedVisit) -> str:
    """Ready, or short by how much."""
    return "ready" if visit.is_ready else f"short {energy(visit.shortfall_kwh)}"


def clock(horizon: Horizon, instant: datetime) -> str:
    """The wall clock, with the weekday where it is not the day the night began."""
    local = horizon.local(instant)
    same_day = local.date() == horizon.local(horizon.start).date()
    return f"{local:%H:%M}" if same_day else f"{local:%a %H:%M}"


def money(amount: float, currency: str) -> str:
    """An amount with its currency."""
    return f"{amount:,.2f} {currency}"


def power(power_kw: float) -> str:
    """A power to a tenth of a kilowatt."""
    return f"{power_kw:,.1f} kW"


def energy(energy_kwh: float) -> str:
    """An energy to a tenth of a kilowatt-hour; what is less, to a watt-hour, so that it is never nothing."""
    return f"{energy_kwh:,.1f} kWh" if not 0.0005 < energy_kwh < 0.05 else f"{energy_kwh:.3f} kWh"


def duration(minutes: int) -> str:
    """Hours and minutes."""
    hours, rest = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else "") if part
    )


def _demand(demand: float, currency: str) -> str:
    return f"; the peak adds {money(demand, currency)} demand charge" if demand > 0 else ""


def _short(horizon: Horizon, visit: PlannedVisit) -> str:
    return f"{visit.vehicle_id} (leaves {clock(horizon, visit.departure)}) by {energy(visit.shortfall_kwh)}"


def _compared(name: str, planned: float, baseline: float, *, decimals: int, unit: str) -> Comparison:
    difference = f"{planned - baseline:+,.{decimals}f}".replace("-", "−")
    if not any(digit in difference for digit in "123456789"):
        difference = "="
    return Comparison(
        name=name,
        planned=f"{planned:,.{decimals}f} {unit}",
        baseline=f"{baseline:,.{decimals}f} {unit}",
        difference=difference,
    )
