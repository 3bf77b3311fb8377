"""Random faults of gateway, dispatcher and cron."""

from __future__ import annotations

from random import Random

from dispatch.rehearsal.dice.base import Die, a_time
from dispatch.rehearsal.faults import DispatcherDies, Fault, GatewayDies, Silent
from dispatch.rehearsal.scene import Scene

REQUESTS_PER_CHARGER = 4
"""About how many requests a tick has for a charger at most: a dispatcher may die at any of them."""


def _silent(dice: Random, scene: Scene) -> Fault:
    return Silent(at=a_time(dice, scene), ticks=3)


def _gateway_dies(dice: Random, scene: Scene) -> Fault:
    return GatewayDies(at=a_time(dice, scene), minutes=dice.choice((1, 1, 5, 30)))


def _dispatcher_dies(dice: Random, scene: Scene) -> Fault:
    most = REQUESTS_PER_CHARGER * len(scene.depot.chargers)
    return DispatcherDies(at=a_time(dice, scene), request=dice.randint(1, most))


DICE: tuple[Die, ...] = (_silent, _gateway_dies, _dispatcher_dies)
