"""Random faults of vehicles."""

from __future__ import annotations

from random import Random

from dispatch.rehearsal.dice.base import Die, a_vehicle
from dispatch.rehearsal.faults import Absent, Early, Fault, Late, OtherSoc
from dispatch.rehearsal.scene import Scene


def _late(dice: Random, scene: Scene) -> Fault:
    return Late(vehicle=a_vehicle(dice, scene), minutes=dice.randrange(15, 300, 5))


def _early(dice: Random, scene: Scene) -> Fault:
    return Early(vehicle=a_vehicle(dice, scene), minutes=dice.randrange(15, 180, 5))


def _absent(dice: Random, scene: Scene) -> Fault:
    return Absent(vehicle=a_vehicle(dice, scene))


def _other_soc(dice: Random, scene: Scene) -> Fault:
    visit = dice.choice(scene.night.visits)
    percent = min(100.0, max(0.0, round(dice.gauss(visit.arrival_soc_percent, 20.0))))
    return OtherSoc(vehicle=visit.vehicle_id, percent=percent)


DICE: tuple[Die, ...] = (_late, _early, _absent, _other_soc)
