"""The ``depot`` command: where the parts are put together. Knows options, exit codes, and which file is what."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from dispatch import api, gateway, report
from dispatch.audit.command import audit_command
from dispatch.charger import CapabilityError
from dispatch.chargers_command import chargers_app
from dispatch.credentials_command import credentials_app
from dispatch.decide import Write
from dispatch.gateway_command import gateway_command
from dispatch.journal import Journal, JournalError, has_journal, open_journal
from dispatch.known import capabilities_of, check_charger
from dispatch.overnight import preview, tick
from dispatch.preview_command import preview_command
from dispatch.profiles_json import payload_document, render_profiles
from dispatch.rehearsal.command import rehearse_command
from dispatch.report_command import report_command
from dispatch.simulate_command import simulate_command
from dispatch.simulator.depot import SimulationError
from dispatch.station import StationsUnreachableError
from dispatch.tls import TlsError
from optimiser.cli import AsJson, ExitCode, Folder, register
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem, load_depot, load_folder, night_containing
from optimiser.night import Night as PlannedNight
from optimiser.plan import Plan
from optimiser.terminal import Terminal
from optimiser.what_if_command import register as register_what_if

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

    return _with_stations(folder, night, work, role=api.Role.DISPATCH)


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
    role = api.Role.ADMIN if clear_foreign else api.Role.READ
    _run(terminal, folder, lambda: _with_stations(folder, night, work, role=role))


def _with_stations(
    folder: Path, named: str | None, work: Callable[..., Awaitable[ExitCode]], *, role: api.Role
) -> ExitCode:
    """Do some work on a night with a stored plan: with depot, night and plan, ``journal`` and ``stations``."""
    depot = with_known_chargers(load_depot(folder))
    reached = _stations(depot, folder, role)
    journal = _open_journal(depot, folder)

    async def run() -> ExitCode:
        async with reached as stations:
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


def _stations(depot: Depot, folder: Path, role: api.Role) -> api.ApiStations:
    try:
        return api.stations_of(depot, folder, role=role)
    except (OSError, TlsError) as error:
        raise _input_error(
            "depot.yaml gateway", found=str(error), allowed="files for the local API's tokens and certificate"
        ) from error


def _open_journal(depot: Depot, folder: Path) -> Journal:
    try:
        return open_journal(depot.store, folder)
    except JournalError as error:
        raise _input_error(
            "depot.yaml store", found=str(error), allowed="a store that can be opened"
        ) from error


def _input_error(where: str, *, found: str, allowed: str) -> InputError:
    return InputError([Problem(where=where, found=found, allowed=allowed)])


app.command("gateway")(
    gateway_command(run=_run, with_known_chargers=with_known_chargers, open_journal=_open_journal)
)
app.command("simulate")(simulate_command(run=_run))
app.add_typer(credentials_app(run=_run), name="credentials")
app.command("rehearse")(rehearse_command(run=_run, with_known_chargers=with_known_chargers))
