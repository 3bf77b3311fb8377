"""``depot status``: how the depot stands now, on one screen. Knows options, exit codes and where to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dispatch import api
from dispatch.journal import Journal, StoreAwayError, has_journal
from dispatch.morning.reading import read_night
from dispatch.morning.report import morning_report
from dispatch.operations.status import Known, Status, status_of
from dispatch.operations.status_document import document
from dispatch.operations.status_words import WIDTH, lines
from dispatch.station import LiveState, StationsUnreachableError
from dispatch.store.alerts import AlertBook
from dispatch.store.leases import Leases
from dispatch.store.ticks import TickBook
from dispatch.tls import TlsError
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import InputError, load_depot, night_containing
from optimiser.terminal import Terminal

ANSWER_S = 10.0
"""How long a gateway may take that is asked by a person. [s]"""
LAST_WORDS_OF = 50
"""Of so many chargers that are away the last words are looked up."""


def status_command(
    *,
    run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn],
    with_known_chargers: Callable[[Depot], Depot],
    open_journal: Callable[[Depot, Path], Journal],
) -> Callable[..., None]:
    """The command; ``run`` does something and ends with its exit code, errors included."""

    def command(
        folder: Folder,
        *,
        shows_all: Annotated[bool, typer.Option("--all", help="Every departure and charger.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Tell how the depot stands now: gateway, chargers, departures, power, alerts; asks no charger anything."""
        terminal = Terminal(as_json=as_json)

        def work() -> ExitCode:
            depot = with_known_chargers(load_depot(folder))
            status = _look(depot, folder, open_journal)
            for line in lines(status, width=min(WIDTH, terminal.people.width), shows_all=shows_all):
                terminal.say(line)
            code = _exit_code(status)
            terminal.document(document(status) | {"exit_code": int(code)})
            return code

        run(terminal, folder, work)

    return command


def _exit_code(status: Status) -> ExitCode:
    if status.known.live is None or status.known.store_away:
        return ExitCode.UNREACHABLE
    return ExitCode.NEEDS_A_PERSON if status.needs_a_person else ExitCode.GOOD


def _look(depot: Depot, folder: Path, open_journal: Callable[[Depot, Path], Journal]) -> Status:
    live, away = _live(depot, folder)
    now = datetime.now(UTC) if live is None else live.now
    night = _night(depot, now)
    known = Known(live=live, away=away)
    if has_journal(depot.store, folder):
        try:
            journal = open_journal(depot, folder)
        except StoreAwayError as error:
            known = replace(known, store_away=str(error))
        else:
            try:
                known = _stored(known, journal, depot, night, now)
            except StoreAwayError as error:
                known = replace(known, store_away=str(error))
            finally:
                journal.close()
    return status_of(depot, known, now=now, is_night=night is not None)


def _live(depot: Depot, folder: Path) -> tuple[LiveState | None, str]:
    """What the gateway says, or why it says nothing."""

    async def ask() -> LiveState:
        async with api.stations_of(depot, folder, role=api.Role.READ) as stations, asyncio.timeout(ANSWER_S):
            return await stations.live()

    try:
        return asyncio.run(ask()), ""
    except StationsUnreachableError as error:
        return None, str(error)
    except TimeoutError:
        return None, f"the gateway at {depot.gateway.api} does not answer within {ANSWER_S:.0f} s"
    except (OSError, TlsError) as error:
        return None, f"the gateway's token or certificate cannot be read: {error}"


def _night(depot: Depot, now: datetime) -> date | None:
    try:
        return night_containing(depot, now)
    except InputError:
        return None  # it is day


def _stored(known: Known, journal: Journal, depot: Depot, night: date | None, now: datetime) -> Known:
    facts = None if night is None else read_night(journal, night)
    lease = Leases(engine=journal.engine).newest()
    is_held = lease is not None and lease.ended_at is None and datetime.now(UTC) < lease.until
    away = [] if known.live is None else _away(depot, known.live)
    last_words = {charger_id: journal.last_event(charger_id) for charger_id in away[:LAST_WORDS_OF]}
    return replace(
        known,
        report=None if facts is None else morning_report(depot, facts, now=now),
        alerts=tuple(AlertBook(engine=journal.engine).open()),
        tick=TickBook(engine=journal.engine).latest(),
        lease=lease if is_held else None,
        last_words={name: event for name, event in last_words.items() if event is not None},
    )


def _away(depot: Depot, live: LiveState) -> list[str]:
    return [charger.id for charger in depot.chargers if live.charger(charger.id).connected_since is None]
