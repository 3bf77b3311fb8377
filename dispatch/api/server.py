"""The local API as it is served: its paths by role, what it says of itself, and a web server in the gateway's loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dispatch.address import Address
from dispatch.api.questions import (
    LEASE_HEADER,
    LONGEST_WAIT_S,
    CompositeQuestion,
    MeterQuestion,
    Refused,
    Setting,
    StartQuestion,
)
from dispatch.api.token import ApiTokens, Role
from dispatch.station import (
    CompositeReply,
    InstalledReply,
    Listener,
    LiveState,
    ProfileFilter,
    Reply,
    SiteReading,
    StationProfile,
    Stations,
    UnsendableError,
    VehicleReading,
)
from dispatch.tls import CIPHERS, KeyPair

SHUTDOWN_S = 5
"""How long a request under way is waited for when the API is shut down: chargers are told good-bye first. [s]"""
MOST_BODY_BYTES = 2**20
"""Longest body of a request. A profile of a thousand periods has 60 kB."""

BEARER = HTTPBearer(auto_error=False, description="A token of the gateway, from its file")


Expose = Callable[[LiveState], bytes]
"""Makes a text of the live state; called in a thread."""
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""
MayWrite = Callable[[int | None], bool]
"""Whether a change may be asked for under a lease, or under none."""


def anybody_may(_lease_token: int | None) -> bool:
    """For stations that nobody has a lease of."""
    return True


def create_app(
    stations: Stations,
    *,
    tokens: ApiTokens,
    may_write: MayWrite = anybody_may,
    expose: Expose | None = None,
) -> FastAPI:
    """The API over some stations, for requests with one of these tokens. Its document is at /v1/openapi.json.

    With ``expose`` it tells what that makes of the live state at /metrics, for Prometheus.
    """
    app = FastAPI(
        title="depot gateway",
        summary="What a dispatcher can ask of the charge points of a depot, whatever OCPP they speak.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses={
            400: {"model": Refused, "description": "A body that cannot be read"},
            401: {"model": Refused, "description": "No token, or none that is known"},
            403: {"model": Refused, "description": "The token's role does not allow this"},
            409: {
                "model": Refused,
                "description": "A change under no lease of the depot, or under an older one",
            },
            413: {"model": Refused, "description": "A body that is too large"},
        },
    )
    app.add_middleware(_Bounded)

    @app.exception_handler(UnsendableError)
    async def cannot_be_sent(_request: Request, error: Exception) -> JSONResponse:
        why = {"loc": ["body"], "msg": str(error), "type": "unsendable"}
        return JSONResponse({"detail": [why]}, 422)

    reading, dispatching, administering = (
        APIRouter(prefix="/v1", tags=[role.name.lower()], dependencies=[_needs(role, tokens)])
        for role in (Role.READ, Role.DISPATCH, Role.ADMIN)
    )
    for router in (dispatching, administering):
        router.dependencies.append(_needs_lease(may_write))
    telling = APIRouter(prefix="/v1", tags=["tell"], dependencies=[_needs(Role.DISPATCH, tokens)])
    if isinstance(stations, Listener):
        _add_telling(telling, stations)
    _add_questions(reading, stations)
    _add_writing(dispatching, stations)
    _add_upkeep(administering, stations)

    @reading.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        return app.openapi()

    for router in (reading, telling, dispatching, administering):
        app.include_router(router)
    if expose is not None:
        _add_metrics(app, stations, expose, tokens)
    return app


def _add_metrics(app: FastAPI, stations: Stations, expose: Expose, tokens: ApiTokens) -> None:
    """Where Prometheus looks by itself; it shows a token of the role read."""

    @app.get("/metrics", tags=["read"], dependencies=[_needs(Role.READ, tokens)])
    async def metrics() -> PlainTextResponse:
        """How the depot stands, in Prometheus' text format."""
        live = await stations.live()
        text = await asyncio.to_thread(expose, live)  # chargers do not wait for it
        return PlainTextResponse(text, media_type=METRICS_TYPE)


def _needs(role: Role, tokens: ApiTokens) -> Any:
    """Lets in only requests with a token of at least this role."""

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
        found = None if given is None else tokens.role_of(given.credentials)
        if found is None:
            raise HTTPException(401, "wrong or missing token", headers={"WWW-Authenticate": "Bearer"})
        if found < role:
            raise HTTPException(403, f"needs a token of the role {role.name.lower()}")

    return Depends(check)


def _needs_lease(may_write: MayWrite) -> Any:
    """Lets in only requests of whoever may write to the chargers now."""

    async def check(given: Annotated[int | None, Header(alias=LEASE_HEADER)] = None) -> None:
        if not may_write(given):
            what = "no lease" if given is None else f"the lease {given}"
            raise HTTPException(409, f"{what} of the depot allows to write now: somebody else has it")

    return Depends(check)


def _add_questions(router: APIRouter, stations: Stations) -> None:
    """What changes nothing on a charger."""

    @router.get("/live")
    async def live() -> LiveState:
        """The state of all chargers now."""
        return await stations.live()

    @router.get("/changes")
    async def changes(
        after: AwareDatetime, timeout_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)]
    ) -> LiveState:
        """The state as soon as something later than ``after`` has happened, or when the time is over."""
        return await stations.wait_for_change(after=after, timeout_s=timeout_s)

    @router.get("/chargers/{charger_id:path}/profiles")
    async def installed_profiles(charger_id: str) -> InstalledReply:
        """What a charger says that it holds."""
        return await stations.installed_profiles(charger_id)

    @router.post("/chargers/{charger_id:path}/composite-schedule")
    async def composite_schedule(charger_id: str, question: CompositeQuestion) -> CompositeReply:
        """What a charger says that it will allow from now on."""
        return await stations.composite_schedule(
            charger_id,
            connector_id=question.connector_id,
            duration_s=question.duration_s,
            unit=question.unit,
        )

    @router.post("/chargers/{charger_id:path}/trigger-meter-values")
    async def trigger_meter_values(charger_id: str, question: MeterQuestion) -> Reply:
        """Ask for a meter reading, which then arrives in the live state."""
        return await stations.trigger_meter_values(charger_id, connector_id=question.connector_id)


def _add_telling(router: APIRouter, listener: Listener) -> None:
    """What others than chargers tell of the depot; it writes to no charger, so that nobody needs a lease for it."""

    @router.post("/site")
    async def tell_site(reading: SiteReading) -> SiteReading:
        """What the meter at the site's connection shows; an older reading than the known one changes nothing."""
        await listener.tell_site(reading)
        return reading

    @router.post("/vehicles")
    async def tell_vehicle(reading: VehicleReading) -> VehicleReading:
        """What a vehicle's telematics say of its state of charge and of where it stands."""
        await listener.tell_vehicle(reading)
        return reading


def _add_writing(router: APIRouter, stations: Stations) -> None:
    """What a night needs written."""

    @router.post("/chargers/{charger_id:path}/profiles")
    async def set_profile(charger_id: str, profile: StationProfile) -> Reply:
        """Install a profile in the place of the one with its id."""
        return await stations.set_profile(charger_id, profile)

    @router.delete("/chargers/{charger_id:path}/profiles/{profile_id}")
    async def clear_profile(charger_id: str, profile_id: int) -> Reply:
        """Remove a profile by its id."""
        return await stations.clear_profile(charger_id, profile_id)

    @router.post("/chargers/{charger_id:path}/transactions")
    async def start_transaction(charger_id: str, question: StartQuestion) -> Reply:
        """Ask a charger to begin a session."""
        return await stations.start_transaction(
            charger_id,
            connector_id=question.connector_id,
            id_tag=question.id_tag,
            profile=question.profile,
        )


def _add_upkeep(router: APIRouter, stations: Stations) -> None:
    """What goes beyond a night: what others have installed, how a charger is set up, whether it runs."""

    @router.post("/chargers/{charger_id:path}/clear-profiles")
    async def clear_profiles(charger_id: str, wanted: ProfileFilter) -> Reply:
        """Remove every profile that a filter means, whoever has installed it."""
        return await stations.clear_profiles(charger_id, wanted)

    @router.post("/chargers/{charger_id:path}/configuration")
    async def configure(charger_id: str, setting: Setting) -> Reply:
        """Set a configuration key."""
        return await stations.configure(charger_id, setting.key, setting.value)

    @router.post("/chargers/{charger_id:path}/reset")
    async def reset(charger_id: str) -> Reply:
        """Ask a charger to start anew."""
        return await stations.reset(charger_id)

    @router.post("/chargers/{charger_id:path}/disconnect")
    async def disconnect(charger_id: str) -> Reply:
        """Close a charger's socket; it comes again by itself."""
        return await stations.disconnect(charger_id)


class _Bounded:
    """Refuses bodies that are too large before they are kept: they are read before anybody looks at a token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, self._counting(receive), send)

    @staticmethod
    def _counting(receive: Receive) -> Callable[[], Any]:
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MOST_BODY_BYTES:
                raise HTTPException(413, f"a body of more than {MOST_BODY_BYTES} bytes")
            return message

        return counted


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
async def serving_api(
    stations: Stations,
    *,
    address: Address,
    tokens: ApiTokens,
    key_pair: KeyPair | None = None,
    may_write: MayWrite = anybody_may,
    expose: Expose | None = None,
) -> AsyncIterator[Address]:
    """Serve the API for as long as the block lasts; yields where it listens. With ``key_pair``, encrypted.

    Raises ValueError for an address that others than this machine can reach, without one.
    """
    if key_pair is None and not address.is_loopback:
        raise ValueError(f"the API listens on loopback only, or encrypted: found {address}")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.create_server((address.host, address.port), family=family) as listener:
        config = uvicorn.Config(
            create_app(stations, tokens=tokens, may_write=may_write, expose=expose),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
            ssl_certfile=None if key_pair is None else key_pair.certificate,
            ssl_keyfile=None if key_pair is None else key_pair.key,
            ssl_ciphers=CIPHERS,
        )
        server = _Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            await server.has_started.wait()
            try:
                yield Address(host=address.host, port=listener.getsockname()[1])
            finally:
                server.should_exit = True
