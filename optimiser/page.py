"""What all pages share: one look for a screen by day or night and for paper, and pictures in the page's colours.

Knows the style (``templates/page.css.j2``), which words a template may use for numbers and times, and no plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from optimiser import charts, load_chart, sentences
from optimiser.horizon import Horizon, format_instant

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


def page_environment(package: str, *, horizon: Horizon, currency: str) -> Environment:
    """Where a package's page is made: its templates beside the shared ones, times as ``horizon`` shows them."""
    loaders: list[BaseLoader] = [PackageLoader(name) for name in dict.fromkeys((package, "optimiser"))]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def clock(instant: datetime) -> str:
        return sentences.clock(horizon, instant)

    words: dict[str, Callable[..., str]] = {
        "clock": clock,
        "iso": lambda instant: horizon.local(instant).isoformat(timespec="minutes"),
        "utc": format_instant,
        "money": lambda amount: sentences.money(amount, currency),
        "kw": sentences.power,
        "kwh": sentences.energy,
        "duration": sentences.duration,
    }
    environment.filters |= words
    return environment


def picture(figure: Figure, *, name: str, description: str) -> Markup:
    """A figure as a part of a page; ``name`` keeps its ids apart, ``description`` is read aloud."""
    svg = charts.to_svg(figure, name=name, description=description)
    return Markup(re.sub(r'style="[^"]*"', lambda style: _with_page_colours(style.group()), svg))  # noqa: S704 charts.to_svg escapes


def _with_page_colours(style: str) -> str:
    for colour, name in PAGE_COLOURS.items():
        style = style.replace(colour, f"var({name}, {colour})")
    return style
