"""The true load against each limit, and what the night really cost: meters where they tell, bounds where not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from dispatch.evidence import Verdict
from dispatch.morning.allowed import allowed_kw
from dispatch.morning.facts import NightFacts
from dispatch.morning.meters import (
    IDLE_KW,
    SPREAD_AS_ALLOWED,
    BoolArray,
    Metering,
    Minutes,
    idle_spans,
    metering,
)
from dispatch.morning.proof import proven_minutes
from dispatch.morning.sessions import Session, by_place, online_spans, readings_of
from dispatch.safety import Place, bottlenecks
from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan

LIMIT_TOLERANCE = 1.01
"""A sum of meters above a limit by less than this is within it: chargers' meters are of class B at best, 1 %."""


@dataclass(frozen=True, kw_only=True)
class Metered:
    """One connector's night, minute by minute: what its meter shows, what it was allowed, and the most it can be. [kW]

    ``is_metered``: its meter tells the minute's power, perhaps as a mean of a longer time. ``is_told``: that mean can
    hide no more, because readings are close or what was allowed is proven. ``highest_kw`` is the most that meter
    and proof leave open, full power where neither says anything.
    """

    meter: Metering
    is_metered: BoolArray
    is_told: BoolArray
    metered_kw: FloatArray
    allowed_kw: FloatArray
    highest_kw: FloatArray


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Minutes of a connector of which no meter tells."""

    place: Place
    start: datetime
    minutes: int


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The highest load at a limit, with the forecast base load where the limit ``carries_base_load``.

    ``metered_kw`` is by meters, which show means between their readings; ``at_most_kw`` is what meters and proven
    limits leave open. ``verdict`` on the limit: contradicted where the metered load alone was above it, confirmed
    where not even the most was. ``over`` are the minutes in which the metered load was above or, where it never was,
    those in which the load may have been. ``limit_kw`` is that of the minute of the peak.
    """

    name: str
    verdict: Verdict
    metered_kw: float
    metered_at: datetime | None
    at_most_kw: float
    limit_kw: float
    carries_base_load: bool
    over: tuple[datetime, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What vehicles really drew and what that costs at the night's prices; the rest of the night is not in it.

    ``unknown_minutes``: of sessions that no meter tells the energy of. ``demand`` is None where the peak cannot
    be told; it counts the base load as it was forecast.
    """

    energy_kwh: float
    energy: float | None
    demand: float | None
    unknown_minutes: float


@dataclass(frozen=True, kw_only=True)
class Course:
    """The night minute by minute, for the picture. [kW] ``metered_kw`` and ``at_most_kw`` without base load."""

    minutes: Minutes
    metered_kw: FloatArray
    at_most_kw: FloatArray
    allowed_kw: FloatArray
    is_metered: BoolArray
    is_told: BoolArray


def metered_connectors(
    depot: Depot, facts: NightFacts, sessions: Sequence[Session], minutes: Minutes
) -> dict[Place, Metered]:
    """The night of every connector of the depot."""
    readings, online = readings_of(facts.events), online_spans(facts.events)
    allowed = allowed_kw(depot, facts, sessions, minutes)
    proven = proven_minutes(depot, facts, minutes)
    at_place = by_place(sessions)
    result: dict[Place, Metered] = {}
    for charger, connector in depot.connectors():
        place = Place(charger.id, connector.id)
        there = at_place.get(place, [])
        full_kw = connector.full_power_kw(depot.site.voltage_v)
        meter = metering(readings.get(place, []), there, start=minutes.start, full_kw=full_kw)
        idle = idle_spans(online.get(charger.id, ()), there, minutes)
        result[place] = _metered(
            meter, idle, allowed_kw=allowed[place], is_proven=proven[place], full_kw=full_kw, minutes=minutes
        )
    return result


def occupied(plan: Plan, sessions: Sequence[Session], minutes: Minutes) -> BoolArray:
    """The minutes from the first vehicle to the last, planned or not: where a peak is looked for."""
    begins = [*(visit.arrival for visit in plan.visits), *(session.begin for session in sessions)]
    ends = [visit.departure for visit in plan.visits]
    ends += [session.until for session in sessions if session.until is not None]
    is_wanted = np.zeros(minutes.count, dtype=bool)
    if begins:
        first = max(0, int(minutes.position(min(begins))))
        is_wanted[
            first : max(first, int(np.ceil(minutes.position(max(ends)))) if ends else minutes.count)
        ] = True
    return is_wanted


def course(connectors: Mapping[Place, Metered], minutes: Minutes, *, wanted: BoolArray) -> Course:
    """The sums over all connectors; outside the minutes that are ``wanted`` nothing is missed."""
    found = _course(connectors, minutes, connectors.keys())
    return replace(found, is_metered=found.is_metered | ~wanted, is_told=found.is_told | ~wanted)


def peaks(
    depot: Depot, plan: Plan, connectors: Mapping[Place, Metered], minutes: Minutes, *, wanted: BoolArray
) -> tuple[Peak, ...]:
    """The site and every feeder that has a limit in kW, the site first."""
    step_s = plan.horizon.step_s
    base_kw = minutes.from_steps(plan.site.base_load_kw, step_s)
    found = [
        _peak(
            "site",
            _course(connectors, minutes, connectors.keys()),
            base_kw=base_kw,
            limit_kw=minutes.from_steps(plan.site.limit_kw, step_s),
            wanted=wanted,
            carries_base_load=True,
        )
    ]
    for bottleneck in bottlenecks(depot)[1:]:
        if bottleneck.measure == "kw":
            taken_kw = base_kw if bottleneck.carries_base_load else np.zeros(minutes.count)
            limit_kw = np.full(minutes.count, bottleneck.limit)
            part = _course(connectors, minutes, bottleneck.places)
            found.append(
                _peak(
                    bottleneck.name,
                    part,
                    base_kw=taken_kw,
                    limit_kw=limit_kw,
                    wanted=wanted,
                    carries_base_load=bottleneck.carries_base_load,
                )
            )
    return tuple(found)


def spent(
    depot: Depot,
    plan: Plan,
    connectors: Mapping[Place, Metered],
    sessions: Sequence[Session],
    minutes: Minutes,
    *,
    wanted: BoolArray,
) -> Spent:
    """Energy and money by the meters, for the minutes that are over."""
    energy_kwh = sum((m.metered_kw for m in connectors.values()), np.zeros(minutes.count)) / 60.0
    unknown_s = 0.0
    for session in sessions:
        if session.place in connectors:
            begin_s = max(0.0, (session.begin - minutes.start).total_seconds())
            end_s = (min(session.until or minutes.end, minutes.end) - minutes.start).total_seconds()
            unknown_s += connectors[session.place].meter.gained_kwh(begin_s, end_s)[1]
    prices = plan.site.import_price_per_kwh
    money = None
    if prices:
        money = float(energy_kwh @ minutes.from_steps(prices, plan.horizon.step_s))
    return Spent(
        energy_kwh=float(energy_kwh.sum()),
        energy=money,
        demand=_demand(depot, plan, course(connectors, minutes, wanted=wanted)),
        unknown_minutes=unknown_s / 60.0,
    )


def gaps(connectors: Mapping[Place, Metered], minutes: Minutes, *, wanted: BoolArray) -> tuple[Gap, ...]:
    """Connectors of which meters do not tell all, those that tell least first."""
    found = []
    for place, connector in connectors.items():
        silent = np.flatnonzero(wanted & ~connector.is_told)
        if len(silent):
            found.append(Gap(place=place, start=minutes.instant(int(silent[0])), minutes=len(silent)))
    return tuple(sorted(found, key=lambda gap: -gap.minutes))


def _metered(
    meter: Metering,
    idle: Sequence[tuple[float, float]],
    *,
    allowed_kw: FloatArray,
    is_proven: BoolArray,
    full_kw: float,
    minutes: Minutes,
) -> Metered:
    metered_kw = meter.per_minute_kwh(minutes, allowed_kw=allowed_kw) * 60.0
    is_metered = meter.told(minutes, idle=idle)
    is_close = meter.told_closely(minutes, idle=idle)
    proven_kw = np.where(is_proven, allowed_kw, full_kw)
    between_kw = np.maximum(np.minimum(proven_kw, meter.most_kw(minutes)), metered_kw)
    highest_kw = np.where(is_close, metered_kw, np.where(is_metered, between_kw, proven_kw))
    is_level = highest_kw <= SPREAD_AS_ALLOWED * metered_kw + IDLE_KW
    return Metered(
        meter=meter,
        is_metered=is_metered,
        is_told=is_close | (is_metered & (is_proven | is_level)),
        metered_kw=metered_kw,
        allowed_kw=allowed_kw,
        highest_kw=highest_kw,
    )


def _demand(depot: Depot, plan: Plan, whole: Course) -> float | None:
    """The demand charge of the metered peak; None where the night is not over or meters do not tell all."""
    horizon = plan.horizon
    if whole.minutes.end < horizon.end or not bool(whole.is_metered.all()) or horizon.step_s % 60:
        return None
    charging_kw = whole.metered_kw.reshape(horizon.steps, -1).mean(axis=1)
    pv_kw = np.asarray(plan.site.pv_kw) if plan.site.pv_kw else np.zeros(horizon.steps)
    net_kw = charging_kw + np.asarray(plan.site.base_load_kw) - pv_kw
    return float(depot.tariff.demand_cost(net_kw, horizon))


def _course(connectors: Mapping[Place, Metered], minutes: Minutes, of: Collection[Place]) -> Course:
    parts = [connectors[place] for place in sorted(of) if place in connectors]
    nothing = np.zeros(minutes.count)
    return Course(
        minutes=minutes,
        metered_kw=sum((np.where(m.is_metered, m.metered_kw, 0.0) for m in parts), nothing),
        at_most_kw=sum((m.highest_kw for m in parts), nothing),
        allowed_kw=sum((m.allowed_kw for m in parts), nothing),
        is_metered=_all([m.is_metered for m in parts], minutes),
        is_told=_all([m.is_told for m in parts], minutes),
    )


def _all(parts: Sequence[BoolArray], minutes: Minutes) -> BoolArray:
    return np.logical_and.reduce(parts) if parts else np.ones(minutes.count, dtype=bool)


def _peak(
    name: str,
    part: Course,
    *,
    base_kw: FloatArray,
    limit_kw: FloatArray,
    wanted: BoolArray,
    carries_base_load: bool,
) -> Peak:
    minutes = part.minutes
    if not wanted.any():
        lowest = float(limit_kw.min()) if len(limit_kw) else 0.0
        return Peak(
            name=name,
            verdict=Verdict.CANNOT_TELL,
            metered_kw=0.0,
            metered_at=None,
            at_most_kw=0.0,
            limit_kw=lowest,
            carries_base_load=carries_base_load,
        )
    metered_kw = np.where(wanted, part.metered_kw + base_kw, 0.0)
    at_most_kw = np.where(wanted, part.at_most_kw + base_kw, 0.0)
    highest = int(metered_kw.argmax())
    allowed_kw = LIMIT_TOLERANCE * limit_kw
    known, possible = np.flatnonzero(metered_kw > allowed_kw), np.flatnonzero(at_most_kw > allowed_kw)
    verdict = Verdict.CONFIRMED
    if len(possible):
        verdict = Verdict.CONTRADICTED if len(known) else Verdict.CANNOT_TELL
    over = known if len(known) else possible
    return Peak(
        name=name,
        verdict=verdict,
        metered_kw=float(metered_kw[highest]),
        metered_at=minutes.instant(highest),
        at_most_kw=float(at_most_kw.max()),
        limit_kw=float(limit_kw[highest]),
        carries_base_load=carries_base_load,
        over=tuple(minutes.instant(int(minute)) for minute in over),
    )
