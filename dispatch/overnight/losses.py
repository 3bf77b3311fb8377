"""What of a plan does not fit into what a charger takes, and why, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dispatch.charger import Capabilities
from dispatch.kept import kept
from dispatch.known import Known, Origin
from dispatch.layers import Target, is_windowed, unit_of
from optimiser.profiles import Period, compressed

WORTH_SAYING_KWH = 0.05
"""A plan that loses less than this to a charger is not worth a sentence. [kWh]"""


def losses_of(target: Target, known: Known) -> Iterator[str]:
    """A sentence for each kind of loss that is worth one; who knows why it is so is named."""
    words = known.capabilities
    by_periods_kwh, by_steps_kwh = _lost_kwh(target, words)
    if by_periods_kwh >= WORTH_SAYING_KWH and not is_windowed(target, words):
        yield (
            f"{target.place}: {by_periods_kwh:.1f} kWh of its plan do not fit into the {words.max_periods - 1} "
            f"periods that it is sent{_because(known, 'max_periods')}"
        )
    if by_steps_kwh >= WORTH_SAYING_KWH:
        lever, takes = "limit_step_a", f"steps of {words.limit_step_a:g} A"
        if words.limit_values_a:
            lever, takes = "limit_values_a", "some currents"
        elif words.min_current_a > 0:
            lever, takes = (
                "min_current_a",
                f"{words.min_current_a:g} A and more, in steps of {words.limit_step_a:g} A",
            )
        yield (
            f"{target.place}: {by_steps_kwh:.1f} kWh of its plan are lost, as it takes only {takes}"
            f"{_because(known, lever)}"
        )


@kept(4096)
def _lost_kwh(target: Target, words: Capabilities) -> tuple[float, float]:
    """Energy of visits that is lost for want of periods, and to the steps of limits. [kWh, grid side]"""
    short = compressed(target.plan, words.max_periods - 1, counted=target.visits)
    by_steps_kwh = 0.0
    if unit_of(target.connector, words) == "A":
        for period in short.periods:
            if period.limit_a:
                share = words.current_a_within(period.limit_a) / period.limit_a
                by_steps_kwh += period.limit_kw * (1.0 - share) * _hours_there(period, target)
    return short.lost_kwh, by_steps_kwh


def _hours_there(period: Period, target: Target) -> float:
    def overlap(arrival: datetime, departure: datetime) -> float:
        return max(0.0, (min(departure, period.end) - max(arrival, period.start)).total_seconds() / 3600.0)

    return sum(overlap(*visit) for visit in target.visits)


def _because(known: Known, lever: str) -> str:
    source = known.sources[lever]
    return "" if source.origin is Origin.DEFAULT else f": {source.detail}"
