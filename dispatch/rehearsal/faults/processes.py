"""What can go wrong with the processes of a night: gateway, dispatcher and cron."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dispatch.rehearsal.faults.base import Fault, TimeOfDay


class Silent(Fault):
    """Nobody ticks: cron is silent for so many of its turns."""

    word: ClassVar[str] = "silent"
    at: TimeOfDay
    ticks: int = Field(default=3, ge=1, le=96)


KINDS: tuple[type[Fault], ...] = (Silent,)
