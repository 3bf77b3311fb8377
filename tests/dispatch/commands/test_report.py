"""The morning page after an evening with real WebSockets, and as a command on a depot's folder."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispatch.cli import app
from dispatch.evidence import Layer, Rung, Verdict
from dispatch.journal import open_journal
from dispatch.morning import words
from dispatch.morning.document import document
from dispatch.morning.incidents import Kind
from dispatch.morning.page import render
from dispatch.morning.readiness import State
from dispatch.morning.reading import read_night
from dispatch.morning.report import MorningReport, morning_report
from dispatch.safety import Place
from dispatch.simulator.persona import Persona
from optimiser.inputs import load_depot
from tests.builders import NIGHT, at
from tests.dispatch.dispatch_builders import a_reply
from tests.dispatch.gateway_builders import a_journal
from tests.dispatch.morning_builders import (
    NEXT_NOON,
    NOON,
    a_command,
    a_look,
    a_metered_session,
    a_planned_night,
    as_planned,
    booted,
    connected,
    facts_of,
    report_of,
)
from tests.dispatch.overnight_builders import EVENING, Rehearsal, a_rehearsal, three_vans_tonight
from tests.optimiser.test_plan_report import Page

ROOT = Path(__file__).parents[3]
PARCEL = ROOT / "data" / "parcel-12"


def looked_back(night: Rehearsal) -> MorningReport:
    facts = read_night(night.journal, NIGHT)
    assert facts is not None
    return morning_report(night.depot, facts, now=NEXT_NOON)


async def test_an_evening_is_told_with_its_override_its_refusal_and_what_nobody_can_tell(
    tmp_path: Path,
) -> None:
    personas = {"CP1": Persona(refuses_profiles=True)}
    made = three_vans_tonight()
    async with a_rehearsal(tmp_path, made, personas=personas, arrival_soc_percent={"V2": 8.0}) as night:
        await night.tick()
        report = looked_back(night)
    by_place = {climb.place: climb for climb in report.climbs}
    refused, proven = by_place[Place("CP1", 1)], by_place[Place("CP3", 1)]
    assert refused.steps[Rung.ACCEPTED].verdict is Verdict.CONTRADICTED
    assert not refused.is_proven
    assert {step.verdict for step in proven.steps.values()} == {Verdict.CONFIRMED}
    assert all(step.at is not None for step in proven.steps.values())
    (override,) = report.overrides
    assert (override.vehicle_id, override.place, override.outcome) == ("V2", Place("CP2", 1), "accepted")
    (version,) = report.versions
    assert [share.visit.vehicle_id for share in version.gains] == ["V2"]
    assert "V2 had 8 % instead of" in version.because[0]
    kinds = {incident.kind for incident in report.incidents}
    assert {Kind.REFUSED, Kind.REPLAN} <= kinds
    assert {one.state for one in report.departures} == {State.CANNOT_TELL}  # heard of last in the evening
    assert report.spent.unknown_minutes > 600
    assert report.peaks[0].at_most_kw > report.peaks[0].metered_kw + 30.0
    assert report.gaps
    assert not report.is_ready_and_proven


async def test_chargers_that_went_away_and_came_back_without_their_profiles_are_told_of(
    tmp_path: Path,
) -> None:
    made = three_vans_tonight()
    async with a_rehearsal(tmp_path, made) as night:
        await night.tick()
        assert looked_back(night).incidents == ()
    later = EVENING + timedelta(hours=1)
    async with a_rehearsal(tmp_path, made, begin=later) as night:
        await night.tick()
        report = looked_back(night)
    kinds = [incident.kind for incident in report.incidents]
    assert kinds.count(Kind.AWAY) == kinds.count(Kind.REBOOT) == 3
    away = next(incident for incident in report.incidents if incident.kind is Kind.AWAY)
    assert away.sentence.startswith("was away for 1 h")
    assert all(climb.is_proven for climb in report.climbs)


def test_the_page_is_whole_and_says_what_the_terminal_says() -> None:
    facts = facts_of(
        commands=[a_command()],
        evidence=[
            a_look(verdict=Verdict.CONTRADICTED, detail="from 22:00 it shows 16 A where 6 A should hold")
        ],
        events=[connected(), booted(time="12:00"), *a_metered_session()],
    )
    report = report_of(facts)
    page = Page(render(report))
    for headline in words.headlines(report):
        assert headline.text in page.text
    assert "it shows 16 A where 6 A should hold" in page.text
    assert "svg" in {tag for tag, _ in page.tags}
    assert not [link for link in page.attributes("src") + page.attributes("href") if link.startswith("http")]


def test_names_from_files_and_chargers_cannot_break_the_page() -> None:
    look = a_look(verdict=Verdict.CONTRADICTED, detail="<script>alert(1)</script>")
    page = render(report_of(facts_of(evidence=[look])))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_night_that_has_not_begun_has_a_page_too() -> None:
    report = report_of(facts_of(), now=at("12:00"))
    assert not report.is_ready_and_proven
    assert "the night is not over" in Page(render(report)).text


def test_the_document_is_json_with_local_times() -> None:
    report = report_of(facts_of(events=[connected(), *a_metered_session()]))
    told = json.loads(json.dumps(document(report)))
    assert (told["schema"], told["night"], told["ready_and_proven"]) == (
        "depot-morning/1",
        "2025-11-10",
        False,
    )
    one = next(one for one in told["departures"] if one["vehicle_id"] == "V1")
    assert (one["state"], one["departure"]) == ("ready", "2025-11-11T07:42:00+01:00")
    assert told["peaks"][0]["name"] == "site"
    assert set(told["connectors"][0]["rungs"]) == {rung.value for rung in Rung}


def test_the_store_gives_only_what_belongs_to_the_night(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    yesterday = NIGHT - timedelta(days=1)
    profile = a_command().profile
    journal.save_plan(a_planned_night())
    journal.record(
        [connected(time="12:00").model_copy(update={"received_at": at("12:00") - timedelta(days=9)})]
    )
    journal.record([booted(time="12:00").model_copy(update={"received_at": at("12:00") - timedelta(days=5)})])
    for event in a_metered_session():
        journal.record([event])
    journal.record(
        [connected(time="12:00").model_copy(update={"received_at": NEXT_NOON + timedelta(days=1)})]
    )
    journal.add_evidence(a_look())
    earlier = journal.begin_command(
        night=yesterday,
        at=at("12:00") - timedelta(hours=9),
        charger_id="CP1",
        layer=a_command().layer,
        profile=profile,
    )
    journal.finish_command(earlier, a_reply())
    facts = read_night(journal, NIGHT)
    journal.close()
    assert facts is not None
    assert [event.kind for event in facts.events[:2]] == ["connected", "booted"]
    assert len(facts.events) == 2 + len(a_metered_session())
    assert ([command.id for command in facts.held_before], facts.commands) == ([earlier], ())
    assert len(facts.evidence) == 1
    assert facts.plan == facts.base == a_planned_night()


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """parcel-12 with the plan of a night in its store."""
    folder = tmp_path_factory.mktemp("depots") / "parcel-12"
    shutil.copytree(PARCEL, folder)
    assert CliRunner().invoke(app, ["plan", str(folder), "--night", "2025-11-10"]).exit_code == 0
    return folder


def test_the_command_writes_its_page_beside_the_plan(planned: Path) -> None:
    said = CliRunner().invoke(app, ["report", str(planned), "--night", "2025-11-10"])
    assert said.exit_code == 1
    assert "0 of 12 departures ready" in said.stdout
    assert "plug-and-charge would have cost 43.14 EUR" in said.stdout
    page = planned / "plans" / "2025-11-10" / "morning.html"
    assert f"page: {page}" in said.stdout
    Page(page.read_text(encoding="utf-8"))


def test_the_page_goes_where_it_is_wanted_and_json_is_alone_on_standard_output(
    planned: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pages" / "last-night.html"
    said = CliRunner().invoke(
        app, ["report", str(planned), "--night", "2025-11-10", "--out", str(out), "--json"]
    )
    told = json.loads(said.stdout)
    assert (told["exit_code"], told["page"]) == (said.exit_code, str(out))
    assert out.exists()
    assert len(told["departures"]) == len(told["connectors"]) == 12


@pytest.mark.parametrize(
    ("night", "says"),
    [
        ("2025-11-12", "no stored plan for the night of 2025-11-12"),
        ("yesterday", "a date such as 2025-11-10"),
    ],
)
def test_a_night_that_nobody_knows_is_bad_input(planned: Path, night: str, says: str) -> None:
    said = CliRunner().invoke(app, ["report", str(planned), "--night", night])
    assert said.exit_code == 2
    assert says in said.stderr
    assert not (planned / "plans" / night).exists()


def test_a_depot_without_a_store_gets_none_by_being_looked_back_on(tmp_path: Path) -> None:
    folder = tmp_path / "parcel-12"
    shutil.copytree(PARCEL, folder)
    before = sorted(folder.rglob("*"))
    said = CliRunner().invoke(app, ["report", str(folder), "--night", "2025-11-10"])
    assert said.exit_code == 2
    assert sorted(folder.rglob("*")) == before


def test_a_page_that_cannot_be_written_is_bad_input(planned: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "page.html"
    said = CliRunner().invoke(app, ["report", str(planned), "--night", "2025-11-10", "--out", str(out)])
    assert said.exit_code == 2
    assert "--out" in said.stderr


def test_looking_back_leaves_the_store_as_it_was(planned: Path) -> None:
    journal = open_journal("sqlite:///depot.db", planned)
    before = read_night(journal, date(2025, 11, 10))
    CliRunner().invoke(app, ["report", str(planned), "--night", "2025-11-10"])
    assert read_night(journal, date(2025, 11, 10)) == before
    journal.close()


def test_a_night_that_went_as_planned_ends_with_exit_code_0(planned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parcel-12"
    shutil.copytree(planned, folder)
    depot = load_depot(folder)
    journal = open_journal("sqlite:///depot.db", folder)
    plan = journal.latest_plan(NIGHT)
    assert plan is not None
    for event in as_planned(plan, depot):
        journal.record([event])
    for charger, _ in depot.connectors():
        number = journal.begin_command(
            night=NIGHT, at=NOON, charger_id=charger.id, layer=Layer.PLAN, profile=a_command().profile
        )
        journal.finish_command(number, a_reply(at=NOON))
        journal.add_evidence(a_look(charger.id, time="12:01"))
    journal.close()
    said = CliRunner().invoke(app, ["report", str(folder), "--night", "2025-11-10"])
    assert "All 12 departures were ready." in said.stdout
    assert "Energy cost 36.0" in said.stdout
    assert "All 12 connectors are proven." in said.stdout
    assert said.exit_code == 0
