"""What can go wrong with chargers."""

from __future__ import annotations

from typing import ClassVar

from dispatch.rehearsal.faults.base import Fault, Minutes, TimeOfDay


class Reboot(Fault):
    """A charger starts anew; one that ``forgets`` has lost all its profiles then."""

    word: ClassVar[str] = "reboot"
    charger: str
    at: TimeOfDay
    forgets: bool = False


class Offline(Fault):
    """A charger loses its socket for a while and goes on with what it has."""

    word: ClassVar[str] = "offline"
    charger: str
    at: TimeOfDay
    minutes: Minutes


class Refuses(Fault):
    """A charger refuses every profile, all night."""

    word: ClassVar[str] = "refuses"
    charger: str


KINDS: tuple[type[Fault], ...] = (Reboot, Offline, Refuses)
