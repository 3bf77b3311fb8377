"""The report of a plan: one HTML file with everything in it, for a screen by day or night and for paper.

Knows the page (``templates/plan_report.html.j2``); what it shares with others stands in :mod:`optimiser.page`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optimiser import charts, sentences
from optimiser.page import page_environment, picture
from optimiser.plan import Plan
from optimiser.profiles import ChargingProfile, Period

GANTT_ROWS = 50
"""Rows of a Gantt picture: what is still readable on one printed page. A larger depot gets a map of all its
connectors, and a Gantt picture of those at which somebody leaves short."""

GANTT_SHOWS = "When each connector charges, and the state of charge at both ends"
MAP_SHOWS = "When each connector has a vehicle, and the power that the vehicle gets"
MAP_READS = (
    "Every line is a connector, in their order. It is grey while a vehicle is there, the stronger its colour the more "
    "power the vehicle gets; the marks are arrivals and departures."
)
GANTT_READS = (
    "A bar is a vehicle at its connector, the stronger its colour the more power; the state of charge stands at both "
    "ends."
)


def render(plan: Plan, baseline: Plan, profiles: Sequence[ChargingProfile] | None = None) -> str:
    """The report as one HTML text that needs nothing else.

    ``plan.baseline`` holds the figures of ``baseline``, the same night plugged-and-charged. ``profiles`` adds
    what every connector is allowed.
    """
    environment = page_environment("optimiser", horizon=plan.horizon, currency=plan.cost.currency)
    environment.filters |= {"status": sentences.status, "allowed": _allowed}
    return environment.get_template("plan_report.html.j2").render(
        plan=plan,
        headlines=sentences.headlines(plan),
        comparisons=sentences.comparisons(plan),
        window_peaks=sentences.window_peaks(plan),
        rule_decisions=sentences.rule_decisions(plan),
        tariff_classes=sentences.tariff_classes(plan),
        departures=sorted(plan.visits, key=lambda visit: (visit.departure, visit.vehicle_id)),
        comparison=picture(
            charts.comparison(plan, baseline),
            name="comparison",
            description="Load of the site against its limit: planned beside plugged and charged, price below",
        ),
        connectors=list(_connectors(plan)),
        profiles=profiles or (),
    )


def _connectors(plan: Plan) -> Iterator[tuple[Markup, str]]:
    """Who charges when: pictures, each with what to know to read it."""
    if charts.connector_count(plan) <= GANTT_ROWS:
        yield _drawn(charts.connector_gantt(plan), name="gantt", description=GANTT_SHOWS), GANTT_READS
        return
    yield _drawn(charts.connector_map(plan), name="map", description=MAP_SHOWS), MAP_READS
    short = charts.short_connectors(plan)
    if short:
        shown = short[:GANTT_ROWS]
        which = "The connectors at which a vehicle leaves short"
        if len(short) > len(shown):
            which = f"Of the {len(short)} connectors at which a vehicle leaves short the {len(shown)} that miss the most"
        gantt = charts.connector_gantt(plan, only=shown)
        yield _drawn(gantt, name="gantt", description=GANTT_SHOWS), f"{which}. {GANTT_READS}"


def _drawn(ax: Axes, *, name: str, description: str) -> Markup:
    return picture(cast("Figure", ax.get_figure(root=True)), name=name, description=description)


def _allowed(period: Period) -> str:
    amperes = "" if period.limit_a is None else f" ({period.limit_a:g} A × {period.phases})"
    return f"{sentences.power(period.limit_kw)}{amperes}"
