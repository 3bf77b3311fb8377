"""The ``depot`` command: where the parts are put together. Knows options, exit codes, and which file is what."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dispatch import api, gateway
from dispatch.audit.command import audit_command
from dispatch.audit.foreign import look_for_foreign
from dispatch.checked import with_known_chargers
from dispatch.commands.alerts import alerts_command
from dispatch.commands.backup import backup_command
from dispatch.commands.chargers import chargers_app
from dispatch.commands.credentials import credentials_app
from dispatch.commands.dispatch import dispatch_command
from dispatch.commands.gateway import gateway_command
from dispatch.commands.history import history_command
from dispatch.commands.init import init_command
from dispatch.commands.preview import preview_command
from dispatch.commands.report import report_command
from dispatch.commands.simulate import simulate_command
from dispatch.commands.status import status_command
from dispatch.commands.watch import watch_command
from dispatch.commissioning.command import commission_command
from dispatch.journal import Journal, JournalError, StoreAwayError, has_journal, open_journal
from dispatch.lease import LeaseHeldError
from dispatch.profiles_json import render_profiles
from dispatch.rehearsal.command import rehearse_command
from dispatch.simulator.depot import SimulationError
from dispatch.site import Site
from dispatch.station import LeaseLostError, StationsUnreachableError
from dispatch.tls import TlsError
from optimiser.cli import AsJson, ExitCode, Folder, register
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem, load_depot
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
app.command("history")(history_command)

Night = Annotated[
    str | None, typer.Option(metavar="DATE", help="Local date on which the night starts; else the one now.")
]


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
    work = partial(audit_command, terminal, named=night, clear_foreign=clear_foreign)
    role = api.Role.ADMIN if clear_foreign else api.Role.READ
    _run(terminal, folder, lambda: _at_work(folder, work, role=role))


@app.command("commission")
def commission(
    folder: Folder,
    charger: Annotated[str, typer.Option(metavar="ID", help="The charger, as in depot.yaml.")],
    wait_minutes: Annotated[
        float, typer.Option(min=0.0, help="How long to wait for a vehicle that charges.")
    ] = 10.0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the protocol goes.", show_default="DIR/commissioned/ID.html"
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Test one charger, simulated or real: what it takes, shows and does. Writes its capability file and a protocol."""
    terminal = Terminal(as_json=as_json)
    work = partial(commission_command, terminal, charger_id=charger, wait_minutes=wait_minutes, out=out)
    _run(terminal, folder, lambda: _at_work(folder, work, role=api.Role.ADMIN))


def _at_work(folder: Path, work: Callable[[Site], Awaitable[ExitCode]], *, role: api.Role) -> ExitCode:
    """Do some work on a depot's chargers, over the gateway that runs for its folder."""
    depot = with_known_chargers(load_depot(folder))
    reached = _stations(depot, folder, role=role)
    journal = _open_journal(depot, folder)

    async def run() -> ExitCode:
        async with reached as stations:
            return await work(Site(folder=folder, depot=depot, journal=journal, stations=stations))

    try:
        return asyncio.run(run())
    finally:
        journal.close()


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
    except StoreAwayError as error:
        problem = Problem(
            where="store",
            found=str(error),
            allowed="a store that can be used now: nothing is sent that is not written down",
        )
        terminal.complain(f"with {folder}", [problem])
        code = ExitCode.UNREACHABLE
    except (LeaseHeldError, LeaseLostError) as error:
        # Not 4: no limit has been looked at. What is needed, to be the only writer, could not be had; next time it may.
        problem = Problem(where="lease", found=str(error), allowed="one writer at a time: wait for its end")
        terminal.complain(f"with {folder}", [problem])
        code = ExitCode.UNREACHABLE
    raise typer.Exit(code)


def _stations(depot: Depot, folder: Path, *, role: api.Role) -> api.ApiStations:
    try:
        return api.stations_of(depot, folder, role=role)
    except (OSError, TlsError) as error:
        raise _input_error(
            "depot.yaml gateway", found=str(error), allowed="files for the local API's tokens and certificate"
        ) from error


def _open_journal(depot: Depot, folder: Path) -> Journal:
    try:
        return open_journal(depot.store, folder)
    except StoreAwayError:
        raise
    except JournalError as error:
        raise _input_error(
            "depot.yaml store", found=str(error), allowed="a store that can be opened"
        ) from error


def _input_error(where: str, *, found: str, allowed: str) -> InputError:
    return InputError([Problem(where=where, found=found, allowed=allowed)])


app.command("gateway")(
    gateway_command(run=_run, with_known_chargers=with_known_chargers, open_journal=_open_journal)
)
app.command("dispatch")(
    dispatch_command(
        run=_run,
        at_work=partial(_at_work, role=api.Role.DISPATCH),
        with_known_chargers=with_known_chargers,
        look_for_foreign=look_for_foreign,
    )
)
app.command("status")(
    status_command(run=_run, with_known_chargers=with_known_chargers, open_journal=_open_journal)
)
app.command("init")(init_command(run=_run))
app.command("alerts")(alerts_command(run=_run, open_journal=_open_journal))
app.command("watch")(
    watch_command(run=_run, open_journal=_open_journal, reached=partial(_stations, role=api.Role.READ))
)
app.command("backup")(backup_command(run=_run, open_journal=_open_journal))
app.command("simulate")(simulate_command(run=_run))
app.add_typer(credentials_app(run=_run), name="credentials")
app.command("rehearse")(rehearse_command(run=_run, with_known_chargers=with_known_chargers))
