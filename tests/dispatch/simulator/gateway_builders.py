"""A gateway just big enough to hold simulated charge points against: real sockets, every frame checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from dispatch.connection import CallAnswer, CallRefusedError, Connection, Ending, Frame
from dispatch.simulator.charge_point import ChargePoint, Timing, websocket_dial
from dispatch.simulator.machine import Machine
from optimiser.horizon import format_instant
from tests.dispatch.simulator.simulator_builders import NOW, check_schema

WAIT_S = 10.0
SUBPROTOCOLS = [Subprotocol("ocpp1.6"), Subprotocol("ocpp2.0.1")]
FAST = Timing(tick_s=0.01, boot_retry_s=0.01, reconnect_s=0.01, reconnect_max_s=0.05, call_timeout_s=5.0)
UNHURRIED = Timing(tick_s=0.01, reconnect_s=0.2, call_timeout_s=5.0)
"""Away long enough after a lost connection for a test to change the world meanwhile."""
Answer = Callable[[dict[str, Any]], Mapping[str, Any]]


class SteppedClock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class TinyGateway:
    """Accepts everything unless told otherwise, numbers transactions from 1 and remembers what it heard."""

    __test__ = False

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.heard: list[tuple[str, str, dict[str, Any]]] = []
        self.connections: dict[str, Connection] = {}
        self.headers: dict[str, str | None] = {}
        self.answers: dict[str, Answer] = {}
        self.hold: dict[str, asyncio.Event] = {}
        self.versions: dict[str, str] = {}
        self.bad_frames: list[str] = []
        self.sockets = 0
        self.port = 0
        self._started = 0
        self._news = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def said(self, action: str, charger_id: str = "CP1") -> list[dict[str, Any]]:
        return [payload for who, what, payload in self.heard if (who, what) == (charger_id, action)]

    async def wait_for(
        self, action: str, *, count: int = 1, charger_id: str = "CP1", **having: Any
    ) -> dict[str, Any]:
        """The ``count``-th request of this kind that has these properties."""

        def found() -> list[dict[str, Any]]:
            return [p for p in self.said(action, charger_id) if having.items() <= p.items()]

        await self._until(lambda: len(found()) >= count)
        return found()[count - 1]

    async def wait_for_socket(self, count: int) -> None:
        await self._until(lambda: self.sockets >= count)

    async def call(self, action: str, payload: Mapping[str, Any], *, charger_id: str = "CP1") -> CallAnswer:
        return await self.connections[charger_id].call(action, payload)

    async def ask(self, action: str, charger_id: str = "CP1", **payload: Any) -> dict[str, Any]:
        answer = await self.call(action, payload, charger_id=charger_id)
        assert answer.ending is Ending.RESULT, answer
        return dict(answer.payload)

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        charger_id = socket.request.path.rsplit("/", 1)[-1]
        self.headers[charger_id] = socket.request.headers.get("Authorization")

        version = self.versions[charger_id] = str(socket.subprotocol).removeprefix("ocpp")

        async def on_call(action: str, payload: Any) -> Mapping[str, Any]:
            answer = self._answer(action, payload)
            self.heard.append((charger_id, action, payload))
            held = self.hold.get(action)
            await self._tell()
            if held is not None:
                await held.wait()
            return answer

        connection = Connection(
            socket, on_call=on_call, on_frame=partial(self._check, version), call_timeout_s=WAIT_S
        )
        self.connections[charger_id] = connection
        self.sockets += 1
        await self._tell()
        await connection.run()

    def _answer(self, action: str, payload: dict[str, Any]) -> Mapping[str, Any]:
        if action in self.answers:
            return self.answers[action](payload)
        now = format_instant(self.clock())
        self._started += action == "StartTransaction"
        answers: dict[str, dict[str, Any]] = {
            "BootNotification": {"status": "Accepted", "currentTime": now, "interval": 300},
            "Heartbeat": {"currentTime": now},
            "Authorize": {"idTagInfo": {"status": "Accepted"}, "idTokenInfo": {"status": "Accepted"}},
            "StartTransaction": {"transactionId": self._started, "idTagInfo": {"status": "Accepted"}},
            "NotifyEVChargingNeeds": {"status": "Accepted"},
        }
        return answers.get(action, {})

    def _check(self, version: str, frame: Frame) -> None:
        if frame.direction == "out":
            return
        document = json.loads(frame.text)
        try:
            if document[0] == 2:
                check_schema(document[2], document[3], version=version)
            elif document[0] == 3:
                check_schema(f"{frame.action}Response", document[2], version=version)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
            self.bad_frames.append(f"{frame.text}: {error}")

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _until(self, fulfilled: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(fulfilled)


def refuse(code: str) -> Answer:
    """An answer that is a CALLERROR."""

    def answer(_: dict[str, Any]) -> Mapping[str, Any]:
        raise CallRefusedError(code, "by the test")

    return answer


@asynccontextmanager
async def a_gateway(clock: Callable[[], datetime], *, port: int = 0) -> AsyncIterator[TinyGateway]:
    """A gateway on a free port of the loopback; at its end every frame it received must have been good."""
    gateway = TinyGateway(clock)
    async with serve(gateway.serve, "127.0.0.1", port, subprotocols=SUBPROTOCOLS) as server:
        gateway.port = next(iter(server.sockets)).getsockname()[1]
        yield gateway
    assert gateway.bad_frames == []


async def lose_connection(gateway: TinyGateway, machine: Machine) -> None:
    """Close the socket of CP1, which has noticed it at the end."""
    await gateway.connections["CP1"].close()
    async with asyncio.timeout(WAIT_S):
        while machine.is_online:  # noqa: ASYNC110 - it tells nobody but the wire, which is gone
            await asyncio.sleep(0)


@asynccontextmanager
async def running(
    machine: Machine,
    gateway_url: str,
    clock: Callable[[], datetime],
    *,
    password: str | None = "secret",
    timing: Timing = FAST,
) -> AsyncIterator[ChargePoint]:
    """A charge point dialling a gateway while the block lasts."""
    dial = websocket_dial(
        machine, gateway_url=gateway_url, password=password, timeout_s=timing.call_timeout_s
    )
    point = ChargePoint(machine, dial=dial, clock=clock, timing=timing)
    task = asyncio.create_task(point.run())
    try:
        yield point
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
