"""What it costs to send a profile: run by name, ``python -m pytest tests/benchmarks/test_wire.py -s``."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from dispatch.connection import Connection, Ending
from dispatch.dialect import Dialect
from dispatch.dialects import DIALECTS
from dispatch.station import Purpose, SchedulePeriod, StationProfile

BEGIN = datetime(2025, 11, 10, 12, tzinfo=UTC)
ROUNDS = 40
CALLS = 50
ALLOWED_TIMES_ECHO = 4.0
PROFILE = StationProfile(
    profile_id=7,
    connector_id=1,
    purpose=Purpose.TX_DEFAULT,
    stack_level=1,
    start=BEGIN,
    duration_s=86400,
    valid_from=BEGIN,
    valid_to=BEGIN + timedelta(days=1),
    unit="A",
    periods=tuple(
        SchedulePeriod(start_s=900 * n, limit=6.0 + n * 37 % 260 / 10, number_phases=3) for n in range(96)
    ),
)
"""96 quarter hours, no two neighbours alike and most of them with a decimal."""


def accept(_action: str, _payload: Any) -> Mapping[str, Any]:
    return {"status": "Accepted"}


@asynccontextmanager
async def a_socket(
    serve_one: Callable[[ServerConnection], Awaitable[None]],
) -> AsyncIterator[ClientConnection]:
    async with serve(serve_one, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/", compression=None) as socket:
            yield socket


async def median_us(act: Callable[[], Awaitable[None]]) -> float:
    times = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        await act()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


@pytest.mark.parametrize("ocpp", sorted(DIALECTS))
async def test_a_profile_of_96_periods_costs_at_most_four_times_an_echo_of_its_bytes(ocpp: str) -> None:
    dialect: Dialect = DIALECTS[ocpp]

    async def echo_all(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async def answer_all(socket: ServerConnection) -> None:
        await Connection(socket, on_call=accept, call_timeout_s=30.0, framing=dialect.framing).run()

    async with a_socket(echo_all) as raw, a_socket(answer_all) as socket:
        ours = Connection(socket, on_call=accept, call_timeout_s=30.0, framing=dialect.framing)
        running = asyncio.create_task(ours.run())
        request = dialect.set_profile(PROFILE)
        frame = f'[2,"{"x" * 36}","{request.action}",{request.text}]'
        assert len(json.loads(frame)) == 4

        async def echo() -> None:
            await raw.send(frame)
            await raw.recv()

        async def push() -> None:
            written = dialect.set_profile(PROFILE)
            assert (await ours.call(written.action, written.text)).ending is Ending.RESULT

        await median_us(push)
        # In turns, so that a busy machine is busy for both.
        rounds = [(await median_us(echo), await median_us(push)) for _ in range(ROUNDS)]
        await ours.close()
        await running
    ratio = statistics.median(pushed / echoed for echoed, pushed in rounds)
    echoed, pushed = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(
        f"\nOCPP {ocpp}: {len(frame)} bytes echoed in {echoed:.0f} us, a profile pushed in {pushed:.0f} us: "
        f"{ratio:.2f} times as long"
    )
    assert ratio <= ALLOWED_TIMES_ECHO
