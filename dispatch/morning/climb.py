"""How far the evidence of each connector has climbed in a night: planned, sent, accepted, read back, metered. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dispatch.evidence import Command, Evidence, Layer, Rung, Verdict
from dispatch.morning.facts import NightFacts
from dispatch.morning.proof import AUDIT_CLEARS, believed_rungs
from dispatch.safety import Place
from dispatch.station import Outcome
from optimiser.depot import Depot


@dataclass(frozen=True, kw_only=True)
class Step:
    """One rung of one connector: None is not reached, or nothing to be known. ``detail`` says why, where it does."""

    rung: Rung
    verdict: Verdict | None
    at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Climb:
    """One connector's rungs as they stood at the end, who was planned there, and whether it is proven."""

    place: Place
    vehicle_ids: tuple[str, ...]
    steps: Mapping[Rung, Step]
    is_proven: bool


def climbs(depot: Depot, facts: NightFacts) -> tuple[Climb, ...]:
    """Every connector of the depot, in its order."""
    commands: dict[str, list[Command]] = {}
    for command in (*facts.held_before, *facts.commands):
        commands.setdefault(command.charger_id, []).append(command)
    looks: dict[Place, list[Evidence]] = {}
    for look in facts.evidence:
        looks.setdefault(Place(look.charger_id, look.connector_id), []).append(look)
    vehicles: dict[Place, list[str]] = {}
    for visit in facts.plan.visits:
        vehicles.setdefault(Place(visit.charger_id, visit.connector_id), []).append(visit.vehicle_id)
    believed = believed_rungs(depot, facts)
    found = []
    for charger, connector in depot.connectors():
        place = Place(charger.id, connector.id)
        own = [c for c in commands.get(charger.id, ()) if c.profile.connector_id in {0, connector.id}]
        steps = _steps(facts, own, looks.get(place, ()))
        verdicts = {steps[rung].verdict for rung in believed[charger.id]}
        is_settled = steps[Rung.ACCEPTED].verdict is Verdict.CONFIRMED
        found.append(
            Climb(
                place=place,
                vehicle_ids=tuple(vehicles.get(place, ())),
                steps=steps,
                is_proven=is_settled
                and Verdict.CONFIRMED in verdicts
                and Verdict.CONTRADICTED not in verdicts,
            )
        )
    return tuple(found)


def _steps(facts: NightFacts, commands: Sequence[Command], looks: Iterable[Evidence]) -> dict[Rung, Step]:
    last = list({command.profile.profile_id: command for command in commands}.values())
    sent_at = max((command.at for command in last), default=None)
    shown = [look for look in looks if not look.detail.startswith(AUDIT_CLEARS)]
    accepted = _accepted(last)
    return {
        Rung.PLANNED: Step(rung=Rung.PLANNED, verdict=Verdict.CONFIRMED, at=facts.plan.created_at),
        Rung.SENT: Step(rung=Rung.SENT, verdict=Verdict.CONFIRMED if last else None, at=sent_at),
        Rung.ACCEPTED: accepted,
        Rung.READ_BACK: _read_back(shown, since=accepted.at),
        Rung.METERED: _metered(shown),
    }


def _accepted(last: Sequence[Command]) -> Step:
    """What became of the last command of every profile; a ceiling is one more net, and may be refused."""
    last = [one for one in last if one.layer is not Layer.CEILING or one.outcome is Outcome.ACCEPTED]
    if not last:
        return Step(rung=Rung.ACCEPTED, verdict=None)
    refused = [command for command in last if command.outcome is Outcome.REFUSED]
    unknown = [command for command in last if command.outcome not in {Outcome.REFUSED, Outcome.ACCEPTED}]
    for verdict, commands in ((Verdict.CONTRADICTED, refused), (Verdict.CANNOT_TELL, unknown)):
        if commands:
            worst = commands[-1]
            why = worst.reason or ("no answer is known" if worst.outcome is None else str(worst.outcome))
            return Step(
                rung=Rung.ACCEPTED,
                verdict=verdict,
                at=worst.answered_at or worst.at,
                detail=f"{worst.layer}: {why}",
            )
    at = max(command.answered_at or command.at for command in last)
    return Step(rung=Rung.ACCEPTED, verdict=Verdict.CONFIRMED, at=at)


def _read_back(looks: Sequence[Evidence], *, since: datetime | None) -> Step:
    """The last look: one from before the last profile was accepted proves nothing of it."""
    shown = [look for look in looks if look.rung is Rung.READ_BACK]
    if not shown:
        return Step(rung=Rung.READ_BACK, verdict=None)
    last = shown[-1]
    if since is not None and last.at < since:
        detail = "not read back since the last profile was accepted"
        return Step(rung=Rung.READ_BACK, verdict=Verdict.CANNOT_TELL, at=last.at, detail=detail)
    return Step(rung=Rung.READ_BACK, verdict=last.verdict, at=last.at, detail=last.detail)


def _metered(looks: Sequence[Evidence]) -> Step:
    """The last look that told anything."""
    shown = [look for look in looks if look.rung is Rung.METERED]
    if not shown:
        return Step(rung=Rung.METERED, verdict=None)
    telling = [look for look in shown if look.verdict is not Verdict.CANNOT_TELL]
    last = (telling or shown)[-1]
    return Step(rung=Rung.METERED, verdict=last.verdict, at=last.at, detail=last.detail)
