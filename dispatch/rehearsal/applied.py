"""What each kind of fault makes true: the one place where a fault is applied to the scene of a night.

A new kind of fault is a value in :mod:`dispatch.rehearsal.faults` and a function here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta
from functools import reduce, singledispatch

import numpy as np

from dispatch.rehearsal.faults import (
    Absent,
    BaseLoad,
    Cut,
    Early,
    Fault,
    Late,
    Offline,
    OtherSoc,
    Reboot,
    Refuses,
    Silent,
)
from dispatch.rehearsal.scene import (
    AWAY_IN_REBOOT,
    REACTION,
    Excuse,
    Guest,
    Scene,
    Span,
    changed,
    instant_of,
    plain_scene,
)
from dispatch.simulator.persona import Persona
from optimiser.depot import Depot
from optimiser.horizon import Horizon, TimeError
from optimiser.inputs import InputError, Problem
from optimiser.night import Night


def scene_of(depot: Depot, night: Night, faults: Sequence[Fault]) -> Scene:
    """The truth of a night with faults. Raises :class:`InputError` with every fault that cannot happen in it."""
    problems = [problem for fault in faults for problem in _problems(depot, night, fault)]
    if problems:
        raise InputError(problems)
    return reduce(lambda scene, fault: applied(fault, scene), faults, plain_scene(depot, night))


@singledispatch
def applied(fault: Fault, scene: Scene) -> Scene:
    """The scene with one fault more."""
    raise AssertionError(f"nobody knows what {fault.word} makes true of {scene.night.date}")


@applied.register
def _late(fault: Late, scene: Scene) -> Scene:
    def late(guest: Guest) -> Guest:
        # That it is late could be known when it did not come; how late, when it has come.
        by = timedelta(minutes=fault.minutes)
        arrival = min(guest.arrival + by, guest.departure - timedelta(minutes=1))
        return replace(guest, arrival=arrival).known(arrival)

    return scene.with_guest(fault.vehicle, late)


@applied.register
def _early(fault: Early, scene: Scene) -> Scene:
    at = None if fault.known is None else instant_of(scene.night.horizon, fault.known)

    def early(guest: Guest) -> Guest:
        by = timedelta(minutes=fault.minutes)
        departure = max(guest.departure - by, guest.arrival + timedelta(minutes=1))
        return replace(guest, departure=departure).known(min(at or departure, departure))

    return scene.with_guest(fault.vehicle, early)


@applied.register
def _absent(fault: Absent, scene: Scene) -> Scene:
    return scene.with_guest(fault.vehicle, lambda guest: replace(guest, is_absent=True))


@applied.register
def _other_soc(fault: OtherSoc, scene: Scene) -> Scene:
    return scene.with_guest(
        fault.vehicle, lambda guest: replace(guest, soc_percent=fault.percent).known(guest.arrival)
    )


@applied.register
def _reboot(fault: Reboot, scene: Scene) -> Scene:
    at = instant_of(scene.night.horizon, fault.at)
    persona = replace(_persona(scene, fault.charger), loses_profiles_on_reboot=fault.forgets)
    span = Span(start=at, end=at + AWAY_IN_REBOOT + REACTION)
    excuses = (Excuse(span=span, charger_id=fault.charger),) if fault.forgets else ()
    return replace(
        scene.known(at, charger_id=fault.charger),
        personas={**scene.personas, fault.charger: persona},
        reboots=(*scene.reboots, (at, fault.charger)),
        excuses=(*scene.excuses, *excuses),
    )


@applied.register
def _offline(fault: Offline, scene: Scene) -> Scene:
    span = _span(scene.night.horizon, fault.at, fault.minutes)
    known = scene.known(span.start, charger_id=fault.charger)
    return replace(known, away=(*scene.away, (fault.charger, span)))


@applied.register
def _refuses(fault: Refuses, scene: Scene) -> Scene:
    persona = replace(_persona(scene, fault.charger), refuses_profiles=True)
    return replace(
        scene.known(scene.night.horizon.start, charger_id=fault.charger),
        personas={**scene.personas, fault.charger: persona},
        ungoverned=scene.ungoverned | {fault.charger},
    )


@applied.register
def _silent(fault: Silent, scene: Scene) -> Scene:
    span = _span(scene.night.horizon, fault.at, fault.ticks * scene.depot.policy.tick_minutes)
    return replace(scene, silences=(*scene.silences, span))


@applied.register
def _base_load(fault: BaseLoad, scene: Scene) -> Scene:
    span = _span(scene.night.horizon, fault.at, fault.minutes)
    excuse = Excuse(span=Span(start=span.start, end=span.start + REACTION), kw=fault.kw)
    return replace(
        scene.known(span.start),
        base_load_kw=changed(scene.base_load_kw, span, lambda known: known + fault.kw),
        excuses=(*scene.excuses, excuse),
    )


@applied.register
def _cut(fault: Cut, scene: Scene) -> Scene:
    horizon = scene.night.horizon
    span = _span(horizon, fault.at, fault.minutes)
    told_at = span.start - timedelta(minutes=fault.notice_minutes)
    # What the folder says counts from the next turn of cron on.
    ready_at = told_at + timedelta(minutes=scene.depot.policy.tick_minutes) + REACTION
    before = scene.told[-1][1]
    first, last = horizon.position(span.start), horizon.position(span.end)
    steps = np.arange(horizon.steps)
    is_cut = (steps + 1 > first) & (steps < last)
    lower_kw = np.where(is_cut, np.minimum(before.site_limit_kw, fault.to_kw), before.site_limit_kw)
    told = replace(
        before, site_limit_kw=lower_kw, inputs_sha256=f"{before.inputs_sha256}+{fault.word}@{told_at:%H%M}"
    )
    excuse = Excuse(
        span=Span(start=span.start, end=ready_at), kw=float((before.site_limit_kw - lower_kw).max())
    )
    return replace(
        scene.known(told_at),
        limit_kw=changed(scene.limit_kw, span, lambda known: min(known, fault.to_kw)),
        told=(*scene.told, (told_at, told)),
        excuses=(*scene.excuses, *((excuse,) if ready_at > span.start else ())),
    )


def _span(horizon: Horizon, at: time, minutes: float) -> Span:
    start = instant_of(horizon, at)
    return Span(start=start, end=start + timedelta(minutes=minutes))


def _persona(scene: Scene, charger_id: str) -> Persona:
    return scene.personas.get(charger_id, Persona())


def _problems(depot: Depot, night: Night, fault: Fault) -> list[Problem]:
    facts = fault.model_dump()
    problems: list[Problem] = []
    visitors = {visit.vehicle_id for visit in night.visits}
    if "vehicle" in facts and facts["vehicle"] not in visitors:
        problems.append(_problem(fault, facts["vehicle"], "a vehicle that comes in this night"))
    if "charger" in facts and facts["charger"] not in {charger.id for charger in depot.chargers}:
        problems.append(_problem(fault, facts["charger"], "a charger of this depot"))
    for key in ("at", "known"):
        if isinstance(facts.get(key), time):
            try:
                instant_of(night.horizon, facts[key])
            except TimeError as error:
                problems.append(_problem(fault, f"{facts[key]:%H:%M}", f"a time of this night: {error}"))
    return problems


def _problem(fault: Fault, found: str, allowed: str) -> Problem:
    return Problem(where=f"fault {fault}", found=found, allowed=allowed)
