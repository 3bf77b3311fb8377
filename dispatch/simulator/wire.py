"""What both OCPP versions write alike: the inside of a charging profile, read as it came over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.simulator.grammar import instant
from dispatch.simulator.resolver import EARLIEST, LATEST, Installed, Payload, Period, Purpose

RECURRENCE_S = {"Daily": 24 * 3600, "Weekly": 7 * 24 * 3600}
"""Length of a recurrence, by its name. Clock changes do not exist on the wire. [s]"""


def read_profile(
    profile: Payload,
    schedule: Payload,
    *,
    profile_id: int,
    connector_id: int,
    purpose: Purpose,
    ignores_offsets: bool,
) -> Installed:
    """A profile and its one schedule; what the versions name differently is given beside them.

    ``ignores_offsets`` reads the digits of every timestamp as UTC. A recurring profile without its recurrence is
    read as an absolute one.
    """

    def moment(holder: Payload, key: str) -> datetime | None:
        return instant(holder[key], ignores_offset=ignores_offsets) if key in holder else None

    is_recurring = profile["chargingProfileKind"] == "Recurring"
    return Installed(
        profile_id=profile_id,
        connector_id=connector_id,
        purpose=purpose,
        level=profile["stackLevel"],
        kind=profile["chargingProfileKind"],
        unit=schedule["chargingRateUnit"],
        periods=tuple(_period(period) for period in schedule["chargingSchedulePeriod"]),
        start=moment(schedule, "startSchedule"),
        duration_s=schedule.get("duration"),
        recurrence_s=RECURRENCE_S.get(profile.get("recurrencyKind", "")) if is_recurring else None,
        valid_from=moment(profile, "validFrom") or EARLIEST,
        valid_to=moment(profile, "validTo") or LATEST,
        transaction_id=profile.get("transactionId"),
        payload=profile,
    )


def _period(period: dict[str, Any]) -> Period:
    return Period(
        start_s=period["startPeriod"],
        limit=float(period["limit"]),
        number_phases=period.get("numberPhases"),
    )
