"""A desk that keeps everything in memory, and a wire on which a dialect is spoken, for what needs no gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from dispatch.connection import MAX_FRAME_BYTES, CallAnswer, Connection
from dispatch.dialect import Dialect, Request, Speaker
from dispatch.events import StationEvent, TransactionEnded, TransactionStarted
from dispatch.station import TransactionId

NOW = datetime(2025, 11, 10, 19, 30, tzinfo=UTC)
KEPT = 1000
"""Events that are kept, so that a million of them can pass."""


@dataclass(kw_only=True)
class MemoryDesk:
    """Implements :class:`dispatch.dialect.Desk`."""

    charger_id: str = "CP1"
    answer_timeout_s: float = 5.0
    is_booted: bool = True
    events: list[StationEvent] = field(default_factory=list)
    configuration: dict[str, str] = field(default_factory=dict)
    started: list[TransactionStarted] = field(default_factory=list)
    ended: set[TransactionId] = field(default_factory=set)

    def now(self) -> datetime:
        return NOW

    def record(self, event: StationEvent) -> None:
        del self.events[:-KEPT]
        self.events.append(event)
        match event:
            case TransactionStarted():
                del self.started[:-KEPT]
                self.started.append(event)
            case TransactionEnded():
                self.ended.add(event.transaction_id)
            case _:
                pass

    def configured(self, configuration: Mapping[str, str]) -> None:
        self.configuration |= configuration

    def may_charge(self, id_tag: str) -> bool:
        return bool(id_tag)

    def has_booted(self) -> bool:
        return self.is_booted

    def open_transactions(self) -> Sequence[TransactionStarted]:
        return [one for one in self.started[-10:] if one.transaction_id not in self.ended]

    def has_ended(self, transaction_id: TransactionId) -> bool:
        return transaction_id in self.ended

    def begin_transaction(
        self, *, connector_id: int, id_tag: str, at: datetime, meter_start_kwh: float
    ) -> TransactionStarted:
        started = TransactionStarted(
            charger_id=self.charger_id,
            received_at=NOW,
            connector_id=connector_id,
            transaction_id=len(self.started) + 1,
            id_tag=id_tag,
            at=at,
            meter_start_kwh=meter_start_kwh,
        )
        self.record(started)
        return started


@dataclass(kw_only=True)
class Spoken:
    """A dialect at one end of a real WebSocket, and a raw charger at the other."""

    charger: ClientConnection
    connection: Connection
    speaker: Speaker
    desk: MemoryDesk


@asynccontextmanager
async def a_spoken_wire(
    dialect: Dialect, *, desk: MemoryDesk | None = None, call_timeout_s: float = 600.0
) -> AsyncIterator[Spoken]:
    desk = desk or MemoryDesk()
    made: asyncio.Future[tuple[Connection, Speaker]] = asyncio.get_running_loop().create_future()

    async def serve_one(socket: ServerConnection) -> None:
        async def call(request: Request) -> CallAnswer:
            return await connection.call(request.action, request.text)

        speaker = dialect.speaker(desk, call)
        connection = Connection(
            socket, on_call=speaker.on_call, call_timeout_s=call_timeout_s, framing=dialect.framing
        )
        made.set_result((connection, speaker))
        await connection.run()

    async with (
        serve(serve_one, "127.0.0.1", 0, compression=None, max_size=MAX_FRAME_BYTES) as server,
        connect(
            f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", compression=None, max_queue=None
        ) as charger,
    ):
        connection, speaker = await made
        yield Spoken(charger=charger, connection=connection, speaker=speaker, desk=desk)
