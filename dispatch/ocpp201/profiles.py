"""Charging profiles of OCPP 2.0.1: written by its rules, and read as stations report them.

What must not be sent raises :class:`dispatch.station.UnsendableError` with the clause (Part 2, K01 unless another
is named). Some of it cannot even be said here: a profile has one schedule (FR.34), a period names no phaseToUse
(FR.19/20), a Relative profile no start (FR.41), every other one has it (FR.40).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ocpp.v201.enums import (
    Action,
    ChargingProfileKindEnumType,
    ChargingProfilePurposeEnumType,
    RecurrencyKindEnumType,
)

from dispatch.dialect import Request
from dispatch.frames import JsonText, printable
from dispatch.payload import Fields, read_instant, read_integer
from dispatch.schedules import (
    Flaw,
    WrittenPeriods,
    instant_text,
    read_duration_s,
    read_periods,
    read_unit,
    write_periods,
)
from dispatch.station import InstalledProfile, ProfileKind, Purpose, StationProfile, UnsendableError

PURPOSES = {
    Purpose.STATION_MAX: ChargingProfilePurposeEnumType.charging_station_max_profile.value,
    Purpose.TX_DEFAULT: ChargingProfilePurposeEnumType.tx_default_profile.value,
    Purpose.TX: ChargingProfilePurposeEnumType.tx_profile.value,
    Purpose.EXTERNAL: ChargingProfilePurposeEnumType.charging_station_external_constraints.value,
}
KINDS: dict[ProfileKind, tuple[str, str | None]] = {
    ProfileKind.ABSOLUTE: (ChargingProfileKindEnumType.absolute.value, None),
    ProfileKind.RELATIVE: (ChargingProfileKindEnumType.relative.value, None),
    ProfileKind.DAILY: (ChargingProfileKindEnumType.recurring.value, RecurrencyKindEnumType.daily.value),
    ProfileKind.WEEKLY: (ChargingProfileKindEnumType.recurring.value, RecurrencyKindEnumType.weekly.value),
}

MOST_PERIODS = 1024
LONGEST_ID = 36
"""Characters of a transaction id and of an idToken."""
NO_PERIODS = '"chargingSchedulePeriod":[]'
"""Where the text of the periods goes in the text of a payload."""


def set_charging_profile(profile: StationProfile) -> Request:
    """Install a profile."""
    periods = write_periods(profile.periods)
    _refuse(profile, [*_problems(profile, periods), *_placement_problems(profile)])
    payload = {"evseId": profile.connector_id, "chargingProfile": _charging_profile(profile)}
    return _with_periods(Action.set_charging_profile, payload, periods)


def request_start_transaction(
    *,
    connector_id: int,
    id_token: dict[str, str],
    remote_start_id: int,
    profile: StationProfile | None = None,
) -> Request:
    """Ask for a session. Its profile is a TxProfile without transactionId (K05.FR.02, F01.FR.11)."""
    if connector_id < 1:
        raise UnsendableError("a session needs an EVSE above 0 (F01.FR.20)")
    payload: dict[str, Any] = {
        "evseId": connector_id,
        "remoteStartId": remote_start_id,
        "idToken": id_token,
    }
    if profile is None:
        return Request.of(Action.request_start_transaction.value, payload)
    periods = write_periods(profile.periods)
    problems = [
        (profile.purpose is not Purpose.TX, "the profile of a remote start must be a TxProfile (F01.FR.11)"),
        (profile.transaction_id is not None, "it must not have a transactionId yet (K05.FR.02)"),
        (profile.connector_id != connector_id, "it must be for the EVSE of the session"),
    ]
    _refuse(profile, [*_problems(profile, periods), *problems])
    payload["chargingProfile"] = _charging_profile(profile)
    return _with_periods(Action.request_start_transaction, payload, periods)


def conflicts(profile: StationProfile, held: Iterable[StationProfile]) -> list[str]:
    """Why a profile must not be sent to a station that holds some others; one with the same id is replaced (FR.05)."""
    return [
        f"{reason} as profile {other.profile_id}, which is installed ({clause})"
        for other in held
        if other.profile_id != profile.profile_id
        and other.purpose is profile.purpose
        and other.stack_level == profile.stack_level
        for reason, clause in _conflict(profile, other)
    ]


def read_profile(
    fields: Fields, *, connector_id: int, source: str | None, received_at: datetime
) -> InstalledProfile:
    """A profile as a station reports it. Raises :class:`dispatch.connection.CallRefusedError` for one without id."""
    profile_id = fields.integer("id")
    profile = _read(fields.values, profile_id, connector_id=connector_id, received_at=received_at)
    return InstalledProfile(
        profile_id=profile_id,
        connector_id=connector_id,
        source=source,
        profile=profile,
        description="" if profile else printable(repr(fields.values))[:500],
    )


def _problems(profile: StationProfile, periods: WrittenPeriods) -> list[tuple[bool, str]]:
    """What must not be, wherever the profile goes."""
    valid_from, valid_to = profile.valid_from, profile.valid_to
    return [
        (Flaw.FIRST in periods.flaws, f"{Flaw.FIRST} (K01.FR.31)"),
        (Flaw.ORDER in periods.flaws, f"{Flaw.ORDER} (K01.FR.35)"),
        (Flaw.LIMIT in periods.flaws, f"{Flaw.LIMIT} (ChargingSchedulePeriodType.limit)"),
        (Flaw.PHASES in periods.flaws, f"{Flaw.PHASES} (ChargingSchedulePeriodType.numberPhases)"),
        (
            len(profile.periods) > MOST_PERIODS,
            f"a schedule has at most {MOST_PERIODS} periods (ChargingScheduleType)",
        ),
        (profile.stack_level < 0, "a stack level is 0 or above (ChargingProfileType.stackLevel)"),
        (
            profile.duration_s is not None and profile.duration_s < 1,
            "a duration is above 0 s (ChargingScheduleType.duration)",
        ),
        (
            valid_from is not None and valid_to is not None and valid_to <= valid_from,
            "it must be valid for some time: validTo after validFrom (K01.FR.36/37)",
        ),
        (profile.purpose is Purpose.EXTERNAL, "limits from outside are not ours to set (K01.FR.22)"),
        (
            profile.purpose is Purpose.TX and profile.connector_id < 1,
            "a TxProfile needs an EVSE above 0 (K01.FR.16)",
        ),
    ]


def _placement_problems(profile: StationProfile) -> list[tuple[bool, str]]:
    """What must not be where a profile is installed by itself."""
    is_tx, is_max = profile.purpose is Purpose.TX, profile.purpose is Purpose.STATION_MAX
    transaction_id = profile.transaction_id
    is_id = isinstance(transaction_id, str) and 0 < len(transaction_id) <= LONGEST_ID
    return [
        (
            is_tx and not is_id,
            f"a TxProfile needs a transactionId of 1 to {LONGEST_ID} characters (K01.FR.03)",
        ),
        (
            not is_tx and transaction_id is not None,
            "only a TxProfile has a transactionId (ChargingProfileType.transactionId)",
        ),
        (is_max and profile.connector_id != 0, "a ChargingStationMaxProfile is for EVSE 0 (K.3.1)"),
        (
            is_max and profile.kind is ProfileKind.RELATIVE,
            "a ChargingStationMaxProfile must not be Relative (K01.FR.38)",
        ),
        (profile.connector_id < 0, "an EVSE id is 0 or above (EVSEType.id)"),
    ]


def _refuse(profile: StationProfile, problems: list[tuple[bool, str]]) -> None:
    found = [problem for is_wrong, problem in problems if is_wrong]
    if found:
        raise UnsendableError(f"profile {profile.profile_id}: {'; '.join(found)}")


def _conflict(profile: StationProfile, other: StationProfile) -> list[tuple[str, str]]:
    if profile.purpose is Purpose.TX:
        is_same = profile.transaction_id == other.transaction_id
        return [("the same stack level for the same transaction", "K01.FR.39")] if is_same else []
    if profile.connector_id == other.connector_id:
        reason = "the same purpose, stack level and EVSE, valid at the same time,"
        return [(reason, "K01.FR.06")] if _overlap(profile, other) else []
    is_default = profile.purpose is Purpose.TX_DEFAULT
    if is_default and 0 in {profile.connector_id, other.connector_id}:
        clause = "K01.FR.52" if profile.connector_id == 0 else "K01.FR.53"
        return [("the same stack level on EVSE 0 and on an EVSE,", clause)]
    return []


def _overlap(one: StationProfile, other: StationProfile) -> bool:
    """Whether there is an instant at which both are valid; validTo is the first at which one no longer is."""

    def begins_before_end(first: StationProfile, second: StationProfile) -> bool:
        begin, end = first.valid_from, second.valid_to
        return begin is None or end is None or begin < end

    return begins_before_end(one, other) and begins_before_end(other, one)


def _charging_profile(profile: StationProfile) -> dict[str, Any]:
    """The profile without the text of its periods."""
    schedule: dict[str, Any] = {
        "id": profile.profile_id,
        "chargingRateUnit": profile.unit,
        "chargingSchedulePeriod": [],
    }
    if profile.kind is not ProfileKind.RELATIVE:
        schedule["startSchedule"] = instant_text(profile.start)
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    kind, recurrency = KINDS[profile.kind]
    fields: dict[str, Any] = {
        "id": profile.profile_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": PURPOSES[profile.purpose],
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
    }
    if recurrency is not None:
        fields["recurrencyKind"] = recurrency
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


def _read(
    values: dict[str, Any], profile_id: int, *, connector_id: int, received_at: datetime
) -> StationProfile | None:
    """A profile in neutral values; None for what they cannot say, such as several schedules."""
    schedules = values.get("chargingSchedule")
    if isinstance(schedules, dict):
        schedules = [schedules]  # as in 1.6
    if not isinstance(schedules, list) or len(schedules) != 1 or not isinstance(schedules[0], dict):
        return None
    schedule = schedules[0]
    purpose = next((p for p, word in PURPOSES.items() if word == values.get("chargingProfilePurpose")), None)
    words = (values.get("chargingProfileKind"), values.get("recurrencyKind"))
    kind = next((kind for kind, known in KINDS.items() if known == words), None)
    unit, periods = (
        read_unit(schedule.get("chargingRateUnit")),
        read_periods(schedule.get("chargingSchedulePeriod")),
    )
    stack_level = read_integer(values.get("stackLevel"))
    start = received_at if kind is ProfileKind.RELATIVE else read_instant(schedule.get("startSchedule"))
    if purpose is None or kind is None or unit is None or stack_level is None or start is None or not periods:
        return None
    transaction_id = values.get("transactionId")
    return StationProfile(
        profile_id=profile_id,
        connector_id=connector_id,
        purpose=purpose,
        stack_level=stack_level,
        kind=kind,
        start=start,
        duration_s=read_duration_s(schedule.get("duration")),
        valid_from=read_instant(values.get("validFrom")),
        valid_to=read_instant(values.get("validTo")),
        unit=unit,
        periods=periods,
        transaction_id=printable(transaction_id) if isinstance(transaction_id, str) else None,
    )
