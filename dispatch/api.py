"""The gateway's local HTTP API: the verbs of ``station.py`` for whoever holds the token, and the way to call them.

:func:`create_app` serves any :class:`~dispatch.station.Stations`; :class:`ApiStations` is one over HTTP. The API
is for this machine alone and listens on nothing but a loopback address.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import quote

import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, Field, ValidationError

from dispatch.address import Address
from dispatch.station import (
    CompositeReply,
    InstalledReply,
    LiveState,
    ProfileFilter,
    RateUnit,
    Reply,
    StationProfile,
    Stations,
    StationsUnreachableError,
    UnsendableError,
    Value,
)

LONGEST_WAIT_S = 3600.0
"""Longest time for which a change is waited for in one request. [s]"""
ANSWER_S = 300.0
"""How long a verb may take: a charger's own time-out, and that of the calls that wait before it. [s]"""
CONNECT_S = 5.0
"""How long the gateway may take to be reached, on the same machine. [s]"""
SHUTDOWN_S = 5
"""How long a request under way is waited for when the API is shut down: chargers are told good-bye first. [s]"""

BEARER = HTTPBearer(auto_error=False)
Answer = TypeVar("Answer", bound=Value)


class CompositeQuestion(Value):
    """A question for a composite schedule."""

    connector_id: int = Field(ge=0)
    duration_s: int = Field(gt=0)
    unit: RateUnit


class MeterQuestion(Value):
    """A question for meter values."""

    connector_id: int = Field(ge=0)


class Setting(Value):
    """A configuration key and the value that it shall have."""

    key: str
    value: str


class StartQuestion(Value):
    """A session to be begun."""

    connector_id: int = Field(ge=0)
    id_tag: str
    profile: StationProfile | None = None


def create_app(stations: Stations, *, token: str) -> FastAPI:
    """The API over some stations, for requests with this bearer token."""

    def check_token(given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
        if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
            raise HTTPException(401, "wrong or missing token", headers={"WWW-Authenticate": "Bearer"})

    app = FastAPI(
        title="depot gateway",
        dependencies=[Depends(check_token)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )

    @app.exception_handler(UnsendableError)
    async def cannot_be_sent(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    _add_questions(app, stations)
    _add_commands(app, stations)
    return app


def _add_questions(app: FastAPI, stations: Stations) -> None:
    """What changes nothing on a charger."""

    @app.get("/v1/live")
    async def live() -> LiveState:
        return await stations.live()

    @app.get("/v1/changes")
    async def changes(
        after: AwareDatetime, timeout_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)]
    ) -> LiveState:
        return await stations.wait_for_change(after=after, timeout_s=timeout_s)

    @app.get("/v1/chargers/{charger_id:path}/profiles")
    async def installed_profiles(charger_id: str) -> InstalledReply:
        return await stations.installed_profiles(charger_id)

    @app.post("/v1/chargers/{charger_id:path}/composite-schedule")
    async def composite_schedule(charger_id: str, question: CompositeQuestion) -> CompositeReply:
        return await stations.composite_schedule(
            charger_id,
            connector_id=question.connector_id,
            duration_s=question.duration_s,
            unit=question.unit,
        )

    @app.post("/v1/chargers/{charger_id:path}/trigger-meter-values")
    async def trigger_meter_values(charger_id: str, question: MeterQuestion) -> Reply:
        return await stations.trigger_meter_values(charger_id, connector_id=question.connector_id)


def _add_commands(app: FastAPI, stations: Stations) -> None:
    """What changes something on a charger."""

    @app.post("/v1/chargers/{charger_id:path}/profiles")
    async def set_profile(charger_id: str, profile: StationProfile) -> Reply:
        return await stations.set_profile(charger_id, profile)

    @app.post("/v1/chargers/{charger_id:path}/clear-profiles")
    async def clear_profiles(charger_id: str, wanted: ProfileFilter) -> Reply:
        return await stations.clear_profiles(charger_id, wanted)

    @app.delete("/v1/chargers/{charger_id:path}/profiles/{profile_id}")
    async def clear_profile(charger_id: str, profile_id: int) -> Reply:
        return await stations.clear_profile(charger_id, profile_id)

    @app.post("/v1/chargers/{charger_id:path}/configuration")
    async def configure(charger_id: str, setting: Setting) -> Reply:
        return await stations.configure(charger_id, setting.key, setting.value)

    @app.post("/v1/chargers/{charger_id:path}/transactions")
    async def start_transaction(charger_id: str, question: StartQuestion) -> Reply:
        return await stations.start_transaction(
            charger_id,
            connector_id=question.connector_id,
            id_tag=question.id_tag,
            profile=question.profile,
        )

    @app.post("/v1/chargers/{charger_id:path}/reset")
    async def reset(charger_id: str) -> Reply:
        return await stations.reset(charger_id)


class _Server(uvicorn.Server):
    """A web server inside a loop that is not its own: it leaves signals alone and says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.has_started.set()


@asynccontextmanager
async def serving_api(stations: Stations, *, address: Address, token: str) -> AsyncIterator[Address]:
    """Serve the API for as long as the block lasts; yields where it listens.

    Raises UnsendableError for an address that others than this machine can reach.
    """
    if not address.is_loopback:
        raise ValueError(f"the API listens on loopback only: found {address}")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.create_server((address.host, address.port), family=family) as listener:
        config = uvicorn.Config(
            create_app(stations, token=token),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        server = _Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            await server.has_started.wait()
            try:
                yield Address(host=address.host, port=listener.getsockname()[1])
            finally:
                server.should_exit = True


class ApiStations:
    """Implements :class:`dispatch.station.Stations` by the API of a gateway; to be used in ``async with``."""

    def __init__(self, address: Address, *, token: str) -> None:
        self._address = address
        self._client = httpx.AsyncClient(
            base_url=f"http://{address}/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_timeout(ANSWER_S),
            limits=httpx.Limits(max_connections=None),  # one request per charger may be under way
            trust_env=False,  # a proxy of the environment does not lead to this machine
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def live(self) -> LiveState:
        """The state of all chargers now."""
        return await self._ask(LiveState, "GET", "/live")

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        """Install a profile. Raises UnsendableError for one that must not be sent in its OCPP version."""
        return await self._ask(
            Reply, "POST", f"{_charger(charger_id)}/profiles", json=profile.model_dump(mode="json")
        )

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        """Remove a profile by its id."""
        return await self._ask(Reply, "DELETE", f"{_charger(charger_id)}/profiles/{profile_id}")

    async def clear_profiles(self, charger_id: str, wanted: ProfileFilter) -> Reply:
        """Remove every profile that a filter means. Raises UnsendableError for a filter that must not be sent."""
        path = f"{_charger(charger_id)}/clear-profiles"
        return await self._ask(Reply, "POST", path, json=wanted.model_dump(mode="json"))

    async def installed_profiles(self, charger_id: str) -> InstalledReply:
        """Ask what the station holds."""
        return await self._ask(InstalledReply, "GET", f"{_charger(charger_id)}/profiles")

    async def configure(self, charger_id: str, key: str, value: str) -> Reply:
        """Set a configuration key. Raises UnsendableError for a key or value that cannot be sent."""
        setting = Setting(key=key, value=value)
        path = f"{_charger(charger_id)}/configuration"
        return await self._ask(Reply, "POST", path, json=setting.model_dump())

    async def start_transaction(
        self, charger_id: str, *, connector_id: int, id_tag: str, profile: StationProfile | None = None
    ) -> Reply:
        """Ask the station to begin a session. Raises UnsendableError for a profile that must not go with it."""
        question = StartQuestion(connector_id=connector_id, id_tag=id_tag, profile=profile)
        path = f"{_charger(charger_id)}/transactions"
        return await self._ask(Reply, "POST", path, json=question.model_dump(mode="json"))

    async def reset(self, charger_id: str) -> Reply:
        """Ask the station to start anew."""
        return await self._ask(Reply, "POST", f"{_charger(charger_id)}/reset")

    async def composite_schedule(
        self, charger_id: str, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the station will allow from now on."""
        question = CompositeQuestion(connector_id=connector_id, duration_s=duration_s, unit=unit)
        path = f"{_charger(charger_id)}/composite-schedule"
        return await self._ask(CompositeReply, "POST", path, json=question.model_dump())

    async def trigger_meter_values(self, charger_id: str, *, connector_id: int) -> Reply:
        """Ask for a meter reading now."""
        question = MeterQuestion(connector_id=connector_id)
        path = f"{_charger(charger_id)}/trigger-meter-values"
        return await self._ask(Reply, "POST", path, json=question.model_dump())

    async def wait_for_change(self, *, after: datetime, timeout_s: float) -> LiveState:
        """The live state as soon as an event later than ``after`` has arrived, or when the time is over."""
        wait_s = min(timeout_s, LONGEST_WAIT_S)
        return await self._ask(
            LiveState,
            "GET",
            "/changes",
            params={"after": after.isoformat(), "timeout_s": wait_s},
            timeout=_timeout(wait_s + CONNECT_S),
        )

    async def _ask(self, kind: type[Answer], method: str, path: str, **options: Any) -> Answer:
        where = f"the gateway at {self._address}"
        if self._client.is_closed:
            raise StationsUnreachableError(f"the connection to {where} has been closed")
        try:
            response = await self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise StationsUnreachableError(f"{where} cannot be reached: {error!r}") from error
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise StationsUnreachableError(f"{where} refuses the token")
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise UnsendableError(f"{where} cannot send this: {response.text}")
        try:
            response.raise_for_status()
            return kind.model_validate_json(response.content)
        except (httpx.HTTPStatusError, ValidationError) as error:
            raise StationsUnreachableError(f"{where} does not answer as one: {error}") from error


def read_or_create_token(path: Path) -> str:
    """The API's token from a file; made, readable by its owner alone, if there is none. Raises OSError.

    Several processes may ask for the same file at once: all of them get the same token.
    """
    if not path.exists():
        made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
            _link_unless_there(made, path)
        finally:
            made.unlink()
    token = path.read_text("utf-8").strip()
    if not token:
        raise OSError(f"{path}: is empty, must hold a token; remove it to have a new one made")
    return token


def _link_unless_there(made: Path, path: Path) -> None:
    try:
        os.link(made, path)
    except FileExistsError:
        return


def _timeout(read_s: float) -> httpx.Timeout:
    return httpx.Timeout(connect=CONNECT_S, write=CONNECT_S, read=read_s, pool=None)


def _charger(charger_id: str) -> str:
    return f"/chargers/{quote(charger_id, safe='')}"
