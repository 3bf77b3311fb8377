"""A raw peer and a connection on the two ends of one real WebSocket on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from dispatch.connection import Connection, Frame, OnCall

SOON_S = 5.0
"""What should happen at once has happened by then, also on a busy machine. [s]"""


async def no_calls(action: str, payload: Any) -> Mapping[str, Any]:
    raise AssertionError(f"unexpected call {action} {payload}")


@dataclass(kw_only=True)
class Wire:
    """``connection`` is what is tested, ``peer`` the raw socket at the other end."""

    connection: Connection
    peer: ClientConnection
    running: asyncio.Task[None]
    frames: list[Frame] = field(default_factory=list)

    async def send(self, document: Any) -> None:
        await self.peer.send(document if isinstance(document, str) else json.dumps(document))

    async def receive(self) -> Any:
        async with asyncio.timeout(SOON_S):
            return json.loads(await self.peer.recv())

    async def says_nothing_but(self, document: Any) -> None:
        """Make a call that is answered for sure, and see that nothing else came before its answer."""
        await self.send([2, "marker", "Marker", {}])
        assert await self.receive() == document


@asynccontextmanager
async def a_wire(on_call: OnCall = no_calls, *, call_timeout_s: float = 30.0) -> AsyncIterator[Wire]:
    frames: list[Frame] = []
    made: asyncio.Future[tuple[Connection, asyncio.Task[None]]] = asyncio.get_running_loop().create_future()

    async def serve_one(socket: ServerConnection) -> None:
        connection = Connection(
            socket, on_call=on_call, on_frame=frames.append, call_timeout_s=call_timeout_s
        )
        running = asyncio.create_task(connection.run())
        made.set_result((connection, running))
        await asyncio.wait([running])

    async with serve(serve_one, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/", compression=None) as peer:
            connection, running = await made
            yield Wire(connection=connection, peer=peer, running=running, frames=frames)
        await asyncio.wait([running], timeout=SOON_S)
        assert running.done()
