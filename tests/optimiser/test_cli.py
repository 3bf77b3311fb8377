from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from optimiser import cli, plan_folders
from optimiser.depot import Depot
from optimiser.lp import SolverError
from optimiser.plan import Plan
from optimiser.verify import PlanRefusedError
from optimiser.writing import write_together
from tests.optimiser.folder_builders import NIGHT, VISITS_CSV, VISITS_PATH, write_depot_folder

NOW = datetime(2025, 11, 10, 14, tzinfo=UTC)
SHORT_VISITS = (VISITS_PATH, "2025-11-11T06:30,90", "2025-11-10T18:00,90")
BROKEN = [("depot.yaml", "reserve_kw: 1", "reserve: 1"), (VISITS_PATH, "17:50,30", "17:50,140")]


def test_commands_that_draw_nothing_do_not_wait_for_what_draws() -> None:
    code = "import sys, optimiser.cli; print({'matplotlib', 'jinja2', 'pandas'} & set(sys.modules) or 'none')"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "none\n"


@dataclass
class Store:
    """Plans by folder and night, in memory."""

    plans: dict[tuple[Path, date], Plan] = field(default_factory=dict)

    def save(self, folder: Path, depot: Depot, plan: Plan) -> None:
        assert depot.name == plan.depot
        self.plans[folder, plan.night] = plan

    def load(self, folder: Path, depot: Depot, night: date) -> Plan | None:
        del depot
        return self.plans.get((folder, night))


def an_app(store: Store) -> typer.Typer:
    app = typer.Typer()
    cli.register(
        app,
        save_plan=store.save,
        load_plan=store.load,
        render_profiles=lambda depot, plan: json.dumps({"depot": depot.name, "visits": len(plan.visits)}),
        now=lambda: NOW,
    )
    return app


def run(*arguments: str | Path, store: Store | None = None) -> Result:
    result = CliRunner().invoke(an_app(store or Store()), [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def document(result: Result) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(result.stdout)
    return read


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_check_sums_up_a_good_folder(tmp_path: Path) -> None:
    result = run("check", write_depot_folder(tmp_path))

    assert result.exit_code == 0
    assert "two vans: 2 vehicles, 2 chargers with 3 connectors, transformer limit 43.0 kW" in result.stdout
    assert "1 night: 2025-11-10 (2 visits)" in result.stdout


def test_check_says_by_how_much_forgetful_chargers_could_pass_a_limit(tmp_path: Path) -> None:
    wide_hall = ("depot.yaml", "{id: hall, limit_kw: 40}", "{id: hall, limit_kw: 90}")
    result = run("check", write_depot_folder(tmp_path, replace=[wide_hall]))

    # 22.08 kW and 50 / 0.95 + 3.68 kW behind 43 − 1 − 5 kW; the hall has 90 − 1 − 5 kW for them.
    assert "draw up to 78.4 kW, 41.4 kW above the transformer limit after base load" in result.stdout
    assert "feeder" not in result.stdout


def test_check_counts_base_load_and_phases_at_a_feeder_that_hangs_on_the_transformer(tmp_path: Path) -> None:
    # 78.4 kW fit behind 80 kW, but not beside 1 kW of reserve and 5 kW of base load.
    hall = ("depot.yaml", "{id: hall, limit_kw: 40}", "{id: hall, limit_kw: 80, limit_per_phase_a: 100}")
    result = run("check", write_depot_folder(tmp_path, replace=[hall]))

    assert "78.4 kW, 4.4 kW above the limit of feeder hall after base load and reserve" in result.stdout
    assert "above the limit of feeder hall on L1 after base load and reserve" in result.stdout


def test_check_says_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path, replace=BROKEN)

    result = run("check", folder)

    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"{len(lines) - 1} problems with ")
    assert any("reserve" in line for line in lines)
    assert any("140" in line for line in lines)


def test_check_reads_every_night_and_says_the_depot_s_problems_once(tmp_path: Path) -> None:
    bad_visits = VISITS_CSV.replace("17:50,30", "17:50,140")
    folder = write_depot_folder(
        tmp_path, files={"nights/2025-11-12/visits.csv": bad_visits}, replace=BROKEN[:1]
    )

    errors = document(run("check", folder, "--json"))["errors"]

    assert sum("reserve" in error["where"] + error["found"] for error in errors) == 1
    assert any("2025-11-12" in error["where"] for error in errors)


def test_check_of_one_night_leaves_the_others_alone(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path, files={"nights/2025-11-12/visits.csv": "nonsense"})

    assert run("check", folder, "--night", NIGHT).exit_code == 0
    assert run("check", folder).exit_code == 2


def test_check_prints_one_document(tmp_path: Path) -> None:
    result = run("check", write_depot_folder(tmp_path), "--json")

    read = document(result)
    assert (read["depot"], read["vehicles"], read["connectors"]) == ("two vans", 2, 3)
    assert [(night["night"], night["visits"], night["steps"]) for night in read["nights"]] == [(NIGHT, 2, 96)]
    assert "two vans" in result.stderr


@pytest.mark.parametrize("command", ["check", "plan", "show"])
def test_a_missing_folder_is_bad_input(tmp_path: Path, command: str) -> None:
    night = ("--night", NIGHT) if command == "plan" else ()

    result = run(command, tmp_path / "nowhere", *night, "--json")

    assert result.exit_code == 2
    assert "nowhere" in document(result)["errors"][0]["where"]


@pytest.mark.parametrize("command", ["check", "plan", "show"])
def test_a_bad_date_says_what_is_allowed(tmp_path: Path, command: str) -> None:
    result = run(command, write_depot_folder(tmp_path), "--night", "10.11.2025", "--json")

    assert result.exit_code == 2
    assert document(result)["errors"][0]["allowed"] == "a date such as 2025-11-10"


@pytest.mark.parametrize("command", ["check", "plan", "show"])
def test_an_unknown_option_is_an_error(tmp_path: Path, command: str) -> None:
    result = run(command, tmp_path, "--nihgt", NIGHT)

    assert result.exit_code == 2
    assert "No such option" in result.stderr


def test_plan_writes_three_files_and_stores_the_same_plan(tmp_path: Path) -> None:
    store = Store()
    folder = write_depot_folder(tmp_path)

    result = run("plan", folder, "--night", NIGHT, store=store)

    target = folder / "plans" / NIGHT
    assert result.exit_code == 0, result.output
    assert files(target) == {"plan.json", "profiles.json", "report.html"}
    written = Plan.from_document(json.loads((target / "plan.json").read_text(encoding="utf-8")))
    assert written.to_json() == store.plans[folder, date(2025, 11, 10)].to_json()
    assert written == store.plans[folder, date(2025, 11, 10)]
    assert written.created_at == NOW
    assert written.baseline["name"] == "plug-and-charge"
    assert json.loads((target / "profiles.json").read_text()) == {"depot": "two vans", "visits": 2}
    assert "All 2 departures are ready." in (target / "report.html").read_text(encoding="utf-8")


def test_plan_sums_up_against_plug_and_charge(tmp_path: Path) -> None:
    result = run("plan", write_depot_folder(tmp_path), "--night", NIGHT)

    assert "All 2 departures are ready." in result.stdout
    assert "planned  plug-and-charge  difference" in result.stdout
    assert str(tmp_path / "plans" / NIGHT / "report.html") in result.stdout
    assert result.stderr == f"planning 2 visits of {NIGHT} at two vans\n"


def test_plan_can_write_elsewhere(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path / "depot")

    result = run("plan", folder, "--night", NIGHT, "--out", tmp_path / "a" / "b", "--json")

    assert result.exit_code == 0
    assert document(result)["files"]["plan.json"] == str(tmp_path / "a" / "b" / "plan.json")
    assert files(tmp_path / "a" / "b") == {"plan.json", "profiles.json", "report.html"}
    assert not (folder / "plans").exists()


def test_planning_again_replaces_the_files(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path)
    run("plan", folder, "--night", NIGHT)
    (folder / "plans" / NIGHT / "plan.json").write_text("old", encoding="utf-8")

    assert run("plan", folder, "--night", NIGHT).exit_code == 0

    assert json.loads((folder / "plans" / NIGHT / "plan.json").read_text(encoding="utf-8"))


def test_plan_of_a_night_with_a_shortfall_needs_a_person(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path, replace=[SHORT_VISITS])

    result = run("plan", folder, "--night", NIGHT, "--json")

    assert result.exit_code == 1
    assert [short["vehicle_id"] for short in document(result)["short"]] == ["van1"]
    assert "1 of 2 departures is short: van1 (leaves 18:00) by" in result.stderr


def test_plan_of_a_bad_folder_writes_and_stores_nothing(tmp_path: Path) -> None:
    store = Store()
    folder = write_depot_folder(tmp_path, replace=BROKEN)
    before = files(tmp_path)

    result = run("plan", folder, "--night", NIGHT, "--out", tmp_path / "out", "--json", store=store)

    assert result.exit_code == 2
    assert len(document(result)["errors"]) >= 2
    assert files(tmp_path) == before
    assert store.plans == {}


@pytest.mark.parametrize(
    ("error", "code"),
    [(PlanRefusedError(("44 kW at 18:00 where 43 may be",)), 4), (SolverError("no optimum in 60 s"), 3)],
)
def test_a_plan_that_is_refused_or_not_found_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(*_: object, **__: object) -> Plan:
        raise error

    monkeypatch.setattr(plan_folders, "plan_night", fail)
    folder = write_depot_folder(tmp_path)
    before = files(tmp_path)

    result = run("plan", folder, "--night", NIGHT, "--json")

    assert result.exit_code == code
    (told,) = document(result)["errors"]
    assert told["found"] in {"44 kW at 18:00 where 43 may be", "no optimum in 60 s"}
    assert files(tmp_path) == before


def test_a_target_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    store = Store()
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    result = run(
        "plan",
        write_depot_folder(tmp_path / "depot"),
        "--night",
        NIGHT,
        "--out",
        tmp_path / "file",
        "--json",
        store=store,
    )

    assert result.exit_code == 2
    assert document(result)["errors"][0]["where"] == "--out"
    assert store.plans == {}


def test_a_plan_that_cannot_be_stored_is_not_written(tmp_path: Path) -> None:
    def fail() -> None:
        raise ConnectionError("the store is away")

    with pytest.raises(ConnectionError):
        write_together(tmp_path / "plans" / "out", {"plan.json": "{}"}, before=fail)

    assert list(tmp_path.iterdir()) == []


def test_plan_needs_a_night(tmp_path: Path) -> None:
    result = run("plan", write_depot_folder(tmp_path))

    assert result.exit_code == 2
    assert "--night" in result.stderr


def test_show_prints_a_file_again(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path)
    run("plan", folder, "--night", NIGHT)

    result = run("show", folder / "plans" / NIGHT / "plan.json")

    assert result.exit_code == 0
    assert "All 2 departures are ready." in result.stdout
    assert "Tue 06:30  van1" in result.stdout
    assert "CP01/1" in result.stdout


def test_show_prints_a_stored_plan_with_its_amperes(tmp_path: Path) -> None:
    store = Store()
    folder = write_depot_folder(tmp_path)
    run("plan", folder, "--night", NIGHT, store=store)

    named = run("show", folder, "--night", NIGHT, store=store)
    tonight = run("show", folder, store=store)

    assert named.exit_code == 0
    assert "A × 3" in named.stdout
    assert tonight.stdout == named.stdout


def test_show_prints_one_document_with_the_plan_and_its_periods(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path)
    run("plan", folder, "--night", NIGHT)
    path = folder / "plans" / NIGHT / "plan.json"

    read = document(run("show", path, "--json"))

    assert read["plan"] == json.loads(path.read_text(encoding="utf-8"))
    periods = read["connectors"][0]["periods"]
    assert periods[0]["start"] == "2025-11-10T12:00:00+01:00"
    assert periods[-1]["end"] == "2025-11-11T12:00:00+01:00"
    assert all(one["end"] == other["start"] for one, other in itertools.pairwise(periods))


def test_show_of_a_night_that_was_not_planned_says_how_to_plan_it(tmp_path: Path) -> None:
    result = run("show", write_depot_folder(tmp_path), "--night", NIGHT)

    assert result.exit_code == 2
    assert f"--night {NIGHT}" in result.stderr


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": "depot-plan/2"}', '{"schema": "depot-plan/1"}']
)
def test_show_of_something_else_is_bad_input(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content, encoding="utf-8")

    result = run("show", path, "--json")

    assert result.exit_code == 2
    assert document(result)["errors"][0]["where"] == str(path)


@pytest.mark.parametrize("part", ["horizon", "visits", "site", "feeders", "cost", "solver"])
def test_show_of_a_plan_with_a_broken_part_is_bad_input(tmp_path: Path, part: str) -> None:
    folder = write_depot_folder(tmp_path)
    run("plan", folder, "--night", NIGHT)
    path = folder / "plans" / NIGHT / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {part: 3}), encoding="utf-8")

    assert run("show", path).exit_code == 2


def test_a_night_beside_a_file_is_an_error(tmp_path: Path) -> None:
    result = run("show", tmp_path / "plan.json", "--night", NIGHT)

    assert result.exit_code == 2
    assert "--night" in result.stderr


def test_every_command_has_help() -> None:
    result = run("--help")

    for command in ("check", "plan", "show"):
        assert command in result.stdout
        assert "--json" in run(command, "--help").stdout
