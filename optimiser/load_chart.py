"""The picture of a site's load against its limit, and the look that all pictures share.

Knows matplotlib's object-oriented side only: no pyplot, no global state. Knows a night's series, no plan.
Colours are those of Okabe and Ito, which colour-blind readers tell apart, and every colour has a second sign:
a hatch, a label or a place.
"""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from optimiser.horizon import FloatArray, Horizon
from optimiser.series import SiteSeries

INK = "#1f2933"
MUTED = "#66727f"
GRID = "#d9dee3"
PAPER = "#fefefe"
BASE_LOAD = "#a3adb8"
CHARGING = "#0072b2"
ABOVE_LIMIT = "#d55e00"
PRICE = "#009e73"
SUN = "#e69f00"

SIZE_IN = (7.7, 4.6)
SCREEN_DPI = 144
"""Twice what a notebook shows per inch, for screens that have two pixels where one was."""
LABELLED_HOURS = 3
"""Hours between two times on the axis: 0, 3, 6, … by the wall clock, so that none of them exists twice."""


class Picture(Figure):
    """A matplotlib figure that a notebook shows without pyplot: as the last line of a cell."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture in Jupyter's form: its bytes, and its size on the screen in CSS pixels."""
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            # A name may have letters that matplotlib's font has not; a box in their place is no reason to stop.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            self.savefig(buffer, format="png", dpi=SCREEN_DPI, facecolor=PAPER)
        width, height = (round(inches * SCREEN_DPI / 2) for inches in self.get_size_inches())
        return buffer.getvalue(), {"width": width, "height": height}


def load_picture(horizon: Horizon, site: SiteSeries, *, currency: str, title: str = "") -> Picture:
    """Base load and charging of a night against the site's limit, with the price below where it is known."""
    figure = Picture(figsize=SIZE_IN, layout="constrained")
    ax, *price_axes = load_rows(figure, site, columns=1)[0]
    for price_ax in price_axes:
        draw_price(horizon, site, price_ax, currency=currency)
    dress_time_axis(horizon, [*price_axes, ax][0])
    draw_load(horizon, site, ax)
    ax.set_title(plain_text(title), loc="left", fontsize=10.5, color=INK)
    draw_legend(ax, ax.get_legend_handles_labels()[0])
    return figure


def load_rows(figure: Figure, site: SiteSeries, *, columns: int) -> list[tuple[Axes, ...]]:
    """Axes by column: the load above and, where prices are known, the price below."""
    heights = [4.0, 1.0] if site.import_price_per_kwh else [1.0]
    grid = figure.subplots(
        len(heights), columns, sharex="col", sharey="row", squeeze=False, height_ratios=heights
    )
    return [tuple(column) for column in grid.T]


def draw_load(horizon: Horizon, site: SiteSeries, ax: Axes) -> None:
    """Base load and charging, stacked, the limit over them, and what passes it hatched. [kW]"""
    edges = step_edges(horizon)
    base_kw = np.asarray(site.base_load_kw)
    load_kw = np.asarray(site.load_kw)
    limit_kw = np.asarray(site.limit_kw)
    within_kw = np.minimum(load_kw, np.maximum(limit_kw, base_kw))
    ax.stairs(base_kw, edges, fill=True, color=BASE_LOAD, label="base load", lw=0)
    ax.stairs(within_kw, edges, baseline=base_kw, fill=True, color=CHARGING, label="charging", lw=0)
    if (load_kw > within_kw).any():
        ax.stairs(
            load_kw,
            edges,
            baseline=within_kw,
            fill=True,
            facecolor=ABOVE_LIMIT,
            edgecolor=PAPER,
            hatch="////",
            lw=0,
            label="above the limit",
        )
    if any(site.pv_kw):
        ax.stairs(site.pv_kw, edges, baseline=None, color=SUN, ls="--", lw=1.4, label="forecast PV")
    ax.stairs(limit_kw, edges, baseline=None, color=INK, lw=1.8, label=_limit_label(limit_kw))
    ax.set_ylim(0.0, highest_kw(site) * 1.12)
    ax.set_ylabel("kW", color=INK)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=3))
    mark_clock_change(horizon, ax)
    dress(ax)


def _limit_label(limit_kw: FloatArray) -> str:
    lowest, highest = limit_kw.min(), limit_kw.max()
    return f"limit {lowest:,.4g} kW" if lowest == highest else f"limit {lowest:,.4g} to {highest:,.4g} kW"


def highest_kw(site: SiteSeries) -> float:
    """The highest of load and limit, for the scale. [kW]"""
    return max(*site.load_kw, *site.limit_kw)


def draw_price(horizon: Horizon, site: SiteSeries, ax: Axes, *, currency: str) -> None:
    """The price of a kWh over the night."""
    prices = site.import_price_per_kwh
    edges = step_edges(horizon)
    ax.stairs(prices, edges, fill=True, color=to_rgba(PRICE, 0.25), lw=0)
    ax.stairs(prices, edges, baseline=None, color=PRICE, lw=1.4)
    if min(prices) >= 0.0:
        ax.set_ylim(0.0, (max(prices) or 1.0) * 1.15)
    ax.set_ylabel(plain_text(f"{currency}/kWh"), color=INK)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=3))
    dress(ax)


def draw_legend(ax: Axes, handles: Sequence[Artist]) -> None:
    """One legend below the whole figure."""
    figure = ax.get_figure(root=True)
    if figure is not None:
        legend = figure.legend(
            handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9
        )
        for text in legend.get_texts():
            text.set_color(INK)


def dress_time_axis(horizon: Horizon, ax: Axes, *, margin_percent: float = 0.0) -> None:
    """Hours by the depot's wall clock, the date at midnight, and a mark where the clocks change."""
    local = [horizon.local(instant) for instant in [*horizon.starts(), horizon.end]]
    hours = [instant for instant in local if instant.minute == 0]
    labelled = [hour for hour in hours if hour.hour % LABELLED_HOURS == 0]
    texts = [
        f"{hour:%H:%M}\n{hour:%a} {hour.day} {hour:%b}" if hour.hour == 0 else f"{hour:%H:%M}"
        for hour in labelled
    ]
    first, last = days(horizon.start), days(horizon.end)
    margin = margin_percent / 100.0 * (last - first)
    ax.set_xlim(first - margin, last + margin)
    ax.xaxis.set_major_locator(FixedLocator([days(hour) for hour in labelled]))
    ax.xaxis.set_major_formatter(FixedFormatter(texts))
    ax.xaxis.set_minor_locator(FixedLocator([days(hour) for hour in hours]))
    dress(ax)


def mark_clock_change(horizon: Horizon, ax: Axes) -> None:
    """A dotted line where the clocks change, and to what."""
    local = [horizon.local(instant) for instant in horizon.starts()]
    for before, after in itertools.pairwise(local):
        change = (after.utcoffset() or timedelta(0)) - (before.utcoffset() or timedelta(0))
        if change:
            says = f" clocks {'forward' if change > timedelta(0) else 'back'} to {after:%H:%M}"
            where: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "va": "top", "ha": "left"}
            ax.axvline(days(after), color=MUTED, lw=1.0, ls=":")
            ax.text(days(after), 0.99, says, fontsize=7.5, color=MUTED, **where)


def dress(ax: Axes) -> None:
    """The look of all pictures: thin lines in grey, ink for text."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=8.5, which="both")
    ax.grid(visible=True, which="major", color=GRID, lw=0.7)
    ax.set_axisbelow(True)


def step_edges(horizon: Horizon) -> list[float]:
    """Both ends of every step, in matplotlib's days."""
    return [days(instant) for instant in [*horizon.starts(), horizon.end]]


def days(instant: datetime) -> float:
    """An instant as matplotlib counts it, so that other series can be drawn over a picture."""
    return instant.timestamp() / 86400.0


def plain_text(text: str) -> str:
    """A name as text that matplotlib neither reads as mathematics nor writes as broken XML."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text).replace("$", r"\$")
