"""What happened in a rehearsed night: the truth, and what the dispatcher said of it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dispatch.rehearsal.scene import Scene
from dispatch.rehearsal.site import Departed, Record, Slept
from optimiser.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a tick said: who will leave short, by vehicle id, and how many profiles it sent."""

    at: datetime
    short: frozenset[str]
    sent: int


@dataclass(frozen=True, kw_only=True)
class Happened:
    """What happened in a night from ``begin`` to ``end``: the truth, and what the dispatcher said of it.

    ``slept``: who was asleep when it was offered power. ``crashes`` are the last words of each part of the product
    that ended by an error of its own.
    """

    scene: Scene
    plan: Plan
    begin: datetime
    end: datetime
    record: Record
    departed: tuple[Departed, ...]
    told: tuple[Told, ...]
    lost_entries: int
    crashes: tuple[str, ...] = ()
    slept: tuple[Slept, ...] = ()
