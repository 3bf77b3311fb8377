"""One charger's socket, for as long as it is open, in the language that the charger speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from dispatch.connection import (
    CANNOT_KEEP,
    CallAnswer,
    CallRefusedError,
    Connection,
    Frame,
    NotKeptError,
    Socket,
)
from dispatch.dialect import Dialect, Request
from dispatch.events import Connected, Disconnected
from dispatch.gateway.clocks import ChargerClock
from dispatch.gateway.desk import SocketDesk, Surroundings
from dispatch.journal import JournalError
from dispatch.store.entries import Message

log = logging.getLogger(__name__)

LONGEST_ACTION = 64
"""Characters of an action's name that are written into the log; the longest that OCPP knows has 33."""

Crashed = Callable[[str, BaseException], None]
"""Who is told that the session of a charger has ended by an error of its own."""


class Session:
    """A charger that is connected. ``speaker`` is the way to speak with it, by ``its_clock``."""

    def __init__(
        self, charger_id: str, socket: Socket, *, dialect: Dialect, surroundings: Surroundings
    ) -> None:
        self.charger_id = charger_id
        self.dialect = dialect
        self.connection = Connection(
            socket,
            on_call=self._on_call,
            on_frame=self._on_frame,
            kept=self._kept,
            call_timeout_s=surroundings.call_timeout_s,
            framing=dialect.framing,
        )
        self.its_clock = ChargerClock()
        desk = SocketDesk(charger_id=charger_id, surroundings=surroundings, its_clock=self.its_clock)
        self.speaker = dialect.speaker(desk, self._call)
        self._around = surroundings
        self._has_spoken = asyncio.Event()
        self._is_over = False

    async def run(self, *, replaces: Session | None = None) -> None:
        """Serve the charger until its socket is closed. An older socket of it is closed: the newest one wins."""
        if replaces is not None:
            replaces.end("replaced by a newer socket")
        self._around.live.record(
            Connected(
                charger_id=self.charger_id,
                received_at=self._around.clock(),
                subprotocol=self.dialect.subprotocol,
            )
        )
        log.info(
            "%s has connected and speaks OCPP %s",
            self.charger_id,
            self.dialect.ocpp,
            extra=self._of("connected"),
        )
        try:
            await self._serve(replaces)
        finally:
            self.end("the socket was closed")
            with suppress(JournalError):  # it was told of already
                await self._around.live.written()

    async def _serve(self, replaces: Session | None) -> None:
        try:
            await self._around.live.written()
        except JournalError:
            self._is_over = True  # it was never here
            await self.connection.close(CANNOT_KEEP, "nothing can be written down now")
            if replaces is not None:
                await replaces.connection.close(1000, "replaced by a newer socket")
            return
        async with asyncio.TaskGroup() as tasks:
            if replaces is not None:
                tasks.create_task(replaces.connection.close(1000, "replaced by a newer socket"))
            greeting = tasks.create_task(self._greet())
            await self.connection.run()
            greeting.cancel()

    def end(self, reason: str) -> None:
        """Record, once, that the charger is away."""
        if self._is_over:
            return
        self._is_over = True
        log.info("%s has disconnected: %s", self.charger_id, reason, extra=self._of("disconnected"))
        self._around.live.record(
            Disconnected(charger_id=self.charger_id, received_at=self._around.clock(), reason=reason)
        )

    async def _greet(self) -> None:
        await self._has_spoken.wait()
        await self.speaker.greet()

    async def _call(self, request: Request) -> CallAnswer:
        seconds = asyncio.get_running_loop().time
        begun_s = seconds()
        answer = await self.connection.call(request.action, request.text)
        self._around.counting.call_ended(request.action, answer.ending, after_s=seconds() - begun_s)
        return answer

    def _on_call(self, action: str, payload: Any) -> Mapping[str, Any]:
        try:
            answer = self.speaker.on_call(action, payload)
        except CallRefusedError as refusal:
            named = action[:LONGEST_ACTION]
            log.info(
                "%s: %s is refused: %s",
                self.charger_id,
                named,
                refusal.code,
                extra=self._of("call_refused") | {"action": named},
            )
            self._around.counting.call_refused(refusal.code)
            self._has_spoken.set()
            raise
        except JournalError as error:
            raise NotKeptError(str(error)) from error
        self._has_spoken.set()
        return answer

    def _of(self, event: str) -> dict[str, str]:
        """What a line of the log says of itself."""
        return {"event": event, "charger_id": self.charger_id}

    def _on_frame(self, frame: Frame) -> None:
        self._around.counting.frame(frame.direction)
        message = Message(
            at=self._around.clock(),
            charger_id=self.charger_id,
            direction=frame.direction,
            action=frame.action,
            message_id=frame.message_id,
            frame=frame.text.replace("\x00", "\ufffd"),  # PostgreSQL stores no NUL
        )
        self._around.live.keep(message)

    async def _kept(self) -> None:
        try:
            await self._around.live.written()
        except JournalError as error:
            raise NotKeptError(str(error)) from error
