"""A simulated charge point on its socket: dials in, boots, tells what it has to tell, and dials in again.

It alone knows when things are sent; what they say is decided by :mod:`dispatch.simulator.machine`.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from dispatch.connection import MAX_FRAME_BYTES, CallRefusedError, Connection, Ending, Frame, OnFrame, Socket
from dispatch.simulator.grammar import instant
from dispatch.simulator.machine import Machine, Outgoing

log = logging.getLogger(__name__)

CLOCK_TOLERANCE = timedelta(seconds=2)
"""A heartbeat sets the clock only where it is further off: the gateway tells whole seconds."""
TRANSACTION_ATTEMPTS = 3
"""How often a message that begins or ends a transaction is sent before it is given up."""
SILENCE_S = 600.0
"""How long a charge point that never answers keeps silent; every gateway has given up long before. [s]"""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Waits of a charge point. [s]

    ``tick_s``: how often time passes for its vehicles. ``boot_retry_s``: between boot attempts where the gateway
    names no interval. ``reconnect_s`` doubles up to ``reconnect_max_s`` until a boot or a session has succeeded.
    """

    tick_s: float = 1.0
    boot_retry_s: float = 10.0
    reconnect_s: float = 0.5
    reconnect_max_s: float = 30.0
    call_timeout_s: float = 30.0


class Line(Socket, Protocol):
    """A socket to the gateway on which a subprotocol has been agreed; None where there was none in common."""

    @property
    def subprotocol(self) -> Subprotocol | None:
        """What is spoken on it."""


Dial = Callable[[], AbstractAsyncContextManager[Line]]
"""Opens a line to the gateway. Raises OSError or WebSocketException where that cannot be."""


def websocket_dial(
    machine: Machine,
    *,
    gateway_url: str,
    password: str | None,
    timeout_s: float,
    trust: ssl.SSLContext | None = None,
    ping_s: float | None = 20.0,
) -> Dial:
    """How a charge point dials in at ``gateway_url``, to which its id is added; ``ping_s`` None: it never pings."""
    charger_id = machine.charger.id

    def dial() -> AbstractAsyncContextManager[Line]:
        return connect(
            f"{gateway_url.rstrip('/')}/{quote(charger_id, safe='')}",
            subprotocols=[Subprotocol(machine.subprotocol)],
            additional_headers={} if password is None else {"Authorization": _basic(charger_id, password)},
            compression=None,
            proxy=None,
            ssl=trust,
            max_size=MAX_FRAME_BYTES,
            open_timeout=timeout_s,
            close_timeout=timeout_s,
            ping_interval=ping_s,
            ping_timeout=ping_s,
        )

    return dial


def _ignore_frame(_frame: Frame) -> None:
    """For those who keep no count."""


class ChargePoint:
    """One charge point as a client of a gateway, on the lines that ``dial`` opens; ``on_frame`` sees every frame.

    ``clock`` tells its own time; how far the gateway's is from it is learned at boot, so that a gateway which
    runs at another time carries its charge points with it.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        dial: Dial,
        clock: Callable[[], datetime],
        timing: Timing | None = None,
        on_frame: OnFrame = _ignore_frame,
    ) -> None:
        self.machine = machine
        self._id = machine.charger.id
        self._subprotocol = Subprotocol(machine.subprotocol)
        self._dial = dial
        self._on_frame = on_frame
        self._clock = clock
        self._offset = timedelta(0)
        self._skew = timedelta(seconds=machine.persona.clock_skew_s)
        self._timing = timing or Timing()
        self._is_booted = False
        self._failures = 0
        self._attempts = 0
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Be there until cancelled."""
        while True:
            await self._connect()
            wait_s = min(self._timing.reconnect_s * 2**self._failures, self._timing.reconnect_max_s)
            # An exponent without bound would overflow in a long outage.
            self._failures = min(self._failures + 1, 16)
            await asyncio.sleep(wait_s)

    async def _connect(self) -> None:
        try:
            async with self._dial() as socket:
                if socket.subprotocol != self._subprotocol:
                    log.warning("%s: the gateway does not speak %s", self._id, self._subprotocol)
                    return
                await self._serve(socket)
        except (OSError, WebSocketException) as error:
            # Once for every time that it goes away: twelve charge points wait for a gateway together.
            if self._failures == 0:
                log.warning("%s cannot reach the gateway: %s", self._id, error)

    @property
    def ahead(self) -> timedelta:
        """How far the charge point's clock is ahead of ``clock``."""
        return self._offset + self._skew

    def restart(self, reason: str) -> None:
        """Let the charge point start anew, as by its own will."""
        self.machine.restart_reason = reason
        self._wake.set()

    def meddle(self, *, level: int, limit_kw: float) -> None:
        """Let another system put a default profile on the charge point, past the gateway."""
        self.machine.meddle(level=level, limit_kw=limit_kw, now=self._now())
        self._wake.set()

    async def _serve(self, socket: Line) -> None:
        connection = Connection(
            socket,
            on_call=self._on_call,
            on_frame=self._on_frame,
            call_timeout_s=self._timing.call_timeout_s,
        )
        async with asyncio.TaskGroup() as tasks:
            receiving = tasks.create_task(connection.run())
            living = tasks.create_task(self._live(connection))
            receiving.add_done_callback(lambda _: living.cancel())
        self.machine.disconnected()
        log.info("%s is disconnected", self._id)

    async def _live(self, connection: Connection) -> None:
        """Boot where that is due, then let time pass and tell of it until the connection is lost."""
        if self._is_booted:
            if self.machine.persona.boots_on_reconnect:
                await self._boot(connection)
            self.machine.reconnected(self._now())
        else:
            await self._boot(connection)
            self.machine.is_online = True
            self.machine.start(self._now())
        self._failures = 0
        await self._flush(connection)
        loop = asyncio.get_running_loop()
        metered_s = heart_beat_s = loop.time()
        while self.machine.restart_reason is None:
            interval_s = self.machine.settings.meter_interval_s
            until_sample_s = metered_s + interval_s - loop.time() if interval_s > 0 else self._timing.tick_s
            await self._pause(min(self._until_next_change_s(), max(0.001, until_sample_s)))
            self.machine.advance_to(self._now())
            if 0 < interval_s <= loop.time() - metered_s:
                metered_s += interval_s * ((loop.time() - metered_s) // interval_s)
                self.machine.sample_meters(self._now())
            if 0 < self.machine.settings.heartbeat_interval_s <= loop.time() - heart_beat_s:
                heart_beat_s = loop.time()
                self.machine.outbox.append(Outgoing(action="Heartbeat", payload={}))
            await self._flush(connection)
        self.machine.stop_for_restart(self._now())
        await self._flush(connection)
        self._is_booted = False
        log.info("%s restarts", self._id)
        await connection.close()

    def _until_next_change_s(self) -> float:
        """Until somebody comes or goes or a limit begins to be followed, at most a tick. [s]"""
        change = self.machine.next_change()
        if change is None:
            return self._timing.tick_s
        # Never 0: what is due already is seen at the next look, and the loop goes on in between.
        return min(self._timing.tick_s, max(0.001, (change - self._now()).total_seconds()))

    async def _pause(self, seconds: float) -> None:
        """Wait, but not where the gateway has just asked for something."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _boot(self, connection: Connection) -> None:
        """Say hello until the gateway accepts; the end of the connection cancels it."""
        while True:
            answer = await connection.call("BootNotification", self.machine.boot_payload())
            boot = _object(answer.payload)
            if boot.get("status") == "Accepted":
                self._set_clock(boot, tolerance=timedelta(0))
                self.machine.settings.heartbeat_interval_s = _seconds(boot.get("interval"))
                self._is_booted = True
                return
            log.info("%s is not accepted yet: %s", self._id, boot.get("status") or answer.ending)
            if boot.get("status") == "Pending":
                await self._report(connection)
            await self._pause(_seconds(boot.get("interval")) or self._timing.boot_retry_s)

    async def _report(self, connection: Connection) -> None:
        """Send what was asked for while waiting to be accepted; a boot that was asked for comes next anyway."""
        outbox = self.machine.outbox
        for _ in range(len(outbox)):
            outgoing = outbox.popleft()
            if outgoing.action != "BootNotification":
                outbox.append(outgoing)
        await self._flush(connection)

    async def _flush(self, connection: Connection) -> None:
        """Send what is in the outbox, one after the other. What matters for a transaction is kept if it fails."""
        outbox = self.machine.outbox
        while outbox:
            outgoing = outbox[0]
            payload = self.machine.payload(outgoing)
            if payload is None:
                outbox.popleft()
                continue
            answer = await connection.call(outgoing.action, payload)
            is_lost = answer.ending in {Ending.NO_ANSWER, Ending.NOT_CONNECTED}
            if is_lost and outgoing.lasting:
                self._attempts += answer.ending is Ending.NO_ANSWER
                if self._attempts < TRANSACTION_ATTEMPTS:
                    return
            self._attempts = 0
            outbox.popleft()
            if answer.ending is Ending.RESULT:
                self._take_answer(outgoing, _object(answer.payload))
            else:
                log.warning("%s: %s failed: %s", self._id, outgoing.action, answer.code or answer.description)

    def _take_answer(self, outgoing: Outgoing, answer: Mapping[str, Any]) -> None:
        if outgoing.action in {"BootNotification", "Heartbeat"}:
            self._set_clock(answer, tolerance=CLOCK_TOLERANCE)
        self.machine.answered(outgoing, answer, self._now())

    async def _on_call(self, action: str, payload: Any) -> Mapping[str, Any]:
        if self.machine.is_silent_to(action):
            await asyncio.sleep(SILENCE_S)
            raise CallRefusedError("GenericError", "this was long ago")
        answer = self.machine.handle(action, payload, self._now())
        if self.machine.outbox or self.machine.restart_reason:
            self._wake.set()
        return answer

    def _now(self) -> datetime:
        return self._clock() + self.ahead

    def _set_clock(self, answer: Mapping[str, Any], *, tolerance: timedelta) -> None:
        try:
            now = instant(answer["currentTime"])
        except (KeyError, TypeError, ValueError) as error:
            log.warning("%s was told no time: %r", self._id, error)
            return
        if abs(now + self._skew - self._now()) > tolerance:
            self._offset = now - self._clock()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _object(payload: Any) -> Mapping[str, Any]:
    return payload if isinstance(payload, dict) else {}


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int) and value > 0 else 0.0
