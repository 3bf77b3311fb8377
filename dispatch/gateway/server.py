"""Opens the doors: the WebSocket endpoint for chargers, and beside it the local API."""

from __future__ import annotations

import asyncio
import http
import logging
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from dispatch import api
from dispatch.address import Address
from dispatch.connection import MAX_FRAME_BYTES
from dispatch.dialects import SUBPROTOCOLS, choose
from dispatch.gateway.desk import Surroundings
from dispatch.gateway.live import Clock, LiveDepot
from dispatch.gateway.session import Session
from dispatch.gateway.settings import is_authenticated, listen_addresses
from dispatch.gateway.sockets import SocketStations
from dispatch.journal import Journal
from dispatch.station import Stations
from optimiser.depot import Depot

log = logging.getLogger(__name__)

CALL_TIMEOUT_S = 30.0
"""How long a charger may take to answer (OCPP 2.0.1 Part 4 §3.2 suggests as much; 1.6 says nothing). [s]"""
PING_S = 20.0
"""How often a socket is tried, and how long it may take to answer before it is given up. [s]"""
CLOSE_S = 3.0
"""How long a charger may take to say good-bye. [s]"""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A gateway that runs: ``ocpp`` is where chargers dial in, ``api`` where the dispatcher asks."""

    ocpp: Address
    api: Address
    stations: Stations


@dataclass(frozen=True, kw_only=True)
class Doors:
    """An endpoint that runs: ``ocpp`` is where chargers dial in; ``close`` ends all sockets, as often as it likes."""

    ocpp: Address
    stations: Stations
    close: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class _Endpoint:
    surroundings: Surroundings
    credentials: Mapping[str, str]
    sessions: dict[str, Session] = field(default_factory=dict)

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Turn away who is not known, or does not prove who it is, before the handshake."""
        depot = self.surroundings.depot
        charger_id = _charger_id(request.path)
        if all(charger.id != charger_id for charger in depot.chargers):
            log.warning("a charger that calls itself %r is not in depot.yaml", charger_id)
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no such charger\n")
        if depot.gateway.security_profile == 0:
            return None
        # A header that is sent twice is no header.
        headers = request.headers.get_all("Authorization")
        header = headers[0] if len(headers) == 1 else None
        if is_authenticated(header, charger_id=charger_id, password=self.credentials[charger_id]):
            return None
        log.warning("%s was turned away: wrong or missing password", charger_id)
        response = connection.respond(http.HTTPStatus.UNAUTHORIZED, "wrong or missing password\n")
        response.headers["WWW-Authenticate"] = 'Basic realm="chargers", charset="UTF-8"'
        return response

    def select_subprotocol(
        self, connection: ServerConnection, offered: Sequence[Subprotocol]
    ) -> Subprotocol | None:
        """The protocol to speak. Without one in common the handshake is finished, and the socket closed.

        (1.6-J §3.1.2.)
        """
        assert connection.request is not None, "the request has been checked"
        charger = self.surroundings.depot.charger(_charger_id(connection.request.path))
        dialect = choose(offered, preferred=charger.ocpp)
        return None if dialect is None else Subprotocol(dialect.subprotocol)

    async def serve(self, socket: ServerConnection) -> None:
        """Serve one socket until it is closed."""
        assert socket.request is not None, "the handshake is over"
        charger_id = _charger_id(socket.request.path)
        if socket.subprotocol is None:
            served = ", ".join(SUBPROTOCOLS)
            log.warning("%s offers no protocol that is served here: %s", charger_id, served)
            await socket.close(1002, f"served are {served}")
            return
        dialect = SUBPROTOCOLS[socket.subprotocol]
        expected = self.surroundings.depot.charger(charger_id).ocpp
        if dialect.ocpp != expected:
            log.warning("%s speaks OCPP %s, depot.yaml says %s", charger_id, dialect.ocpp, expected)
        session = Session(charger_id, socket, dialect=dialect, surroundings=self.surroundings)
        older = self.sessions.get(charger_id)
        self.sessions[charger_id] = session
        try:
            await session.run(replaces=older)
        finally:
            if self.sessions.get(charger_id) is session:
                del self.sessions[charger_id]


async def serve(
    depot: Depot,
    journal: Journal,
    *,
    credentials: Mapping[str, str],
    api_token: str,
    clock: Clock,
    ready: asyncio.Event | None = None,
) -> None:
    """Run the endpoint and the API until cancelled, SIGTERM or SIGINT; then close all sockets and return.

    ``ready`` is set when both can be reached. Raises :class:`dispatch.gateway.settings.GatewaySettingsError`,
    and OSError where an address is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with running(depot, journal, credentials=credentials, api_token=api_token, clock=clock):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if ready is not None:
            ready.set()
        try:
            await stop.wait()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


@asynccontextmanager
async def accepting(
    depot: Depot,
    journal: Journal,
    *,
    credentials: Mapping[str, str],
    clock: Clock,
    call_timeout_s: float = CALL_TIMEOUT_S,
    ping_s: float | None = PING_S,
) -> AsyncIterator[Doors]:
    """The endpoint alone, for as long as the block lasts; ``ping_s`` None: sockets are not tried."""
    listen, _ = listen_addresses(depot, credentials)
    live = LiveDepot((charger.id for charger in depot.chargers), journal=journal, clock=clock)
    endpoint = _Endpoint(
        surroundings=Surroundings(
            depot=depot, journal=journal, live=live, clock=clock, call_timeout_s=call_timeout_s
        ),
        credentials=credentials,
    )
    stations = SocketStations(sessions=endpoint.sessions, live_depot=live, clock=clock)
    async with serve_websockets(
        endpoint.serve,
        listen.host,
        listen.port,
        process_request=endpoint.check,
        select_subprotocol=endpoint.select_subprotocol,
        compression=None,
        max_size=MAX_FRAME_BYTES,
        ping_interval=ping_s,
        ping_timeout=ping_s,
        close_timeout=CLOSE_S,
    ) as server:
        host, port = server.sockets[0].getsockname()[:2]

        def close() -> None:
            live.close()
            server.close()

        try:
            yield Doors(ocpp=Address(host=host, port=port), stations=stations, close=close)
        finally:
            close()


@asynccontextmanager
async def running(
    depot: Depot,
    journal: Journal,
    *,
    credentials: Mapping[str, str],
    api_token: str,
    clock: Clock,
    call_timeout_s: float = CALL_TIMEOUT_S,
) -> AsyncIterator[Gateway]:
    """A gateway for as long as the block lasts; what went on before is taken up from the journal."""
    _, api_wanted = listen_addresses(depot, credentials)
    async with (
        accepting(
            depot, journal, credentials=credentials, clock=clock, call_timeout_s=call_timeout_s
        ) as doors,
        api.serving_api(doors.stations, address=api_wanted, token=api_token) as api_address,
    ):
        gateway = Gateway(ocpp=doors.ocpp, api=api_address, stations=doors.stations)
        log.info(
            "chargers dial in at ws://%s/<charger id>, the API is at http://%s", gateway.ocpp, gateway.api
        )
        try:
            yield gateway
        finally:
            # Sockets first: what waits for a charger's answer, also through the API, ends with them.
            doors.close()


def _charger_id(path: str) -> str:
    # An address that is entered with a slash at its end is called with two.
    return unquote(path.partition("?")[0].strip("/"))
