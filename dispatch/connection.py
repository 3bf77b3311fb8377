"""OCPP-J framing on one socket: calls, their answers, and what is neither. It alone knows frames, and no action.

The same for every OCPP version and for both sides: the gateway and the simulated charge points speak through
it. Nothing a peer sends ends the connection but the end of the socket itself.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from websockets.exceptions import ConnectionClosed

from dispatch.frames import (
    CALL,
    CALL_ERROR,
    CALL_RESULT,
    MAX_ID_LENGTH,
    JsonText,
    error_frame,
    read_frame,
    text_of,
    word,
)

log = logging.getLogger(__name__)

MAX_FRAME_BYTES = 2**20
"""Largest frame to be taken from a peer; give it to whatever opens the socket.

OCPP-J 1.6 sets no limit. A night's transactionData in one StopTransaction comes to some hundred kilobytes.
"""
MAX_CALLS_IN_WORK = 32
"""Calls of a peer that are worked on at once. It should not have more than one; then it has to wait."""
MAX_CALLS_WAITING = 8
"""Our own calls that may wait for their turn on one connection, which bounds how long the last one waits."""
CANNOT_KEEP = 1011
"""The code with which a socket is closed on which nothing can be kept: an error on our side (RFC 6455 §7.4.1)."""
ANSWERS_KEPT = 64
"""Answers that are kept for calls that are sent again."""
ANSWERS_KEPT_S = 300.0
"""How long an answer is kept. Peers repeat a call within seconds; one that reuses ids must not get old times. [s]"""


class Socket(Protocol):
    """What a connection needs of a WebSocket. One that is closed raises ConnectionClosed or OSError."""

    async def recv(self) -> str | bytes:
        """The next whole message."""

    async def send(self, message: str, /) -> None:
        """Send a text message."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket, within a bounded time."""


class Ending(StrEnum):
    """How a call of ours ended. After NO_ANSWER the peer may or may not have carried it out."""

    RESULT = "result"
    ERROR = "error"
    NO_ANSWER = "no_answer"
    NOT_CONNECTED = "not_connected"


@dataclass(frozen=True, kw_only=True)
class CallAnswer:
    """What came of a call of ours.

    ``payload`` is the peer's, as it came, with ``RESULT``; ``code`` is its error code with ``ERROR``;
    ``description`` is for people. ``message_id`` is None for a call that was never sent.
    """

    ending: Ending
    message_id: str | None = None
    payload: Any = None
    code: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Framing:
    """What the versions of OCPP-J say differently.

    ``malformed`` is the error code for a call of the wrong shape. To a call whose id cannot be read goes an
    error with the id ``unreadable_id``; None where the version knows no answer to it.
    """

    malformed: str
    unreadable_id: str | None


OCPP_16 = Framing(malformed="ProtocolError", unreadable_id=None)
"""OCPP-J 1.6 §4.2.3."""
OCPP_201 = Framing(malformed="RpcFrameworkError", unreadable_id="-1")
"""OCPP 2.0.1 Part 4 §4.2.3 and §4.3."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A raw message, before it is sent or as it was received; ``action`` also on answers, where it is known."""

    direction: Literal["in", "out"]
    text: str
    message_id: str | None = None
    action: str | None = None


class CallRefusedError(Exception):
    """Raised by ``on_call``: the peer's call is answered with a CALLERROR of this code."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class NotKeptError(Exception):
    """Raised by ``on_call`` and ``kept``: what was said cannot be written down, so that nothing may come of it."""


OnCall = Callable[[str, Any], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
OnFrame = Callable[[Frame], None]
Kept = Callable[[], Awaitable[None]]


@dataclass(kw_only=True)
class _Pending:
    action: str
    message_id: str
    answer: asyncio.Future[CallAnswer]


@dataclass(kw_only=True)
class _Answered:
    """A call of the peer's: ``frame`` is None while it is worked on. ``at`` is the event loop's time."""

    fingerprint: int
    at: float
    frame: str | None = None


def _ignore_frame(_frame: Frame) -> None:
    """For those who keep no journal."""


async def _keep_nothing() -> None:
    """For those who keep no journal."""


@dataclass(kw_only=True)
class _Exchange:
    """What is under way on a connection."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    pending: _Pending | None = None
    answered: OrderedDict[str, _Answered] = field(default_factory=OrderedDict)
    is_closed: bool = False


class Connection:
    """One socket, both ways.

    ``on_call`` answers the peer's calls: at once, or by something to be awaited, for which each has a task of its
    own, so that a slow one holds up nothing. What it raises other than :class:`CallRefusedError` is an error in
    this program, and ends :meth:`run`.
    ``on_frame`` sees every raw frame; ``kept`` is waited for before one is sent, and before an answer counts. Where
    that fails nothing is sent, and a peer that waits for an answer, or has given one, loses its socket. ``call_timeout_s`` counts from the moment a call is sent. Only
    one may be outstanding (OCPP-J 1.6 §4.1.1), so a call first waits until those before it have ended.
    """

    def __init__(
        self,
        socket: Socket,
        *,
        on_call: OnCall,
        on_frame: OnFrame = _ignore_frame,
        kept: Kept = _keep_nothing,
        call_timeout_s: float,
        framing: Framing = OCPP_16,
    ) -> None:
        self._socket = socket
        self._framing = framing
        self._on_call = on_call
        self._on_frame = on_frame
        self._kept = kept
        self._call_timeout_s = call_timeout_s
        self._exchange = _Exchange()
        # Unique for ever, also over reconnects (OCPP 2.0.1 Part 4 §4.1.4), in at most 36 characters.
        self._id_stem = uuid.uuid4().hex[:24]
        self._numbers = itertools.count(1)
        self._in_work = asyncio.Semaphore(MAX_CALLS_IN_WORK)

    async def run(self) -> None:
        """Receive until the socket is closed, by whichever side. A call that is pending then ends at once."""
        handlers: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            try:
                await self._receive(tasks, handlers)
            except NotKeptError:
                await self._give_up()
            finally:
                self._end("the connection was closed")
                for handler in handlers:
                    handler.cancel()

    async def call(self, action: str, payload: Mapping[str, Any] | JsonText) -> CallAnswer:
        """Send a call and wait for what comes of it. Never raises for what a peer does or fails to do."""
        exchange = self._exchange
        if exchange.waiting >= MAX_CALLS_WAITING:
            return CallAnswer(ending=Ending.NO_ANSWER, description="never sent: too many calls are waiting")
        exchange.waiting += 1
        try:
            await exchange.turn.acquire()
        finally:
            exchange.waiting -= 1
        try:
            return await self._call_in_turn(action, payload)
        finally:
            exchange.turn.release()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Take nothing more from the peer, end what is pending, and close the socket."""
        self._end(reason or "the connection was closed")
        await self._socket.close(code, reason)

    async def _call_in_turn(self, action: str, payload: Mapping[str, Any] | JsonText) -> CallAnswer:
        if self._exchange.is_closed:
            return CallAnswer(ending=Ending.NOT_CONNECTED, description="the connection was closed")
        message_id = f"{self._id_stem}-{next(self._numbers)}"
        answer: asyncio.Future[CallAnswer] = asyncio.get_running_loop().create_future()
        self._exchange.pending = _Pending(action=action, message_id=message_id, answer=answer)
        written = payload if isinstance(payload, str) else text_of(payload)
        text = f'[{CALL},"{message_id}",{text_of(action)},{written}]'
        self._on_frame(Frame(direction="out", text=text, message_id=message_id, action=action))
        try:
            await self._kept()
            async with asyncio.timeout(self._call_timeout_s):
                await self._socket.send(text)
                return await answer
        except NotKeptError as error:
            return CallAnswer(ending=Ending.NOT_CONNECTED, description=f"never sent: {error}")
        except TimeoutError:
            seconds = f"{self._call_timeout_s:g} s"
            return _unanswered(message_id, f"no answer within {seconds}")
        except (ConnectionClosed, OSError):
            return _unanswered(message_id, "the connection was closed while it was being sent")
        finally:
            self._exchange.pending = None

    async def _receive(self, tasks: asyncio.TaskGroup, handlers: set[asyncio.Task[None]]) -> None:
        while True:
            try:
                message = await self._socket.recv()
            except (ConnectionClosed, OSError):
                return
            if self._exchange.is_closed:
                return
            if isinstance(message, bytes):
                # OCPP-J is text. The bytes are kept, as far as they can be read, and not answered.
                self._on_frame(Frame(direction="in", text=message.decode("utf-8", "replace")))
                continue
            document = read_frame(message)
            kind = document[0] if document else None
            if kind == CALL:
                await self._take_call(message, document, tasks, handlers)
            elif kind in (CALL_RESULT, CALL_ERROR):
                await self._take_answer(message, document)
            else:
                # Without a type or an id there is nobody to answer to; unknown types are ignored (1.6-J §4.1.3).
                self._on_frame(Frame(direction="in", text=message))

    async def _take_call(
        self, text: str, document: list[Any], tasks: asyncio.TaskGroup, handlers: set[asyncio.Task[None]]
    ) -> None:
        message_id, action = word(document, 1), word(document, 2)
        self._on_frame(Frame(direction="in", text=text, message_id=message_id, action=action))
        if message_id is None or len(message_id) > MAX_ID_LENGTH:
            stand_in = self._framing.unreadable_id
            if stand_in is not None:
                description = (
                    f"the id must be a text of at most {MAX_ID_LENGTH} characters that can be printed"
                )
                await self._send_answer(
                    error_frame(stand_in, self._framing.malformed, description), stand_in, action
                )
            return
        if action is None or len(document) != 4:
            description = "a call has a type, an id, an action and a payload"
            await self._send_answer(
                error_frame(message_id, self._framing.malformed, description), message_id, action
            )
            return
        known = self._known(message_id, text)
        if known is not None:
            if known.frame is not None:
                await self._send_answer(known.frame, message_id, action)
            return
        answered = self._remember(message_id, text)
        try:
            result = self._on_call(action, document[3])
        except CallRefusedError as refusal:
            answered.frame = error_frame(message_id, refusal.code, refusal.description)
        else:
            if not isinstance(result, Mapping):
                await self._in_work.acquire()
                handler = tasks.create_task(self._handle(message_id, action, result, answered))
                handlers.add(handler)
                handler.add_done_callback(handlers.discard)
                handler.add_done_callback(lambda _: self._in_work.release())
                return
            answered.frame = text_of([CALL_RESULT, message_id, result])
        await self._send_answer(answered.frame, message_id, action)

    async def _handle(
        self, message_id: str, action: str, result: Awaitable[Mapping[str, Any]], answered: _Answered
    ) -> None:
        try:
            answered.frame = text_of([CALL_RESULT, message_id, await result])
        except CallRefusedError as refusal:
            answered.frame = error_frame(message_id, refusal.code, refusal.description)
        try:
            await self._send_answer(answered.frame, message_id, action)
        except NotKeptError:
            await self._give_up()

    async def _send_answer(self, text: str, message_id: str, action: str | None) -> None:
        self._on_frame(Frame(direction="out", text=text, message_id=message_id, action=action))
        await self._kept()
        try:
            async with asyncio.timeout(self._call_timeout_s):
                await self._socket.send(text)
        except (ConnectionClosed, OSError, TimeoutError) as error:
            log.info("the answer to %s %s was not sent: %r", action, message_id, error)

    async def _take_answer(self, text: str, document: list[Any]) -> None:
        message_id = word(document, 1)
        pending = self._exchange.pending
        is_ours = pending is not None and pending.message_id == message_id
        action = pending.action if pending is not None and is_ours else None
        self._on_frame(Frame(direction="in", text=text, message_id=message_id, action=action))
        await self._kept()
        # Late answers, and those to ids that nobody used ("" and "-1" to what a peer could not read), are not ours.
        if pending is None or not is_ours or pending.answer.done():
            return
        if document[0] == CALL_RESULT:
            payload = document[2] if len(document) > 2 else None
            pending.answer.set_result(
                CallAnswer(ending=Ending.RESULT, message_id=message_id, payload=payload)
            )
            return
        pending.answer.set_result(
            CallAnswer(
                ending=Ending.ERROR,
                message_id=message_id,
                code=word(document, 2) or "",
                description=word(document, 3) or "",
            )
        )

    def _known(self, message_id: str, text: str) -> _Answered | None:
        """What was made of this very call before, unless that is long ago."""
        known = self._exchange.answered.get(message_id)
        if known is None or known.fingerprint != hash(text):
            return None
        return known if asyncio.get_running_loop().time() - known.at < ANSWERS_KEPT_S else None

    def _remember(self, message_id: str, text: str) -> _Answered:
        answered = _Answered(fingerprint=hash(text), at=asyncio.get_running_loop().time())
        kept = self._exchange.answered
        kept[message_id] = answered
        kept.move_to_end(message_id)
        if len(kept) > ANSWERS_KEPT:
            kept.popitem(last=False)
        return answered

    async def _give_up(self) -> None:
        """A peer that is not answered sends it again, on a new socket."""
        await self.close(CANNOT_KEEP, "nothing can be written down now")

    def _end(self, reason: str) -> None:
        self._exchange.is_closed = True
        pending = self._exchange.pending
        if pending is not None and not pending.answer.done():
            pending.answer.set_result(_unanswered(pending.message_id, reason))


def _unanswered(message_id: str, reason: str) -> CallAnswer:
    return CallAnswer(ending=Ending.NO_ANSWER, message_id=message_id, description=reason)
