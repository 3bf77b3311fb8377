"""``profiles.json`` as others read it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from dispatch.profiles_json import render_profiles
from optimiser.depot import Charger
from tests.builders import a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector, at
from tests.dispatch.dispatch_builders import a_plan
from tests.dispatch.ocpp201.wire201_builders import a_validator


def a_document() -> Any:
    chargers = [
        Charger(id="CP1", connectors=(an_ac_connector(),)),
        Charger(id="DC1", connectors=(a_dc_connector(),)),
    ]
    depot = a_depot(vehicles=[a_van("V1")], chargers=chargers, transformer_limit_kw=400.0)
    night = a_night(depot, visits=[a_visit("V1")])
    plan = a_plan(depot, night, power_kw={"V1": {40: 6.9, 41: 6.9, 42: 11.04}}, created_at=at("15:00"))
    return json.loads(render_profiles(depot, plan))


def test_it_names_its_schema_night_and_every_connector() -> None:
    document = a_document()
    assert (document["schema"], document["night"]) == ("depot-profiles/1", "2025-11-10")
    assert [(c["charger_id"], c["connector_id"]) for c in document["connectors"]] == [("CP1", 1), ("DC1", 1)]


def test_every_connector_has_a_line_of_its_own_whatever_its_name() -> None:
    chargers = [Charger(id='CP"1\n', connectors=(an_ac_connector(),)), Charger(id="Süd", connectors=())]
    depot = a_depot(vehicles=[a_van("V1")], chargers=chargers)
    plan = a_plan(depot, a_night(depot, visits=[]), created_at=at("15:00"))
    text = render_profiles(depot, plan)
    lines = [line for line in text.splitlines() if line.startswith("  {")]
    assert [json.loads(line.removesuffix(","))["charger_id"] for line in lines] == ['CP"1\n']
    assert json.loads(text)["night"] == "2025-11-10"


def test_a_charger_gets_the_payloads_of_its_version() -> None:
    chargers = [Charger(id="CP1", ocpp="2.0.1", connectors=(an_ac_connector(),))]
    depot = a_depot(vehicles=[a_van("V1")], chargers=chargers)
    plan = a_plan(depot, a_night(depot), power_kw={"V1": {40: 6.9}}, created_at=at("15:00"))
    (connector,) = json.loads(render_profiles(depot, plan))["connectors"]
    assert connector["ocpp"] == "2.0.1"
    assert max(period["limit_kw"] for period in connector["periods"]) == 6.9
    for payload in connector["payloads"]:
        a_validator(f"{payload['action']}Request").validate(payload["payload"])
        assert payload["payload"]["evseId"] == 1


def test_v60_profiles_at_several_levels_have_several_ids() -> None:
    versions: tuple[Literal["1.6", "2.0.1"], ...] = ("1.6", "2.0.1")
    for version in versions:
        chargers = [Charger(id="CP1", ocpp=version, connectors=(an_ac_connector(),))]
        depot = a_depot(vehicles=[a_van("V1")], chargers=chargers)
        plan = a_plan(depot, a_night(depot), power_kw={"V1": {40: 6.9}}, created_at=at("15:00"))
        (connector,) = json.loads(render_profiles(depot, plan))["connectors"]
        keys = {"1.6": ("csChargingProfiles", "chargingProfileId"), "2.0.1": ("chargingProfile", "id")}[
            version
        ]
        sent = [payload["payload"][keys[0]] for payload in connector["payloads"]]
        levels = [profile["stackLevel"] for profile in sent]
        assert len({profile[keys[1]] for profile in sent}) == len(set(levels)) == 2


def test_neutral_periods_are_the_plans_own_with_local_times_in_kw_and_amperes() -> None:
    periods = a_document()["connectors"][0]["periods"]
    assert periods[1] == {
        "start": "2025-11-10T22:00:00+01:00",
        "end": "2025-11-10T22:30:00+01:00",
        "limit_kw": 6.9,
        "limit_a": 10.0,
        "phases": 3,
    }
    assert [(p["limit_kw"], p["limit_a"]) for p in periods] == [(0, 0), (6.9, 10.0), (11.04, 16.0), (0, 0)]
    assert a_document()["connectors"][1]["periods"][0]["limit_a"] is None


def test_payloads_are_the_calls_that_a_charger_gets() -> None:
    floor, plan = a_document()["connectors"][0]["payloads"]
    assert (floor["layer"], plan["layer"]) == ("floor", "plan")
    assert plan["action"] == "SetChargingProfile"
    profile = plan["payload"]["csChargingProfiles"]
    assert profile["chargingProfilePurpose"] == "TxDefaultProfile"
    schedule = profile["chargingSchedule"]
    begin = datetime.fromisoformat(schedule["startSchedule"])
    limits = {(begin.timestamp() + p["startPeriod"]): p["limit"] for p in schedule["chargingSchedulePeriod"]}
    assert limits[at("22:00").timestamp()] == 10
    assert limits[at("22:30").timestamp()] == 16
    assert schedule["startSchedule"] == "2025-11-10T10:59:00Z"
