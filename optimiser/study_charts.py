"""Pictures of a study: a sweep as a heat map, readiness against cost, and for how long a site draws how much.

Knows plans, and the table of a what-if: its changes are the columns before ``night``. How an axis is dressed stands
in :mod:`optimiser.load_chart`. Each gives the Axes; the whole picture is its ``figure``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from optimiser.horizon import FloatArray
from optimiser.load_chart import (
    ABOVE_LIMIT,
    CHARGING,
    INK,
    MUTED,
    PAPER,
    SIZE_IN,
    Picture,
    draw_legend,
    dress,
    plain_text,
)
from optimiser.plan import Plan
from optimiser.units import floor_to_step

COLOURS = "cividis"
"""Rises evenly in lightness: the same order to colour-blind readers and in grey print."""

MOST_CELLS = 20
"""Cells beside each other that still have room for a number."""

WHAT = {
    "readiness": "departures that are ready [%]",
    "cost": "cost of a night",
    "energy": "energy cost of a night",
    "demand": "demand charge of a night",
    "peak_kw": "peak of a night [kW]",
    "shortfall_kwh": "shortfall of a night [kWh]",
}
"""What a heat map can show: shares of all departures, else means over nights and seeds."""


def heat_map(
    table: pd.DataFrame,
    value: str = "readiness",
    *,
    across: str | None = None,
    up: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A what-if over two of its changes: a cell for each pair of values, with its number where there is room.

    ``value`` is a column: readiness over all departures, or the mean of another over nights, seeds and further
    changes. ``across`` and ``up`` are changes, the first two unless given. Raises :class:`ValueError` for others.

    >>> import optimiser as opt
    >>> from optimiser import study_charts
    >>> depot = opt.load_depot("data/parcel-12")
    >>> night = opt.load_night("data/parcel-12", "2025-11-10")
    >>> table = opt.what_if(depot, night, {"site.transformer_limit_kw": [30, 43], "vehicles": [8, 12]})
    >>> ax = study_charts.heat_map(table, "cost")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('site.transformer_limit_kw', 'vehicles')
    """
    _check(value, allowed=list(WHAT), what="value")
    changes = _changes(table)
    if len(changes) < 2:
        raise ValueError(f"heat_map shows two changes: found {', '.join(changes) or 'none'}")
    across = across or next(change for change in changes if change != up)
    up = up or next(change for change in changes if change != across)
    for change in (across, up):
        _check(change, allowed=changes, what="change")
    if across == up:
        raise ValueError(f"heat_map shows two changes: found {across} twice")
    cells = _means(table, [up, across])[value].unstack(sort=False)  # noqa: PD010 - to a grid as it stands
    numbers = cells.to_numpy(dtype=float) * (100.0 if value == "readiness" else 1.0)
    if ax is None:
        ax = Picture(figsize=SIZE_IN, layout="constrained").subplots()
    mesh = ax.pcolormesh(numbers, cmap=COLOURS, edgecolors=PAPER, lw=1.0)
    _name_cells(ax, across, up, cells)
    if max(numbers.shape) <= MOST_CELLS:
        _number_cells(ax, numbers, dark=np.asarray(mesh.norm(numbers)) < 0.5, cut_down=value == "readiness")
    figure = ax.get_figure(root=True)
    if figure is not None:
        bar = figure.colorbar(mesh, ax=ax, label=WHAT[value])
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=8.5)
        bar.ax.yaxis.label.set_color(INK)
    return ax


def readiness_against_cost(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Every combination of changes as a point: mean cost of a night, and the share of departures that is ready.

    Those that no other beats at both are joined by a line and named by their values.

    >>> import optimiser as opt
    >>> from optimiser import study_charts
    >>> depot = opt.load_depot("data/parcel-12")
    >>> night = opt.load_night("data/parcel-12", "2025-11-10")
    >>> ax = study_charts.readiness_against_cost(opt.what_if(depot, night, {"site.transformer_limit_kw": [15, 25, 43]}))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('cost of a night', 'departures that are ready [%]')
    """
    changes = _changes(table)
    if not changes:
        raise ValueError("readiness_against_cost compares combinations of changes: found none")
    means = _means(table, changes)
    cost, ready_percent = means["cost"].to_numpy(), 100.0 * means["readiness"].to_numpy()
    if ax is None:
        ax = Picture(figsize=SIZE_IN, layout="constrained").subplots()
    ax.plot(cost, ready_percent, ls="", marker="o", ms=5, mfc=PAPER, mec=MUTED, label="another is better")
    best = _unbeaten(cost, ready_percent)
    ax.plot(
        cost[best],
        ready_percent[best],
        color=CHARGING,
        drawstyle="steps-post",
        lw=1.4,
        marker="o",
        ms=6,
        label="no other is cheaper and as ready",
    )
    for place in best:
        values = means.index[place]
        text = ", ".join(_shown(value) for value in (values if isinstance(values, tuple) else (values,)))
        where: dict[str, Any] = {"xytext": (5, -11), "textcoords": "offset points"}
        ax.annotate(plain_text(text), (cost[place], ready_percent[place]), fontsize=8, color=INK, **where)
    ax.set_title(plain_text(", ".join(changes)), loc="left", fontsize=9, color=INK)
    ax.set_xlabel(WHAT["cost"], color=INK)
    ax.set_ylabel(WHAT["readiness"], color=INK)
    ax.margins(0.12)
    dress(ax)
    draw_legend(ax, ax.get_legend_handles_labels()[0])
    return ax


def duration_curve(plan: Plan, ax: Axes | None = None, *, against: Plan | None = None) -> Axes:
    """For how many hours of the night the site draws at least so much: base load and charging, sorted. [kW over h]

    ``against`` is the same night otherwise, such as plug-and-charge. The limit is drawn where it is one all night.

    >>> import optimiser as opt
    >>> from optimiser import study_charts
    >>> depot = opt.load_depot("data/parcel-12")
    >>> night = opt.load_night("data/parcel-12", "2025-11-10")
    >>> ax = study_charts.duration_curve(opt.plan(depot, night), against=opt.plug_and_charge(depot, night))
    >>> ax.get_legend_handles_labels()[1]
    ['planned', 'plug-and-charge', 'limit 43 kW']
    """
    if ax is None:
        ax = Picture(figsize=SIZE_IN, layout="constrained").subplots()
    ax.stairs(*_falling(plan), baseline=None, color=CHARGING, lw=2.0, label="planned")
    if against is not None:
        ax.stairs(
            *_falling(against), baseline=None, color=ABOVE_LIMIT, lw=1.6, ls="--", label=against.solver.name
        )
    limits_kw = set(plan.site.limit_kw)
    if len(limits_kw) == 1:
        (limit_kw,) = limits_kw
        ax.axhline(limit_kw, color=INK, lw=1.8, label=f"limit {limit_kw:,.4g} kW")
    ax.set_xlim(0.0, plan.horizon.steps * plan.horizon.step_h)
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("hours of the night", color=INK)
    ax.set_ylabel("kW, base load and charging", color=INK)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=3))
    dress(ax)
    draw_legend(ax, ax.get_legend_handles_labels()[0])
    return ax


def _falling(plan: Plan) -> tuple[FloatArray, FloatArray]:
    """The load of every step, highest first, and the hours that they take. [kW, h]"""
    load_kw: FloatArray = np.sort(np.asarray(plan.site.load_kw))[::-1]
    edges_h: FloatArray = plan.horizon.step_h * np.arange(plan.horizon.steps + 1, dtype=float)
    return load_kw, edges_h


def _changes(table: pd.DataFrame) -> list[str]:
    columns = [str(column) for column in table.columns]
    missing = [column for column in ("night", "ready", "departures", *WHAT) if column not in columns]
    if missing:
        raise ValueError(f"the table of a what-if is wanted: found none of its columns {', '.join(missing)}")
    return columns[: columns.index("night")]


def _check(name: str, *, allowed: Sequence[str], what: str) -> None:
    if name not in allowed:
        raise ValueError(f"found the unknown {what} {name!r}, allowed {', '.join(allowed)}")


def _means(table: pd.DataFrame, changes: list[str]) -> pd.DataFrame:
    """A row for each combination of the changes, in the table's order: means, and readiness over all departures."""
    groups = table.groupby(changes, sort=False)
    means = groups[[name for name in WHAT if name != "readiness"]].mean()
    departures = groups["departures"].sum()
    return means.assign(readiness=(groups["ready"].sum() / departures).where(departures > 0, 1.0))


def _unbeaten(cost: FloatArray, ready_percent: FloatArray) -> list[int]:
    """The places that no other beats, cheapest first: each dearer one is readier."""
    found: list[int] = []
    for place in np.lexsort((-ready_percent, cost)).tolist():
        if not found or ready_percent[place] > ready_percent[found[-1]]:
            found.append(place)
    return found


def _name_cells(ax: Axes, across: str, up: str, cells: pd.DataFrame) -> None:
    for axis, names in ((ax.xaxis, cells.columns), (ax.yaxis, cells.index)):
        every = -(-len(names) // MOST_CELLS)
        places = range(0, len(names), every)
        axis.set_ticks(
            [place + 0.5 for place in places], [plain_text(_shown(names[place])) for place in places]
        )
    ax.set_xlabel(plain_text(across), color=INK)
    ax.set_ylabel(plain_text(up), color=INK)
    dress(ax)
    ax.grid(visible=False)
    ax.tick_params(length=0)


def _number_cells(ax: Axes, numbers: FloatArray, *, dark: npt.NDArray[np.bool_], cut_down: bool) -> None:
    """To tenths. Readiness is cut down, not rounded: where one of ten thousand is not ready, not all are."""
    for (row, column), number in np.ndenumerate(numbers):
        if np.isfinite(number):
            where: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
            text = f"{floor_to_step(float(number), 0.1):.10g}" if cut_down else f"{number:,.1f}"
            ax.text(column + 0.5, row + 0.5, text, color=PAPER if dark[row, column] else INK, **where)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
