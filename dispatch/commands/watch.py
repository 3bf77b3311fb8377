"""``depot watch``: whether the gateway answers, for a timer that is not cron. Knows this page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from dispatch import api
from dispatch.alert import Cause
from dispatch.alerts import Told, teller_of
from dispatch.alerts.silence import gateway_silence
from dispatch.alerts.telling import AT_ONCE
from dispatch.alerts.words import alert_document
from dispatch.journal import Journal
from dispatch.station import StationsUnreachableError
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import load_depot
from optimiser.terminal import Terminal

TRIES = 3
"""How often the gateway is asked: one that is just started anew is back within seconds."""
ANSWER_S = 10.0
"""How long it may take to answer once. [s]"""
PAUSE_S = 5.0
OF_GATEWAY = frozenset({Cause.GATEWAY_AWAY})


def watch_command(
    *,
    run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn],
    open_journal: Callable[[Depot, Path], Journal],
    reached: Callable[[Depot, Path], AbstractAsyncContextManager[api.ApiStations]],
) -> Callable[..., None]:
    """The command; ``reached`` is the way to the gateway that runs for a folder."""

    def command(folder: Folder, *, as_json: AsJson = False) -> None:
        """See whether the gateway answers, and tell by the ways of depot.yaml if not. For a timer outside cron."""
        terminal = Terminal(as_json=as_json)

        def work() -> ExitCode:
            depot = load_depot(folder)
            journal = open_journal(depot, folder)
            try:
                return asyncio.run(_watch(terminal, depot, folder, journal, reached=reached))
            finally:
                journal.close()

        run(terminal, folder, work)

    return command


async def _watch(
    terminal: Terminal,
    depot: Depot,
    folder: Path,
    journal: Journal,
    *,
    reached: Callable[[Depot, Path], AbstractAsyncContextManager[api.ApiStations]],
) -> ExitCode:
    teller = teller_of(depot, folder, journal)
    async with reached(depot, folder) as stations:
        trouble = await look(stations)
    conditions = [] if trouble is None else [gateway_silence(trouble)]
    # By the clock of the world: that of the chargers cannot be asked for where their gateway is away.
    told: Told = await teller.tell(conditions, watched=OF_GATEWAY, now=datetime.now(UTC), calm=AT_ONCE)
    for line in told.lines:
        terminal.say(line)
    terminal.say(f"{depot.name}: {'the gateway answers' if trouble is None else trouble}")
    code = ExitCode.GOOD if trouble is None else ExitCode.UNREACHABLE
    terminal.document(
        {
            "depot": depot.name,
            "gateway": "answers" if trouble is None else trouble,
            "alerts": [alert_document(alert, zone=teller.zone) for alert in told.open_alerts],
            "exit_code": int(code),
        }
    )
    return code


async def look(
    stations: api.ApiStations, *, tries: int = TRIES, answer_s: float = ANSWER_S, pause_s: float = PAUSE_S
) -> str | None:
    """Why the gateway does not answer, asked several times; None where it does."""
    trouble = ""
    for left in reversed(range(tries)):
        try:
            async with asyncio.timeout(answer_s):
                await stations.live()
        except TimeoutError:
            trouble = f"the gateway does not answer within {answer_s:g} s"
        except StationsUnreachableError as error:
            trouble = str(error)
        else:
            return None
        if left:
            await asyncio.sleep(pause_s)
    return trouble
