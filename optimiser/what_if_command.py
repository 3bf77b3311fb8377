"""``depot what-if``: a sweep of changes over nights of a folder, as a table. Knows its options and its page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optimiser.cli import AsJson, ExitCode, Folder, read_folder, run
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem
from optimiser.night import Night
from optimiser.terminal import Terminal

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = {"readiness": 3, "cost": 2, "energy": 2, "demand": 2, "peak_kw": 1, "shortfall_kwh": 1}
"""Digits behind the point in the table for people; a program gets all."""


def register(app: typer.Typer, *, with_known_chargers: Callable[[Depot], Depot]) -> None:
    """Puts what-if on a typer application. ``with_known_chargers`` as for :func:`optimiser.cli.register`."""

    @app.command("what-if")
    def what_if_command(
        folder: Folder,
        changes: Annotated[
            list[str] | None,
            typer.Option(
                "--set",
                metavar="KEY=RANGE",
                help="A change, such as site.transformer_limit_kw=100:400:25, vehicles=12,22 or chargers.CP01=keep,drop. "
                "Several make a grid.",
            ),
        ] = None,
        nights: Annotated[
            list[str] | None,
            typer.Option("--night", metavar="DATE", help="A night, or several; else all of them."),
        ] = None,
        seeds: Annotated[
            int, typer.Option(metavar="N", help="Draws of each night whose arrivals have a spread.")
        ] = 0,
        *,
        out: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Also write the table as CSV.", show_default=False)
        ] = None,
        cache: Annotated[
            Path | None,
            typer.Option(
                metavar="DIR", help="Keep what is worked out, and go on from there.", show_default=False
            ),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Plan nights under every combination of changes: one row for each, in one table."""
        terminal = Terminal(as_json=as_json)

        def action() -> ExitCode:
            depot, read = read_nights(folder, nights or [], with_known_chargers)
            return what_if(terminal, depot, read, written=changes or [], seeds=seeds, out=out, cache=cache)

        run(terminal, folder, action)


def what_if(
    terminal: Terminal,
    depot: Depot,
    nights: Sequence[Night],
    *,
    written: Sequence[str],
    seeds: int,
    out: Path | None,
    cache: Path | None,
) -> ExitCode:
    """Solves the grid and prints its table. What is short in a what-if is an answer: no reason to call anybody."""
    # pandas and worker processes: a fifth of a second that no other command needs
    from optimiser.sweep import COLUMNS, prepare  # noqa: PLC0415

    problems = [] if out is None else _unwritable(out)
    changes: dict[str, str] = {}
    for text in written:
        key, equals, values = text.rpartition("=")
        if not equals or key in changes:
            found = f"{key} a second time" if equals else repr(text)
            problems.append(Problem(where="--set", found=found, allowed="KEY=RANGE, each key once"))
        else:
            changes[key] = values
    try:
        sweep = prepare(depot, nights, changes, seeds=seeds)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    with terminal.counting("planning nights", len(sweep.combinations)) as progress:
        table = sweep.solve(cache=cache, workers=None, progress=progress)
    if out is not None:
        table.to_csv(out, index=False)
    rows = table.assign(night=table["night"].map(str)).to_dict("records")
    headers = list(table.columns)
    shown = [header for header in headers if header not in _silent(table)]
    numbers = [number for number, header in enumerate(shown) if header != "night"]
    terminal.table(shown, [[_cell(header, row[header]) for header in shown] for row in rows], numbers=numbers)
    terminal.document(
        {
            "depot": depot.name,
            "currency": depot.currency,
            "changes": [header for header in headers if header not in COLUMNS],
            "rows": rows,
            "file": None if out is None else str(out),
        }
    )
    return ExitCode.GOOD


def read_nights(
    folder: Path, nights: Sequence[str], with_known_chargers: Callable[[Depot], Depot]
) -> tuple[Depot, list[Night]]:
    """The depot with the nights named, or with all it has. Raises :class:`InputError` with the problems of all."""
    problems: dict[Problem, None] = {}
    found: list[tuple[Depot, list[Night]]] = []
    for night in dict.fromkeys(nights) or (None,):
        try:
            found.append(read_folder(folder, night))
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise InputError(problems)
    return with_known_chargers(found[0][0]), [night for _, read in found for night in read]


def _unwritable(out: Path) -> list[Problem]:
    """What speaks against a file, before hours are spent on it."""
    place = out if out.exists() else out.parent
    if out.is_dir() or not place.exists() or not os.access(place, os.W_OK):
        return [
            Problem(
                where="--out", found=str(out), allowed="a file that can be written, in a folder that is there"
            )
        ]
    return []


def _silent(table: pd.DataFrame) -> set[str]:
    """Columns that tell people nothing: the seed where nothing is drawn, parts of a cost that has one part."""
    silent = set() if table["seed"].any() else {"seed"}
    return silent if table["demand"].any() else silent | {"energy", "demand"}


def _cell(header: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.{DECIMALS[header]}f}" if header in DECIMALS else f"{value:g}"
    return str(value)
