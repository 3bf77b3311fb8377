"""``depot rehearse``: a night with its faults, or many random ones, and which promises were kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dispatch.journal import open_journal
from dispatch.morning.reading import read_night
from dispatch.morning.report import morning_report
from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.chaos import many_nights, reproductions, worst_of
from dispatch.rehearsal.faults import line_of, load_faults
from dispatch.rehearsal.faults.base import Fault
from dispatch.rehearsal.night import IN_MEMORY
from dispatch.rehearsal.quiet import quiet
from dispatch.rehearsal.scene import Scene, bounds
from dispatch.rehearsal.trial import Judged, Setting, tried
from dispatch.rehearsal.verdict import Verdict, document
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem, load_folder
from optimiser.night import Night
from optimiser.planner import plan_night
from optimiser.terminal import Terminal
from optimiser.writing import write_together

STORE, PAGE = "rehearsal.db", "morning.html"
"""What is kept of a rehearsed night: its journal, and its morning page."""

Item = TypeVar("Item")


def rehearse_command(
    *,
    run: Callable[[Terminal, Path, Callable[[], ExitCode]], NoReturn],
    with_known_chargers: Callable[[Depot], Depot],
) -> Callable[..., None]:
    """The command; ``run`` does something and ends with its exit code, errors included."""

    def command(
        folder: Folder,
        night: Annotated[
            str,
            typer.Option(metavar="DATE", help="Local date on which the night starts.", show_default=False),
        ],
        faults: Annotated[
            Path | None, typer.Option(metavar="FILE", help="What goes wrong: a YAML list of faults.")
        ] = None,
        chaos: Annotated[
            int | None, typer.Option(metavar="N", min=1, help="N nights of random faults, in memory.")
        ] = None,
        *,
        seed: Annotated[int, typer.Option(metavar="S", help="Which random nights.")] = 1,
        out: Annotated[
            Path | None,
            typer.Option(metavar="DIR", help="Keep the night's journal and its morning page there."),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Rehearse a night against simulated chargers, faults included, and say which promises it breaks."""
        terminal = Terminal(as_json=as_json)

        def work() -> ExitCode:
            depot, read = load_folder(folder, night)
            known = with_known_chargers(depot)
            return rehearse(terminal, known, read, faults_file=faults, chaos=chaos, seed=seed, out=out)

        with quiet():
            run(terminal, folder, work)

    return command


def rehearse(
    terminal: Terminal,
    depot: Depot,
    night: Night,
    *,
    faults_file: Path | None,
    chaos: int | None,
    seed: int,
    out: Path | None,
) -> ExitCode:
    """Rehearse one night over sockets or, with ``chaos``, so many random ones in memory.

    Raises :class:`optimiser.inputs.InputError` for faults that cannot be read or cannot happen in this night, and
    for an ``out`` in which nothing can be kept.
    """
    always = () if faults_file is None else load_faults(faults_file)
    scene = scene_of(depot, night, always)  # whoever writes a fault that cannot be wants to know at once
    _check_out(out, chaos)
    plan = plan_night(depot, night, created_at=night.horizon.start)
    setting = Setting(depot=depot, night=night, plan=plan, always=always)
    if chaos is None:
        judged = [_one_night(terminal, setting, scene, out)]
    else:
        played = many_nights(setting, count=chaos, seed=seed)
        judged = list(_with_progress(played, count=chaos, what="nights"))
    worst = worst_of(judged)
    small = _with_progress(reproductions(setting, worst), count=len(worst), what="worst nights made small")
    reports = [
        _report(setting, one, needed, seed=None if chaos is None else seed)
        for one, needed in zip(worst, small, strict=True)
    ]
    summary = _summary(judged)
    _say(terminal, summary, reports)
    terminal.document({**summary, "worst": reports})
    return ExitCode.NEEDS_A_PERSON if worst else ExitCode.GOOD


def _check_out(out: Path | None, chaos: int | None) -> None:
    if out is None:
        return
    if chaos is not None:
        problem = Problem(
            where="--out", found="--chaos as well", allowed="the journal of one night, without --chaos"
        )
        raise InputError([problem])
    if (out / STORE).exists():
        problem = Problem(
            where="--out", found=f"{out / STORE}", allowed="a folder without the journal of a rehearsal"
        )
        raise InputError([problem])
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError([Problem(where="--out", found=str(error), allowed="a folder")]) from error


def _one_night(terminal: Terminal, setting: Setting, scene: Scene, out: Path | None) -> Judged:
    chargers, date = len(setting.depot.chargers), setting.night.date
    store = IN_MEMORY if out is None else f"sqlite:///{(out / STORE).resolve()}"
    with terminal.working(f"rehearsing the night of {date} with {chargers} charge points"):
        verdict = tried(setting, setting.always, gear="sockets", store=store)
        if out is not None:
            _write_page(scene, store, out)
    return Judged(number=0, faults=setting.always, verdict=verdict)


def _write_page(scene: Scene, store: str, out: Path) -> None:
    """The morning page of the night as its journal tells it, which knows nothing of what truly happened."""
    journal = open_journal(store, out)
    try:
        facts = read_night(journal, scene.night.date)
    finally:
        journal.close()
    if facts is not None:
        # matplotlib: a fifth of a second and 40 MB that only a page needs
        from dispatch.morning.page import render  # noqa: PLC0415

        page = render(morning_report(scene.depot, facts, now=bounds(scene)[1]))
        write_together(out, {PAGE: page}, before=lambda: None)


def _report(setting: Setting, night: Judged, needed: Sequence[Fault], *, seed: int | None) -> dict[str, Any]:
    """A broken night with as few faults as break it."""
    drawn = {} if seed is None else {"seed": seed, "night": night.number}
    found = document(night.verdict, scene_of(setting.depot, setting.night, night.faults))
    return {
        **drawn,
        "faults": [fault.document() for fault in night.faults],
        "reproduction": [fault.document() for fault in needed],
        **found,
    }


def _summary(judged: Sequence[Judged]) -> dict[str, int]:
    def total(of: Callable[[Verdict], int]) -> int:
        return sum(of(night.verdict) for night in judged)

    return {
        "nights": len(judged),
        "limit_violations": total(lambda verdict: len(verdict.violations)),
        "lost_entries": total(lambda verdict: verdict.lost_entries),
        "ready_possible": total(lambda verdict: verdict.ready_possible),
        "ready": total(lambda verdict: verdict.ready),
        "unannounced": total(lambda verdict: verdict.unannounced),
        "crashes": total(lambda verdict: len(verdict.crashes)),
    }


def _say(terminal: Terminal, summary: dict[str, int], reports: Sequence[dict[str, Any]]) -> None:
    nights = "1 night" if summary["nights"] == 1 else f"{summary['nights']} nights"
    terminal.say(
        f"{nights}: {summary['limit_violations']} times above a limit that could have been kept, "
        f"{summary['ready']} of {summary['ready_possible']} departures that could be ready were, "
        f"{summary['unannounced']} missed without a warning in time, "
        f"{summary['lost_entries']} journal entries lost, {summary['crashes']} crashes"
    )
    for report in reports:
        which = f"night {report['night']} of seed {report['seed']}" if "night" in report else "this night"
        terminal.say(f"{which} breaks: {', '.join(report['broken'])}. As few faults do:")
        for crash in report["crashes"]:
            terminal.say(f"  {crash}")
        for line in report["reproduction"] or ["none at all"]:
            terminal.say(f"  - {line if isinstance(line, str) else line_of(line)}")


def _with_progress(items: Iterable[Item], *, count: int, what: str) -> Iterator[Item]:
    """Items as they come, with a bar on a terminal and a line for every tenth of them elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        for number, item in enumerate(items, start=1):
            if number * 10 // count > (number - 1) * 10 // count:
                print(f"{number} of {count} {what}", file=sys.stderr, flush=True)  # noqa: T201
            yield item
        return
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=count)
        for item in items:
            progress.advance(task)
            yield item
