"""What the README shows is what happens."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispatch.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_block_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    assert "kW at most" in capsys.readouterr().out


def test_the_plan_says_what_the_readme_prints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "data" / "parcel-12", tmp_path / "data" / "parcel-12")
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(
        app, ["plan", "data/parcel-12", "--night", "2025-11-10", "--out", str(tmp_path / "tonight")]
    )
    printed = README.split("--out /tmp/tonight\n")[1].split("```")[0]
    assert said.exit_code == 0
    assert printed.strip() in said.output


def test_the_picture_is_what_the_script_draws_from_the_sample_depot(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "notebooks" / "make_pictures.py"))
    script["draw"](tmp_path)
    for name in re.findall(r"notebooks/pictures/([\w-]+\.svg)", README):
        drawn, kept = (
            (folder / name).read_text("utf-8") for folder in (tmp_path, ROOT / "notebooks/pictures")
        )
        assert re.findall(r">([^<>]+)</text>", drawn) == re.findall(r">([^<>]+)</text>", kept) != []
        assert set(re.findall(r"#[0-9a-f]{6}", drawn)) == set(re.findall(r"#[0-9a-f]{6}", kept))


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_command_is_documented() -> None:
    commands = {command.name for command in app.registered_commands}
    assert commands
    assert all(f"depot {name}" in README for name in commands)
