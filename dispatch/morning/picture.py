"""The picture of a night: what was planned, allowed and metered, against the limit. Knows how it is drawn."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from dispatch.morning.report import MorningReport
from optimiser.load_chart import (
    ABOVE_LIMIT,
    BASE_LOAD,
    CHARGING,
    INK,
    MUTED,
    PRICE,
    SIZE_IN,
    Picture,
    days,
    draw_legend,
    draw_price,
    dress,
    dress_time_axis,
    load_rows,
    mark_clock_change,
    step_edges,
)

HEADROOM = 1.3
"""How far above the limit the picture goes: full power of chargers that nothing limits yet may be far above it."""
WIDTH_IN = 11.0


def night_picture(report: MorningReport) -> Picture:
    """Planned, allowed and metered power of the site and its limit, with the price below where it is known. [kW]"""
    plan = report.plan
    figure = Picture(figsize=(WIDTH_IN, SIZE_IN[1]), layout="constrained")
    ax, *price_axes = load_rows(figure, plan.site, columns=1)[0]
    for price_ax in price_axes:
        draw_price(plan.horizon, plan.site, price_ax, currency=plan.cost.currency)
    dress_time_axis(plan.horizon, [*price_axes, ax][0])
    _draw_power(report, ax)
    draw_legend(ax, ax.get_legend_handles_labels()[0])
    return figure


def _draw_power(report: MorningReport, ax: Axes) -> None:
    plan, course = report.plan, report.course
    horizon, minutes = plan.horizon, course.minutes
    edges = step_edges(horizon)
    base_kw = np.asarray(plan.site.base_load_kw)
    limit_kw = np.asarray(plan.site.limit_kw)
    ax.stairs(base_kw, edges, fill=True, color=BASE_LOAD, label="base load, forecast", lw=0)
    highest_kw = float(max(limit_kw.max(), (base_kw + report.planned_kw).max()))
    if minutes.count:
        at = [days(minutes.start + timedelta(minutes=minute)) for minute in range(minutes.count + 1)]
        below_kw = minutes.from_steps(plan.site.base_load_kw, horizon.step_s)
        metered_kw = below_kw + course.metered_kw
        told_kw, most_kw = np.maximum(metered_kw, below_kw), below_kw + course.at_most_kw
        ax.stairs(told_kw, at, baseline=below_kw, fill=True, color=CHARGING, label="metered", lw=0)
        if not course.is_told.all():
            ax.stairs(
                np.where(course.is_told, told_kw, most_kw),
                at,
                baseline=told_kw,
                fill=True,
                facecolor=to_rgba(MUTED, 0.15),
                edgecolor=MUTED,
                hatch="....",
                lw=0,
                label="no meter tells: at most",
            )
        allowed_kw = below_kw + course.allowed_kw
        ax.stairs(allowed_kw, at, baseline=None, color=PRICE, lw=1.4, ls=":", label="allowed")
        highest_kw = max(highest_kw, float(metered_kw.max()))
    ax.stairs(
        base_kw + report.planned_kw, edges, baseline=None, color=ABOVE_LIMIT, lw=1.4, ls="--", label="planned"
    )
    ax.stairs(limit_kw, edges, baseline=None, color=INK, lw=1.8, label="limit")
    ax.set_ylim(0.0, highest_kw * HEADROOM)
    ax.set_ylabel("kW", color=INK)
    mark_clock_change(horizon, ax)
    dress(ax)
