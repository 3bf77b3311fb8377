"""Nights as they may come: arrivals and states of charge drawn from what the visits say of their spread."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cache
from statistics import NormalDist

import numpy as np

from optimiser.horizon import FloatArray
from optimiser.night import Night, Visit

AS_WRITTEN = 0
"""The seed of the night as it is written; draws count from 1."""


class Stream(IntEnum):
    """What nights are drawn for: to plan for, to choose what is covered, to measure the plan, for what-ifs.

    Each has its own: a plan is never measured on nights that had a part in making it.
    """

    WHAT_IF = 0
    PLANNED_FOR = 1
    TRIED_ON = 2
    FRESH = 3


@dataclass(frozen=True, kw_only=True)
class Draws:
    """So many draws of a night, in columns: arrivals after the start of its horizon and states of charge, (V, N)."""

    arrival_s: FloatArray
    soc_percent: FloatArray


@cache
def _evenly(count: int) -> FloatArray:
    """Standard normal values of which the k-th is not exceeded with a probability of k / count; the last by half of one."""
    shares = [*(number / count for number in range(1, count)), 1.0 - 0.5 / count]
    return np.array([NormalDist().inv_cdf(share) for share in shares])


def is_uncertain(visit: Visit) -> bool:
    """Whether the arrival of a visit has a spread."""
    return visit.arrival_sd_minutes > 0 or visit.arrival_soc_sd_percent > 0


def certain(visit: Visit) -> Visit:
    """The visit as one whose arrival is known."""
    return replace(visit, arrival_sd_minutes=0.0, arrival_soc_sd_percent=0.0)


def has_spread(night: Night) -> bool:
    """Whether any arrival is uncertain."""
    return any(is_uncertain(visit) for visit in night.visits)


def draws(night: Night, count: int, *, stream: Stream) -> Draws:
    """Draws of a night: arrivals to the minute and states of charge, normal around what is written.

    What a visit draws depends on stream, date, vehicle and the number of the draw alone, so that two sites are
    compared on the same nights. Nobody arrives before the one before has left, or later than a minute before
    departure or the night's end. Nights to plan for are spread evenly over what may come, and paired at random, with
    the late and the empty ones exact (Latin hypercube sampling: McKay, Beckman and Conover, Technometrics 1979): a
    hundred of them then say as much of the rare ones as thousands that are drawn freely.
    """
    arrival_s = np.zeros((len(night.visits), count))
    soc_percent = np.zeros((len(night.visits), count))
    seen: Counter[str] = Counter()
    free_from: dict[object, datetime] = {}
    rows = sorted(
        range(len(night.visits)), key=lambda row: (night.visits[row].arrival, night.visits[row].vehicle_id)
    )
    for row in rows:
        visit = night.visits[row]
        places = (visit.vehicle_id, (visit.charger_id, visit.connector_id))
        earliest = max((free_from[place] for place in places if place in free_from), default=None)
        identity = [
            stream,
            night.date.toordinal(),
            zlib.crc32(visit.vehicle_id.encode()),
            seen[visit.vehicle_id],
        ]
        arrival_s[row], soc_percent[row] = _drawn(visit, night, count, identity=identity, earliest=earliest)
        seen[visit.vehicle_id] += 1
        free_from.update(dict.fromkeys(places, visit.departure))
    return Draws(arrival_s=arrival_s, soc_percent=soc_percent)


def drawn(night: Night, seed: int) -> Night:
    """One night of that kind, of which all is known: the draw of that number for what-ifs."""
    if seed == AS_WRITTEN:
        return night
    found = draws(night, seed, stream=Stream.WHAT_IF)
    last = zip(found.arrival_s[:, -1].tolist(), found.soc_percent[:, -1].tolist(), strict=True)
    visits = [
        replace(
            certain(visit),
            arrival=night.horizon.start + timedelta(seconds=arrival_s),
            arrival_soc_percent=soc_percent,
        )
        if is_uncertain(visit)
        else visit
        for visit, (arrival_s, soc_percent) in zip(night.visits, last, strict=True)
    ]
    return replace(night, visits=tuple(visits))


def _drawn(
    visit: Visit, night: Night, count: int, *, identity: list[int], earliest: datetime | None
) -> tuple[FloatArray, FloatArray]:
    start = night.horizon.start
    arrival_s = np.full(count, (visit.arrival - start).total_seconds())
    soc_percent = np.full(count, visit.arrival_soc_percent)
    if not is_uncertain(visit):
        return arrival_s, soc_percent
    random = np.random.default_rng(identity)
    if identity[0] == Stream.PLANNED_FOR:
        late_sd, fuller_sd = random.permutation(_evenly(count)), -random.permutation(_evenly(count))
    else:
        late_sd, fuller_sd = random.standard_normal((count, 2)).T
    if visit.arrival_sd_minutes:
        arrival_s += 60.0 * np.rint(late_sd * visit.arrival_sd_minutes)
        if earliest is not None:
            arrival_s = np.maximum(arrival_s, (earliest - start).total_seconds())
        latest = min(visit.departure, night.horizon.end) - timedelta(minutes=1)
        arrival_s = np.minimum(arrival_s, (latest - start).total_seconds())
    if visit.arrival_soc_sd_percent:
        soc_percent = np.clip(soc_percent + fuller_sd * visit.arrival_soc_sd_percent, 0.0, 100.0)
    return arrival_s, soc_percent
