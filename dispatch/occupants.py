"""Who stands on which connector, and which connectors need an override for who stands there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dispatch.kept import kept
from dispatch.layers import Target, with_override
from dispatch.safety import Place, Wiring
from dispatch.station import (
    ConnectorState,
    LiveState,
    MeterReading,
    StationProfile,
    Transaction,
    TransactionId,
)
from optimiser.depot import Depot, Vehicle
from optimiser.plan import Plan, wired
from optimiser.planned import PlannedVisit
from optimiser.profiles import ChargingProfile, charging_profiles

EARLIEST = timedelta(hours=1)
"""Who comes longer before a planned visit and is not known is a stranger."""
TELEMATICS_OLDEST = timedelta(minutes=30)
"""For how long telematics are believed where a vehicle stands."""


@dataclass(frozen=True, kw_only=True)
class Occupant:
    """A vehicle in a running transaction. ``visit`` is its planned one here, None where it was not expected.

    ``soc_percent`` is what the charger has told since the transaction began, None where it has not. ``is_sure``: not so
    where a tag was shown that nobody knows, and the vehicle is only the one that was to come.
    """

    place: Place
    vehicle: Vehicle
    transaction: Transaction
    visit: PlannedVisit | None = None
    soc_percent: float | None = None
    is_sure: bool = True


def occupants(depot: Depot, plan: Plan, live: LiveState) -> dict[Place, Occupant]:
    """The vehicles in running transactions, by connector; strangers are left out.

    A vehicle is told by its id tag, else by its telematics, else by the visit that is planned there: unless that one
    stands elsewhere, or somebody has come long before it.
    """
    sessions: dict[Place, ConnectorState] = {}
    for charger, connector in depot.connectors():
        state = live.charger(charger.id).connector(connector.id)
        if state.transaction is not None:
            sessions[Place(charger.id, connector.id)] = state
    told: dict[Place, Vehicle] = {}
    for place, state in sessions.items():
        assert state.transaction is not None
        vehicle = _by_tag(depot, state.transaction.id_tag) or _by_telematics(depot, live, place, state)
        if vehicle is not None:
            told[place] = vehicle
    elsewhere = {vehicle.id for vehicle in told.values()}
    found: dict[Place, Occupant] = {}
    for place, state in sessions.items():
        transaction = state.transaction
        assert transaction is not None
        visits = [visit for visit in plan.visits if (visit.charger_id, visit.connector_id) == place]
        vehicle = told.get(place)
        visit = _visit_at(visits, live.now, vehicle)
        if vehicle is None and visit is not None and visit.vehicle_id not in elsewhere:
            is_early = transaction.started_at < visit.arrival - EARLIEST
            vehicle = None if is_early else depot.vehicle(visit.vehicle_id)
        if vehicle is not None:
            found[place] = Occupant(
                place=place,
                vehicle=vehicle,
                transaction=transaction,
                visit=visit,
                soc_percent=_soc_percent(state, transaction),
                is_sure=place in told or not transaction.id_tag,
            )
    return found


def strangers(depot: Depot, plan: Plan, live: LiveState) -> list[Place]:
    """Connectors with a session of somebody whom nobody knows."""
    known = occupants(depot, plan, live)
    return [
        place
        for place in (Place(charger.id, connector.id) for charger, connector in depot.connectors())
        if place not in known and live.charger(place.charger_id).connector(place.connector_id).transaction
    ]


def with_telematics(live: LiveState, there: Mapping[Place, Occupant]) -> LiveState:
    """The live state in which each connector's meter tells the SoC that its vehicle's telematics told last.

    Most AC chargers never tell one. What was told before the session, or before the charger's own word, is not used.
    """
    told = {reading.vehicle_id: reading for reading in live.vehicles if reading.soc_percent is not None}
    chargers = []
    for charger in live.chargers:
        states = []
        for state in charger.connectors:
            occupant = there.get(Place(charger.charger_id, state.connector_id))
            reading = None if occupant is None else told.get(occupant.vehicle.id)
            if occupant is not None and reading is not None:
                own = state.meter
                since = occupant.transaction.started_at
                if own is not None and occupant.soc_percent is not None:
                    since = max(since, own.at)
                if reading.at >= since:
                    meter = MeterReading(at=reading.at, received_at=live.now, soc_percent=reading.soc_percent)
                    states.append(state.model_copy(update={"meter": meter}))
                    continue
            states.append(state)
        chargers.append(charger.model_copy(update={"connectors": tuple(states)}))
    return live.model_copy(update={"chargers": tuple(chargers)})


def wirings(depot: Depot, there: Mapping[Place, Occupant]) -> dict[Place, Wiring]:
    """How limits count on every connector, for the vehicles that are sure to stand there."""
    found: dict[Place, Wiring] = {}
    for charger, connector in depot.connectors():
        place = Place(charger.id, connector.id)
        occupant = there.get(place)
        is_known = occupant is not None and occupant.is_sure and not connector.is_dc
        found[place] = Wiring(
            place=place,
            connector=connector,
            voltage_v=depot.site.voltage_v,
            vehicle_phases=occupant.vehicle.ac_phases if occupant is not None and is_known else None,
        )
    return found


def with_overrides(
    targets: Sequence[Target],
    there: Mapping[Place, Occupant],
    installed: Mapping[Place, Sequence[StationProfile]],
    *,
    depot: Depot,
    plan: Plan,
    base: Plan,
    always: Collection[Place] = (),
) -> tuple[Target, ...]:
    """The targets, with an override for every running transaction that a re-plan concerns, and for those ``always``.

    It concerns those whose powers differ from the night's first plan, and those that have an override already:
    what it says must never be older than the plan around it.
    """
    now_planned, first_planned = (_profiles(one, depot) for one in (plan, base))
    replanned = {
        Place(one.charger_id, one.connector_id)
        for one, other in zip(now_planned, first_planned, strict=True)
        if one != other
    }

    def overridden(target: Target) -> Target:
        occupant = there.get(target.place)
        if occupant is None or occupant.visit is None:
            return target
        transaction_id = occupant.transaction.transaction_id
        has_one = any(_is_override(p, transaction_id) for p in installed.get(target.place, ()))
        if target.place not in replanned and target.place not in always and not has_one:
            return target
        return with_override(target, plan, occupant.visit, occupant.transaction)

    return tuple(overridden(target) for target in targets)


@kept(8)
def _profiles(plan: Plan, depot: Depot) -> tuple[ChargingProfile, ...]:
    return charging_profiles(wired(plan, depot))


def _by_tag(depot: Depot, id_tag: str | None) -> Vehicle | None:
    """The vehicle of an id tag; tags are compared without regard to case (OCPP 1.6 §7.28)."""
    if not id_tag:
        return None
    found = (vehicle for vehicle in depot.vehicles if vehicle.id_tag.lower() == id_tag.lower())
    return next(found, None)


def _by_telematics(depot: Depot, live: LiveState, place: Place, state: ConnectorState) -> Vehicle | None:
    """The vehicle that says of itself that it stands on a connector, since this session began."""
    begun_at = datetime.max.replace(tzinfo=UTC) if state.transaction is None else state.transaction.started_at
    since = max(begun_at, live.now - TELEMATICS_OLDEST)
    known = {vehicle.id: vehicle for vehicle in depot.vehicles}
    here = [
        reading
        for reading in live.vehicles
        if (reading.charger_id, reading.connector_id) == place
        and reading.at >= since
        and reading.vehicle_id in known
    ]
    return known[max(here, key=lambda reading: reading.at).vehicle_id] if here else None


def _visit_at(visits: Sequence[PlannedVisit], now: datetime, vehicle: Vehicle | None) -> PlannedVisit | None:
    """The planned visit of a vehicle, or of anybody where the vehicle is not known, that has begun."""
    begun = [
        visit
        for visit in visits
        if visit.arrival <= now < visit.departure and (vehicle is None or visit.vehicle_id == vehicle.id)
    ]
    return begun[-1] if begun else None


def _soc_percent(state: ConnectorState, transaction: Transaction) -> float | None:
    meter = state.meter
    return None if meter is None or meter.at < transaction.started_at else meter.soc_percent


def _is_override(profile: StationProfile, transaction_id: TransactionId) -> bool:
    return profile.transaction_id is not None and profile.transaction_id == transaction_id
