"""Nights as they may come: arrivals and states of charge drawn from what the visits say of their spread."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from optimiser.night import Night, Visit

AS_WRITTEN = 0
"""The seed of the night as it is written; draws count from 1."""


def has_spread(night: Night) -> bool:
    """Whether any arrival is uncertain."""
    return any(visit.arrival_sd_minutes or visit.arrival_soc_sd_percent for visit in night.visits)


def drawn(night: Night, seed: int) -> Night:
    """One night of that kind: arrivals to the minute and states of charge, normal around what is written.

    What a visit draws depends on the seed, the date and the vehicle alone, so that two sites are compared on the
    same nights. Nobody arrives before the one before has left, or later than a minute before departure or the
    night's end.
    """
    if seed == AS_WRITTEN:
        return night
    seen: Counter[str] = Counter()
    free_from: dict[object, datetime] = {}
    visits: dict[Visit, Visit] = {}
    for visit in sorted(night.visits, key=lambda visit: (visit.arrival, visit.vehicle_id)):
        number = seen[visit.vehicle_id]
        seen[visit.vehicle_id] += 1
        identity = [seed, night.date.toordinal(), zlib.crc32(visit.vehicle_id.encode()), number]
        places = (visit.vehicle_id, (visit.charger_id, visit.connector_id))
        earliest = max((free_from[place] for place in places if place in free_from), default=None)
        visits[visit] = _drawn(visit, night, np.random.default_rng(identity), earliest)
        free_from.update(dict.fromkeys(places, visit.departure))
    return replace(night, visits=tuple(visits[visit] for visit in night.visits))


def _drawn(visit: Visit, night: Night, random: np.random.Generator, earliest: datetime | None) -> Visit:
    late_minutes, fuller_percent = random.standard_normal(2).tolist()
    arrival = visit.arrival + timedelta(minutes=round(late_minutes * visit.arrival_sd_minutes))
    if earliest is not None:
        arrival = max(arrival, earliest)
    latest = min(visit.departure, night.horizon.end) - timedelta(minutes=1)
    soc_percent = visit.arrival_soc_percent + fuller_percent * visit.arrival_soc_sd_percent
    if visit.arrival_sd_minutes:
        visit = replace(visit, arrival=min(arrival, latest))
    if visit.arrival_soc_sd_percent:
        visit = replace(visit, arrival_soc_percent=min(100.0, max(0.0, soc_percent)))
    return visit
