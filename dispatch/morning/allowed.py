"""What every connector was allowed, minute by minute: the profiles that it had accepted, as they follow each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np

from dispatch.composite import effective
from dispatch.evidence import Command
from dispatch.morning.facts import NightFacts
from dispatch.morning.meters import Minutes
from dispatch.morning.sessions import Session, by_place
from dispatch.safety import Place, Wiring
from dispatch.station import Outcome, StationProfile
from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan


def allowed_kw(
    depot: Depot, facts: NightFacts, sessions: Sequence[Session], minutes: Minutes
) -> dict[Place, FloatArray]:
    """The most that each connector may draw under what it has accepted, each minute's mean; full power before. [kW]

    Believes that a charger keeps what it has accepted: what it really drew is for its meter to say.
    """
    accepted = [
        command
        for command in (*facts.held_before, *facts.commands)
        if command.outcome is Outcome.ACCEPTED and command.answered_at is not None
    ]
    accepted.sort(key=lambda command: command.answered_at or command.at)
    there = by_place(sessions)
    of_charger: dict[str, list[Command]] = {}
    for command in accepted:
        of_charger.setdefault(command.charger_id, []).append(command)
    result: dict[Place, FloatArray] = {}
    for charger, connector in depot.connectors():
        place = Place(charger.id, connector.id)
        wiring = Wiring(place=place, connector=connector, voltage_v=depot.site.voltage_v)
        own = [c for c in of_charger.get(charger.id, ()) if c.profile.connector_id in {0, connector.id}]
        result[place] = _connector_kw(
            wiring, own, there.get(place, ()), depot=depot, plan=facts.plan, minutes=minutes
        )
    return result


def _connector_kw(
    wiring: Wiring,
    accepted: Sequence[Command],
    sessions: Sequence[Session],
    *,
    depot: Depot,
    plan: Plan,
    minutes: Minutes,
) -> FloatArray:
    ends_s, energies = [0.0], [0.0]
    changes = [command.answered_at for command in accepted if command.answered_at is not None]
    changes += [edge for session in sessions for edge in (session.begin, session.until) if edge is not None]
    edges = sorted({minutes.start, minutes.end, *(at for at in changes if minutes.start < at < minutes.end)})
    for start, end in pairwise(edges):
        session = next((s for s in sessions if s.overlap_s(start, end) > 0.0), None)
        vehicle_phases = _phases(session, wiring, depot, plan, at=start)
        known = Wiring(
            place=wiring.place,
            connector=wiring.connector,
            voltage_v=wiring.voltage_v,
            vehicle_phases=vehicle_phases,
        )
        held = _held(accepted, start)
        transaction_id = None if session is None else session.transaction_id
        for segment in effective(held, transaction_id=transaction_id, start=start, end=end):
            last_s = ((segment.end or end) - minutes.start).total_seconds()
            energies.append(energies[-1] + known.draw(segment.limit).kw * (last_s - ends_s[-1]))
            ends_s.append(last_s)
    return np.diff(np.interp(minutes.edges(), ends_s, energies)) / 60.0


def _held(accepted: Sequence[Command], instant: datetime) -> tuple[StationProfile, ...]:
    """The last of every profile id that was accepted by an instant."""
    held: dict[int, StationProfile] = {}
    for command in accepted:
        if command.answered_at is not None and command.answered_at <= instant:
            held[command.profile.profile_id] = command.profile
    return tuple(held.values())


def _phases(session: Session | None, wiring: Wiring, depot: Depot, plan: Plan, *, at: datetime) -> int | None:
    """Phases of the vehicle that is known to be there; None where none is, or on DC."""
    if session is None or wiring.connector.is_dc:
        return None
    vehicle_id = session.vehicle_id
    if vehicle_id is None:
        planned = (
            visit.vehicle_id
            for visit in plan.visits
            if Place(visit.charger_id, visit.connector_id) == wiring.place
            and visit.arrival <= at < visit.departure
        )
        vehicle_id = next(planned, None)
    known = {vehicle.id: vehicle.ac_phases for vehicle in depot.vehicles}
    return known.get(vehicle_id or "")
