"""The gateway in a rehearsed night: a process that is kept running, and that can be killed.

A killed gateway says good-bye to nobody and writes nothing more; the next one begins with what the journal says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal

from dispatch.gateway import accepting
from dispatch.gateway.desk import Surroundings
from dispatch.gateway.live import LiveDepot
from dispatch.gateway.session import Session
from dispatch.gateway.sockets import SocketStations
from dispatch.journal import Journal
from dispatch.rehearsal.crashes import last_words
from dispatch.rehearsal.lines import Lines, OpenLine, memory_lines, socket_lines
from dispatch.rehearsal.reach import Holder, ReachableStations
from dispatch.store.entries import Entry
from optimiser.depot import Depot

Gear = Literal["memory", "sockets"]

CALL_TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class MortalJournal(Journal):
    """The store in the hands of a process that can be killed: what that would still write was never written."""

    is_over: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @classmethod
    def of(cls, journal: Journal) -> MortalJournal:
        """A store in other hands."""
        return cls(**{part.name: getattr(journal, part.name) for part in fields(Journal)})

    def record(self, entries: Sequence[Entry]) -> None:
        """Keep messages and events, as long as the process lives."""
        if not self.is_over.is_set():
            super().record(entries)


@dataclass(frozen=True, kw_only=True)
class _Gateway:
    """A gateway that runs: how charge points reach it, and how the dispatcher does."""

    open_line: OpenLine
    stations: Holder
    journal: MortalJournal


class Keeper:
    """Keeps a gateway running; ``crashes`` are the last words of what served a charger and ended by an error."""

    def __init__(
        self,
        depot: Depot,
        *,
        gear: Gear,
        journal: Journal,
        clock: Callable[[], datetime],
        lines: Lines,
        stations: ReachableStations,
    ) -> None:
        self.crashes: list[str] = []
        self._depot, self._gear = depot, gear
        self._journal, self._clock = journal, clock
        self._lines, self._stations = lines, stations
        self._is_up = asyncio.Event()
        self._gateway: _Gateway | None = None
        self._ending = asyncio.Event()
        self._away_s: float | None = None

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """A gateway for as long as the block lasts, but for the whiles after it was killed."""
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._keep())
            await self._is_up.wait()
            yield
            if self._gateway is None:
                keeping.cancel()  # nobody needs it any more
            self._ending.set()

    def kill(self, *, away_s: float) -> None:
        """End the gateway here and now; the next one begins after a while. Nothing happens where there is none."""
        if self._gateway is None:
            return
        self._away_s = away_s
        self._gateway.journal.is_over.set()
        self._hand_over(None)
        self._lines.cut_all()
        self._ending.set()

    async def _keep(self) -> None:
        while True:
            self._ending, self._away_s = asyncio.Event(), None
            async with self._started() as gateway:
                self._hand_over(gateway)
                self._is_up.set()
                await self._ending.wait()
            self._hand_over(None)
            if self._away_s is None:
                return
            await asyncio.sleep(self._away_s)

    def _hand_over(self, gateway: _Gateway | None) -> None:
        """Let charge points and dispatcher find a gateway, or none."""
        self._gateway = gateway
        self._lines.open_line = None if gateway is None else gateway.open_line
        self._stations.gateway = None if gateway is None else gateway.stations

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[_Gateway]:
        journal = MortalJournal.of(self._journal)
        started = self._on_sockets if self._gear == "sockets" else self._in_memory
        async with started(journal) as gateway:
            yield gateway

    @asynccontextmanager
    async def _on_sockets(self, journal: MortalJournal) -> AsyncIterator[_Gateway]:
        # Without passwords: they are hashed in threads, for which virtual time does not wait.
        async with accepting(
            self._depot,
            journal,
            clock=self._clock,
            call_timeout_s=CALL_TIMEOUT_S,
            ping_s=None,
            crashed=self._crashed,
        ) as doors:
            yield _Gateway(open_line=socket_lines(doors.ocpp), stations=doors.stations, journal=journal)

    @asynccontextmanager
    async def _in_memory(self, journal: MortalJournal) -> AsyncIterator[_Gateway]:
        live = LiveDepot((charger.id for charger in self._depot.chargers), journal=journal, clock=self._clock)
        around = Surroundings(
            depot=self._depot, journal=journal, live=live, clock=self._clock, call_timeout_s=CALL_TIMEOUT_S
        )
        sessions: dict[str, Session] = {}
        async with asyncio.TaskGroup() as tasks:
            yield _Gateway(
                open_line=memory_lines(around, sessions, tasks, crashed=self._crashed),
                stations=SocketStations(sessions=sessions, live_depot=live, clock=self._clock),
                journal=journal,
            )
            live.close()

    def _crashed(self, charger_id: str, error: BaseException) -> None:
        self.crashes.append(f"the gateway, serving {charger_id}: {last_words(error)}")
