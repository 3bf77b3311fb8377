"""``depot report``: the morning page of a night, for people and for programs. Knows options, files and exit codes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dispatch.evidence import Rung
from dispatch.morning import words
from dispatch.morning.document import document
from dispatch.morning.loading import load_report
from dispatch.morning.report import MorningReport
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.inputs import InputError
from optimiser.terminal import Terminal
from optimiser.writing import write_together

FILE_NAME = "morning.html"
"""What the page is called beside the plan's own report."""
INCIDENTS_SAID = 20
"""Incidents that a terminal shows before it says how many more there are: the page has all."""


def report_command(
    folder: Folder,
    night: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Local date on which the night starts; else the one now."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the page goes.", show_default="DIR/plans/DATE/morning.html"),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell what came of a night: who left ready, cost, peak, evidence, incidents; on one page, asking no charger."""
    terminal = Terminal(as_json=as_json)
    try:
        code = look_back(terminal, folder, night=night, out=out, now=datetime.now(UTC))
    except InputError as error:
        terminal.complain(f"with {folder}", error.problems)
        code = ExitCode.BAD_INPUT
    raise typer.Exit(code)


def look_back(
    terminal: Terminal, folder: Path, *, night: str | None, out: Path | None, now: datetime
) -> ExitCode:
    """Print what came of a night by ``now`` and write its page.

    Raises :class:`InputError` where no plan of the night is stored, or the page cannot be written.
    """
    report = load_report(folder, night, now=now)
    # matplotlib: a fifth of a second and 40 MB that only a page needs
    from dispatch.morning.page import render  # noqa: PLC0415

    with terminal.working(f"looking back on the night of {report.plan.night} at {report.plan.depot}"):
        page = render(report)
    path = out if out is not None else folder / "plans" / report.plan.night.isoformat() / FILE_NAME
    write_together(path.parent, {path.name: page}, before=lambda: None)
    _say(terminal, report)
    terminal.say()
    terminal.say(f"page: {path}")
    code = ExitCode.GOOD if report.is_ready_and_proven else ExitCode.NEEDS_A_PERSON
    terminal.document(document(report) | {"page": str(path), "exit_code": int(code)})
    return code


def _say(terminal: Terminal, report: MorningReport) -> None:
    horizon, currency = report.plan.horizon, report.plan.cost.currency
    terminal.say(f"{report.plan.depot}, what came of the night of {report.plan.night}")
    for headline in words.headlines(report):
        terminal.say(headline.text)
    for line in words.gap_lines(report):
        terminal.say(f"  {line}")
    terminal.say()
    terminal.table(
        ("leaves", "vehicle", "state", "what is known", "required"),
        [
            (
                f"{horizon.local(one.visit.departure):%a %H:%M}",
                one.visit.vehicle_id,
                f"{words.STATE_MARKS[one.state]} {one.state}",
                words.departure_words(horizon, one),
                f"{one.visit.required_soc_percent:.0f} %",
            )
            for one in report.departures
        ],
        numbers={4},
    )
    terminal.say()
    terminal.table(
        ("connector", "vehicles", *words.RUNG_NAMES.values(), ""),
        [
            (
                str(climb.place),
                ", ".join(climb.vehicle_ids) or "–",
                *(words.rung_words(horizon, climb.steps[rung]) for rung in Rung),
                words.climb_words(climb),
            )
            for climb in report.climbs
        ],
    )
    for override in report.overrides:
        terminal.say(f"override: {words.override_words(horizon, override)}")
    for version in report.versions:
        terminal.say(" ".join(words.version_words(horizon, version, currency)))
    terminal.say()
    for incident in report.incidents[:INCIDENTS_SAID]:
        mark = "▲ " if incident.needs_a_person else ""
        terminal.say(f"{words.incident_time(horizon, incident)} {incident.where}: {mark}{incident.sentence}")
    if len(report.incidents) > INCIDENTS_SAID:
        terminal.say(f"… and {len(report.incidents) - INCIDENTS_SAID} more on the page")
