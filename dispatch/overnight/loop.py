"""Tick after tick: by the clock, soon after somebody connects, boots, comes or goes, and on after a crash.

It alone knows when the next tick is due. It lives in the time of the running event loop, which may be a virtual one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from dispatch.station import LeaseLostError, LiveState, Stations, StationsUnreachableError

SILENCE_S = 60.0
"""So often it is looked whether the site's meter still speaks, where there is one."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often and how patiently. [s]

    ``every_s``: from one tick to the next by the clock. ``debounce_s``: how long a tick that an event calls for waits
    for more of the kind, for chargers speak several times in a row. ``patience_s``: how long stations that cannot be
    reached are waited for. From one try to the next it is ``retry_s`` at first and ``longest_retry_s`` at most, also
    after ticks that have crashed. ``grace_s``: how long a tick may go on after it was asked to stop.
    """

    every_s: float
    debounce_s: float = 5.0
    patience_s: float = 900.0
    retry_s: float = 2.0
    longest_retry_s: float = 60.0
    grace_s: float = 20.0

    def retry_after_s(self, failures: int) -> float:
        """How long to wait after so many failures in a row, one at least. [s]"""
        return float(min(self.retry_s * 2 ** min(failures - 1, 16), self.longest_retry_s))


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A loop of ticks. ``say`` tells people what goes on; ``crashed`` is given what a tick ended by, and may raise it.

    ``watched`` is what calls for a tick as soon as it changes, beside :func:`calls_for_a_tick`.

    ``stop`` ends the loop: a tick that is under way may go on for a while, then it is cancelled. What it has sent by
    then is in the journal, and what it was sending is there as unanswered.
    """

    stations: Stations
    tick: Callable[[], Coroutine[Any, Any, None]]
    pace: Pace
    stop: asyncio.Event
    say: Callable[[str], None]
    crashed: Callable[[BaseException], None]
    watched: Callable[[LiveState], object] = field(default=lambda _: None)

    async def run(self) -> None:
        """Tick until asked to stop.

        Raises :class:`StationsUnreachableError` where stations stay away for longer than the pace has patience,
        :class:`LeaseLostError` where somebody else writes now, and what ``crashed`` raises.
        """
        now_s = asyncio.get_running_loop().time
        due_s, failures = now_s(), 0
        while not self.stop.is_set():
            try:
                seen = self._called(await self.stations.live())
                crash = await self._one_tick()
                if crash is not None:
                    failures += 1
                    self.crashed(crash)
                    await self._pause(self.pace.retry_after_s(failures))
                    continue
                failures = 0
                while due_s <= now_s():
                    due_s += self.pace.every_s
                await self._until_next(seen, due_s)
            except StationsUnreachableError as away:
                await self._until_there(away)

    async def _one_tick(self) -> BaseException | None:
        """One tick; what it has crashed by, None where it came to its end or was broken off."""
        ticking = asyncio.create_task(self.tick())
        stopping = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({ticking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not ticking.done():
                await asyncio.wait({ticking}, timeout=self.pace.grace_s)
        finally:
            stopping.cancel()
            ticking.cancel()
            await asyncio.wait({ticking, stopping})
        if ticking.cancelled():
            self.say("broke off a tick that was under way: the next one begins with what it has left")
            return None
        error = ticking.exception()
        if isinstance(error, StationsUnreachableError | LeaseLostError):
            raise error
        return error

    async def _until_next(self, seen: object, due_s: float) -> None:
        """Until the clock or an event calls for a tick.

        Chargers that only measure wake nobody more often than once in the time that events are waited for.
        """
        now_s = asyncio.get_running_loop().time
        while not self.stop.is_set() and now_s() < due_s:
            live = await self.stations.live()
            if self._called(live) == seen:
                live = await self._or_stop(
                    self.stations.wait_for_change(after=live.now, timeout_s=self._patience_s(live, due_s)),
                    otherwise=live,
                )
                if now_s() >= due_s:
                    return
            await self._pause(min(self.pace.debounce_s, due_s - now_s()))
            if self._called(live) != seen:
                return

    def _called(self, live: LiveState) -> tuple[object, object]:
        return calls_for_a_tick(live), self.watched(live)

    def _patience_s(self, live: LiveState, due_s: float) -> float:
        """How long an event is waited for: a meter that falls silent makes none. [s]"""
        left_s = due_s - asyncio.get_running_loop().time()
        return left_s if live.site is None else min(left_s, SILENCE_S)

    async def _until_there(self, away: StationsUnreachableError) -> None:
        now_s = asyncio.get_running_loop().time
        begun_s, failures = now_s(), 0
        self.say(f"{away}; waiting for it for at most {self.pace.patience_s / 60.0:.0f} minutes")
        while not self.stop.is_set():
            failures += 1
            await self._pause(self.pace.retry_after_s(failures))
            try:
                await self.stations.live()
            except StationsUnreachableError as error:
                if now_s() - begun_s >= self.pace.patience_s:
                    raise StationsUnreachableError(
                        f"{error}, and was waited for in vain for {self.pace.patience_s / 60.0:.0f} minutes"
                    ) from error
            else:
                self.say(f"it is there again after {now_s() - begun_s:.0f} s")
                return

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the request to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            return

    async def _or_stop(self, waiting: Coroutine[Any, Any, LiveState], *, otherwise: LiveState) -> LiveState:
        """What is waited for, or something else as soon as the loop is asked to stop."""
        changing, stopping = asyncio.create_task(waiting), asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({changing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return changing.result() if changing.done() else otherwise
        finally:
            for task in (changing, stopping):
                task.cancel()
            await asyncio.wait({changing, stopping})


def calls_for_a_tick(live: LiveState) -> tuple[object, ...]:
    """What calls for a tick when it changes: who is connected or has booted, by which clock, whose session runs where.

    Pure.
    """
    return tuple(
        (
            state.charger_id,
            state.connected_since,
            state.booted_at,
            state.clock_found_at,
            state.firmware,
            tuple((c.connector_id, c.transaction.transaction_id) for c in state.connectors if c.transaction),
        )
        for state in live.chargers
    )
