"""What dice of every kind need: somebody, something and some time of the night."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from random import Random
from typing import TypeAlias

from dispatch.rehearsal.faults import Fault
from dispatch.rehearsal.scene import Scene, bounds

Die: TypeAlias = Callable[[Random, Scene], Fault | None]
"""Draws a fault for a night as it is so far; None where there can be none of the kind."""


def a_vehicle(dice: Random, scene: Scene) -> str:
    """One of those that are to come."""
    return dice.choice(scene.night.visits).vehicle_id


def a_charger(dice: Random, scene: Scene) -> str:
    """Any of the depot's."""
    return dice.choice(scene.depot.chargers).id


def a_time(dice: Random, scene: Scene) -> time:
    """A minute of the night that exists, while vehicles are there."""
    begin, end = bounds(scene)
    minutes = int((end - begin).total_seconds() // 60)
    instant = begin + timedelta(minutes=dice.randrange(60, minutes))
    return scene.night.horizon.local(instant).time().replace(second=0, microsecond=0)
