"""The commands of a planner: check, plan and show. Knows options, exit codes and which files a plan becomes.

:func:`register` puts them on the ``depot`` command; what lies above this package comes in as functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from optimiser import sentences
from optimiser.depot import Depot
from optimiser.forgetful import all_awake
from optimiser.inputs import (
    InputError,
    Problem,
    load_depot,
    load_folder,
    load_night,
    load_telematics,
    night_containing,
    nights_in,
)
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.plan import Plan, wired
from optimiser.plan_folders import Planned, ToPlan, Unplanned, document_of, plan_all, read_folders, write
from optimiser.plan_text import say_departures, say_periods, say_plan, say_plans
from optimiser.profiles import charging_profiles
from optimiser.show_worth import with_worth
from optimiser.terminal import Terminal
from optimiser.verify import PlanRefusedError

A_DATE = "a date such as 2025-11-10"
NIGHTS_NAMED_AT_MOST = 10

T = TypeVar("T")


class ExitCode(IntEnum):
    """What a command tells cron."""

    GOOD = 0
    NEEDS_A_PERSON = 1
    BAD_INPUT = 2
    UNREACHABLE = 3
    REFUSED = 4


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the commands need from above: the store of plans, the exact payloads of chargers, the clock.

    ``save_plan`` and ``load_plan`` take the depot's folder; ``load_plan`` gives None where none is stored.
    ``render_profiles`` gives the text of ``profiles.json``. ``with_known_chargers`` gives the depot with what is
    known of its chargers' models, or raises :class:`InputError` for what the parts above would not take of it.
    """

    save_plan: Callable[[Path, Depot, Plan], None]
    load_plan: Callable[[Path, Depot, date], Plan | None]
    render_profiles: Callable[[Depot, Plan], str]
    with_known_chargers: Callable[[Depot], Depot]
    now: Callable[[], datetime]


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A depot folder.", show_default=False)]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; people's text goes to standard error.")
]


def register(
    app: typer.Typer,
    *,
    save_plan: Callable[[Path, Depot, Plan], None],
    load_plan: Callable[[Path, Depot, date], Plan | None],
    render_profiles: Callable[[Depot, Plan], str],
    with_known_chargers: Callable[[Depot], Depot] = lambda depot: depot,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Puts check, plan and show on a typer application."""
    around = Surroundings(
        save_plan=save_plan,
        load_plan=load_plan,
        render_profiles=render_profiles,
        with_known_chargers=with_known_chargers,
        now=now,
    )

    @app.command("check")
    def check_command(
        folder: Folder,
        night: Annotated[
            str | None, typer.Option(metavar="DATE", help="Only this night; else all of them.")
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Read and validate a depot folder: every problem at once, each with its place."""
        terminal = Terminal(as_json=as_json)
        run(terminal, folder, lambda: check(terminal, folder, night=night, around=around))

    @app.command("plan")
    def plan_command(
        folders: Annotated[
            list[Path],
            typer.Argument(metavar="DIR...", help="A depot folder, or several.", show_default=False),
        ],
        night: Annotated[
            str,
            typer.Option(metavar="DATE", help="Local date on which the night starts.", show_default=False),
        ],
        out: Annotated[
            Path | None,
            typer.Option(
                metavar="DIR",
                help="Where the files go; of several depots each below it, by its folder's name.",
                show_default="DIR/plans/DATE",
            ),
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Plan a night: write plan.json, profiles.json and report.html, and store the plan; many depots on all cores."""
        terminal = Terminal(as_json=as_json)
        source = folders[0] if len(folders) == 1 else Path("these folders")
        run(terminal, source, lambda: plan(terminal, folders, night=night, out=out, around=around))

    @app.command("show")
    def show_command(
        source: Annotated[
            Path,
            typer.Argument(metavar="PLAN", help="A plan.json, or a depot folder.", show_default=False),
        ],
        night: Annotated[
            str | None,
            typer.Option(metavar="DATE", help="Of a folder: the night; else the one that contains now."),
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Print a plan again: departures, cost, peak, periods per connector."""
        terminal = Terminal(as_json=as_json)
        run(terminal, source, lambda: show(terminal, source, night=night, around=around))


def check(terminal: Terminal, folder: Path, *, night: str | None, around: Surroundings) -> ExitCode:
    """Reads the depot and one or all of its nights, and says what they hold."""
    depot, nights = _read_with_telematics(folder, night)
    depot = around.with_known_chargers(depot)
    warnings = list(dict.fromkeys([*_could_pass(depot), *(text for one in nights for text in one.warnings)]))
    connectors = sum(1 for _ in depot.connectors())
    limit = sentences.power(depot.site.transformer_limit_kw)
    terminal.say(
        f"{depot.name}: {_counted(len(depot.vehicles), 'vehicle')}, {_counted(len(depot.chargers), 'charger')} "
        f"with {_counted(connectors, 'connector')}, transformer limit {limit}"
    )
    named = [f"{one.date} ({_counted(len(one.visits), 'visit')})" for one in nights]
    if len(named) > NIGHTS_NAMED_AT_MOST:
        named = [named[0], "…", named[-1]]
    terminal.say(f"{_counted(len(nights), 'night')}: {', '.join(named)}" if named else "no nights")
    for warning in warnings:
        terminal.say(f"warning: {warning}")
    terminal.document(
        {
            "depot": depot.name,
            "vehicles": len(depot.vehicles),
            "chargers": len(depot.chargers),
            "connectors": connectors,
            "transformer_limit_kw": depot.site.transformer_limit_kw,
            "nights": [
                {
                    "night": one.date.isoformat(),
                    "visits": len(one.visits),
                    "steps": one.horizon.steps,
                    "inputs_sha256": one.inputs_sha256,
                }
                for one in nights
            ],
            "warnings": warnings,
        }
    )
    return ExitCode.GOOD


def plan(
    terminal: Terminal, folders: Sequence[Path], *, night: str, out: Path | None, around: Surroundings
) -> ExitCode:
    """Plans a night of every folder, writes and stores the plans, and says how they compare with plug-and-charge."""
    wanted = read_folders(folders, night, out=out, with_known_chargers=around.with_known_chargers)
    planning = plan_all(wanted, created_at=around.now(), render_profiles=around.render_profiles)
    if len(wanted) > 1:
        return _plan_many(terminal, wanted, planning, around)
    (one,) = wanted
    visits = _counted(len(one.night.visits), "visit")
    with terminal.working(f"planning {visits} of {one.night.date} at {one.depot.name}"):
        (planned,) = planning
        if isinstance(planned, Planned):
            write(one, planned, save_plan=around.save_plan)
    if isinstance(planned, Unplanned):
        return _not_planned(terminal, one.folder, planned)
    say_plan(terminal, planned.plan)
    terminal.say()
    terminal.say(f"report: {one.target / 'report.html'}")
    terminal.document(document_of(one, planned))
    return _code_of(planned)


def _plan_many(
    terminal: Terminal,
    wanted: Sequence[ToPlan],
    planning: Iterator[Planned | Unplanned],
    around: Surroundings,
) -> ExitCode:
    """One line for each folder; a plan that is not there keeps no other from being written."""
    results: list[Planned | Unplanned] = []
    with terminal.counting("planning depots", len(wanted)) as progress:
        for one, planned in zip(wanted, planning, strict=True):
            if isinstance(planned, Planned):
                write(one, planned, save_plan=around.save_plan)
            results.append(planned)
            progress(1)
    found = list(zip(wanted, results, strict=True))
    plans = [(one, planned) for one, planned in found if isinstance(planned, Planned)]
    say_plans(terminal, [planned.plan for _, planned in plans])
    missing = [
        replace(problem, where=f"{one.folder}: {problem.where}")
        for one, planned in found
        if isinstance(planned, Unplanned)
        for problem in planned.problems
    ]
    for problem in missing:
        terminal.say(f"not planned: {problem}")
    terminal.document(
        {
            "plans": [document_of(one, planned) for one, planned in plans],
            "errors": [asdict(problem) for problem in missing],
        }
    )
    return max(map(_code_of, results))


def _not_planned(terminal: Terminal, source: Path, unplanned: Unplanned) -> ExitCode:
    terminal.complain(f"with the plan for {source}; it is not written", unplanned.problems)
    return _code_of(unplanned)


def _code_of(planned: Planned | Unplanned) -> ExitCode:
    if isinstance(planned, Unplanned):
        return ExitCode.REFUSED if planned.is_refused else ExitCode.UNREACHABLE
    plan = planned.plan
    is_short = any(not visit.is_ready for visit in plan.visits)
    is_unsure = plan.assurance is not None and not plan.assurance.is_held(len(plan.visits))
    return ExitCode.NEEDS_A_PERSON if is_short or is_unsure else ExitCode.GOOD


def show(terminal: Terminal, source: Path, *, night: str | None, around: Surroundings) -> ExitCode:
    """Prints a plan from a file, or a depot's stored one."""
    if source.is_dir():
        depot = load_depot(source)
        stored = _stored_plan(source, depot, night, around)
        profiles = charging_profiles(wired(stored, depot))
        stored = with_worth(stored, depot, source)
    else:
        if night is not None:
            raise _input_error(
                "--night", found=f"{night} beside a file", allowed="only beside a depot folder"
            )
        stored = read_plan(source)
        profiles = charging_profiles(stored)
    say_plan(terminal, stored)
    say_departures(terminal, stored)
    say_periods(terminal, stored, profiles)
    terminal.document(
        {"plan": stored.to_document(), "connectors": [p.to_document(stored.horizon) for p in profiles]}
    )
    return ExitCode.GOOD


def read_plan(path: Path) -> Plan:
    """The plan of a ``plan.json``. Raises :class:`InputError` where there is none."""
    try:
        return Plan.from_document(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _input_error(
            str(path), found=error.strerror or "an unreadable file", allowed="a plan.json or a depot folder"
        ) from error
    except ValueError as error:
        raise _input_error(str(path), found=str(error), allowed="a depot-plan/1 document") from error


def run(terminal: Terminal, source: Path, action: Callable[[], ExitCode]) -> NoReturn:
    """Ends with the exit code of an action, or with that of what it raises, told to people and programs."""
    try:
        code = action()
    except InputError as error:
        terminal.complain(f"with {source}", error.problems)
        code = ExitCode.BAD_INPUT
    except (PlanRefusedError, SolverError) as error:
        code = _not_planned(terminal, source, Unplanned.because_of(error))
    except ConnectionError as error:  # the store of plans; what it is made of is known above
        terminal.complain(
            f"with {source}",
            [Problem(where="store", found=str(error), allowed="a store that can be used now")],
        )
        code = ExitCode.UNREACHABLE
    raise typer.Exit(code)


def read_folder(folder: Path, night: str | None) -> tuple[Depot, list[Night]]:
    """The depot with one night, or with all it has. Raises :class:`InputError` with the problems of all."""
    if night is not None:
        depot, read = load_folder(folder, night)
        return depot, [read]
    problems: dict[Problem, None] = {}

    def tried(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
            return None

    known = tried(partial(load_depot, folder))
    nights = [tried(partial(load_night, folder, named)) for named in nights_in(folder)]
    if problems or known is None:
        raise InputError(problems)
    return known, [read for read in nights if read is not None]


def _read_with_telematics(folder: Path, night: str | None) -> tuple[Depot, list[Night]]:
    """The depot with its nights, with the problems of telematics too: a plan can do without them, a check not."""
    problems: dict[Problem, None] = {}
    depot, nights = None, list[Night]()
    try:
        depot, nights = read_folder(folder, night)
    except InputError as error:
        problems.update(dict.fromkeys(error.problems))
    for named in (None, *(one.date for one in nights)):
        try:
            load_telematics(folder, depot or load_depot(folder), named)
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
    if depot is None or problems:
        raise InputError(problems)
    return depot, nights


def _stored_plan(folder: Path, depot: Depot, night: str | None, around: Surroundings) -> Plan:
    if night is None:
        named = night_containing(depot, around.now())
    else:
        try:
            named = date.fromisoformat(night)
        except ValueError:
            raise _input_error("--night", found=repr(night), allowed=A_DATE) from None
    stored = around.load_plan(folder, depot, named)
    if stored is None:
        raise _input_error(
            str(folder),
            found=f"no stored plan for the night of {named}",
            allowed=f"a night that has been planned: depot plan {folder} --night {named}",
        )
    return stored


def _input_error(where: str, *, found: str, allowed: str) -> InputError:
    return InputError([Problem(where=where, found=found, allowed=allowed)])


def _could_pass(depot: Depot) -> Iterator[str]:
    """Where chargers that all forget their profiles at once would pass a limit, and by how much."""
    for one in all_awake(depot):
        if one.most_kw <= one.left_kw:
            continue
        place = "the transformer limit"
        if one.feeder_id is not None:
            place = f"the limit of feeder {one.feeder_id}" + (f" on {one.phase}" if one.phase else "")
        yield (
            f"chargers that all forget their profiles at once draw up to {sentences.power(one.most_kw)}, "
            f"{sentences.power(one.most_kw - one.left_kw)} above {place}"
            + (" after base load and reserve" if one.carries_base_load else "")
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
