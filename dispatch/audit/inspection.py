"""Looks at every charger for an audit, and removes what may be removed. Owns the order of requests and their end.

What is found is decided in :mod:`dispatch.audit.findings`, what may be removed in :mod:`dispatch.audit.clearing`. Nothing is ever
installed here; every request that changes something is journalled before it is sent and when it is answered.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dispatch.audit.clearing import Clearing, changes, clearable, counted, edges, obstacle
from dispatch.audit.facts import ChargerFacts, Found, Kind, Look
from dispatch.audit.findings import audit
from dispatch.composite import effective
from dispatch.decide import Room, edges_of, exposures
from dispatch.evidence import Evidence, Rung, Verdict
from dispatch.journal import Journal
from dispatch.layers import unit_of
from dispatch.occupants import occupants
from dispatch.overnight.facts import Facts
from dispatch.overnight.tick import surroundings, tracks_of
from dispatch.push import AT_ONCE, NOT_ASKED, READ_BACK_BEYOND_S, Surroundings, together
from dispatch.safety import Place, bottlenecks, room
from dispatch.station import CompositeReply, LiveState, Outcome, Reply, Stations
from dispatch.tracks import Track
from dispatch.validate import compare
from optimiser.depot import Depot
from optimiser.plan import Plan

MAX_CLEARS = 12
"""Requests to remove something that are sent to a connector in one run: every stack level that chargers are known
to have, a session's profiles and the station's maximum, and then it has to end."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of removing something. ``obstacle``: why it was not even sent, then there is no reply."""

    clearing: Clearing
    reply: Reply | None = None
    obstacle: str = ""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What an audit has found, after whatever was removed."""

    plan: Plan
    at: datetime
    chargers: tuple[ChargerFacts, ...]
    found: tuple[Found, ...]
    attempts: tuple[Attempt, ...] = ()

    @property
    def is_reachable(self) -> bool:
        """Whether any charger is connected."""
        return any(charger.is_connected for charger in self.chargers)

    @property
    def is_as_planned(self) -> bool:
        """Whether everything is as it should be."""
        return all(one.kind is Kind.AS_PLANNED for one in self.found)

    @property
    def was_refused(self) -> bool:
        """Whether something was left because a limit could break."""
        return any(attempt.obstacle for attempt in self.attempts)


async def inspect_depot(
    depot: Depot,
    plan: Plan,
    *,
    journal: Journal,
    stations: Stations,
    clear_foreign: bool,
    among: Collection[str] | None = None,
) -> Inspection:
    """Look at every charger, remove what is foreign or stale if that is wanted, and look again.

    With ``among`` only these chargers are looked at, and nothing may be removed: the others would not be counted.

    Raises :class:`dispatch.station.StationsUnreachableError`; what was sent before is in the journal.
    """
    assert among is None or not clear_foreign
    live = await stations.live()
    base = journal.base_plan(plan.night) or plan
    known = Facts(live=live, plan=plan, base=base, there=occupants(depot, plan, live))
    around = surroundings(depot, known, journal=journal, stations=stations)
    tracks: dict[str, list[Track]] = {}
    for track in tracks_of(around, known, around.ledger()):
        if among is None or track.place.charger_id in among:
            tracks.setdefault(track.place.charger_id, []).append(track)
    chargers: dict[str, ChargerFacts] = {}
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(charger_id: str) -> None:
        async with gate:
            chargers[charger_id] = await _look(around, tracks[charger_id], live)

    await together(look(charger_id) for charger_id in tracks)
    attempts: list[Attempt] = []
    if clear_foreign:
        for (
            charger_id
        ) in tracks:  # one after the other: what one is given, the next must not take for granted
            attempts += await _clear(around, charger_id, tracks, chargers)
    facts = tuple(chargers[charger_id] for charger_id in tracks)
    return Inspection(
        plan=plan,
        at=around.clock(),
        chargers=facts,
        found=tuple(found for one in facts for found in audit(one)),
        attempts=tuple(attempts),
    )


async def _look(
    around: Surroundings, tracks: Sequence[Track], live: LiveState, *, removed_at: datetime | None = None
) -> ChargerFacts:
    """One charger: its list, then what each connector shows. What is shown is noted in the tracks, too.

    A meter reading from before something was removed is no witness of what is left.
    """
    charger_id = tracks[0].place.charger_id
    is_connected = tracks[0].is_connected
    quiet_until = tracks[0].quiet_until
    if quiet_until is not None:
        await asyncio.sleep(max(0.0, (quiet_until - around.clock()).total_seconds()))
    installed = await around.stations.installed_profiles(charger_id) if is_connected else None
    at = around.clock()
    span = timedelta(seconds=max(0.0, (around.plan.horizon.end - at).total_seconds()) + READ_BACK_BEYOND_S)
    until = at + timedelta(seconds=round(span.total_seconds()))
    looks = [
        await _look_at(around, track, live, at=at, until=until, removed_at=removed_at) for track in tracks
    ]
    facts = ChargerFacts(
        charger_id=charger_id,
        at=at,
        zone=around.plan.horizon.zone,
        is_connected=all(track.is_connected for track in tracks),
        installed=installed,
        looks=tuple(looks),
        commands=tuple(command for _, command in around.journal.installed(charger_id)),
    )
    if all(one.kind is not Kind.FOREIGN or one.layer is None for one in audit(facts)):
        return facts
    # What is under an id of ours may have been sent long ago; only then is all that was ever sent looked through.
    return replace(facts, commands=tuple(around.journal.commands(charger_id=charger_id)))


async def _look_at(
    around: Surroundings,
    track: Track,
    live: LiveState,
    *,
    at: datetime,
    until: datetime,
    removed_at: datetime | None,
) -> Look:
    state = live.charger(track.place.charger_id).connector(track.place.connector_id)
    answer = None
    if track.is_connected and track.base.smart_charging and track.base.read_back == "ask":
        answer = await around.stations.composite_schedule(
            track.place.charger_id,
            connector_id=track.place.connector_id,
            duration_s=round((until - at).total_seconds()),
            unit=track.held[-1].unit if track.held else unit_of(track.wiring.connector, track.base),
        )
        if answer.reply.outcome is Outcome.NOT_CONNECTED:
            track.is_connected = False
    _judge(around, track, answer, at=at, until=until)
    settle_s = max(around.depot.policy.settle_s, track.base.settle_s)
    reading = state.meter
    if reading is not None and removed_at is not None:
        reading = reading if reading.at - timedelta(seconds=settle_s) >= removed_at else None
    return Look(
        wiring=track.wiring,
        habits=track.base,
        wanted=track.wanted if track.base.smart_charging else (),
        held=track.held,
        doubtful=track.doubtful,
        held_since=track.held_since,
        transaction_id=track.transaction_id,
        read_back=answer,
        until=until,
        planned_at=around.plan.created_at,
        tells_highest_level=track.known.is_settled("max_stack_level"),
        reading=reading,
        settle_s=settle_s,
    )


def _judge(
    around: Surroundings, track: Track, answer: CompositeReply | None, *, at: datetime, until: datetime
) -> None:
    """Note what a read-back proves, as every tick does."""
    if answer is None:
        track.take_read_back(NOT_ASKED)
        return
    expected = effective(track.held, transaction_id=track.transaction_id, start=at, end=until)
    zone = around.plan.horizon.zone
    comparison = compare(expected, answer, wiring=track.wiring, zone=zone, habits=track.base)
    track.take_read_back(comparison)
    if track.held:
        finding = comparison.finding
        detail = f"audit: {finding.sentence}" if finding.sentence else "audit"
        _note(around, track.place, Rung.READ_BACK, verdict=finding.verdict, detail=detail, reply=answer.reply)


async def _clear(
    around: Surroundings,
    charger_id: str,
    tracks: Mapping[str, Sequence[Track]],
    chargers: dict[str, ChargerFacts],
) -> list[Attempt]:
    """Remove what may be removed from a charger, one request at a time, looking again after each."""
    attempts: list[Attempt] = []
    tried: set[Clearing] = set()
    sent: Counter[Place] = Counter()
    while chargers[charger_id].is_connected:
        facts = chargers[charger_id]
        open_ones = [
            clearing
            for clearing in clearable(facts, audit(facts))
            if clearing not in tried and sent[clearing.place] < MAX_CLEARS
        ]
        obstacles = _obstacles(around, facts, open_ones, tracks, chargers.values())
        allowed = next((clearing for clearing in open_ones if not obstacles[clearing]), None)
        if allowed is None:
            # Of all filters for what nobody has seen, one is enough to say why.
            left = {(one.place, one.profile_id): one for one in reversed(open_ones)}
            return attempts + [Attempt(clearing=one, obstacle=obstacles[one]) for one in left.values()]
        tried.add(allowed)
        sent[allowed.place] += 1
        reply = await _send(around, allowed)
        attempts.append(Attempt(clearing=allowed, reply=reply))
        if reply.outcome in {Outcome.NO_ANSWER, Outcome.NOT_CONNECTED}:
            return attempts
        removed_at = around.clock()
        live = await around.stations.live()
        chargers[charger_id] = await _look(around, tracks[charger_id], live, removed_at=removed_at)
    return attempts


def _obstacles(
    around: Surroundings,
    facts: ChargerFacts,
    clearings: Sequence[Clearing],
    tracks: Mapping[str, Sequence[Track]],
    chargers: Collection[ChargerFacts],
) -> dict[Clearing, str]:
    """Why each of them must not be sent now, empty where it may."""
    if not clearings:
        return {}
    holdings = [track.holding for of_charger in tracks.values() for track in of_charger]
    horizon = around.plan.horizon
    others = [*horizon.starts(), horizon.end, *(edge for one in chargers for edge in edges(one))]
    instants = edges_of(holdings, now=around.clock(), others=others)
    rooms = [
        Room(bottleneck=limit, allowed=room(limit, around.depot, around.plan, instants))
        for limit in bottlenecks(around.depot)
    ]
    worst = counted(exposures(holdings, instants), chargers, instants)
    return {
        clearing: obstacle(
            changes(facts, clearing, instants), worst, rooms, instants=instants, zone=horizon.zone
        )
        for clearing in clearings
    }


async def _send(around: Surroundings, clearing: Clearing) -> Reply:
    _note(around, clearing.place, Rung.SENT, verdict=Verdict.CANNOT_TELL, detail=f"removing {clearing}")
    charger_id = clearing.place.charger_id
    if clearing.wanted is not None:
        reply = await around.stations.clear_profiles(charger_id, clearing.wanted)
    else:
        assert clearing.profile_id is not None
        reply = await around.stations.clear_profile(charger_id, clearing.profile_id)
    verdicts = {Outcome.ACCEPTED: Verdict.CONFIRMED, Outcome.REFUSED: Verdict.CONTRADICTED}
    verdict = verdicts.get(reply.outcome, Verdict.CANNOT_TELL)
    words = f"removing {clearing}: {reply.reason or reply.outcome}"
    _note(around, clearing.place, Rung.ACCEPTED, verdict=verdict, detail=words, reply=reply)
    return reply


def _note(
    around: Surroundings,
    place: Place,
    rung: Rung,
    *,
    verdict: Verdict,
    detail: str,
    reply: Reply | None = None,
) -> None:
    around.journal.add_evidence(
        Evidence(
            night=around.night,
            at=around.clock() if reply is None else reply.at,
            charger_id=place.charger_id,
            connector_id=place.connector_id,
            rung=rung,
            verdict=verdict,
            detail=detail,
            message_id=None if reply is None else reply.message_id,
        )
    )
