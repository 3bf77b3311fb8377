"""Random faults of vehicles."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from dispatch.rehearsal.dice.base import Die, a_time, a_vehicle
from dispatch.rehearsal.faults import (
    Absent,
    Early,
    Fault,
    Late,
    OtherPhases,
    OtherSoc,
    Sleeps,
    Stranger,
    Swapped,
    WrongBay,
)
from dispatch.rehearsal.scene import Scene, Span, instant_of


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


def _other_phases(dice: Random, scene: Scene) -> Fault | None:
    vehicle_id = a_vehicle(dice, scene)
    planned = scene.depot.vehicle(vehicle_id).ac_phases
    return OtherPhases(vehicle=vehicle_id, drawn=3 if planned == 1 else 1) if planned else None


def _sleeps(dice: Random, scene: Scene) -> Fault:
    return Sleeps(vehicle=a_vehicle(dice, scene), after_minutes=dice.choice((10, 30, 60)))


def _wrong_bay(dice: Random, scene: Scene) -> Fault | None:
    vehicle_id = a_vehicle(dice, scene)
    (first, *_) = (guest for guest in scene.guests if guest.visit.vehicle_id == vehicle_id)
    free = scene.free_plugs(Span(start=first.arrival, end=first.departure))
    if not free:
        return None
    plug = dice.choice(free)
    return WrongBay(vehicle=vehicle_id, charger=plug.charger_id, connector=plug.connector_id)


def _swapped(dice: Random, scene: Scene) -> Fault:
    return Swapped(vehicle=a_vehicle(dice, scene), other=a_vehicle(dice, scene))


def _stranger(dice: Random, scene: Scene) -> Fault | None:
    at, minutes = a_time(dice, scene), dice.choice((30, 120, 480))
    start = instant_of(scene.night.horizon, at)
    free = scene.free_plugs(Span(start=start, end=start + timedelta(minutes=minutes)))
    if not free:
        return None
    plug = dice.choice(free)
    return Stranger(charger=plug.charger_id, connector=plug.connector_id, at=at, minutes=minutes)


DICE: tuple[Die, ...] = (
    _late,
    _early,
    _absent,
    _other_soc,
    _other_phases,
    _sleeps,
    _wrong_bay,
    _swapped,
    _stranger,
)
