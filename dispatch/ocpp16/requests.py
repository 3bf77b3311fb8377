"""What we ask of a charge point in OCPP 1.6, and what its answers mean.

Requests are valid by construction: whole seconds with Z, at most one decimal, nothing null, nothing that its
purpose forbids. What must not be sent in 1.6 raises UnsendableError here, with the clause, and never reaches a charge
point. Answers are read as they come; whatever is wrong with one becomes a reply.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from ocpp.v16.enums import (
    Action,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ClearChargingProfileStatus,
    ConfigurationKey,
    ConfigurationStatus,
    MessageTrigger,
    RecurrencyKind,
    ResetType,
)

from dispatch.connection import CallAnswer
from dispatch.dialect import Request, reply, reply_with
from dispatch.frames import JsonText, printable
from dispatch.payload import read_instant
from dispatch.schedules import (
    Flaw,
    WrittenPeriods,
    instant_text,
    read_duration_s,
    read_periods,
    read_unit,
    write_periods,
)
from dispatch.station import (
    CompositeReply,
    CompositeSchedule,
    Outcome,
    ProfileFilter,
    ProfileKind,
    Purpose,
    RateUnit,
    Reply,
    StationProfile,
    UnsendableError,
)

PURPOSES = {
    Purpose.STATION_MAX: ChargingProfilePurposeType.charge_point_max_profile,
    Purpose.TX_DEFAULT: ChargingProfilePurposeType.tx_default_profile,
    Purpose.TX: ChargingProfilePurposeType.tx_profile,
}

KINDS = {
    ProfileKind.ABSOLUTE: {"chargingProfileKind": ChargingProfileKindType.absolute.value},
    ProfileKind.RELATIVE: {"chargingProfileKind": ChargingProfileKindType.relative.value},
    ProfileKind.DAILY: {
        "chargingProfileKind": ChargingProfileKindType.recurring.value,
        "recurrencyKind": RecurrencyKind.daily.value,
    },
    ProfileKind.WEEKLY: {
        "chargingProfileKind": ChargingProfileKindType.recurring.value,
        "recurrencyKind": RecurrencyKind.weekly.value,
    },
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


LONGEST_ID_TAG, LONGEST_KEY, LONGEST_VALUE = 20, 50, 500
"""Characters of an idTag, of a configuration key and of its value (CiString types of OCPP 1.6 §7)."""
NO_PERIODS = '"chargingSchedulePeriod":[]'
"""Where the text of the periods goes in the text of a payload."""


def set_charging_profile(profile: StationProfile) -> Request:
    """Install a profile. Raises UnsendableError, with all reasons, for one that must not be sent in 1.6."""
    periods = write_periods(profile.periods)
    _refuse(profile, [*_problems(profile, periods), *_placement_problems(profile)])
    payload = {"connectorId": profile.connector_id, "csChargingProfiles": _charging_profile(profile)}
    return _with_periods(Action.set_charging_profile, payload, periods)


def remote_start_transaction(
    *, connector_id: int, id_tag: str, profile: StationProfile | None = None
) -> Request:
    """Ask for a session. Its profile is a TxProfile without transaction id (1.6 §5.16.2); UnsendableError for any other."""
    payload: dict[str, Any] = {"connectorId": connector_id, "idTag": id_tag}
    if not 0 < len(id_tag) <= LONGEST_ID_TAG:
        raise UnsendableError(
            f"id tag {id_tag!r}: a tag has 1 to {LONGEST_ID_TAG} characters (OCPP 1.6, CiString20Type)"
        )
    if connector_id < 1:
        raise UnsendableError("a session needs a connector above 0 (OCPP 1.6 §6.33)")
    if profile is None:
        return Request.of(Action.remote_start_transaction.value, payload)
    periods = write_periods(profile.periods)
    is_tx = profile.purpose is Purpose.TX
    problems = [
        (not is_tx, "the profile of a remote start must be a TxProfile (OCPP 1.6 §5.16.2)"),
        (profile.transaction_id is not None, "it must not have a transaction id yet (OCPP 1.6 §5.16.2)"),
        (profile.connector_id != connector_id, "it must be for the connector of the session"),
    ]
    _refuse(profile, [*_problems(profile, periods), *problems])
    payload["chargingProfile"] = _charging_profile(profile)
    return _with_periods(Action.remote_start_transaction, payload, periods)


def clear_charging_profile(profile_id: int) -> Request:
    """Remove a profile by its id alone: with an id the other fields are ignored (errata 3.26)."""
    return Request.of(Action.clear_charging_profile.value, {"id": profile_id})


def clear_charging_profiles(wanted: ProfileFilter) -> Request:
    """Remove all profiles that have what is given; with nothing given, all there are (errata 3.25)."""
    payload: dict[str, Any] = {}
    if wanted.connector_id is not None:
        payload["connectorId"] = wanted.connector_id
    if wanted.purpose is not None:
        payload["chargingProfilePurpose"] = _purpose(wanted.purpose)
    if wanted.stack_level is not None:
        payload["stackLevel"] = wanted.stack_level
    return Request.of(Action.clear_charging_profile.value, payload)


def get_composite_schedule(*, connector_id: int, duration_s: int, unit: RateUnit) -> Request:
    """Ask what a connector will be allowed from now on."""
    payload = {"connectorId": connector_id, "duration": duration_s, "chargingRateUnit": unit}
    if unit not in {"A", "W"}:
        raise UnsendableError(f"unit {unit!r}: must be A or W (OCPP 1.6 errata 3.24)")
    return Request.of(Action.get_composite_schedule.value, payload)


def get_configuration(keys: Collection[str]) -> Request:
    """Ask for the values of configuration keys."""
    return Request.of(Action.get_configuration.value, {"key": list(keys)})


def change_configuration(key: str, value: str) -> Request:
    """Set a configuration key. Raises UnsendableError for what is longer than 1.6 allows (§6.9)."""
    if not 0 < len(key) <= LONGEST_KEY or len(value) > LONGEST_VALUE:
        raise UnsendableError(
            f"{key}={value}: a key has 1 to {LONGEST_KEY} characters, a value at most {LONGEST_VALUE} (OCPP 1.6 §6.9)"
        )
    return Request.of(Action.change_configuration.value, {"key": key, "value": value})


def reset() -> Request:
    """Ask for a restart after the sessions have been ended in good order."""
    return Request.of(Action.reset.value, {"type": ResetType.soft.value})


def trigger_meter_values(connector_id: int) -> Request:
    """Ask a connector for its meter values."""
    payload = {"requestedMessage": MessageTrigger.meter_values.value, "connectorId": connector_id}
    return Request.of(Action.trigger_message.value, payload)


def clear_reply(answer: CallAnswer, *, at: datetime) -> Reply:
    """What came of removing: a charge point that has none of it, "Unknown", has done what we want."""
    unknown = ClearChargingProfileStatus.unknown.value
    return reply_with(answer, at=at, also_accepted={unknown: "it had no such profile"})


def configuration_reply(answer: CallAnswer, *, at: datetime) -> Reply:
    """What came of setting a configuration key."""
    later = ConfigurationStatus.reboot_required.value
    return reply_with(answer, at=at, also_accepted={later: "it holds after a reboot"})


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


def _problems(profile: StationProfile, periods: WrittenPeriods) -> list[tuple[bool, str]]:
    """What must not be, wherever the profile goes."""
    valid_from, valid_to = profile.valid_from, profile.valid_to
    flaws = [(flaw in periods.flaws, f"{flaw} (OCPP 1.6 §7.14)") for flaw in Flaw]
    return [
        *flaws,
        (profile.stack_level < 0, "a stack level is 0 or above (OCPP 1.6 §7.8)"),
        (
            profile.duration_s is not None and profile.duration_s < 1,
            "a duration is above 0 s (OCPP 1.6 §7.13)",
        ),
        (
            valid_from is not None and valid_to is not None and valid_to <= valid_from,
            "it must be valid for some time: validTo after validFrom (OCPP 1.6 §7.8)",
        ),
        (profile.purpose is Purpose.EXTERNAL, "OCPP 1.6 §7.11 has no purpose for limits from outside"),
    ]


def _placement_problems(profile: StationProfile) -> list[tuple[bool, str]]:
    """What must not be where a profile is installed by itself."""
    is_tx, is_max = profile.purpose is Purpose.TX, profile.purpose is Purpose.STATION_MAX
    return [
        (
            is_tx and not isinstance(profile.transaction_id, int),
            "a TxProfile needs an integer transaction id (OCPP 1.6 §5.16.1)",
        ),
        (
            not is_tx and profile.transaction_id is not None,
            "only a TxProfile has a transaction id (OCPP 1.6 §7.8)",
        ),
        (is_tx and profile.connector_id < 1, "a TxProfile needs a connector above 0 (OCPP 1.6 §3.13.1)"),
        (
            is_max and profile.connector_id != 0,
            "a ChargePointMaxProfile is for connector 0 (OCPP 1.6 §3.13.1)",
        ),
        (
            is_max and profile.kind is ProfileKind.RELATIVE,
            "a ChargePointMaxProfile cannot be Relative: a charge point has no session (OCPP 1.6 §3.13.1)",
        ),
    ]


def _refuse(profile: StationProfile, problems: list[tuple[bool, str]]) -> None:
    found = [problem for is_wrong, problem in problems if is_wrong]
    if found:
        raise UnsendableError(f"profile {profile.profile_id}: {'; '.join(found)}")


def _charging_profile(profile: StationProfile) -> dict[str, Any]:
    """The profile without the text of its periods."""
    schedule: dict[str, Any] = {"chargingRateUnit": profile.unit, "chargingSchedulePeriod": []}
    if profile.kind is not ProfileKind.RELATIVE:
        schedule["startSchedule"] = instant_text(profile.start)
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    fields: dict[str, Any] = {
        "chargingProfileId": profile.profile_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": _purpose(profile.purpose),
        **KINDS[profile.kind],
        "chargingSchedule": schedule,
    }
    if profile.transaction_id is not None:
        fields["transactionId"] = profile.transaction_id
    if profile.valid_from is not None:
        fields["validFrom"] = instant_text(profile.valid_from)
    if profile.valid_to is not None:
        fields["validTo"] = instant_text(profile.valid_to)
    return fields


def _with_periods(action: Action, payload: dict[str, Any], periods: WrittenPeriods) -> Request:
    text = Request.of(action.value, payload).text
    whole = text.replace(NO_PERIODS, f"{NO_PERIODS[:-1]}{periods.text}]", 1)
    return Request(action=action.value, text=JsonText(whole))


def _purpose(purpose: Purpose) -> str:
    if purpose not in PURPOSES:
        raise UnsendableError(f"purpose {purpose}: OCPP 1.6 §7.11 has none for limits from outside")
    return str(PURPOSES[purpose].value)


def _composite(
    payload: dict[str, Any], *, at: datetime, connector_id: int, duration_s: int
) -> CompositeSchedule | None:
    schedule = payload.get("chargingSchedule")
    if not isinstance(schedule, dict):
        return None
    unit = read_unit(schedule.get("chargingRateUnit"))
    listed = schedule.get("chargingSchedulePeriod")
    periods = read_periods(listed)
    # An empty list is an answer too: some charge points give it where nothing limits.
    if unit is None or not (periods or listed == []):
        return None
    return CompositeSchedule(
        connector_id=connector_id,
        start=read_instant(payload.get("scheduleStart")) or read_instant(schedule.get("startSchedule")) or at,
        duration_s=read_duration_s(schedule.get("duration")) or duration_s,
        unit=unit,
        periods=periods,
    )


def _known_spelling(key: str) -> str:
    """A key in our spelling: some charge points write theirs in another case."""
    return next((known for known in SMART_CHARGING_KEYS if known.lower() == key.lower()), key)
