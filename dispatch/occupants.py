"""Who stands on which connector, and which connectors need an override for who stands there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dispatch.layers import Target, with_override
from dispatch.safety import Place, Wiring
from dispatch.station import ConnectorState, LiveState, StationProfile, Transaction, TransactionId
from optimiser.depot import Depot, Vehicle
from optimiser.plan import Plan, PlannedVisit, wired
from optimiser.profiles import charging_profiles


@dataclass(frozen=True, kw_only=True)
class Occupant:
    """A vehicle in a running transaction. ``visit`` is its planned one here, None where it was not expected.

    ``soc_percent`` is what the charger has told since the transaction began, None where it has not.
    """

    place: Place
    vehicle: Vehicle
    transaction: Transaction
    visit: PlannedVisit | None = None
    soc_percent: float | None = None


def occupants(depot: Depot, plan: Plan, live: LiveState) -> dict[Place, Occupant]:
    """The vehicles in running transactions, by connector; strangers without a planned visit are left out."""
    found: dict[Place, Occupant] = {}
    for charger, connector in depot.connectors():
        place = Place(charger.id, connector.id)
        state = live.charger(charger.id).connector(connector.id)
        if state.transaction is None:
            continue
        visits = [visit for visit in plan.visits if (visit.charger_id, visit.connector_id) == place]
        vehicle = _by_tag(depot, state.transaction.id_tag)
        visit = _visit_at(visits, live.now, vehicle)
        if vehicle is None and visit is not None:
            vehicle = depot.vehicle(visit.vehicle_id)
        if vehicle is not None:
            found[place] = Occupant(
                place=place,
                vehicle=vehicle,
                transaction=state.transaction,
                visit=visit,
                soc_percent=_soc_percent(state, state.transaction),
            )
    return found


def wirings(depot: Depot, there: Mapping[Place, Occupant]) -> dict[Place, Wiring]:
    """How limits count on every connector, for the vehicles that are known to stand there."""
    found: dict[Place, Wiring] = {}
    for charger, connector in depot.connectors():
        place = Place(charger.id, connector.id)
        occupant = there.get(place)
        found[place] = Wiring(
            place=place,
            connector=connector,
            voltage_v=depot.site.voltage_v,
            vehicle_phases=None if occupant is None or connector.is_dc else occupant.vehicle.ac_phases,
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
    now_planned, first_planned = (charging_profiles(wired(one, depot)) for one in (plan, base))
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


def _by_tag(depot: Depot, id_tag: str | None) -> Vehicle | None:
    """The vehicle of an id tag; tags are compared without regard to case (OCPP 1.6 §7.28)."""
    if not id_tag:
        return None
    found = (vehicle for vehicle in depot.vehicles if vehicle.id_tag.lower() == id_tag.lower())
    return next(found, None)


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
