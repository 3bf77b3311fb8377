"""What is true when something goes wrong with chargers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.rehearsal.applied.base import applied, instant_at, objections, problem_with, span_of
from dispatch.rehearsal.faults import (
    Behaves,
    ClockOff,
    Foreign,
    HalfApplies,
    Ignores,
    KeepsSome,
    Misreads,
    Offline,
    Reboot,
    Refuses,
    Stale,
    Wake,
)
from dispatch.rehearsal.happenings import ForeignProfile
from dispatch.rehearsal.scene import AWAY_IN_REBOOT, REACTION, Excuse, Scene, Span
from dispatch.simulator.persona import Persona
from dispatch.simulator.personas import PERSONAS
from optimiser.inputs import Problem

LAST_MONTH = timedelta(days=30)
"""How old a stale profile is."""
MISREADINGS = {
    "amperes-as-total": Persona(reads_amperes_as_total=True),
    "watts-per-phase": Persona(reads_watts_per_phase=True, units=("W",)),
    "phases-as-one": Persona(reads_phases_as_one=True, units=("W",)),
}
"""What each way to misread a limit is in a charge point."""


@applied.register
def _reboot(fault: Reboot, scene: Scene) -> Scene:
    return _restarted(scene, instant_at(scene, fault.at), [fault.charger], forgets=fault.forgets)


@applied.register
def _wake(fault: Wake, scene: Scene) -> Scene:
    everybody = [charger.id for charger in scene.depot.chargers]
    return _restarted(scene, instant_at(scene, fault.at), fault.chargers or everybody, forgets=True)


@objections.register
def _no_wake(fault: Wake, scene: Scene) -> list[Problem]:
    known = {charger.id for charger in scene.depot.chargers}
    unknown = [name for name in fault.chargers if name not in known]
    return [problem_with(fault, name, "a charger of this depot") for name in unknown]


@applied.register
def _offline(fault: Offline, scene: Scene) -> Scene:
    span = span_of(scene.night.horizon, fault.at, fault.minutes)
    known = scene.known(span.start, charger_id=fault.charger)
    return replace(known, away=(*scene.away, (fault.charger, span)))


@applied.register
def _refuses(fault: Refuses, scene: Scene) -> Scene:
    return _behaving(scene, fault.charger, replace(_persona(scene, fault.charger), refuses_profiles=True))


@applied.register
def _ignores(fault: Ignores, scene: Scene) -> Scene:
    return _behaving(scene, fault.charger, replace(_persona(scene, fault.charger), ignores_profiles=True))


@applied.register
def _half_applies(fault: HalfApplies, scene: Scene) -> Scene:
    persona = replace(_persona(scene, fault.charger), kept_periods=fault.periods)
    return _behaving(scene, fault.charger, persona)


@applied.register
def _keeps_some(fault: KeepsSome, scene: Scene) -> Scene:
    persona = replace(
        _persona(scene, fault.charger), kept_profiles=fault.profiles, keeps_newest=fault.which == "last"
    )
    return _behaving(scene, fault.charger, persona)


@applied.register
def _misreads(fault: Misreads, scene: Scene) -> Scene:
    return _behaving(scene, fault.charger, MISREADINGS[fault.how])


@objections.register
def _no_misreading(fault: Misreads, scene: Scene) -> list[Problem]:
    if all(connector.is_dc for connector in scene.depot.charger(fault.charger).connectors):
        return [problem_with(fault, fault.charger, "a charger of alternating current: others have no phases")]
    return []


@applied.register
def _clock(fault: ClockOff, scene: Scene) -> Scene:
    persona = replace(_persona(scene, fault.charger), clock_skew_s=fault.minutes * 60.0)
    return _behaving(scene, fault.charger, persona)


@applied.register
def _stale(fault: Stale, scene: Scene) -> Scene:
    begin = scene.night.horizon.start
    written = ForeignProfile(at=begin - LAST_MONTH, charger_id=fault.charger, level=fault.level, kw=fault.kw)
    known = scene.known(begin, charger_id=fault.charger)
    return replace(known, happenings=(*scene.happenings, written))


@applied.register
def _foreign(fault: Foreign, scene: Scene) -> Scene:
    """Nobody can be blamed until the next turn has seen it and answered."""
    at = instant_at(scene, fault.at)
    seen_at = at + timedelta(minutes=scene.depot.policy.tick_minutes)
    excuse = Excuse(span=Span(start=at, end=seen_at + REACTION), charger_id=fault.charger)
    written = ForeignProfile(at=at, charger_id=fault.charger, level=fault.level, kw=fault.kw)
    return replace(
        scene.known(seen_at),
        happenings=(*scene.happenings, written),
        excuses=(*scene.excuses, excuse),
    )


@applied.register
def _behaves(fault: Behaves, scene: Scene) -> Scene:
    return _behaving(scene, fault.charger, PERSONAS[fault.name].persona)


def _behaving(scene: Scene, charger_id: str, persona: Persona) -> Scene:
    """A charger with a persona all night; what of it only a meter shows could be known from a reading on.

    One that obeys nothing draws what it wants; what it adds until somebody can know nobody is to blame for.
    """
    stays = [guest for guest in scene.guests if guest.plug.charger_id == charger_id and not guest.is_absent]
    known = scene.known(scene.night.horizon.start, charger_id=charger_id)
    excuses: list[Excuse] = []
    if persona.draws_more_than_it_tells:
        seen_after = timedelta(minutes=scene.depot.policy.tick_minutes) + REACTION
        known = scene.known(
            min((guest.arrival for guest in stays), default=scene.night.horizon.start) + seen_after
        )
        excuses = [
            Excuse(
                span=Span(start=scene.night.horizon.start, end=scene.night.horizon.end),
                charger_id=charger_id,
                after_first_draw=seen_after,
            )
        ]
    return replace(
        known,
        personas={**scene.personas, charger_id: persona},
        ungoverned=scene.ungoverned | ({charger_id} if _is_ungoverned(persona) else frozenset()),
        excuses=(*scene.excuses, *excuses),
    )


def _is_ungoverned(persona: Persona) -> bool:
    return persona.obeys_nothing or persona.draws_more_than_it_tells


def _restarted(scene: Scene, at: datetime, charger_ids: Sequence[str], *, forgets: bool) -> Scene:
    """Chargers that start anew at one instant; who cannot be reached cannot be lowered."""
    span = Span(start=at, end=at + AWAY_IN_REBOOT + REACTION)
    for charger_id in charger_ids:
        persona = replace(_persona(scene, charger_id), loses_profiles_on_reboot=forgets)
        excuses = (Excuse(span=span, charger_id=charger_id),) if forgets else ()
        scene = replace(
            scene.known(at, charger_id=charger_id),
            personas={**scene.personas, charger_id: persona},
            reboots=(*scene.reboots, (at, charger_id)),
            excuses=(*scene.excuses, *excuses),
        )
    return scene


def _persona(scene: Scene, charger_id: str) -> Persona:
    return scene.personas.get(charger_id, Persona())
