"""``depot rehearse`` as it is called: one document, honest exit codes, the same bytes for the same seed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dispatch.cli import app

ROOT = Path(__file__).parents[3]
KEYS = [
    "nights",
    "limit_violations",
    "lost_entries",
    "ready_possible",
    "ready",
    "unannounced",
    "crashes",
    "worst",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The parcel depot with three of its vans, and a tick every hour."""
    copy = tmp_path / "parcel-12"
    shutil.copytree(ROOT / "data" / "parcel-12", copy)
    visits = copy / "nights" / "2025-11-10" / "visits.csv"
    visits.write_text("".join(visits.read_text("utf-8").splitlines(keepends=True)[:4]), "utf-8")
    depot = copy / "depot.yaml"
    depot.write_text(depot.read_text("utf-8") + "\npolicy: {tick_minutes: 60}\n", "utf-8")
    return copy


def rehearse(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["rehearse", str(folder), "--night", "2025-11-10", *options])


def test_a_night_that_keeps_every_promise_ends_well(folder: Path) -> None:
    said = rehearse(folder, "--json")
    assert said.exit_code == 0
    document = json.loads(said.stdout)
    assert list(document) == KEYS
    assert (document["nights"], document["ready"], document["worst"]) == (1, 3, [])


def test_a_broken_promise_is_told_with_the_faults_that_break_it(folder: Path, tmp_path: Path) -> None:
    story = tmp_path / "faults.yaml"
    story.write_text("- base-load: {at: 22:00, kw: 34, minutes: 600}\n- absent: {vehicle: V003}\n", "utf-8")
    said = rehearse(folder, "--faults", str(story))
    assert said.exit_code == 1
    assert "- base-load: {at: 22:00, kw: 34, minutes: 600}" in said.output


def test_random_nights_are_the_same_for_a_seed_on_however_many_cores(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for cores in (1, 2):
        monkeypatch.setattr("dispatch.rehearsal.chaos.os.cpu_count", lambda cores=cores: cores)
        said.append(rehearse(folder, "--chaos", "2", "--seed", "3", "--json"))
    assert said[0].stdout == said[1].stdout
    assert json.loads(said[0].stdout)["nights"] == 2
    assert "2 of 2 nights" in said[0].stderr


def test_faults_that_cannot_be_are_bad_input(folder: Path, tmp_path: Path) -> None:
    story = tmp_path / "faults.yaml"
    story.write_text("- late: {vehicle: V099, minutes: 5}", "utf-8")
    said = rehearse(folder, "--faults", str(story))
    assert said.exit_code == 2
    assert "V099" in said.output


def test_what_is_kept_of_a_night_is_its_journal_and_its_morning_page(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert rehearse(folder, "--out", str(kept)).exit_code == 0
    assert sorted(path.name for path in kept.iterdir()) == ["morning.html", "rehearsal.db"]
    assert "V001" in (kept / "morning.html").read_text("utf-8")
    again = rehearse(folder, "--out", str(kept))
    assert (again.exit_code, "rehearsal.db" in again.output) == (2, True)


def test_of_many_nights_nothing_is_kept(folder: Path, tmp_path: Path) -> None:
    said = rehearse(folder, "--chaos", "1", "--out", str(tmp_path / "kept"))
    assert said.exit_code == 2
    assert not (tmp_path / "kept").exists()
