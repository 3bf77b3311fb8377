"""An explanation in the words of a depot, for a person who reads it at one in the morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from optimiser.changes import PER_PHASE, TRANSFORMER
from optimiser.explanation import Binding, Span
from optimiser.horizon import Horizon
from optimiser.night import Visit
from optimiser.planned import PlannedVisit
from optimiser.sentences import clock, energy

NAMED_AT_MOST = 5
"""Vehicles and limits a sentence names before it says how many more there are."""

SPANS_AT_MOST = 2


def shortage_text(
    horizon: Horizon,
    visit: PlannedVisit,
    bindings: Sequence[Binding],
    unreachable_kwh: float,
    *,
    max_kw: float,
) -> str:
    """Who is short by how much, and what stands in the way when."""
    place = f"{visit.charger_id}/{visit.connector_id}"
    text = (
        f"{visit.vehicle_id} leaves {place} at {clock(horizon, visit.departure)} with "
        f"{visit.planned_soc_percent:.0f} % instead of {visit.required_soc_percent:g} %: "
        f"{energy(visit.shortfall_kwh)} short."
    )
    if max_kw <= 0:
        return f"{text} It cannot charge there at all."
    if visit.earliest_start is not None and visit.earliest_start > visit.arrival:
        text = f"{text} It may not be charged before {clock(horizon, visit.earliest_start)}{_by_rule(visit)}."
    if unreachable_kwh >= visit.shortfall_kwh - 1e-3:
        return f"{text} It is there too short a time for the {max_kw:.1f} kW that it gets at {place}."
    # The phases of a feeder are full together more often than not.
    together: dict[tuple[Span, ...], list[str]] = {}
    for each in bindings[:NAMED_AT_MOST]:
        together.setdefault(each.spans, []).append(_limit(each.limit))
    stops = [f"{_listed(limits)} ({_when(horizon, spans)})" for spans, limits in together.items()]
    if stops:
        text = f"{text} What keeps it from drawing more: {'; '.join(stops)}."
    if unreachable_kwh > 0.05:
        text = f"{text} {energy(unreachable_kwh)} it would miss also alone: the stay is too short for {max_kw:.1f} kW."
    return text


def limit_text(
    horizon: Horizon,
    places: Sequence[str],
    vehicle_ids: Sequence[str],
    *,
    amount: float,
    unit: str,
    span: Span | None,
    everybody: bool,
) -> str:
    """So much more at a limit, from when to when it is used, and who leaves ready then."""
    more = f"{amount:,.2f}".rstrip("0").rstrip(".")
    at = _listed(
        [
            f"each phase of {_limit(p.removesuffix(PER_PHASE))}" if p.endswith(PER_PHASE) else _limit(p)
            for p in places
        ]
    )
    each = "each of " if len(places) > 1 else ""
    when = f", used between {clock(horizon, span.start)} and {clock(horizon, span.end)}" if span else ""
    instead = ", or as much less of other load then" if tuple(places) == (TRANSFORMER,) else ""
    who = (
        "everybody leaves"
        if everybody
        else f"{_named(vehicle_ids)} {'leaves' if len(vehicle_ids) == 1 else 'leave'}"
    )
    return f"{more} {unit} more at {each}{at}{when}{instead}: {who} ready."


def departure_text(horizon: Horizon, visit: PlannedVisit, minutes: int) -> str:
    """So many minutes later."""
    at = clock(horizon, visit.departure + timedelta(minutes=minutes))
    return f"{visit.vehicle_id} leaves {minutes} min later, at {at}: it is ready then."


def start_text(horizon: Horizon, visit: PlannedVisit, minutes: int) -> str:
    """So many minutes earlier than its rule says."""
    assert visit.earliest_start is not None, "only what is put off can be earlier"
    at = clock(horizon, visit.earliest_start - timedelta(minutes=minutes))
    return f"{visit.vehicle_id} may be charged from {at} on, {minutes} min earlier than now{_by_rule(visit)}: it is ready then."


def connector_text(visit: PlannedVisit, moved: Visit, *, max_kw: float) -> str:
    """Another connector that is free."""
    return (
        f"{visit.vehicle_id} at {moved.charger_id}/{moved.connector_id}, which is free and gives it {max_kw:.1f} kW, "
        f"instead of {visit.charger_id}/{visit.connector_id}: it leaves ready."
    )


def priority_text(visit: Visit, priority: float, others_kwh: Mapping[str, float]) -> str:
    """One vehicle first, and who pays for it."""
    text = f"{visit.vehicle_id} first (priority {priority:g} instead of {visit.priority:g}): it leaves ready"
    if not others_kwh:
        return f"{text}, and nobody is worse off."
    missing = [f"{vehicle_id} by {energy(short_kwh)}" for vehicle_id, short_kwh in others_kwh.items()]
    are = "is" if len(missing) == 1 else "are"
    return f"{text}, but {_named(missing)} {are} short then."


def required_soc_text(asked: Sequence[tuple[PlannedVisit, float]]) -> str:
    """What every vehicle can have if nothing else changes."""
    wishes = [
        f"{soc_percent:.1f} % of {visit.vehicle_id} instead of {visit.required_soc_percent:g} %"
        for visit, soc_percent in asked
    ]
    return f"If nothing else can be had, ask {_named(wishes)}: that can be reached."


def _by_rule(visit: PlannedVisit) -> str:
    """The rule that has put a visit off, in brackets; nothing where its own row says so."""
    rules = [one.rule for one in visit.decided if one.what == "earliest_start"]
    return f" (rule {rules[0]})" if rules else ""


def _limit(name: str) -> str:
    return f"the {name}" if name == TRANSFORMER else name


def _when(horizon: Horizon, spans: Sequence[Span]) -> str:
    shown = [f"{clock(horizon, span.start)}–{clock(horizon, span.end)}" for span in spans[:SPANS_AT_MOST]]
    more = f" and {len(spans) - SPANS_AT_MOST} times more" if len(spans) > SPANS_AT_MOST else ""
    return f"{', '.join(shown)}{more}"


def _named(names: Sequence[str]) -> str:
    if len(names) <= NAMED_AT_MOST:
        return _listed(names)
    return f"{', '.join(names[:NAMED_AT_MOST])} and {len(names) - NAMED_AT_MOST} more"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
