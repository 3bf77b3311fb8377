"""``depot credentials``: passwords of chargers, made or taken over, shown once and kept as hashes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dispatch.credentials import (
    COST_OF_GIVEN,
    COST_OF_MADE,
    CredentialsError,
    HashedPassword,
    given_password,
    new_password,
    read_credentials,
    write_credentials,
)
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem, load_depot
from optimiser.terminal import Terminal

Chargers = Annotated[
    list[str] | None, typer.Option("--charger", metavar="ID", help="This charger; may be given again.")
]


def credentials_app(*, run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn]) -> typer.Typer:
    """The commands; ``run`` does something and ends with its exit code, errors included."""
    app = typer.Typer(help="Make and change the passwords of chargers.", no_args_is_help=True)

    @app.command("add")
    def add(
        folder: Folder,
        charger: Chargers = None,
        *,
        given: Annotated[
            bool, typer.Option("--stdin", help="Take the password of the one charger from standard input.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Give chargers a password, all that have none where no charger is named; it is shown this once."""
        terminal = Terminal(as_json=as_json)
        run(terminal, folder, lambda: _add(terminal, folder, charger or (), given=given))

    @app.command("rotate")
    def rotate(
        folder: Folder,
        charger: Chargers = None,
        *,
        given: Annotated[
            bool, typer.Option("--stdin", help="Take the password of the one charger from standard input.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Give chargers another password; the old one is dead from the next login on, sockets stay open."""
        terminal = Terminal(as_json=as_json)
        run(terminal, folder, lambda: _rotate(terminal, folder, charger or (), given=given))

    return app


def _add(terminal: Terminal, folder: Path, chargers: Collection[str], *, given: bool) -> ExitCode:
    depot = load_depot(folder)
    path = _file(depot, folder)
    known = _known(path)
    wanted = list(dict.fromkeys(chargers)) or [one.id for one in depot.chargers if one.id not in known]
    _refuse_unknown(depot, wanted)
    there = [charger_id for charger_id in wanted if charger_id in known]
    if there:
        raise _wrong(
            "--charger", found=f"{', '.join(there)} with a password", allowed="depot credentials rotate"
        )
    return _give(terminal, path, known, wanted, given=given)


def _rotate(terminal: Terminal, folder: Path, chargers: Collection[str], *, given: bool) -> ExitCode:
    depot = load_depot(folder)
    path = _file(depot, folder)
    known = _known(path)
    wanted = list(dict.fromkeys(chargers))
    _refuse_unknown(depot, wanted)
    missing = [charger_id for charger_id in wanted if charger_id not in known]
    if missing or not wanted:
        found = f"{', '.join(missing)} without a password" if missing else "no charger named"
        raise _wrong("--charger", found=found, allowed="chargers with one; others: depot credentials add")
    return _give(terminal, path, known, wanted, given=given)


def _give(
    terminal: Terminal,
    path: Path,
    known: Mapping[str, HashedPassword],
    wanted: Collection[str],
    *,
    given: bool,
) -> ExitCode:
    passwords = {} if given else {charger_id: new_password() for charger_id in wanted}
    if given:
        hashed = {_only(wanted): HashedPassword.of(_from_stdin(), cost=COST_OF_GIVEN)}
    else:
        hashed = {
            charger_id: HashedPassword.of(password.encode(), cost=COST_OF_MADE)
            for charger_id, password in passwords.items()
        }
    try:
        write_credentials(path, {**known, **hashed})
    except OSError as error:
        raise _wrong(str(path), found=str(error), allowed="a file that can be written") from error
    if passwords and not terminal.as_json:
        rows = [[charger_id, text, text.encode().hex()] for charger_id, text in passwords.items()]
        terminal.table(["charger", "password", "as AuthorizationKey of OCPP 1.6"], rows)
    terminal.say(f"{len(hashed)} hashed in {path}" + ("; they are shown this once" if passwords else ""))
    terminal.document({"file": str(path), "passwords": passwords})
    return ExitCode.GOOD


def _from_stdin() -> bytes:
    text = typer.prompt("password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        return given_password(text.rstrip("\r\n"))
    except CredentialsError as error:
        raise _wrong(
            "standard input", found=str(error), allowed="a password that chargers can have"
        ) from error


def _only(wanted: Collection[str]) -> str:
    if len(wanted) != 1:
        raise _wrong("--stdin", found=f"{len(wanted)} chargers", allowed="one --charger")
    return next(iter(wanted))


def _file(depot: Depot, folder: Path) -> Path:
    name = depot.gateway.credentials
    if name is None:
        raise _wrong(
            "depot.yaml gateway.credentials", found="nothing", allowed="a file such as credentials.yaml"
        )
    return folder / name


def _known(path: Path) -> dict[str, HashedPassword]:
    if not path.exists():
        return {}
    try:
        return read_credentials(path)
    except CredentialsError as error:
        raise InputError(
            [
                Problem(where="gateway.credentials", found=text, allowed="hashes alone")
                for text in error.problems
            ]
        ) from error


def _refuse_unknown(depot: Depot, wanted: Collection[str]) -> None:
    ids = {charger.id for charger in depot.chargers}
    unknown = [charger_id for charger_id in wanted if charger_id not in ids]
    if unknown:
        raise _wrong("--charger", found=", ".join(unknown), allowed="chargers of depot.yaml")


def _wrong(where: str, *, found: str, allowed: str) -> InputError:
    return InputError([Problem(where=where, found=found, allowed=allowed)])
