"""What else we ask of a charging station in OCPP 2.0.1, and what its answers mean.

Requests are valid by construction; what must not be sent raises :class:`dispatch.station.UnsendableError` with the
clause. Answers are read as they come; whatever is wrong with one becomes a reply.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ocpp.v201.enums import (
    Action,
    ChargingLimitSourceEnumType,
    ClearChargingProfileStatusEnumType,
    GetChargingProfileStatusEnumType,
    IdTokenEnumType,
    MessageTriggerEnumType,
    ResetEnumType,
    ResetStatusEnumType,
)

from dispatch.connection import CallAnswer
from dispatch.dialect import Request, reply, reply_with
from dispatch.ocpp201.profiles import LONGEST_ID, PURPOSES
from dispatch.payload import read_instant
from dispatch.schedules import read_duration_s, read_periods, read_unit
from dispatch.station import (
    CompositeReply,
    CompositeSchedule,
    Outcome,
    ProfileFilter,
    Purpose,
    RateUnit,
    Reply,
    UnsendableError,
)

NO_PROFILES = GetChargingProfileStatusEnumType.no_profiles.value
"""Status of a station that holds nothing of what was asked for; no report follows (K09)."""


def clear_charging_profile(profile_id: int) -> Request:
    """Remove a profile by its id."""
    return Request.of(Action.clear_charging_profile.value, {"chargingProfileId": profile_id})


def clear_charging_profiles(wanted: ProfileFilter) -> Request:
    """Remove all profiles that have everything that is given (K10.FR.04); something has to be."""
    criteria: dict[str, Any] = {}
    if wanted.connector_id is not None:
        criteria["evseId"] = wanted.connector_id
    if wanted.purpose is not None:
        criteria["chargingProfilePurpose"] = PURPOSES[wanted.purpose]
    if wanted.stack_level is not None:
        criteria["stackLevel"] = wanted.stack_level
    if wanted.purpose is Purpose.EXTERNAL:
        raise UnsendableError("limits from outside are not ours to clear (K10.FR.06)")
    if not criteria:
        raise UnsendableError("an id or a criterion must be given: EVSE, purpose or stack level (K10.FR.02)")
    return Request.of(Action.clear_charging_profile.value, {"chargingProfileCriteria": criteria})


def get_charging_profiles(request_id: int) -> Request:
    """Ask for every profile on every EVSE and on 0, whoever set it.

    A criterion must be given (K09.FR.03): all sources there are. Without an EVSE all of them are meant.
    """
    sources = [source.value for source in ChargingLimitSourceEnumType]
    payload = {"requestId": request_id, "chargingProfile": {"chargingLimitSource": sources}}
    return Request.of(Action.get_charging_profiles.value, payload)


def get_composite_schedule(*, connector_id: int, duration_s: int, unit: RateUnit) -> Request:
    """Ask what an EVSE will be allowed from now on."""
    payload = {"evseId": connector_id, "duration": duration_s, "chargingRateUnit": unit}
    return Request.of(Action.get_composite_schedule.value, payload)


def reset() -> Request:
    """Ask for a restart now; running sessions are ended first (B12)."""
    return Request.of(Action.reset.value, {"type": ResetEnumType.immediate.value})


def trigger_meter_values(connector_id: int) -> Request:
    """Ask an EVSE for its meter values."""
    payload = {"requestedMessage": MessageTriggerEnumType.meter_values.value, "evse": {"id": connector_id}}
    return Request.of(Action.trigger_message.value, payload)


def trigger_boot() -> Request:
    """Ask for a BootNotification; a station that was accepted before refuses (F06.FR.17)."""
    payload = {"requestedMessage": MessageTriggerEnumType.boot_notification.value}
    return Request.of(Action.trigger_message.value, payload)


def id_token(id_tag: str) -> dict[str, str]:
    """The token under which a session is begun from here."""
    if not 0 < len(id_tag) <= LONGEST_ID:
        raise UnsendableError(f"id tag {id_tag!r}: a token has 1 to {LONGEST_ID} characters (IdTokenType)")
    return {"idToken": id_tag, "type": IdTokenEnumType.central.value}


def clear_reply(answer: CallAnswer, *, at: datetime) -> Reply:
    """What came of removing: a station that has none of it, "Unknown", has done what we want (K10.FR.01/08)."""
    unknown = ClearChargingProfileStatusEnumType.unknown.value
    return reply_with(answer, at=at, also_accepted={unknown: "it had no such profile"})


def reset_reply(answer: CallAnswer, *, at: datetime) -> Reply:
    """What came of asking for a restart."""
    scheduled = ResetStatusEnumType.scheduled.value
    return reply_with(answer, at=at, also_accepted={scheduled: "it will when its sessions have ended"})


def composite_reply(
    answer: CallAnswer, *, at: datetime, connector_id: int, duration_s: int
) -> CompositeReply:
    """What a station says it will allow, as it says it; no schedule where none can be read.

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


def _composite(
    payload: dict[str, Any], *, at: datetime, connector_id: int, duration_s: int
) -> CompositeSchedule | None:
    schedule = payload.get("schedule")
    if not isinstance(schedule, dict):
        return None
    unit = read_unit(schedule.get("chargingRateUnit"))
    listed = schedule.get("chargingSchedulePeriod")
    periods = read_periods(listed)
    # An empty list is an answer too: some stations give it where nothing limits.
    if unit is None or not (periods or listed == []):
        return None
    return CompositeSchedule(
        connector_id=connector_id,
        start=read_instant(schedule.get("scheduleStart")) or at,
        duration_s=read_duration_s(schedule.get("duration")) or duration_s,
        unit=unit,
        periods=periods,
    )
