"""Puts back what chargers lose: looks after a connect, a boot, new firmware and a session's begin, then sends again.

What belongs on a charger is what it has accepted last, by the ledger in the journal, and nothing else is ever sent
from here. Every decision since then has counted the charger at that, or at full power where nothing was proven of it,
so what is sent again can raise nothing that is not paid for. What a plan wants beyond it is the dispatcher's business.

The lease keeps the two apart: the gateway takes it only where nobody has it, and leaves the charger for later where a
dispatcher is at work; a dispatcher takes it from the gateway at any time, whose next command is then refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.charger import Capabilities
from dispatch.composite import effective
from dispatch.evidence import Command, Evidence, Layer, Rung, Verdict
from dispatch.journal import Journal
from dispatch.known import identity_of, known_of
from dispatch.lease import LeaseHeldError, Writer, holding, this_process
from dispatch.push import AT_ONCE, NOT_ASKED, together
from dispatch.safety import Place, Wiring
from dispatch.station import ChargerState, LeaseLostError, Outcome, StationProfile, Stations, TransactionId
from dispatch.store.ledger import Ledger
from dispatch.validate import Comparison, Grade, compare
from optimiser.depot import Charger, Connector, Depot

log = logging.getLogger(__name__)

DEBOUNCE_S = 2.0
"""How long is waited for more of the kind after something has happened: a charger boots, greets and tells. [s]"""
LONGEST_LOOK = timedelta(days=1)
"""How far ahead a charger is asked what it will allow, where what it should hold has no end before."""
BEYOND = timedelta(minutes=15)
"""How far beyond the end of a plan it is asked, so that the answer shows the floor as well."""
AFTER_A_CRASH_S = 60.0
"""How long is waited after something went wrong. [s]"""
ORDER = (Layer.CEILING, Layer.FLOOR, Layer.PLAN, Layer.OVERRIDE)
"""In which order they are sent: a plan over a floor that is gone would be a raise without a net."""
VERDICTS = {Outcome.ACCEPTED: Verdict.CONFIRMED, Outcome.REFUSED: Verdict.CONTRADICTED}


@dataclass(frozen=True, kw_only=True)
class Held:
    """What should be on one connector: what it has accepted last and what is not over, lowest layer first."""

    place: Place
    connector: Connector
    transaction_id: TransactionId | None
    commands: Sequence[Command]
    was_away: bool
    recent_writes: int

    @classmethod
    def of(
        cls, charger: Charger, connector: Connector, state: ChargerState, ledger: Ledger, *, now: datetime
    ) -> Held:
        """By the ledger. Connector 0 stands for the one that is alone; a session's profile goes with it."""
        places = {connector.id} if len(charger.connectors) > 1 else {0, connector.id}
        transaction = state.connector(connector.id).transaction
        transaction_id = None if transaction is None else transaction.transaction_id
        commands = [
            command
            for command in ledger.installed(charger.id)
            if command.profile.connector_id in places
            and command.profile.transaction_id in {None, transaction_id}
            and (command.profile.valid_to is None or command.profile.valid_to > now)
        ]
        since = max((command.answered_at or command.at for command in commands), default=now)
        return cls(
            place=Place(charger.id, connector.id),
            connector=connector,
            transaction_id=transaction_id,
            commands=sorted(commands, key=lambda command: ORDER.index(command.layer)),
            was_away=_came(state) > since,
            recent_writes=len(ledger.recent(charger.id)),
        )

    @property
    def profiles(self) -> Sequence[StationProfile]:
        """What it should hold."""
        return [command.profile for command in self.commands]

    def span(self, now: datetime) -> timedelta:
        """How far ahead it is to be looked."""
        ends = [profile.valid_to for profile in self.profiles if profile.valid_to is not None]
        return min(LONGEST_LOOK, max(ends) + BEYOND - now) if ends else LONGEST_LOOK


@dataclass(frozen=True, kw_only=True)
class Looked:
    """How what a connector shows compares with what it should hold."""

    held: Held
    comparison: Comparison
    is_spared: bool

    @property
    def has_lost(self) -> bool:
        """Whether what it should hold is to be sent again.

        Whoever was away and shows anything else has lost it, also if it shows less or cannot be read; of others only
        what allows more. One that was written to as often as its memory is to bear gets only what lowers.
        """
        grade = self.comparison.grade
        is_other = self.held.was_away and grade is not Grade.MATCH
        return grade is Grade.HIGHER or (is_other and not self.is_spared)


@dataclass(frozen=True, kw_only=True)
class Reinstaller:
    """Looks after the chargers of a depot; ``clock`` is the gateway's. ``due`` are those still to be looked at."""

    depot: Depot
    journal: Journal
    stations: Stations
    clock: Callable[[], datetime]
    debounce_s: float = DEBOUNCE_S
    due: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Look after them until cancelled. What goes wrong on the way is logged, and tried again."""
        seen: dict[str, object] = {}
        live = await self.stations.live()
        while True:
            states = {state.charger_id: state for state in live.chargers}
            for charger_id, state in states.items():
                if seen.get(charger_id) != _calls_for_a_look(state):
                    seen[charger_id] = _calls_for_a_look(state)
                    self.due.add(charger_id)
            self.due.intersection_update(one for one, state in states.items() if state.connected_since)
            patience_s = self.debounce_s if self.due else LONGEST_LOOK.total_seconds()
            if crash := await _ending(self.put_back([states[charger_id] for charger_id in self.due])):
                log.error(
                    "chargers could not be looked after", exc_info=crash, extra={"event": "reinstall_failed"}
                )
                patience_s = AFTER_A_CRASH_S
            await self.stations.wait_for_change(after=live.now, timeout_s=patience_s)
            await asyncio.sleep(self.debounce_s)
            live = await self.stations.live()

    async def put_back(self, states: Sequence[ChargerState]) -> None:
        """Look at chargers of which anything is known, unless a dispatcher is at work: then they stay due."""
        known = [state for state in states if self.journal.installed(state.charger_id)]
        self.due.intersection_update(state.charger_id for state in known)
        ready = [state for state in known if not self._is_quiet(state)]
        if not ready:
            return
        with contextlib.suppress(LeaseHeldError):
            async with holding(self.journal, this_process(Writer.GATEWAY, "depot gateway")) as leased:
                round_ = _Round(
                    depot=self.depot,
                    journal=leased,
                    stations=self.stations,
                    clock=self.clock,
                    ledger=leased.ledger(since=self.clock() - timedelta(hours=1)),
                )
                await together(self._look_after(round_, state) for state in ready)

    async def _look_after(self, round_: _Round, state: ChargerState) -> None:
        try:
            async with round_.gate:
                await round_.look_after(state)
        except LeaseLostError:
            log.info(
                "%s is left to the dispatcher that has begun",
                state.charger_id,
                extra={"event": "left_to_dispatcher", "charger_id": state.charger_id},
            )
        else:
            self.due.discard(state.charger_id)

    def _is_quiet(self, state: ChargerState) -> bool:
        """Whether a charger wants to be left alone for a while after it has come."""
        charger = self.depot.charger(state.charger_id)
        known = known_of(charger, identity=identity_of(charger, state), reported=state.configuration)
        return self.clock() < _came(state) + timedelta(seconds=known.capabilities.quiet_after_connect_s)


@dataclass(frozen=True, kw_only=True)
class _Round:
    """Chargers looked after under one lease; ``ledger`` was read under it."""

    depot: Depot
    journal: Journal
    stations: Stations
    clock: Callable[[], datetime]
    ledger: Ledger
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def look_after(self, state: ChargerState) -> None:
        """Look at a charger, and send it again what it has lost; one that gives no answer is left alone."""
        charger = self.depot.charger(state.charger_id)
        identity = identity_of(charger, state)
        learned = self.ledger.learned(identity, charger_id=charger.id)
        known = known_of(charger, identity=identity, reported=state.configuration, learned=learned)
        words = known.capabilities
        for connector in charger.connectors if words.smart_charging else ():
            look = await self._look(Held.of(charger, connector, state, self.ledger, now=self.clock()), words)
            if look is not None and look.has_lost:
                log.info(
                    "%s: %s; what belongs there is sent again",
                    look.held.place,
                    look.comparison.sentence,
                    extra={"event": "put_back", **look.held.place._asdict()},
                )
                if await self._send(look.held):
                    await self._look(look.held, words)

    async def _look(self, held: Held, words: Capabilities) -> Looked | None:
        """What a connector shows; None where nothing belongs on it, or where it gives no answer at all."""
        if not held.commands:
            return None
        is_spared = words.writes_per_hour is not None and held.recent_writes >= words.writes_per_hour
        if words.read_back == "skip":
            return Looked(held=held, comparison=NOT_ASKED, is_spared=is_spared)
        now = self.clock()
        seconds = round(held.span(now).total_seconds())
        answer = await self.stations.composite_schedule(
            held.place.charger_id,
            connector_id=held.place.connector_id,
            duration_s=seconds,
            unit=held.profiles[-1].unit,
        )
        if answer.reply.outcome in {Outcome.NO_ANSWER, Outcome.NOT_CONNECTED}:
            return None
        end = now + timedelta(seconds=seconds)
        comparison = compare(
            effective(held.profiles, transaction_id=held.transaction_id, start=now, end=end),
            answer,
            wiring=Wiring(place=held.place, connector=held.connector, voltage_v=self.depot.site.voltage_v),
            zone=ZoneInfo(self.depot.timezone),
            habits=words,
        )
        finding = comparison.finding
        self.journal.add_evidence(
            Evidence(
                night=held.commands[-1].night,
                at=answer.reply.at,
                charger_id=held.place.charger_id,
                connector_id=held.place.connector_id,
                rung=Rung.READ_BACK,
                verdict=finding.verdict,
                detail=finding.sentence,
                message_id=answer.reply.message_id,
            )
        )
        return Looked(held=held, comparison=comparison, is_spared=is_spared)

    async def _send(self, held: Held) -> bool:
        """Send again all that belongs on a connector; whether all of it was accepted."""
        for command in held.commands:
            command_id = self.journal.begin_command(
                night=command.night,
                at=self.clock(),
                charger_id=held.place.charger_id,
                layer=command.layer,
                profile=command.profile,
            )
            reply = await self.stations.set_profile(held.place.charger_id, command.profile)
            evidence = Evidence(
                night=command.night,
                at=reply.at,
                charger_id=held.place.charger_id,
                connector_id=held.place.connector_id,
                rung=Rung.ACCEPTED,
                verdict=VERDICTS.get(reply.outcome, Verdict.CANNOT_TELL),
                detail=f"{command.layer}, put back: {reply.reason or reply.outcome}",
                message_id=reply.message_id,
                command_id=command_id,
            )
            self.journal.finish_command(command_id, reply, evidence=[evidence])
            if reply.outcome is not Outcome.ACCEPTED:
                return False
        return True


@asynccontextmanager
async def reinstalling(reinstaller: Reinstaller) -> AsyncIterator[None]:
    """Look after chargers for as long as the block lasts."""
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(reinstaller.run())
        try:
            yield
        finally:
            working.cancel()


async def _ending(work: Coroutine[Any, Any, None]) -> BaseException | None:
    """What some work has crashed by, so that it takes nobody with it."""
    working = asyncio.create_task(work)
    try:
        await asyncio.wait({working})
    finally:
        working.cancel()
    return working.exception()


def _came(state: ChargerState) -> datetime:
    """When a connected charger came last, by its socket, its boot, or a clock that was found to be another one."""
    return max(filter(None, (state.connected_since, state.booted_at, state.clock_found_at)))


def _calls_for_a_look(state: ChargerState) -> tuple[object, ...]:
    """What calls for a look when it changes: a socket, a boot, firmware, its clock, and which sessions run."""
    sessions = (one.transaction.transaction_id for one in state.connectors if one.transaction is not None)
    return state.connected_since, state.booted_at, state.clock_found_at, state.firmware, *sessions
