"""``depot history`` on a depot's folder: what the store has of past nights, as a file that later nights learn from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispatch.cli import app
from dispatch.journal import open_journal
from optimiser.inputs import load_depot, load_history
from tests.builders import NIGHT
from tests.dispatch.morning_builders import as_planned

PARCEL = Path(__file__).parents[3] / "data" / "parcel-12"


@pytest.fixture
def lived(tmp_path: Path) -> Path:
    """A folder whose store has one night that went as planned."""
    folder = tmp_path / "parcel-12"
    shutil.copytree(PARCEL, folder)
    assert CliRunner().invoke(app, ["plan", str(folder), "--night", "2025-11-10"]).exit_code == 0
    journal = open_journal("sqlite:///depot.db", folder)
    plan = journal.latest_plan(NIGHT)
    assert plan is not None
    for event in as_planned(plan, load_depot(folder)):
        journal.record([event])
    journal.close()
    return folder


def test_a_night_of_the_store_becomes_rows_and_a_second_time_the_same(lived: Path) -> None:
    said = CliRunner().invoke(app, ["history", str(lived), "--json"])
    assert said.exit_code == 0, said.stderr
    assert json.loads(said.stdout)["nights"] == ["2025-11-10"]
    first = (lived / "history.csv").read_text(encoding="utf-8")
    history = load_history(lived)
    assert len(history.visits) == json.loads(said.stdout)["arrivals"] == 12

    CliRunner().invoke(app, ["history", str(lived)])
    assert (lived / "history.csv").read_text(encoding="utf-8") == first


def test_rows_of_nights_that_the_store_does_not_have_stay(lived: Path) -> None:
    row = "V001,2025-10-01,2025-10-01T17:50,2025-10-01T18:20,46,40\n"
    header = "vehicle_id,night,planned_arrival,arrival,planned_soc_percent,arrival_soc_percent\n"
    (lived / "history.csv").write_text(header + row, encoding="utf-8")
    CliRunner().invoke(app, ["history", str(lived)])
    visits = load_history(lived).visits
    assert len(visits) == 13
    assert (visits[0].vehicle_id, visits[0].late_minutes) == ("V001", 30.0)


def test_a_depot_without_a_store_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "parcel-12"
    shutil.copytree(PARCEL, folder)
    said = CliRunner().invoke(app, ["history", str(folder)])
    assert said.exit_code == 2
    assert "no store" in said.stderr
    assert not (folder / "history.csv").exists()
