"""Many nights of random faults: drawn from a seed, played on all cores, and the worst of them made small.

One seed is one set of nights on every machine: nothing here asks for time, and every night has its own dice.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import Random

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.dice import DICE
from dispatch.rehearsal.faults import Fault
from dispatch.rehearsal.night import play
from dispatch.rehearsal.verdict import Verdict, judge
from optimiser.depot import Depot
from optimiser.inputs import InputError
from optimiser.night import Night
from optimiser.plan import Plan

FEWEST, MOST = 3, 6
"""Faults in a random night."""
WORST = 3
"""How many of the worst nights are made small and told in full."""


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


def in_memory(setting: Setting, faults: Sequence[Fault]) -> Verdict:
    """A night in memory, and its verdict."""
    scene = scene_of(setting.depot, setting.night, faults)
    return judge(play(scene, setting.plan, gear="memory"))


def many_nights(setting: Setting, *, count: int, seed: int) -> Iterator[Judged]:
    """So many random nights, in the order of their numbers, on all cores."""
    one = partial(_judged, setting, seed)
    workers = min(count, os.cpu_count() or 1)
    if workers == 1:
        yield from map(one, range(count))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=logging.disable, initargs=(logging.WARNING,)
    ) as pool:
        yield from pool.map(one, range(count))


def smallest(setting: Setting, faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """As few of a night's faults as still break one of the promises that all of them together break."""
    needed = list(faults)
    broken = in_memory(setting, needed).broken
    for fault in faults:
        fewer = [other for other in needed if other is not fault]
        if not can_happen(setting, fewer):
            continue  # somebody stands in a bay that is free only by this fault
        still = in_memory(setting, fewer).broken & broken
        if still:
            needed, broken = fewer, still
    return tuple(needed)


def can_happen(setting: Setting, faults: Sequence[Fault]) -> bool:
    """Whether faults can all happen in one night."""
    try:
        scene_of(setting.depot, setting.night, faults)
    except InputError:
        return False
    return True


def worst_of(judged: Sequence[Judged]) -> list[Judged]:
    """The nights that broke a promise, the worst first, at most :data:`WORST`."""
    broken = [night for night in judged if night.verdict.broken]
    return sorted(broken, key=lambda night: (*(-part for part in night.verdict.harm), night.number))[:WORST]


def drawn_faults(setting: Setting, *, seed: int, number: int) -> tuple[Fault, ...]:
    """The faults of a random night: no vehicle and no charger has two."""
    dice = Random(f"{seed}/{number}")  # noqa: S311 - dice, no secret
    wanted = dice.randint(FEWEST, MOST)
    faults: list[Fault] = list(setting.always)
    scene = scene_of(setting.depot, setting.night, faults)
    taken = {target for fault in faults for target in _targets(fault)}
    while len(faults) < len(setting.always) + wanted:
        fault = dice.choice(DICE)(dice, scene)
        if fault is None or _targets(fault) & taken:
            continue
        if can_happen(setting, [*faults, fault]):
            taken |= _targets(fault)
            faults.append(fault)
            scene = scene_of(setting.depot, setting.night, faults)
    return tuple(faults)


def _judged(setting: Setting, seed: int, number: int) -> Judged:
    faults = drawn_faults(setting, seed=seed, number=number)
    return Judged(number=number, faults=faults, verdict=in_memory(setting, faults))


def _targets(fault: Fault) -> set[str]:
    """Who or what a fault is about: its vehicles, else its charger, else the site in one of its ways."""
    facts = fault.model_dump()
    vehicles = {str(facts[key]) for key in ("vehicle", "other") if key in facts}
    return vehicles or {str(facts.get("charger") or fault.word)}
