"""Virtual time passes when everybody waits, and only then; sockets of one process lose nothing by it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from dispatch.rehearsal.virtual import run_virtually, virtual_clock
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night

DAY_S = 86_400.0


def test_a_day_passes_at_once() -> None:
    async def sleep() -> float:
        await asyncio.sleep(DAY_S)
        return asyncio.get_running_loop().time()

    begun_s = time.monotonic()
    assert run_virtually(sleep) == DAY_S
    assert time.monotonic() - begun_s < 1.0


def test_what_sleeps_wakes_in_the_order_of_its_time() -> None:
    async def wake() -> list[tuple[float, str]]:
        woken: list[tuple[float, str]] = []
        loop = asyncio.get_running_loop()

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((loop.time(), name))

        async with asyncio.TaskGroup() as tasks:
            for name, seconds in (("late", 7200.0), ("early", 0.25), ("middle", 60.0)):
                tasks.create_task(sleeper(name, seconds))
        return woken

    assert run_virtually(wake) == [(0.25, "early"), (60.0, "middle"), (7200.0, "late")]


def test_time_stands_still_while_somebody_works() -> None:
    async def work() -> float:
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < 0.05:  # noqa: ASYNC110 - it is real time that passes
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert run_virtually(work) == 0.0


def test_a_timeout_ends_after_its_virtual_time() -> None:
    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600.0):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtually(wait) == 3600.0


def test_the_clock_shows_its_begin_and_what_has_passed_since() -> None:
    begin = a_planned_night()[1].horizon.start

    async def look() -> timedelta:
        clock = virtual_clock(begin)
        await asyncio.sleep(0.125)
        return clock() - begin

    assert run_virtually(look) == timedelta(milliseconds=125)


def test_a_thousand_messages_over_a_socket_take_no_virtual_time() -> None:
    """An echo that is waited for with a time-out of an hour comes long before, also when it is a long one."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()

    async def talk() -> float:
        server = await asyncio.start_server(echo, "127.0.0.1", 0, limit=2**20)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        for number in range(1000):
            message = b"x" * (number % 7 * 10_000) + b"\n"
            writer.write(message)
            async with asyncio.timeout(3600.0):
                assert await reader.readline() == message
        passed_s = asyncio.get_running_loop().time()
        writer.close()
        await writer.wait_closed()
        server.close()
        return passed_s

    assert run_virtually(talk) == 0.0
