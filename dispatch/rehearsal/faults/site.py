"""What can go wrong with the site, and with what the depot is told of it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dispatch.rehearsal.faults.base import Fault, Minutes, TimeOfDay


class BaseLoad(Fault):
    """The building draws so much more than forecast for a while. [kW]"""

    word: ClassVar[str] = "base-load"
    at: TimeOfDay
    kw: float = Field(gt=0)
    minutes: Minutes


class Cut(Fault):
    """The grid operator allows the site no more than ``to_kw`` for a while, and says so beforehand."""

    word: ClassVar[str] = "cut"
    at: TimeOfDay
    to_kw: float = Field(ge=0)
    minutes: Minutes
    notice_minutes: float = Field(default=30, ge=0, le=24 * 60)


class MeterLost(Fault):
    """The site's meter gives no readings for a while: nobody sees what the building draws."""

    word: ClassVar[str] = "meter-lost"
    at: TimeOfDay
    minutes: Minutes


KINDS: tuple[type[Fault], ...] = (MeterLost, BaseLoad, Cut)
