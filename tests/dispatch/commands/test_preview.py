"""depot preview: files, standard input, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from dispatch.cli import app
from tests.dispatch.preview_builders import a_profile, a_question


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["preview", *arguments], input=given)


def a_file(folder: Path, content: Any) -> str:
    path = folder / "stack.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def test_an_object_gives_an_object(tmp_path: Path) -> None:
    result = run(a_file(tmp_path, a_question(a_profile())), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["periods"] == [{"startPeriod": 0, "limit": 16.0, "numberPhases": None}]
    assert not result.stderr


def test_an_array_gives_an_array_with_errors_in_their_places(tmp_path: Path) -> None:
    result = run(a_file(tmp_path, [a_question(), {"ocpp": "3"}]), "--json")
    good, bad = json.loads(result.stdout)
    assert result.exit_code == 2
    assert good["periods"] == [{"startPeriod": 0, "limit": None, "numberPhases": None}]
    assert set(bad) == {"error"}
    assert "stack.json[1]: ocpp: found" in result.stderr
    assert json.loads(run(a_file(tmp_path, []), "--json").stdout) == []


def test_standard_input_is_read() -> None:
    result = run("-", "--json", given=json.dumps([a_question()]))
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)) == 1


def test_bad_input_is_an_error_and_exit_code_2(tmp_path: Path) -> None:
    for path in (a_file(tmp_path, {"ocpp": "1.6"}), str(tmp_path), str(tmp_path / "none.json")):
        result = run(path, "--json")
        assert result.exit_code == 2
        assert set(json.loads(result.stdout)) == {"error"}
        result = run(path)
        assert result.exit_code == 2
        assert not result.stdout
    (tmp_path / "latin.json").write_bytes(b'{"ocpp": "\xe4"}')
    assert run(str(tmp_path / "latin.json")).exit_code == 2


def test_without_json_the_stack_is_drawn(tmp_path: Path) -> None:
    result = run(a_file(tmp_path, a_question(a_profile())))
    assert result.exit_code == 0
    assert "TxDefaultProfile 1, level 0, EVSE 1" in result.stdout
    assert "effective limit [A]" in result.stdout
