"""Brings what is wanted onto the chargers: decide, send, read back, decide again. Owns retries and their end.

What is sent is decided in :mod:`dispatch.decide`; here are the order of events, the journal and the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property, partial

from dispatch.asking import learn, recall, take_cut, take_memory, take_outcome
from dispatch.composite import effective
from dispatch.decide import Decision, Room, Write, decide, edges_of, pending
from dispatch.evidence import Evidence, Rung, Verdict
from dispatch.journal import Journal, StoreAwayError
from dispatch.layers import LayerProfile, unit_of
from dispatch.safety import Place, bottlenecks, room
from dispatch.station import (
    CompositeReply,
    LeaseLostError,
    LiveState,
    Outcome,
    Reply,
    StationProfile,
    Stations,
    StationsUnreachableError,
)
from dispatch.store.ledger import Ledger
from dispatch.together import Together
from dispatch.tracks import Track, ends_pause, notice, refresh_from_ledger, remember_refusals
from dispatch.validate import Comparison, Grade, compare
from optimiser.depot import Depot
from optimiser.plan import Plan

AT_ONCE = 128
"""Chargers that are spoken to at the same time; each of them answers one request after the other. The more there are,
the more share a transaction of the store: with 128 a push to a thousand takes three quarters of the time with 32."""
MAX_ROUNDS = 120
"""Rounds of deciding and sending in one tick. Two are the rule: lower, raise. Where plans swap power close to a
limit they make room for each other step by step: nine rounds for sixty buses on their first night. A charger that
refuses everything takes one round for each form that is tried, at most :data:`dispatch.asking.MAX_REFUSALS` a layer."""
NOT_ASKED = Comparison(
    grade=Grade.UNUSABLE, sentence="cannot be read back: its model is known to tell no schedule of use"
)
READ_BACK_BEYOND_S = 900
"""How far beyond the night a read-back looks, so that it shows the floor as well. [s]"""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a push works with. ``clock`` tells the time of whoever holds the sockets."""

    depot: Depot
    plan: Plan
    journal: Journal
    stations: Stations
    clock: Callable[[], datetime]

    @cached_property
    def together(self) -> Together:
        """How chargers that are written to at the same time share a transaction of the journal."""
        return Together(self.journal)

    @property
    def night(self) -> date:
        """The night under which everything is journalled."""
        return self.plan.night

    def ledger(self) -> Ledger:
        """What the store knows now of all chargers, with the writes of the last hour."""
        return ledger_at(self.journal, self.clock())


def ledger_at(journal: Journal, now: datetime, *, away: Collection[str] = ()) -> Ledger:
    """What the store knows of all chargers, with the writes of the hour before an instant.

    ``away``: chargers of which is asked for longer when they were last seen.
    """
    return journal.ledger(since=now - timedelta(hours=1), away=away)


async def push(around: Surroundings, tracks: Sequence[Track], live: LiveState) -> None:
    """Send what is missing until nothing is left that may be sent; every outcome ends up in the tracks.

    Raises :class:`StationsUnreachableError`; what was sent until then is in the journal.
    """
    by_place = {track.place: track for track in tracks}
    for track in tracks:
        recall(track)
    for _ in range(MAX_ROUNDS):
        notice(tracks, live)
        decision = decision_now(around, tracks)
        for track in tracks:
            track.held_back = decision.held_back.get(track.place)
        if not decision.writes:
            return
        new = [
            write for write in map(partial(_not_refused_before, by_place), decision.writes) if write.profiles
        ]
        if not new:
            continue  # what is known to be refused has made room for other forms
        await _send_all(around, by_place, new)
        touched = [by_place[write.place] for write in new]
        ledger = around.ledger()
        refresh_from_ledger(ledger, touched)
        charger_ids = {track.charger.id for track in touched}
        learn(ledger, [track for track in tracks if track.charger.id in charger_ids], live)
        for track in touched:
            remember_refusals(track, ledger, every=timedelta(minutes=around.depot.policy.tick_minutes))
            recall(track)
        taught = await read_back(around, touched)
        live = await around.stations.live()  # a round takes as long as the slowest charger lets it
        if taught:
            learn(around.ledger(), [track for track in tracks if track.charger.id in taught], live)


def _not_refused_before(tracks: Mapping[Place, Track], write: Write) -> Write:
    """What is left of a write without the profiles that a charger is known to refuse."""
    track = tracks[write.place]
    return replace(write, profiles=tuple(one for one in write.profiles if not take_memory(track, one)))


def assumed_writes(around: Surroundings, tracks: Sequence[Track]) -> list[Write]:
    """What would be sent if every connected charger shows what it has accepted and accepts what it is sent."""
    by_place = {track.place: track for track in tracks}
    writes: list[Write] = []
    for track in tracks:
        track.comparison = Comparison(grade=Grade.MATCH)
    for _ in range(MAX_ROUNDS):
        decision = decision_now(around, tracks)
        for write in decision.writes:
            track = by_place[write.place]
            sent = tuple(wanted.profile for wanted in write.profiles)
            ids = {profile.profile_id for profile in sent}
            track.held = (*(held for held in track.held if held.profile_id not in ids), *sent)
            track.doubtful = tuple(one for one in track.doubtful if one.profile_id not in ids)
        writes += decision.writes
        if not decision.writes:
            break
    return writes


def decision_now(around: Surroundings, tracks: Sequence[Track]) -> Decision:
    """What may be sent now."""
    holdings = [track.holding for track in tracks]
    now, horizon = around.clock(), around.plan.horizon
    if not any(pending(holding, now=now) for holding in holdings):
        return Decision()  # as is the rule: then nobody has to know what every connector may draw
    instants = edges_of(holdings, now=now, others=[*horizon.starts(), horizon.end])
    rooms = [
        Room(bottleneck=limit, allowed=room(limit, around.depot, around.plan, instants))
        for limit in bottlenecks(around.depot)
    ]
    return decide(holdings, rooms, instants=instants, zone=horizon.zone)


async def read_back(around: Surroundings, tracks: Sequence[Track]) -> set[str]:
    """Ask every connected charger what it will allow, compare with what it has accepted, and return who taught by that.

    One that is mute is not asked again before it has answered something: all others would wait for it.
    """
    seen: list[Evidence] = []
    taught: set[str] = set()

    async def ask(track: Track) -> None:
        if track.base.read_back == "skip":
            track.take_read_back(NOT_ASKED)
            return
        now = around.clock()
        end = around.plan.horizon.end
        seconds = max(0, round((end - now).total_seconds())) + READ_BACK_BEYOND_S
        answer = await around.stations.composite_schedule(
            track.place.charger_id,
            connector_id=track.place.connector_id,
            duration_s=seconds,
            unit=track.held[-1].unit if track.held else unit_of(track.wiring.connector, track.base),
        )
        beside = partial(_comparison, around, track, answer, start=now, seconds=seconds)
        lessons = {}
        comparison = beside(track.held)
        if comparison.grade in {Grade.HIGHER, Grade.LOWER}:  # the last of them may be a high one or a low one
            lessons = take_cut(track, beside, at=answer.reply.at)
        if lessons:
            around.journal.learn(track.known.identity, lessons, charger_id=track.charger.id, at=now)
            taught.add(track.charger.id)
        seen.extend(_judge(around, track, answer, comparison))
        if comparison.grade is Grade.HIGHER and track.ceiling and track.base.proof == "read_back":
            track.is_capped = beside(track.ceiling).grade in {Grade.MATCH, Grade.LOWER}

    asked = [t for t in tracks if t.is_connected and t.base.smart_charging and not t.is_mute]
    try:
        await _each_charger(around, asked, ask)
    finally:
        around.journal.add_evidence(*seen)
    return taught


def _comparison(
    around: Surroundings,
    track: Track,
    answer: CompositeReply,
    stack: Sequence[StationProfile],
    *,
    start: datetime,
    seconds: int,
) -> Comparison:
    """What a charger has shown beside what a stack of profiles comes to."""
    end = start + timedelta(seconds=seconds)
    expected = effective(stack, transaction_id=track.transaction_id, start=start, end=end)
    return compare(expected, answer, wiring=track.wiring, zone=around.plan.horizon.zone, habits=track.base)


def _judge(
    around: Surroundings, track: Track, answer: CompositeReply, comparison: Comparison
) -> Iterator[Evidence]:
    """Note what an answer proves; evidence there is where something was sent that can be proven."""
    track.take_read_back(comparison)
    track.is_mute = answer.reply.outcome is Outcome.NO_ANSWER
    if answer.reply.outcome is Outcome.NOT_CONNECTED:
        track.is_connected = False
    if not track.held:
        return
    finding = comparison.finding
    yield Evidence(
        night=around.night,
        at=answer.reply.at,
        charger_id=track.place.charger_id,
        connector_id=track.place.connector_id,
        rung=Rung.READ_BACK,
        verdict=finding.verdict,
        detail=finding.sentence,
        message_id=answer.reply.message_id,
    )


async def _send_all(around: Surroundings, tracks: Mapping[Place, Track], writes: Sequence[Write]) -> None:
    profiles = {write.place: write.profiles for write in writes}

    async def send(track: Track) -> None:
        for wanted in profiles[track.place]:
            reply = await _send(around, track.place, wanted)
            is_ignored = track.base.repeat_after_pause and ends_pause(
                track, wanted.profile, now=around.clock()
            )
            if is_ignored and reply.outcome is Outcome.ACCEPTED:
                reply = await _send(around, track.place, wanted)
            lessons = take_outcome(track, wanted, reply)
            around.journal.learn(
                track.known.identity, lessons, charger_id=track.place.charger_id, at=around.clock()
            )
            if reply.outcome in {Outcome.NO_ANSWER, Outcome.NOT_CONNECTED}:
                break

    await _each_charger(around, [tracks[write.place] for write in writes], send)


async def _send(around: Surroundings, place: Place, wanted: LayerProfile) -> Reply:
    command_id = await around.together.write(
        lambda journal: journal.begin_command(
            night=around.night,
            at=around.clock(),
            charger_id=place.charger_id,
            layer=wanted.layer,
            profile=wanted.profile,
        )
    )
    reply = await around.stations.set_profile(place.charger_id, wanted.profile)
    verdict = {Outcome.ACCEPTED: Verdict.CONFIRMED, Outcome.REFUSED: Verdict.CONTRADICTED}
    evidence = Evidence(
        night=around.night,
        at=reply.at,
        charger_id=place.charger_id,
        connector_id=place.connector_id,
        rung=Rung.ACCEPTED,
        verdict=verdict.get(reply.outcome, Verdict.CANNOT_TELL),
        detail=f"{wanted.layer}: {reply.reason or reply.outcome}",
        message_id=reply.message_id,
        command_id=command_id,
    )
    await around.together.write(
        lambda journal: journal.finish_command(command_id, reply, evidence=[evidence])
    )
    return reply


async def _each_charger(
    around: Surroundings, tracks: Sequence[Track], act: Callable[[Track], Awaitable[None]]
) -> None:
    """Act on every connector: chargers at the same time, the connectors of one charger in turn.

    One that wants to be left alone after it has connected is waited for.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    chargers: dict[str, list[Track]] = {}
    for track in tracks:
        chargers.setdefault(track.place.charger_id, []).append(track)

    async def in_turn(connectors: Sequence[Track]) -> None:
        quiet_until = connectors[0].quiet_until
        if quiet_until is not None:
            await asyncio.sleep(max(0.0, (quiet_until - around.clock()).total_seconds()))
        async with gate:
            for track in connectors:
                await act(track)

    await together(in_turn(connectors) for connectors in chargers.values())


async def together(tasks: Iterable[Awaitable[None]]) -> None:
    """Await all; where the stations' holder or the store is gone, or somebody else writes now, say just that."""

    async def one(task: Awaitable[None]) -> None:
        await task

    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(one(task))
    except* (StationsUnreachableError, LeaseLostError, StoreAwayError) as errors:
        first = errors.exceptions[0]
        assert not isinstance(first, ExceptionGroup), "no task here has tasks of its own in a group"
        raise type(first)(str(first)) from errors
