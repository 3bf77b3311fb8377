"""Random circumstances of a night: who is to come, and which version of OCPP each charger speaks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from random import Random
from typing import Literal

from dispatch.known import known_of
from dispatch.rehearsal.faults import Fault, Fleet, Speaks
from dispatch.rehearsal.scene import Scene
from optimiser.depot import Charger

FEWEST_VEHICLES = 12
"""A random night has so many at least, where the depot has them."""
VERSIONS: tuple[Literal["1.6", "2.0.1"], ...] = ("1.6", "2.0.1")


def drawn_circumstances(dice: Random, scene: Scene, *, named: Collection[str]) -> Iterator[Fault]:
    """A part of the fleet, those that are ``named`` included, and in every other night a mixture of versions."""
    everybody = sorted({visit.vehicle_id for visit in scene.night.visits})
    count = dice.randint(min(FEWEST_VEHICLES, len(everybody)), len(everybody))
    coming = {*dice.sample(everybody, count), *(name for name in named if name in everybody)}
    if len(coming) < len(everybody):
        yield Fleet(vehicles=tuple(sorted(coming)))
    if dice.random() < 0.5:
        for version in VERSIONS:
            able = [charger for charger in scene.depot.chargers if _could_speak(charger, version)]
            others = dice.sample(able, dice.randint(0, len(able)))
            if others:
                yield Speaks(chargers=tuple(sorted(charger.id for charger in others)), ocpp=version)


def _could_speak(charger: Charger, version: Literal["1.6", "2.0.1"]) -> bool:
    """Whether a charger's model speaks a version that this one does not."""
    return charger.ocpp != version and version in known_of(charger).capabilities.ocpp_versions
