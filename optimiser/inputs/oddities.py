"""What a planner should know of a night that is good: things clipped, odd, in another unit, or without effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from optimiser.depot import Connector, Depot, Vehicle, power_range
from optimiser.draws import is_uncertain
from optimiser.inputs.visits import ReadVisit, shown_local
from optimiser.night import Night

LOW_PRICE_PER_KWH, HIGH_PRICE_PER_KWH = 0.01, 1.0
"""No night was so cheap throughout or so dear in the middle that was not written in another unit. [about EUR/kWh]"""

ROUGHLY_PER_EURO = {
    "CNY": 8, "CZK": 25, "DKK": 7, "HUF": 400, "INR": 100, "ISK": 145, "JPY": 170, "KRW": 1700, "MXN": 21, "NOK": 12,
    "PLN": 4, "RON": 5, "RSD": 117, "SEK": 11, "THB": 38, "TRY": 45, "TWD": 35, "UAH": 48, "ZAR": 20,
}  # fmt: skip
"""What a euro was worth in 2025, of currencies worth much less: enough to tell a price from one a hundred times off."""

SUN_KW = 0.1
"""More than this is no noise of a forecast. [kW]"""

DARK_HOURS = frozenset({23, 0, 1, 2})
"""Hours of the wall clock that have no sun outside the polar summer."""

NAMED = 3
"""How many names a sentence has before it counts the others."""


def oddities(depot: Depot, night: Night, visits: Sequence[ReadVisit], *, prices: str) -> Iterator[str]:
    """Sentences, each with the place that it is about; ``prices`` is where those of the night stand."""
    name = f"nights/{night.date}/visits.csv"
    for read in visits:
        place = f"{name} line {read.line}"
        yield from (f"{place}: {text}" for text in _of_visit(depot, night, read))
    if visits and all(max(r.visit.arrival_soc_percent, r.visit.required_soc_percent) <= 1.0 for r in visits):
        yield f"{name}: no state of charge is above 1 percent; were shares meant as percent?"
    yield from (f"{prices}: {text}" for text in _of_prices(depot, night))
    yield from _of_series(depot, night)
    yield from (f"depot.yaml: {text}" for text in _of_depot(depot))
    if depot.policy.readiness is None and any(is_uncertain(read.visit) for read in visits):
        yield (
            "depot.yaml: without policy.readiness arrivals are planned as written, whatever spread visits.csv gives them"
        )


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
    connector, vehicle = (
        depot.connector(visit.charger_id, visit.connector_id),
        depot.vehicle(visit.vehicle_id),
    )
    if not _can_charge(connector, vehicle, depot.site.voltage_v):
        yield f"{visit.vehicle_id} cannot charge on {visit.charger_id}/{visit.connector_id}"
    if visit.precondition_kwh > vehicle.battery_kwh:
        yield (
            f"{visit.vehicle_id} is preconditioned with {visit.precondition_kwh:g} kWh, more than its battery of "
            f"{vehicle.battery_kwh:g} kWh holds"
        )


def _of_prices(depot: Depot, night: Night) -> Iterator[str]:
    unit = f"{depot.currency} per kWh"
    rate = ROUGHLY_PER_EURO.get(depot.currency, 1)
    median = float(np.median(night.import_price_per_kwh))
    highest = float(np.abs(night.import_price_per_kwh).max())
    if abs(median) > HIGH_PRICE_PER_KWH * rate:
        yield (
            f"the median price of the night is {median:g} {unit}; was it written in hundredths, as in ct/kWh "
            f"({median / 100:g} {unit}), or per MWh ({median / 1000:g})?"
        )
    if 0.0 < highest < LOW_PRICE_PER_KWH * rate:
        yield (
            f"no price of the night is beyond {highest:g} {unit}; was it divided once too often, by 100 "
            f"({100 * highest:g} {unit}) or by 1000 ({1000 * highest:g})?"
        )


def _of_depot(depot: Depot) -> Iterator[str]:
    loose = [charger.id for charger in depot.chargers if charger.feeder is None]
    if depot.feeders and loose:
        yield (
            f"{_named(loose)} without a feeder: the transformer limit alone holds there, none of the feeders'; "
            "if it is meant so, name a feeder without a limit"
        )
    vehicles = {
        replace(vehicle, id="", id_tag="", battery_kwh=1.0, charge_curve=None) for vehicle in depot.vehicles
    }
    most_phases = max((vehicle.ac_phases for vehicle in vehicles), default=0)
    useless, idle = [], []
    can_be_used: dict[Connector, bool] = {}
    for charger, connector in depot.connectors():
        kind = replace(connector, id=1, phase_map=())
        if kind not in can_be_used:
            can_be_used[kind] = any(_can_charge(kind, vehicle, depot.site.voltage_v) for vehicle in vehicles)
        if not can_be_used[kind]:
            useless.append(f"{charger.id}/{connector.id}")
        elif connector.phases > most_phases:
            idle.append(f"{charger.id}/{connector.id}")
    if useless and vehicles:
        yield f"no vehicle of vehicles.csv can charge on {_named(useless)}"
    if idle:
        yield (
            f"three phases on {_named(idle)}, of which no vehicle of vehicles.csv can use more than {most_phases}: "
            "is ac_phases right?"
        )


def _can_charge(connector: Connector, vehicle: Vehicle, voltage_v: float) -> bool:
    powers = power_range(connector, vehicle, voltage_v=voltage_v)
    return powers.max_kw > 0.0 and powers.min_kw <= powers.max_kw


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _of_series(depot: Depot, night: Night) -> Iterator[str]:
    for step, start in enumerate(night.horizon.starts()):
        if night.pv_kw[step] > SUN_KW and night.horizon.local(start).hour in DARK_HOURS:
            yield (
                f"nights/{night.date}/pv.csv: {night.pv_kw[step]:g} kW at {shown_local(night.horizon, start)}, when it is "
                f"dark; are its times those of {depot.timezone}?"
            )
            break
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
