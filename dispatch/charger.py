"""What a charger can take: defaults, what it reports of itself, what it was seen to take, what the site says.

Knows the keys under ``capabilities`` of a charger in ``depot.yaml``, and OCPP 1.6's configuration keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from dispatch.evidence import Command
from dispatch.station import Outcome, RateUnit, Value
from optimiser.depot import Charger

SERVED_OCPP = "1.6"
"""The OCPP version that is spoken; a charger of another one is planned for, and cannot be reached."""

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
    """What is sent to a charger and in which form.

    Each value comes from the last of: default, reported by the charger, learned from its answers, ``depot.yaml``.
    """

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
    stack_level_floor: int = Field(
        default=0, ge=0, description="Stack level of the floor, which has no expiry."
    )
    stack_level_plan: int = Field(
        default=1, ge=0, description="Stack level of the night's plan, over the floor."
    )
    limit_step_a: float = Field(
        default=0.1,
        ge=0.1,
        description="Step to which limits in A are cut down; OCPP carries one decimal, some chargers take "
        "only halves or whole amperes.",
    )
    number_phases: Literal["send", "omit"] = Field(
        default="send",
        description="Whether numberPhases goes with AC limits; where it is missing chargers assume 3 (§7.14).",
    )

    def is_degraded(self, connectors: int) -> bool:
        """Whether there is no room for a floor under the plan, so that one profile has to be both."""
        has_no_second_level = max(self.stack_level_plan, self.stack_level_floor) > self.max_stack_level
        has_no_second_slot = self.max_profiles is not None and self.max_profiles < 2 * connectors
        return has_no_second_level or has_no_second_slot


def capabilities_of(
    charger: Charger, *, reported: Mapping[str, str] | None = None, learned: Mapping[str, Any] | None = None
) -> Capabilities:
    """The capabilities of a charger from its configuration keys, its history and ``depot.yaml``.

    Raises :class:`CapabilityError` for what ``depot.yaml`` says of it.
    """
    known = reported_capabilities(reported or {}) | dict(learned or {})
    try:
        return Capabilities.model_validate(known | dict(charger.capabilities))
    except ValidationError as error:
        where = f"depot.yaml chargers.{charger.id}.capabilities"
        faults = [_fault(where, dict(details)) for details in error.errors()]
        raise CapabilityError(faults) from error


def _fault(where: str, details: Mapping[str, Any]) -> Fault:
    """A fault in words, from what pydantic says of it."""
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


def learned_capabilities(commands: Sequence[Command]) -> dict[str, Any]:
    """What a charger's answers have taught, oldest command first: what it took right after a refusal.

    A profile accepted with fewer periods, or in the other unit, than the one refused before it under the same
    id shows what the charger can take. A later refusal of just that takes the lesson back.
    """
    found: dict[str, Any] = {}
    refused: dict[int, Command] = {}
    for command in commands:
        before = refused.pop(command.profile.profile_id, None)
        if command.outcome is Outcome.REFUSED:
            refused[command.profile.profile_id] = command
        if before is None or command.outcome is not Outcome.ACCEPTED:
            continue
        if command.profile.unit != before.profile.unit:
            found["unit"] = command.profile.unit
        elif len(command.profile.periods) < len(before.profile.periods):
            # One period is kept free for the floor, see dispatch.layers.
            found["max_periods"] = len(command.profile.periods) + 1
    return found
