"""One night tried: with its faults and circumstances, planned where those want it, played and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.crashes import last_words
from dispatch.rehearsal.faults import Fault
from dispatch.rehearsal.keeper import Gear
from dispatch.rehearsal.night import IN_MEMORY, play
from dispatch.rehearsal.scene import Scene
from dispatch.rehearsal.verdict import Verdict, judge
from optimiser.depot import Depot
from optimiser.inputs import InputError
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.verify import PlanRefusedError


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all nights of a rehearsal share; ``always`` are faults that are in each of them."""

    depot: Depot
    night: Night
    plan: Plan
    always: tuple[Fault, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A night that was played; ``number`` and the seed draw its faults again."""

    number: int
    faults: tuple[Fault, ...]
    verdict: Verdict


def tried(
    setting: Setting, faults: Sequence[Fault], *, gear: Gear = "memory", store: str = IN_MEMORY
) -> Verdict:
    """The verdict on a night with faults; one that cannot be planned has crashed, and says by what."""
    scene = scene_of(setting.depot, setting.night, faults)
    try:
        plan = plan_of(setting, scene)
    except (PlanRefusedError, SolverError) as error:
        words = f"the plan of the night: {last_words(error)}"
        return Verdict(violations=(), lost_entries=0, departures=(), crashes=(words,))
    return judge(play(scene, plan, gear=gear, store=store))


def plan_of(setting: Setting, scene: Scene) -> Plan:
    """What a night begins with: the setting's plan, or one for its own circumstances.

    Raises what :func:`optimiser.planner.plan_night` raises.
    """
    if scene.depot is setting.depot and scene.night is setting.night:
        return setting.plan
    return plan_night(scene.depot, scene.night, created_at=setting.plan.created_at)


def can_happen(setting: Setting, faults: Sequence[Fault]) -> bool:
    """Whether faults can all happen in one night."""
    try:
        scene_of(setting.depot, setting.night, faults)
    except InputError:
        return False
    return True
