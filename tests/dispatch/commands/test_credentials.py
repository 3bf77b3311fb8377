from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from dispatch.cli import app
from dispatch.credentials import COST_OF_GIVEN, COST_OF_MADE, read_credentials
from tests.optimiser.folder_builders import write_depot_folder

GIVEN = "a-password-of-old"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A depot with two chargers, CP01 and CP02, that names credentials.yaml."""
    made = write_depot_folder(tmp_path)
    (made / "credentials.yaml").unlink(missing_ok=True)
    return made


def credentials(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["credentials", *map(str, arguments)], input=stdin)


def ids(folder: Path) -> list[str]:
    return [charger["id"] for charger in yaml.safe_load((folder / "depot.yaml").read_text())["chargers"]]


def made(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return dict(document["passwords"])


def test_all_chargers_without_a_password_get_one_that_is_shown_once(folder: Path) -> None:
    passwords = made(credentials("add", folder, "--json"))
    assert sorted(passwords) == sorted(ids(folder))
    path = folder / "credentials.yaml"
    kept = read_credentials(path)
    assert all(kept[name].matches(text.encode()) for name, text in passwords.items())
    assert {entry.cost for entry in kept.values()} == {COST_OF_MADE}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made(credentials("add", folder, "--json")) == {}


def test_people_see_a_password_as_chargers_want_it_entered(folder: Path) -> None:
    name = ids(folder)[0]
    result = credentials("add", folder, "--charger", name)
    line = next(line for line in result.stdout.splitlines() if line.startswith(name))
    _, password, key = line.split()
    assert bytes.fromhex(key).decode() == password
    assert list(read_credentials(folder / "credentials.yaml")) == [name]


def test_with_json_no_password_is_among_the_words_for_people(folder: Path) -> None:
    result = credentials("add", folder, "--json")
    assert not any(password in result.stderr for password in made(result).values())


def test_a_rotated_password_is_another_and_the_others_stay(folder: Path) -> None:
    name, *others = ids(folder)
    before = made(credentials("add", folder, "--json"))
    after = made(credentials("rotate", folder, "--charger", name, "--json"))
    assert list(after) == [name]
    kept = read_credentials(folder / "credentials.yaml")
    assert kept[name].matches(after[name].encode())
    assert not kept[name].matches(before[name].encode())
    assert all(kept[other].matches(before[other].encode()) for other in others)


def test_a_password_that_a_charger_has_already_is_taken_over(folder: Path) -> None:
    name = ids(folder)[0]
    result = credentials("add", folder, "--charger", name, "--stdin", "--json", stdin=f"{GIVEN}\n")
    assert made(result) == {}
    assert GIVEN not in result.output
    entry = read_credentials(folder / "credentials.yaml")[name]
    assert entry.matches(GIVEN.encode())
    assert entry.cost == COST_OF_GIVEN


@pytest.mark.parametrize(
    ("arguments", "stdin", "complaint"),
    [
        (["add", "--charger", "CP99"], None, "CP99"),
        (["rotate"], None, "no charger named"),
        (["rotate", "--charger", "{first}"], None, "without a password"),
        (["add", "--charger", "{first}", "--stdin"], "short\n", "16 to 40"),
        (["add", "--stdin"], f"{GIVEN}\n", "one --charger"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    folder: Path, arguments: list[str], stdin: str | None, complaint: str
) -> None:
    command, *options = (part.replace("{first}", ids(folder)[0]) for part in arguments)
    result = credentials(command, folder, *options, stdin=stdin)
    assert result.exit_code == 2
    assert complaint in " ".join(result.stderr.split())
    assert GIVEN not in result.output
    assert not (folder / "credentials.yaml").exists()


def test_a_charger_that_has_a_password_is_not_given_another_by_mistake(folder: Path) -> None:
    name = ids(folder)[0]
    made(credentials("add", folder, "--json"))
    before = (folder / "credentials.yaml").read_text()
    result = credentials("add", folder, "--charger", name)
    assert result.exit_code == 2
    assert "depot credentials rotate" in " ".join(result.stderr.split())
    assert (folder / "credentials.yaml").read_text() == before


def test_a_file_of_passwords_as_they_are_is_refused_and_left(folder: Path) -> None:
    path = folder / "credentials.yaml"
    path.write_text(f"{ids(folder)[0]}: {GIVEN}\n")
    result = credentials("add", folder)
    assert result.exit_code == 2
    assert GIVEN not in result.output
    assert path.read_text() == f"{ids(folder)[0]}: {GIVEN}\n"


def test_a_depot_that_names_no_file_is_told_to(folder: Path) -> None:
    text = (folder / "depot.yaml").read_text()
    (folder / "depot.yaml").write_text(text.replace(", credentials: credentials.yaml", ""))
    result = credentials("add", folder)
    assert result.exit_code == 2
    assert "gateway.credentials" in " ".join(result.stderr.split())
