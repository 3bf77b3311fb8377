"""What can go wrong with vehicles."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dispatch.rehearsal.faults.base import Fault, Minutes, TimeOfDay


class Late(Fault):
    """A vehicle comes so much later than planned."""

    word: ClassVar[str] = "late"
    vehicle: str
    minutes: Minutes


class Early(Fault):
    """A vehicle leaves so much earlier than planned; known only when it does, or from ``known`` on."""

    word: ClassVar[str] = "early"
    vehicle: str
    minutes: Minutes
    known: TimeOfDay | None = None


class Absent(Fault):
    """A vehicle does not come at all."""

    word: ClassVar[str] = "absent"
    vehicle: str


class OtherSoc(Fault):
    """A vehicle comes with another SoC than forecast. [%]"""

    word: ClassVar[str] = "soc"
    vehicle: str
    percent: float = Field(ge=0, le=100)


class OtherPhases(Fault):
    """A vehicle draws on another number of phases than the depot's list of vehicles says."""

    word: ClassVar[str] = "phases"
    vehicle: str
    drawn: int = Field(ge=1, le=3)


class Sleeps(Fault):
    """A vehicle falls asleep when it is kept waiting so long, and draws nothing until it is started again."""

    word: ClassVar[str] = "sleeps"
    vehicle: str
    after_minutes: Minutes


class WrongBay(Fault):
    """A vehicle is plugged in at another connector than planned, one that is free while it is there."""

    word: ClassVar[str] = "wrong-bay"
    vehicle: str
    charger: str
    connector: int = Field(default=1, ge=1)


class Swapped(Fault):
    """Two vehicles stand in each other's bays."""

    word: ClassVar[str] = "swapped"
    vehicle: str
    other: str


class Stranger(Fault):
    """A vehicle that nobody knows stands at a connector for a while and draws all it gets."""

    word: ClassVar[str] = "stranger"
    charger: str
    at: TimeOfDay
    minutes: Minutes
    connector: int = Field(default=1, ge=1)


KINDS: tuple[type[Fault], ...] = (
    Late,
    Early,
    Absent,
    OtherSoc,
    OtherPhases,
    Sleeps,
    WrongBay,
    Swapped,
    Stranger,
)
"""Every one of them, in the order in which they are made true: a bay is free if nobody comes to it."""
