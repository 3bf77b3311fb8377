"""Why a vehicle is short, and the smallest changes that would help: each is planned again before it is told.

A night on which everybody leaves ready is not looked at at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np

from optimiser import changes
from optimiser.binding import FORGETFUL, binding_limits
from optimiser.changes import PER_PHASE, TRANSFORMER, place_of
from optimiser.depot import Depot
from optimiser.explanation import Binding, Explanation, Fix, Shortage, Span
from optimiser.fix_words import (
    connector_text,
    departure_text,
    limit_text,
    priority_text,
    required_soc_text,
    shortage_text,
    start_text,
)
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.problem import BoolArray, Problem, build_problem
from optimiser.trials import Outcome, Search, Trials

EXPLAINED_AT_MOST = 5
"""For so many visits, those that miss the most, changes of their own are looked for."""

SHORT_BREAK_STEPS = 2
"""A limit that leaves room for no longer than this binds all the same."""

PRIORITIES = (2.0, 10.0, 100.0)
"""How many times more important than everybody else a visit is tried to be made."""

LOWER_BY_PERCENT = (0.0, 0.1, 0.3, 1.0)
"""How far below what is planned a required SoC is set, where planning again comes out a set-point lower."""

GRAIN_KW = 0.01
GRAIN_A = 0.1
MANY_GRAINS = 200
"""From so many grains on a tenth of the precision is enough."""


def explained(plan: Plan, depot: Depot, night: Night) -> Plan:
    """The plan with the explanation of its shortfall; the plan itself where everybody leaves ready."""
    if all(visit.is_ready for visit in plan.visits):
        return plan
    return replace(plan, explanation=explain(plan, depot, night))


def explain(plan: Plan, depot: Depot, night: Night) -> Explanation:
    """Which limit keeps whom short when, and the smallest changes that help.

    ``plan`` is the plan of this night at this depot.
    """
    if all(visit.is_ready for visit in plan.visits):
        return Explanation()
    problem = build_problem(depot, night)
    power_kw = np.array([visit.power_kw for visit in plan.visits])
    before = Outcome(problem=problem, power_kw=power_kw, shortfall_kwh=problem.shortfall_kwh(power_kw))
    return _Search(plan, depot, night, before).explanation()


class _Search:
    """One short night: who is short, what binds, and trials of what could help."""

    def __init__(self, plan: Plan, depot: Depot, night: Night, before: Outcome) -> None:
        self._plan, self._depot, self._night = plan, depot, night
        self._before, self._trials = before, Trials(before)
        self._problem: Problem = before.problem
        missing = [row for row, visit in enumerate(plan.visits) if not visit.is_ready]
        self._short = sorted(missing, key=lambda row: -plan.visits[row].shortfall_kwh)
        self._bound = {
            row: binding_limits(depot, night, self._problem, before.power_kw, row) for row in self._short
        }

    def explanation(self) -> Explanation:
        # What always helps is tried first, while there is time, and told last.
        last, fixes = list(self._required_soc()), list(self._limits())
        for row in self._short[:EXPLAINED_AT_MOST]:
            fixes += [*self._start(row), *self._departure(row), *self._connector(row), *self._priority(row)]
        fixes += last
        return Explanation(
            shortages=tuple(map(self._shortage, self._short)),
            fixes=tuple(fixes),
            is_cut_short=self._trials.are_spent,
        )

    # -- what binds ------------------------------------------------------------------------------------------

    def _shortage(self, row: int) -> Shortage:
        visit = self._plan.visits[row]
        unreachable_kwh = float(self._problem.unreachable_kwh()[row])
        bindings = tuple(
            Binding(limit=name, spans=self._spans(where)) for name, where in self._bound[row].items()
        )
        return Shortage(
            vehicle_id=visit.vehicle_id,
            charger_id=visit.charger_id,
            connector_id=visit.connector_id,
            departure=visit.departure,
            shortfall_kwh=visit.shortfall_kwh,
            unreachable_kwh=round(min(unreachable_kwh, visit.shortfall_kwh), 6),
            bindings=bindings,
            text=shortage_text(
                self._plan.horizon, visit, bindings, unreachable_kwh, max_kw=float(self._problem.max_kw[row])
            ),
        )

    def _spans(self, where: BoolArray) -> tuple[Span, ...]:
        """Runs of steps as instants; those with a short break between them are one."""
        steps = np.flatnonzero(where)
        runs = np.split(steps, np.flatnonzero(np.diff(steps) > SHORT_BREAK_STEPS + 1) + 1)
        return tuple(self._span(int(run[0]), int(run[-1])) for run in runs if run.size)

    def _span(self, first: int, last: int) -> Span:
        horizon = self._plan.horizon
        return Span(start=horizon.from_step(first).start, end=horizon.from_step(last + 1).start)

    # -- more at a limit -------------------------------------------------------------------------------------

    def _limits(self) -> Iterator[Fix]:
        """More at each of the limits that bind, alone; where that gets not everybody ready, at all of them."""
        places = _places(self._bound.values())
        everybody = self._goal(self._short)
        served = np.zeros_like(everybody)
        for place in places:
            for fix, goal in self._limit((place,)):
                served |= goal
                yield fix
        if not served[everybody].all():
            together = self._all_behind([place for place in places if not place.endswith(PER_PHASE)])
            if len(together) > 1:
                yield from (fix for fix, _ in self._limit(together))

    def _all_behind(self, places: Sequence[str]) -> tuple[str, ...]:
        """These places, and those with a limit in kW that bind for somebody as soon as these do no longer."""
        known = list(places)
        while known:
            changed = changes.more_at(self._depot, self._night, known, float(self._problem.max_kw.sum()))
            found = self._trials.promise(changed, only_limits=True)
            if found is None:
                break
            bound = [
                binding_limits(*changed, found.problem, found.power_kw, row)
                for row in self._short
                if not found.ready[row]
            ]
            new = [place for place in _places(bound) if place not in known and not place.endswith(PER_PHASE)]
            if not new:
                break
            known += new
        return tuple(known)

    def _limit(self, places: Sequence[str]) -> Iterator[tuple[Fix, BoolArray]]:
        change = partial(changes.more_at, self._depot, self._night, places)
        in_amperes = places[0].endswith(PER_PHASE)
        per_kw = 1000.0 / self._depot.site.voltage_v if in_amperes else 1.0
        most = per_kw * float(self._problem.max_kw.sum())
        unlimited = self._trials.promise(change(most), only_limits=True)
        if unlimited is None:
            return
        goal = self._goal(self._short) & unlimited.ready
        if not goal.any() or unlimited.worse_than(self._before).any():
            return
        grain = GRAIN_A if in_amperes else GRAIN_KW
        near = self._mean_missing_kw(goal, places) * (per_kw / 3.0 if in_amperes else 1.0)
        if near > MANY_GRAINS * grain:
            grain *= 10.0
        search = Search(of=change, value=near, upper=most, step=grain, only_limits=True)
        found = self._trials.smallest(search, goal)
        if found is None:
            return
        more, outcome = found
        unit = "A" if in_amperes else "kW"
        span = self._used(places, outcome)
        vehicle_ids = self._names(np.flatnonzero(goal))
        yield (
            Fix(
                kind="limit",
                vehicle_ids=vehicle_ids,
                amount=round(more, 3),
                unit=unit,
                limits=tuple(places),
                span=span,
                text=limit_text(
                    self._plan.horizon,
                    places,
                    vehicle_ids,
                    amount=more,
                    unit=unit,
                    span=span,
                    everybody=goal.sum() == len(self._short),
                ),
            ),
            goal,
        )

    def _mean_missing_kw(self, goal: BoolArray, places: Sequence[str]) -> float:
        """A first guess: what is missing, spread over all the time in which the limits bind."""
        steps = np.zeros(self._problem.steps, dtype=np.bool_)
        for row in np.flatnonzero(goal):
            for name, where in self._bound[int(row)].items():
                if place_of(name) in places or (name == FORGETFUL and TRANSFORMER in places):
                    steps |= where
        missing_kwh = float((self._before.shortfall_kwh / self._problem.efficiency)[goal].sum())
        return missing_kwh / (self._problem.step_h * max(1, int(steps.sum())))

    def _used(self, places: Sequence[str], outcome: Outcome) -> Span | None:
        """From when to when the changed plan goes beyond the old limits."""
        beyond = np.zeros(self._problem.steps, dtype=np.bool_)
        for capacity in self._problem.capacities:
            if place_of(capacity.name) in places:
                beyond |= capacity.weight @ outcome.power_kw > capacity.limit + 1e-3
        steps = np.flatnonzero(beyond)
        return self._span(int(steps[0]), int(steps[-1])) if steps.size else None

    # -- less asked, later, elsewhere, first -----------------------------------------------------------------

    def _required_soc(self) -> Iterator[Fix]:
        """What can be asked instead: what is planned, to a tenth of a percent."""
        goal = self._goal(self._short)
        for below_percent in LOWER_BY_PERCENT:
            asked = {
                row: max(
                    0.0, np.floor(10.0 * (self._plan.visits[row].planned_soc_percent - below_percent)) / 10.0
                )
                for row in self._short
            }
            visits = {
                row: replace(self._night.visits[row], required_soc_percent=soc_percent)
                for row, soc_percent in asked.items()
            }
            if self._trials.passing((self._depot, changes.with_visits(self._night, visits)), goal):
                vehicle_ids = self._names(self._short)
                yield Fix(
                    kind="required_soc",
                    vehicle_ids=vehicle_ids,
                    required_soc_percent=dict(zip(vehicle_ids, asked.values(), strict=True)),
                    text=required_soc_text([(self._plan.visits[row], soc) for row, soc in asked.items()]),
                )
                return

    def _departure(self, row: int) -> Iterator[Fix]:
        visit = self._plan.visits[row]
        most = changes.latest_departure(self._night, row) - visit.departure
        minutes = self._minutes(row, partial(changes.later, self._night, row), most)
        if minutes is not None:
            yield Fix(
                kind="departure",
                vehicle_ids=(visit.vehicle_id,),
                amount=minutes,
                unit="min",
                text=departure_text(self._plan.horizon, visit, round(minutes)),
            )

    def _start(self, row: int) -> Iterator[Fix]:
        visit = self._plan.visits[row]
        if visit.earliest_start is None:
            return
        most = visit.earliest_start - visit.arrival
        minutes = self._minutes(row, partial(changes.started_earlier, self._night, row), most)
        if minutes is not None:
            yield Fix(
                kind="earliest_start",
                vehicle_ids=(visit.vehicle_id,),
                amount=minutes,
                unit="min",
                text=start_text(self._plan.horizon, visit, round(minutes)),
            )

    def _minutes(self, row: int, changed: Callable[[float], Night], at_most: timedelta) -> float | None:
        """The fewest minutes of a change with which a visit leaves ready. [min]"""
        most = int(at_most.total_seconds() // 60)
        goal = self._goal([row])

        def change(minutes: float) -> tuple[Depot, Night]:
            return self._depot, changed(minutes)

        if most < 1 or not self._trials.may_pass(change(most), goal):
            return None
        gain_kw = float(self._problem.max_kw[row] * self._problem.efficiency[row])
        missing_kwh = self._plan.visits[row].shortfall_kwh
        near = min(float(most), 60.0 * missing_kwh / gain_kw) if gain_kw > 0 else 1.0
        found = self._trials.smallest(Search(of=change, value=near, upper=most, step=1.0), goal)
        return None if found is None else found[0]

    def _connector(self, row: int) -> Iterator[Fix]:
        visit = self._plan.visits[row]
        for moved in changes.better_connectors(self._depot, self._night, row):
            changed = self._depot, changes.with_visits(self._night, {row: moved})
            if not self._trials.may_pass(changed, self._goal([row])):
                continue
            found = self._trials.passing(changed, self._goal([row]))
            if found is not None:
                yield Fix(
                    kind="connector",
                    vehicle_ids=(visit.vehicle_id,),
                    charger_id=moved.charger_id,
                    connector_id=moved.connector_id,
                    text=connector_text(visit, moved, max_kw=float(found.problem.max_kw[row])),
                )
                return

    def _priority(self, row: int) -> Iterator[Fix]:
        """One vehicle before all others, who may be worse off then; it is told who."""
        if len(self._plan.visits) == 1 or self._alone_short(row):
            return
        visit = self._night.visits[row]
        highest = max(other.priority for other in self._night.visits)
        for times in PRIORITIES:
            priority = times * max(1.0, highest)
            first = {row: replace(visit, priority=priority)}
            changed = self._depot, changes.with_visits(self._night, first)
            promised = self._trials.promise(changed)
            if promised is None or not promised.ready[row]:
                continue
            found = self._trials.outcome(changed)
            if found is not None and found.ready[row]:
                others = self._worse(found)
                yield Fix(
                    kind="priority",
                    vehicle_ids=(visit.vehicle_id,),
                    amount=priority,
                    unit="priority",
                    then_short_kwh=others,
                    text=priority_text(visit, priority, others),
                )
                return

    def _alone_short(self, row: int) -> bool:
        """Whether a visit would be short also if it were alone: nobody can make way for it then."""
        alone = self._trials.promise((self._depot, replace(self._night, visits=(self._night.visits[row],))))
        return alone is not None and not bool(alone.ready[0])

    def _worse(self, found: Outcome) -> Mapping[str, float]:
        rows = np.flatnonzero(found.worse_than(self._before))
        return {self._plan.visits[row].vehicle_id: round(float(found.shortfall_kwh[row]), 3) for row in rows}

    def _goal(self, rows: Sequence[int]) -> BoolArray:
        goal = np.zeros(self._problem.visits, dtype=np.bool_)
        goal[list(rows)] = True
        return goal

    def _names(self, rows: Sequence[int] | np.ndarray) -> tuple[str, ...]:
        return tuple(self._plan.visits[int(row)].vehicle_id for row in rows)


def _places(bound: Iterable[Mapping[str, BoolArray]]) -> list[str]:
    """What could be made larger, of all that binds: a phase is raised with its sisters."""
    places: dict[str, None] = {}
    for name in (name for limits in bound for name in limits):
        if name == FORGETFUL:
            places[TRANSFORMER] = None
        elif name == TRANSFORMER or name.startswith("feeder "):
            places[place_of(name)] = None
    return list(places)
