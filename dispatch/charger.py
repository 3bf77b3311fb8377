"""The levers: all that may differ between chargers in what they are sent and in how their answers are judged.

Knows their names, defaults and meaning, and the configuration keys in which a charger tells some of them. Which
value holds for a charger is decided in :mod:`dispatch.known`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from dispatch.station import RateUnit, Value
from optimiser.units import floor_to_step

_UNIT_WORDS: Mapping[str, RateUnit] = {
    "current": "A", "a": "A", "amp": "A", "amps": "A", "ampere": "A", "amperes": "A",
    "power": "W", "w": "W", "watt": "W", "watts": "W",
}  # fmt: skip
"""OCPP 1.6 §9.4 knows Current and Power; chargers in the field also say A, W, Amp, in any case."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that cannot be: where it stands, what was found there and what is allowed."""

    where: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}, allowed {self.allowed}"


class CapabilityError(ValueError):
    """The site says something of a charger that cannot be, with all of its faults."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class Capabilities(Value):
    """What is sent to a charger, in which form, and how its answers are judged. One field is one lever."""

    # ── whether, and in which form ───────────────────────────────────────────────────────────────────────

    smart_charging: bool = Field(
        default=True,
        description="Whether it takes charging profiles at all; where not, none is sent and it counts at full "
        "power. SupportedFeatureProfiles is not asked: some leave it out and obey, others list it and do not.",
    )
    ocpp_versions: tuple[Literal["1.6", "2.0.1"], ...] = Field(
        default=("1.6", "2.0.1"),
        min_length=1,
        description="OCPP versions in which it takes charging profiles; another one in depot.yaml is an error.",
    )
    unit: Literal["A", "W", "auto"] = Field(
        default="auto",
        description="Unit of limits on AC; auto: A. DC limits are always in W. "
        "Reported: ChargingScheduleAllowedChargingRateUnit (OCPP 1.6 §9.4).",
    )
    max_periods: int = Field(
        default=24,
        ge=2,
        description="Periods that one schedule may have. Reported: ChargingScheduleMaxPeriods (§9.4). "
        "24 is what most chargers report.",
    )
    max_stack_level: int = Field(
        default=1,
        ge=0,
        description="Highest stack level that may be used. Reported: ChargeProfileMaxStackLevel (§9.4).",
    )
    max_profiles: int | None = Field(
        default=None,
        ge=1,
        description="Profiles that can be installed at once, all connectors together; not given: enough. "
        "Reported: MaxChargingProfilesInstalled (§9.4).",
    )
    full_store_refuses: bool = Field(
        default=False,
        description="Whether it refuses even to replace a profile while as many as possible are installed; one "
        "place is then left free.",
    )
    stack_level_floor: int = Field(
        default=0, ge=0, description="Stack level of the floor, which has no expiry."
    )
    stack_level_plan: int = Field(
        default=1,
        ge=0,
        description="Stack level of the night's plan, over the floor. Not above the floor's: one profile is "
        "both, without expiry.",
    )
    limit_step_a: float = Field(
        default=0.1,
        ge=0.1,
        description="Step to which limits in A are cut down; OCPP carries one decimal, some chargers take "
        "only halves or whole amperes.",
    )
    limit_values_a: tuple[Annotated[float, Field(ge=0.0)], ...] = Field(
        default=(),
        description="The only currents that it can hold; limits in A are cut down to the next of them. "
        "None given: all steps.",
    )
    min_current_a: float = Field(
        default=0.0,
        ge=0.0,
        description="Current below which it does not charge as it should, on each phase; a lower AC limit, in A or "
        "W, is sent as 0.",
    )
    number_phases: Literal["send", "omit", "tx_only"] = Field(
        default="send",
        description="Whether numberPhases goes with AC limits, or only with those of a running transaction; "
        "where it is missing chargers assume 3 (§7.14).",
    )
    kind: Literal["absolute", "relative"] = Field(
        default="absolute",
        description="Kind of profiles. A relative one begins with the session, whenever that is, so it holds one "
        "limit: that of the plan until it next changes, then the floor.",
    )
    purpose: Literal["tx_default", "tx_default_0", "station_max"] = Field(
        default="tx_default",
        description="How floor and plan are installed: as TxDefaultProfile of the connector or of connector 0, "
        "or as the charger's ChargePointMaxProfile, which is always Absolute. The last two hold for all "
        "connectors and are for chargers with one.",
    )
    station_max: bool = Field(
        default=True,
        description="Whether a ChargePointMaxProfile may be tried where other purposes are refused.",
    )
    ceiling: bool = Field(
        default=False,
        description="Whether it gets a ceiling: a ChargePointMaxProfile (ChargingStationMaxProfile in 2.0.1) at the "
        "most that plan and session profile allow tonight, above its floor, for chargers that are known to keep to it and to "
        "show it where nothing else limits. For chargers with one connector and room for four profiles.",
    )
    session_profile: Literal["replanned", "always", "never"] = Field(
        default="replanned",
        description="Which running transactions get a TxProfile of their own: those that were planned anew, all "
        "(a new TxDefaultProfile is not applied to them), or none (TxProfile is not taken). Without room for one more "
        "than what is installed for whoever charges (max_profiles) none gets one.",
    )

    # ── in which order, and how often ────────────────────────────────────────────────────────────────────

    forgets: Literal["unknown", "never", "on_boot", "on_reconnect"] = Field(
        default="unknown",
        description="When it is known to lose profiles: all are sent again then, whatever it reads back. "
        "Unknown: only what a read-back misses. Never: it is proven to keep them while it is away and over a "
        "restart, and counts while it is out of reach at what it was last proven to hold.",
    )
    quiet_after_connect_s: float = Field(
        default=0.0,
        ge=0.0,
        le=120.0,
        description="For how long it is left alone after it has connected or booted. [s]",
    )
    repeat_after_pause: bool = Field(
        default=False,
        description="Whether the profile that ends a pause (0 A or 0 W) is sent twice: the first is ignored.",
    )
    writes_per_hour: int | None = Field(
        default=None,
        ge=1,
        description="Profiles that may be written to a connector within an hour, to spare its memory; a profile "
        "that only lowers is sent all the same. Not given: as many as are needed.",
    )

    # ── how answers are judged ───────────────────────────────────────────────────────────────────────────

    read_back: Literal["ask", "skip"] = Field(
        default="ask",
        description="Whether it is asked for its composite schedule; skip: it always refuses, or what it says is "
        "of no use.",
    )
    read_back_empty: Literal["unreadable", "no_limit"] = Field(
        default="unreadable",
        description="What a composite schedule without periods says: nothing, or that nothing limits.",
    )
    read_back_unit: Literal["as_labelled", "either"] = Field(
        default="as_labelled",
        description="Whether the unit in its composite schedule is believed; either: the one that fits counts.",
    )
    read_back_span: Literal["whole", "as_told"] = Field(
        default="whole",
        description="Whether a composite schedule that ends early leaves the rest unlimited (whole), or says "
        "nothing of it (as_told).",
    )
    proof: Literal["read_back", "meter"] = Field(
        default="read_back",
        description="What proves a limit: a read-back, or only a meter that agrees with it, for chargers that "
        "accept, show and do not obey.",
    )
    accepted_is_proof: bool = Field(
        default=False,
        description="Whether its Accepted alone proves a limit, until it is away or starts anew: it was commissioned "
        "as obeying. Counts with proven_with_firmware alone.",
    )
    proven_with_firmware: str = Field(
        default="",
        description="Firmware with which it was commissioned. What was proven then (accepted_is_proof, forgets: never, "
        "ceiling, takes_turns) counts with no other firmware. Not given: whatever its firmware is.",
    )
    settle_s: int = Field(
        default=0,
        ge=0,
        le=300,
        description="How long it takes to follow a new limit, where that is longer than policy.settle_s. [s]",
    )
    zero_ends_session: bool = Field(
        default=False,
        description="Whether a limit of 0 ends the transaction, so that a pause needs somebody to start it again. "
        "It is among the first to get a floor above 0.",
    )
    takes_turns: bool = Field(
        default=False,
        description="Whether it is proven to keep to a profile that comes again each day, by UTC, and to hold 0: where "
        "floors are too scarce for all, such chargers take turns with one that they can use.",
    )
    remedy: str = Field(
        default="", description="What a person has to do at the charger where it refuses, in words."
    )

    def with_firmware(self, firmware: str | None) -> Capabilities:
        """What holds with a firmware, None where nobody says which it is: what commissioning has proven may not."""
        is_the_same = self.proven_with_firmware in {"", firmware}
        doubtful: dict[str, Any] = {}
        if self.accepted_is_proof and not (self.proven_with_firmware and is_the_same):
            doubtful["accepted_is_proof"] = False
        if self.forgets == "never" and not is_the_same:
            doubtful["forgets"] = "unknown"
        doubtful |= {
            lever: False for lever in ("ceiling", "takes_turns") if getattr(self, lever) and not is_the_same
        }
        return self.model_copy(update=doubtful) if doubtful else self

    def has_ceiling(self, *, is_alone: bool) -> bool:
        """Whether it gets a ceiling; ``is_alone``: it has one connector, which the station's maximum stands for."""
        needed = 4 + (1 if self.full_store_refuses else 0)
        has_room = self.max_profiles is None or self.max_profiles >= needed
        return self.ceiling and is_alone and has_room and self.purpose != "station_max"

    def takes_session_profiles(self, *, is_alone: bool, is_degraded: bool) -> bool:
        """Whether a running transaction can have a profile beside what is installed for whoever charges.

        ``is_alone``: it has one connector; else at least two have to have room for theirs.
        """
        each = 2 if is_degraded else 3
        needed = (each if is_alone else 2 * each) + (1 if self.full_store_refuses else 0)
        has_room = self.max_profiles is None or self.max_profiles >= needed
        return self.session_profile != "never" and has_room

    def is_degraded(self, connectors: int) -> bool:
        """Whether there is no room for a floor under the plan, so that one profile has to be both."""
        has_no_second_level = (
            self.stack_level_plan <= self.stack_level_floor or self.stack_level_plan > self.max_stack_level
        )
        needed = 2 * connectors + (1 if self.full_store_refuses else 0)
        return has_no_second_level or (self.max_profiles is not None and self.max_profiles < needed)

    def current_a_within(self, current_a: float) -> float:
        """The highest current that it can hold and that is not above a limit, 0 below its minimum. [A]"""
        held_a = floor_to_step(current_a, self.limit_step_a)
        if self.limit_values_a:
            held_a = max((value for value in self.limit_values_a if value <= held_a), default=0.0)
        return held_a if held_a >= self.min_current_a else 0.0


def faults_of(error: ValidationError, *, where: str) -> list[Fault]:
    """What pydantic says of levers, in words."""
    return [_fault(where, dict(details)) for details in error.errors()]


def _fault(where: str, details: Mapping[str, Any]) -> Fault:
    name = ".".join(map(str, details["loc"]))
    if details["type"] == "extra_forbidden":
        return Fault(where=where, found=f"unknown key {name}", allowed=", ".join(Capabilities.model_fields))
    return Fault(where=f"{where}.{name}", found=repr(details["input"]), allowed=str(details["msg"]))


def reported_capabilities(configuration: Mapping[str, str]) -> dict[str, Any]:
    """What a charger's OCPP 1.6 configuration keys say; what cannot be read says nothing."""
    values = {key.lower(): value for key, value in configuration.items()}
    words = values.get("chargingscheduleallowedchargingrateunit", "").lower().split(",")
    units = {_UNIT_WORDS[word.strip()] for word in words if word.strip() in _UNIT_WORDS}
    found: dict[str, Any] = {"unit": units.pop()} if len(units) == 1 else {}
    for key, name, lowest in (
        ("chargingschedulemaxperiods", "max_periods", 2),
        ("chargeprofilemaxstacklevel", "max_stack_level", 0),
        ("maxchargingprofilesinstalled", "max_profiles", 1),
    ):
        text = values.get(key, "").strip()
        if text.isdecimal() and int(text) >= lowest:
            found[name] = int(text)
    return found
