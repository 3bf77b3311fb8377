"""Many nights of random faults: drawn from a seed, played on all cores, and the worst of them made small.

One seed is one set of nights on every machine: nothing here asks for time, and every night has its own dice.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from random import Random
from typing import TypeVar

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.dice import DICE
from dispatch.rehearsal.dice.circumstances import drawn_circumstances
from dispatch.rehearsal.faults import Fault
from dispatch.rehearsal.reproduction import smallest
from dispatch.rehearsal.trial import Judged, Setting, can_happen, tried

FEWEST, MOST = 3, 6
"""Faults in a random night, those that are in every night aside."""
WORST = 3
"""How many of the worst nights are made small and told in full."""

YOUNG_OBJECTS = 50_000
"""So many objects more than were given up, and a worker looks for garbage among the new ones."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def many_nights(setting: Setting, *, count: int, seed: int) -> Iterator[Judged]:
    """So many random nights, in the order of their numbers, on all cores."""
    yield from _on_all_cores(partial(_judged, setting, seed), range(count), count=count)


def reproductions(setting: Setting, nights: Sequence[Judged]) -> Iterator[tuple[Fault, ...]]:
    """The faults that nights need to break what they break, in their order, on all cores."""
    yield from _on_all_cores(partial(_smallest, setting), nights, count=len(nights))


def worst_of(judged: Sequence[Judged]) -> list[Judged]:
    """The nights that broke a promise, the worst first, at most :data:`WORST`."""
    broken = [night for night in judged if night.verdict.broken]
    return sorted(broken, key=lambda night: (*(-part for part in night.verdict.harm), night.number))[:WORST]


def drawn_faults(setting: Setting, *, seed: int, number: int) -> tuple[Fault, ...]:
    """The circumstances and faults of a random night: no vehicle and no charger has two."""
    dice = Random(f"{seed}/{number}")  # noqa: S311 - dice, no secret
    scene = scene_of(setting.depot, setting.night, setting.always)
    taken = {target for fault in setting.always for target in _targets(fault)}
    circumstances = tuple(drawn_circumstances(dice, scene, named=taken))
    faults = [*circumstances, *setting.always]
    scene = scene_of(setting.depot, setting.night, faults)
    wanted = len(faults) + dice.randint(FEWEST, MOST)
    while len(faults) < wanted:
        fault = dice.choice(DICE)(dice, scene)
        if fault is None or _targets(fault) & taken:
            continue
        if can_happen(setting, [*faults, fault]):
            taken |= _targets(fault)
            faults.append(fault)
            scene = scene_of(setting.depot, setting.night, faults)
    return tuple(faults)


def _on_all_cores(work: Callable[[Asked], Answer], asked: Iterable[Asked], *, count: int) -> Iterator[Answer]:
    workers = min(count, os.cpu_count() or 1)
    if workers <= 1:
        yield from map(work, asked)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin) as pool:
        yield from pool.map(work, asked)


def _begin() -> None:
    """A worker says nothing, and seldom looks for garbage: a night leaves little, and looking takes a tenth of it."""
    logging.disable(logging.WARNING)
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _judged(setting: Setting, seed: int, number: int) -> Judged:
    faults = drawn_faults(setting, seed=seed, number=number)
    return Judged(number=number, faults=faults, verdict=tried(setting, faults))


def _smallest(setting: Setting, night: Judged) -> tuple[Fault, ...]:
    return smallest(setting, night.faults, broken=night.verdict.broken)


def _targets(fault: Fault) -> set[str]:
    """Who or what a fault is about: its vehicles, else its charger, else the site in one of its ways."""
    facts = fault.model_dump()
    vehicles = {str(facts[key]) for key in ("vehicle", "other") if key in facts}
    return vehicles or {str(facts.get("charger") or fault.word)}
