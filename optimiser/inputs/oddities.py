"""What a planner should know of a night that is good: things clipped, odd or not planned with yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from optimiser.depot import Depot, power_range
from optimiser.inputs.visits import ReadVisit, shown_local
from optimiser.night import Night

HIGH_PRICE_PER_KWH, LOW_PRICE_PER_KWH = 3.0, 0.003
"""Median prices beyond which cents or MWh may have been meant. [currency/kWh]"""


def oddities(depot: Depot, night: Night, visits: Sequence[ReadVisit]) -> Iterator[str]:
    """Sentences, each with the place that it is about."""
    name = f"nights/{night.date}/visits.csv"
    for read in visits:
        place = f"{name} line {read.line}"
        yield from (f"{place}: {text}" for text in _of_visit(depot, night, read))
    if visits and all(max(r.visit.arrival_soc_percent, r.visit.required_soc_percent) <= 1.0 for r in visits):
        yield f"{name}: no state of charge is above 1 percent; were shares meant as percent?"
    yield from _of_series(depot, night)
    if depot.policy.readiness is not None:
        yield "depot.yaml policy.readiness: not planned with yet"


def _of_visit(depot: Depot, night: Night, read: ReadVisit) -> Iterator[str]:
    visit, horizon = read.visit, night.horizon
    if visit.departure > horizon.end:
        yield (
            f"{visit.vehicle_id} departs {shown_local(horizon, visit.departure)}, after the night: "
            f"due at its end {shown_local(horizon, horizon.end)}"
        )
    if visit.arrival < horizon.start:
        yield (
            f"{visit.vehicle_id} arrived {shown_local(horizon, visit.arrival)}, before the night: "
            f"planned from its start {shown_local(horizon, horizon.start)}"
        )
    connector = depot.connector(visit.charger_id, visit.connector_id)
    powers = power_range(connector, depot.vehicle(visit.vehicle_id), voltage_v=depot.site.voltage_v)
    if powers.max_kw <= 0.0 or powers.min_kw > powers.max_kw:
        yield f"{visit.vehicle_id} cannot charge on {visit.charger_id}/{visit.connector_id}"
    for column in ("arrival_sd_minutes", "arrival_soc_sd_percent"):
        if getattr(read.cells, column):
            yield f"{column} is not planned with yet"


def _of_series(depot: Depot, night: Night) -> Iterator[str]:
    median = float(np.median(night.import_price_per_kwh))
    if not LOW_PRICE_PER_KWH <= abs(median) <= HIGH_PRICE_PER_KWH:
        yield (
            f"the median price of the night is {median:g} {depot.currency} per kWh; is it that of a kWh, "
            f"in {depot.currency}?"
        )
    site = depot.site
    highest_kw = float(night.base_load_kw.max())
    if highest_kw > site.base_load_max_kw:
        yield (
            f"nights/{night.date}/base_load.csv: {highest_kw:g} kW is above site.base_load_max_kw "
            f"{site.base_load_max_kw:g}, with which the chargers' floors are reckoned"
        )
    full = night.base_load_kw + site.reserve_kw >= night.site_limit_kw
    if full.any():
        first = night.horizon.starts()[int(full.argmax())]
        yield (
            f"base load and reserve leave no power in {int(full.sum())} of {night.horizon.steps} steps, "
            f"first at {shown_local(night.horizon, first)}"
        )
