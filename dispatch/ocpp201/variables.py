"""The device model of OCPP 2.0.1 as configuration: variables under neutral names, asked for, set and reported.

OCPP 1.6's keys are the neutral names; what 1.6 has no key for stands under ``Component.Variable``, with the
variable's instance in brackets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocpp.v201.enums import Action, AttributeEnumType, SetVariableStatusEnumType

from dispatch.connection import CallAnswer, Ending
from dispatch.dialect import Request
from dispatch.frames import printable
from dispatch.payload import Fields
from dispatch.station import UnsendableError

SMART_CHARGING = "SmartChargingCtrlr"


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable of a component; prints itself as the name that it has where 1.6 has none for it."""

    component: str
    name: str
    instance: str | None = None

    def __str__(self) -> str:
        return f"{self.component}.{self.name}{f'[{self.instance}]' if self.instance else ''}"

    def payload(self) -> dict[str, Any]:
        """As it is named in requests."""
        variable = {"name": self.name} | ({"instance": self.instance} if self.instance else {})
        return {"component": {"name": self.component}, "variable": variable}


NEUTRAL: Mapping[str, Variable] = {
    "ChargeProfileMaxStackLevel": Variable(component=SMART_CHARGING, name="ProfileStackLevel"),
    "ChargingScheduleAllowedChargingRateUnit": Variable(component=SMART_CHARGING, name="RateUnit"),
    "ChargingScheduleMaxPeriods": Variable(component=SMART_CHARGING, name="PeriodsPerSchedule"),
    "ConnectorSwitch3to1PhaseSupported": Variable(component=SMART_CHARGING, name="Phases3to1"),
    "HeartbeatInterval": Variable(component="OCPPCommCtrlr", name="HeartbeatInterval"),
    "MeterValueSampleInterval": Variable(component="SampledDataCtrlr", name="TxUpdatedInterval"),
    "MeterValuesSampledData": Variable(component="SampledDataCtrlr", name="TxUpdatedMeasurands"),
    "WebSocketPingInterval": Variable(component="OCPPCommCtrlr", name="WebSocketPingInterval"),
}
"""OCPP 1.6's keys and what 2.0.1 calls them."""
MOST_PROFILES = "MaxChargingProfilesInstalled"
"""1.6's key for what 2.0.1 says as the largest number of entries, and only in a report."""
ENTRIES = Variable(component=SMART_CHARGING, name="Entries", instance="ChargingProfiles")

ASKED: Sequence[Variable] = (
    *(Variable(component=SMART_CHARGING, name=name) for name in ("Enabled", "Available")),
    *(variable for variable in NEUTRAL.values() if variable.component == SMART_CHARGING),
    Variable(component=SMART_CHARGING, name="ACPhaseSwitchingSupported"),
)
"""What a station is asked once a session."""


def get_variables(variables: Sequence[Variable]) -> Request:
    """Ask for the actual values of variables."""
    data = [variable.payload() for variable in variables]
    return Request.of(Action.get_variables.value, {"getVariableData": data})


def set_variable(key: str, value: str) -> Request:
    """Set a variable by its neutral name. Raises UnsendableError for a name that is none."""
    data = _variable(key).payload() | {"attributeValue": value}
    if len(value) > 1000:
        raise UnsendableError(
            f"{key}: a value has at most 1000 characters (SetVariableDataType.attributeValue)"
        )
    return Request.of(Action.set_variables.value, {"setVariableData": [data]})


def values(answer: CallAnswer) -> dict[str, str]:
    """The values in an answer to GetVariables, by their neutral names; what was refused or is empty is left out."""
    found: dict[str, str] = {}
    results = answer.payload.get("getVariableResult") if isinstance(answer.payload, dict) else None
    for result in results if isinstance(results, list) else []:
        if isinstance(result, dict) and _word(result.get("attributeStatus")).lower() == "accepted":
            _take(found, result, result.get("attributeValue"))
    return found


def set_answer(answer: CallAnswer) -> CallAnswer:
    """The answer to setting one variable with that variable's status as its own."""
    results = answer.payload.get("setVariableResult") if isinstance(answer.payload, dict) else None
    result = results[0] if isinstance(results, list) and results else None
    if answer.ending is not Ending.RESULT or not isinstance(result, dict):
        return answer
    payload = {"status": result.get("attributeStatus"), "statusInfo": result.get("attributeStatusInfo")}
    return CallAnswer(ending=answer.ending, message_id=answer.message_id, payload=payload)


LATER = SetVariableStatusEnumType.reboot_required.value
"""Status of a variable that is set and counts from the next start."""


def reported(report: Fields) -> dict[str, str]:
    """The actual values in a NotifyReport, by their neutral names."""
    found: dict[str, str] = {}
    for entry in report.objects("reportData"):
        for attribute in entry.objects("variableAttribute"):
            kind = attribute.optional_text("type") or AttributeEnumType.actual.value
            if kind == AttributeEnumType.actual.value:
                _take(found, entry.values, attribute.values.get("value"))
        characteristics = entry.optional_object("variableCharacteristics")
        most = None if characteristics is None else characteristics.optional_number("maxLimit")
        if most is not None and _read_variable(entry.values) == ENTRIES:
            found[MOST_PROFILES] = str(int(most))
    return found


def _take(found: dict[str, str], entry: Mapping[str, Any], value: Any) -> None:
    variable = _read_variable(entry)
    if variable is not None and isinstance(value, (str, int, float)):
        neutral = next((key for key, known in NEUTRAL.items() if known == variable), str(variable))
        found[neutral] = printable(str(value))


def _read_variable(entry: Mapping[str, Any]) -> Variable | None:
    """The variable that an entry is about; its words in the standard's spelling, in whatever case they come."""
    component, variable = entry.get("component"), entry.get("variable")
    if not isinstance(component, dict) or not isinstance(variable, dict):
        return None
    instance = variable.get("instance")
    read = Variable(
        component=printable(_word(component.get("name"))),
        name=printable(_word(variable.get("name"))),
        instance=printable(instance) if isinstance(instance, str) and instance else None,
    )
    known = (*NEUTRAL.values(), *ASKED, ENTRIES)
    return next((variable for variable in known if str(variable).lower() == str(read).lower()), read)


def _variable(key: str) -> Variable:
    if key in NEUTRAL:
        return NEUTRAL[key]
    component, _, rest = key.partition(".")
    name, _, instance = rest.removesuffix("]").partition("[")
    if not component or not name:
        raise UnsendableError(f"{key}: must be one of {', '.join(NEUTRAL)}, or Component.Variable")
    return Variable(component=component, name=name, instance=instance or None)


def _word(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
