"""``depot dispatch``: one tick, a look at what it would send, or tick after tick until stopped. Knows this page."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from dispatch import report
from dispatch.alerts import Told
from dispatch.alerts.words import alert_document
from dispatch.commands.aftermath import Aftermath, LookForForeign
from dispatch.commands.logged import Format, terminal_for
from dispatch.commands.telematics import hear_telematics
from dispatch.decide import Write
from dispatch.journal import Journal
from dispatch.operations.logs import LogFormat, begin_logging, log_tick
from dispatch.overnight import preview, tick
from dispatch.overnight.base_load import SiteWatch
from dispatch.overnight.loop import Loop, Pace
from dispatch.profiles_json import payload_document
from dispatch.site import Site
from dispatch.station import LeaseLostError, LiveState
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import InputError, load_folder, night_containing
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.terminal import Terminal

log = logging.getLogger(__name__)

WORDS = {
    ExitCode.GOOD: "good",
    ExitCode.NEEDS_A_PERSON: "done, but a person is needed",
    ExitCode.UNREACHABLE: "no charger could be reached",
    ExitCode.REFUSED: "refused, because a limit could have broken",
}
"""What an exit code says, at the beginning of the line that sums up a run."""

Work = Callable[[Site], Awaitable[ExitCode]]


def dispatch_command(
    *,
    run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn],
    at_work: Callable[[Path, Work], ExitCode],
    with_known_chargers: Callable[[Depot], Depot],
    look_for_foreign: LookForForeign,
) -> Callable[..., None]:
    """The command; ``run`` does something and ends with its exit code, ``at_work`` lets some work have a depot."""

    def command(
        folder: Folder,
        night: Annotated[
            str | None,
            typer.Option(metavar="DATE", help="Local date on which the night starts; else the one now."),
        ] = None,
        *,
        loop: Annotated[
            bool, typer.Option("--loop", help="Tick after tick, night after night, until stopped.")
        ] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the payloads, send nothing.")] = False,
        log_format: Format = LogFormat.TEXT,
        as_json: AsJson = False,
    ) -> None:
        """One tick: re-plan if needed, send what differs in safe order, read back, compare with the meters."""
        if log_format is LogFormat.JSON:
            begin_logging(log_format)
        terminal = terminal_for(log_format, as_json=as_json, log=log)
        if loop and dry_run:
            raise typer.BadParameter(
                "--dry-run sends nothing, --loop would send it again and again: one of them"
            )
        work: Work = partial(_once, terminal, named=night, look_for_foreign=look_for_foreign)
        if loop:
            work = partial(
                _again_and_again,
                terminal,
                named=night,
                with_known_chargers=with_known_chargers,
                look_for_foreign=look_for_foreign,
            )
        elif dry_run:
            work = partial(_look_ahead, terminal, named=night)
        run(terminal, folder, lambda: at_work(folder, work))

    return command


async def _once(
    terminal: Terminal, site: Site, *, named: str | None, look_for_foreign: LookForForeign
) -> ExitCode:
    async with site.writing("depot dispatch") as journal:
        read, plan = await site.planned_night(named)
        said = await hear_telematics(site, site.depot, read.date)
        with terminal.working(f"sending the night of {read.date} to {len(site.depot.chargers)} chargers"):
            found = await tick(site.depot, read, plan, journal=journal, stations=site.stations)
            found = replace(found, notes=(*found.notes, *said))
            _prune(journal, site.depot, found)
    log_tick(log, site.depot.name, found, exit_code=_exit_code(found))
    terminal.table(report.HEADERS, report.table_rows(found))
    told = await Aftermath(site, look_for_foreign).follow(
        site.depot, found, code=_exit_code(found), summary=_summary(site.depot, found)
    )
    for line in told.lines:
        terminal.say(line)
    code = _say(terminal, site.depot, found)
    terminal.document(_document(site.depot, found, told))
    return code


async def _look_ahead(terminal: Terminal, site: Site, *, named: str | None) -> ExitCode:
    read, plan = await site.planned_night(named)
    writes = await preview(site.depot, read, plan, journal=site.journal, stations=site.stations)
    return _say_writes(terminal, site.depot, plan, writes)


async def _again_and_again(
    terminal: Terminal,
    site: Site,
    *,
    named: str | None,
    with_known_chargers: Callable[[Depot], Depot],
    look_for_foreign: LookForForeign,
) -> ExitCode:
    """Tick until SIGTERM or SIGINT; the exit code is that of the last tick."""
    nights = _Nights(
        site=site,
        named=named,
        with_known_chargers=with_known_chargers,
        aftermath=Aftermath(site, look_for_foreign),
        say=terminal.say,
    )
    with _stopped_by_signals() as stop:
        while not stop.is_set():
            try:
                async with site.writing("depot dispatch --loop") as journal:
                    loop = Loop(
                        stations=site.stations,
                        tick=partial(nights.tick, journal),
                        pace=Pace(every_s=site.depot.policy.tick_minutes * 60.0),
                        stop=stop,
                        say=terminal.say,
                        crashed=nights.crashed,
                        watched=nights.watched,
                    )
                    await loop.run()
            except LeaseLostError as lost:  # it was paused for long; now the other one has to be done
                terminal.say(f"{lost}; taking it again")
    code = ExitCode.GOOD if nights.last is None else _exit_code(nights.last)
    last = None if nights.last is None else _document(site.depot, nights.last, nights.told)
    terminal.say(f"stopped after {nights.ticks} ticks, {nights.crashes} of which crashed")
    terminal.document(
        {"ticks": nights.ticks, "crashes": nights.crashes, "last": last, "exit_code": int(code)}
    )
    return code


@dataclass(kw_only=True)
class _Nights:
    """Night after night: the folder is read anew for every tick, and the last that could be read is kept."""

    site: Site
    named: str | None
    with_known_chargers: Callable[[Depot], Depot]
    aftermath: Aftermath
    say: Callable[[str], None]
    ticks: int = 0
    crashes: int = 0
    last: report.NightReport | None = None
    told: Told = field(default_factory=Told)
    _watch: SiteWatch = field(default_factory=SiteWatch)
    _read: tuple[Depot, Night] | None = None
    _said: set[str] = field(default_factory=set)

    async def tick(self, journal: Journal) -> None:
        """One tick for the night that is due, if it was planned."""
        now = (await self.site.stations.live()).now
        found = self._due(now)
        if found is None:
            return
        depot, night, plan = found
        await self.site.tidy(journal)
        self.ticks += 1
        said = await hear_telematics(self.site, depot, night.date)
        ended = await tick(
            depot,
            night,
            plan,
            journal=journal,
            stations=self.site.stations,
            looks_anew=False,
            doubted={} if self.last is None else self.last.doubted,
        )
        self.last = replace(ended, notes=(*ended.notes, *said))
        _prune(journal, depot, self.last)
        log_tick(log, depot.name, self.last, exit_code=_exit_code(self.last))
        for line in report.summary(self.last):
            self.say(line)
        self.told = await self.aftermath.follow(
            depot, self.last, code=_exit_code(self.last), summary=_summary(depot, self.last)
        )
        for line in self.told.lines:
            self.say(line)

    def watched(self, live: LiveState) -> object:
        """What the site's meter shows that calls for a tick."""
        return self._watch.looked(live, None if self.last is None else self.last.plan)

    def crashed(self, error: BaseException) -> None:
        """Tell what a tick ended by; the next one may go well. Bad input before the first tick ends the loop."""
        if isinstance(error, InputError) and self._read is None:
            raise error
        self.crashes += 1
        self.say(f"this tick has crashed and will be tried again: {error!r}")
        log.error("a tick has crashed", exc_info=error, extra={"event": "tick_crashed"})

    def _due(self, now: datetime) -> tuple[Depot, Night, Plan] | None:
        """Depot, night and plan for a tick now; the night that was named until it is over, then the one that is."""
        if self._read is not None and self.named is not None and now >= self._read[1].horizon.end:
            self.named = None
        wanted = self.named or night_containing(self.site.depot, now)
        try:
            depot, night = load_folder(self.site.folder, wanted)
            self._read = self.with_known_chargers(depot), night
        except InputError as error:
            if self._read is None:
                raise
            for problem in error.problems:
                self._say_once(f"{problem}; going on with what was read before")
            if now >= self._read[1].horizon.end:
                return None
        depot, night = self._read
        plan = self.site.journal.latest_plan(night.date)
        if plan is None:
            self._say_once(str(self.site.no_plan(night.date)))
            return None
        return depot, night, plan

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.say(text)


@contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set for as long as the block lasts."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _prune(journal: Journal, depot: Depot, found: report.NightReport) -> None:
    journal.prune(before=found.at - timedelta(days=depot.policy.keep_messages_days))


def _say_writes(terminal: Terminal, depot: Depot, plan: Plan, writes: Sequence[Write]) -> ExitCode:
    commands: list[dict[str, Any]] = [
        {
            "charger_id": write.place.charger_id,
            "connector_id": write.place.connector_id,
            **payload_document(wanted, ocpp=depot.charger(write.place.charger_id).ocpp),
        }
        for write in writes
        for wanted in write.profiles
    ]
    for command in commands:
        payload = json.dumps(command["payload"])
        terminal.say(f"{command['charger_id']} {command['layer']}: {command['action']} {payload}")
    terminal.say(f"{len(commands)} profiles would be sent")
    terminal.document({"night": plan.night.isoformat(), "dry_run": True, "commands": commands})
    return ExitCode.GOOD


def _say(terminal: Terminal, depot: Depot, found: report.NightReport) -> ExitCode:
    """What is to be said of a tick; the last line sums it up."""
    for line in report.summary(found)[1:]:
        terminal.say(line)
    terminal.say(_summary(depot, found))
    return _exit_code(found)


def _summary(depot: Depot, found: report.NightReport) -> str:
    return f"{depot.name}: {WORDS[_exit_code(found)]}; {report.summary(found)[0]}"


def _document(depot: Depot, found: report.NightReport, told: Told) -> dict[str, Any]:
    zone = found.plan.horizon.zone
    return {
        "depot": depot.name,
        "summary": _summary(depot, found),
        **report.document(found),
        "alerts": [alert_document(alert, zone=zone) for alert in told.open_alerts],
        "exit_code": int(_exit_code(found)),
    }


def _exit_code(found: report.NightReport) -> ExitCode:
    if not found.is_reachable:
        return ExitCode.UNREACHABLE
    if found.was_refused:
        return ExitCode.REFUSED
    return ExitCode.NEEDS_A_PERSON if found.needs_a_person else ExitCode.GOOD
