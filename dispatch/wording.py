"""The periods of a schedule in the words of a charger: its unit, its steps, its phases. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dispatch.charger import Capabilities
from dispatch.station import RateUnit, SchedulePeriod
from optimiser.depot import Connector
from optimiser.profiles import Period
from optimiser.units import floor_to_step, kw_from_current_a


def schedule_of(
    periods: Sequence[Period],
    connector: Connector,
    capabilities: Capabilities,
    unit: RateUnit,
    *,
    is_tx: bool = False,
) -> tuple[SchedulePeriod, ...]:
    """Periods as they are sent, in A or W, equal neighbours merged; ``is_tx``: of a running transaction."""
    names_phases = capabilities.number_phases == "send" or (is_tx and capabilities.number_phases == "tx_only")
    result: list[SchedulePeriod] = []
    for period in periods:
        phases = connector.phases if unit == "A" else period.phases
        number_phases = phases if names_phases and not connector.is_dc else None
        limit = _limit(period, connector, capabilities, unit)
        if result and (result[-1].limit, result[-1].number_phases) == (limit, number_phases):
            continue
        result.append(
            SchedulePeriod(
                start_s=seconds_between(periods[0].start, period.start),
                limit=limit,
                number_phases=number_phases,
            )
        )
    return tuple(result)


def _limit(period: Period, connector: Connector, capabilities: Capabilities, unit: RateUnit) -> float:
    if unit == "A":
        limit_a = capabilities.current_a_within(period.limit_a or 0.0)
        return limit_a if limit_a >= connector.min_current_a else 0.0
    grid_per_limit = connector.grid_per_limit if connector.is_dc else 1.0
    limit_w = floor_to_step(period.limit_kw * 1000.0 / grid_per_limit, 1.0)
    lowest_w = (
        0.0
        if connector.is_dc
        else 1000.0 * kw_from_current_a(capabilities.min_current_a, phases=period.phases)
    )
    return limit_w if limit_w >= lowest_w else 0.0


def seconds_between(start: datetime, end: datetime) -> int:
    """Whole seconds from one instant to another. [s]"""
    return round((end - start).total_seconds())
