from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from optimiser.depot import Charger
from optimiser.plan import SCHEMA, Plan, wired
from optimiser.planner import plan_night
from optimiser.rules import Decided
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)


def a_plan() -> Plan:
    depot = a_depot()
    return plan_night(depot, a_night(depot), created_at=NOW)


def test_the_document_has_the_keys_of_the_contract_in_their_shapes() -> None:
    document = json.loads(a_plan().to_json())
    assert document["schema"] == SCHEMA == "depot-plan/1"
    assert {"depot", "night", "created_at", "inputs_sha256", "baseline", "warnings", "peak_kw"} <= set(
        document
    )
    assert document["horizon"] == {
        "start": "2025-11-10T12:00:00+01:00",
        "step_s": 900,
        "steps": 96,
        "timezone": "Europe/Berlin",
    }
    assert set(document["visits"][0]) == {
        "vehicle_id",
        "charger_id",
        "connector_id",
        "arrival",
        "departure",
        "arrival_soc_percent",
        "required_soc_percent",
        "planned_soc_percent",
        "required_kwh",
        "delivered_kwh",
        "shortfall_kwh",
        "power_kw",
        "phases",
        "precondition_kwh",
        "taken_share",
    }
    assert document["connectors"][0] == {
        "charger_id": "CP1",
        "connector_id": 1,
        "phases": 3,
        "voltage_v": 230.0,
    }
    assert len(document["visits"][0]["power_kw"]) == 96
    assert {"limit_kw", "base_load_kw", "charging_kw"} <= set(document["site"])
    assert set(document["cost"]) == {"energy", "demand", "total", "currency", "peaks", "classes"}
    assert set(document["solver"]) == {"name", "version", "proved_optimal", "lp_bound", "gap", "seconds"}


def test_another_schema_or_a_missing_key_is_refused_by_name() -> None:
    document = a_plan().to_document()
    with pytest.raises(ValueError, match="depot-plan/2"):
        Plan.from_document(document | {"schema": "depot-plan/2"})
    del document["visits"]
    with pytest.raises(ValueError, match="visits"):
        Plan.from_document(document)


def a_document_of_before(plan: Plan) -> dict[str, Any]:
    """A stored plan that names no connectors."""
    document = plan.to_document()
    del document["connectors"]
    for visit in document["visits"]:
        del visit["phases"]
    return document


def test_a_plan_that_names_no_connectors_has_those_it_visits_by_their_power_alone() -> None:
    plan = Plan.from_document(a_document_of_before(a_plan()))
    assert [(c.charger_id, c.connector_id, c.phases) for c in plan.connectors] == [
        ("CP1", 1, 0),
        ("CP2", 1, 0),
    ]
    assert [visit.power_kw for visit in plan.visits] == [visit.power_kw for visit in a_plan().visits]


def test_a_depot_gives_a_plan_of_before_its_connectors_and_phases() -> None:
    plan = a_plan()
    read = Plan.from_document(a_document_of_before(plan))
    whole = wired(read, a_depot())
    assert (whole.visits, whole.connectors) == (plan.visits, plan.connectors)


def test_a_vehicle_or_connector_that_the_depot_no_longer_has_keeps_its_phases() -> None:
    depot = a_depot(
        vehicles=[a_van("V2", ac_phases=1)],
        chargers=[*a_depot().chargers[:2], Charger(id="CP9", connectors=(an_ac_connector(),))],
    )
    plan = wired(a_plan(), depot)
    assert [visit.phases for visit in plan.visits] == [3, 1]
    assert [connector.charger_id for connector in plan.connectors] == ["CP1", "CP2", "CP9"]


def test_the_frame_has_a_row_per_step_in_local_time_and_a_column_per_visit() -> None:
    plan = a_plan()
    frame = plan.to_frame()
    assert frame.shape == (96, 2)
    assert str(frame.index[0]) == "2025-11-10 12:00:00+01:00"
    assert frame.sum(axis=1).tolist() == pytest.approx(plan.site.charging_kw)


def test_departures_come_in_their_order_with_what_is_missing() -> None:
    departures = a_plan().departures()
    assert departures["vehicle"].tolist() == ["V1", "V2"]
    assert departures["ready"].all()
    assert departures["departure"].is_monotonic_increasing


def test_what_rules_have_decided_comes_back_from_the_document() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    by_rule = Decided(what="required_soc_percent", value=90.0, rule="vans")
    visit = replace(a_visit("V1", earliest_start="22:00"), decided=(by_rule,))
    plan = plan_night(depot, a_night(depot, visits=[visit]), created_at=NOW)
    (written,) = json.loads(plan.to_json())["visits"]
    assert written["decided"] == [{"what": "required_soc_percent", "value": 90.0, "rule": "vans"}]
    assert written["earliest_start"] == "2025-11-10T22:00:00+01:00"
    assert Plan.from_document(json.loads(plan.to_json())).visits == plan.visits
