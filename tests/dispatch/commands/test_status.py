"""``depot status`` as it is called: what it says of bad input, and of a depot without gateway or plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dispatch.cli import app
from tests.dispatch.overnight_builders import a_free_address


def depot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A depot of which no gateway runs and no night was planned."""
    begun = depot("init", tmp_path / "depot")
    assert begun.exit_code == 0
    path = tmp_path / "depot" / "depot.yaml"
    path.write_text(path.read_text().replace("127.0.0.1:9001", str(a_free_address())))
    return path.parent


def test_a_folder_with_mistakes_is_bad_input(folder: Path) -> None:
    (folder / "depot.yaml").write_text("name: d\nunknown: 1\n")
    result = depot("status", folder, "--json")
    assert result.exit_code == 2
    assert any(error["where"].endswith("unknown") for error in json.loads(result.stdout)["errors"])


def test_without_a_gateway_the_exit_code_is_3_and_nothing_is_made(folder: Path) -> None:
    result = depot("status", folder)
    assert result.exit_code == 3
    assert "cannot be reached: all connection attempts failed" in " ".join(result.output.split())
    assert "none for tonight" in result.output
    assert not (folder / "depot.db").exists()
