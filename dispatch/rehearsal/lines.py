"""Lines between charge points and the gateway that can be cut, on real sockets or in memory.

Code above a line does not see which it is. It alone knows when a charge point can reach the gateway.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.typing import Subprotocol

from dispatch.address import Address
from dispatch.dialects import SUBPROTOCOLS
from dispatch.gateway.desk import Surroundings
from dispatch.gateway.session import Crashed, Session
from dispatch.simulator.charge_point import Dial, Line, websocket_dial
from dispatch.simulator.machine import Machine


class LineCutError(ConnectionResetError):
    """The line is cut."""


class MemoryLine:
    """One end of a line in memory: what one end sends the other receives, in order, without delay."""

    def __init__(self, subprotocol: str | None) -> None:
        self.other: MemoryLine | None = None
        self._subprotocol = None if subprotocol is None else Subprotocol(subprotocol)
        self._messages: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._is_closed = False

    @property
    def subprotocol(self) -> Subprotocol | None:
        """What is spoken on it."""
        return self._subprotocol

    @classmethod
    def pair(cls, subprotocol: str) -> tuple[MemoryLine, MemoryLine]:
        """Both ends of a new line."""
        one, other = cls(subprotocol), cls(subprotocol)
        one.other, other.other = other, one
        return one, other

    async def recv(self) -> str:
        """The next message. Raises :class:`LineCutError` once the line is closed and all has been received."""
        while not self._messages:
            if self._is_closed:
                raise LineCutError("the line is closed")
            self._arrived.clear()
            await self._arrived.wait()
        return self._messages.popleft()

    async def send(self, message: str, /) -> None:
        """Send a message. Raises :class:`LineCutError` on a closed line."""
        if self._is_closed or self.other is None:
            raise LineCutError("the line is closed")
        self.other.take(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:  # noqa: ARG002 - a WebSocket's
        """Close the line for both ends."""
        self.cut()

    def take(self, message: str) -> None:
        """A message of the other end has arrived."""
        self._messages.append(message)
        self._arrived.set()

    def cut(self) -> None:
        """End the line, at both ends at once."""
        for end in (self, self.other):
            if end is not None and not end._is_closed:  # noqa: SLF001 - the other end is of this class
                end._is_closed = True  # noqa: SLF001
                end._arrived.set()  # noqa: SLF001


OpenLine = Callable[[Machine], Dial]
"""How a charge point dials in to a gateway."""


@dataclass(kw_only=True)
class Lines:
    """The lines of all charge points; those that are ``away``, for so many reasons, cannot open one.

    ``open_line`` leads to the gateway; None while there is none.
    """

    open_line: OpenLine | None = None
    away: Counter[str] = field(default_factory=Counter)
    _cuts: dict[str, Callable[[], None]] = field(default_factory=dict)

    def dial(self, machine: Machine) -> Dial:
        """How a charge point dials in; raises :class:`LineCutError` while it is away, or the gateway is."""
        charger_id = machine.charger.id

        @asynccontextmanager
        async def dial() -> AsyncIterator[Line]:
            if self.away[charger_id] > 0 or self.open_line is None:
                raise LineCutError("the line is cut")
            async with self.open_line(machine)() as line:
                self._cuts[charger_id] = _cut_of(line)
                try:
                    yield line
                finally:
                    self._cuts.pop(charger_id, None)

        return dial

    def bar(self, charger_id: str) -> None:
        """Let no new line be opened; the one that is open stays."""
        self.away[charger_id] += 1

    def cut(self, charger_id: str) -> None:
        """Cut a line, until it is mended."""
        self.bar(charger_id)
        cut = self._cuts.get(charger_id)
        if cut is not None:
            cut()

    def cut_all(self) -> None:
        """Cut every line that is open; they can be opened again."""
        for cut in tuple(self._cuts.values()):
            cut()

    def mend(self, charger_id: str) -> None:
        """Let a charge point dial in again, where nothing else keeps it away."""
        self.away[charger_id] -= 1


def memory_lines(
    surroundings: Surroundings,
    sessions: dict[str, Session],
    tasks: asyncio.TaskGroup,
    *,
    crashed: Crashed,
) -> OpenLine:
    """Lines in memory to sessions of the gateway, which run in ``tasks``.

    A session that ends by an error of its own closes its line, as a WebSocket's would, and tells ``crashed``.
    """

    async def serve(charger_id: str, line: MemoryLine) -> None:
        dialect = SUBPROTOCOLS[line.subprotocol or ""]
        session = Session(charger_id, line, dialect=dialect, surroundings=surroundings)
        older = sessions.get(charger_id)
        sessions[charger_id] = session
        running = asyncio.create_task(session.run(replaces=older))
        try:
            await asyncio.wait([running])
        finally:
            running.cancel()
            line.cut()
            if sessions.get(charger_id) is session:
                del sessions[charger_id]
        error = None if running.cancelled() else running.exception()
        if error is not None:
            crashed(charger_id, error)

    def of(machine: Machine) -> Dial:
        @asynccontextmanager
        async def dial() -> AsyncIterator[Line]:
            near, far = MemoryLine.pair(machine.subprotocol)
            tasks.create_task(serve(machine.charger.id, far))
            try:
                yield near
            finally:
                near.cut()

        return dial

    return of


def socket_lines(gateway: Address) -> OpenLine:
    """Lines over WebSockets to a gateway; nobody pings, for in virtual time no socket is ever slow."""

    def of(machine: Machine) -> Dial:
        return websocket_dial(
            machine,
            gateway_url=f"ws://{gateway}",
            password=None,
            timeout_s=30.0,
            ping_s=None,
        )

    return of


def _cut_of(line: Line) -> Callable[[], None]:
    if isinstance(line, MemoryLine):
        return line.cut
    transport: asyncio.WriteTransport = getattr(line, "transport")  # noqa: B009 - a WebSocket has one
    return transport.abort
