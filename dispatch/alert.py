"""What a person is told of at night, as values: a condition that needs somebody, and the alert that it has become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Cause(StrEnum):
    """Why somebody is told."""

    DEPARTURE = "departure_at_risk"
    CONTRADICTED = "contradicts_its_limit"
    UNVERIFIED = "cannot_be_verified"
    FOREIGN = "foreign_profile"
    CRON_SILENT = "cron_silent"
    GATEWAY_AWAY = "gateway_away"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Something that is wrong now. Cause and ``subject`` together say which: two looks at it have both alike.

    ``page`` is the name of the operator's page that says what to do, without its ending.
    """

    cause: Cause
    subject: str
    what: str
    why: str
    page: str
    night: date | None = None
    charger_id: str | None = None
    connector_id: int | None = None
    vehicle_id: str | None = None

    @property
    def key(self) -> tuple[Cause, str]:
        """What makes it the same condition as another one."""
        return self.cause, self.subject


class Channel(StrEnum):
    """A way to a person."""

    WEBHOOK = "webhook"
    EMAIL = "email"


class News(StrEnum):
    """What is told of an alert: that it is there, or that it is over."""

    THERE = "there"
    OVER = "over"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A condition with its history. ``since`` it has been there, ``seen_at`` it was seen last.

    ``told_at`` is when it was last delivered, by channel and news; ``over_at`` is None for as long as it is open.
    """

    id: int
    condition: Condition
    since: datetime
    seen_at: datetime
    acknowledged_at: datetime | None = None
    over_at: datetime | None = None
    told_at: Mapping[tuple[Channel, News], datetime] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.over_at is None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One attempt to tell an alert, after all its tries; ``detail`` says why it failed, or what was answered."""

    alert_id: int
    at: datetime
    channel: Channel
    news: News
    is_delivered: bool
    detail: str = ""
