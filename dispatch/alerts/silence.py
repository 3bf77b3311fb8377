"""Whether cron, or the gateway, has gone silent: what neither of them can tell of itself. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch.alert import Cause, Condition
from dispatch.store.leases import Lease, Writer
from dispatch.store.ticks import TickEnd

MISSED_TICKS = 2
"""So many intervals without a tick that has come to its end are silence: one may take long, or be turned away."""


def cron_silence(
    latest: TickEnd | None,
    lease: Lease | None,
    *,
    night: date,
    due_since: datetime,
    every: timedelta,
    now: datetime,
    zone: ZoneInfo,
) -> Condition | None:
    """What is to be told of cron, if anything.

    ``due_since`` is from when on ticks were to be expected: the night's start, or that of whoever watches. ``lease``
    tells of a run that has begun and has not come to its end.
    """
    last = due_since if latest is None else max(due_since, latest.at)
    if now - last <= MISSED_TICKS * every:
        return None
    said = "no run has ever come to its end"
    if latest is not None:
        said = f"the last run came to its end at {_local(latest.at, zone)} with exit code {latest.exit_code}"
    if lease is not None and lease.holder.writer is Writer.DISPATCHER and lease.ended_at is None:
        said += f"; {lease.holder.words} began at {_local(lease.taken_at, zone)} and did not come to its end"
    return Condition(
        cause=Cause.CRON_SILENT,
        subject="cron",
        what=f"cron has gone silent: no tick since {_local(last, zone)}, one is due every "
        f"{every.total_seconds() / 60:.0f} minutes",
        why=f"{said}; the chargers follow the plan that they have, and nobody looks at who comes late or empty",
        page="cron-silent",
        night=night,
    )


def gateway_silence(why: str) -> Condition:
    """What is to be told where the gateway does not answer."""
    return Condition(
        cause=Cause.GATEWAY_AWAY,
        subject="gateway",
        what="the gateway cannot be reached: nobody holds the chargers' sockets",
        why=f"{why}; the chargers follow the plan that they have until its end, then their floors",
        page="gateway-unreachable",
    )


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %H:%M}"
