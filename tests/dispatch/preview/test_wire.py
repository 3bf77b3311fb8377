"""Wire forms of three versions: the keys of the standards' schemas and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ocpp
import pytest
from pydantic import BaseModel

from dispatch.preview import wire
from tests.dispatch.preview_builders import a_profile, a_question, fault, limits

SCHEMAS = Path(ocpp.__file__).parent


def definitions(folder: str) -> dict[str, Any]:
    text = (SCHEMAS / folder / "schemas" / "SetChargingProfileRequest.json").read_text(encoding="utf-8-sig")
    found: dict[str, Any] = json.loads(text)["definitions"]
    return found


def keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize(
    ("folder", "models"),
    [
        ("v201", [wire.Profile201, wire.Schedule201, wire.Period201]),
        ("v21", [wire.Profile21, wire.Schedule21, wire.Period21]),
    ],
)
def test_the_keys_are_those_of_the_schema(folder: str, models: list[type[BaseModel]]) -> None:
    names = ("ChargingProfileType", "ChargingScheduleType", "ChargingSchedulePeriodType")
    for name, model in zip(names, models, strict=True):
        assert keys(model) == set(definitions(folder)[name]["properties"])


def test_the_keys_of_16_are_those_of_its_schema() -> None:
    schemas = SCHEMAS / "v16" / "schemas" / "SetChargingProfile.json"
    profile = json.loads(schemas.read_text(encoding="utf-8-sig"))["properties"]["csChargingProfiles"][
        "properties"
    ]
    schedule = profile["chargingSchedule"]["properties"]
    assert keys(wire.Profile16) == set(profile)
    assert keys(wire.Schedule16) == set(schedule)
    assert keys(wire.Period16) == set(schedule["chargingSchedulePeriod"]["items"]["properties"])


@pytest.mark.parametrize("key", ["limit_L2", "setpoint", "setpointReactive_L3", "v2xBaseline"])
def test_set_points_and_limits_per_phase_are_refused_and_not_overlooked(key: str) -> None:
    entry = a_profile(ocpp="2.1")
    entry["profile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0][key] = 5
    assert "without set-points" in fault(a_question(entry, ocpp="2.1"))


def test_other_operation_modes_and_local_time_are_refused() -> None:
    entry = a_profile(ocpp="2.1")
    schedule = entry["profile"]["chargingSchedule"][0]
    schedule["useLocalTime"] = True
    schedule["chargingSchedulePeriod"][0]["operationMode"] = "CentralSetpoint"
    said = fault(a_question(entry, ocpp="2.1"))
    assert "useLocalTime: found true, allowed false" in said
    assert "operationMode: found" in said


def test_what_21_adds_without_changing_the_limit_is_taken() -> None:
    entry = a_profile(ocpp="2.1", maxOfflineDuration=60, invalidAfterOfflineDuration=True, limits=[(0, 6)])
    schedule = entry["profile"]["chargingSchedule"][0]
    schedule |= {"useLocalTime": False, "randomizedDelay": 60, "limitAtSoC": {"soc": 80, "limit": 4}}
    schedule["chargingSchedulePeriod"][0] |= {
        "operationMode": "ChargingOnly",
        "dischargeLimit": -5,
        "evseSleep": False,
    }
    assert limits(a_question(entry, ocpp="2.1")) == [(0, 6.0)]
