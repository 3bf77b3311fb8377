"""What is true when something goes wrong with chargers."""

from __future__ import annotations

from dataclasses import replace

from dispatch.rehearsal.applied.base import applied, span_of
from dispatch.rehearsal.faults import Offline, Reboot, Refuses
from dispatch.rehearsal.scene import AWAY_IN_REBOOT, REACTION, Excuse, Scene, Span, instant_of
from dispatch.simulator.persona import Persona


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
    span = span_of(scene.night.horizon, fault.at, fault.minutes)
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


def _persona(scene: Scene, charger_id: str) -> Persona:
    return scene.personas.get(charger_id, Persona())
