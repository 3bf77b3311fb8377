"""Random faults of gateway, dispatcher and cron."""

from __future__ import annotations

from random import Random

from dispatch.rehearsal.dice.base import Die, a_time
from dispatch.rehearsal.faults import Fault, Silent
from dispatch.rehearsal.scene import Scene


def _silent(dice: Random, scene: Scene) -> Fault:
    return Silent(at=a_time(dice, scene), ticks=3)


DICE: tuple[Die, ...] = (_silent,)
