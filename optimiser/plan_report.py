"""The report of a plan: one HTML file with everything in it, for a screen by day or night and for paper.

Knows the page (``templates/plan_report.html.j2``) and how a picture takes on the page's colours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from optimiser import charts, load_chart, sentences
from optimiser.horizon import format_instant
from optimiser.plan import Plan
from optimiser.profiles import ChargingProfile, Period

CONNECTORS_PER_PICTURE = 50
"""Rows of one Gantt picture: what is still readable on one printed page."""

PAGE_COLOURS = {
    load_chart.INK: "--ink",
    load_chart.MUTED: "--muted",
    load_chart.GRID: "--line",
    load_chart.PAPER: "--paper",
    load_chart.BASE_LOAD: "--base-load",
    load_chart.CHARGING: "--charging",
    load_chart.ABOVE_LIMIT: "--above",
    load_chart.PRICE: "--price",
    load_chart.SUN: "--sun",
}
"""Colours of the pictures and the names under which the page gives them, one set for light and one for dark."""


def render(plan: Plan, baseline: Plan, profiles: Sequence[ChargingProfile] | None = None) -> str:
    """The report as one HTML text that needs nothing else.

    ``plan.baseline`` holds the figures of ``baseline``, the same night plugged-and-charged. ``profiles`` adds
    what every connector is allowed.
    """
    environment = Environment(
        loader=PackageLoader("optimiser"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    horizon = plan.horizon

    def clock(instant: datetime) -> str:
        return sentences.clock(horizon, instant)

    environment.filters |= {
        "clock": clock,
        "iso": lambda instant: horizon.local(instant).isoformat(timespec="minutes"),
        "utc": format_instant,
        "money": lambda amount: sentences.money(amount, plan.cost.currency),
        "kw": sentences.power,
        "kwh": sentences.energy,
        "duration": sentences.duration,
        "status": sentences.status,
        "allowed": _allowed,
    }
    return environment.get_template("plan_report.html.j2").render(
        plan=plan,
        headlines=sentences.headlines(plan),
        comparisons=sentences.comparisons(plan),
        window_peaks=sentences.window_peaks(plan),
        tariff_classes=sentences.tariff_classes(plan),
        departures=sorted(plan.visits, key=lambda visit: (visit.departure, visit.vehicle_id)),
        comparison=_picture(
            charts.comparison(plan, baseline),
            name="comparison",
            description="Load of the site against its limit: planned beside plugged and charged, price below",
        ),
        gantt=list(_gantt(plan)),
        profiles=profiles or (),
    )


def _gantt(plan: Plan) -> Iterator[Markup]:
    """The connectors, in pictures of a page each."""
    for first in range(0, charts.connector_count(plan), CONNECTORS_PER_PICTURE):
        ax = charts.connector_gantt(plan, rows=slice(first, first + CONNECTORS_PER_PICTURE))
        yield _picture(
            cast("Figure", ax.get_figure(root=True)),
            name=f"gantt-{first}",
            description="When each connector charges, and the state of charge at both ends",
        )


def _picture(figure: Figure, *, name: str, description: str) -> Markup:
    svg = charts.to_svg(figure, name=name, description=description)
    return Markup(re.sub(r'style="[^"]*"', lambda style: _with_page_colours(style.group()), svg))  # noqa: S704 charts.to_svg escapes


def _with_page_colours(style: str) -> str:
    for colour, name in PAGE_COLOURS.items():
        style = style.replace(colour, f"var({name}, {colour})")
    return style


def _allowed(period: Period) -> str:
    amperes = "" if period.limit_a is None else f" ({period.limit_a:g} A × {period.phases})"
    return f"{sentences.power(period.limit_kw)}{amperes}"
