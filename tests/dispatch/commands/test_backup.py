"""``depot backup``, and what every command says of a store that cannot be written."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from dispatch.cli import app
from dispatch.journal import open_journal
from dispatch.store import opening
from tests.builders import NIGHT
from tests.dispatch.postgresql_builders import PostgreSql

PARCEL_12 = Path(__file__).parents[3] / "data" / "parcel-12"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned") / "depot"
    shutil.copytree(
        PARCEL_12, folder, ignore=shutil.ignore_patterns("plans", "*.db*", "api-token*", "backups")
    )
    assert depot("plan", folder, "--night", NIGHT.isoformat()).exit_code == 0
    return folder


@pytest.fixture
def folder(planned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planned, tmp_path / "depot"))


def depot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    return " ".join(result.stderr.split())


def test_a_store_is_copied_where_it_is_wanted_or_into_a_folder_of_copies(folder: Path) -> None:
    named = depot("backup", folder, "--to", folder / "copy.db", "--json")
    assert named.exit_code == 0
    document = json.loads(named.stdout)
    assert document["file"] == str(folder / "copy.db")
    assert document["size_bytes"] == (folder / "copy.db").stat().st_size
    assert depot("backup", folder).exit_code == 0
    for file in (folder / "copy.db", *(folder / "backups").iterdir()):
        copy = open_journal(f"sqlite:///{file}", folder)
        assert copy.latest_plan(NIGHT) is not None
        copy.close()


def test_without_a_store_there_is_nothing_to_copy_and_none_is_made(folder: Path) -> None:
    for file in folder.glob("depot.db*"):
        file.unlink()
    result = depot("backup", folder)
    assert result.exit_code == 2
    assert "no store yet" in said(result)
    assert list(folder.glob("depot.db*")) == []
    assert not (folder / "backups").exists()


def test_a_copy_onto_the_store_is_bad_input(folder: Path) -> None:
    result = depot("backup", folder, "--to", folder / "depot.db")
    assert result.exit_code == 2
    assert "is the store itself" in said(result)


def test_a_postgresql_store_is_left_to_its_own_tool(postgresql: PostgreSql, folder: Path) -> None:
    tree = yaml.safe_load((folder / "depot.yaml").read_text())
    (folder / "depot.yaml").write_text(yaml.safe_dump(tree | {"store": postgresql.new_database()}))
    assert depot("plan", folder, "--night", NIGHT.isoformat()).exit_code == 0
    assert depot("show", folder, "--night", NIGHT.isoformat()).exit_code == 0
    result = depot("backup", folder)
    assert result.exit_code == 2
    assert "pg_dump" in said(result)


@pytest.fixture
def locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_S", 0.02)
    with closing(sqlite3.connect(folder / "depot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield folder


@pytest.mark.parametrize("command", ["plan", "dispatch"])
def test_a_store_that_another_process_holds_is_unreachable_and_named(locked: Path, command: str) -> None:
    result = depot(command, locked, "--night", NIGHT.isoformat())
    assert result.exit_code == 3
    assert "store: found store sqlite:///depot.db: database is locked" in said(result)
    assert "Traceback" not in result.stderr


def test_a_server_that_is_away_is_unreachable(folder: Path) -> None:
    tree = yaml.safe_load((folder / "depot.yaml").read_text())
    (folder / "depot.yaml").write_text(
        yaml.safe_dump(tree | {"store": "postgresql://depot@127.0.0.1:1/depot"})
    )
    result = depot("dispatch", folder, "--night", NIGHT.isoformat())
    assert result.exit_code == 3
    assert "127.0.0.1:1" in said(result)
