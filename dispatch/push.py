"""Brings what is wanted onto the chargers: decide, send, read back, decide again. Owns retries and their end.

What is sent is decided in :mod:`dispatch.decide`; here are the order of events, the journal and the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from dispatch.charger import Capabilities, capabilities_of, learned_capabilities
from dispatch.composite import effective, equivalent
from dispatch.decide import Decision, HeldBack, Holding, Room, Write, decide, edges_of
from dispatch.evidence import Command, Evidence, Layer, Rung, Verdict
from dispatch.journal import Journal
from dispatch.layers import LayerProfile, Target, layer_profiles, unit_of
from dispatch.safety import Place, Wiring, bottlenecks, room
from dispatch.station import (
    ChargerState,
    CompositeReply,
    LiveState,
    Outcome,
    Reply,
    StationProfile,
    Stations,
    StationsUnreachableError,
    TransactionId,
)
from dispatch.validate import Comparison, Grade, compare
from optimiser.depot import Charger, Depot
from optimiser.plan import Plan

AT_ONCE = 32
"""Chargers that are spoken to at the same time; each of them answers one request after the other."""
MAX_ROUNDS = 12
"""Rounds of deciding and sending in one tick: lower, raise, and a few more for refusals and want of room."""
MAX_TRIES = 2
"""How often a profile is sent to a charger that does not answer."""
FEWEST_PERIODS = 5
"""Below this many periods it is not the number of them that a charger refuses."""
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

    @property
    def night(self) -> date:
        """The night under which everything is journalled."""
        return self.plan.night


@dataclass(kw_only=True)
class Track:
    """One connector in the course of a push."""

    target: Target
    charger: Charger
    wiring: Wiring
    base: Capabilities
    is_connected: bool
    transaction_id: TransactionId | None
    held: tuple[StationProfile, ...] = ()
    doubtful: tuple[StationProfile, ...] = ()
    held_since: datetime | None = None
    comparison: Comparison | None = None
    is_overdrawn: bool = False
    capabilities: dict[Layer, Capabilities] = field(default_factory=dict)
    tries: dict[Layer, int] = field(default_factory=dict)
    failures: dict[Layer, Reply] = field(default_factory=dict)
    rewritten: set[Layer] = field(default_factory=set)
    sent: list[tuple[Layer, Reply]] = field(default_factory=list)
    held_back: HeldBack | None = None

    @property
    def place(self) -> Place:
        """The connector."""
        return self.target.place

    @property
    def is_degraded(self) -> bool:
        """Whether one profile has to be floor and plan at once."""
        return self.base.is_degraded(len(self.charger.connectors))

    @property
    def wanted(self) -> tuple[LayerProfile, ...]:
        """What it should hold, in words that the charger has not refused yet."""
        words = {layer: self.capabilities.get(layer, self.base) for layer in Layer}
        return layer_profiles(self.target, words, is_degraded=self.is_degraded)

    @property
    def is_proven(self) -> bool:
        """Whether a read-back has shown that no more is in force than what it has accepted."""
        is_shown = self.comparison is not None and self.comparison.grade in {Grade.MATCH, Grade.LOWER}
        return self.is_connected and is_shown and not self.is_overdrawn

    @property
    def holding(self) -> Holding:
        """What decisions are made from."""
        is_contradicted = self.comparison is not None and self.comparison.grade is Grade.HIGHER
        return Holding(
            wiring=self.wiring,
            held=self.held,
            doubtful=self.doubtful,
            is_proven=self.is_proven,
            transaction_id=self.transaction_id,
            wanted=self.wanted,
            open_layers=frozenset(set(Layer) - set(self.failures)) if self.is_connected else frozenset(),
            rewrite=frozenset(set(Layer) - self.rewritten) if is_contradicted else frozenset(),
            max_periods=self.base.max_periods,
            step_a=self.base.limit_step_a,
        )

    def missing(self, now: datetime) -> tuple[LayerProfile, ...]:
        """What is wanted and was not accepted."""
        return tuple(
            wanted
            for wanted in self.wanted
            if not any(equivalent(held, wanted.profile, since=now) for held in self.held)
        )


def begin_tracks(
    around: Surroundings, targets: Sequence[Target], live: LiveState, wirings: Mapping[Place, Wiring]
) -> list[Track]:
    """Every connector as the ledger and the live state have it."""
    tracks = []
    for target in targets:
        charger = around.depot.charger(target.place.charger_id)
        state = live.charger(charger.id)
        transaction = state.connector(target.place.connector_id).transaction
        track = Track(
            target=target,
            charger=charger,
            wiring=wirings[target.place],
            base=_capabilities(around.journal, charger, state),
            is_connected=state.connected_since is not None,
            transaction_id=None if transaction is None else transaction.transaction_id,
        )
        refresh_from_ledger(around.journal, [track])
        tracks.append(track)
    return tracks


def refresh_from_ledger(journal: Journal, tracks: Iterable[Track]) -> None:
    """Bring what was accepted, and what may have been, up to the journal."""
    for track in tracks:
        connector_id = track.place.connector_id
        accepted = [
            (profile, command)
            for profile, command in journal.installed(track.place.charger_id)
            if profile.connector_id == connector_id and _may_hold(profile, track.transaction_id)
        ]
        track.held = tuple(profile for profile, _ in accepted)
        track.held_since = max((_answered_at(command) for _, command in accepted), default=None)
        track.doubtful = tuple(
            command.profile
            for command in journal.unanswered(track.place.charger_id)
            if command.profile.connector_id == connector_id
            and _may_hold(command.profile, track.transaction_id)
        )


async def push(around: Surroundings, tracks: Sequence[Track], live: LiveState) -> None:
    """Send what is missing until nothing is left that may be sent; every outcome ends up in the tracks.

    Raises :class:`StationsUnreachableError`; what was sent until then is in the journal.
    """
    by_place = {track.place: track for track in tracks}
    for _ in range(MAX_ROUNDS):
        decision = decision_now(around, tracks)
        for track in tracks:
            track.held_back = decision.held_back.get(track.place)
        if not decision.writes:
            return
        await _send_all(around, by_place, decision.writes)
        touched = [by_place[write.place] for write in decision.writes]
        for charger_id in {track.place.charger_id for track in touched}:
            _learn(around.journal, [t for t in tracks if t.place.charger_id == charger_id], live)
        await read_back(around, touched)


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
        writes += decision.writes
        if not decision.writes:
            break
    return writes


def decision_now(around: Surroundings, tracks: Sequence[Track]) -> Decision:
    """What may be sent now."""
    holdings = [track.holding for track in tracks]
    now, horizon = around.clock(), around.plan.horizon
    instants = edges_of(holdings, now=now, others=[*horizon.starts(), horizon.end])
    rooms = [
        Room(bottleneck=limit, allowed=room(limit, around.depot, around.plan, instants))
        for limit in bottlenecks(around.depot)
    ]
    return decide(holdings, rooms, instants=instants, zone=horizon.zone)


async def read_back(around: Surroundings, tracks: Sequence[Track]) -> None:
    """Ask every connected charger what it will allow, and compare with what it has accepted."""

    async def ask(track: Track) -> None:
        now = around.clock()
        end = around.plan.horizon.end
        seconds = max(0, round((end - now).total_seconds())) + READ_BACK_BEYOND_S
        answer = await around.stations.composite_schedule(
            track.place.charger_id,
            connector_id=track.place.connector_id,
            duration_s=seconds,
            unit=track.held[-1].unit if track.held else unit_of(track.wiring.connector, track.base),
        )
        _judge(around, track, answer, start=now, seconds=seconds)

    await _each_charger([track for track in tracks if track.is_connected], ask)


def _judge(
    around: Surroundings, track: Track, answer: CompositeReply, *, start: datetime, seconds: int
) -> None:
    expected = effective(
        track.held,
        transaction_id=track.transaction_id,
        start=start,
        end=start + timedelta(seconds=seconds),
    )
    zone = around.plan.horizon.zone
    track.comparison = compare(expected, answer, wiring=track.wiring, zone=zone)
    if answer.reply.outcome is Outcome.NOT_CONNECTED:
        track.is_connected = False
    if not track.held:
        return  # nothing was sent, so there is nothing to be proven of it
    finding = track.comparison.finding
    around.journal.add_evidence(
        Evidence(
            night=around.night,
            at=answer.reply.at,
            charger_id=track.place.charger_id,
            connector_id=track.place.connector_id,
            rung=Rung.READ_BACK,
            verdict=finding.verdict,
            detail=finding.sentence,
            message_id=answer.reply.message_id,
        )
    )


async def _send_all(around: Surroundings, tracks: Mapping[Place, Track], writes: Sequence[Write]) -> None:
    profiles = {write.place: write.profiles for write in writes}

    async def send(track: Track) -> None:
        for wanted in profiles[track.place]:
            reply = await _send(around, track.place, wanted)
            _take_outcome(track, wanted, reply)
            if reply.outcome in {Outcome.NO_ANSWER, Outcome.NOT_CONNECTED}:
                break

    await _each_charger([tracks[write.place] for write in writes], send)
    refresh_from_ledger(around.journal, [tracks[write.place] for write in writes])


async def _send(around: Surroundings, place: Place, wanted: LayerProfile) -> Reply:
    command_id = around.journal.begin_command(
        night=around.night,
        at=around.clock(),
        charger_id=place.charger_id,
        layer=wanted.layer,
        profile=wanted.profile,
    )
    reply = await around.stations.set_profile(place.charger_id, wanted.profile)
    around.journal.finish_command(command_id, reply)
    verdict = {Outcome.ACCEPTED: Verdict.CONFIRMED, Outcome.REFUSED: Verdict.CONTRADICTED}
    around.journal.add_evidence(
        Evidence(
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
    )
    return reply


def _take_outcome(track: Track, wanted: LayerProfile, reply: Reply) -> None:
    """Count tries and walk down the ladder; a layer without a next step is given up for this tick."""
    layer = wanted.layer
    track.sent.append((layer, reply))
    track.rewritten.add(layer)
    if reply.outcome is Outcome.NOT_CONNECTED:
        track.is_connected = False
        track.failures[layer] = reply
    elif reply.outcome is Outcome.NO_ANSWER:
        track.tries[layer] = track.tries.get(layer, 0) + 1
        if track.tries[layer] >= MAX_TRIES:
            track.failures.update(dict.fromkeys(Layer, reply))
    elif reply.outcome is Outcome.REFUSED:
        used = track.capabilities.get(layer, track.base)
        easier = easier_words(wanted.profile, used=used, base=track.base, is_dc=track.wiring.connector.is_dc)
        if easier is None:
            track.failures[layer] = reply
        else:
            track.capabilities[layer] = easier


def easier_words(
    refused: StationProfile, *, used: Capabilities, base: Capabilities, is_dc: bool
) -> Capabilities | None:
    """What to try after a refusal: half as many periods, then the other unit; None when all was tried.

    Many chargers take fewer periods than they say, and some take only one unit without saying so.
    """
    if len(refused.periods) > FEWEST_PERIODS:
        return used.model_copy(update={"max_periods": len(refused.periods) // 2 + 1})
    if used.unit == "auto" and not is_dc:
        return base.model_copy(update={"unit": "W"})
    return None


def _learn(journal: Journal, tracks: Sequence[Track], live: LiveState) -> None:
    """Let all connectors of a charger profit from what one of its answers has taught."""
    charger = tracks[0].charger
    base = _capabilities(journal, charger, live.charger(charger.id))
    for track in tracks:
        track.base = base


def _capabilities(journal: Journal, charger: Charger, state: ChargerState) -> Capabilities:
    learned = learned_capabilities(journal.commands(charger_id=charger.id))
    return capabilities_of(charger, reported=state.configuration, learned=learned)


def _may_hold(profile: StationProfile, transaction_id: TransactionId | None) -> bool:
    """Whether a profile can still be there: a TxProfile goes with its transaction (OCPP 1.6 §3.13)."""
    return profile.transaction_id is None or profile.transaction_id == transaction_id


def _answered_at(command: Command) -> datetime:
    return command.answered_at or command.at


async def _each_charger(tracks: Sequence[Track], act: Callable[[Track], Awaitable[None]]) -> None:
    """Act on every connector: chargers at the same time, the connectors of one charger in turn."""
    gate = asyncio.Semaphore(AT_ONCE)
    chargers: dict[str, list[Track]] = {}
    for track in tracks:
        chargers.setdefault(track.place.charger_id, []).append(track)

    async def in_turn(connectors: Sequence[Track]) -> None:
        async with gate:
            for track in connectors:
                await act(track)

    await together(in_turn(connectors) for connectors in chargers.values())


async def together(tasks: Iterable[Awaitable[None]]) -> None:
    """Await all; where the stations' holder is gone, say just that."""

    async def one(task: Awaitable[None]) -> None:
        await task

    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(one(task))
    except* StationsUnreachableError as errors:
        raise StationsUnreachableError(str(errors.exceptions[0])) from errors
