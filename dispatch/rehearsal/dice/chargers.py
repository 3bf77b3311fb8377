"""Random faults of chargers."""

from __future__ import annotations

from random import Random

from dispatch.rehearsal.dice.base import Die, a_charger, a_time
from dispatch.rehearsal.faults import Fault, Offline, Reboot, Refuses
from dispatch.rehearsal.scene import Scene


def _reboot(dice: Random, scene: Scene) -> Fault:
    forgets = dice.random() < 0.5
    return Reboot(charger=a_charger(dice, scene), at=a_time(dice, scene), forgets=forgets)


def _offline(dice: Random, scene: Scene) -> Fault:
    minutes = dice.choice((1, 5, 60, 240, 900))
    return Offline(charger=a_charger(dice, scene), at=a_time(dice, scene), minutes=minutes)


def _refuses(dice: Random, scene: Scene) -> Fault:
    return Refuses(charger=a_charger(dice, scene))


DICE: tuple[Die, ...] = (_reboot, _offline, _refuses)
