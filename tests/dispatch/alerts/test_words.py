"""Alerts in words: what is read on a telephone at one in the morning."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import dispatch
from dispatch.alert import Alert, Cause, Channel
from dispatch.alerts.deciding import Letter
from dispatch.alerts.words import LONGEST_SUBJECT, document, subject, text, what_to_do
from tests.dispatch.alert_builders import a_condition, an_alert
from tests.dispatch.dispatch_builders import NOW

BERLIN = ZoneInfo("Europe/Berlin")
PAGES = sorted(
    page.stem for page in (Path(dispatch.__file__).parent / "handbook").glob("*.md") if page.stem != "README"
)
SILENT = a_condition(
    Cause.CRON_SILENT, "cron", what="cron has gone silent", why="unknown", page="cron-silent"
)


def a_letter(*there: Alert, over: tuple[Alert, ...] = ()) -> Letter:
    return Letter(channel=Channel.EMAIL, there=there, over=over)


def words(letter: Letter) -> str:
    return text(letter, depot="parcel-12", folder="/srv/parcel-12", zone=BERLIN)


def test_a_message_says_what_why_since_when_and_what_to_do() -> None:
    said = words(a_letter(an_alert(since=NOW)))
    assert said.splitlines()[:3] == [
        "V1 will not be ready at 06:30.",
        "  Why: the transformer at 02:00",
        "  Since Mon 2025-11-10 19:00, last seen Mon 2025-11-10 19:00. Alert 1.",
    ]
    assert "What to do (vehicle-short.md in the operator's handbook):" in said
    assert "1. a later departure of this vehicle, by so many minutes;" in said
    assert "depot alerts /srv/parcel-12 --acknowledge 1" in said


def test_what_to_do_stands_once_for_alerts_of_one_kind() -> None:
    both = [an_alert(a_condition(subject=name), alert_id=number) for number, name in enumerate("AB")]
    said = words(a_letter(*both, an_alert(SILENT, alert_id=7)))
    assert said.count("vehicle-short.md") == 1
    assert said.count("cron-silent.md") == 1
    assert said.endswith("--acknowledge 0 --acknowledge 1 --acknowledge 7\n")


def test_what_is_over_says_from_when_to_when_it_was() -> None:
    said = words(a_letter(over=(an_alert(since=NOW, over_at=NOW + timedelta(hours=1)),)))
    assert "Over: V1 will not be ready at 06:30" in said
    assert "It was so from Mon 2025-11-10 19:00 to Mon 2025-11-10 20:00." in said
    assert "acknowledge" not in said


def test_the_first_line_says_the_first_alert_and_how_many_more_there_are() -> None:
    many = [an_alert(alert_id=1), an_alert(SILENT, alert_id=2)]
    assert subject(a_letter(many[0]), depot="parcel-12") == "parcel-12: V1 will not be ready at 06:30"
    assert subject(a_letter(*many), depot="parcel-12").endswith("06:30, and 1 more")
    over = a_letter(over=(an_alert(over_at=NOW),))
    assert subject(over, depot="parcel-12") == "parcel-12: over: V1 will not be ready at 06:30"


def test_what_a_charger_says_of_itself_breaks_no_line() -> None:
    rude = a_condition(what="CP1\r\nBcc: all@example.org " + "x" * 500, why="a\nb\x1b[2J")
    letter = a_letter(an_alert(rude))
    line = subject(letter, depot="parcel-12")
    assert len(line) <= LONGEST_SUBJECT
    assert "\n" not in line
    assert "  Why: a b?[2J" in words(letter).splitlines()


def test_a_program_gets_the_same_in_fields_and_a_chat_service_its_text() -> None:
    told = document(a_letter(an_alert()), depot="parcel-12", folder="d", zone=BERLIN)
    (one,) = told["alerts"]
    assert told["text"] == text(a_letter(an_alert()), depot="parcel-12", folder="d", zone=BERLIN)
    assert (one["id"], one["cause"], one["state"]) == (1, "departure_at_risk", "open")
    assert (one["charger_id"], one["vehicle_id"], one["since"]) == ("CP1", "V1", "2025-11-10T19:00:00+01:00")
    assert "later departure" in one["what_to_do"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_the_handbook_can_be_quoted(page: str) -> None:
    advice = what_to_do(page)
    assert advice
    assert "](" not in advice


def test_an_acknowledged_alert_says_so() -> None:
    known = replace(an_alert(), acknowledged_at=NOW)
    assert (
        document(a_letter(known), depot="d", folder="d", zone=BERLIN)["alerts"][0]["state"] == "acknowledged"
    )
