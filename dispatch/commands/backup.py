"""``depot backup``: a copy of a depot's store while gateway and dispatcher use it. Knows this page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dispatch.journal import Journal, has_journal
from dispatch.store.upkeep import BackupError
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem, load_depot
from optimiser.terminal import Terminal

BACKUPS = "backups"
"""The folder for copies without a name, beside ``depot.yaml``."""


def backup_command(
    *,
    run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn],
    open_journal: Callable[[Depot, Path], Journal],
) -> Callable[..., None]:
    """The command; ``run`` does something and ends with its exit code, errors included."""

    def command(
        folder: Folder,
        to: Annotated[
            Path | None,
            typer.Option(
                "--to",
                metavar="FILE",
                help="The copy, which may be there already; else backups/ in the folder.",
            ),
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Copy the store while it is in use. To go back to a copy, stop all and put it in the place of depot.db."""
        terminal = Terminal(as_json=as_json)
        run(terminal, folder, lambda: _back_up(terminal, folder, to, open_journal))

    return command


def _back_up(
    terminal: Terminal, folder: Path, to: Path | None, open_journal: Callable[[Depot, Path], Journal]
) -> ExitCode:
    depot = load_depot(folder)
    if not has_journal(depot.store, folder):
        raise InputError(
            [Problem(where=str(folder), found="no store yet", allowed="a depot of which a night was planned")]
        )
    file = to or folder / BACKUPS / f"depot-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"
    journal = open_journal(depot, folder)
    try:
        journal.back_up(file)
    except BackupError as error:
        problem = Problem(where="backup", found=str(error), allowed="a copy that can be made")
        raise InputError([problem]) from error
    finally:
        journal.close()
    size_bytes = file.stat().st_size
    terminal.say(f"{depot.name}: copied the store to {file}, {size_bytes / 1e6:.1f} MB")
    terminal.document({"depot": depot.name, "file": str(file), "size_bytes": size_bytes})
    return ExitCode.GOOD
