from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from optimiser import what_if_command
from optimiser.inputs import InputError, Problem
from optimiser.sweep.cache import FILE
from tests.optimiser.folder_builders import VISITS_CSV, VISITS_PATH, write_depot_folder

LIMIT = "site.transformer_limit_kw"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_depot_folder(tmp_path / "depot")


def called(*arguments: object) -> Result:
    app = typer.Typer()
    what_if_command.register(app, with_known_chargers=lambda depot: depot)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_starts_without_what_only_a_sweep_needs() -> None:
    code = "import sys, optimiser.what_if_command; print({'pandas', 'concurrent.futures.process'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_people_get_one_table_and_progress_steps_aside(folder: Path) -> None:
    result = called(folder, "--set", f"{LIMIT}=20:40:10", "--set", "tariff.peak_so_far_kw=0,20")

    header, *rows = result.stdout.splitlines()
    assert result.exit_code == 0
    assert header.split()[:4] == [LIMIT, "tariff.peak_so_far_kw", "night", "ready"]
    assert header.split()[-4:] == ["energy", "demand", "peak_kw", "shortfall_kwh"]
    assert [row.split()[:3] for row in rows[:2]] == [["20", "0", "2025-11-10"], ["20", "20", "2025-11-10"]]
    assert len(rows) == 6
    assert "planning nights: 6 of 6" in result.stderr


def test_people_are_not_shown_what_says_nothing(folder: Path) -> None:
    no_charge = ("--set", "tariff.demand_charge_per_kw=0")

    header = called(folder, *no_charge).stdout.splitlines()[0].split()

    assert header[1:] == ["night", "ready", "departures", "readiness", "cost", "peak_kw", "shortfall_kwh"]


def test_programs_get_one_document_with_all_digits(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.csv"

    result = called(folder, "--set", f"{LIMIT}=5,40", "--out", out, "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["changes"] == [LIMIT]
    assert document["currency"] == "EUR"
    assert document["file"] == str(out)
    written = pd.read_csv(out)
    assert document["rows"] == written.to_dict("records")
    assert document["rows"][0]["readiness"] < 1.0 == document["rows"][1]["readiness"]


def test_without_a_night_all_of_them_are_planned_with_nights_those(folder: Path) -> None:
    write_depot_folder(
        folder,
        files={
            "nights/2025-11-11/visits.csv": VISITS_CSV.replace("11-11", "11-12").replace("11-10", "11-11")
        },
    )

    def nights(*arguments: str) -> list[str]:
        result = called(folder, *arguments, "--json")
        return [row["night"] for row in json.loads(result.stdout)["rows"]]

    assert nights() == ["2025-11-10", "2025-11-11"]
    assert nights("--night", "2025-11-11") == ["2025-11-11"]
    assert nights("--night", "2025-11-11", "--night", "2025-11-10") == ["2025-11-11", "2025-11-10"]


def test_visits_with_a_spread_are_drawn(folder: Path) -> None:
    header, *rows = VISITS_CSV.splitlines()
    visits = "\n".join([f"{header},arrival_sd_minutes", *(f"{row},30" for row in rows)]) + "\n"
    write_depot_folder(folder, files={VISITS_PATH: visits})

    result = called(folder, "--seeds", "3", "--json")

    assert [row["seed"] for row in json.loads(result.stdout)["rows"]] == [1, 2, 3]


def test_a_cache_is_kept_where_it_is_wanted(folder: Path, tmp_path: Path) -> None:
    first = called(folder, "--set", f"{LIMIT}=20,30", "--cache", tmp_path / "cache", "--json")
    again = called(folder, "--set", f"{LIMIT}=20,30", "--cache", tmp_path / "cache", "--json")

    assert first.stdout == again.stdout
    assert len((tmp_path / "cache" / FILE).read_text().splitlines()) == 2


def test_everything_wrong_is_listed_and_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    result = called(
        folder,
        *("--set", "site.limit=3", "--set", f"{LIMIT}=a", "--set", f"{LIMIT}=3", "--set", "x"),
        *("--out", tmp_path / "nowhere" / "table.csv", "--cache", tmp_path / "cache", "--json"),
    )

    assert result.exit_code == 2
    assert [error["where"] for error in json.loads(result.stdout)["errors"]] == [
        "--out",
        "--set",
        "--set",
        "change site.limit",
        f"change {LIMIT}",
    ]
    assert not (tmp_path / "cache").exists()


def test_a_broken_folder_and_a_night_that_is_not_there_are_bad_input(folder: Path, tmp_path: Path) -> None:
    assert called(tmp_path / "nowhere").exit_code == 2
    result = called(folder, "--night", "2025-01-01", "--night", "2025-01-02", "--json")

    assert result.exit_code == 2
    assert len(json.loads(result.stdout)["errors"]) == 2


def test_what_the_parts_above_know_of_chargers_counts(folder: Path) -> None:
    app = typer.Typer()

    def refuse(_depot: object) -> object:
        raise InputError([Problem(where="chargers[0]", found="a riddle", allowed="a model")])

    what_if_command.register(app, with_known_chargers=refuse)  # type: ignore[arg-type]

    assert CliRunner().invoke(app, [str(folder)]).exit_code == 2
