"""Units and cron lines: the command lines in them are run as they stand, by real processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispatch.cli import app
from dispatch.operations.texts import for_cron, for_systemd
from dispatch.operations.units import Machine, operations_files
from tests.dispatch.overnight_builders import a_free_address

PATIENCE_S = 90.0
"""Nine processes are started here, some at once: on a machine with other work to do each takes seconds to load."""
UNIT = "operations/systemd/depot-d-{}"


def a_machine(folder: str = "/srv/d", command: str = "/opt/depot/bin/depot") -> Machine:
    return Machine(
        folder=Path(folder),
        command=Path(command),
        user="depot",
        depot="d",
        timezone="Europe/Berlin",
        tick_minutes=15,
        sockets=4096,
    )


def settings_of(unit: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", unit, flags=re.MULTILINE))


def words_of(exec_start: str) -> list[str]:
    """A command line as systemd hands it over."""
    return [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(exec_start)]


@pytest.mark.parametrize("service", ["gateway", "dispatch", "plan", "backup", "watch"])
def test_a_service_has_no_more_rights_than_it_needs(service: str) -> None:
    settings = settings_of(operations_files(a_machine())[UNIT.format(f"{service}.service")])
    assert settings["User"] == "depot"
    assert settings["ProtectSystem"] == "strict"
    assert settings["ReadWritePaths"] == "/srv/d"
    assert settings["NoNewPrivileges"] == settings["PrivateTmp"] == "yes"


@pytest.mark.parametrize("service", ["gateway", "dispatch"])
def test_what_runs_on_is_started_again_after_a_failure(service: str) -> None:
    settings = settings_of(operations_files(a_machine())[UNIT.format(f"{service}.service")])
    assert settings["Restart"] == "on-failure"


@pytest.mark.parametrize("machine", [a_machine("/tmp/d"), a_machine(command="/var/tmp/bin/depot")])
def test_a_depot_among_temporary_files_is_not_hidden_from_its_own_services(machine: Machine) -> None:
    assert "PrivateTmp" not in operations_files(machine)[UNIT.format("gateway.service")]


def test_a_depot_of_any_name_has_units_that_systemd_can_name() -> None:
    names = [
        Machine(**{**vars(a_machine()), "depot": depot}).unit for depot in ("Halle 3/Nord", "Ωδός", "a@b%c")
    ]
    assert names == ["depot-halle-3-nord", "depot-overnight", "depot-a-b-c"]


@pytest.mark.parametrize("word", ["a b", 'say "no"', "5 %", "$HOME", "back\\slash", "it's"])
def test_a_word_comes_out_of_its_quotes_as_it_was(word: str) -> None:
    assert words_of(for_systemd(word)) == [word]
    assert shlex.split(for_cron([word]).replace("\\%", "%")) == [word]


@asynccontextmanager
async def running(words: list[str], output: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process for as long as the block lasts; then it is asked to stop, as systemd asks."""
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *words, stdout=written, stderr=asyncio.subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()


def said(output: Path) -> str:
    return output.read_text("utf-8")


async def until_said(output: Path, sentence: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while sentence not in said(output):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.1)


def once(words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.timeout(300)
async def test_the_very_command_lines_of_the_units_and_of_cron_run_a_depot(tmp_path: Path) -> None:
    folder = tmp_path / "my depot 5%"
    begun = CliRunner().invoke(app, ["init", str(folder), "--json", "--chargers", "2"])
    assert begun.exit_code == 0, begun.output
    night = json.loads(begun.stdout)["night"]
    path = folder / "depot.yaml"
    text = path.read_text("utf-8")
    for address in ("127.0.0.1:9000", "127.0.0.1:9001"):
        text = text.replace(address, str(a_free_address()))
    path.write_text(text)
    units = {
        unit.name.removeprefix("depot-my-depot-5-").removesuffix(".service"): words_of(
            settings_of(unit.read_text("utf-8"))["ExecStart"]
        )
        for unit in (folder / "operations" / "systemd").glob("*.service")
    }
    clock = tmp_path / "bin"  # a date that does not change while this runs
    clock.mkdir()
    (clock / "date").write_text(f'#!/bin/sh\n[ "$*" = +%F ] && echo {night}\n')
    (clock / "date").chmod(0o755)
    planned = once(units["plan"], PATH=f"{clock}:{os.environ['PATH']}")
    assert planned.returncode == 0, planned.stderr
    assert (folder / "plans" / night / "plan.json").exists()
    depot = units["gateway"][0]
    added = once([depot, "credentials", "add", str(folder), "--json"])
    (tmp_path / "passwords.json").write_text(added.stdout)
    crontab = (folder / "operations" / "crontab").read_text("utf-8")
    (every_quarter,) = re.findall(r"^\*/15 \* \* \* \*  (.*)$", crontab, flags=re.MULTILINE)
    gateway, dispatcher, points = (tmp_path / f"{name}.txt" for name in ("gateway", "dispatcher", "points"))
    simulate = [
        depot,
        "simulate",
        str(folder),
        "--night",
        night,
        "--passwords",
        str(tmp_path / "passwords.json"),
    ]
    status = [depot, "status", str(folder)]
    async with running(units["gateway"], gateway):
        await until_said(gateway, "the API is at")
        async with running(simulate, points), running(units["dispatch"], dispatcher):
            await until_said(dispatcher, "2 of 2 connectors read back as they should be")
            at_work = await asyncio.to_thread(once, status)
            assert "up, 2 of 2 chargers connected" in at_work.stdout
            watched = await asyncio.to_thread(once, units["watch"])
            assert watched.returncode == 0, watched.stderr
            assert "depot dispatch --loop" in " ".join(at_work.stdout.split())
        tick = await asyncio.to_thread(once, ["/bin/sh", "-c", every_quarter.replace("\\%", "%")])
        assert tick.returncode == 3, tick.stderr  # the charge points are gone
        alone = await asyncio.to_thread(once, status)
        assert alone.returncode == 1, alone.stdout
        assert alone.stdout.count("not connected since") == 2
    without = once([*status, "--json"])
    assert without.returncode == 3
    told = json.loads(without.stdout)
    assert (told["gateway"]["is_up"], told["plan"]["night"], len(told["departures"])) == (False, night, 2)
    backed_up = once(units["backup"])
    assert backed_up.returncode == 0, backed_up.stderr
    assert len(list((folder / "backups").iterdir())) == 1
