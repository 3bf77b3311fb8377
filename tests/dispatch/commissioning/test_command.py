"""``depot commission``: its exit codes, its document and its page."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner, Result

from dispatch.cli import app
from dispatch.commissioning.command import document, exit_code
from dispatch.commissioning.page import render
from dispatch.commissioning.protocol import Check, Protocol
from optimiser.cli import ExitCode
from optimiser.inputs.commissioned import capability_file
from tests.dispatch.commissioning.commission_builders import a_yard, commissioned


def depot(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def a_folder(path: Path) -> Path:
    return Path(shutil.copytree("data/parcel-12", path / "parcel-12"))


def test_a_charger_that_the_depot_has_not_is_bad_input(tmp_path: Path) -> None:
    result = depot("commission", str(a_folder(tmp_path)), "--charger", "CP99")
    assert result.exit_code == 2
    assert "CP99" in result.stderr
    assert "CP01, CP02" in result.stderr


def test_without_a_gateway_nothing_is_reached_and_nothing_written(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    result = depot("commission", str(folder), "--charger", "CP01")
    assert result.exit_code == 3
    assert not (folder / "commissioned").exists()


def test_what_was_found_is_told_to_programs_and_people_with_what_has_shown_it(tmp_path: Path) -> None:
    outcome, _ = commissioned(tmp_path, "power-only", "2.0.1")
    told = json.loads(json.dumps(document(outcome)))
    assert {one["check"] for one in told["checks"]} == {check.value for check in Check}
    obeys = next(one for one in told["checks"] if one["check"] == "obeys")
    assert obeys["verdict"] == "pass"
    assert obeys["evidence"][0].startswith("meter 18:3")
    assert told["levers"]["unit"] == {"value": "W", "because": "it takes limits in W only"}
    found = outcome.commissioned(a_yard("2.0.1"))
    page = render(a_yard("2.0.1"), outcome, found)
    assert "it takes limits in W only" in page
    assert all(check.value in page for check in Check)
    assert "firmware: simulated" in capability_file("CP1", found)


def test_the_exit_code_is_good_only_if_all_has_passed(tmp_path: Path) -> None:
    outcome, _ = commissioned(tmp_path, "honest", "1.6")
    assert exit_code(outcome) is ExitCode.GOOD
    assert exit_code(replace(outcome, left=("profile 9000: no answer",))) is ExitCode.NEEDS_A_PERSON
    refused = Protocol(results=outcome.protocol.results, refused=["transformer could be passed by 1.0 kW"])
    assert exit_code(replace(outcome, protocol=refused)) is ExitCode.REFUSED
    failing, _ = commissioned(tmp_path, "no-zero", "1.6")
    assert exit_code(failing) is ExitCode.NEEDS_A_PERSON
