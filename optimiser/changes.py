"""Changes to a depot and its night that could help a vehicle: a limit, a departure, a connector, a priority, a SoC.

Each gives the depot and the night as they would be with it, as if it had been written into the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from optimiser.depot import Depot, Feeder, power_range
from optimiser.night import Night, Visit

Changed = tuple[Depot, Night]
Change = Callable[[float], Changed]

TRANSFORMER = "transformer"
PER_PHASE = " per phase"

LATER_AT_MOST = timedelta(hours=6)
"""A departure that is later still is another day."""


def more_at(depot: Depot, night: Night, limits: Sequence[str], amount: float) -> Changed:
    """So many kW more at each of the limits, all night; amperes of each phase where a name says per phase."""
    if TRANSFORMER in limits:
        limit_kw = depot.site.transformer_limit_kw + amount
        depot = replace(depot, site=replace(depot.site, transformer_limit_kw=limit_kw))
        night = replace(night, site_limit_kw=night.site_limit_kw + amount)

    def raised(feeder: Feeder) -> Feeder:
        name = f"feeder {feeder.id}"
        if name in limits and feeder.limit_kw is not None:
            feeder = replace(feeder, limit_kw=feeder.limit_kw + amount)
        if name + PER_PHASE in limits and feeder.limit_per_phase_a is not None:
            feeder = replace(feeder, limit_per_phase_a=feeder.limit_per_phase_a + amount)
        return feeder

    return replace(depot, feeders=tuple(map(raised, depot.feeders))), night


def place_of(limit: str) -> str:
    """What of the depot a limit belongs to: the phases of a feeder have one limit between them."""
    feeder, is_phase, _ = limit.partition(" phase ")
    return feeder + PER_PHASE if is_phase else limit


def with_visits(night: Night, changes: Mapping[int, Visit]) -> Night:
    """The night with some of its visits exchanged, by their row."""
    visits = tuple(changes.get(row, visit) for row, visit in enumerate(night.visits))
    return replace(night, visits=visits)


def later(night: Night, row: int, by_minutes: float) -> Night:
    """A visit that leaves so much later."""
    visit = night.visits[row]
    departure = visit.departure + timedelta(minutes=by_minutes)
    return with_visits(night, {row: replace(visit, departure=departure)})


def started_earlier(night: Night, row: int, by_minutes: float) -> Night:
    """A visit that may be charged so much earlier than its rule says."""
    visit = night.visits[row]
    assert visit.earliest_start is not None, "only what is put off can be earlier"
    start = visit.earliest_start - timedelta(minutes=by_minutes)
    return with_visits(night, {row: replace(visit, earliest_start=start)})


def latest_departure(night: Night, row: int) -> datetime:
    """Until when a visit could stay: the next visit of its connector, the horizon's end, or six hours more."""
    visit = night.visits[row]
    coming = [
        other.arrival
        for other in night.visits
        if other is not visit
        and (_at(other) == _at(visit) or other.vehicle_id == visit.vehicle_id)
        and other.arrival >= visit.departure
    ]
    return min([*coming, night.horizon.end, visit.departure + LATER_AT_MOST])


def better_connectors(depot: Depot, night: Night, row: int) -> Iterator[Visit]:
    """The visit at other connectors that are free all along: more power or another cable, least power first.

    Of those that are alike the first.
    """
    visit = night.visits[row]
    vehicle = depot.vehicle(visit.vehicle_id)
    taken = {
        _at(other)
        for other in night.visits
        if other is not visit and other.arrival < visit.departure and visit.arrival < other.departure
    }

    def kind(charger_id: str, connector_id: int) -> tuple[float, tuple[str, ...], tuple[str, ...]]:
        connector = depot.connector(charger_id, connector_id)
        reach = power_range(connector, vehicle, voltage_v=depot.site.voltage_v)
        return reach.max_kw, depot.feeder_path(depot.charger(charger_id)), connector.phase_map

    known = {kind(*_at(visit))}
    offered = []
    for charger, connector in depot.connectors():
        place = (charger.id, connector.id)
        alike = kind(*place)
        if place not in taken and alike not in known and alike[0] > 0:
            known.add(alike)
            offered.append((alike[0], place))
    for _, (charger_id, connector_id) in sorted(offered):
        yield replace(visit, charger_id=charger_id, connector_id=connector_id)


def _at(visit: Visit) -> tuple[str, int]:
    return visit.charger_id, visit.connector_id
