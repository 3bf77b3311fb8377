"""What may stand in ``depot.yaml``: every key with its unit, default and range, as pydantic models.

Knows shapes and ranges of single values and of values side by side; references between them are checked in
:mod:`optimiser.inputs.depots`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time
from itertools import pairwise
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from optimiser import depot as domain
from optimiser.inputs.alerts import AlertKeys
from optimiser.inputs.gateways import GatewayKeys
from optimiser.inputs.keys import (
    ChargerId,
    Door,
    Id,
    Kw,
    TimeOfDay,
    minute_of,
    wrong,
)
from optimiser.inputs.rules import MOST_TIERS, RuleKeys
from optimiser.inputs.tariffs import TariffKeys


class HorizonKeys(Door):
    """Local times between which a night is planned; the end is on the next day."""

    start: TimeOfDay = Field(
        default="12:00", description='Local time at which a night starts, quoted: "12:00"'
    )
    end: TimeOfDay = Field(
        default="12:00", description='Local time at which it ends on the next day, quoted: "12:00"'
    )
    step_minutes: Literal[1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60] = Field(
        default=15, description="Length of a step, a divisor of 60 [min]"
    )

    @model_validator(mode="after")
    def _holds_whole_steps(self) -> HorizonKeys:
        minutes = 24 * 60 + minute_of(self.end) - minute_of(self.start)
        if minutes % self.step_minutes:
            raise wrong(
                found=f"{minutes} minutes from {self.start} to {self.end} on the next day",
                allowed=f"a whole number of steps of {self.step_minutes} minutes",
            )
        return self

    def to_domain(self) -> domain.HorizonSettings:
        """The settings that :class:`optimiser.horizon.Horizon` takes."""
        return domain.HorizonSettings(
            start=time.fromisoformat(self.start),
            end=time.fromisoformat(self.end),
            step_minutes=self.step_minutes,
        )


class SiteKeys(Door):
    """The connection of the depot to the grid."""

    transformer_limit_kw: Annotated[float, Field(gt=0, le=100_000)] = Field(
        description="What transformer or grid connection can carry [kW]"
    )
    reserve_kw: Kw = Field(
        default=domain.Site.reserve_kw, description="Part of the limit that is never planned [kW]"
    )
    base_load_kw: Kw = Field(
        default=domain.Site.base_load_kw,
        description="What the site draws beside the chargers, all night [kW]",
    )
    base_load_max_kw: Kw | None = Field(
        default=None, description="Highest base load ever to be expected, default base_load_kw [kW]"
    )
    voltage_v: Annotated[float, Field(ge=90, le=350)] = Field(
        default=domain.Site.voltage_v, description="Voltage of a phase against neutral, 230 in Europe [V]"
    )

    @model_validator(mode="after")
    def _leaves_power(self) -> SiteKeys:
        if self.reserve_kw >= self.transformer_limit_kw:
            raise wrong(
                found=f"reserve_kw {self.reserve_kw:g}",
                allowed=f"less than transformer_limit_kw {self.transformer_limit_kw:g}",
            )
        if self.base_load_max_kw is not None and self.base_load_max_kw < self.base_load_kw:
            raise wrong(
                found=f"base_load_max_kw {self.base_load_max_kw:g}",
                allowed=f"at least base_load_kw {self.base_load_kw:g}",
            )
        return self

    def to_domain(self) -> domain.Site:
        """The site; without a highest base load it is the usual one."""
        highest = self.base_load_kw if self.base_load_max_kw is None else self.base_load_max_kw
        return domain.Site(**{**self.model_dump(), "base_load_max_kw": highest})


class FeederKeys(Door):
    """A cable or sub-distribution with a limit of its own."""

    id: Id = Field(description="Name of the feeder, once in the depot")
    parent: Id | None = Field(
        default=None, description="Feeder above it; without one it hangs on the transformer"
    )
    limit_kw: Kw | None = Field(default=None, description="What it can carry [kW]")
    limit_per_phase_a: Annotated[float, Field(ge=0, le=100_000)] | None = Field(
        default=None, description="What each of its phases can carry [A]"
    )

    def to_domain(self) -> domain.Feeder:
        """The feeder."""
        return domain.Feeder(**self.model_dump())


class ConnectorKeys(Door):
    """One plug of a charger: alternating current by phases and amperes, direct current by kilowatts."""

    id: Annotated[int, Field(ge=1, le=1000)] = Field(description="Number of the connector, from 1 (OCPP)")
    phases: Literal[0, 1, 3] = Field(description="Phases that are wired: 1 or 3, 0 for direct current")
    max_current_a: Annotated[float, Field(ge=0, le=2000)] | None = Field(
        default=None, description="AC: highest current per phase [A]"
    )
    min_current_a: Annotated[float, Field(ge=0, le=2000)] | None = Field(
        default=None, description="AC: lowest current per phase with which it charges, default 6 [A]"
    )
    current_step_a: Annotated[float, Field(gt=0, le=100)] | None = Field(
        default=None, description="AC: step of the current, default 1 [A]"
    )
    allowed_currents_a: (
        Annotated[list[Annotated[float, Field(gt=0, le=2000)]], Field(min_length=1)] | None
    ) = Field(default=None, description="AC: the only currents per phase that it knows beside 0, rising [A]")
    phase_map: list[Literal["L1", "L2", "L3"]] | None = Field(
        default=None, description="AC: the site's phase on each of the connector's, for example [L2, L3, L1]"
    )
    max_kw: Annotated[float, Field(ge=0, le=10_000)] | None = Field(
        default=None, description="DC: highest power at the output, or at the grid for limit_side grid [kW]"
    )
    min_kw: Annotated[float, Field(ge=0, le=10_000)] | None = Field(
        default=None, description="DC: lowest power with which it charges, default 0 [kW]"
    )
    conversion_efficiency: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="DC: output over grid power, default 0.95 [share]"
    )
    limit_side: Literal["output", "grid"] | None = Field(
        default=None, description="DC: where the charger applies a limit, default output"
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> ConnectorKeys:
        kind = "DC" if self.phases == 0 else "AC"
        needed, foreign = ("max_kw", _AC_KEYS) if kind == "DC" else ("max_current_a", _DC_KEYS)
        if getattr(self, needed) is None:
            raise wrong(found=f"no {needed} with phases {self.phases}", allowed=f"{needed} on {_kind(kind)}")
        if others := [key for key in foreign if getattr(self, key) is not None]:
            raise wrong(
                found=f"{', '.join(others)} with phases {self.phases}",
                allowed=f"only keys of {_kind(kind)}",
            )
        self._check_range()
        return self

    def _check_range(self) -> None:
        lowest, highest = (self.min_kw, self.max_kw) if self.phases == 0 else self._currents()
        if lowest is not None and highest and lowest > highest:
            unit = "kw" if self.phases == 0 else "current_a"
            raise wrong(found=f"min_{unit} {lowest:g}", allowed=f"at most max_{unit} {highest:g}")
        self._check_currents()
        if self.phase_map is not None and len(set(self.phase_map)) != self.phases:
            raise wrong(
                found=f"phase_map [{', '.join(self.phase_map)}] with phases {self.phases}",
                allowed=f"{self.phases} different of L1, L2, L3",
            )

    def _check_currents(self) -> None:
        allowed = self.allowed_currents_a
        if allowed is None:
            return
        if self.current_step_a is not None:
            raise wrong(found="current_step_a beside allowed_currents_a", allowed="one of the two")
        if any(after <= before for before, after in pairwise(allowed)):
            shown = ", ".join(f"{current_a:g}" for current_a in allowed)
            raise wrong(found=f"allowed_currents_a [{shown}]", allowed="currents that rise, each once")

    def _currents(self) -> tuple[float, float | None]:
        lowest = domain.Connector.min_current_a if self.min_current_a is None else self.min_current_a
        return lowest, self.max_current_a

    def to_domain(self) -> domain.Connector:
        """The connector, with the defaults of its kind."""
        keys = self.model_dump(exclude_none=True, exclude={"phase_map", "allowed_currents_a"})
        return domain.Connector(
            **keys,
            allowed_currents_a=tuple(self.allowed_currents_a or ()),
            phase_map=tuple(self.phase_map or ()),
        )


_AC_KEYS = ("max_current_a", "min_current_a", "current_step_a", "allowed_currents_a", "phase_map")
_DC_KEYS = ("max_kw", "min_kw", "conversion_efficiency", "limit_side")


def _kind(kind: str) -> str:
    return "an AC connector (phases 1 or 3)" if kind == "AC" else "a DC connector (phases 0)"


class ChargerKeys(Door):
    """A charge point (OCPP 1.6) or charging station (2.0.1)."""

    id: ChargerId = Field(
        description="The identity with which it connects, once in the depot: at most 48 letters, digits, . _ ~ -"
    )
    feeder: Id | None = Field(
        default=None, description="Feeder on which it hangs; without one the transformer"
    )
    vendor: str = Field(default="", description="Maker, as in BootNotification")
    model: str = Field(default="", description="Model, as in BootNotification")
    ocpp: Literal["1.6", "2.0.1"] = Field(default="1.6", description="OCPP version, quoted")
    capabilities: dict[str, Any] = Field(
        default_factory=dict, description="What the site knows of this charger, over its model file"
    )
    connectors: list[ConnectorKeys] = Field(min_length=1, description="Its connectors, at least one")

    def to_domain(self) -> domain.Charger:
        """The charger with its connectors."""
        keys = self.model_dump(exclude={"connectors"})
        charger = domain.Charger(**keys, connectors=tuple(c.to_domain() for c in self.connectors))
        # What else the site may say of a charger is checked by the parts that talk to chargers.
        known = self.capabilities.get("max_periods")
        return replace(charger, max_periods=known) if isinstance(known, int) and known > 1 else charger


class PolicyKeys(Door):
    """What the depot decides for itself."""

    tick_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = Field(
        default=domain.Policy.tick_minutes, description="How often the night is looked at again [min]"
    )
    settle_s: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=domain.Policy.settle_s, description="How long a charger may take to follow a new limit [s]"
    )
    soc_tolerance_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        default=domain.Policy.soc_tolerance_percent,
        description="How far a projected SoC may fall short before the night is planned anew [%]",
    )
    secure_against_forgetful: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=domain.Policy.secure_against_forgetful,
        description="How many chargers may wake at full power at once without passing a limit",
    )
    unknown_vehicle: Literal["floor", "hold"] = Field(
        default=domain.Policy.unknown_vehicle,
        description="What a stranger gets: the floor of the connector, or nothing",
    )
    readiness: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=domain.Policy.readiness,
        description="Share of departures to be ready although arrivals are uncertain [share]",
    )
    precondition_minutes: Annotated[int, Field(ge=5, le=240)] = Field(
        default=domain.Policy.precondition_minutes,
        description="How long before departure a vehicle is warmed or cooled, for precondition_kwh [min]",
    )
    keep_messages_days: Annotated[int, Field(ge=2, le=36_500)] = Field(
        default=domain.Policy.keep_messages_days,
        description="How long raw messages of chargers and readings of their meters are kept [days]",
    )
    tiers: Annotated[list[Id], Field(max_length=MOST_TIERS)] = Field(
        default_factory=list,
        description="Kinds of users for rules, the most important first: a shortfall counts a hundred times that of the next",
    )

    @model_validator(mode="after")
    def _has_each_tier_once(self) -> PolicyKeys:
        if len(set(self.tiers)) < len(self.tiers):
            raise wrong(found=f"tiers [{', '.join(self.tiers)}]", allowed="each tier once")
        return self

    def to_domain(self) -> domain.Policy:
        """The policy."""
        return domain.Policy(**self.model_dump(exclude={"tiers"}), tiers=tuple(self.tiers))


class DepotKeys(Door):
    """A depot: what stays from night to night."""

    model_config = ConfigDict(title="depot.yaml of Depot Overnight")

    name: Id = Field(description="Name of the depot")
    timezone: str = Field(min_length=1, description="Time zone by its IANA name, for example Europe/Berlin")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = Field(
        description="ISO 4217 code, for example EUR"
    )
    horizon: HorizonKeys = Field(default_factory=HorizonKeys, description="Local times of a night")
    site: SiteKeys = Field(description="The connection to the grid")
    feeders: list[FeederKeys] = Field(default_factory=list, description="A tree of cables with limits")
    chargers: list[ChargerKeys] = Field(min_length=1, description="The chargers, at least one")
    tariff: TariffKeys = Field(default_factory=TariffKeys, description="What energy and peaks cost")
    policy: PolicyKeys = Field(default_factory=PolicyKeys, description="What the depot decides for itself")
    rules: list[RuleKeys] = Field(
        default_factory=list,
        description="What is decided by vehicle type, group, route or departure; the first that fits decides",
    )
    gateway: GatewayKeys = Field(default_factory=GatewayKeys, description="Where the gateway listens")
    alerts: AlertKeys = Field(
        default_factory=AlertKeys, description="Who is told when something needs a person"
    )
    store: str = Field(
        default=domain.Depot.store,
        pattern="^[a-z][a-z0-9+]*://",
        description="SQLAlchemy URL of the store: sqlite:///FILE relative to the folder, or PostgreSQL",
    )

    @model_validator(mode="after")
    def _keeps_no_secret(self) -> DepotKeys:
        if re.search(r"://[^/@]*:[^/@]+@", self.store):
            raise wrong(
                found=f"a password in store ({urlsplit(self.store).scheme}://…)",
                allowed="a URL without password; PostgreSQL reads it from PGPASSWORD or its passfile",
            )
        return self


def depot_schema() -> dict[str, Any]:
    """The JSON Schema of ``depot.yaml``, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **DepotKeys.model_json_schema()}
