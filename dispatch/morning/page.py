"""The morning page: one HTML file with everything in it, for a screen by day or night and for paper.

Knows the page (``templates/morning.html.j2``); what it shares with the plan's stands in :mod:`optimiser.page`.
"""

from __future__ import annotations

from dispatch.evidence import Rung
from dispatch.morning import words
from dispatch.morning.picture import night_picture
from dispatch.morning.report import MorningReport
from optimiser.page import page_environment, picture

PICTURE_SHOWS = "Planned, allowed and metered power of the site over the night, against its limit"


def render(report: MorningReport) -> str:
    """The report as one HTML text that needs nothing else."""
    horizon, currency = report.plan.horizon, report.plan.cost.currency
    environment = page_environment("dispatch", horizon=horizon, currency=currency)
    return environment.get_template("morning.html.j2").render(
        report=report,
        plan=report.plan,
        headlines=words.headlines(report),
        figures=words.figures(report),
        picture=picture(night_picture(report), name="night", description=PICTURE_SHOWS),
        gaps=list(words.gap_lines(report)),
        rungs=list(Rung),
        rung_names=words.RUNG_NAMES,
        marks=words.STATE_MARKS,
        planned_words=words.planned_words,
        departure_words=lambda one: words.departure_words(horizon, one),
        rung_words=lambda step: words.rung_words(horizon, step),
        climb_words=words.climb_words,
        incident_time=lambda incident: words.incident_time(horizon, incident),
        versions=[list(words.version_words(horizon, version, currency)) for version in report.versions],
        overrides=[words.override_words(horizon, override) for override in report.overrides],
    )
