"""What can go wrong with chargers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from dispatch.rehearsal.faults.base import Fault, Minutes, TimeOfDay
from dispatch.simulator.personas import PERSONAS

HIGHEST_LEVEL = 8
"""The highest stack level that simulated charge points have."""

Kw = Annotated[float, Field(ge=0)]
StackLevel = Annotated[int, Field(ge=0, le=HIGHEST_LEVEL)]


def _is_persona(name: str) -> str:
    if name not in PERSONAS:
        raise ValueError(f"one of {', '.join(PERSONAS)}")
    return name


PersonaName = Annotated[str, AfterValidator(_is_persona)]


class Reboot(Fault):
    """A charger starts anew; one that ``forgets`` has lost all its profiles then."""

    word: ClassVar[str] = "reboot"
    charger: str
    at: TimeOfDay
    forgets: bool = False


class Wake(Fault):
    """Several chargers forget everything and start anew at the same instant; all of them where none is named."""

    word: ClassVar[str] = "wake"
    at: TimeOfDay
    chargers: tuple[str, ...] = ()


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


class Ignores(Fault):
    """A charger accepts and shows every profile, and lets vehicles draw what they want."""

    word: ClassVar[str] = "ignores"
    charger: str


class HalfApplies(Fault):
    """A charger accepts every profile and keeps only its first ``periods``; the last of them goes on."""

    word: ClassVar[str] = "half-applies"
    charger: str
    periods: int = Field(default=1, ge=1, le=24)


class KeepsSome(Fault):
    """A charger accepts every profile and keeps only so many: the ``first`` that came, or the ``last``."""

    word: ClassVar[str] = "keeps"
    charger: str
    profiles: int = Field(default=1, ge=1, le=10)
    which: Literal["first", "last"] = "first"


class Misreads(Fault):
    """A charger takes amperes for the total of its phases, watts for those of each phase, or all phases for one.

    Where it is watts that it misreads, it takes no amperes.
    """

    word: ClassVar[str] = "misreads"
    charger: str
    how: Literal["amperes-as-total", "watts-per-phase", "phases-as-one"]


class ClockOff(Fault):
    """A charger's clock is ahead, behind where it is below 0, and is never set right."""

    word: ClassVar[str] = "clock"
    charger: str
    minutes: float = Field(ge=-120, le=120)


class Stale(Fault):
    """A charger still holds a default profile from last month, on a high stack level and without an end. [kW]"""

    word: ClassVar[str] = "stale"
    charger: str
    kw: Kw
    level: StackLevel = HIGHEST_LEVEL


class Foreign(Fault):
    """Another system puts a default profile without an end on a charger, in the middle of the night. [kW]"""

    word: ClassVar[str] = "foreign"
    charger: str
    at: TimeOfDay
    kw: Kw
    level: StackLevel = HIGHEST_LEVEL


class Behaves(Fault):
    """A charger behaves as real ones were seen to; the names are those of ``depot simulate --persona``."""

    word: ClassVar[str] = "persona"
    charger: str
    name: PersonaName


KINDS: tuple[type[Fault], ...] = (
    Behaves,
    Refuses,
    Ignores,
    HalfApplies,
    KeepsSome,
    Misreads,
    ClockOff,
    Stale,
    Foreign,
    Reboot,
    Wake,
    Offline,
)
