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


KINDS: tuple[type[Fault], ...] = (Late, Early, Absent, OtherSoc)
