"""What each kind of fault makes true: the one place where a fault is applied to the scene of a night.

A new kind of fault is a value in :mod:`dispatch.rehearsal.faults`, a function here, and dice in
:mod:`dispatch.rehearsal.dice`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

# Each of them registers what its kinds of fault make true.
from dispatch.rehearsal.applied import chargers, circumstances, processes, site, vehicles
from dispatch.rehearsal.applied.base import applied, problems_with
from dispatch.rehearsal.faults import KINDS, Fault
from dispatch.rehearsal.scene import Scene, plain_scene
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem
from optimiser.night import Night

__all__ = [
    "applied",
    "chargers",
    "circumstances",
    "in_order",
    "problems_with",
    "processes",
    "scene_of",
    "site",
    "vehicles",
]


def scene_of(depot: Depot, night: Night, faults: Sequence[Fault]) -> Scene:
    """The truth of a night with faults, whatever order they are written in.

    Raises :class:`InputError` with every fault that cannot happen in it.
    """
    scene, problems = plain_scene(depot, night), list[Problem]()
    for fault in in_order(faults):
        found = problems_with(fault, scene)
        problems += found
        if not found:
            scene = _with(fault, scene)
    if problems:
        raise InputError(problems)
    return scene


def as_known(scene: Scene, faults: Sequence[Fault]) -> Scene:
    """A scene's night as it is believed to be by who knows of some of its faults: two may be believed in one bay."""
    return reduce(
        lambda believed, fault: _with(fault, believed),
        in_order(faults),
        plain_scene(scene.depot, scene.night),
    )


def in_order(faults: Sequence[Fault]) -> list[Fault]:
    """Faults in the order in which they are made true: that of their kinds, for a bay is free if nobody comes to it."""
    kinds = list(KINDS)
    return sorted(faults, key=lambda fault: kinds.index(fault.word))


def _with(fault: Fault, scene: Scene) -> Scene:
    """The scene with one fault more, and when that could be known first; from the beginning, if nothing says when."""
    after = applied(fault, scene)
    learnt_at = min(after.learnt[len(scene.learnt) :], default=scene.night.horizon.start)
    return replace(after, faults=(*scene.faults, (learnt_at, fault)))
