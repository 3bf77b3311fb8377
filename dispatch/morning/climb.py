"""How far the evidence of each connector has climbed in a night: planned, sent, accepted, read back, metered. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dispatch.events import Booted
from dispatch.evidence import Command, Evidence, Rung, Verdict
from dispatch.identity import Identity
from dispatch.known import identity_of, known_of
from dispatch.morning.facts import NightFacts
from dispatch.safety import Place
from dispatch.station import ChargerState, Outcome
from optimiser.depot import Charger, Depot

AUDIT_CLEARS = "removing "
"""How the evidence of an audit begins that has removed something; it is no rung of a profile of ours."""


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
    shows_what_holds = _shows_what_holds(depot, facts)
    found = []
    for charger, connector in depot.connectors():
        place = Place(charger.id, connector.id)
        own = [c for c in commands.get(charger.id, ()) if c.profile.connector_id in {0, connector.id}]
        steps = _steps(facts, own, looks.get(place, ()))
        believed = [Rung.METERED, Rung.READ_BACK] if charger.id in shows_what_holds else [Rung.METERED]
        verdicts = {steps[rung].verdict for rung in believed}
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


def _shows_what_holds(depot: Depot, facts: NightFacts) -> Collection[str]:
    """Chargers whose read-back proves something; of others only the meter does."""
    booted = {event.charger_id: event for event in facts.events if isinstance(event, Booted)}
    return {
        charger.id
        for charger in depot.chargers
        if known_of(charger, identity=_identity(charger, booted.get(charger.id))).capabilities.proof
        == "read_back"
    }


def _identity(charger: Charger, booted: Booted | None) -> Identity:
    if booted is None:
        return identity_of(charger)
    state = ChargerState(
        charger_id=charger.id, vendor=booted.vendor, model=booted.model, firmware=booted.firmware
    )
    return identity_of(charger, state)


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
    """What became of the last command of every profile."""
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
