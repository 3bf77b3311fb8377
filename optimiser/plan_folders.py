"""Plans a night of one depot folder or of many, and writes what each plan becomes.

Planning is spread over the cores; reading, storing and writing stay in the process that was called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from optimiser.baselines import compare, plug_and_charge
from optimiser.depot import Depot
from optimiser.explain import explained
from optimiser.inputs import InputError, Problem, load_folder
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.processes import spread, workers_for
from optimiser.profiles import charging_profiles
from optimiser.verify import PlanRefusedError
from optimiser.writing import write_together

WORTH_A_WORKER = 4
"""Plans for each worker from which it is worth starting: it takes about as long to load as so many plans take."""

RenderProfiles = Callable[[Depot, Plan], str]


@dataclass(frozen=True, kw_only=True)
class ToPlan:
    """A folder that was read: its night is to be planned, ``target`` is where the files go."""

    folder: Path
    target: Path
    depot: Depot
    night: Night


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan with the texts of its files by name."""

    plan: Plan
    texts: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Unplanned:
    """Why there is no plan: it breaks rules (``is_refused``), or no optimum was found."""

    is_refused: bool
    problems: tuple[Problem, ...]

    @classmethod
    def because_of(cls, error: PlanRefusedError | SolverError) -> Unplanned:
        """What was raised, as a value that can be sent from one process to another."""
        if isinstance(error, PlanRefusedError):
            allowed = "a plan that breaks no rule"
            broken = (Problem(where="the plan", found=found, allowed=allowed) for found in error.violations)
            return cls(is_refused=True, problems=tuple(broken))
        unsolved = Problem(where="the solver", found=str(error), allowed="an optimum within its time")
        return cls(is_refused=False, problems=(unsolved,))


def read_folders(
    folders: Sequence[Path], night: str, *, out: Path | None, with_known_chargers: Callable[[Depot], Depot]
) -> list[ToPlan]:
    """Every folder with its night; of several, each gets a folder of its own name below ``out``.

    Raises :class:`InputError` with the problems of all of them.
    """
    found: list[ToPlan] = []
    problems: list[Problem] = []
    for folder in folders:
        try:
            depot, read = load_folder(folder, night)
            depot = with_known_chargers(depot)
        except InputError as error:
            problems += error.problems if len(folders) == 1 else [_in(folder, p) for p in error.problems]
            continue
        target = folder / "plans" / read.date.isoformat()
        if out is not None:
            target = out if len(folders) == 1 else out / folder.resolve().name
        found.append(ToPlan(folder=folder, target=target, depot=depot, night=read))
    targets = [one.target.resolve() for one in found]
    problems += [
        Problem(
            where=str(one.folder),
            found=f"{one.target}, where another plan goes too",
            allowed="folders of different names",
        )
        for one, target in zip(found, targets, strict=True)
        if targets.count(target) > 1
    ]
    if problems:
        raise InputError(problems)
    return found


def plan_all(
    wanted: Sequence[ToPlan], *, created_at: datetime, render_profiles: RenderProfiles
) -> Iterator[Planned | Unplanned]:
    """A plan for each, in their order, or why there is none; nothing is written yet."""
    workers = workers_for(len(wanted), worth=WORTH_A_WORKER)
    act = partial(_planned, created_at=created_at, render_profiles=render_profiles)
    return spread(act, wanted, workers=workers)


def write(wanted: ToPlan, planned: Planned, *, save_plan: Callable[[Path, Depot, Plan], None]) -> None:
    """Store a plan and write its files. Raises :class:`InputError` where they cannot be written."""
    write_together(
        wanted.target, planned.texts, before=lambda: save_plan(wanted.folder, wanted.depot, planned.plan)
    )


def _planned(wanted: ToPlan, *, created_at: datetime, render_profiles: RenderProfiles) -> Planned | Unplanned:
    # matplotlib: a fifth of a second and 40 MB that only a plan needs
    from optimiser.plan_report import render  # noqa: PLC0415

    depot, night = wanted.depot, wanted.night
    try:
        plan = explained(plan_night(depot, night, created_at=created_at), depot, night)
    except (PlanRefusedError, SolverError) as error:
        return Unplanned.because_of(error)
    baseline = plug_and_charge(depot, night)
    plan = replace(plan, baseline=compare(plan, baseline))
    return Planned(
        plan=plan,
        texts={
            "plan.json": plan.to_json(),
            "profiles.json": render_profiles(depot, plan),
            "report.html": render(plan, baseline, charging_profiles(plan)),
        },
    )


def _in(folder: Path, problem: Problem) -> Problem:
    return replace(problem, where=f"{folder}: {problem.where}")


def document_of(wanted: ToPlan, planned: Planned) -> dict[str, Any]:
    """What ``depot plan --json`` says of a plan."""
    plan = planned.plan
    return (
        {
            "depot": plan.depot,
            "night": plan.night.isoformat(),
            "departures": len(plan.visits),
            "short": [
                {"vehicle_id": visit.vehicle_id, "shortfall_kwh": visit.shortfall_kwh}
                for visit in plan.visits
                if not visit.is_ready
            ],
            "cost": asdict(plan.cost),
            "peak_kw": plan.peak_kw,
            "lp_bound": plan.solver.lp_bound,
            "gap": plan.solver.gap,
            "baseline": {name: value for name, value in plan.baseline.items() if name != "charging_kw"},
            "warnings": list(plan.warnings),
            "files": {name: str(wanted.target / name) for name in planned.texts},
        }
        | plan.explanation_document()
        | plan.assurance_document()
    )
