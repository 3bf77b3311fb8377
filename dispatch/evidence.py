"""Words for evidence: what was sent to a connector, which rung that reached, and what each look at it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from dispatch.station import Outcome, StationProfile


class Layer(StrEnum):
    """What a profile is on a connector: what is never passed, what holds without a plan, the plan, a session's own."""

    CEILING = "ceiling"
    FLOOR = "floor"
    PLAN = "plan"
    OVERRIDE = "override"


class Rung(StrEnum):
    """How far the evidence for a connector has climbed."""

    PLANNED = "planned"
    SENT = "sent"
    ACCEPTED = "accepted"
    READ_BACK = "read_back"
    METERED = "metered"


class Verdict(StrEnum):
    """What evidence says: only more than allowed is a contradiction."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A profile that was sent to a charger. ``outcome`` is None until it is answered, and for ever after a crash."""

    id: int
    night: date
    at: datetime
    charger_id: str
    layer: Layer
    profile: StationProfile
    outcome: Outcome | None = None
    reason: str = ""
    message_id: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """The value of a lever that a charger's answers have taught, and from which answers."""

    value: Any
    because: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One look at one connector: which rung, what it says, and the message that shows it."""

    night: date
    at: datetime
    charger_id: str
    connector_id: int
    rung: Rung
    verdict: Verdict
    detail: str = ""
    message_id: str | None = None
    command_id: int | None = None
