"""Random faults of chargers."""

from __future__ import annotations

from random import Random

from dispatch.rehearsal.dice.base import Die, a_charger, a_time
from dispatch.rehearsal.faults import (
    Behaves,
    ClockOff,
    Fault,
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
from dispatch.rehearsal.faults.chargers import HIGHEST_LEVEL
from dispatch.rehearsal.scene import Scene
from dispatch.simulator.personas import PERSONAS


def _reboot(dice: Random, scene: Scene) -> Fault:
    forgets = dice.random() < 0.5
    return Reboot(charger=a_charger(dice, scene), at=a_time(dice, scene), forgets=forgets)


def _wake(dice: Random, scene: Scene) -> Fault:
    """All of them, or some."""
    names = [charger.id for charger in scene.depot.chargers]
    some = sorted(dice.sample(names, dice.randint(1, len(names))))
    return Wake(at=a_time(dice, scene), chargers=() if dice.random() < 0.5 else tuple(some))


def _offline(dice: Random, scene: Scene) -> Fault:
    minutes = dice.choice((1, 5, 60, 240, 900))
    return Offline(charger=a_charger(dice, scene), at=a_time(dice, scene), minutes=minutes)


def _refuses(dice: Random, scene: Scene) -> Fault:
    return Refuses(charger=a_charger(dice, scene))


def _ignores(dice: Random, scene: Scene) -> Fault:
    return Ignores(charger=a_charger(dice, scene))


def _keeps_a_part(dice: Random, scene: Scene) -> Fault:
    """The first periods of profiles or, one time in four, the first or last profile."""
    charger_id, periods = a_charger(dice, scene), dice.choice((1, None, 2, 4))
    if periods is None:
        which = dice.choice(("first", "last"))
        return KeepsSome.model_validate({"charger": charger_id, "which": which})
    return HalfApplies(charger=charger_id, periods=periods)


def _misreads(dice: Random, scene: Scene) -> Fault:
    how = dice.choice(("amperes-as-total", "watts-per-phase", "phases-as-one"))
    return Misreads.model_validate({"charger": a_charger(dice, scene), "how": how})


def _clock(dice: Random, scene: Scene) -> Fault:
    minutes = dice.choice((-60, -10, -3, -1, 1, 3, 10, 60))
    return ClockOff(charger=a_charger(dice, scene), minutes=minutes)


def _stale(dice: Random, scene: Scene) -> Fault:
    charger_id = a_charger(dice, scene)
    return Stale(charger=charger_id, kw=_some_kw(dice, scene, charger_id), level=_level(dice))


def _foreign(dice: Random, scene: Scene) -> Fault:
    charger_id, at = a_charger(dice, scene), a_time(dice, scene)
    return Foreign(charger=charger_id, at=at, kw=_some_kw(dice, scene, charger_id), level=_level(dice))


def _behaves(dice: Random, scene: Scene) -> Fault:
    names = [name for name in PERSONAS if name != "honest"]
    return Behaves(charger=a_charger(dice, scene), name=dice.choice(names))


def _some_kw(dice: Random, scene: Scene, charger_id: str) -> float:
    """Nothing, or up to all that a charger can give."""
    connectors = scene.depot.charger(charger_id).connectors
    full_kw = max(connector.full_power_kw(scene.depot.site.voltage_v) for connector in connectors)
    return round(full_kw * dice.choice((0.0, 0.5, 1.0, 1.0)), 1)


def _level(dice: Random) -> int:
    return dice.choice((0, 1, HIGHEST_LEVEL, HIGHEST_LEVEL))


DICE: tuple[Die, ...] = (
    _reboot,
    _wake,
    _offline,
    _refuses,
    _ignores,
    _keeps_a_part,
    _misreads,
    _clock,
    _stale,
    _foreign,
    _behaves,
)
