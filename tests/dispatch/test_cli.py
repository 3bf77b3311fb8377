"""The ``depot`` command: exit codes, one JSON document, and a night with gateway and charge points as processes."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from dispatch.api import Role, stations_of
from dispatch.cli import app
from dispatch.credentials import write_credentials
from dispatch.journal import open_journal
from dispatch.station import LiveState, StationsUnreachableError
from optimiser.inputs import load_depot
from tests.builders import NIGHT
from tests.dispatch.gateway_builders import hashed
from tests.dispatch.overnight_builders import PATIENCE_S, a_free_address

PARCEL_12 = Path(__file__).parents[2] / "data" / "parcel-12"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """parcel-12 on free ports, with passwords, without waiting for limits to settle."""
    folder = tmp_path / "depot"
    shutil.copytree(PARCEL_12, folder, ignore=shutil.ignore_patterns("plans", "*.db*", "api-token*"))
    change(folder, lambda tree: tree.setdefault("policy", {}).update(settle_s=0))
    change(
        folder,
        lambda tree: tree["gateway"].update(listen=str(a_free_address()), api=str(a_free_address())),
    )
    passwords = {f"CP{number:02d}": f"password-of-{number:02d}" for number in range(1, 13)}
    (folder / "passwords.json").write_text(json.dumps({"passwords": passwords}))
    write_credentials(folder / "credentials.yaml", hashed(passwords))
    return folder


def change(folder: Path, edit: Callable[[Any], object]) -> None:
    path = folder / "depot.yaml"
    tree = yaml.safe_load(path.read_text())
    edit(tree)
    path.write_text(yaml.safe_dump(tree))


def depot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["dispatch", "audit"])
def test_a_night_without_a_stored_plan_is_bad_input_and_says_what_makes_one(
    folder: Path, command: str
) -> None:
    result = depot(command, folder, "--night", NIGHT.isoformat())
    assert result.exit_code == 2
    assert f"depot plan {folder} --night 2025-11-10" in " ".join(result.stderr.split())


def test_looking_for_a_plan_that_was_never_made_leaves_nothing_behind(folder: Path) -> None:
    before = sorted(folder.iterdir())
    assert depot("show", folder, "--night", NIGHT.isoformat()).exit_code == 2
    assert sorted(folder.iterdir()) == before


def test_a_gateway_that_does_not_run_is_unreachable(folder: Path) -> None:
    assert depot("plan", folder, "--night", NIGHT.isoformat()).exit_code == 0
    night = ["--night", NIGHT.isoformat()]
    for command in (["dispatch", *night], ["dispatch"], ["audit", *night], ["audit", "--clear-foreign"]):
        result = depot(command[0], folder, *command[1:])
        assert result.exit_code == 3
        assert f"depot gateway {folder}" in " ".join(result.stderr.split())


def test_a_plan_is_stored_and_its_profiles_are_written_beside_it(folder: Path) -> None:
    result = depot("plan", folder, "--night", NIGHT.isoformat(), "--json")
    assert result.exit_code == 0
    journal = open_journal("sqlite:///depot.db", folder)
    assert journal.latest_plan(NIGHT) is not None
    journal.close()
    files = json.loads(result.stdout)["files"]
    assert json.loads(Path(files["profiles.json"]).read_text())["schema"] == "depot-profiles/1"


@pytest.mark.parametrize("command", ["check", "gateway", "dispatch", "plan"])
def test_a_wrong_capability_is_bad_input_for_every_command_that_would_use_it(
    folder: Path, command: str
) -> None:
    change(folder, lambda tree: tree["chargers"][0].update(capabilities={"units": "A"}))
    result = depot(command, folder, *(["--night", NIGHT.isoformat()] if command == "plan" else []))
    assert result.exit_code == 2
    assert "chargers.CP01.capabilities: found unknown key units" in " ".join(result.stderr.split())


def test_a_gateway_without_the_chargers_passwords_is_bad_input(folder: Path) -> None:
    (folder / "credentials.yaml").unlink()
    assert depot("gateway", folder).exit_code == 2


def test_a_beginning_that_is_no_time_is_bad_input(folder: Path) -> None:
    result = depot("gateway", folder, "--as-of", "tonight")
    assert result.exit_code == 2
    assert "--as-of" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--charger", "CP99"],
        ["--arrival-soc", "V001"],
        ["--arrival-soc", "V001=140"],
        ["--persona", "CP01=angel"],
        ["--persona", "CP99=honest"],
    ],
)
def test_what_cannot_be_simulated_is_bad_input(folder: Path, options: list[str]) -> None:
    assert depot("simulate", folder, "--night", NIGHT.isoformat(), *options).exit_code == 2


@asynccontextmanager
async def a_process(*arguments: str | Path, output: Path) -> AsyncIterator[None]:
    """A ``depot`` command that runs until it is told to stop; its standard output goes into a file."""
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from dispatch.cli import main; main()",
            *map(str, arguments),
            stdout=written,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def until(folder: Path, wanted: Callable[[LiveState], bool]) -> None:
    """Wait until the gateway of a folder is there and its depot is as wanted."""
    reached = stations_of(load_depot(folder), folder, role=Role.READ)
    async with asyncio.timeout(PATIENCE_S), reached as stations:
        while True:
            try:
                live = await stations.live()
            except StationsUnreachableError:
                await asyncio.sleep(0.1)
                continue
            if wanted(live):
                return
            await stations.wait_for_change(after=live.now, timeout_s=1.0)


async def in_thread(*arguments: str | Path) -> Result:
    return await asyncio.to_thread(depot, *arguments)


def metered(live: LiveState) -> Sequence[str]:
    return [state.charger_id for state in live.chargers if state.connector(1).meter is not None]


async def test_a_night_with_gateway_and_charge_points_as_processes_of_their_own(folder: Path) -> None:
    assert depot("plan", folder, "--night", NIGHT.isoformat()).exit_code == 0
    night = ("--night", NIGHT.isoformat())
    simulated = (
        "simulate",
        folder,
        *night,
        "--arrival-soc",
        "V004=12",
        "--meter-interval-s",
        "0.5",
        "--passwords",
        folder / "passwords.json",
        "--json",
    )
    gateway = ("gateway", folder, "--as-of", "2025-11-10T21:00", "--json")
    said, simulating = folder / "gateway.json", folder / "simulate.json"
    async with a_process(*gateway, output=said):
        await until(folder, lambda live: bool(live.chargers))
        nobody = await in_thread("dispatch", folder, "--json")
        assert nobody.exit_code == json.loads(nobody.stdout)["exit_code"] == 3
        async with a_process(*simulated, output=simulating):
            await until(folder, lambda live: len(metered(live)) == 12)
            dry = await in_thread("dispatch", folder, "--dry-run", "--json")
            assert dry.exit_code == 0
            commands = json.loads(dry.stdout)["commands"]
            assert {command["action"] for command in commands} == {"SetChargingProfile"}
            first = await in_thread("dispatch", folder, "--json")
            assert first.exit_code == 0, first.output
            document = json.loads(first.stdout)
            assert document["profiles_sent"] == len(commands)
            assert [c["charger_id"] for c in document["connectors"] if c["override"]] == ["CP04"]
            assert all(set(c["rungs"].values()) == {"confirmed"} for c in document["connectors"])
            second = await in_thread("dispatch", folder)
            assert second.exit_code == 0
            assert "0 profiles sent, 12 of 12 connectors read back as they should be" in second.stdout
            audit = await in_thread("audit", folder, "--clear-foreign", "--json")
            assert audit.exit_code == 0, audit.output
            assert [c["connected"] for c in json.loads(audit.stdout)["chargers"]] == [True] * 12
    assert json.loads(said.read_text())["now"].startswith("2025-11-10T20:00")
    assert len(json.loads(simulating.read_text())["chargers"]) == 12
