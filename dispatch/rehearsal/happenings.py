"""What happens to chargers and processes at an instant of a night. Values; a rehearsal lets them happen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class GatewayKilled:
    """The gateway ends where it stands and is started anew after a while."""

    at: datetime
    away: timedelta


@dataclass(frozen=True, kw_only=True)
class DispatcherKilled:
    """The dispatcher ends while it waits for the answer to its ``request``-th request from an instant on."""

    at: datetime
    request: int


@dataclass(frozen=True, kw_only=True)
class ForeignProfile:
    """Another system puts a default profile on all connectors of a charger: so many kW from then on, without an end.

    What was put there before a rehearsal begins is there from the beginning.
    """

    at: datetime
    charger_id: str
    level: int
    kw: float


Happening = GatewayKilled | DispatcherKilled | ForeignProfile
