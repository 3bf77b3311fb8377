"""Conditions and alerts; every argument can be left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dispatch.alert import Alert, Cause, Channel, Condition, News
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW


def a_condition(
    cause: Cause = Cause.DEPARTURE,
    subject: str = "V1",
    *,
    what: str = "V1 will not be ready at 06:30",
    why: str = "the transformer at 02:00",
    page: str = "vehicle-short",
) -> Condition:
    return Condition(
        cause=cause, subject=subject, what=what, why=why, page=page, night=NIGHT,
        charger_id="CP1", connector_id=1, vehicle_id="V1",
    )  # fmt: skip


def an_alert(
    condition: Condition | None = None,
    *,
    alert_id: int = 1,
    since: datetime = NOW,
    seen_at: datetime | None = None,
    acknowledged_at: datetime | None = None,
    over_at: datetime | None = None,
    told_at: Mapping[tuple[Channel, News], datetime] | None = None,
) -> Alert:
    return Alert(
        id=alert_id, condition=condition or a_condition(), since=since, seen_at=seen_at or since,
        acknowledged_at=acknowledged_at, over_at=over_at, told_at=told_at or {},
    )  # fmt: skip
