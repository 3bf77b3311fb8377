"""A grid of changes × nights × seeds as one table: every combination a row, known ones from the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from optimiser.depot import Depot
from optimiser.draws import AS_WRITTEN, has_spread
from optimiser.inputs import InputError, Problem
from optimiser.inputs.files import shown_value
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.processes import workers_for
from optimiser.sweep.cache import Cache, code_version, fingerprint, opened
from optimiser.sweep.changes import Change, read_changes
from optimiser.sweep.outcome import Combination, Failure, Outcome, Work
from optimiser.sweep.values import Values
from optimiser.sweep.workers import WORTH_A_WORKER, Client, outcomes, outcomes_on
from optimiser.verify import PlanRefusedError

Progress = Callable[[int], None]
"""Told how many combinations more are done."""

COLUMNS = (
    "night", "seed", "ready", "departures", "readiness", "cost", "energy", "demand", "peak_kw", "shortfall_kwh",
)  # fmt: skip
"""What stands behind the changes in every row."""

MOST_ROWS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A what-if that has been checked: what its rows have in common, and the rows."""

    work: Work
    combinations: tuple[Combination, ...]

    def solve(
        self, *, cache: Path | None, workers: int | None, progress: Progress, client: Client | None = None
    ) -> pd.DataFrame:
        """The table. Raises :class:`InputError` where the cache's folder cannot be written to."""
        with ExitStack() as stack:
            try:
                store = stack.enter_context(opened(cache))
            except OSError as error:
                raise InputError(
                    [
                        Problem(
                            where="cache",
                            found=f"{cache}: {error.strerror}",
                            allowed="a folder that can be written to",
                        )
                    ]
                ) from error
            return self._table(self._solved(store, workers=workers, client=client, progress=progress))

    def _solved(
        self, store: Cache, *, workers: int | None, client: Client | None, progress: Progress
    ) -> list[Outcome]:
        keys = list(self._keys()) if store.file is not None else [""] * len(self.combinations)
        missing = [place for place, key in enumerate(keys) if key not in store.known]
        progress(len(keys) - len(missing))
        todo = [self.combinations[place] for place in missing]
        found: dict[int, Outcome] = {}
        if client is None:
            solving = outcomes(
                self.work, todo, workers=workers or workers_for(len(todo), worth=WORTH_A_WORKER)
            )
        else:
            solving = outcomes_on(client, self.work, todo)
        for place, result in zip(missing, solving, strict=True):
            if isinstance(result, Failure):
                raise self._error(self.combinations[place], result)
            found[place] = result
            store.add(keys[place], result)
            progress(1)
        return [found[place] if place in found else store.known[key] for place, key in enumerate(keys)]

    def _keys(self) -> Iterator[str]:
        common = fingerprint(code_version(), self.work.depot)
        nights = [fingerprint(night) for night in self.work.nights]
        names = [change.written for change in self.work.changes]
        for row in self.combinations:
            # In the order of the names: the same changes in another order are the same.
            values = sorted(zip(names, row.chosen, strict=True))
            yield fingerprint(common, nights[row.night], values, row.seed)

    def _error(self, row: Combination, failure: Failure) -> PlanRefusedError | SolverError:
        """What a plan of this row alone would raise, and where; what is done already stays in the cache."""
        pairs = zip(self.work.changes, row.chosen, strict=True)
        names = [f"{change.written}={_shown(value)}" for change, value in pairs]
        where = ", ".join([str(self.work.nights[row.night].date), *names])
        if failure.violations:
            return PlanRefusedError(tuple(f"{where}: {violation}" for violation in failure.violations))
        return SolverError(f"{where}: {failure.said}")

    def _table(self, solved: Sequence[Outcome]) -> pd.DataFrame:
        rows, nights = self.combinations, self.work.nights
        columns: dict[str, list[object]] = {
            change.written: [row.chosen[number] for row in rows]
            for number, change in enumerate(self.work.changes)
        }
        shares = [one.ready / one.departures if one.departures else 1.0 for one in solved]
        filled: list[list[object]] = [
            [nights[row.night].date for row in rows],
            [row.seed for row in rows],
            [one.ready for one in solved],
            [one.departures for one in solved],
            [*shares],
            [one.total for one in solved],
            [one.energy for one in solved],
            [one.demand for one in solved],
            [one.peak_kw for one in solved],
            [one.shortfall_kwh for one in solved],
        ]
        return pd.DataFrame(columns | dict(zip(COLUMNS, filled, strict=True)))


def prepare(
    depot: Depot, nights: Night | Iterable[Night], changes: Mapping[str, Values], *, seeds: int
) -> Sweep:
    """A what-if, checked before anything is solved. Raises :class:`InputError` with all that is wrong with it."""
    asked = (nights,) if isinstance(nights, Night) else tuple(nights)
    read, problems = read_changes(changes, depot, asked)
    if not asked:
        problems = [Problem(where="nights", found="none", allowed="at least one night")]
    if seeds < 0:
        problems.append(
            Problem(where="seeds", found=shown_value(seeds), allowed="0 or more draws of each night")
        )
    work = Work(depot=depot, nights=asked, changes=tuple(read))
    rows = list(_rows(work, seeds)) if not problems and _count(read, asked, seeds) <= MOST_ROWS else []
    if not problems and not rows:
        found = f"{_count(read, asked, seeds):,} combinations"
        problems = [Problem(where="changes", found=found, allowed=f"at most {MOST_ROWS:,}")]
    if problems:
        raise InputError(problems)
    return Sweep(work=work, combinations=tuple(rows))


def _count(changes: Sequence[Change], nights: Sequence[Night], seeds: int) -> int:
    count = len(nights) * max(1, seeds)
    for change in changes:
        count *= len(change.choices)
    return count


def _rows(work: Work, seeds: int) -> Iterator[Combination]:
    draws = [range(1, seeds + 1) if seeds and has_spread(night) else (AS_WRITTEN,) for night in work.nights]
    for chosen in product(*(change.choices for change in work.changes)):
        for night, of_night in enumerate(draws):
            yield from (Combination(chosen=chosen, night=night, seed=seed) for seed in of_night)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
