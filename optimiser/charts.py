"""Pictures of a plan: load against the limit, planned beside plugged-and-charged, and who charges when.

Knows plans; how a load, a price or an axis of time is drawn stands in :mod:`optimiser.load_chart`.
"""

from __future__ import annotations

import io
import itertools
import math
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from optimiser.gains import Worth
from optimiser.horizon import Horizon
from optimiser.load_chart import (
    ABOVE_LIMIT,
    CHARGING,
    INK,
    MUTED,
    PAPER,
    PRICE,
    SUN,
    days,
    draw_legend,
    draw_load,
    draw_price,
    dress_time_axis,
    highest_kw,
    load_rows,
    mark_clock_change,
    plain_text,
    step_edges,
)
from optimiser.plan import Plan
from optimiser.planned import PlannedVisit
from optimiser.units import floor_to_step

WIDTH_IN = 11.0
ROW_IN = 0.26
CHARACTER_SHARE = 0.0072
"""Width of a character of a label in the Gantt picture, as a share of the time axis."""
MAP_ROW_IN = 0.1
MAP_HIGHEST_IN = 12.0
"""Height of the map's rows together: what still fits on a printed page, however many they are."""
MAP_SHADES = 16
"""Shades of power on the map, which are drawn one by one: more than an eye tells apart."""
MAP_NAMED_ROWS = 30
THERE = to_rgba(MUTED, 0.16)
LEAVES_SHORT: dict[str, Any] = {
    "color": ABOVE_LIMIT,
    "ls": "",
    "marker": CARETLEFT,
    "ms": 5.0,
    "label": "leaves short",
}
"""A triangle that points at the departure from the right."""

WORTH_HIGH_IN = 3.0
WORTH_COLOURS = (CHARGING, ABOVE_LIMIT, PRICE, SUN, MUTED)
"""For the five limits that are worth most: more lines nobody tells apart."""

Rgba = tuple[float, float, float, float]
_WITHOUT_REST = re.compile(r"(?<=\.\d\d)\d+")


def night_against_limit(plan: Plan, ax: Axes | None = None) -> Axes:
    """Base load and charging per step, stacked, against the site's limit. [kW]

    Without ``ax`` a figure of its own is made, with the price below.
    """
    if ax is None:
        return plan.plot().axes[0]
    draw_load(plan.horizon, plan.site, ax)
    dress_time_axis(plan.horizon, ax)
    return ax


def comparison(plan: Plan, baseline: Plan) -> Figure:
    """The planned night beside the same night plugged-and-charged, on one scale, with the price below."""
    figure = Figure(figsize=(WIDTH_IN, 4.8), layout="constrained")
    columns = load_rows(figure, plan.site, columns=2)
    for shown, title, (ax, *price_axes) in zip(
        (plan, baseline), ("Planned", "Plugged and charged"), columns, strict=True
    ):
        draw_load(shown.horizon, shown.site, ax)
        ax.set_title(_headed(title, shown), loc="left", fontsize=10.5, color=INK)
        for price_ax in price_axes:
            draw_price(plan.horizon, plan.site, price_ax, currency=plan.cost.currency)
        dress_time_axis(plan.horizon, [*price_axes, ax][0])
    for repeated in columns[1]:
        repeated.set_ylabel("")
    columns[0][0].set_ylim(0.0, max(highest_kw(plan.site), highest_kw(baseline.site)) * 1.12)
    draw_legend(columns[1][0], columns[1][0].get_legend_handles_labels()[0])
    return figure


def connector_gantt(plan: Plan, ax: Axes | None = None, *, only: Collection[str] | None = None) -> Axes:
    """Every connector a row: when a vehicle is there, the power it gets as shade, its SoC at both ends.

    ``only`` names the connectors to draw, in the shades that all of them have.
    """
    connectors = {
        name: visits for name, visits in _by_connector(plan).items() if only is None or name in only
    }
    if ax is None:
        figure = Figure(figsize=(WIDTH_IN, 1.0 + ROW_IN * max(1, len(connectors))), layout="constrained")
        ax = figure.subplots()
    full_kw = _full_kw(plan)
    for row, visits in enumerate(connectors.values()):
        for visit in visits:
            _draw_visit(plan.horizon, ax, visit, row=row, full_kw=full_kw)
        _label_visits(plan.horizon, ax, visits, row=row)
    dress_time_axis(plan.horizon, ax, margin_percent=5.0)
    mark_clock_change(plan.horizon, ax)
    ax.set_ylim(len(connectors) - 0.4, -1.1)  # room above the first row for a change of the clocks
    _name_rows(ax, list(connectors), every=1)
    draw_legend(ax, _shades_shown(full_kw))
    return ax


def connector_map(plan: Plan) -> Axes:
    """Every connector a thin row, for depots with more of them than anybody reads labels of.

    When a vehicle is there, the power it gets as shade, its arrival and departure as marks, and a sign at those
    that leave short. A thousand connectors are some twenty paths, so this takes no longer than any other picture.
    """
    connectors = _by_connector(plan)
    names = list(connectors)
    figure = Figure(
        figsize=(WIDTH_IN, 1.2 + min(MAP_HIGHEST_IN, MAP_ROW_IN * len(names))), layout="constrained"
    )
    ax: Axes = figure.subplots()
    full_kw = _full_kw(plan)
    for colour, bars in _bars_by_colour(plan.horizon, list(connectors.values()), full_kw).items():
        path = Path.make_compound_path_from_polys(np.array([_corners(*bar) for bar in bars]))
        ax.add_artist(PathPatch(path, facecolor=colour, lw=0)).set_in_layout(False)
    _mark_ends(plan.horizon, ax, list(connectors.values()))
    dress_time_axis(plan.horizon, ax, margin_percent=1.0)
    mark_clock_change(plan.horizon, ax)
    ax.set_ylim(len(names) - 0.4, -0.6 - 0.03 * len(names))
    every = next(n for n in _round_numbers() if n * MAP_NAMED_ROWS >= len(names))
    _name_rows(ax, names, every=every)
    short = [Line2D([], [], **LEAVES_SHORT)] if short_connectors(plan) else []
    draw_legend(ax, [*_shades_shown(full_kw), *short])
    return ax


def worth_over_the_night(worth: Worth, ax: Axes | None = None) -> Axes:
    """What one more at each limit would save in every step: a line for each that is worth anything. [currency]

    Without ``ax`` a figure of its own is made.
    """
    if ax is None:
        ax = Figure(figsize=(WIDTH_IN, WORTH_HIGH_IN), layout="constrained").subplots()
    priced = sorted(
        ((place, prices) for place, prices in worth.prices.items() if any(prices)),
        key=lambda each: -sum(each[1]),
    )
    edges = step_edges(worth.horizon)
    for (place, prices), colour in zip(priced, WORTH_COLOURS, strict=False):
        ax.stairs(prices, edges, baseline=None, color=colour, lw=1.6, label=plain_text(place))
    dress_time_axis(worth.horizon, ax)
    mark_clock_change(worth.horizon, ax)
    ax.set_ylim(bottom=0.0)
    ax.set_ylabel(plain_text(f"{worth.currency} saved by one more"), color=INK)
    draw_legend(ax, ax.get_legend_handles_labels()[0])
    return ax


def connector_count(plan: Plan) -> int:
    """How many rows the pictures of connectors have: connectors with a visit."""
    return len(_by_connector(plan))


def short_connectors(plan: Plan) -> list[str]:
    """The rows at which a vehicle leaves with less than it needs, first those that miss the most energy."""
    missing_kwh = {
        name: sum(visit.shortfall_kwh for visit in visits)
        for name, visits in _by_connector(plan).items()
        if any(not visit.is_ready for visit in visits)
    }
    return sorted(missing_kwh, key=lambda name: -missing_kwh[name])


def to_svg(figure: Figure, *, name: str, description: str) -> str:
    """A figure as an SVG element to stand within a page: the same bytes for the same figure.

    ``name`` keeps its ids apart from those of other pictures on the page, ``description`` is read aloud.
    Text stays text, so that it can be searched, scaled and coloured by the page.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}), warnings.catch_warnings():
        # Measured with matplotlib's own font, drawn with the reader's, which has more letters.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    picture = re.sub(
        r"<[^>]+>",
        lambda tag: _in_hundredths(_with_own_ids(tag.group(), name)),
        text[text.index("<svg") :].strip(),
    )
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return picture.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _with_own_ids(tag: str, name: str) -> str:
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", tag)


def _in_hundredths(tag: str) -> str:
    """A tag with its path in hundredths of a point: a third of the text, and nothing that an eye could see."""
    return re.sub(r' d="[^"]*"', lambda path: _WITHOUT_REST.sub("", path.group()).replace("\n", ""), tag)


def _headed(title: str, plan: Plan) -> str:
    cost = f"{plan.cost.energy:,.2f} {plan.cost.currency}"
    return plain_text(f"{title}: peak {plan.peak_kw:,.0f} kW, energy {cost}")


def _bars_by_colour(
    horizon: Horizon, rows: Sequence[Sequence[PlannedVisit]], full_kw: float
) -> dict[Rgba, list[tuple[float, float, int]]]:
    """Bars of the map as (start, end, row): the visits first, over them what they draw."""
    found: dict[Rgba, list[tuple[float, float, int]]] = {THERE: []}
    edges = step_edges(horizon)
    for row, visits in enumerate(rows):
        for visit in visits:
            start, end = _clipped(horizon, visit)
            found[THERE].append((start, end, row))
            for from_, to, power_kw in _charging(edges, visit, start, end):
                # In even steps of the shade, which goes by the root of the power.
                level = math.ceil(MAP_SHADES * (power_kw / full_kw) ** 0.5 - 1e-9)
                found.setdefault(_shade((level / MAP_SHADES) ** 2), []).append((from_, to, row))
    return {colour: bars for colour, bars in found.items() if bars}


def _corners(start: float, end: float, row: int) -> list[tuple[float, float]]:
    top, bottom = row - 0.5, row + 0.5
    return [(start, top), (end, top), (end, bottom), (start, bottom)]


def _mark_ends(horizon: Horizon, ax: Axes, rows: Sequence[Sequence[PlannedVisit]]) -> None:
    """Arrivals and departures as one line with gaps, and a sign beside the departures that are short."""
    marks: list[tuple[float, float]] = []
    short: list[tuple[float, float]] = []
    for row, visits in enumerate(rows):
        for visit in visits:
            for instant in (visit.arrival, visit.departure):
                if horizon.start <= instant <= horizon.end:
                    x = days(instant)
                    marks += [(x, row - 0.5), (x, row + 0.5), (math.nan, math.nan)]
            if not visit.is_ready:
                short.append((_clipped(horizon, visit)[1], row))
    if marks:
        ax.plot(*zip(*marks, strict=True), color=INK, lw=0.8, solid_capstyle="butt")
    if short:
        ax.plot(*zip(*short, strict=True), **LEAVES_SHORT)


def _name_rows(ax: Axes, names: Sequence[str], *, every: int) -> None:
    """The rows' names at the left, and the hours above as well as below."""
    named = range(0, len(names), every)
    ax.set_yticks(named, [plain_text(names[row]) for row in named], fontsize=8, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_ticks_position("both")
    ax.tick_params(axis="x", labeltop=True)


def _round_numbers() -> Iterator[int]:
    for power in itertools.count():
        yield from (10**power, 2 * 10**power, 5 * 10**power)


def _shades_shown(full_kw: float) -> list[Patch]:
    """What the shades mean, for the legend."""
    shown = [Patch(facecolor=_shade(share), label=f"{share * full_kw:.2g} kW") for share in (0.1, 0.4)]
    there = Patch(facecolor=THERE, label="plugged in, not charging")
    return [there, *shown, Patch(facecolor=_shade(1.0), label=f"{full_kw:.4g} kW")]


def _full_kw(plan: Plan) -> float:
    """The highest power of any vehicle: the darkest shade. [kW]"""
    return max((max(visit.power_kw) for visit in plan.visits), default=0.0) or 1.0


def _draw_visit(horizon: Horizon, ax: Axes, visit: PlannedVisit, *, row: int, full_kw: float) -> None:
    start, end = _clipped(horizon, visit)
    ax.broken_barh([(start, end - start)], (row - 0.36, 0.72), facecolors=THERE, lw=0)
    charging = list(_charging(step_edges(horizon), visit, start, end))
    if charging:
        bars = [(from_, to - from_) for from_, to, _ in charging]
        shades = [_shade(power_kw / full_kw) for _, _, power_kw in charging]
        ax.broken_barh(bars, (row - 0.36, 0.72), facecolors=shades, lw=0)
    for instant, mark in ((visit.arrival, start), (visit.departure, end)):
        if horizon.start <= instant <= horizon.end:
            colour = ABOVE_LIMIT if instant == visit.departure and not visit.is_ready else INK
            ax.plot([mark, mark], [row - 0.42, row + 0.42], color=colour, lw=1.3, solid_capstyle="butt")


def _label_visits(horizon: Horizon, ax: Axes, visits: Sequence[PlannedVisit], *, row: int) -> None:
    """SoC at both ends: outside the bar where there is room, within it where the next bar is too near."""
    width = days(horizon.end) - days(horizon.start)
    left = days(horizon.start) - 0.05 * width
    for number, visit in enumerate(visits):
        start, end = _clipped(horizon, visit)
        following = visits[number + 1 : number + 2]
        right = _clipped(horizon, following[0])[0] if following else left + 1.1 * width
        arriving = plain_text(f"{visit.vehicle_id}  {visit.arrival_soc_percent:.0f} %")
        leaving = f"{visit.planned_soc_percent:.0f} %"
        if not visit.is_ready:
            # Cut down, not rounded: who is a little short would seem to have what it needs.
            leaving = f"{floor_to_step(visit.planned_soc_percent, 0.1):g} %"
            leaving += f", needs {visit.required_soc_percent:g} %"
        _label(ax, arriving, start, row, room=(start - left) / width, side="left", colour=INK)
        colour = INK if visit.is_ready else ABOVE_LIMIT
        _label(ax, leaving, end, row, room=(right - end) / width, side="right", colour=colour)
        # The next vehicle's own label needs room as well; what this one took is gone.
        left = end + len(leaving) * CHARACTER_SHARE * width


def _label(ax: Axes, text: str, x: float, row: int, *, room: float, side: str, colour: str) -> None:
    outside = room >= len(text) * CHARACTER_SHARE
    to_the_left = (side == "left") == outside
    box: dict[str, Any] = {"facecolor": to_rgba(PAPER), "edgecolor": "none", "pad": 0.8}
    ax.annotate(
        text,
        (x, row),
        xytext=(-4 if to_the_left else 4, 0),
        textcoords="offset points",
        ha="right" if to_the_left else "left",
        va="center_baseline",
        fontsize=7.5,
        color=colour,
        bbox=None if outside else box,
    )


def _by_connector(plan: Plan) -> dict[str, list[PlannedVisit]]:
    """Visits of every connector in order of arrival; connectors in the order people count them."""
    found: dict[tuple[str, int], list[PlannedVisit]] = {}
    for visit in sorted(plan.visits, key=lambda visit: visit.arrival):
        found.setdefault((visit.charger_id, visit.connector_id), []).append(visit)
    several = {charger for charger, connector in found if connector != 1}
    ordered = sorted(found, key=lambda key: (_natural(key[0]), key[1]))
    return {f"{key[0]}/{key[1]}" if key[0] in several else key[0]: found[key] for key in ordered}


def _natural(name: str) -> list[tuple[str, int]]:
    """A sort key that puts CP2 before CP10."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name)]


def _charging(
    edges: Sequence[float], visit: PlannedVisit, start: float, end: float
) -> Iterator[tuple[float, float, float]]:
    """When a visit draws equal power, within its start and end: from, to (in days), kW."""
    for first, last, power_kw in _runs(visit.power_kw):
        yield max(edges[first], start), min(edges[last + 1], end), power_kw


def _runs(power_kw: Sequence[float]) -> Iterator[tuple[int, int, float]]:
    """Stretches of equal power above 0: first step, last step, kW."""
    first = 0
    for step in range(1, len(power_kw) + 1):
        if step == len(power_kw) or power_kw[step] != power_kw[first]:
            if power_kw[first] > 0.0:
                yield first, step - 1, power_kw[first]
            first = step


def _shade(share: float) -> Rgba:
    """More power is more opaque, which reads on a light page and on a dark one.

    By the root of the share, so that vans at 11 kW can still be told apart beside buses at 150.
    """
    return to_rgba(CHARGING, 0.15 + 0.85 * share**0.5)


def _clipped(horizon: Horizon, visit: PlannedVisit) -> tuple[float, float]:
    first = max(visit.arrival, horizon.start)
    last = min(visit.departure, horizon.end)
    return days(first), days(last)
