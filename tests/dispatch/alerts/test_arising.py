"""What of a tick's findings becomes an alert."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dispatch.alert import Cause
from dispatch.alerts.arising import conditions_of
from dispatch.evidence import Rung, Verdict
from dispatch.report import NightReport, Risk, Row
from dispatch.safety import Place
from tests.builders import NIGHT, a_depot, a_night, a_van, a_visit, at
from tests.dispatch.dispatch_builders import NOW, a_plan


def a_row(
    charger_id: str = "CP1",
    *,
    read_back: Verdict | None = Verdict.CONFIRMED,
    metered: Verdict | None = None,
    sentences: tuple[str, ...] = (),
    needs_a_person: bool = True,
) -> Row:
    return Row(
        place=Place(charger_id, 1),
        vehicle_id="V1",
        rungs={Rung.READ_BACK: read_back, Rung.METERED: metered},
        sentences=sentences,
        needs_a_person=needs_a_person,
    )


def a_report(*rows: Row, notes: tuple[str, ...] = (), required_soc_percent: float = 40.0) -> NightReport:
    depot = a_depot(vehicles=[a_van("V1"), a_van("V11")])
    visits = [
        a_visit("V1", arrival_soc_percent=40, required_soc_percent=required_soc_percent),
        a_visit("V11", charger_id="CP2", arrival_soc_percent=40, required_soc_percent=40),
    ]
    return NightReport(
        plan=a_plan(depot, a_night(depot, visits=visits)), at=NOW, rows=rows, sent=0, notes=notes
    )


def test_a_night_that_goes_well_tells_nothing() -> None:
    assert conditions_of(a_report(a_row(needs_a_person=False))) == []


def test_a_departure_at_risk_says_what_why_and_where() -> None:
    notes = ("V11 came with less", "V1 had 8 % instead of 56 %")
    (found,) = conditions_of(a_report(notes=notes, required_soc_percent=90.0))
    assert found.cause is Cause.DEPARTURE
    assert found.what == "V1 at CP1/1 will not be ready: leaves at Tue 07:42 with 40 % instead of 90 %"
    assert found.why == "V1 had 8 % instead of 56 %"
    assert (found.page, found.night) == ("vehicle-short", NIGHT)
    assert (found.charger_id, found.connector_id, found.vehicle_id) == ("CP1", 1, "V1")


def test_who_is_planned_ready_and_not_sure_of_it_has_the_alert_of_its_departure() -> None:
    short = a_report(required_soc_percent=90.0)
    visit = short.plan.visits[0]
    risk = Risk(
        place=Place("CP1", 1),
        vehicle_id="V1",
        departure=visit.departure,
        soc_percent=31.0,
        required_soc_percent=40.0,
        because="is out of reach, and goes on with what it has",
    )
    (found,) = conditions_of(replace(a_report(), risks=(risk,)))
    (planned,) = conditions_of(short)
    assert (found.cause, found.subject, found.page) == (planned.cause, planned.subject, planned.page)
    assert found.what == "V1 at CP1/1 may not be ready: leaves at Tue 07:42, sure of 31 % instead of 40 %"
    assert found.why == "CP1/1 is out of reach, and goes on with what it has"


def test_who_has_left_is_no_more_at_risk() -> None:
    report = a_report(required_soc_percent=90.0)
    assert conditions_of(replace(report, at=at("07:42") + timedelta(seconds=1))) == []


def test_the_same_vehicle_of_another_departure_is_another_alert() -> None:
    report = a_report(required_soc_percent=90.0)
    first, *others = report.plan.visits
    later = replace(first, departure=first.departure + timedelta(hours=2))
    (tonight,) = conditions_of(report)
    (other,) = conditions_of(replace(report, plan=replace(report.plan, visits=(later, *others))))
    assert tonight.key != other.key


def test_a_meter_or_a_read_back_that_shows_more_contradicts() -> None:
    rows = (
        a_row("CP1", metered=Verdict.CONTRADICTED, sentences=("11.00 kW drawn at 01:10, 0.00 kW allowed",)),
        a_row("CP2", read_back=Verdict.CONTRADICTED),
    )
    metered, shown = conditions_of(a_report(*rows))
    assert {metered.cause, shown.cause} == {Cause.CONTRADICTED}
    assert metered.what == "CP1/1 contradicts its limit (V1 stands there)"
    assert metered.why == "11.00 kW drawn at 01:10, 0.00 kW allowed"
    assert metered.page == "draws-too-much"


def test_each_way_in_which_a_connector_is_not_verified_leads_to_its_page() -> None:
    told = {
        "not connected": "not-connected",
        "refuses its profile: Rejected": "refuses",
        "does not answer: it is asked again at the next tick by the clock": "does-not-answer",
        "cannot be read back: no schedule in its answer": "cannot-be-verified",
    }
    rows = [a_row(read_back=None, sentences=(sentence,)) for sentence in told]
    found = conditions_of(a_report(*rows))
    assert {one.cause for one in found} == {Cause.UNVERIFIED}
    assert [one.page for one in found] == list(told.values())


def test_a_refusal_of_what_is_new_counts_although_what_is_old_is_confirmed() -> None:
    (found,) = conditions_of(a_report(a_row(sentences=("refuses its profile: Rejected",))))
    assert (found.cause, found.page) == (Cause.UNVERIFIED, "refuses")


def test_who_is_held_back_for_others_is_proven_and_tells_nothing() -> None:
    assert conditions_of(a_report(a_row(sentences=("held back: at 01:15 the transformer could …",)))) == []
