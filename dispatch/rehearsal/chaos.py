"""Many nights of random faults: drawn from a seed, played on all cores, and the worst of them made small.

One seed is one set of nights on every machine: nothing here asks for time, and every night has its own dice.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import time, timedelta
from functools import partial
from random import Random

from dispatch.rehearsal.applied import scene_of
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
from dispatch.rehearsal.night import play
from dispatch.rehearsal.scene import bounds, plain_scene
from dispatch.rehearsal.verdict import Verdict, judge
from optimiser.depot import Depot
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
        still = in_memory(setting, fewer).broken & broken
        if still:
            needed, broken = fewer, still
    return tuple(needed)


def worst_of(judged: Sequence[Judged]) -> list[Judged]:
    """The nights that broke a promise, the worst first, at most :data:`WORST`."""
    broken = [night for night in judged if night.verdict.broken]
    return sorted(broken, key=lambda night: (*(-part for part in night.verdict.harm), night.number))[:WORST]


def drawn_faults(setting: Setting, *, seed: int, number: int) -> tuple[Fault, ...]:
    """The faults of a random night: no vehicle and no charger has two."""
    dice = Random(f"{seed}/{number}")  # noqa: S311 - dice, no secret
    wanted = dice.randint(FEWEST, MOST)
    faults: list[Fault] = list(setting.always)
    taken = {_target(fault) for fault in faults}
    drawn = 0
    while drawn < wanted:
        fault = dice.choice(DICE)(dice, setting)
        if _target(fault) not in taken:
            taken.add(_target(fault))
            faults.append(fault)
            drawn += 1
    return tuple(faults)


def _judged(setting: Setting, seed: int, number: int) -> Judged:
    faults = drawn_faults(setting, seed=seed, number=number)
    return Judged(number=number, faults=faults, verdict=in_memory(setting, faults))


def _target(fault: Fault) -> str:
    """Who or what a fault is about: its vehicle, its charger, or the site in one of its ways."""
    facts = fault.model_dump()
    return str(facts.get("vehicle") or facts.get("charger") or fault.word)


def _vehicle(dice: Random, setting: Setting) -> str:
    return dice.choice(setting.night.visits).vehicle_id


def _charger(dice: Random, setting: Setting) -> str:
    return dice.choice(setting.depot.chargers).id


def _time(dice: Random, setting: Setting) -> time:
    """A minute of the night that exists, while vehicles are there."""
    begin, end = bounds(plain_scene(setting.depot, setting.night))
    minutes = int((end - begin).total_seconds() // 60)
    instant = begin + timedelta(minutes=dice.randrange(60, minutes))
    return setting.night.horizon.local(instant).time().replace(second=0, microsecond=0)


def _late(dice: Random, setting: Setting) -> Fault:
    return Late(vehicle=_vehicle(dice, setting), minutes=dice.randrange(15, 300, 5))


def _early(dice: Random, setting: Setting) -> Fault:
    return Early(vehicle=_vehicle(dice, setting), minutes=dice.randrange(15, 180, 5))


def _absent(dice: Random, setting: Setting) -> Fault:
    return Absent(vehicle=_vehicle(dice, setting))


def _other_soc(dice: Random, setting: Setting) -> Fault:
    visit = dice.choice(setting.night.visits)
    percent = min(100.0, max(0.0, round(dice.gauss(visit.arrival_soc_percent, 20.0))))
    return OtherSoc(vehicle=visit.vehicle_id, percent=percent)


def _reboot(dice: Random, setting: Setting) -> Fault:
    forgets = dice.random() < 0.5
    return Reboot(charger=_charger(dice, setting), at=_time(dice, setting), forgets=forgets)


def _offline(dice: Random, setting: Setting) -> Fault:
    minutes = dice.choice((1, 5, 60, 240, 900))
    return Offline(charger=_charger(dice, setting), at=_time(dice, setting), minutes=minutes)


def _refuses(dice: Random, setting: Setting) -> Fault:
    return Refuses(charger=_charger(dice, setting))


def _silent(dice: Random, setting: Setting) -> Fault:
    return Silent(at=_time(dice, setting), ticks=3)


def _base_load(dice: Random, setting: Setting) -> Fault:
    room_kw = max(1.0, setting.depot.site.base_load_max_kw)
    kw = round(dice.uniform(0.1, 1.0) * room_kw, 1)
    return BaseLoad(at=_time(dice, setting), kw=kw, minutes=dice.choice((15, 60, 240)))


def _cut(dice: Random, setting: Setting) -> Fault:
    share = dice.choice((0.5, 0.6, 0.8))
    to_kw = round(share * setting.depot.site.transformer_limit_kw, 1)
    notice_minutes = dice.choice((15, 30, 120))
    return Cut(at=time(2), to_kw=to_kw, minutes=dice.choice((60, 180)), notice_minutes=notice_minutes)


DICE: Sequence[Callable[[Random, Setting], Fault]] = (
    _late,
    _early,
    _absent,
    _other_soc,
    _reboot,
    _offline,
    _refuses,
    _silent,
    _base_load,
    _cut,
)
"""What draws each kind of fault; all are equally likely."""
