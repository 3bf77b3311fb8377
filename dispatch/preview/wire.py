"""Charging profiles as they go over the wire of OCPP 1.6, 2.0.1 and 2.1, and what the composite engine makes of them.

Keys, types and words are those of the standards' schemas. Whether a charger would take a profile is not asked, but
what nobody could make sense of is an error: an unknown key or word, an instant without offset, no limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from dispatch.composite import Kind, Period, Profile, Purpose
from dispatch.station import RateUnit, TransactionId

LARGEST_INTEGER = 2**31 - 1
"""Integers of OCPP have 32 bits."""
LARGEST_NUMBER = Decimal(10**12)
"""A terawatt: what is above it is no limit of a charge point but a slip."""


class Wire(BaseModel):
    """An object whose keys and types are taken as they are, or not at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


def _instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("a timestamp such as 2025-11-10T16:50:00Z")  # noqa: TRY004
    try:
        stamp = datetime.fromisoformat(value)
        if stamp.tzinfo is not None:
            return stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("a timestamp with an offset, such as 2025-11-10T16:50:00Z")


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a number")  # noqa: TRY004
    number = Decimal(value)
    if not number.is_finite() or abs(number) > LARGEST_NUMBER:
        raise ValueError(f"a number of at most {LARGEST_NUMBER}")
    return number


def _with_setpoints(_: Any) -> None:
    raise ValueError(
        "no key: only schedules with one limit for all phases and without set-points are resolved"
    )


def _local_time(value: Any) -> bool:
    if value is not False:
        raise ValueError("false: in which time zone the station is, nobody says here")
    return False


Instant = Annotated[datetime, BeforeValidator(_instant)]
Number = Annotated[Decimal, BeforeValidator(_number)]
Integer = Annotated[int, Field(ge=-LARGEST_INTEGER - 1, le=LARGEST_INTEGER)]
Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
Phases = Annotated[int, Field(ge=1, le=3)]
NotResolved = Annotated[None, BeforeValidator(_with_setpoints)]

PURPOSES: Mapping[str, Purpose] = {
    "ChargePointMaxProfile": Purpose.STATION_MAX,
    "ChargingStationMaxProfile": Purpose.STATION_MAX,
    "TxDefaultProfile": Purpose.TX_DEFAULT,
    "TxProfile": Purpose.TX,
    "ChargingStationExternalConstraints": Purpose.EXTERNAL,
    "PriorityCharging": Purpose.PRIORITY,
    "LocalGeneration": Purpose.LOCAL_GENERATION,
}
RECURRENCE = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}
"""Recurrences in UTC, which has no clock changes (1.6 §7.9, K01.FR.40)."""


class Period16(Wire):
    """ChargingSchedulePeriod of 1.6 (§7.14)."""

    start_period: Count
    limit: Number
    number_phases: Phases | None = None


class Period201(Period16):
    """ChargingSchedulePeriodType of 2.0.1."""

    phase_to_use: Phases | None = None
    custom_data: Any = None


class Period21(Period201):
    """ChargingSchedulePeriodType of 2.1, of which only charging with one limit is resolved."""

    operation_mode: Literal["ChargingOnly"] | None = None
    preconditioning_request: bool | None = None
    evse_sleep: bool | None = None
    discharge_limit: Number | None = None
    discharge_limit_l2: Number | None = Field(default=None, alias="dischargeLimit_L2")
    discharge_limit_l3: Number | None = Field(default=None, alias="dischargeLimit_L3")
    limit_l2: NotResolved = Field(default=None, alias="limit_L2")
    limit_l3: NotResolved = Field(default=None, alias="limit_L3")
    setpoint: NotResolved = None
    setpoint_l2: NotResolved = Field(default=None, alias="setpoint_L2")
    setpoint_l3: NotResolved = Field(default=None, alias="setpoint_L3")
    setpoint_reactive: NotResolved = None
    setpoint_reactive_l2: NotResolved = Field(default=None, alias="setpointReactive_L2")
    setpoint_reactive_l3: NotResolved = Field(default=None, alias="setpointReactive_L3")
    v2x_baseline: NotResolved = Field(default=None, alias="v2xBaseline")
    v2x_freq_watt_curve: NotResolved = Field(default=None, alias="v2xFreqWattCurve")
    v2x_signal_watt_curve: NotResolved = Field(default=None, alias="v2xSignalWattCurve")


class Schedule(Wire):
    """What the schedules of all versions have beside their periods (1.6 §7.13)."""

    start_schedule: Instant | None = None
    duration: Count | None = None
    charging_rate_unit: RateUnit
    min_charging_rate: Number | None = None


class Schedule16(Schedule):
    """ChargingSchedule of 1.6."""

    charging_schedule_period: list[Period16]


class Schedule201(Schedule):
    """ChargingScheduleType of 2.0.1."""

    id: Integer | None = None
    sales_tariff: Any = None
    custom_data: Any = None
    charging_schedule_period: list[Period201]


class Schedule21(Schedule):
    """ChargingScheduleType of 2.1. What SoC or chance would change is left out: it only lowers or delays a limit."""

    id: Integer | None = None
    sales_tariff: Any = None
    custom_data: Any = None
    limit_at_soc: Any = Field(default=None, alias="limitAtSoC")
    randomized_delay: Count | None = None
    use_local_time: Annotated[bool, BeforeValidator(_local_time)] = False
    power_tolerance: Number | None = None
    signature_id: Count | None = None
    digest_value: str | None = None
    absolute_price_schedule: Any = None
    price_level_schedule: Any = None
    charging_schedule_period: list[Period21]


class ChargingProfile(Wire):
    """What the profiles of all versions have in common (1.6 §7.8)."""

    stack_level: Integer
    recurrency_kind: Literal["Daily", "Weekly"] | None = None
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    transaction_id: TransactionId | None = None


class Profile16(ChargingProfile):
    """ChargingProfile of 1.6 (``csChargingProfiles``)."""

    charging_profile_id: Integer
    charging_profile_purpose: Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
    charging_profile_kind: Literal["Absolute", "Recurring", "Relative"]
    charging_schedule: Schedule16

    @property
    def number(self) -> int:
        """The id of the profile."""
        return self.charging_profile_id

    @property
    def schedule(self) -> Schedule16:
        """The one schedule."""
        return self.charging_schedule


class Profile201(ChargingProfile):
    """ChargingProfileType of 2.0.1."""

    id: Integer
    custom_data: Any = None
    charging_profile_purpose: Literal[
        "ChargingStationExternalConstraints", "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"
    ]
    charging_profile_kind: Literal["Absolute", "Recurring", "Relative"]
    charging_schedule: Annotated[list[Schedule201], Field(min_length=1)]

    @property
    def number(self) -> int:
        """The id of the profile."""
        return self.id

    @property
    def schedule(self) -> Schedule201:
        """The first schedule: further ones are for a vehicle to choose from (ISO 15118, K01.FR.34)."""
        return self.charging_schedule[0]


class Profile21(ChargingProfile):
    """ChargingProfileType of 2.1."""

    id: Integer
    custom_data: Any = None
    max_offline_duration: Count | None = None
    invalid_after_offline_duration: bool | None = None
    dyn_update_interval: Count | None = None
    dyn_update_time: Instant | None = None
    price_schedule_signature: str | None = None
    charging_profile_purpose: Literal[
        "ChargingStationExternalConstraints",
        "ChargingStationMaxProfile",
        "TxDefaultProfile",
        "TxProfile",
        "PriorityCharging",
        "LocalGeneration",
    ]
    charging_profile_kind: Literal["Absolute", "Recurring", "Relative", "Dynamic"]
    charging_schedule: Annotated[list[Schedule21], Field(min_length=1)]

    @property
    def number(self) -> int:
        """The id of the profile."""
        return self.id

    @property
    def schedule(self) -> Schedule21:
        """The first schedule: further ones are for a vehicle to choose from (ISO 15118, K01.FR.34)."""
        return self.charging_schedule[0]


def neutral(profile: Profile16 | Profile201 | Profile21, *, evse_id: int) -> Profile:
    """A profile as the engine knows it. A dynamic one counts from its last update, if that is told (2.1 K28)."""
    schedule = profile.schedule
    kind = Kind(profile.charging_profile_kind.lower())
    updated = profile.dyn_update_time if isinstance(profile, Profile21) and kind is Kind.DYNAMIC else None
    return Profile(
        evse_id=evse_id,
        purpose=PURPOSES[profile.charging_profile_purpose],
        stack_level=profile.stack_level,
        kind=kind,
        recurrence=RECURRENCE.get(profile.recurrency_kind or "") if kind is Kind.RECURRING else None,
        start=updated or schedule.start_schedule,
        duration_s=schedule.duration,
        valid_from=profile.valid_from,
        valid_to=profile.valid_to,
        unit=schedule.charging_rate_unit,
        periods=tuple(
            Period(start_s=period.start_period, limit=period.limit, number_phases=period.number_phases)
            for period in schedule.charging_schedule_period
        ),
        transaction_id=profile.transaction_id,
        label=f"{profile.charging_profile_purpose} {profile.number}, level {profile.stack_level}",
    )
