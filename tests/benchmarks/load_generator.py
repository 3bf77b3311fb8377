"""Charge points in one process of their own, good ones or bad ones, against a gateway: ``python -m`` with a JSON order.

The order is one line on standard input, what was found comes as lines of JSON on standard output.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import random
import resource
import ssl
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from dispatch.tls import trusting

PERIOD_S = 60.0
"""Between two readings, and two heartbeats, of one charge point."""
PATIENCE_S = 60.0
GONE = (OSError, WebSocketException, TimeoutError, EOFError)
BOOT = {"chargePointVendor": "Load", "chargePointModel": "One", "firmwareVersion": "1.0"}


class Door(NamedTuple):
    """Where the gateway is, and how it is trusted."""

    host: str
    port: int
    trust: ssl.SSLContext | None


@dataclass(kw_only=True)
class Tally:
    """What came of all charge points of a process."""

    heartbeats_s: list[float] = field(default_factory=list)
    served_s: list[float] = field(default_factory=list)
    lost: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(kw_only=True)
class Good:
    """A charge point of 1.6 that boots, and then tells its meter and its heart once a minute."""

    charger_id: str
    password: str
    door: Door
    tally: Tally
    socket: ClientConnection | None = None
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def come(self, begun_s: float) -> None:
        """Dial in until let in, boot, and have a heartbeat answered."""
        wait_s = 1.0
        while True:
            try:
                self.socket = await connect(
                    f"{'ws' if self.door.trust is None else 'wss'}://{self.door.host}:{self.door.port}/{self.charger_id}",
                    ssl=self.door.trust,
                    subprotocols=[Subprotocol("ocpp1.6")],
                    additional_headers=authorization(self.charger_id, self.password),
                    compression=None,
                    ping_interval=None,
                    open_timeout=PATIENCE_S,
                    proxy=None,
                )
                await self.call("BootNotification", BOOT)
                await self.call("Heartbeat", {})
            except GONE as error:
                self.tally.refused[f"{type(error).__name__}: {error}"[:60]] += 1
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
                wait_s = min(30.0, 2 * wait_s)
            else:
                self.tally.served_s.append(time.monotonic() - begun_s)
                return

    async def live(self, until_s: float) -> None:
        """One reading and one heartbeat a minute; a socket that is lost is counted."""
        energy_wh = itertools.count(random.randrange(10**6), 180)
        await asyncio.sleep(random.uniform(0.0, PERIOD_S))
        while (now_s := time.monotonic()) < until_s:
            try:
                await self.call("MeterValues", readings(next(energy_wh)))
                begun_s = time.monotonic()
                await self.call("Heartbeat", {})
                self.tally.heartbeats_s.append(time.monotonic() - begun_s)
            except GONE:
                self.tally.lost += 1
                await self.come(time.monotonic())
            await asyncio.sleep(max(0.0, min(now_s + PERIOD_S, until_s) - time.monotonic()))

    def cut(self) -> None:
        """Lose the line without a word."""
        if self.socket is not None:
            self.socket.transport.abort()

    async def call(self, action: str, payload: Any) -> None:
        """Send a call and wait for its answer; what the gateway asks meanwhile is answered."""
        assert self.socket is not None
        message_id = f"{next(self._numbers)}"
        async with asyncio.timeout(PATIENCE_S):
            await self.socket.send(json.dumps([2, message_id, action, payload]))
            while True:
                message = json.loads(await self.socket.recv())
                if message[0] == 3 and message[1] == message_id:
                    return
                if message[0] == 2:
                    known: dict[str, Any] = {"configurationKey": []}
                    answer = known if message[2] == "GetConfiguration" else {"status": "Rejected"}
                    await self.socket.send(json.dumps([3, message[1], answer]))


def readings(energy_wh: int) -> dict[str, Any]:
    """What a charge point measures of three phases."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sampled: list[dict[str, str]] = [
        {"value": str(energy_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "10800", "measurand": "Power.Active.Import", "unit": "W"},
        *(
            {"value": "15.7", "measurand": "Current.Import", "phase": p, "unit": "A"}
            for p in ("L1", "L2", "L3")
        ),
    ]
    return {"connectorId": 1, "meterValue": [{"timestamp": stamp, "sampledValue": sampled}]}


def authorization(charger_id: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{charger_id}:{password}".encode()).decode()}


async def silent(_charger_id: str, _password: str, door: Door) -> None:
    """Opens a connection and says nothing."""
    reader, writer = await asyncio.open_connection(door.host, door.port)
    await reader.read()
    writer.close()


async def slow(charger_id: str, password: str, door: Door) -> None:
    """Says all that it has to say, ten bytes a second."""
    reader, writer = await asyncio.open_connection(door.host, door.port)
    key = base64.b64encode(random.randbytes(16)).decode()
    request = (
        f"GET /{charger_id} HTTP/1.1\r\nHost: depot\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
        f"Authorization: {authorization(charger_id, password)['Authorization']}\r\n\r\n"
    )
    for character in request:
        writer.write(character.encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        if reader.at_eof():
            break
    writer.close()


async def flooding(charger_id: str, password: str, door: Door) -> None:
    """Sends calls as fast as they are taken and reads no answer but to make room."""
    async with _entered(charger_id, password, door) as socket:
        frames = itertools.count()

        async def read() -> None:
            async for _ in socket:
                pass

        reading = asyncio.create_task(read())
        try:
            while True:
                frame = json.dumps(
                    [2, str(next(frames)), "DataTransfer", {"vendorId": "x", "data": "x" * 400}]
                )
                await socket.send(frame)
        finally:
            reading.cancel()


async def half_open(charger_id: str, password: str, door: Door) -> None:
    """Comes in, boots, and is never heard of again."""
    async with _entered(charger_id, password, door) as socket:
        await socket.send(json.dumps([2, "1", "BootNotification", BOOT]))
        await socket.recv()
        socket.transport.pause_reading()
        await asyncio.sleep(120.0)


def _entered(charger_id: str, password: str, door: Door) -> connect:
    return connect(
        f"ws://{door.host}:{door.port}/{charger_id}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers=authorization(charger_id, password),
        compression=None,
        ping_interval=None,
        open_timeout=PATIENCE_S,
        close_timeout=1.0,
        proxy=None,
    )


BAD: dict[str, Callable[[str, str, Door], Awaitable[None]]] = {
    "slow": slow,
    "silent": silent,
    "flooding": flooding,
    "half-open": half_open,
}


async def misbehave(kind: str, charger_id: str, password: str, door: Door) -> None:
    """A bad one, again and again."""
    while True:
        with suppress(*GONE):
            await BAD[kind](charger_id, password, door)
        await asyncio.sleep(1.0)


def tell(**found: Any) -> None:
    """A line for whoever has ordered this."""
    print(json.dumps(found), flush=True)


async def good_ones(order: dict[str, Any], door: Door) -> None:
    """All come at once, live for a while, lose their lines at once, and come again."""
    tally = Tally()
    points = [
        Good(charger_id=name, password=password, door=door, tally=tally)
        for name, password in order["passwords"].items()
    ]
    tell(phase="first", **await storm(points, tally))
    until_s = time.monotonic() + order["steady_s"]
    async with asyncio.TaskGroup() as tasks:
        for point in points:
            tasks.create_task(point.live(until_s))
    beats = sorted(tally.heartbeats_s)
    tell(
        phase="steady",
        heartbeats=len(beats),
        p50_s=beats[len(beats) // 2],
        p99_s=beats[int(len(beats) * 0.99)],
        worst_s=beats[-1],
        lost=tally.lost,
        cpu_s=time.process_time(),
    )
    if order["again"]:
        for point in points:
            point.cut()
        tell(phase="again", **await storm(points, tally))


async def storm(points: list[Good], tally: Tally) -> dict[str, Any]:
    """All of them come at once; how long it takes until the last one is served. [s]"""
    tally.served_s.clear()
    tally.refused.clear()
    begun_s = time.monotonic()
    await asyncio.gather(*(point.come(begun_s) for point in points))
    served = sorted(tally.served_s)
    return {
        "served": len(served),
        "half_s": served[len(served) // 2],
        "all_s": served[-1],
        "tried_again": tally.refused.total(),
        "because": dict(tally.refused.most_common(3)),
    }


async def bad_ones(order: dict[str, Any], door: Door) -> None:
    """Bad ones, kind after kind, until this process is ended."""
    async with asyncio.TaskGroup() as tasks:
        for number, (name, password) in enumerate(order["passwords"].items()):
            kind = list(BAD)[number % len(BAD)]
            tasks.create_task(misbehave(kind, name, password, door))
        tell(phase="begun")


def main() -> None:
    """Carry out the order."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    order = json.loads(sys.stdin.readline())
    certificate = order.get("certificate")
    trust = None if certificate is None else trusting(Path(certificate))
    door = Door(order["host"], order["port"], trust)
    asyncio.run(bad_ones(order, door) if order["bad"] else good_ones(order, door))


if __name__ == "__main__":
    main()
