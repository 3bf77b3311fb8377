"""The ``depot`` command: where the parts are put together. Knows options, exit codes, and which file is what."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from dispatch import api, gateway, report
from dispatch.address import parse_address
from dispatch.audit.command import audit_command
from dispatch.charger import CapabilityError
from dispatch.chargers_command import chargers_app
from dispatch.decide import Write
from dispatch.journal import Journal, JournalError, has_journal, open_journal
from dispatch.known import capabilities_of, check_charger
from dispatch.overnight import preview, tick
from dispatch.preview_command import preview_command
from dispatch.profiles_json import payload_document, render_profiles
from dispatch.rehearsal.command import rehearse_command
from dispatch.report_command import report_command
from dispatch.simulator.depot import SimulationError, chosen_personas, simulate
from dispatch.station import StationsUnreachableError
from optimiser.cli import AsJson, ExitCode, Folder, register
from optimiser.depot import Depot
from optimiser.horizon import TimeError, parse_instant
from optimiser.inputs import InputError, Problem, load_depot, load_folder, night_containing
from optimiser.night import Night as PlannedNight
from optimiser.plan import Plan
from optimiser.terminal import Terminal
from optimiser.what_if_command import register as register_what_if

TOKEN_FILE = "api-token"  # noqa: S105
"""Where the local API's token lies in a depot's folder, if ``depot.yaml`` names no other file."""

app = typer.Typer(
    name="depot",
    help="Plans a depot's night of charging, pushes it to the chargers, and checks that they obey.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    # What has been imported stays to the end. Looking through it again and again for garbage would take an eighth of
    # the time of planning a thousand vehicles.
    gc.freeze()
    app()


def save_plan(folder: Path, depot: Depot, plan: Plan) -> None:
    """Store a plan in the depot's journal."""
    journal = _open_journal(depot, folder)
    journal.save_plan(plan)
    journal.close()


def load_plan(folder: Path, depot: Depot, night: date) -> Plan | None:
    """The latest plan or re-plan of a night in the depot's journal."""
    if not has_journal(depot.store, folder):
        return None
    journal = _open_journal(depot, folder)
    plan = journal.latest_plan(night)
    journal.close()
    return plan


def with_known_chargers(depot: Depot) -> Depot:
    """The depot with the periods that its chargers' models can hold.

    Raises :class:`InputError` with all that ``depot.yaml`` says wrongly of its chargers' capabilities.
    """
    problems: list[Problem] = []
    for charger in depot.chargers:
        try:
            check_charger(charger)
        except CapabilityError as error:
            problems += [Problem(**vars(fault)) for fault in error.faults]
    if problems:
        raise InputError(problems)
    chargers = (replace(one, max_periods=capabilities_of(one).max_periods) for one in depot.chargers)
    return replace(depot, chargers=tuple(chargers))


register(
    app,
    save_plan=save_plan,
    load_plan=load_plan,
    render_profiles=render_profiles,
    with_known_chargers=with_known_chargers,
)
register_what_if(app, with_known_chargers=with_known_chargers)
app.add_typer(chargers_app, name="chargers")
app.command("preview")(preview_command)
app.command("report")(report_command)

Night = Annotated[
    str | None, typer.Option(metavar="DATE", help="Local date on which the night starts; else the one now.")
]


@app.command("gateway")
def gateway_command(
    folder: Folder,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Begin at this time instead of now: a rehearsal."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the endpoint that chargers dial in to, and its local API, until stopped."""
    terminal = Terminal(as_json=as_json)

    def run() -> ExitCode:
        depot = with_known_chargers(load_depot(folder))
        clock = _clock(depot, as_of)
        credentials = _credentials(depot, folder)
        token = _token(depot, folder)
        journal = _open_journal(depot, folder)
        terminal.say(
            f"{depot.name}: chargers dial in at ws://{depot.gateway.listen}/<charger id>, it is {clock():%F %T} UTC"
        )
        terminal.document(
            {
                "depot": depot.name,
                "listen": depot.gateway.listen,
                "api": depot.gateway.api,
                "security_profile": depot.gateway.security_profile,
                "now": clock().isoformat(),
            }
        )
        serving = gateway.serve(depot, journal, credentials=credentials, api_token=token, clock=clock)
        try:
            asyncio.run(serving)
        except OSError as error:
            terminal.say(f"cannot listen on {depot.gateway.listen} and {depot.gateway.api}: {error}")
            return ExitCode.UNREACHABLE
        finally:
            journal.close()
        return ExitCode.GOOD

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _run(terminal, folder, run)


@app.command("simulate")
def simulate_command(
    folder: Folder,
    night: Night = None,
    charger: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this charger; may be given again.")
    ] = None,
    arrival_soc: Annotated[
        list[str] | None,
        typer.Option(metavar="VEHICLE=PERCENT", help="Another SoC at arrival; may be given again."),
    ] = None,
    meter_interval_s: Annotated[float, typer.Option(min=0.1, help="Between two meter readings. [s]")] = 60.0,
    *,
    persona: Annotated[
        list[str] | None,
        typer.Option(metavar="CHARGER=NAME", help="How this charger misbehaves; may be given again."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run simulated charge points with the night's vehicles against the depot's gateway, until stopped."""
    terminal = Terminal(as_json=as_json)

    def run() -> ExitCode:
        depot, read = load_folder(folder, night or night_containing(load_depot(folder), datetime.now(UTC)))
        running = simulate(
            depot,
            read,
            gateway_url=f"ws://{depot.gateway.listen}",
            credentials=_credentials(depot, folder),
            charger_ids=charger or None,
            arrival_soc_percent=dict(_soc_option(text) for text in arrival_soc or ()),
            meter_interval_s=meter_interval_s,
            personas=chosen_personas(persona or ()),
        )
        terminal.say(f"simulating charge points of {depot.name} at ws://{depot.gateway.listen}")
        terminal.document(
            {
                "depot": depot.name,
                "night": read.date.isoformat(),
                "gateway": f"ws://{depot.gateway.listen}",
                "chargers": charger or [known.id for known in depot.chargers],
            }
        )
        asyncio.run(running)
        return ExitCode.GOOD

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    _run(terminal, folder, run)


@app.command("dispatch")
def dispatch_command(
    folder: Folder,
    night: Night = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the payloads, send nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """One tick: re-plan if needed, send what differs in safe order, read back, compare with the meters."""
    terminal = Terminal(as_json=as_json)
    _run(terminal, folder, lambda: dispatch(terminal, folder, night=night, dry_run=dry_run))


def dispatch(terminal: Terminal, folder: Path, *, night: str | None, dry_run: bool) -> ExitCode:
    """One tick, or a look at what it would send; prints the table of connectors."""

    async def work(
        depot: Depot, read: PlannedNight, plan: Plan, *, journal: Journal, stations: api.ApiStations
    ) -> ExitCode:
        if dry_run:
            return _say_writes(
                terminal, depot, plan, await preview(depot, read, plan, journal=journal, stations=stations)
            )
        with terminal.working(f"sending the night of {read.date} to {len(depot.chargers)} chargers"):
            found = await tick(depot, read, plan, journal=journal, stations=stations)
        return _say_report(terminal, found)

    return _with_stations(folder, night, work)


@app.command("audit")
def audit(
    folder: Folder,
    night: Night = None,
    *,
    clear_foreign: Annotated[
        bool, typer.Option("--clear-foreign", help="Remove what is not ours where no limit can break by it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare what is installed on every charger with what should be; name what is foreign or stale."""
    terminal = Terminal(as_json=as_json)
    work = partial(audit_command, terminal, clear_foreign=clear_foreign)
    _run(terminal, folder, lambda: _with_stations(folder, night, work))


def _with_stations(folder: Path, named: str | None, work: Callable[..., Awaitable[ExitCode]]) -> ExitCode:
    """Do some work on a night with a stored plan: with depot, night and plan, ``journal`` and ``stations``."""
    depot = with_known_chargers(load_depot(folder))
    address = parse_address(depot.gateway.api)
    token = _token(depot, folder)
    journal = _open_journal(depot, folder)

    async def run() -> ExitCode:
        async with api.ApiStations(address, token=token) as stations:
            night: date | str | None = named
            if night is None:
                night = night_containing(depot, (await stations.live()).now)
            _, read = load_folder(folder, night)
            plan = journal.latest_plan(read.date)
            if plan is None:
                raise _input_error(
                    str(folder),
                    found=f"no stored plan for the night of {read.date}",
                    allowed=f"a night that has been planned: depot plan {folder} --night {read.date}",
                )
            return await work(depot, read, plan, journal=journal, stations=stations)

    try:
        return asyncio.run(run())
    finally:
        journal.close()


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


def _say_report(terminal: Terminal, found: report.NightReport) -> ExitCode:
    terminal.table(report.HEADERS, report.table_rows(found))
    for line in report.summary(found):
        terminal.say(line)
    code = _exit_code(found)
    terminal.document(report.document(found) | {"exit_code": int(code)})
    return code


def _exit_code(found: report.NightReport) -> ExitCode:
    if not found.is_reachable:
        return ExitCode.UNREACHABLE
    if found.was_refused:
        return ExitCode.REFUSED
    return ExitCode.NEEDS_A_PERSON if found.needs_a_person else ExitCode.GOOD


def _run(terminal: Terminal, folder: Path, action: Callable[[], ExitCode]) -> NoReturn:
    try:
        code = action()
    except InputError as error:
        terminal.complain(f"with {folder}", error.problems)
        code = ExitCode.BAD_INPUT
    except gateway.GatewaySettingsError as error:
        wrong = [
            Problem(where=str(folder), found=text, allowed="settings that can be served")
            for text in error.problems
        ]
        terminal.complain(f"with the gateway of {folder}", wrong)
        code = ExitCode.BAD_INPUT
    except SimulationError as error:
        terminal.complain(
            f"with {folder}",
            [
                Problem(where="simulate", found=line, allowed="what the depot and its night have")
                for line in str(error).splitlines()
            ],
        )
        code = ExitCode.BAD_INPUT
    except StationsUnreachableError as error:
        problem = Problem(
            where="gateway", found=str(error), allowed=f"a gateway that runs: depot gateway {folder}"
        )
        terminal.complain(f"with {folder}", [problem])
        code = ExitCode.UNREACHABLE
    raise typer.Exit(code)


def _clock(depot: Depot, as_of: str | None) -> Callable[[], datetime]:
    if as_of is None:
        return lambda: datetime.now(UTC)
    try:
        start = parse_instant(as_of, ZoneInfo(depot.timezone))
    except TimeError as error:
        raise _input_error("--as-of", found=str(error), allowed="an instant") from error
    begun = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - begun)


def _credentials(depot: Depot, folder: Path) -> dict[str, str]:
    """The chargers' passwords; none where ``depot.yaml`` names no file of them."""
    name = depot.gateway.credentials
    return {} if name is None else gateway.load_credentials(folder / name)


def _token(depot: Depot, folder: Path) -> str:
    path = folder / (depot.gateway.api_token_file or TOKEN_FILE)
    try:
        return api.read_or_create_token(path)
    except OSError as error:
        raise _input_error(str(path), found=str(error), allowed="a file for the local API's token") from error


def _open_journal(depot: Depot, folder: Path) -> Journal:
    try:
        return open_journal(depot.store, folder)
    except JournalError as error:
        raise _input_error(
            "depot.yaml store", found=str(error), allowed="a store that can be opened"
        ) from error


def _soc_option(text: str) -> tuple[str, float]:
    vehicle_id, _, percent = text.rpartition("=")
    try:
        return vehicle_id, float(percent)
    except ValueError:
        raise _input_error(
            "--arrival-soc", found=repr(text), allowed="VEHICLE=PERCENT, such as V001=12"
        ) from None


def _input_error(where: str, *, found: str, allowed: str) -> InputError:
    return InputError([Problem(where=where, found=found, allowed=allowed)])


app.command("rehearse")(rehearse_command(run=_run, with_known_chargers=with_known_chargers))
