"""Nights whose arrivals are uncertain, and what a plan comes to on other draws of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from optimiser.depot import Depot, Policy
from optimiser.draws import Stream, draws
from optimiser.fresh_nights import lived, ready
from optimiser.horizon import FloatArray
from optimiser.night import Night
from tests.builders import a_depot, a_night, a_van

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)


def an_uncertain_night(
    depot: Depot, *, arrival_sd_minutes: float = 45.0, arrival_soc_sd_percent: float = 8.0
) -> Night:
    """Every van from 17:50 on with 40 %; cheap from midnight to five."""
    price_per_kwh = np.where((np.arange(96) >= 48) & (np.arange(96) < 68), 0.20, 0.30)
    return with_spread(
        a_night(depot, price_per_kwh=price_per_kwh),
        arrival_sd_minutes=arrival_sd_minutes,
        arrival_soc_sd_percent=arrival_soc_sd_percent,
    )


def with_spread(night: Night, *, arrival_sd_minutes: float, arrival_soc_sd_percent: float) -> Night:
    return replace(
        night,
        visits=tuple(
            replace(
                visit, arrival_sd_minutes=arrival_sd_minutes, arrival_soc_sd_percent=arrival_soc_sd_percent
            )
            for visit in night.visits
        ),
    )


def a_sure_depot(
    *, vehicles: int = 4, readiness: float | None = 0.95, transformer_limit_kw: float = 30.0
) -> Depot:
    return a_depot(
        vehicles=[a_van(f"V{number}") for number in range(1, vehicles + 1)],
        transformer_limit_kw=transformer_limit_kw,
        policy=Policy(readiness=readiness),
    )


def asked_for(depot: Depot, readiness: float | None) -> Depot:
    return replace(depot, policy=replace(depot.policy, readiness=readiness))


def measured(depot: Depot, night: Night, power_kw: FloatArray, *, nights: int = 400) -> float:
    """The share of departures that are ready on nights that no plan has seen."""
    return float(
        ready(night, lived(depot, night, power_kw, draws(night, nights, stream=Stream.WHAT_IF))).mean()
    )
