"""Tick after tick, in virtual time: what calls for one, and what goes on after stations were away or a tick crashed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dispatch.events import Booted, Connected, Metered, StationEvent, TransactionEnded, TransactionStarted
from dispatch.gateway.live import LiveDepot
from dispatch.gateway.sockets import SocketStations
from dispatch.journal import open_journal
from dispatch.overnight.loop import Loop, Pace
from dispatch.rehearsal.virtual import run_virtually, virtual_clock
from dispatch.station import LeaseLostError, LiveState, MeterReading, StationsUnreachableError
from tests.dispatch.dispatch_builders import NOW

PACE = Pace(every_s=900.0)


@dataclass(kw_only=True)
class Depot:
    """Stations without a socket, in virtual time, that may go away; ``ticks`` are the seconds at which one began."""

    ticks: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    endings: list[BaseException | float] = field(default_factory=list)
    is_away: bool = False
    is_broken_off: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.clock = virtual_clock(NOW)
        self.journal = open_journal("sqlite://", Path())
        self.live_depot = LiveDepot(["CP1"], journal=self.journal, clock=self.clock)

    async def tick(self) -> None:
        """The next ending: an error, or how long the tick takes. [s]"""
        self.ticks.append(asyncio.get_running_loop().time())
        ending = self.endings.pop(0) if self.endings else 0.0
        if isinstance(ending, BaseException):
            raise ending
        try:
            await asyncio.sleep(ending)
        except asyncio.CancelledError:
            self.is_broken_off = True
            raise

    def record(self, make: Callable[[datetime], StationEvent]) -> None:
        self.live_depot.record(make(self.clock()))


@dataclass(frozen=True, kw_only=True)
class LooseStations(SocketStations):
    """Stations that are gone while their depot is away."""

    depot: Depot

    async def live(self) -> LiveState:
        if self.depot.is_away:
            raise StationsUnreachableError("the gateway cannot be reached")
        return await super().live()


def connected(at: datetime) -> StationEvent:
    return Connected(charger_id="CP1", received_at=at, subprotocol="ocpp1.6")


def booted(at: datetime) -> StationEvent:
    return Booted(charger_id="CP1", received_at=at, vendor="ACME", model="One")


def begun(at: datetime) -> StationEvent:
    return TransactionStarted(charger_id="CP1", received_at=at, connector_id=1, transaction_id=7, at=at)


def ended(at: datetime) -> StationEvent:
    return TransactionEnded(charger_id="CP1", received_at=at, transaction_id=7, at=at)


def metered(at: datetime) -> StationEvent:
    reading = MeterReading(at=at, received_at=at, power_kw=7.0)
    return Metered(charger_id="CP1", received_at=at, connector_id=1, reading=reading)


def looping(
    happen: Callable[[Depot], Awaitable[None]],
    *,
    pace: Pace = PACE,
    endings: list[BaseException | float] | None = None,
) -> Depot:
    """A loop of ticks beside what happens, asked to stop when that is over."""

    async def go_on() -> Depot:
        depot = Depot(endings=endings or [])
        loop = Loop(
            stations=LooseStations(sessions={}, live_depot=depot.live_depot, clock=depot.clock, depot=depot),
            tick=depot.tick,
            pace=pace,
            stop=depot.stop,
            say=depot.said.append,
            crashed=lambda error: depot.crashes.append(repr(error)),
        )
        running = asyncio.create_task(loop.run())
        await happen(depot)
        depot.stop.set()
        await running
        depot.journal.close()
        return depot

    return run_virtually(go_on)


async def for_an_hour(_depot: Depot) -> None:
    await asyncio.sleep(3599)


def test_ticks_come_at_once_and_then_by_the_clock() -> None:
    assert looping(for_an_hour).ticks == [0, 900, 1800, 2700]


def test_a_tick_that_takes_long_does_not_shift_those_after_it() -> None:
    assert looping(for_an_hour, endings=[100.0, 1000.0]).ticks == [0, 900, 2700]


@pytest.mark.parametrize("event", [connected, booted, begun])
def test_a_tick_comes_soon_after_somebody_connects_boots_or_begins(
    event: Callable[[datetime], StationEvent],
) -> None:
    async def happen(depot: Depot) -> None:
        await asyncio.sleep(60)
        depot.record(event)
        await asyncio.sleep(60)

    assert looping(happen).ticks == [0, 65]


def test_events_that_come_together_call_for_one_tick() -> None:
    async def happen(depot: Depot) -> None:
        for event in (connected, booted, begun, metered):
            await asyncio.sleep(1)
            depot.record(event)
        await asyncio.sleep(60)
        depot.record(ended)
        await asyncio.sleep(60)

    assert looping(happen).ticks == [0, 6, 69]


def test_what_happens_during_a_tick_calls_for_another_one() -> None:
    async def happen(depot: Depot) -> None:
        await asyncio.sleep(10)
        depot.record(booted)
        await asyncio.sleep(100)

    assert looping(happen, endings=[40.0]).ticks == [0, 45]


def test_meters_call_for_no_tick() -> None:
    async def happen(depot: Depot) -> None:
        for _ in range(100):
            await asyncio.sleep(1)
            depot.record(metered)

    assert looping(happen).ticks == [0]


def test_a_crash_is_told_and_tried_again_after_waits_that_grow_to_a_bound() -> None:
    async def happen(_depot: Depot) -> None:
        await asyncio.sleep(300)

    crash: BaseException = ZeroDivisionError("of the tests")
    depot = looping(happen, endings=[crash] * 7, pace=replace(PACE, longest_retry_s=60.0))
    assert depot.ticks == [0, 2, 6, 14, 30, 62, 122, 182]
    assert depot.crashes == [repr(crash)] * 7


def test_stations_that_are_away_are_waited_for_and_a_tick_comes_as_soon_as_they_are_there() -> None:
    async def happen(depot: Depot) -> None:
        await asyncio.sleep(1)
        depot.is_away = True
        await asyncio.sleep(1799)
        depot.is_away = False
        await asyncio.sleep(61)

    depot = looping(happen, pace=replace(PACE, every_s=1000.0))
    assert depot.ticks[0] == 0
    assert 1800 <= depot.ticks[1] <= 1860
    assert depot.said[0].endswith("cannot be reached; waiting for it for at most 15 minutes")
    assert depot.said[1].startswith("it is there again after ")


def test_stations_that_stay_away_end_the_loop_and_it_says_how_long_it_has_waited() -> None:
    async def happen(depot: Depot) -> None:
        depot.is_away = True
        await asyncio.sleep(2000)

    with pytest.raises(StationsUnreachableError, match="waited for in vain for 15 minutes"):
        looping(happen)


def test_a_loop_whose_lease_is_lost_ends() -> None:
    with pytest.raises(LeaseLostError):
        looping(for_an_hour, endings=[LeaseLostError("lost")])


def test_a_tick_may_come_to_its_end_when_the_loop_is_asked_to_stop() -> None:
    async def happen(_depot: Depot) -> None:
        await asyncio.sleep(5)

    depot = looping(happen, endings=[15.0])
    assert not depot.is_broken_off
    assert not depot.said


def test_a_tick_that_does_not_end_is_broken_off_and_that_is_told() -> None:
    async def happen(_depot: Depot) -> None:
        await asyncio.sleep(5)

    depot = looping(happen, endings=[60.0])
    assert depot.is_broken_off
    assert "broke off a tick" in depot.said[0]


def test_the_wait_for_a_change_ends_with_the_loop() -> None:
    async def happen(depot: Depot) -> None:
        await asyncio.sleep(5)
        depot.stop.set()
        async with asyncio.timeout(1):
            await asyncio.sleep(0.5)

    assert looping(happen).clock() - NOW < timedelta(seconds=6)
