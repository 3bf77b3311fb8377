"""The device model of OCPP 2.0.1: the variables that a simulated charging station tells, and those that it lets change.

Two can be written, each a whole number of seconds: ``TxUpdatedInterval`` (0: no samples) and ``HeartbeatInterval``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.connection import CallRefusedError
from dispatch.simulator.machine import Settings
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import Payload
from dispatch.simulator.smart_charging import SmartCharging
from optimiser.depot import Charger
from optimiser.horizon import format_instant

MEASURANDS = "Power.Active.Import,Current.Import,Energy.Active.Import.Register,SoC"
ITEMS_PER_MESSAGE = 32
"""Most variables that one request may name."""
ITEMS_PER_REPORT = 10
"""How many variables one NotifyReport carries; the rest follows in the next."""
WRITABLE = ("HeartbeatInterval", "TxUpdatedInterval")


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable of a component and what it is now; ``most`` is the ``maxLimit`` of its characteristics."""

    component: str
    name: str
    value: str
    kind: str
    instance: str | None = None
    evse_id: int | None = None
    most: int | None = None

    @property
    def key(self) -> tuple[str, int | None, str, str | None]:
        """What a request names it by."""
        return self.component.lower(), self.evse_id, self.name.lower(), (self.instance or "").lower() or None

    def report(self) -> dict[str, Any]:
        """The variable as an entry of NotifyReport."""
        component: dict[str, Any] = {"name": self.component}
        variable = {"name": self.name} | ({} if self.instance is None else {"instance": self.instance})
        mutability = "ReadWrite" if self.name in WRITABLE else "ReadOnly"
        limits = {} if self.most is None else {"maxLimit": self.most}
        return {
            "component": component if self.evse_id is None else {**component, "evse": {"id": self.evse_id}},
            "variable": variable,
            "variableAttribute": [{"type": "Actual", "value": self.value, "mutability": mutability}],
            "variableCharacteristics": {"dataType": self.kind, "supportsMonitoring": False, **limits},
        }


class Variables:
    """What GetVariables and GetBaseReport tell and SetVariables may change."""

    def __init__(
        self, settings: Settings, *, charger: Charger, persona: Persona, smart: SmartCharging
    ) -> None:
        self._settings = settings
        self._charger = charger
        self._persona = persona
        self._smart = smart

    def get(self, asked: Sequence[Payload], *, now: datetime) -> list[dict[str, Any]]:
        """The ``getVariableResult`` of GetVariables (B06)."""
        _check_count(asked)
        known = {variable.key: variable for variable in self._all(now)}
        results = []
        for item in asked:
            status, value = self._read(item, known)
            result = {**_place(item), "attributeStatus": status}
            results.append(result if value is None else {**result, "attributeValue": value})
        return results

    def set(self, asked: Sequence[Payload], *, now: datetime) -> list[dict[str, Any]]:
        """The ``setVariableResult`` of SetVariables (B05)."""
        _check_count(asked)
        known = {variable.key: variable for variable in self._all(now)}
        return [{**_place(item), "attributeStatus": self._write(item, known)} for item in asked]

    def reports(self, request_id: int, *, base: str, now: datetime) -> Iterator[dict[str, Any]]:
        """The NotifyReport messages that follow a GetBaseReport (B07); a configuration is what can be changed."""
        entries = [
            variable.report()
            for variable in self._all(now)
            if base == "FullInventory" or variable.name in WRITABLE
        ]
        parts = [entries[n : n + ITEMS_PER_REPORT] for n in range(0, len(entries), ITEMS_PER_REPORT)]
        for number, part in enumerate(parts):
            yield {
                "requestId": request_id,
                "generatedAt": format_instant(now),
                "seqNo": number,
                "tbc": number < len(parts) - 1,
                "reportData": part,
            }

    def _read(self, item: Payload, known: Mapping[Any, Variable]) -> tuple[str, str | None]:
        found = known.get(_key(item))
        if found is None:
            return _unknown(item, known), None
        if item.get("attributeType", "Actual") != "Actual":
            return "NotSupportedAttributeType", None
        return "Accepted", found.value

    def _write(self, item: Payload, known: Mapping[Any, Variable]) -> str:
        found, value = known.get(_key(item)), item["attributeValue"]
        if found is None:
            return _unknown(item, known)
        if item.get("attributeType", "Actual") != "Actual":
            return "NotSupportedAttributeType"
        if found.name not in WRITABLE or not value.isdecimal():
            return "Rejected"
        if found.name == "HeartbeatInterval":
            self._settings.heartbeat_interval_s = float(value)
        else:
            self._settings.meter_interval_s = float(value)
        return "Accepted"

    def _all(self, now: datetime) -> Iterator[Variable]:
        yield from self._smart_charging()
        yield from self._communication(now)
        phases = max((connector.phases for connector in self._charger.connectors), default=0)
        yield from _component(
            "ChargingStation",
            AvailabilityState=("Available", "OptionList"),
            Available=("true", "boolean"),
            Model=(self._charger.model or "Simulated", "string"),
            SupplyPhases=(str(phases), "integer"),
            VendorName=(self._charger.vendor or "Depot Overnight", "string"),
        )
        for connector in self._charger.connectors:
            yield from _component(
                "EVSE",
                connector.id,
                AvailabilityState=("Available", "OptionList"),
                Available=("true", "boolean"),
                SupplyPhases=(str(connector.phases), "integer"),
            )

    def _smart_charging(self) -> Iterator[Variable]:
        persona = self._persona
        yield from _component(
            "SmartChargingCtrlr",
            ACPhaseSwitchingSupported=(_boolean(said=persona.switches_phases), "boolean"),
            Available=("true", "boolean"),
            Enabled=("true", "boolean"),
            ExternalControlSignalsEnabled=(_boolean(said=persona.external_limit is not None), "boolean"),
            LimitChangeSignificance=("1", "decimal"),
            NotifyChargingLimitWithSchedules=("true", "boolean"),
            PeriodsPerSchedule=(str(persona.max_periods), "integer"),
            Phases3to1=(_boolean(said=persona.switches_phases), "boolean"),
            ProfileStackLevel=(str(persona.max_stack_level), "integer"),
            RateUnit=(",".join(self._smart.units), "MemberList"),
        )
        yield Variable(
            component="SmartChargingCtrlr",
            name="Entries",
            instance="ChargingProfiles",
            value=str(len(self._smart.installed)),
            kind="integer",
            most=persona.max_profiles,
        )

    def _communication(self, now: datetime) -> Iterator[Variable]:
        seconds = {
            "HeartbeatInterval": self._settings.heartbeat_interval_s,
            "TxUpdatedInterval": self._settings.meter_interval_s,
        }
        told = {name: (str(math.ceil(value)), "integer") for name, value in seconds.items()}
        yield from _component("ClockCtrlr", DateTime=(format_instant(now), "dateTime"))
        yield from _component("OCPPCommCtrlr", HeartbeatInterval=told["HeartbeatInterval"])
        yield from _component(
            "SampledDataCtrlr",
            Enabled=("true", "boolean"),
            TxUpdatedInterval=told["TxUpdatedInterval"],
            TxUpdatedMeasurands=(MEASURANDS, "MemberList"),
        )
        yield from _component(
            "TxCtrlr",
            TxStartPoint=("PowerPathClosed", "MemberList"),
            TxStopPoint=("PowerPathClosed", "MemberList"),
        )
        for instance in ("GetVariables", "SetVariables"):
            yield Variable(
                component="DeviceDataCtrlr",
                name="ItemsPerMessage",
                instance=instance,
                value=str(ITEMS_PER_MESSAGE),
                kind="integer",
            )


def _component(
    component: str, evse_id: int | None = None, **variables: tuple[str, str]
) -> Iterator[Variable]:
    for name, (value, kind) in variables.items():
        yield Variable(component=component, evse_id=evse_id, name=name, value=value, kind=kind)


def _boolean(*, said: bool) -> str:
    return "true" if said else "false"


def _check_count(asked: Sequence[Payload]) -> None:
    if len(asked) > ITEMS_PER_MESSAGE:
        text = f"{len(asked)} variables, {ITEMS_PER_MESSAGE} allowed"
        raise CallRefusedError("OccurrenceConstraintViolation", text)


def _key(item: Payload) -> tuple[str, int | None, str, str | None]:
    """Names of components and variables are compared without case."""
    component, variable = item["component"], item["variable"]
    instance = variable.get("instance")
    return (
        component["name"].lower(),
        component.get("evse", {}).get("id"),
        variable["name"].lower(),
        None if instance is None else instance.lower(),
    )


def _unknown(item: Payload, known: Mapping[Any, Variable]) -> str:
    asked = _key(item)
    has_component = any(key[:2] == asked[:2] for key in known)
    return "UnknownVariable" if has_component else "UnknownComponent"


def _place(item: Payload) -> dict[str, Any]:
    return {key: item[key] for key in ("component", "variable", "attributeType") if key in item}
