"""A depot's evening on one desk: plan, gateway, one process per simulated charge point, one dispatch.

``python -m dispatch.evening FOLDER --night DATE`` works on a copy of the folder and leaves it, with
report, store and logs, for a look afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml

from dispatch.api import Role, stations_of
from dispatch.station import LiveState, StationsUnreachableError
from optimiser.depot import Depot
from optimiser.inputs import load_folder
from optimiser.night import Night

START_TIME_LIMIT_S = 60.0
"""How long gateway and charge points may take to be there; twelve processes need about ten seconds on two cores."""

METER_INTERVAL_S = 5.0
"""Between two meter readings, so that the proof by meter need not wait for a minute."""

PASSWORDS = "passwords-of-the-simulated.json"
"""Where the simulated charge points find what they show; a depot in earnest has no such file."""

DEPOT = [sys.executable, "-c", "from dispatch.cli import main; main()"]
"""The ``depot`` command of this very environment."""


def evening(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A depot folder; a copy of it is used.")],
    night: Annotated[str, typer.Option(metavar="DATE", help="Local date on which the night starts.")],
    as_of: Annotated[
        str, typer.Option(metavar="TIME", help="Local time at which the evening is met.")
    ] = "19:31",
    empty: Annotated[
        str, typer.Option(metavar="VEHICLE=PERCENT", help="Who comes home nearly empty.")
    ] = "V003=8",
) -> None:
    """Plan a night, start the depot on loopback, dispatch once, and show what was proven."""
    begun_s = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"[{time.monotonic() - begun_s:4.0f} s] {text}")

    copy = _copied(folder)
    _give_passwords(copy)
    say(f"planning the night of {night} in {copy}")
    _checked(["plan", str(copy), "--night", night])
    depot, tonight = load_folder(copy, night)
    with contextlib.ExitStack() as stack:
        say(f"starting the gateway and {len(depot.chargers)} charge points, one process each; it is {as_of}")
        clock = tonight.horizon.zone
        met_at = datetime.fromisoformat(f"{night}T{as_of}").replace(tzinfo=clock)
        logs = copy / "logs"
        logs.mkdir()
        stack.enter_context(
            _running(["gateway", str(copy), "--as-of", met_at.isoformat()], logs / "gateway.log")
        )
        asyncio.run(_until_there(depot, tonight, copy, chargers=0))
        for charger in depot.chargers:
            command = ["simulate", str(copy), "--night", night, "--charger", charger.id]
            command += ["--meter-interval-s", str(METER_INTERVAL_S), "--passwords", str(copy / PASSWORDS)]
            if any(
                v.charger_id == charger.id and v.vehicle_id == empty.partition("=")[0] for v in tonight.visits
            ):
                command += ["--arrival-soc", empty]
            stack.enter_context(_running(command, logs / f"{charger.id}.log"))
        asyncio.run(_until_there(depot, tonight, copy, chargers=len(depot.chargers)))
        say(f"all are there, {empty.replace('=', ' with ')} %; dispatching, reading back and metering")
        code = subprocess.run([*DEPOT, "dispatch", str(copy), "--night", night], check=False).returncode  # noqa: S603
    say(f"report: {copy / 'plans' / night / 'report.html'}")
    raise typer.Exit(code)


def _copied(folder: Path) -> Path:
    """A fresh copy below ``.night`` on ports that are free now."""
    copy = Path(".night") / folder.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(
        folder, copy, ignore=shutil.ignore_patterns("plans", "*.db*", "credentials.yaml", "api-token*")
    )
    document = yaml.safe_load((copy / "depot.yaml").read_text(encoding="utf-8"))
    text = (copy / "depot.yaml").read_text(encoding="utf-8")
    for address in (document["gateway"]["listen"], document["gateway"]["api"]):
        text = text.replace(address, f"127.0.0.1:{_free_port()}")
    (copy / "depot.yaml").write_text(text, encoding="utf-8")
    return copy


def _give_passwords(folder: Path) -> None:
    """Make passwords: their hashes for the gateway, and what charge points have in their memories in a file."""
    made = subprocess.run(  # noqa: S603 - our own command
        [*DEPOT, "credentials", "add", str(folder), "--json"], check=False, stdout=subprocess.PIPE
    )
    if made.returncode != 0:
        raise typer.Exit(made.returncode)
    kept = folder / PASSWORDS
    kept.touch(mode=0o600)
    kept.write_bytes(made.stdout)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _checked(arguments: Sequence[str]) -> None:
    code = subprocess.run([*DEPOT, *arguments], check=False).returncode  # noqa: S603 - our own command
    if code not in {0, 1}:
        raise typer.Exit(code)


@contextlib.contextmanager
def _running(arguments: Sequence[str], log: Path) -> Iterator[None]:
    """A ``depot`` process that is ended with the block, its words in a file."""
    with log.open("wb") as words:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*DEPOT, *arguments],
            stdout=words,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _until_there(depot: Depot, night: Night, folder: Path, *, chargers: int) -> None:
    """Until the gateway answers and so many chargers have their vehicles' readings."""
    deadline = time.monotonic() + START_TIME_LIMIT_S
    async with stations_of(depot, folder, role=Role.READ) as stations:
        while True:
            try:
                if _there(await stations.live(), night) >= chargers:
                    return
            except StationsUnreachableError:
                pass
            if time.monotonic() > deadline:
                typer.echo(f"not there after {START_TIME_LIMIT_S:.0f} s; see {folder / 'logs'}", err=True)
                raise typer.Exit(3)
            await asyncio.sleep(0.2)


def _there(live: LiveState, night: Night) -> int:
    """Chargers that are connected and whose vehicle, where one has arrived by now, has been metered."""
    arrived = {visit.charger_id for visit in night.visits if visit.arrival <= live.now < visit.departure}
    return sum(
        charger.connected_since is not None
        and (
            charger.charger_id not in arrived or any(state.meter is not None for state in charger.connectors)
        )
        for charger in live.chargers
    )


if __name__ == "__main__":
    typer.run(evening)
