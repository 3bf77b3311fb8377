"""The table of connectors and what stands below it."""

from __future__ import annotations

import json
from dataclasses import replace

from dispatch.evidence import Rung, Verdict
from dispatch.report import HEADERS, NightReport, Risk, Row, document, instead_of, summary, table_rows
from dispatch.safety import Place
from tests.builders import a_depot, a_night, a_visit, at
from tests.dispatch.dispatch_builders import NOW, a_plan


def a_row(
    charger_id: str = "CP1",
    *,
    read_back: Verdict | None = Verdict.CONFIRMED,
    sentences: tuple[str, ...] = (),
    needs_a_person: bool = False,
    has_override: bool = False,
) -> Row:
    rungs = dict.fromkeys((Rung.PLANNED, Rung.SENT, Rung.ACCEPTED), Verdict.CONFIRMED)
    return Row(
        place=Place(charger_id, 1),
        vehicle_id="V1",
        rungs={**rungs, Rung.READ_BACK: read_back},
        sentences=sentences,
        needs_a_person=needs_a_person,
        has_override=has_override,
    )


def a_report(*rows: Row, sent: int = 2, is_short: bool = False) -> NightReport:
    depot = a_depot()
    required = 90.0 if is_short else 40.0
    night = a_night(depot, visits=[a_visit("V1", arrival_soc_percent=40, required_soc_percent=required)])
    return NightReport(plan=a_plan(depot, night), at=NOW, rows=rows, sent=sent)


def test_every_rung_has_its_mark_under_its_header() -> None:
    report = a_report(a_row(read_back=Verdict.CONTRADICTED, sentences=("it shows 16 A",), has_override=True))
    (cells,) = table_rows(report)
    assert len(cells) == len(HEADERS)
    assert cells == ("CP1/1", "V1 (override)", "✓", "✓", "✓", "✗", "–", "it shows 16 A")


def test_the_summary_counts_and_names_whoever_needs_a_person() -> None:
    report = a_report(a_row("CP1"), a_row("CP2", read_back=Verdict.CANNOT_TELL, needs_a_person=True), sent=1)
    assert summary(report) == [
        "night of 2025-11-10, 2025-11-10 19:00: 1 profile sent, 1 of 2 connectors read back as they should be",
        "needs a person: CP2/1",
    ]
    assert report.needs_a_person


def test_a_vehicle_that_is_planned_ready_and_not_sure_of_it_needs_a_person_too() -> None:
    risk = Risk(
        place=Place("CP1", 1),
        vehicle_id="V1",
        departure=at("07:42"),
        soc_percent=31.4,
        required_soc_percent=40.0,
        because="is out of reach",
    )
    report = replace(a_report(a_row()), risks=(risk,))
    assert report.needs_a_person
    assert document(report)["at_risk"] == [
        "V1 may leave at 07:42 with 31 % instead of 40 %: CP1/1 is out of reach"
    ]
    assert summary(report)[-1] == document(report)["at_risk"][0]


def test_percents_that_round_alike_are_told_with_the_digit_that_differs() -> None:
    assert instead_of(89.6, 90.0) == "89.6 % instead of 90.0 %"
    assert instead_of(31.4, 90.0) == "31 % instead of 90 %"


def test_a_vehicle_that_leaves_short_needs_a_person() -> None:
    report = a_report(a_row(), is_short=True)
    assert report.needs_a_person
    assert summary(report)[-1] == "V1 leaves at 07:42 with 40 % instead of 90 %"
    assert not a_report(a_row()).needs_a_person


def test_the_document_is_json_with_every_rung_by_name() -> None:
    found = json.loads(json.dumps(document(a_report(a_row()))))
    assert found["at"] == "2025-11-10T19:00:00+01:00"
    assert found["connectors"][0]["rungs"] == {
        "planned": "confirmed",
        "sent": "confirmed",
        "accepted": "confirmed",
        "read_back": "confirmed",
        "metered": None,
    }
