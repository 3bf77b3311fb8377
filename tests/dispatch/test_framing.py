"""What the versions of OCPP-J say differently, and answers that are there at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from dispatch.connection import OCPP_16, OCPP_201, CallRefusedError, Connection, Ending, Framing
from dispatch.frames import json_text
from tests.dispatch.wire_builders import SOON_S, a_wire


def at_once(action: str, payload: Any) -> Mapping[str, Any]:
    if action == "Refused":
        raise CallRefusedError("NotSupported", "not here")
    return {"action": action, "payload": payload}


async def test_an_answer_that_is_there_at_once_needs_no_task() -> None:
    async with a_wire(at_once) as wire:
        await wire.send([2, "1", "Ping", {"n": 1}])
        assert await wire.receive() == [3, "1", {"action": "Ping", "payload": {"n": 1}}]
        await wire.send([2, "2", "Refused", {}])
        assert await wire.receive() == [4, "2", "NotSupported", "not here", {}]
        for _ in range(2):
            await wire.send([2, "2", "Refused", {}])
            assert (await wire.receive())[:2] == [4, "2"]


async def test_an_error_in_our_own_program_ends_the_connection_also_at_once() -> None:
    def broken(_action: str, _payload: Any) -> Mapping[str, Any]:
        raise ZeroDivisionError

    async with a_wire(broken) as wire:
        await wire.send([2, "1", "Ping", {}])
        await asyncio.wait([wire.running], timeout=SOON_S)
        with pytest.RaisesGroup(ZeroDivisionError):
            wire.running.result()


async def test_a_payload_that_is_written_already_is_sent_as_it_is() -> None:
    async with a_wire(at_once) as wire, asyncio.TaskGroup() as tasks:
        call = tasks.create_task(wire.connection.call('Say "hi"', json_text({"limit": 5.7})))
        kind, message_id, action, payload = await wire.receive()
        assert (kind, action, payload) == (2, 'Say "hi"', {"limit": 5.7})
        await wire.send([3, message_id, {}])
        assert (await call).ending is Ending.RESULT


async def test_message_ids_are_short_and_never_come_again_also_not_on_the_next_socket() -> None:
    ids: list[str] = []
    for _ in range(3):
        async with a_wire(at_once) as wire:
            for _ in range(3):
                call = asyncio.create_task(wire.connection.call("Ping", {}))
                message_id = (await wire.receive())[1]
                await wire.send([3, message_id, {}])
                await call
                ids.append(message_id)
    assert len(set(ids)) == 9
    assert max(map(len, ids)) <= 36


@pytest.mark.parametrize(
    ("framing", "frame", "answer"),
    [
        (OCPP_16, [2, "1", "Ping"], [4, "1", "ProtocolError"]),
        (OCPP_201, [2, "1", "Ping"], [4, "1", "RpcFrameworkError"]),
        (OCPP_16, [2, 5, "Ping", {}], None),
        (OCPP_201, [2, 5, "Ping", {}], [4, "-1", "RpcFrameworkError"]),
        (OCPP_201, [2], [4, "-1", "RpcFrameworkError"]),
        (OCPP_201, [4, "-1", "RpcFrameworkError", "", {}], None),
        (OCPP_201, [9, "1", "Ping", {}], None),
        (OCPP_201, "junk", None),
    ],
)
async def test_what_cannot_be_read_is_answered_as_the_version_says(
    framing: Framing, frame: Any, answer: list[Any] | None
) -> None:
    async def serve_one(socket: ServerConnection) -> None:
        await Connection(socket, on_call=at_once, call_timeout_s=5.0, framing=framing).run()

    async with (
        serve(serve_one, "127.0.0.1", 0) as server,
        connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as peer,
    ):
        for document in (frame, [2, "next", "Ping", {}]):
            await peer.send(json.dumps(document))
        first = json.loads(await peer.recv())
        if answer is not None:
            assert first[:3] == answer
            first = json.loads(await peer.recv())
        assert first[:2] == [3, "next"]
