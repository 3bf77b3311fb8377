"""A plan as lines and tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from optimiser import sentences
from optimiser.gains import HEADERS
from optimiser.plan import Plan
from optimiser.profiles import ChargingProfile
from optimiser.terminal import Terminal

NAMED_AT_MOST = 5
"""Vehicles that a line names."""


def say_plan(terminal: Terminal, shown: Plan) -> None:
    """The headlines, the plan's figures beside those of plug-and-charge, and what the tariff says of its peaks."""
    terminal.say(f"{shown.depot}, night of {shown.night}")
    for headline in sentences.headlines(shown):
        terminal.say(headline.text)
    if shown.baseline:
        terminal.say()
        rows = [(row.name, row.planned, row.baseline, row.difference) for row in sentences.comparisons(shown)]
        headers = ("", "planned", "plug-and-charge", "difference")
        terminal.table(headers, rows, numbers={1, 2, 3})
    for sentence in (
        *sentences.rule_decisions(shown),
        *sentences.window_peaks(shown),
        *sentences.tariff_classes(shown),
    ):
        terminal.say(sentence)
    for warning in shown.warnings:
        terminal.say(f"warning: {warning}")
    if shown.explanation.shortages:
        terminal.say()
        for said, text in shown.explanation.told():
            terminal.say(f"{said}: {text}")
    if shown.valued is not None and shown.valued.told():
        terminal.say()
        terminal.table(HEADERS, shown.valued.told(), numbers={2, 3})


def say_plans(terminal: Terminal, plans: Sequence[Plan]) -> None:
    """Many plans, a line each, and whoever is short by name."""
    rows = []
    for shown in plans:
        ready = sum(visit.is_ready for visit in shown.visits)
        short = [visit.vehicle_id for visit in shown.visits if not visit.is_ready]
        rows.append(
            (
                shown.depot,
                f"{ready} of {len(shown.visits)}",
                sentences.money(shown.cost.total, shown.cost.currency),
                sentences.power(shown.peak_kw),
                _named(short),
            )
        )
    terminal.table(("depot", "ready", "cost", "peak", "short"), rows, numbers={1, 2, 3})


def _named(vehicles: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = len(vehicles) - NAMED_AT_MOST
    return ", ".join(vehicles[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def say_departures(terminal: Terminal, shown: Plan) -> None:
    """Every departure in its order: when, who, from where, with what."""
    horizon = shown.horizon
    rows = [
        (
            sentences.clock(horizon, visit.departure),
            visit.vehicle_id,
            f"{visit.charger_id}/{visit.connector_id}",
            sentences.clock(horizon, visit.arrival),
            f"{visit.arrival_soc_percent:.1f} %",
            f"{visit.planned_soc_percent:.1f} %",
            f"{visit.required_soc_percent:.1f} %",
            sentences.status(visit),
        )
        for visit in sorted(shown.visits, key=lambda visit: (visit.departure, visit.vehicle_id))
    ]
    headers = ("leaves", "vehicle", "connector", "arrives", "SoC then", "planned", "required", "state")
    terminal.say()
    terminal.table(headers, rows, numbers={4, 5, 6})


def say_periods(terminal: Terminal, shown: Plan, profiles: Sequence[ChargingProfile]) -> None:
    """When each connector may draw, and how much."""
    rows = []
    for profile in profiles:
        for period in profile.periods:
            if period.limit_kw > 0.0:
                start, end = (sentences.clock(shown.horizon, edge) for edge in (period.start, period.end))
                amperes = "" if period.limit_a is None else f"{period.limit_a:g} A × {period.phases}"
                connector = f"{profile.charger_id}/{profile.connector_id}"
                rows.append((connector, start, end, sentences.power(period.limit_kw), amperes))
    terminal.say()
    terminal.table(("connector", "from", "to", "limit", "per phase"), rows, numbers={3})
