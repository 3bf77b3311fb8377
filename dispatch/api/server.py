"""The local API as it is served: its paths, its token, and a web server inside the gateway's loop."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime

from dispatch.address import Address
from dispatch.api.questions import (
    LONGEST_WAIT_S,
    CompositeQuestion,
    MeterQuestion,
    Setting,
    StartQuestion,
)
from dispatch.station import (
    CompositeReply,
    InstalledReply,
    LiveState,
    ProfileFilter,
    Reply,
    StationProfile,
    Stations,
    UnsendableError,
)

SHUTDOWN_S = 5
"""How long a request under way is waited for when the API is shut down: chargers are told good-bye first. [s]"""

BEARER = HTTPBearer(auto_error=False)


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
