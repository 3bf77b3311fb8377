"""What is true of a night under other circumstances than those of its folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from dispatch.rehearsal.applied.base import applied, objections, problem_with
from dispatch.rehearsal.faults import Fault, Fleet, Speaks
from dispatch.rehearsal.scene import Scene
from optimiser.inputs import Problem
from optimiser.night import Night


@applied.register
def _fleet(fault: Fleet, scene: Scene) -> Scene:
    coming = frozenset(fault.vehicles)
    return replace(
        scene,
        night=_only(scene.night, coming),
        guests=tuple(guest for guest in scene.guests if guest.visit.vehicle_id in coming),
        told=tuple((at, _only(night, coming)) for at, night in scene.told),
    )


@applied.register
def _speaks(fault: Speaks, scene: Scene) -> Scene:
    chargers = (
        replace(charger, ocpp=fault.ocpp) if charger.id in fault.chargers else charger
        for charger in scene.depot.chargers
    )
    return replace(scene, depot=replace(scene.depot, chargers=tuple(chargers)))


@objections.register
def _no_fleet(fault: Fleet, scene: Scene) -> list[Problem]:
    known = {visit.vehicle_id for visit in scene.night.visits}
    return _unknown(fault, fault.vehicles, known, allowed="a vehicle that comes in this night")


@objections.register
def _no_speaking(fault: Speaks, scene: Scene) -> list[Problem]:
    known = {charger.id for charger in scene.depot.chargers}
    return _unknown(fault, fault.chargers, known, allowed="a charger of this depot")


def _only(night: Night, coming: Collection[str]) -> Night:
    return replace(night, visits=tuple(visit for visit in night.visits if visit.vehicle_id in coming))


def _unknown(fault: Fault, names: Collection[str], known: Collection[str], *, allowed: str) -> list[Problem]:
    return [problem_with(fault, name, allowed) for name in names if name not in known]
