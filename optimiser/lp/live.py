"""The solver at work: takes a PuLP model once, and solves it again and again from where it stands.

PuLP hands models over; everything after the first solve is a change of costs, bounds or rows of the live
solver, which keeps its basis: a warm start is many times faster than a cold one.
"""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import pulp

from optimiser.horizon import FloatArray

IntArray = npt.NDArray[np.int32]

DUAL_FEASIBILITY_TOLERANCE = 1e-9
"""At the solver's default of 1e-7 the degenerate night of 1000 visits stalls on every seed; at 1e-9 on none."""

TIME_LIMIT_S = 60.0
"""For one solve by one method; the second method has as much again."""

CHOICE_GAP = 2e-4
"""How near to its optimum a choice of steps is solved, relative: what set-points lose anyhow."""

CHOICE_NODES = 100
"""Nodes of branch and bound for one choice of steps. A count and not a time, so that plans can be repeated."""

DUAL, PRIMAL = 1, 4
"""The solver's numbers for its simplex strategies."""

METHODS = ("simplex", "ipm")
"""Dual simplex, and behind it interior point with crossover: without crossover plans are full of tiny powers."""

DECIDED = (
    highspy.HighsModelStatus.kOptimal,
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)
"""No night is unbounded: power, energy and what a surplus can bring are."""

CONTINUOUS, SEMI_CONTINUOUS = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kSemiContinuous


class SolverError(RuntimeError):
    """No method of the solver found an optimum in its time."""


class LiveSolver:
    """A model in the solver. Columns and rows have the numbers in which they were added to the model."""

    name = "HiGHS"

    def __init__(self, model: pulp.LpProblem, variables: list[Any]) -> None:
        options = {
            "dual_feasibility_tolerance": DUAL_FEASIBILITY_TOLERANCE,
            "solver": METHODS[0],
            "mip_rel_gap": CHOICE_GAP,
            "mip_max_nodes": CHOICE_NODES,
        }
        model.solve(_HandOver(variables, msg=False, timeLimit=TIME_LIMIT_S, **options))
        self._highs = model.solverModel
        self._columns = np.arange(len(variables), dtype=np.int32)

    @property
    def version(self) -> str:
        """Versions of the solver and of PuLP."""
        return f"{self._highs.version()}, PuLP {pulp.__version__}"

    @property
    def values(self) -> FloatArray:
        """The value of every column."""
        return np.array(self._highs.getSolution().col_value)[: len(self._columns)]

    @property
    def row_prices(self) -> FloatArray:
        """What the objective grows by where a row's binding bound grows by one; 0 where none binds."""
        return np.array(self._highs.getSolution().row_dual)

    @property
    def column_prices(self) -> FloatArray:
        """The same for the bounds of every column."""
        return np.array(self._highs.getSolution().col_dual)[: len(self._columns)]

    def set_costs(self, costs: FloatArray) -> None:
        """New costs for all columns."""
        self._highs.changeColsCost(len(costs), self._columns[: len(costs)], costs)

    def bound_columns(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """New bounds for some columns."""
        self._highs.changeColsBounds(len(columns), columns, lower, upper)

    def bound_rows(self, rows: IntArray, lower: FloatArray | None, upper: FloatArray) -> None:
        """New bounds for some rows; without ``lower`` they have an upper one only."""
        if lower is None:
            lower = np.full(len(rows), -highspy.kHighsInf)
        self._highs.changeRowsBounds(len(rows), rows, lower, upper)

    def add_row(self, columns: IntArray, coefficients: FloatArray) -> int:
        """One row more, without bounds as yet; its number."""
        free = highspy.kHighsInf
        self._highs.addRow(-free, free, len(columns), columns, coefficients)
        return int(self._highs.getNumRow()) - 1

    def run(self, *, only_costs_changed: bool = False) -> bool:
        """Solves from the basis at hand by simplex; if that stalls, anew by the other method.

        Where only costs have changed the solution at hand is still possible, and primal simplex goes on from it:
        dual simplex would start anew, and took 25,000 iterations instead of a few hundred at 1000 vehicles.

        False if no solution is possible. Raises :class:`SolverError` if neither method comes to an end.
        """
        self._highs.setOptionValue("simplex_strategy", PRIMAL if only_costs_changed else DUAL)
        for method in METHODS:
            self._highs.setOptionValue("solver", method)
            self._limited_run()
            status = self._highs.getModelStatus()
            if status in DECIDED:
                return bool(status == highspy.HighsModelStatus.kOptimal)
        raise SolverError(f"no proved optimum: the solver says {self._highs.modelStatusToString(status)}")

    def choose(self, columns: IntArray, either: npt.NDArray[np.bool_]) -> bool:
        """Solves where ``either`` of the columns may be 0 or within its bounds; whether anything was found.

        This is no linear program any more: branch and bound, to :data:`CHOICE_GAP` within :data:`CHOICE_NODES`.
        """
        kinds = np.where(either, int(SEMI_CONTINUOUS), int(CONTINUOUS)).astype(np.uint8)
        self._highs.changeColsIntegrality(len(columns), columns, kinds)
        self._highs.setOptionValue("solver", "choose")
        self._limited_run()
        found = self._highs.getInfo().primal_solution_status
        return bool(found == highspy.SolutionStatus.kSolutionStatusFeasible)

    def choose_no_more(self, columns: IntArray) -> None:
        """Makes the columns continuous again."""
        kinds = np.full(len(columns), int(CONTINUOUS), dtype=np.uint8)
        self._highs.changeColsIntegrality(len(columns), columns, kinds)

    def _limited_run(self) -> None:
        # The solver's clock runs on from solve to solve.
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + TIME_LIMIT_S)
        self._highs.run()


class _HandOver(pulp.HiGHS):  # type: ignore[misc]
    """Hands a model over in arrays, where PuLP 3 would give one column and one row after the other."""

    def __init__(self, variables: list[Any], **options: Any) -> None:
        super().__init__(**options)
        self._variables = variables

    def buildSolverModel(self, lp: pulp.LpProblem) -> None:  # noqa: N802  (PuLP's name)
        """Columns in the order in which they were made, rows in the order in which they were added."""
        if hasattr(lp, "exported_variables") or not self._variables:
            # PuLP 4 does both by itself; an empty model gets a dummy.
            super().buildSolverModel(lp)
            return
        number = {variable: column for column, variable in enumerate(self._variables)}
        lower = np.array([variable.lowBound for variable in self._variables])
        upper = np.array([highspy.kHighsInf if v.upBound is None else v.upBound for v in self._variables])
        costs = np.zeros(len(number))
        for variable, cost in lp.objective.items():
            costs[number[variable]] = cost
        for variable, column in number.items():
            variable.index = column
        empty, none = np.zeros(0, dtype=np.int32), np.zeros(0)
        lp.solverModel.addCols(len(number), costs, lower, upper, 0, empty, empty, none)
        rows = list(lp._constraints.values())  # noqa: SLF001  (what PuLP's own HiGHS reads)
        starts: list[int] = []
        columns: list[int] = []
        coefficients: list[float] = []
        for place, row in enumerate(rows):
            row.index = place
            starts.append(len(columns))
            columns += [number[variable] for variable in row]
            coefficients += row.values()
        lp.solverModel.addRows(
            len(rows),
            np.array([-highspy.kHighsInf if row.getLb() is None else row.getLb() for row in rows]),
            np.array([highspy.kHighsInf if row.getUb() is None else row.getUb() for row in rows]),
            len(columns),
            np.array(starts, dtype=np.int32),
            np.array(columns, dtype=np.int32),
            np.array(coefficients),
        )
