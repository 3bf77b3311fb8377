from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from optimiser import cli, processes
from optimiser.depot import Depot
from optimiser.inputs import InputError
from optimiser.lp import SolverError
from optimiser.plan import Plan
from optimiser.plan_folders import Planned, Unplanned, plan_all, read_folders, write
from optimiser.terminal import Terminal
from optimiser.verify import PlanRefusedError
from tests.optimiser.folder_builders import NIGHT, VISITS_PATH, write_depot_folder

NOW = datetime(2025, 11, 10, 14, tzinfo=UTC)
SHORT_VISITS = (VISITS_PATH, "2025-11-11T06:30,90", "2025-11-10T18:00,90")


def profiles_of(depot: Depot, plan: Plan) -> str:
    return f"{depot.name}: {len(plan.visits)}"


def stored(folder: Path, depot: Depot, plan: Plan) -> None:
    (folder / "stored").write_text(f"{depot.name} {plan.night}")


def some_folders(root: Path, count: int) -> list[Path]:
    return [write_depot_folder(root / f"depot-{number}") for number in range(count)]


def planned(
    folders: list[Path], *, out: Path | None = None, night: str = NIGHT, as_json: bool = False
) -> cli.ExitCode:
    around = cli.Surroundings(
        save_plan=stored,
        load_plan=lambda *_: None,
        render_profiles=profiles_of,
        with_known_chargers=lambda depot: depot,
        now=lambda: NOW,
    )
    return cli.plan(Terminal(as_json=as_json), folders, night=night, out=out, around=around)


def test_each_of_several_depots_is_planned_stored_and_written(tmp_path: Path) -> None:
    folders = some_folders(tmp_path, 3)

    assert planned(folders) is cli.ExitCode.GOOD

    for folder in folders:
        assert json.loads((folder / "plans" / NIGHT / "plan.json").read_text())["night"] == NIGHT
        assert (folder / "plans" / NIGHT / "profiles.json").read_text() == "two vans: 2"
        assert (folder / "stored").read_text() == f"two vans {NIGHT}"


def test_several_depots_each_get_a_folder_of_their_name(tmp_path: Path) -> None:
    planned(some_folders(tmp_path, 2), out=tmp_path / "out")

    assert {path.name for path in (tmp_path / "out").iterdir()} == {"depot-0", "depot-1"}


def test_one_short_depot_is_named_and_needs_a_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [write_depot_folder(tmp_path / "short", replace=[SHORT_VISITS]), *some_folders(tmp_path, 1)]

    assert planned(folders) is cli.ExitCode.NEEDS_A_PERSON

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:5] for line in lines[1:]] == [
        ["two", "vans", "1", "of", "2"],
        ["two", "vans", "2", "of", "2"],
    ]
    assert lines[1].endswith("van1")


def test_where_one_folder_is_wrong_all_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    good, first, second = some_folders(tmp_path, 3)
    (first / VISITS_PATH).unlink()
    (second / "depot.yaml").write_text("name: [")

    with pytest.raises(InputError) as told:
        planned([good, first, second])

    assert {str(problem).split(":")[0] for problem in told.value.problems} == {str(first), str(second)}
    assert not (good / "plans").exists()


def test_two_plans_never_go_to_one_place(tmp_path: Path) -> None:
    folders = [write_depot_folder(tmp_path / side / "depot") for side in ("left", "right")]

    with pytest.raises(InputError, match="where another plan goes too, allowed folders of different names"):
        planned(folders, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PlanRefusedError(("too much",)), cli.ExitCode.REFUSED),
        (SolverError("slow"), cli.ExitCode.UNREACHABLE),
    ],
)
def test_a_plan_that_is_not_there_keeps_no_other_from_being_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: PlanRefusedError | SolverError,
    code: cli.ExitCode,
) -> None:
    folders = some_folders(tmp_path, 2)

    def first_fails(wanted: Any, **_: Any) -> Any:
        yield Unplanned.because_of(error)
        yield from plan_all(wanted[1:], created_at=NOW, render_profiles=profiles_of)

    monkeypatch.setattr(cli, "plan_all", first_fails)

    assert planned(folders, as_json=True) is code

    document = json.loads(capsys.readouterr().out)
    assert [plan["depot"] for plan in document["plans"]] == ["two vans"]
    assert [problem["where"] for problem in document["errors"]] == [
        f"{folders[0]}: {'the plan' if code is cli.ExitCode.REFUSED else 'the solver'}"
    ]
    assert not (folders[0] / "plans").exists()
    assert (folders[1] / "plans" / NIGHT / "plan.json").exists()


def test_the_plans_are_the_same_for_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = some_folders(tmp_path, 8)
    wanted = read_folders(folders, NIGHT, out=None, with_known_chargers=lambda depot: depot)

    def texts(cores: int) -> list[dict[str, str]]:
        monkeypatch.setattr(processes, "_cores", lambda: cores)
        found = list(plan_all(wanted, created_at=NOW, render_profiles=profiles_of))
        assert all(isinstance(one, Planned) for one in found)
        return [
            {name: _without_seconds(text) for name, text in one.texts.items() if name != "report.html"}
            for one in found
            if isinstance(one, Planned)
        ]

    assert texts(cores=1) == texts(cores=2)


def _without_seconds(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if '"seconds"' not in line)


def test_writing_stores_the_plan_beside_its_files(tmp_path: Path) -> None:
    wanted = read_folders([write_depot_folder(tmp_path)], NIGHT, out=None, with_known_chargers=lambda d: d)
    (one,) = plan_all(wanted, created_at=NOW, render_profiles=profiles_of)
    assert isinstance(one, Planned)

    write(wanted[0], one, save_plan=stored)

    assert (tmp_path / "stored").exists()
    assert (wanted[0].target / "plan.json").read_text() == one.texts["plan.json"]
