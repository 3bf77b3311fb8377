"""``depot alerts``, and a tick that tells, as processes beside a real gateway and a real web server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dispatch.cli import app
from dispatch.journal import Journal, open_journal
from dispatch.store.alerts import AlertBook
from dispatch.store.ticks import TickBook
from tests.dispatch.alert_builders import a_condition
from tests.dispatch.alerts.receivers import a_web_server
from tests.dispatch.dispatch_builders import NOW, a_plan
from tests.dispatch.kill_builders import Yard, a_yard, ended, write_folder


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    write_folder(tmp_path)
    opened = open_journal("sqlite:///depot.db", tmp_path)
    yield opened
    opened.close()


def depot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_alerts_are_listed_acknowledged_and_then_nobody_is_needed_any_more(
    journal: Journal, tmp_path: Path
) -> None:
    AlertBook(engine=journal.engine).update(now=NOW, new=[a_condition()])
    listed = depot("alerts", tmp_path, "--json")
    assert listed.exit_code == 1
    (one,) = json.loads(listed.stdout)["alerts"]
    assert (one["id"], one["state"], one["deliveries"]) == (1, "open", [])
    assert "V1 will not be ready at 06:30" in " ".join(listed.stderr.split())
    known = depot("alerts", tmp_path, "--acknowledge", "1", "--json")
    assert known.exit_code == 0
    assert json.loads(known.stdout)["alerts"][0]["state"] == "acknowledged"
    assert "1 open, 0 of them not acknowledged" in known.stderr


def test_an_alert_that_is_not_open_cannot_be_acknowledged(journal: Journal, tmp_path: Path) -> None:
    AlertBook(engine=journal.engine).update(now=NOW, new=[a_condition()])
    found = depot("alerts", tmp_path, "--acknowledge", "1", "--acknowledge", "7")
    assert found.exit_code == 2
    assert "--acknowledge: found 7, allowed 1" in " ".join((found.stdout + found.stderr).split())
    assert AlertBook(engine=journal.engine).open()[0].acknowledged_at is None


def test_a_depot_without_a_store_or_without_anybody_to_tell_says_so(tmp_path: Path) -> None:
    write_folder(tmp_path)
    assert depot("alerts", tmp_path).exit_code == 2
    open_journal("sqlite:///depot.db", tmp_path).close()
    assert depot("alerts", tmp_path).exit_code == 0
    trial = depot("alerts", tmp_path, "--test")
    assert trial.exit_code == 2
    assert "nobody who is told" in trial.stdout + trial.stderr


def telling(folder: Path, url: str) -> None:
    """Let a folder name a webhook."""
    settings = folder / "depot.yaml"
    settings.write_text(settings.read_text() + "alerts: {webhook: {url_file: hook}}\n")
    (folder / "hook").write_text(url)


def v1_has_to_leave_soon(yard: Yard) -> None:
    """V1 is to leave full within an hour and a half, which no charger can do."""
    visits = yard.folder / "nights" / "2025-11-10" / "visits.csv"
    lines = visits.read_text().replace(
        "V1,CP1,1,2025-11-10T17:50,50,2025-11-11T07:00,50",
        "V1,CP1,1,2025-11-10T17:50,50,2025-11-10T22:30,100",
    )
    visits.write_text(lines)
    sooner, *others = yard.night.visits
    late = replace(
        sooner,
        departure=yard.began_at.replace(
            year=2025, month=11, day=10, hour=21, minute=30, second=0, microsecond=0
        ),
        required_soc_percent=100.0,
    )
    night = replace(yard.night, visits=(late, *others))
    yard.journal.save_plan(a_plan(yard.depot, night, created_at=yard.now()))


async def test_a_departure_at_risk_is_told_by_the_tick_that_sees_it_and_only_by_that_one(
    tmp_path: Path,
) -> None:
    async with a_web_server() as server, a_yard(tmp_path, seed=1) as yard:
        telling(yard.folder, server.url())
        v1_has_to_leave_soon(yard)
        for _ in range(2):
            process = yard.start_dispatcher()
            await ended(process)
            assert process.exitcode == 1, (yard.folder / "dispatch.err").read_text()
        document = json.loads((yard.folder / "dispatch.out").read_text())
        latest = TickBook(engine=yard.journal.engine).latest()
    (posted,) = server.posted
    (alert,) = posted["alerts"]
    assert alert["cause"] == "departure_at_risk"
    assert alert["what"].startswith("V1 at CP1/1 will not be ready: leaves at Mon 22:30 with")
    assert (alert["vehicle_id"], alert["charger_id"], alert["connector_id"]) == ("V1", "CP1", 1)
    assert [one["id"] for one in document["alerts"]] == [alert["id"]]
    assert f"depot alerts {yard.folder.resolve()} --acknowledge" in posted["text"]
    assert latest is not None
    assert (latest.exit_code, latest.summary) == (1, document["summary"])


async def test_a_webhook_that_is_away_stops_no_tick(tmp_path: Path) -> None:
    async with a_yard(tmp_path, seed=1) as yard:
        telling(yard.folder, "http://127.0.0.1:1/very-secret")
        v1_has_to_leave_soon(yard)
        process = yard.start_dispatcher()
        await ended(process)
        said = (yard.folder / "dispatch.err").read_text()
        assert process.exitcode == 1, said
    assert "could not be told, to be tried again at the next tick by webhook" in said
    assert "very-secret" not in said


async def test_a_trial_goes_by_every_way(tmp_path: Path) -> None:
    async with a_web_server() as server, a_yard(tmp_path, seed=1) as yard:
        telling(yard.folder, server.url())
        process = yard.start("alerts", "--test", "--json")
        await ended(process)
        assert process.exitcode == 0, (yard.folder / "alerts.err").read_text()
    assert server.posted[0]["text"].startswith("four vans: a trial, nothing is wrong")
