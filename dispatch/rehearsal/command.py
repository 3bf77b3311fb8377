"""``depot rehearse``: a night with its faults, or many random ones, and which promises were kept."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.chaos import Judged, Setting, many_nights, smallest, worst_of
from dispatch.rehearsal.faults import line_of, load_faults
from dispatch.rehearsal.night import play
from dispatch.rehearsal.verdict import Verdict, document, judge
from optimiser.cli import AsJson, ExitCode, Folder
from optimiser.depot import Depot
from optimiser.inputs import load_folder
from optimiser.night import Night
from optimiser.planner import plan_night
from optimiser.terminal import Terminal


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
        seed: Annotated[int, typer.Option(metavar="S", help="Which random nights.")] = 1,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Rehearse a night against simulated chargers, faults included, and say which promises it breaks."""
        terminal = Terminal(as_json=as_json)

        def work() -> ExitCode:
            depot, read = load_folder(folder, night)
            known = with_known_chargers(depot)
            return rehearse(terminal, known, read, faults_file=faults, chaos=chaos, seed=seed)

        logging.disable(logging.WARNING)  # chargers that lose their lines are what is rehearsed
        try:
            run(terminal, folder, work)
        finally:
            logging.disable(logging.NOTSET)

    return command


def rehearse(
    terminal: Terminal,
    depot: Depot,
    night: Night,
    *,
    faults_file: Path | None,
    chaos: int | None,
    seed: int,
) -> ExitCode:
    """Rehearse one night over sockets or, with ``chaos``, so many random ones in memory.

    Raises :class:`optimiser.inputs.InputError` for faults that cannot be read or cannot happen in this night.
    """
    always = () if faults_file is None else load_faults(faults_file)
    scene_of(depot, night, always)  # whoever writes a fault that cannot be wants to know at once
    plan = plan_night(depot, night, created_at=night.horizon.start)
    setting = Setting(depot=depot, night=night, plan=plan, always=always)
    if chaos is None:
        judged = [_one_night(terminal, setting)]
        worst = worst_of(judged)
    else:
        played = many_nights(setting, count=chaos, seed=seed)
        judged = list(_with_progress(played, count=chaos))
        worst = worst_of(judged)
    reports = [_report(setting, night, seed=None if chaos is None else seed) for night in worst]
    summary = _summary(judged)
    _say(terminal, summary, reports)
    terminal.document({**summary, "worst": reports})
    return ExitCode.NEEDS_A_PERSON if worst else ExitCode.GOOD


def _one_night(terminal: Terminal, setting: Setting) -> Judged:
    scene = scene_of(setting.depot, setting.night, setting.always)
    chargers, date = len(setting.depot.chargers), setting.night.date
    with terminal.working(f"rehearsing the night of {date} with {chargers} charge points"):
        verdict = judge(play(scene, setting.plan, gear="sockets"))
    return Judged(number=0, faults=setting.always, verdict=verdict)


def _report(setting: Setting, night: Judged, *, seed: int | None) -> dict[str, Any]:
    """A broken night with as few faults as break it."""
    needed = smallest(setting, night.faults)
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
    }


def _say(terminal: Terminal, summary: dict[str, int], reports: Sequence[dict[str, Any]]) -> None:
    nights = "1 night" if summary["nights"] == 1 else f"{summary['nights']} nights"
    terminal.say(
        f"{nights}: {summary['limit_violations']} times above a limit that could have been kept, "
        f"{summary['ready']} of {summary['ready_possible']} departures that could be ready were, "
        f"{summary['unannounced']} missed without a warning in time, "
        f"{summary['lost_entries']} journal entries lost"
    )
    for report in reports:
        which = f"night {report['night']} of seed {report['seed']}" if "night" in report else "this night"
        terminal.say(f"{which} breaks: {', '.join(report['broken'])}. As few faults do:")
        for line in report["reproduction"] or ["none at all"]:
            terminal.say(f"  - {line if isinstance(line, str) else line_of(line)}")


def _with_progress(played: Iterable[Judged], *, count: int) -> Iterator[Judged]:
    """Nights as they come, with a bar on a terminal and a line for every tenth of them elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        for number, night in enumerate(played, start=1):
            if number * 10 // count > (number - 1) * 10 // count:
                print(f"{number} of {count} nights", file=sys.stderr, flush=True)  # noqa: T201
            yield night
        return
    columns = TextColumn("nights"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("nights", total=count)
        for night in played:
            progress.advance(task)
            yield night
