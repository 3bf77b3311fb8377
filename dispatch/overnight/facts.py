"""What a tick knows when it begins to decide, with a new plan where the old one no longer holds or serves. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dispatch.floors import floors
from dispatch.occupants import Occupant, occupants, strangers
from dispatch.overnight.base_load import believed_base_load_kw
from dispatch.overnight.burdens import Burdens
from dispatch.overnight.shares import Shares, planned_shares, taking
from dispatch.safety import Place
from dispatch.station import LiveState
from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.replan import CannotReplanError, LiveVehicle, replan

OUTDATED = "the depot's folder has changed since this plan was made: plan the night again"
"""Said to the operator; the plan is kept, for it is within tonight's limits and serves everybody as it did."""

VACANT = (None, "Available")
"""Status of a connector on which nobody stands; some chargers never tell one."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a tick knows when it begins to decide.

    ``plan`` has the limits and base load that are true now, ``stored`` those that it was made for, where they differ.
    """

    live: LiveState
    plan: Plan
    base: Plan
    there: Mapping[Place, Occupant]
    is_replanned: bool = False
    is_outdated: bool = False
    notes: tuple[str, ...] = ()
    stored: Plan | None = None


def looked(depot: Depot, night: Night, plan: Plan, base: Plan, live: LiveState) -> Facts:
    """The facts as they are before anything is planned again; ``live`` has what vehicles are reckoned to have by now.

    The plan of the facts has the limits and base load that are true now: what may be sent is judged by those.
    """
    tonight = replace(night, base_load_kw=believed_base_load_kw(depot, night, live))
    there = occupants(depot, plan, live)
    return Facts(live=live, plan=_with_limits(plan, tonight), base=base, there=there, stored=plan)


def gather(
    before: Facts,
    depot: Depot,
    night: Night,
    *,
    burdens: Burdens | None = None,
    asleep: Collection[Place] = (),
    shares: Shares | None = None,
) -> Facts:
    """The facts with a new plan, where the old one passes a limit of now or somebody would otherwise be short. Pure.

    ``burdens`` are what chargers may draw that do not obey, ``asleep`` those whose vehicles draw nothing,
    ``shares`` what vehicles were now seen to draw of what they may.
    """
    shares = shares or Shares()
    known = planned_shares(before.there) | dict(shares.of)
    plan, live = before.stored or before.plan, before.live
    burdens = _with_strangers(depot, plan, live, burdens or Burdens())
    tonight = replace(
        night,
        base_load_kw=believed_base_load_kw(depot, night, live),
        burden_kw=_by_connector(burdens.most_kw),
    )
    try:
        new = replan(
            taking(depot, known),
            tonight,
            plan,
            _vehicles(before.there, asleep),
            now=live.now,
            vacant=_vacant(depot, live),
            surely_kw=_by_connector(burdens.surely_kw),
        )
    except CannotReplanError as error:
        note = f"cannot be planned again, the plan stays as it was: {error}"
        return _outdated(_noted(before, note), night)
    if new is None:
        return _outdated(before, night)
    said = [sentence for sentence in shares.sentences if sentence not in new.warnings]
    new = _with_shares(replace(new, warnings=(*new.warnings, *said)), before.there, known)
    noted = _noted(before, *new.warnings[len(plan.warnings) :])
    return replace(
        noted, plan=new, stored=new, there=occupants(depot, new, live), is_replanned=True, is_outdated=False
    )


def _with_shares(plan: Plan, there: Mapping[Place, Occupant], shares: Mapping[str, float]) -> Plan:
    """The plan with the shares that it was made with, on the visits of now."""
    here = {
        (one.vehicle.id, one.visit.departure): shares.get(one.vehicle.id, 1.0)
        for one in there.values()
        if one.visit is not None
    }
    visits = (replace(one, taken_share=here.get((one.vehicle_id, one.departure), 1.0)) for one in plan.visits)
    return replace(plan, visits=tuple(visits))


def _noted(facts: Facts, *notes: str) -> Facts:
    return replace(facts, notes=tuple(dict.fromkeys((*facts.notes, *notes))))


def _outdated(facts: Facts, night: Night) -> Facts:
    if night.inputs_sha256 == facts.plan.inputs_sha256:
        return facts
    return replace(_noted(facts, OUTDATED), is_outdated=True)


def _with_limits(plan: Plan, night: Night) -> Plan:
    """The plan with tonight's limits and base load: it holds them, or is about to be planned again."""
    site = plan.site
    limit_kw, base_load_kw = np.array(site.limit_kw), np.array(site.base_load_kw)
    if np.array_equal(limit_kw, night.site_limit_kw) and np.array_equal(base_load_kw, night.base_load_kw):
        return plan
    if night.horizon != plan.horizon:
        return plan
    site = replace(
        site, limit_kw=tuple(night.site_limit_kw.tolist()), base_load_kw=tuple(night.base_load_kw.tolist())
    )
    return replace(plan, site=site)


def _vehicles(there: Mapping[Place, Occupant], asleep: Collection[Place]) -> list[LiveVehicle]:
    return [
        LiveVehicle(
            charger_id=place.charger_id,
            connector_id=place.connector_id,
            vehicle_id=occupant.vehicle.id,
            soc_percent=occupant.soc_percent,
            since=occupant.transaction.started_at,
            is_asleep=place in asleep,
        )
        for place, occupant in there.items()
    ]


def _by_connector(power_kw: Mapping[Place, FloatArray]) -> dict[tuple[str, int], FloatArray]:
    return {(place.charger_id, place.connector_id): kw for place, kw in power_kw.items()}


def _vacant(depot: Depot, live: LiveState) -> frozenset[tuple[str, int]]:
    """Connectors of which it is known that nobody stands there."""
    found = []
    for charger, connector in depot.connectors():
        state = live.charger(charger.id)
        plug = state.connector(connector.id)
        if state.connected_since is not None and plug.transaction is None and plug.status in VACANT:
            found.append((charger.id, connector.id))
    return frozenset(found)


def _with_strangers(depot: Depot, plan: Plan, live: LiveState, burdens: Burdens) -> Burdens:
    """The burdens, and a stranger's floor where one stands: nobody can be planned there until it leaves."""
    places = [place for place in strangers(depot, plan, live) if place not in burdens.most_kw]
    if not places:
        return burdens
    given = floors(depot) if depot.policy.unknown_vehicle == "floor" else {}
    steps = plan.horizon.steps
    taken = {place: np.full(steps, given.get(place, 0.0)) for place in places}
    return replace(burdens, most_kw={**burdens.most_kw, **taken})
