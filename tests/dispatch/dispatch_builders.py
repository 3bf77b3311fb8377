"""Profiles, replies, schedules and plans for the dispatcher's tests; every argument can be left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np

from dispatch.station import (
    CompositeReply,
    CompositeSchedule,
    Outcome,
    Purpose,
    RateUnit,
    Reply,
    SchedulePeriod,
    StationProfile,
    TransactionId,
)
from optimiser.accounting import assemble_plan
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan, Solver
from tests.builders import NIGHT, a_depot, a_night

NOW = datetime(2025, 11, 10, 18, 0, tzinfo=UTC)
MIDNIGHT = datetime(2025, 11, 11, 0, 0, tzinfo=UTC)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def a_profile(
    *,
    profile_id: int = 11,
    connector_id: int = 1,
    purpose: Purpose = Purpose.TX_DEFAULT,
    stack_level: int = 0,
    start: datetime = NOW,
    duration_s: int | None = None,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    unit: RateUnit = "A",
    limits: Sequence[tuple[int, float]] = ((0, 16.0),),
    number_phases: int | None = 3,
    transaction_id: TransactionId | None = None,
) -> StationProfile:
    """A profile whose ``limits`` are (start in s, limit)."""
    return StationProfile(
        profile_id=profile_id,
        connector_id=connector_id,
        purpose=purpose,
        stack_level=stack_level,
        start=start,
        duration_s=duration_s,
        valid_from=valid_from,
        valid_to=valid_to,
        unit=unit,
        periods=tuple(
            SchedulePeriod(start_s=start_s, limit=limit, number_phases=number_phases)
            for start_s, limit in limits
        ),
        transaction_id=transaction_id,
    )


def a_reply(outcome: Outcome = Outcome.ACCEPTED, *, at: datetime = NOW, reason: str = "") -> Reply:
    return Reply(outcome=outcome, reason=reason, message_id="m-1", at=at)


def a_composite_reply(
    limits: Sequence[tuple[int, float]] | None = ((0, 16.0),),
    *,
    start: datetime = NOW,
    duration_s: int = 3600,
    unit: RateUnit = "A",
    number_phases: int | None = 3,
    outcome: Outcome = Outcome.ACCEPTED,
    reason: str = "",
) -> CompositeReply:
    """A read-back; without ``limits`` one without schedule."""
    schedule = None
    if limits is not None:
        schedule = CompositeSchedule(
            connector_id=1,
            start=start,
            duration_s=duration_s,
            unit=unit,
            periods=tuple(
                SchedulePeriod(start_s=start_s, limit=limit, number_phases=number_phases)
                for start_s, limit in limits
            ),
        )
    return CompositeReply(reply=a_reply(outcome, reason=reason), schedule=schedule)


def a_plan(
    depot: Depot | None = None,
    night: Night | None = None,
    *,
    power_kw: Mapping[str, Mapping[int, float]] | None = None,
    created_at: datetime = NOW,
    night_date: date = NIGHT,
) -> Plan:
    """A plan of a night whose visits draw ``power_kw`` = {vehicle: {step: kW}}, 0 elsewhere."""
    depot = depot or a_depot()
    night = night or a_night(depot)
    assert night.date == night_date
    table = np.zeros((len(night.visits), night.horizon.steps))
    for row, visit in enumerate(night.visits):
        for step, kw in (power_kw or {}).get(visit.vehicle_id, {}).items():
            table[row, step] = kw
    solver = Solver(name="by hand", version="", proved_optimal=False, lp_bound=0.0, gap=0.0, seconds=0.0)
    return assemble_plan(depot, night, table, solver=solver, created_at=created_at)
