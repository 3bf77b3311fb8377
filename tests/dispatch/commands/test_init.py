"""``depot init``: what it writes can be checked, planned and run at once, and nothing that is there is touched."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from dispatch.cli import app
from optimiser.inputs.schema import depot_schema

NIGHT = "2025-11-10"


def depot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--chargers", "1", "--transformer-limit-kw", "10"],
        ["--chargers", "30", "--transformer-limit-kw", "60", "--ocpp", "2.0.1"],
        [
            "--timezone",
            "America/New_York",
            "--currency",
            "USD",
            "--night",
            "2025-03-08",
            "--name",
            'a "b" \\ #1: %',
        ],
        ["--timezone", "Australia/Lord_Howe", "--currency", "AUD", "--night", "2025-10-04"],
    ],
    ids=["plain", "smallest", "crowded", "spring in New York", "half an hour of spring"],
)
def test_what_it_writes_passes_check_and_is_planned_with_everybody_ready(
    tmp_path: Path, options: list[str]
) -> None:
    folder = tmp_path / "depot"
    begun = depot("init", folder, "--json", *options)
    assert begun.exit_code == 0, begun.output
    document = json.loads(begun.stdout)
    assert sorted(document["files"]) == sorted(files_in(folder))
    checked = depot("check", folder, "--json")
    assert checked.exit_code == 0, checked.output
    planned = depot("plan", folder, "--night", document["night"])
    assert planned.exit_code == 0, planned.output
    assert "ready" in planned.output


def test_nothing_is_overwritten_and_every_conflict_is_named(tmp_path: Path) -> None:
    (tmp_path / "depot.yaml").write_text("mine")
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "crontab").symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))
    refused = depot("init", tmp_path, "--json", "--night", NIGHT)
    assert refused.exit_code == 2
    found = [Path(error["where"]).name for error in json.loads(refused.stdout)["errors"]]
    assert found == ["depot.yaml", "crontab"]
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "depot.yaml").read_text() == "mine"


def test_what_else_is_in_the_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert depot("init", tmp_path, "--night", NIGHT).exit_code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "nights").write_text("a file where a folder has to be")
    refused = depot("init", tmp_path, "--night", NIGHT)
    assert refused.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["nights"]


def test_all_wrong_options_are_told_together(tmp_path: Path) -> None:
    wrong = ["--timezone", "Berlin", "--currency", "euro", "--chargers", "0", "--transformer-limit-kw", "3"]
    refused = depot("init", tmp_path / "new", "--json", "--name", " ", *wrong)
    assert refused.exit_code == 2
    places = [error["where"] for error in json.loads(refused.stdout)["errors"]]
    assert places == ["--name", *wrong[::2]]
    assert not (tmp_path / "new").exists()


def keys_of(schema: dict[str, Any]) -> Iterator[str]:
    for part in (schema, *schema["$defs"].values()):
        yield from part.get("properties", {})


def test_every_key_of_a_depot_is_in_the_file_with_words(tmp_path: Path) -> None:
    depot("init", tmp_path, "--night", NIGHT)
    text = (tmp_path / "depot.yaml").read_text("utf-8")
    missing = [key for key in keys_of(depot_schema()) if not re.search(rf"\b{key}\b", text)]
    assert missing == []


def test_keys_that_are_commented_out_count_when_their_mark_is_taken_away(tmp_path: Path) -> None:
    depot("init", tmp_path, "--night", NIGHT)
    path = tmp_path / "depot.yaml"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"^( *)# ( *(?:[a-z_]+:|- \{(?!id: DC)).*)$", r"\1\2", text, flags=re.MULTILINE))
    tree = yaml.safe_load(path.read_text("utf-8"))
    assert {
        "feeders",
        "tls",
        "api_token_file",
        "readiness",
        "demand_windows",
        "classes",
        "rules",
        "tiers",
        "alerts",
    } <= {key for part in (tree, tree["gateway"], tree["policy"], tree["tariff"]) for key in part}
    checked = depot("check", tmp_path)
    assert checked.exit_code == 0, checked.output


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
@pytest.mark.parametrize("name", ["depot", "a depot 5%", 'with "quotes" and $money'])
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.replace('"', "")
    begun = depot("init", folder, "--night", NIGHT, "--name", name)
    assert begun.exit_code == 0, begun.output
    units = sorted((folder / "operations" / "systemd").iterdir())
    verified = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
