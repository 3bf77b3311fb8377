"""How a fault is applied to a scene, and refused where it cannot happen; what each kind does stands beside."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import singledispatch

from dispatch.rehearsal.faults import Fault
from dispatch.rehearsal.scene import Scene, Span, instant_of
from optimiser.horizon import Horizon, TimeError
from optimiser.inputs import Problem


@singledispatch
def applied(fault: Fault, scene: Scene) -> Scene:
    """The scene with one fault more."""
    raise AssertionError(f"nobody knows what {fault.word} makes true of {scene.night.date}")


def problems_with(fault: Fault, scene: Scene) -> list[Problem]:
    """Why a fault cannot happen in a scene; empty where it can."""
    facts = fault.model_dump()
    problems: list[Problem] = []
    visitors = {visit.vehicle_id for visit in scene.night.visits}
    if "vehicle" in facts and facts["vehicle"] not in visitors:
        problems.append(problem_with(fault, facts["vehicle"], "a vehicle that comes in this night"))
    if "charger" in facts and facts["charger"] not in {charger.id for charger in scene.depot.chargers}:
        problems.append(problem_with(fault, facts["charger"], "a charger of this depot"))
    for key in ("at", "known"):
        if isinstance(facts.get(key), time):
            try:
                instant_of(scene.night.horizon, facts[key])
            except TimeError as error:
                allowed = f"a time of this night: {error}"
                problems.append(problem_with(fault, facts[key].isoformat("minutes"), allowed))
    return problems or objections(fault, scene)


@singledispatch
def objections(fault: Fault, scene: Scene) -> list[Problem]:
    """Why a fault whose names and times are right cannot happen in a scene: for most kinds, nothing."""
    del fault, scene
    return []


def problem_with(fault: Fault, found: str, allowed: str) -> Problem:
    """What is wrong with a fault."""
    return Problem(where=f"fault {fault}", found=found, allowed=allowed)


def instant_at(scene: Scene, at: time) -> datetime:
    """The instant of a scene's night at which its clocks show a time."""
    return instant_of(scene.night.horizon, at)


def span_of(horizon: Horizon, at: time, minutes: float) -> Span:
    """A while from a time of the night on."""
    start = instant_of(horizon, at)
    return Span(start=start, end=start + timedelta(minutes=minutes))
