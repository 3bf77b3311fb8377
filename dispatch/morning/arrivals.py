"""How the arrivals of a night went against what was planned with. Pure; from the facts of a night alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dispatch.morning.facts import NightFacts
from dispatch.morning.readiness import Departure
from dispatch.morning.report import morning_report
from dispatch.morning.sessions import reading_time, readings_of
from dispatch.safety import Place
from dispatch.station import MeterReading
from optimiser.depot import Depot
from optimiser.history import PastVisit

SOON = timedelta(minutes=20)
"""How long after it was plugged in a vehicle may tell the SoC that it came with; meters come every quarter of an hour."""


def arrivals(depot: Depot, facts: NightFacts, *, now: datetime) -> tuple[PastVisit, ...]:
    """Who came when and how full, beside the first plan of the night; who was not seen is left out.

    The SoC is the first that was told, less what had been charged until then where the meter's register says so.
    """
    readings = readings_of(facts.events)
    return tuple(
        PastVisit(
            vehicle_id=one.first.vehicle_id,
            night=facts.plan.night,
            planned_arrival=one.first.arrival,
            arrival=one.plugged_in,
            planned_soc_percent=one.first.arrival_soc_percent,
            arrival_soc_percent=_soc_percent(depot, one, one.plugged_in, readings),
        )
        for one in morning_report(depot, facts, now=now).departures
        if one.plugged_in is not None
    )


def _soc_percent(
    depot: Depot, one: Departure, plugged_in: datetime, readings: Mapping[Place, Sequence[MeterReading]]
) -> float | None:
    first = min(one.sessions, key=lambda session: session.begin, default=None)
    if first is None:
        return None
    for reading in readings.get(first.place, ()):
        told = reading.soc_percent
        if told is not None and plugged_in <= reading_time(reading) <= plugged_in + SOON:
            vehicle = depot.vehicle(one.first.vehicle_id)
            drawn_kwh = 0.0
            if reading.energy_kwh is not None and first.meter_start_kwh is not None:
                drawn_kwh = max(0.0, reading.energy_kwh - first.meter_start_kwh)
            return max(0.0, told - 100.0 * drawn_kwh * vehicle.charge_efficiency / vehicle.battery_kwh)
    return None
