"""The morning report in depot words: sentences and cells of tables, the same for terminal and page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dispatch.evidence import Rung, Verdict
from dispatch.morning.climb import Climb, Step
from dispatch.morning.incidents import Incident
from dispatch.morning.loads import Peak
from dispatch.morning.readiness import Basis, Departure, State
from dispatch.morning.report import MorningReport
from dispatch.morning.versions import Override, Share, Version
from dispatch.report import MARKS
from dispatch.station import Outcome
from optimiser.display import counted
from optimiser.horizon import Horizon
from optimiser.sentences import NAMED_AT_MOST, clock, duration, energy, money, power

STATE_MARKS = {
    State.READY: "✓",
    State.SHORT: "▲",
    State.CANNOT_TELL: "?",
    State.ABSENT: "–",
    State.STILL_THERE: "…",
}
WORTH_SAYING_KW = 0.5
"""What meters leave open below this is not worth a clause: less than the smallest vehicle's minimum. [kW]"""
RUNG_NAMES = {rung: rung.value.replace("_", " ") for rung in Rung}


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One sentence, and whether it tells of something that a person has to look at."""

    text: str
    is_good: bool


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure by the meters beside what was planned and what plug-and-charge would have been."""

    name: str
    metered: str
    planned: str
    baseline: str


def headlines(report: MorningReport) -> tuple[Headline, ...]:
    """What everybody reads first: readiness, peak, cost, evidence, incidents."""
    return (
        _readiness(report),
        *map(peak, report.peaks),
        _cost(report),
        _evidence(report),
        _incidents(report),
    )


def figures(report: MorningReport) -> tuple[Figure, ...]:
    """Metered beside planned (what the night was begun with) and plug-and-charge."""
    plan, first, spent = report.plan, report.base, report.spent
    other, currency = plan.baseline or first.baseline, plan.cost.currency
    site = report.peaks[0]
    cost = other.get("cost", {})
    least = "" if _is_whole(report) else "at least "

    def told(amount: float | None) -> str:
        return "cannot tell" if amount is None else f"{least}{money(amount, currency)}"

    def beside(amount: float | None) -> str:
        return "–" if amount is None else money(amount, currency)

    peak_text = power(site.metered_kw)
    if site.at_most_kw >= site.metered_kw + WORTH_SAYING_KW:
        peak_text = f"{peak_text}, at most {power(site.at_most_kw)}"
    return (
        Figure(
            name="Energy drawn",
            metered=f"{least}{energy(report.spent.energy_kwh)}",
            planned=energy(planned_kwh(report)),
            baseline=energy(sum(other["charging_kw"]) * plan.horizon.step_h)
            if "charging_kw" in other
            else "–",
        ),
        Figure(
            name="Cost of energy",
            metered=told(spent.energy),
            planned=money(first.cost.energy, currency),
            baseline=beside(cost.get("energy")),
        ),
        Figure(
            name="Demand charge",
            metered="cannot tell" if spent.demand is None else money(spent.demand, currency),
            planned=money(first.cost.demand, currency),
            baseline=beside(cost.get("demand")),
        ),
        Figure(
            name="Peak of the site",
            metered=peak_text,
            planned=power(first.peak_kw),
            baseline=power(other["peak_kw"]) if "peak_kw" in other else "–",
        ),
    )


def peak(found: Peak) -> Headline:
    """The true peak at a limit, and what cannot be told of it."""
    name = "The site" if found.name == "site" else f"The {found.name}"
    if found.metered_at is None:
        return Headline(text=f"{name}: no vehicle was there yet, so there is no peak to tell.", is_good=False)
    shown = f"{power(found.metered_kw)} by its chargers' meters{_base_load(found)}"
    if found.verdict is Verdict.CONFIRMED:
        open_ = ""
        if found.at_most_kw >= found.metered_kw + WORTH_SAYING_KW:
            open_ = f", and where these are silent {power(found.at_most_kw)} at most by what is proven"
        return Headline(text=f"{name} stayed within its limit: it peaked at {shown}{open_}.", is_good=True)
    over = duration(len(found.over))
    if found.verdict is Verdict.CONTRADICTED:
        text = f"{name} was above its limit for {over}: {power(found.metered_kw)} metered, {power(found.limit_kw)} allowed."
        return Headline(text=text, is_good=False)
    text = (
        f"{name} peaked at {shown}; for {over} nobody can tell whether it kept its limit: what meters and proven limits "
        f"leave open is up to {power(found.at_most_kw)}."
    )
    return Headline(text=text, is_good=False)


def _base_load(found: Peak) -> str:
    return " and the forecast base load" if found.carries_base_load else ""


def departure_words(horizon: Horizon, one: Departure) -> str:
    """What is known of one vehicle's readiness, and from what."""
    visit = one.visit
    match one.state:
        case State.STILL_THERE:
            return _so_far(horizon, one)
        case State.ABSENT:
            return "no session of it was seen"
        case State.CANNOT_TELL if not one.sessions:
            return "its charger was not connected all the time, and no session was told of"
        case _:
            pass
    told = _soc_words(horizon, one)
    if one.state is State.READY:
        return told
    needed = f"{visit.required_soc_percent:.0f} % needed"
    return f"{told}, {needed}"


def planned_words(one: Departure) -> str:
    """The SoC planned at departure, first and, where that changed, last."""
    first, last = f"{one.first.planned_soc_percent:.0f} %", f"{one.visit.planned_soc_percent:.0f} %"
    return first if first == last else f"{first}, then {last}"


def rung_words(horizon: Horizon, step: Step) -> str:
    """A rung's mark and time."""
    mark = MARKS[step.verdict]
    return mark if step.at is None or step.verdict is None else f"{mark} {clock(horizon, step.at)}"


def climb_words(climb: Climb) -> str:
    """What is wrong with a connector's evidence."""
    details = [
        f"{RUNG_NAMES[step.rung]}: {step.detail}"
        for step in climb.steps.values()
        if step.detail and step.verdict is not Verdict.CONFIRMED
    ]
    if details:
        return "; ".join(details)
    return "" if climb.is_proven else "not proven"


def incident_time(horizon: Horizon, incident: Incident) -> str:
    """From when to when."""
    begin = clock(horizon, incident.at)
    end = begin if incident.until is None else clock(horizon, incident.until)
    return begin if end == begin else f"{begin} to {end}"


def version_words(horizon: Horizon, version: Version, currency: str) -> Iterator[str]:
    """A new version of the plan: why, who got more, who paid, what it cost."""
    what = "Rest of the night planned again" if version.is_replan else "Night planned anew"
    why = f": {'; '.join(version.because)}" if version.because else ""
    yield f"{what} at {clock(horizon, version.at)}{why}."
    for share in version.gains:
        yield f"{share.visit.vehicle_id} gets {energy(share.more_kwh)} more{_leaves(share)}."
    for share in version.pays:
        yield _payment(share)
    if version.gains and not version.pays:
        yield "Nobody gives anything up for it: there was room."
    direction = "more" if version.money >= 0 else "less"
    if abs(version.money) >= 0.005:
        yield f"The night costs {money(abs(version.money), currency)} {direction} by it."


def override_words(horizon: Horizon, override: Override) -> str:
    """A profile of its own for one session."""
    who = override.vehicle_id or "a vehicle that nobody can name"
    until = f" until {clock(horizon, override.until)}" if override.until is not None else ""
    again = (
        f", {counted(override.count, 'time')}, last at {clock(horizon, override.last_at)}"
        if override.count > 1
        else ""
    )
    came = {
        Outcome.ACCEPTED: "accepted",
        Outcome.REFUSED: f"refused: {override.reason}" if override.reason else "refused",
        None: "nobody knows what came of it",
    }.get(override.outcome, f"not answered: {override.reason}" if override.reason else "not answered")
    return f"{who} at {override.place}: sent at {clock(horizon, override.first_at)}{again}{until}; {came}"


def gap_lines(report: MorningReport) -> Iterator[str]:
    """Where meters do not tell; connectors of which they do not tell alike are one line."""
    horizon = report.plan.horizon
    alike: dict[tuple[datetime, int], list[str]] = {}
    for gap in report.gaps:
        alike.setdefault((gap.start, gap.minutes), []).append(str(gap.place))
    lines = list(alike.items())
    for (start, minutes), names in lines[:NAMED_AT_MOST]:
        yield f"{_named(names)}: no meter tells {duration(minutes)}, the first from {clock(horizon, start)}"
    left = sum(len(names) for _, names in lines[NAMED_AT_MOST:])
    if left:
        yield f"and {counted(left, 'connector')} more"
    if report.has_phase_limits:
        yield "limits per phase: chargers' meters are read as sums, so nobody can tell what a single phase carried"


def _named(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return f"{', '.join(names[:NAMED_AT_MOST])}{more}"


def _readiness(report: MorningReport) -> Headline:
    count = len(report.departures)
    if not count:
        return Headline(text="No vehicle was expected this night.", is_good=True)
    ready = report.count(State.READY)
    if ready == count:
        everybody = "The one departure was ready" if count == 1 else f"All {count} departures were ready"
        soc = sum(one.basis is Basis.SOC for one in report.departures)
        by = "" if soc == count else f", {count - soc} of them by energy and the SoC they were expected with"
        return Headline(text=f"{everybody}{by}.", is_good=True)
    parts = [f"{ready} of {count} departures ready"]
    for state, words in (
        (State.SHORT, "short"),
        (State.ABSENT, "not seen at a charger"),
        (State.CANNOT_TELL, "of which nobody can tell"),
        (State.STILL_THERE, "still to come"),
    ):
        named = [one.visit.vehicle_id for one in report.departures if one.state is state]
        if named:
            parts.append(f"{len(named)} {words} ({_named(named)})")
    return Headline(text=f"{', '.join(parts)}.", is_good=False)


def _cost(report: MorningReport) -> Headline:
    spent, plan = report.spent, report.plan
    currency = plan.cost.currency
    planned = f"planned were {energy(planned_kwh(report))} for {money(report.base.cost.energy, currency)}"
    other = (plan.baseline or report.base.baseline).get("cost")
    beside = f"; plug-and-charge would have cost {money(other['energy'], currency)}" if other else ""
    if spent.energy is None:
        return Headline(
            text=f"Meters show {energy(spent.energy_kwh)}, the plan has no prices; {planned}.", is_good=True
        )
    least = "" if _is_whole(report) else "at least "
    text = f"Energy cost {least}{money(spent.energy, currency)} for {energy(spent.energy_kwh)} by the meters; {planned}{beside}"
    if spent.unknown_minutes >= 1:
        text += f"; of {duration(round(spent.unknown_minutes))} of sessions no meter tells"
    return Headline(text=f"{text}.", is_good=True)


def _evidence(report: MorningReport) -> Headline:
    proven = sum(climb.is_proven for climb in report.climbs)
    count = len(report.climbs)
    if proven == count:
        return Headline(text=f"All {count} connectors are proven.", is_good=True)
    named = [str(climb.place) for climb in report.climbs if not climb.is_proven]
    text = f"{proven} of {count} connectors are proven; not {_named(named)}."
    return Headline(text=text, is_good=False)


def _incidents(report: MorningReport) -> Headline:
    open_ones = sum(incident.needs_a_person for incident in report.incidents)
    if not report.incidents:
        return Headline(text="Nothing else happened.", is_good=True)
    text = counted(len(report.incidents), "incident")
    left = f", {open_ones} of them still open" if open_ones else ", none of them left open"
    return Headline(text=f"{text}{left}.", is_good=not open_ones)


def _soc_words(horizon: Horizon, one: Departure) -> str:
    lowest, highest = one.lowest_percent or 0.0, one.highest_percent or 0.0
    bounds = f"{lowest:.0f} %" if highest - lowest < 1.0 else f"{lowest:.0f} to {highest:.0f} %"
    if one.basis is Basis.SOC and one.soc_at is not None and one.soc_percent is not None:
        told = f"it told {one.soc_percent:.0f} % at {clock(horizon, one.soc_at)}"
        return told if bounds == f"{one.soc_percent:.0f} %" else f"{bounds} ({told})"
    return f"{bounds} by {energy(one.drawn_kwh)} metered and {one.visit.arrival_soc_percent:.0f} % expected on arrival"


def _so_far(horizon: Horizon, one: Departure) -> str:
    return _soc_words(horizon, one) if one.sessions else "not plugged in yet"


def _is_whole(report: MorningReport) -> bool:
    return report.spent.unknown_minutes < 1 and report.is_over


def planned_kwh(report: MorningReport) -> float:
    """What all vehicles together were to draw as the night was begun, grid side. [kWh]"""
    horizon = report.base.horizon
    return sum(
        float(horizon.presence(v.arrival, v.departure) @ v.power_kw) * horizon.step_h
        for v in report.base.visits
    )


def _leaves(share: Share) -> str:
    before, now = share.before.planned_soc_percent, share.visit.planned_soc_percent
    return f" and leaves with {now:.0f} %" + (
        "" if abs(now - before) < 0.5 else f" instead of {before:.0f} %"
    )


def _payment(share: Share) -> str:
    if share.more_kwh <= -0.05:
        gave = f"{share.visit.vehicle_id} pays with {energy(-share.more_kwh)}{_leaves(share)}"
        return f"{gave}{', which is too little' if share.loses_its_departure else ''}."
    return f"{share.visit.vehicle_id} pays with time: {energy(share.later_kwh)} come at another time."
