"""A gateway with its journal on loopback, and charge points that are nothing but a socket."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from dispatch.api.token import ApiTokens, Role
from dispatch.credentials import HashedPassword, canonical, write_credentials
from dispatch.gateway import Entrance, Gateway, entrance_of, running
from dispatch.gateway.live import Clock
from dispatch.journal import Journal, open_journal
from dispatch.station import Purpose, SchedulePeriod, StationProfile
from optimiser.depot import Depot, GatewaySettings
from tests.builders import a_depot

SOON_S = 10.0
TOKEN = "token-of-the-tests"
TOKENS = ApiTokens(of={Role.READ: "token-to-read", Role.DISPATCH: "token-to-dispatch", Role.ADMIN: TOKEN})
CREDENTIALS = "credentials.yaml"
CHEAP = 2
"""scrypt's cost in tests that are about something else."""
NOW = datetime(2025, 11, 10, 19, 30, tzinfo=UTC)
START = {"connectorId": 1, "idTag": "TAG-V1", "meterStart": 12345, "timestamp": "2025-11-10T19:00:00Z"}


def a_listening_depot(
    depot: Depot | None = None,
    *,
    security_profile: int = 1,
    listen: str = "127.0.0.1:0",
    api: str = "127.0.0.1:0",
) -> Depot:
    return replace(
        depot or a_depot(),
        gateway=GatewaySettings(
            listen=listen, api=api, security_profile=security_profile, credentials=CREDENTIALS
        ),
    )


def passwords(depot: Depot) -> dict[str, str]:
    return {charger.id: f"password-of-{charger.id}" for charger in depot.chargers}


def hashed(given: Mapping[str, str]) -> dict[str, HashedPassword]:
    """Passwords as a gateway knows them."""
    return {
        charger_id: HashedPassword.of(canonical(text.encode()), cost=CHEAP)
        for charger_id, text in given.items()
    }


def an_entrance(folder: Path, depot: Depot) -> Entrance:
    """Where a depot's chargers come in, each with the password that it has in tests."""
    write_credentials(folder / CREDENTIALS, hashed(passwords(depot)))
    return entrance_of(depot, folder, now=datetime.now(UTC))


def a_journal(folder: Path) -> Journal:
    return open_journal("sqlite:///depot.db", folder)


def basic(user: str, password: str | bytes) -> dict[str, str]:
    secret = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()}


@asynccontextmanager
async def a_gateway(
    folder: Path,
    depot: Depot | None = None,
    *,
    journal: Journal | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    call_timeout_s: float = 20.0,
    **settings: Any,
) -> AsyncIterator[Gateway]:
    depot = depot or a_listening_depot()
    own = journal or a_journal(folder)
    try:
        async with running(
            depot,
            own,
            entrance=an_entrance(folder, depot),
            api_tokens=TOKENS,
            clock=clock,
            call_timeout_s=call_timeout_s,
            **settings,
        ) as gateway:
            yield gateway
    finally:
        if journal is None:
            own.close()


@dataclass(kw_only=True)
class ChargePoint:
    """A charge point that says what it can hold by itself, and nothing else that it is not told to."""

    socket: ClientConnection
    configuration: Sequence[Mapping[str, Any]] = ()
    variables: Sequence[Mapping[str, Any]] = ()
    sent_by_gateway: list[Any] = field(default_factory=list)
    _count: int = 0

    async def call(self, action: str, payload: Any, *, message_id: str | None = None) -> Any:
        """Make a call and return the payload of its answer, or the whole CALLERROR."""
        self._count += 1
        message_id = message_id or f"cp-{self._count}"
        await self.send([2, message_id, action, payload])
        answer = await self.receive(lambda message: message[0] != 2)
        assert answer[1] == message_id
        return answer[2] if answer[0] == 3 else answer

    async def send(self, document: Any) -> None:
        await self.socket.send(json.dumps(document))

    async def receive(self, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """The next message that is wanted; configuration questions are answered on the way."""
        async with asyncio.timeout(SOON_S):
            while True:
                message = json.loads(await self.socket.recv())
                self.sent_by_gateway.append(message)
                if message[0] == 2 and message[2] == "GetConfiguration":
                    await self.send([3, message[1], {"configurationKey": list(self.configuration)}])
                elif message[0] == 2 and message[2] == "GetVariables":
                    await self.send([3, message[1], {"getVariableResult": list(self.variables)}])
                elif wanted(message):
                    return message

    async def answer(self, action: str, payload: Any) -> Any:
        """Wait for a call of the gateway, answer it, and return its payload."""
        message = await self.receive(lambda message: message[0] == 2)
        assert message[2] == action
        await self.send([3, message[1], payload])
        return message[3]

    async def until_closed(self) -> int:
        """Take whatever comes until the gateway closes the socket; returns its close code."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(SOON_S):
                while True:
                    self.sent_by_gateway.append(json.loads(await self.socket.recv()))
        return self.socket.close_code or 0

    async def boot(self) -> Any:
        return await self.call(
            "BootNotification",
            {"chargePointVendor": "ACME", "chargePointModel": "One", "firmwareVersion": "1.0"},
        )

    async def boot_201(self) -> Any:
        station = {"vendorName": "ACME", "model": "Two", "firmwareVersion": "2.0"}
        return await self.call("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    async def start(self, *, id_tag: str = "TAG-V1", timestamp: str = "2025-11-10T19:00:00Z") -> Any:
        return await self.call("StartTransaction", START | {"idTag": id_tag, "timestamp": timestamp})


@asynccontextmanager
async def a_charge_point(
    gateway: Gateway,
    charger_id: str = "CP1",
    *,
    password: str | bytes | None = None,
    subprotocols: Sequence[str] | None = ("ocpp1.6",),
    path: str | None = None,
    configuration: Sequence[Mapping[str, Any]] = (),
    variables: Sequence[Mapping[str, Any]] = (),
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ChargePoint]:
    scheme = "ws" if tls is None else "wss"
    async with connect(
        f"{scheme}://{gateway.ocpp}/{path if path is not None else quote(charger_id, safe='')}",
        ssl=tls,
        subprotocols=None if subprotocols is None else [Subprotocol(name) for name in subprotocols],
        additional_headers=basic(charger_id, password or f"password-of-{charger_id}"),
        compression=None,
        proxy=None,
    ) as socket:
        yield ChargePoint(socket=socket, configuration=configuration, variables=variables)


async def eventually(condition: Callable[[], bool], gateway: Gateway) -> None:
    """Wait until the gateway's state fulfils a condition."""
    async with asyncio.timeout(SOON_S):
        while not condition():
            state = await gateway.stations.live()
            await gateway.stations.wait_for_change(after=state.now, timeout_s=0.05)


def a_profile(*, connector_id: int = 1, limit: float = 16.0) -> StationProfile:
    return StationProfile(
        profile_id=7,
        connector_id=connector_id,
        purpose=Purpose.TX_DEFAULT,
        stack_level=0,
        start=NOW,
        duration_s=86400,
        valid_from=NOW,
        valid_to=NOW + timedelta(days=1),
        unit="A",
        periods=(SchedulePeriod(start_s=0, limit=limit, number_phases=3),),
    )


def meter_values(*, power_w: str = "11040", at: str = "2025-11-10T19:05:00Z", **more: Any) -> dict[str, Any]:
    sampled = {"value": power_w, "measurand": "Power.Active.Import", "unit": "W"}
    return {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": [sampled]}], **more}
