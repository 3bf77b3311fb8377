"""What we ask of a charge point in OCPP 1.6, and what its answers mean.

Requests are valid by construction: whole seconds with Z, at most one decimal, nothing null, nothing that its
purpose forbids. What cannot be said in 1.6 raises ValueError here and never reaches a charge point. Answers are
read as they come; whatever is wrong with one becomes a reply.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp.v16.enums import (
    Action,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ClearChargingProfileStatus,
    ConfigurationKey,
    GenericStatus,
    MessageTrigger,
)

from dispatch.connection import CallAnswer, Ending, printable
from dispatch.payload import read_instant, read_integer, read_number
from dispatch.station import (
    CompositeReply,
    CompositeSchedule,
    Outcome,
    Purpose,
    RateUnit,
    Reply,
    SchedulePeriod,
    StationProfile,
)
from optimiser.horizon import format_instant
from optimiser.units import floor_to_step

LIMIT_STEP = 0.1
"""A limit has at most one decimal (1.6 schema, ``multipleOf`` 0.1). [A or W]"""

LONGEST_S = 365 * 24 * 3600
"""What a charge point says about later than in a year is left out; some answer with 270,000 years. [s]"""

PURPOSES = {
    Purpose.STATION_MAX: ChargingProfilePurposeType.charge_point_max_profile,
    Purpose.TX_DEFAULT: ChargingProfilePurposeType.tx_default_profile,
    Purpose.TX: ChargingProfilePurposeType.tx_profile,
}

SMART_CHARGING_KEYS = (
    ConfigurationKey.supported_feature_profiles.value,
    ConfigurationKey.charge_profile_max_stack_level.value,
    ConfigurationKey.charging_schedule_allowed_charging_rate_unit.value,
    ConfigurationKey.charging_schedule_max_periods.value,
    ConfigurationKey.max_charging_profiles_installed.value,
    ConfigurationKey.connector_switch_3to1_phase_supported.value,
)
"""The configuration keys that say what a charge point can hold (OCPP 1.6 §9.4)."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A call of ours: its action and payload."""

    action: str
    payload: dict[str, Any]


def set_charging_profile(profile: StationProfile) -> Request:
    """Install a profile. Raises ValueError for one that 1.6 does not know."""
    _check(profile)
    schedule: dict[str, Any] = {
        "startSchedule": format_instant(profile.start),
        "chargingRateUnit": profile.unit,
        "chargingSchedulePeriod": [_period(period) for period in profile.periods],
    }
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    charging_profile: dict[str, Any] = {
        "chargingProfileId": profile.profile_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": PURPOSES[profile.purpose].value,
        "chargingProfileKind": ChargingProfileKindType.absolute.value,
        "chargingSchedule": schedule,
    }
    if profile.transaction_id is not None:
        charging_profile["transactionId"] = profile.transaction_id
    if profile.valid_from is not None:
        charging_profile["validFrom"] = format_instant(profile.valid_from)
    if profile.valid_to is not None:
        charging_profile["validTo"] = format_instant(profile.valid_to)
    payload = {"connectorId": profile.connector_id, "csChargingProfiles": charging_profile}
    return Request(action=Action.set_charging_profile.value, payload=payload)


def clear_charging_profile(profile_id: int) -> Request:
    """Remove a profile by its id alone (the other criteria do not work alike on all chargers)."""
    return Request(action=Action.clear_charging_profile.value, payload={"id": profile_id})


def get_composite_schedule(*, connector_id: int, duration_s: int, unit: RateUnit) -> Request:
    """Ask what a connector will be allowed from now on."""
    payload = {"connectorId": connector_id, "duration": duration_s, "chargingRateUnit": unit}
    return Request(action=Action.get_composite_schedule.value, payload=payload)


def get_configuration(keys: Collection[str]) -> Request:
    """Ask for the values of configuration keys."""
    return Request(action=Action.get_configuration.value, payload={"key": list(keys)})


def trigger_meter_values(connector_id: int) -> Request:
    """Ask a connector for its meter values."""
    payload = {"requestedMessage": MessageTrigger.meter_values.value, "connectorId": connector_id}
    return Request(action=Action.trigger_message.value, payload=payload)


def reply(answer: CallAnswer, *, at: datetime) -> Reply:
    """What came of a request that is answered with a status. Only "Accepted" is accepted, in any case."""
    if answer.ending is Ending.NOT_CONNECTED:
        outcome, reason = Outcome.NOT_CONNECTED, answer.description
    elif answer.ending is Ending.NO_ANSWER:
        outcome, reason = Outcome.NO_ANSWER, answer.description
    elif answer.ending is Ending.ERROR:
        outcome, reason = Outcome.REFUSED, ": ".join(filter(None, (answer.code, answer.description)))
    else:
        status = _status(answer)
        is_accepted = status.lower() == GenericStatus.accepted.lower()
        outcome = Outcome.ACCEPTED if is_accepted else Outcome.REFUSED
        reason = "" if is_accepted else status or "answered without a status"
    return Reply(outcome=outcome, reason=printable(reason), message_id=answer.message_id, at=at)


def clear_reply(answer: CallAnswer, *, at: datetime) -> Reply:
    """What came of removing a profile: a charge point that has none of it, "Unknown", has done what we want."""
    result = reply(answer, at=at)
    if _status(answer).lower() == ClearChargingProfileStatus.unknown.lower():
        return result.model_copy(update={"outcome": Outcome.ACCEPTED, "reason": "it had no such profile"})
    return result


def composite_reply(
    answer: CallAnswer, *, at: datetime, connector_id: int, duration_s: int
) -> CompositeReply:
    """What a charge point says it will allow, as it says it; no schedule where none can be read.

    Limits are in the unit of the answer, which need not be the one that was asked for; negative ones are kept.
    ``duration_s`` is what was asked, for answers without a duration.
    """
    result = reply(answer, at=at)
    if result.outcome is not Outcome.ACCEPTED:
        return CompositeReply(reply=result)
    schedule = _composite(answer.payload, at=at, connector_id=connector_id, duration_s=duration_s)
    if schedule is None:
        result = result.model_copy(update={"reason": "accepted, but without a schedule that can be read"})
    return CompositeReply(reply=result, schedule=schedule)


def configuration(answer: CallAnswer) -> dict[str, str]:
    """The values of the configuration keys in an answer; those without value, and whatever is no key, left out."""
    keys = answer.payload.get("configurationKey") if isinstance(answer.payload, dict) else None
    values: dict[str, str] = {}
    for entry in keys if isinstance(keys, list) else []:
        key, value = (entry.get("key"), entry.get("value")) if isinstance(entry, dict) else (None, None)
        if isinstance(key, str) and isinstance(value, (str, int, float)):
            values[_known_spelling(printable(key))] = printable(str(value))
    return values


def _check(profile: StationProfile) -> None:
    is_tx = profile.purpose is Purpose.TX
    starts = [period.start_s for period in profile.periods]
    problems = [
        (not starts or starts[0] != 0, "the first period must start at 0 s"),
        (starts != sorted(set(starts)), "periods must ascend"),
        (
            any(not math.isfinite(p.limit) or p.limit < 0 for p in profile.periods),
            "a limit must be 0 or above",
        ),
        (
            is_tx and not isinstance(profile.transaction_id, int),
            "a TxProfile needs an integer transaction id",
        ),
        (not is_tx and profile.transaction_id is not None, "only a TxProfile has a transaction id"),
        (is_tx and profile.connector_id < 1, "a TxProfile needs a connector"),
        (
            profile.purpose is Purpose.STATION_MAX and profile.connector_id != 0,
            "a ChargePointMaxProfile is for connector 0",
        ),
    ]
    found = [problem for is_wrong, problem in problems if is_wrong]
    if found:
        raise ValueError(f"profile {profile.profile_id}: {'; '.join(found)}")


def _period(period: SchedulePeriod) -> dict[str, Any]:
    limit = floor_to_step(period.limit, LIMIT_STEP)
    fields: dict[str, Any] = {
        "startPeriod": period.start_s,
        "limit": int(limit) if limit.is_integer() else limit,
    }
    if period.number_phases is not None:
        fields["numberPhases"] = period.number_phases
    return fields


def _status(answer: CallAnswer) -> str:
    status = answer.payload.get("status") if isinstance(answer.payload, dict) else None
    return status.strip() if isinstance(status, str) else ""


def _composite(
    payload: dict[str, Any], *, at: datetime, connector_id: int, duration_s: int
) -> CompositeSchedule | None:
    schedule = payload.get("chargingSchedule")
    if not isinstance(schedule, dict):
        return None
    unit = _unit(schedule.get("chargingRateUnit"))
    periods = _composite_periods(schedule.get("chargingSchedulePeriod"))
    if unit is None or not periods:
        return None
    start = read_instant(payload.get("scheduleStart")) or read_instant(schedule.get("startSchedule")) or at
    duration = read_integer(schedule.get("duration"))
    return CompositeSchedule(
        connector_id=connector_id,
        start=start,
        duration_s=min(duration, LONGEST_S) if duration is not None and duration > 0 else duration_s,
        unit=unit,
        periods=periods,
    )


def _composite_periods(periods: Any) -> tuple[SchedulePeriod, ...]:
    """The periods in ascending order; none at all if one of them cannot be read."""
    read: list[SchedulePeriod] = []
    for period in periods if isinstance(periods, list) else []:
        fields = period if isinstance(period, dict) else {}
        start, limit = read_integer(fields.get("startPeriod")), read_number(fields.get("limit"))
        if start is None or start < 0 or limit is None:
            return ()
        phases = read_integer(fields.get("numberPhases"))
        # MicroOcpp says -1 for "no limit", and then also -1 phases.
        number_phases = phases if phases is not None and phases > 0 else None
        if start < LONGEST_S:
            read.append(SchedulePeriod(start_s=start, limit=limit, number_phases=number_phases))
    return tuple(sorted(read, key=lambda period: period.start_s))


def _unit(unit: Any) -> RateUnit | None:
    if unit == ChargingRateUnitType.amps:
        return "A"
    return "W" if unit == ChargingRateUnitType.watts else None


def _known_spelling(key: str) -> str:
    """A key in our spelling: some charge points write theirs in another case."""
    return next((known for known in SMART_CHARGING_KEYS if known.lower() == key.lower()), key)
