"""Random faults of the site."""

from __future__ import annotations

from datetime import time
from random import Random

from dispatch.rehearsal.dice.base import Die, a_time
from dispatch.rehearsal.faults import BaseLoad, Cut, Fault, MeterLost
from dispatch.rehearsal.scene import Scene


def _base_load(dice: Random, scene: Scene) -> Fault:
    room_kw = max(1.0, scene.depot.site.base_load_max_kw)
    kw = round(dice.uniform(0.1, 1.0) * room_kw, 1)
    return BaseLoad(at=a_time(dice, scene), kw=kw, minutes=dice.choice((15, 60, 240)))


def _cut(dice: Random, scene: Scene) -> Fault:
    share = dice.choice((0.5, 0.6, 0.8))
    to_kw = round(share * scene.depot.site.transformer_limit_kw, 1)
    notice_minutes = dice.choice((15, 30, 120))
    return Cut(at=time(2), to_kw=to_kw, minutes=dice.choice((60, 180)), notice_minutes=notice_minutes)


def _meter_lost(dice: Random, scene: Scene) -> Fault:
    return MeterLost(at=a_time(dice, scene), minutes=dice.choice((5, 60, 480)))


DICE: tuple[Die, ...] = (_base_load, _cut, _meter_lost)
