"""Logs: every line is one JSON object with its facts, none holds a secret, and nobody can flood them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.gateway.limits import Rate
from dispatch.operations.logs import JsonLines, Sparing, TextLines, log_tick, scrubbed
from dispatch.report import NightReport, Row
from dispatch.safety import Place
from tests.dispatch.dispatch_builders import NOW, a_plan

SECRET = "hunter2-Ξ9/x+y=="


def a_record(message: str, *arguments: object, **facts: object) -> logging.LogRecord:
    record = logging.LogRecord("dispatch.gateway", logging.INFO, __file__, 1, message, arguments, None)
    vars(record).update(facts)
    return record


def read(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonLines().format(record)
    assert "\n" not in line
    document = json.loads(line)
    assert isinstance(document, dict)
    return document


class Heard(logging.Handler):
    """Keeps what it is given, as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(read(record))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def log(heard: Heard) -> logging.Logger:
    logger = logging.getLogger("tests.of.logs")
    logger.handlers = [heard]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def test_a_line_has_time_in_utc_level_event_and_the_facts_of_its_record() -> None:
    record = a_record("%s is there", "CP1", event="connected", charger_id="CP1", connector_id=2)
    record.created = datetime(2025, 11, 10, 18, 0, 0, 250_000, tzinfo=UTC).timestamp()
    assert read(record) == {
        "time": "2025-11-10T18:00:00.250+00:00",
        "level": "info",
        "logger": "dispatch.gateway",
        "event": "connected",
        "charger_id": "CP1",
        "connector_id": 2,
        "message": "CP1 is there",
    }


@given(message=st.text())
def test_whatever_is_said_is_one_line_of_json(message: str) -> None:
    assert "message" in read(a_record("%s", message, charger_id=message))


def test_what_something_crashed_by_is_told_in_the_same_line() -> None:
    record = a_record("crashed")
    record.exc_info = (ValueError, ValueError(f"ws://CP1:{SECRET}@depot/\nsecond line"), None)
    line = read(record)
    assert "ValueError" in line["exception"]
    assert SECRET not in json.dumps(line, ensure_ascii=False)


planted = st.sampled_from(
    [
        "Authorization: Basic {}",
        "headers {{'Authorization': 'Bearer {}'}}",
        "GET ws://CP1:{}@127.0.0.1:9000/CP1",
        "wss://{}@depot/CP1",
        "/v1/live?token={}&x=1",
        "/CP1?password={}",
        '{{"key": "x", "AuthorizationKey": "{}"}}',
        "basicAuthPassword={}",
        "api-key: {}",
        "PGPASSWORD={} psql",
    ]
)
secrets = st.text(
    st.characters(codec="ascii", categories=["L", "N"], include_characters="+/=._~-"),
    min_size=8,
    max_size=40,
)


@given(form=planted, secret=secrets)
def test_secrets_in_headers_addresses_and_payloads_are_in_no_line(form: str, secret: str) -> None:
    text = form.format(f"Q{secret}Q")
    for formatter in (JsonLines(), TextLines()):
        for record in (a_record("%s", text), a_record("said", charger_id=text)):
            assert f"Q{secret}Q" not in formatter.format(record)


@pytest.mark.parametrize(
    "text",
    [
        "CP1: FailedToAuthenticateAtCsms: a wrong or missing password from 127.0.0.1",
        "chargers dial in at ws://127.0.0.1:9000/<charger id>, the API is at http://127.0.0.1:9001",
        "CP1/1: shows 16 A instead of 10 A at 18:00; what belongs there is sent again",
    ],
)
def test_what_is_no_secret_is_told_as_it_is(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize("piece", ["x", "://", "token", "basic ", "password: "])
def test_a_message_without_end_is_cut(piece: str) -> None:
    assert len(scrubbed(piece * 200_000)) < 11_000


def test_a_flooding_charger_gets_its_lines_bounded_and_no_other_loses_any() -> None:
    clock = [0.0]
    sparing = Sparing(rate=Rate(burst=3, per_s=0.1), seconds=lambda: clock[0])

    def written(charger_id: str | None) -> bool:
        return bool(sparing.filter(a_record("%s is refused", event="refused", charger_id=charger_id)))

    assert sum(written("CP1") for _ in range(1_000)) == 3
    assert all(written("CP2") for _ in range(3))
    assert all(written(None) for _ in range(100))
    clock[0] = 10.0
    record = a_record("refused", event="refused", charger_id="CP1")
    assert sparing.filter(record)
    assert read(record)["message"] == "refused (997 like this one left out before)"


def test_a_tick_is_told_with_its_outcome_and_every_connector_of_which_there_is_anything_to_say(
    log: logging.Logger, heard: Heard
) -> None:
    rows = (
        Row(place=Place("CP1", 1), vehicle_id="V1", rungs={}),
        Row(place=Place("CP2", 1), vehicle_id=None, rungs={}, sentences=("refuses",), needs_a_person=True),
    )
    log_tick(log, "d", NightReport(plan=a_plan(), at=NOW, rows=rows, sent=2), exit_code=1)
    told, ended = heard.lines
    assert (told["event"], told["charger_id"], told["needs_a_person"]) == ("connector_told", "CP2", True)
    assert (ended["event"], ended["exit_code"], ended["profiles_sent"]) == ("tick_ended", 1, 2)
    assert ended["night"] == "2025-11-10"
