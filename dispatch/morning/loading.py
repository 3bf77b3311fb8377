"""From a depot folder and its store to the morning report of a night. Reads and never writes."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from dispatch.checked import check_chargers
from dispatch.journal import JournalError, has_journal, open_journal
from dispatch.morning.facts import NightFacts
from dispatch.morning.reading import read_night
from dispatch.morning.report import MorningReport, morning_report
from optimiser.inputs import InputError, Problem, load_depot, night_containing


def load_report(
    folder: Path, night: date | str | None, *, now: datetime, store: str | None = None
) -> MorningReport:
    """What came of a night by ``now``; of the one that contains it where none is named.

    ``store`` is the URL of the journal, relative to the folder; that of ``depot.yaml`` unless given. Raises
    :class:`InputError` where the folder cannot be read or no plan of the night is stored.
    """
    depot = load_depot(folder)
    check_chargers(depot)
    named = night_containing(depot, now) if night is None else _date(night)
    return morning_report(depot, _facts(folder, named, store or depot.store), now=now)


def _date(night: date | str) -> date:
    try:
        return night if isinstance(night, date) else date.fromisoformat(night)
    except ValueError:
        problem = Problem(where="--night", found=repr(night), allowed="a date such as 2025-11-10")
        raise InputError([problem]) from None


def _facts(folder: Path, night: date, store: str) -> NightFacts:
    facts = None
    if has_journal(store, folder):
        try:
            journal = open_journal(store, folder)
        except JournalError as error:
            problem = Problem(
                where="depot.yaml store", found=str(error), allowed="a store that can be opened"
            )
            raise InputError([problem]) from error
        try:
            facts = read_night(journal, night)
        finally:
            journal.close()
    if facts is None:
        problem = Problem(
            where=str(folder),
            found=f"no stored plan for the night of {night}",
            allowed=f"a night that has been planned: depot plan {folder} --night {night}",
        )
        raise InputError([problem])
    return facts
