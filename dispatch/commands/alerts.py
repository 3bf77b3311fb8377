"""``depot alerts``: what needs a person now, who knows of it, and a trial of the ways to tell. Knows this page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from dispatch.alert import Alert
from dispatch.alerts import Teller, teller_of
from dispatch.alerts.deciding import OVER_IS_TOLD_WITHIN
from dispatch.alerts.ways import UndeliveredError, Writing, deliver
from dispatch.alerts.words import alert_document, table_rows
from dispatch.journal import Journal, has_journal
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem, load_depot
from optimiser.terminal import Terminal

HEADERS = ("id", "since", "state", "what and why", "page")


def alerts_command(
    *,
    run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn],
    open_journal: Callable[[Depot, Path], Journal],
) -> Callable[..., None]:
    """The command; ``run`` does something and ends with its exit code, errors included."""

    def command(
        folder: Folder,
        acknowledge: Annotated[
            list[int] | None,
            typer.Option("--acknowledge", metavar="ID", help="Say that you know of it; may be given again."),
        ] = None,
        *,
        test: Annotated[
            bool, typer.Option("--test", help="Send a trial message by every way of depot.yaml.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """What needs a person now and what was over within a day; exit code 1 while nobody knows of something."""
        terminal = Terminal(as_json=as_json)

        def work() -> ExitCode:
            depot = load_depot(folder)
            if not has_journal(depot.store, folder):
                allowed = "a depot of which a night was planned"
                raise InputError([Problem(where=str(folder), found="no store yet", allowed=allowed)])
            journal = open_journal(depot, folder)
            try:
                teller = teller_of(depot, folder, journal)
                return _try_out(terminal, teller) if test else _show(terminal, teller, acknowledge or [])
            finally:
                journal.close()

        run(terminal, folder, work)

    return command


def _show(terminal: Terminal, teller: Teller, acknowledged: Sequence[int]) -> ExitCode:
    now = datetime.now(UTC)
    unknown = [one for one in acknowledged if one not in {alert.id for alert in teller.book.open()}]
    if unknown:
        allowed = ", ".join(str(alert.id) for alert in teller.book.open()) or "none: no alert is open"
        raise InputError([Problem(where="--acknowledge", found=str(one), allowed=allowed) for one in unknown])
    for one in acknowledged:
        teller.book.acknowledge(one, now=now)
    alerts = teller.book.since(now - OVER_IS_TOLD_WITHIN)
    waiting = [alert for alert in alerts if alert.is_open and alert.acknowledged_at is None]
    if alerts:
        terminal.table(HEADERS, table_rows(alerts, zone=teller.zone))
    open_count = sum(alert.is_open for alert in alerts)
    terminal.say(f"{teller.depot.name}: {open_count} open, {len(waiting)} of them not acknowledged")
    code = ExitCode.NEEDS_A_PERSON if waiting else ExitCode.GOOD
    documents: list[dict[str, Any]] = [_document(teller, alert) for alert in alerts]
    terminal.document({"depot": teller.depot.name, "alerts": documents, "exit_code": int(code)})
    return code


def _document(teller: Teller, alert: Alert) -> dict[str, Any]:
    deliveries = [
        {
            "at": one.at.astimezone(teller.zone).isoformat(),
            "channel": one.channel.value,
            "news": one.news.value,
            "delivered": one.is_delivered,
            "detail": one.detail,
        }
        for one in teller.book.deliveries(alert.id)
    ]
    return alert_document(alert, zone=teller.zone) | {"deliveries": deliveries}


def _try_out(terminal: Terminal, teller: Teller) -> ExitCode:
    name = teller.depot.name
    if not teller.ways:
        allowed = "alerts.webhook, alerts.email or both"
        raise InputError([Problem(where="depot.yaml alerts", found="nobody who is told", allowed=allowed)])
    words = f"{name}: a trial, nothing is wrong"
    writing = Writing(
        subject=words,
        text=f"{words}. Alerts of this depot come this way.\n",
        document={"depot": name, "subject": words, "text": words, "alerts": []},
    )

    async def send(way: str) -> tuple[bool, str]:
        try:
            return True, await deliver(teller.ways[channels[way]], writing, patience=teller.patience)
        except UndeliveredError as error:
            return False, str(error)

    async def send_all() -> dict[str, tuple[bool, str]]:
        return {way: await send(way) for way in channels}

    channels = {channel.value: channel for channel in teller.ways}
    outcomes = asyncio.run(send_all())
    for way, (is_delivered, detail) in outcomes.items():
        terminal.say(f"{way}: {'delivered' if is_delivered else 'not delivered'} ({detail})")
    code = ExitCode.GOOD if all(fine for fine, _ in outcomes.values()) else ExitCode.UNREACHABLE
    terminal.document(
        {
            "depot": name,
            "ways": {way: {"delivered": fine, "detail": why} for way, (fine, why) in outcomes.items()},
            "exit_code": int(code),
        }
    )
    return code
