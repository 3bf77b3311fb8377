"""The file of depot preview: what is read, what is refused and how it is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.preview import PreviewError, Question, draw, read_questions
from tests.dispatch.preview_builders import HOUR, a_profile, a_question, fault, limits, read


def test_an_answer_says_start_duration_unit_and_periods() -> None:
    question = a_question(a_profile(limits=[(0, 16), (60, 8.5)], phases=1), duration=HOUR)
    assert read(question).document() == {
        "scheduleStart": "2025-11-10T12:00:00Z",
        "duration": HOUR,
        "unit": "A",
        "periods": [
            {"startPeriod": 0, "limit": 16.0, "numberPhases": 1},
            {"startPeriod": 60, "limit": 8.5, "numberPhases": 1},
        ],
    }


def test_an_array_is_read_item_by_item_and_a_bad_one_is_an_error_in_its_place() -> None:
    found = read_questions(json.dumps([a_question(), {"ocpp": "1.5"}, a_question()]))
    assert isinstance(found, list)
    assert [type(item) for item in found] == [Question, PreviewError, Question]
    assert read_questions("[]") == []


def test_what_may_be_left_out_can_be_left_out() -> None:
    question = a_question(a_profile(limits=[(0, 6)]))
    for key in ("station", "transactions", "simulateTransaction"):
        del question[key]
    assert limits(question) == [(0, None)]
    question["transactions"] = [{"evseId": 1, "id": 5}]
    assert limits(question) == [(0, 6.0)]
    question["request"]["connectorOrEvseId"] = 0
    assert limits(question) == [(0, 6.0)]


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("key", ["connectorId", "evseId"])
def test_the_place_of_a_profile_may_be_called_connector_or_evse(ocpp: str, key: str) -> None:
    profile = a_profile(ocpp=ocpp, limits=[(0, 6)])["profile"]
    assert limits(a_question({key: 1, "profile": profile}, ocpp=ocpp)) == [(0, 6.0)]
    nowhere = fault(a_question({"profile": profile}, ocpp=ocpp))
    both = fault(a_question({"evseId": 1, "connectorId": 1, "profile": profile}, ocpp=ocpp))
    assert "either connectorId or evseId" in nowhere
    assert "either connectorId or evseId" in both


def test_the_first_of_several_schedules_counts() -> None:
    entry = a_profile(ocpp="2.0.1", limits=[(0, 6)])
    other = a_profile(ocpp="2.0.1", limits=[(0, 32)])
    entry["profile"]["chargingSchedule"] += other["profile"]["chargingSchedule"]
    assert limits(a_question(entry, ocpp="2.0.1")) == [(0, 6.0)]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["ocpp"], "2.0", 'ocpp: found "2.0", allowed "1.6", "2.0.1" or "2.1"'),
        (["extra"], 1, "extra: found an unknown key"),
        (["station", "nrOfEVSEs"], 2, "station.nrOfEVSEs: found an unknown key"),
        (["request", "unit"], "kW", 'request.unit: found "kW", allowed'),
        (["request", "duration"], -1, "request.duration: found -1, allowed"),
        (["request", "duration"], True, "request.duration: found true, allowed"),
        (["request", "start"], "2025-11-10T12:00:00", "allowed a timestamp with an offset"),
        (["request", "start"], 7, "request.start: found 7, allowed a timestamp"),
        (["request", "connectorOrEvseId"], 3, "request.connectorOrEvseId of at most 2"),
        (["station", "supplyVoltage"], 0, "station.supplyVoltage: found 0, allowed"),
        (["station", "defaultLimitA"], "48", 'station.defaultLimitA: found "48", allowed a number'),
        (["options"], {"recurrenceBeforeStartSchedule": "maybe"}, "options.recurrenceBeforeStartSchedule: found"),
        (["transactions"], [{"evseId": 1, "id": 1}, {"evseId": 1, "id": 2}], "at most one transaction on an EVSE"),
        (["profiles", 0, "profile", "stackLevel"], "0", "profiles[0].profile.stackLevel: found"),
        (["profiles", 0, "profile", "id"], 1, "profiles[0].profile.id: found an unknown key"),
        (["profiles", 0, "profile", "chargingProfilePurpose"], "ChargingStationMaxProfile", "allowed"),
        (["profiles", 0, "profile", "chargingProfileKind"], "Dynamic", "allowed"),
        (["profiles", 0, "profile", "chargingSchedule", "chargingSchedulePeriod", 0, "limit"], None, "a number"),
        (["profiles", 0, "profile", "chargingSchedule", "chargingSchedulePeriod", 0, "limit"], 10**13, "a number of at most"),
        (["profiles", 0, "profile", "chargingSchedule", "chargingSchedulePeriod", 0, "numberPhases"], 0, "numberPhases"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_place_finding_and_what_is_allowed(
    path: list[str | int], value: Any, expected: str
) -> None:
    question: Any = a_question(a_profile())
    inner = question
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert expected in fault(question)


def test_all_mistakes_are_said_at_once() -> None:
    question = a_question(a_profile(), unit="kW", duration=-1)
    question["more"] = 1
    found = read_questions(json.dumps(question))
    assert isinstance(found, PreviewError)
    assert len(found.lines) == 3


@pytest.mark.parametrize(
    "text", ["", "{", "nonsense", '{"ocpp": NaN}', "[" * 100_000, "9" * 5000, "1e99999999999999999999"]
)
def test_what_is_no_json_is_said(text: str) -> None:
    assert isinstance(read_questions(text), PreviewError)


@pytest.mark.parametrize("item", [None, 1, "x", []])
def test_an_item_that_is_no_object_is_said(item: Any) -> None:
    (found,) = read_questions(json.dumps([item]))  # type: ignore[misc]
    assert isinstance(found, PreviewError)


def test_a_request_that_leaves_the_calendar_is_refused() -> None:
    assert "within the calendar" in fault(a_question(start="9999-12-31T00:00:00Z", duration=10**6))
    assert "a timestamp" in fault(a_question(start="0001-01-01T00:00:00+05:00"))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "A", "W", "2.1", "Daily", "2025-11-10T12:00:00Z", "9999-12-31T23:59:59Z", "\ud800"]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def paths(value: Any, before: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every value of a document stands."""
    found = [before] if before else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        found += paths(held, (*before, key))
    return found


@given(data=st.data(), ocpp=st.sampled_from(["1.6", "2.0.1", "2.1"]))
def test_whatever_stands_in_a_file_the_answer_is_json_or_what_is_wrong(
    data: st.DataObject, ocpp: str
) -> None:
    profiles = [a_profile(ocpp=ocpp), a_profile("StationMax", ocpp=ocpp, kind="Recurring", duration=HOUR)]
    question: Any = a_question(
        *profiles, ocpp=ocpp, transactions=[{"evseId": 1, "id": "t1", "start": "2025-11-10T11:00:00Z"}]
    )
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(paths(question)))
        inner = question
        for key in way:
            inner = inner[key]
        inner[last] = data.draw(ANYTHING)
    found = read_questions(json.dumps(question))
    if isinstance(found, Question):
        json.dumps(found.document(), allow_nan=False)
        assert list(draw(found, width=80))
    else:
        assert isinstance(found, PreviewError)
        str(found).encode()
