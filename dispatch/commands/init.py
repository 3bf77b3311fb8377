"""``depot init``: a depot folder to begin with, and what keeps it running on this machine. Knows this page."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo, available_timezones

import typer

from dispatch.operations.beginning import LEAST_LIMIT_KW, MOST_CHARGERS, NOON, Beginning, files_of
from dispatch.operations.units import Machine, operations_files
from optimiser.cli import AsJson, ExitCode
from optimiser.depot import Policy
from optimiser.horizon import Horizon, TimeError
from optimiser.inputs import InputError, Problem
from optimiser.terminal import Terminal

LOCALTIME = Path("/etc/localtime")
"""A link into the time zones of the machine, where it has one."""
SOCKETS_PER_CHARGER = 2
"""A charger's old socket and its new one."""


class Ocpp(StrEnum):
    """The versions of OCPP that a depot can begin with."""

    V16 = "1.6"
    V201 = "2.0.1"


def init_command(
    *,
    run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Callable[..., None]:
    """The command; ``run`` does something and ends with its exit code, errors included."""

    def command(
        folder: Annotated[
            Path,
            typer.Argument(metavar="DIR", help="The folder, new or without these files.", show_default=False),
        ],
        *,
        name: Annotated[
            str | None, typer.Option(help="Name of the depot; else that of the folder.", show_default=False)
        ] = None,
        timezone: Annotated[
            str | None,
            typer.Option(help="IANA time zone; else that of this machine.", show_default=False),
        ] = None,
        currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "EUR",
        chargers: Annotated[int, typer.Option(help="How many, of 11 kW each.")] = 4,
        transformer_limit_kw: Annotated[
            float, typer.Option(help="What the connection to the grid can carry.")
        ] = 43.0,
        ocpp: Annotated[Ocpp, typer.Option(help="The version that the chargers speak.")] = Ocpp.V16,
        night: Annotated[
            str | None,
            typer.Option(metavar="DATE", help="The sample night; else the one now.", show_default=False),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Write a commented depot folder that can be planned at once, with units and cron lines to run it here."""
        terminal = Terminal(as_json=as_json)

        def work() -> ExitCode:
            zone = timezone or _zone_of_this_machine()
            called = folder.absolute().name if name is None else name
            problems = [*_wrong_options(called, zone, currency, chargers, transformer_limit_kw)]
            if problems:
                raise InputError(problems)
            beginning = Beginning(
                name=called,
                timezone=zone,
                currency=currency,
                chargers=chargers,
                limit_kw=transformer_limit_kw,
                ocpp=ocpp.value,
                night=_night(night, zone, now()),
            )
            return _begin(terminal, folder, beginning)

        run(terminal, folder, work)

    return command


def _begin(terminal: Terminal, folder: Path, beginning: Beginning) -> ExitCode:
    machine = Machine(
        folder=folder.absolute(),
        command=_depot_command(),
        user=getpass.getuser(),
        depot=beginning.name,
        timezone=beginning.timezone,
        tick_minutes=Policy.tick_minutes,
        sockets=max(4096, SOCKETS_PER_CHARGER * beginning.chargers),
    )
    files = {**files_of(beginning), **operations_files(machine)}
    _write_new(folder, files)
    night = beginning.night
    terminal.say(f"{beginning.name}: wrote {len(files)} files to {folder}; depot.yaml explains every key")
    quoted = shlex.quote(str(folder))
    terminal.say(f"next: depot check {quoted} && depot plan {quoted} --night {night}")
    terminal.say(f"then: depot credentials add {quoted} && depot gateway {quoted}")
    terminal.say(f"to keep it running on this machine: {folder / 'operations' / 'README.md'}")
    terminal.document(
        {
            "depot": beginning.name,
            "folder": str(folder),
            "night": night.isoformat(),
            "timezone": beginning.timezone,
            "files": list(files),
        }
    )
    return ExitCode.GOOD


def _write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Write files that are not there yet, all or none of them. Raises :class:`InputError`."""
    there = [name for name in files if os.path.lexists(folder / name)]
    if there:
        raise InputError(
            [
                Problem(
                    where=str(folder / name),
                    found="a file that is there already",
                    allowed="a new one: nothing is overwritten",
                )
                for name in there
            ]
        )
    made: list[Path] = []
    try:
        for name, text in files.items():
            path = folder / name
            made += _made_folders(path.parent)
            with path.open("x", encoding="utf-8") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        for path in reversed(made):
            with suppress(OSError):  # somebody else has put something into a folder of ours
                path.rmdir() if path.is_dir() else path.unlink()
        found = f"{error.strerror}: {error.filename}"
        raise InputError(
            [Problem(where=str(folder), found=found, allowed="a folder that can be written to")]
        ) from error


def _made_folders(folder: Path) -> list[Path]:
    """Make a folder and what is missing above it; returns what was made, outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir()
    return list(reversed(missing))


def _wrong_options(name: str, zone: str, currency: str, chargers: int, limit_kw: float) -> list[Problem]:
    checks = [
        (
            "--name",
            name,
            1 <= len(name) <= 100 and name.isprintable() and name == name.strip(),
            "1 to 100 characters that can be printed, no space at either end",
        ),
        ("--timezone", zone, zone in available_timezones(), "an IANA name such as Europe/Berlin"),
        (
            "--currency",
            currency,
            re.fullmatch("[A-Z]{3}", currency) is not None,
            "an ISO 4217 code such as EUR",
        ),
        ("--chargers", str(chargers), 1 <= chargers <= MOST_CHARGERS, f"1 to {MOST_CHARGERS}"),
        (
            "--transformer-limit-kw",
            f"{limit_kw:g}",
            LEAST_LIMIT_KW <= limit_kw <= 100_000,
            f"{LEAST_LIMIT_KW:g} to 100000 kW",
        ),
    ]
    return [
        Problem(where=where, found=repr(found), allowed=allowed)
        for where, found, is_good, allowed in checks
        if not is_good
    ]


def _night(named: str | None, zone: str, now: datetime) -> date:
    """The night that was named, or the one that contains now: nights go from noon to noon."""
    if named is not None:
        try:
            night = date.fromisoformat(named)
            Horizon.for_night(night, start=NOON, end=NOON, step_minutes=15, timezone=zone)
        except (ValueError, TimeError):
            problem = Problem(where="--night", found=repr(named), allowed="a date such as 2025-11-10")
            raise InputError([problem]) from None
        return night
    local = now.astimezone(ZoneInfo(zone))
    return local.date() if local.time() >= NOON else date.fromordinal(local.toordinal() - 1)


def _zone_of_this_machine() -> str:
    """By TZ, then by the link that Linux and macOS have; UTC where neither says."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if named in available_timezones():
        return named
    _, _, linked = str(LOCALTIME.resolve()).rpartition("/zoneinfo/")
    return linked if linked in available_timezones() else "UTC"


def _depot_command() -> Path:
    """Where the ``depot`` that runs is installed: as it was called, beside its Python, or on the path."""
    called = Path(sys.argv[0])
    beside = Path(sys.executable).parent / "depot"
    on_path = shutil.which("depot")
    for candidate in (called, beside, *([Path(on_path)] if on_path else [])):
        if candidate.name == "depot" and candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate.absolute()
    problem = Problem(
        where="depot", found="no installed command", allowed="an installation: pip install depot-overnight"
    )
    raise InputError([problem])
