"""What one peer may cost: sockets, frames and lines in the log, over real sockets."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from dispatch.events import SecurityNoticed
from dispatch.gateway import Gateway, door
from dispatch.gateway.limits import LOGINS, SOCKETS, UNKNOWN, Rate
from tests.dispatch.gateway_builders import (
    SOON_S,
    a_charge_point,
    a_gateway,
    a_journal,
    a_listening_depot,
    eventually,
)


async def answer_to(gateway: Gateway, charger_id: str = "CP1", **options: Any) -> tuple[int, str | None]:
    """The status of an attempt to come in, and how long to wait; 101 for one that is let in."""
    try:
        async with a_charge_point(gateway, charger_id, **options):
            return 101, None
    except InvalidStatus as refusal:
        response = refusal.response
        return response.status_code, response.headers.get("Retry-After")


async def test_wrong_passwords_are_listened_to_so_often_and_no_more(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    async with a_gateway(tmp_path, journal=journal) as gateway:
        tried = [await answer_to(gateway, password="wrong") for _ in range(LOGINS.burst + 1)]
        assert tried == [(401, None)] * LOGINS.burst + [(429, "60")]
        assert await answer_to(gateway, "CP2") == (101, None)
        await eventually(lambda: bool(journal.events(kinds=("security_noticed",))), gateway)
    (noticed,) = journal.events(kinds=("security_noticed",))
    assert isinstance(noticed, SecurityNoticed)
    assert (noticed.charger_id, noticed.what) == ("CP1", "FailedToAuthenticateAtCsms")
    assert noticed.detail == "a wrong or missing password from 127.0.0.1"
    journal.close()


async def test_a_charger_may_open_so_many_sockets_and_is_told_how_long_to_wait(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, a_listening_depot(security_profile=0)) as gateway:
        came = [await answer_to(gateway) for _ in range(SOCKETS.burst + 1)]
        assert came[:-1] == [(101, None)] * SOCKETS.burst
        status, wait_s = came[-1]
        assert status == 429
        assert 1 <= int(wait_s or 0) <= 1 / SOCKETS.per_s
        assert await answer_to(gateway, "CP2") == (101, None)


async def test_names_that_nobody_knows_fill_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_gateway(tmp_path) as gateway:
        for number in range(UNKNOWN.burst + 5):
            assert await answer_to(gateway, f"CP-{number}-" + "x" * 500) == (404, None)
    lines = [line for line in caplog.messages if "not in depot.yaml" in line]
    assert len(lines) == UNKNOWN.burst
    assert max(map(len, lines)) < 150


async def test_handshakes_that_fail_fill_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_gateway(tmp_path) as gateway:
        for _ in range(UNKNOWN.burst + 20):
            reader, writer = await asyncio.open_connection(gateway.ocpp.host, gateway.ocpp.port)
            writer.write(b"what is this\r\n\r\n")
            await reader.read()
            writer.close()
    wire = [record for record in caplog.records if record.name == "dispatch.gateway.wire"]
    assert len(wire) <= UNKNOWN.burst + 1


async def calls_per_second(charge_point: Any, count: int) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(count):
        await charge_point.send([2, str(number), "Heartbeat", {}])
    for _ in range(count):
        await charge_point.receive()
    return float(count / (loop.time() - began))


async def test_a_charger_that_floods_is_slowed_down_and_answered_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "FRAMES", Rate(burst=10, per_s=50.0))
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway, "CP1") as flooding,
        a_charge_point(gateway, "CP2") as other,
        asyncio.timeout(SOON_S),
    ):
        flood = asyncio.create_task(calls_per_second(flooding, 60))
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(5):
            assert await other.call("Heartbeat", {})
        assert loop.time() - began < 0.9
        assert not flood.done()
        assert await flood < 70


async def test_large_frames_count_by_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "FRAMES", Rate(burst=20, per_s=100.0))
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        await charge_point.send([2, "1", "DataTransfer", {"vendorId": "x", "data": "x" * 800_000}])
        loop = asyncio.get_running_loop()
        began = loop.time()
        await charge_point.receive()
        assert loop.time() - began > 0.25


async def test_what_a_charger_sends_ahead_of_its_turn_is_not_kept_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.gateway.server.CLOSE_S", 0.1)
    monkeypatch.setattr(door, "FRAMES", Rate(burst=1, per_s=0.001))
    frame = json.dumps([2, "1", "DataTransfer", {"vendorId": "x", "data": "x" * 500_000}])
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        sent = 0

        async def send() -> None:
            nonlocal sent
            while True:
                await charge_point.socket.send(frame)
                sent += 1

        sending = asyncio.create_task(send())
        await until_still(lambda: sent)
        sending.cancel()
        await asyncio.wait([sending])
        assert sent < 40  # a queue of four, and what the kernel holds of both ends
        charge_point.socket.transport.abort()


async def test_a_charger_that_is_slowed_down_does_not_hold_up_a_gateway_that_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "FRAMES", Rate(burst=1, per_s=0.001))
    async with asyncio.timeout(SOON_S):
        async with a_gateway(tmp_path) as gateway:
            slowed = a_charge_point(gateway)
            charge_point = await slowed.__aenter__()
            await charge_point.boot()
            for number in range(3):
                await charge_point.send([2, str(number), "Heartbeat", {}])
        assert await charge_point.until_closed() == 1001
        await slowed.__aexit__(None, None, None)


async def until_still(count: Callable[[], int]) -> None:
    """Until something that is counted has not gone on for a while."""
    before = -1
    while count() != before:
        before = count()
        await asyncio.sleep(0.3)


async def test_a_peer_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.gateway.server.HANDSHAKE_S", 0.2)
    async with a_gateway(tmp_path) as gateway, asyncio.timeout(SOON_S):
        reader, writer = await asyncio.open_connection(gateway.ocpp.host, gateway.ocpp.port)
        writer.write(b"GET /CP1 HTTP/1.1\r\n")
        await reader.read()
        writer.close()


async def test_a_charger_that_is_cut_off_without_a_word_is_away_after_a_ping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.gateway.server.CLOSE_S", 0.1)
    async with a_gateway(tmp_path, ping_s=0.1) as gateway, a_charge_point(gateway) as charge_point:
        await charge_point.boot()
        charge_point.socket.transport.pause_reading()
        async with asyncio.timeout(SOON_S):
            while (live := await gateway.stations.live()).charger("CP1").connected_since is not None:
                await gateway.stations.wait_for_change(after=live.now, timeout_s=0.05)
        charge_point.socket.transport.abort()


def test_websockets_own_words_are_never_below_a_warning() -> None:
    wire = logging.getLogger("dispatch.gateway.wire")
    assert wire.getEffectiveLevel() == logging.WARNING
