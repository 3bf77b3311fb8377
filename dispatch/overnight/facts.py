"""What a tick knows when it begins to decide, with a new plan where somebody would otherwise be short. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dispatch.occupants import Occupant, occupants
from dispatch.safety import Place
from dispatch.station import LiveState
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.replan import CannotReplanError, LiveVehicle, replan

OUTDATED = "the depot's folder has changed since this plan was made: plan the night again"
"""Said to the operator; the plan is kept, for it was within the limits and nothing better is known."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a tick knows when it begins to decide."""

    live: LiveState
    plan: Plan
    base: Plan
    there: Mapping[Place, Occupant]
    is_replanned: bool = False
    is_outdated: bool = False
    notes: tuple[str, ...] = ()


def gather(depot: Depot, night: Night, plan: Plan, base: Plan, live: LiveState) -> Facts:
    """The facts, with a new plan where somebody would otherwise be short. Pure."""
    there = occupants(depot, plan, live)
    vehicles = [
        LiveVehicle(
            charger_id=place.charger_id,
            connector_id=place.connector_id,
            vehicle_id=occupant.vehicle.id,
            soc_percent=occupant.soc_percent,
        )
        for place, occupant in there.items()
    ]
    facts = Facts(live=live, plan=plan, base=base, there=there)
    if night.inputs_sha256 != plan.inputs_sha256:
        facts = replace(facts, is_outdated=True, notes=(OUTDATED,))
    try:
        new = replan(depot, night, plan, vehicles, now=live.now)
    except CannotReplanError as error:
        note = f"cannot be planned again, the plan stays as it was: {error}"
        return replace(facts, notes=(*facts.notes, note))
    if new is None:
        return facts
    why = new.warnings[len(plan.warnings) :]
    return replace(
        facts,
        plan=new,
        there=occupants(depot, new, live),
        is_replanned=True,
        notes=(*facts.notes, *why),
    )
