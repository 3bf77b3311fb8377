"""``depot history``: writes how arrivals went against their plans from the store into the depot's ``history.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from dispatch.journal import JournalError, has_journal, open_journal
from dispatch.morning.arrivals import arrivals
from dispatch.morning.reading import read_night
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.history import History, PastVisit
from optimiser.inputs import InputError, Problem, load_depot, load_history, nights_in
from optimiser.terminal import Terminal
from optimiser.writing import write_together

FILE_NAME = "history.csv"
COLUMNS = (
    "vehicle_id", "night", "planned_arrival", "arrival", "planned_soc_percent", "arrival_soc_percent",
)  # fmt: skip


def history_command(folder: Folder, *, as_json: AsJson = False) -> None:
    """Write how arrivals went against their plans into history.csv: what the spreads of later nights are learned from."""
    terminal = Terminal(as_json=as_json)
    try:
        code = write_history(terminal, folder, now=datetime.now(UTC))
    except InputError as error:
        terminal.complain(f"with {folder}", error.problems)
        code = ExitCode.BAD_INPUT
    raise typer.Exit(code)


def write_history(terminal: Terminal, folder: Path, *, now: datetime) -> ExitCode:
    """Every night of the store that is over takes the place of what history.csv has of it; other rows stay.

    Raises :class:`InputError` where there is no store, or a file that cannot be read or written.
    """
    depot, kept = load_depot(folder), load_history(folder).visits
    seen = [visit for of_night in _nights(folder, depot, now) for visit in of_night]
    nights = {visit.night for visit in seen}
    history = History(
        visits=tuple(sorted([*seen, *(visit for visit in kept if visit.night not in nights)], key=_order))
    )
    write_together(folder, {FILE_NAME: _text(history.visits)}, before=lambda: None)
    terminal.say(f"{folder / FILE_NAME}: {len(seen)} arrivals of {len(nights)} nights from the store")
    terminal.say(str(history))
    terminal.document(
        {
            "depot": depot.name,
            "file": str(folder / FILE_NAME),
            "nights": sorted(night.isoformat() for night in nights),
            "arrivals": len(history.visits),
            "from_the_store": len(seen),
        }
    )
    return ExitCode.GOOD


def _nights(folder: Path, depot: Depot, now: datetime) -> Iterator[Sequence[PastVisit]]:
    if not has_journal(depot.store, folder):
        raise InputError([Problem(where="depot.yaml store", found="no store", allowed="one that has nights")])
    try:
        journal = open_journal(depot.store, folder)
    except JournalError as error:
        problem = Problem(where="depot.yaml store", found=str(error), allowed="a store that can be opened")
        raise InputError([problem]) from error
    try:
        for night in nights_in(folder):
            facts = read_night(journal, night)
            if facts is not None and facts.plan.horizon.end <= now:
                yield arrivals(depot, facts, now=now)
    finally:
        journal.close()


def _order(visit: PastVisit) -> tuple[str, datetime, str]:
    return visit.night.isoformat(), visit.planned_arrival, visit.vehicle_id


def _text(visits: Sequence[PastVisit]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for visit in visits:
        soc_percent = "" if visit.arrival_soc_percent is None else f"{visit.arrival_soc_percent:.1f}"
        instants = (visit.planned_arrival.isoformat(), visit.arrival.isoformat())
        writer.writerow(
            (visit.vehicle_id, visit.night, *instants, f"{visit.planned_soc_percent:.1f}", soc_percent)
        )
    return file.getvalue()
