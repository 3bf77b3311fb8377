"""Opens the doors: the WebSocket endpoint for chargers, and beside it the local API."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from websockets.asyncio.server import serve as serve_websockets

from dispatch import api
from dispatch.address import Address
from dispatch.api.token import ApiTokens
from dispatch.connection import MAX_FRAME_BYTES
from dispatch.gateway.companions import Companion, accompanied
from dispatch.gateway.counting import Counting
from dispatch.gateway.desk import Surroundings
from dispatch.gateway.door import Door
from dispatch.gateway.doorman import Doorman
from dispatch.gateway.limits import UNKNOWN, Bucket
from dispatch.gateway.live import Clock, LiveDepot
from dispatch.gateway.reinstall import Reinstaller, reinstalling
from dispatch.gateway.session import Crashed
from dispatch.gateway.settings import Entrance
from dispatch.gateway.sockets import SocketStations
from dispatch.journal import Journal
from dispatch.station import Listener, LiveState, Stations
from dispatch.store.leases import Leases
from optimiser.depot import Depot

log = logging.getLogger(__name__)
wire_log = logging.getLogger("dispatch.gateway.wire")
"""Where websockets writes: handshakes that failed, one line for whoever knocks."""
wire_log.setLevel(logging.WARNING)

CALL_TIMEOUT_S = 30.0
"""How long a charger may take to answer (OCPP 2.0.1 Part 4 §3.2 suggests as much; 1.6 says nothing). [s]"""
PING_S = 20.0
"""How often a socket is tried, and how long it may take to answer before it is given up. [s]"""
CLOSE_S = 3.0
"""How long a charger may take to say good-bye. [s]"""
PROOF_OF_LIFE_S = 5.0
"""How long a charger's old socket may take to answer a ping when a new one comes. [s]

Mobile networks answer within two seconds; a charger waits at least ten for the answer to its first call."""
HANDSHAKE_S = 60.0
"""How long somebody may take to finish both handshakes, and so hold a socket without having proven anything. [s]"""
BACKLOG = 4096
"""Connections that may wait to be accepted: after a restart all chargers come at once."""
Expose = Callable[[LiveState], bytes]
"""Makes Prometheus' text of the live state."""
ANY_PORT = Address(host="127.0.0.1", port=0)
"""On this machine, wherever there is room."""
MESSAGES_WAITING = 4
"""Whole messages that are read ahead of a charger's turn, which with the largest bounds what one can make us keep."""


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
    stations: SocketStations
    close: Callable[[], None]


async def serve(
    depot: Depot,
    journal: Journal,
    *,
    entrance: Entrance,
    api_tokens: ApiTokens,
    clock: Clock,
    companions: Sequence[Companion] = (),
    ready: asyncio.Event | None = None,
    counting: Counting | None = None,
    expose: Expose | None = None,
) -> None:
    """Run the endpoint and the API until cancelled, SIGTERM or SIGINT; then close all sockets and return.

    Chargers are looked after: what one of them loses is put back. ``companions`` run beside. ``counting`` is told
    as it goes; ``expose`` makes a text for Prometheus of the live state.

    ``ready`` is set when both can be reached. Raises OSError where an address is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with (
        running(
            depot,
            journal,
            entrance=entrance,
            api_tokens=api_tokens,
            clock=clock,
            counting=counting,
            expose=expose,
        ) as gateway,
        reinstalling(Reinstaller(depot=depot, journal=journal, stations=gateway.stations, clock=clock)),
        accompanied(_listener(gateway.stations), companions),
    ):
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
    entrance: Entrance | None = None,
    clock: Clock,
    call_timeout_s: float = CALL_TIMEOUT_S,
    ping_s: float | None = PING_S,
    proof_of_life_s: float = PROOF_OF_LIFE_S,
    crashed: Crashed = lambda _charger_id, _error: None,
    counting: Counting | None = None,
) -> AsyncIterator[Doors]:
    """The endpoint alone, for as long as the block lasts; ``ping_s`` None: sockets are not tried.

    Without an entrance chargers come in by loopback and show nothing. ``crashed``: see :class:`Door`.
    """
    if entrance is None:
        entrance = Entrance(listen=ANY_PORT, api=ANY_PORT)
        depot = replace(depot, gateway=replace(depot.gateway, security_profile=0))
    counting = counting or Counting()
    live = LiveDepot(
        (charger.id for charger in depot.chargers), journal=journal, clock=clock, counting=counting
    )
    seconds = asyncio.get_running_loop().time
    doorman = Doorman(entrance.credentials, seconds=seconds)
    door = Door(
        surroundings=Surroundings(
            depot=depot,
            journal=journal,
            live=live,
            clock=clock,
            call_timeout_s=call_timeout_s,
            counting=counting,
        ),
        doorman=doorman,
        known=frozenset(charger.id for charger in depot.chargers),
        proof_of_life_s=None if ping_s is None else proof_of_life_s,
        crashed=crashed,
    )
    stations = SocketStations(sessions=door.sessions, live_depot=live, clock=clock)
    with closing(doorman):
        async with serve_websockets(
            door.serve,
            entrance.listen.host,
            entrance.listen.port,
            ssl=entrance.tls,
            ssl_handshake_timeout=None if entrance.tls is None else HANDSHAKE_S,
            backlog=BACKLOG,
            process_request=door.check,
            select_subprotocol=door.select_subprotocol,
            compression=None,
            max_size=MAX_FRAME_BYTES,
            max_queue=MESSAGES_WAITING,
            open_timeout=HANDSHAKE_S,
            ping_interval=ping_s,
            ping_timeout=ping_s,
            close_timeout=CLOSE_S,
            logger=wire_log,
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
    entrance: Entrance,
    api_tokens: ApiTokens,
    clock: Clock,
    call_timeout_s: float = CALL_TIMEOUT_S,
    ping_s: float | None = PING_S,
    proof_of_life_s: float = PROOF_OF_LIFE_S,
    counting: Counting | None = None,
    expose: Expose | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway for as long as the block lasts; what went on before is taken up from the journal."""
    async with (
        accepting(
            depot,
            journal,
            entrance=entrance,
            clock=clock,
            call_timeout_s=call_timeout_s,
            ping_s=ping_s,
            proof_of_life_s=proof_of_life_s,
            counting=counting,
        ) as doors,
        api.serving_api(
            doors.stations,
            address=entrance.api,
            tokens=api_tokens,
            key_pair=entrance.api_tls,
            expose=expose,
            may_write=partial(_may_write, Leases(engine=journal.engine)),
        ) as api_address,
    ):
        gateway = Gateway(ocpp=doors.ocpp, api=api_address, stations=doors.stations)
        log.info(
            "chargers dial in at %s://%s/<charger id>, the API is at %s://%s",
            entrance.scheme,
            gateway.ocpp,
            "http" if entrance.api_tls is None else "https",
            gateway.api,
        )
        try:
            yield gateway
        finally:
            # Sockets first: what waits for a charger's answer, also through the API, ends with them.
            doors.close()


def _listener(stations: Stations) -> Listener:
    assert isinstance(stations, Listener), "the gateway's own stations take in what others tell"
    return stations


def _may_write(leases: Leases, lease_token: int | None) -> bool:
    # A lease lasts in the world's time, also in a rehearsal.
    return leases.may_write(lease_token, now=datetime.now(UTC))


class _Sparing(logging.Filter):
    """Lets through what websockets has to warn of, so many lines and no more; never headers, which hold passwords."""

    def __init__(self) -> None:
        super().__init__()
        self._bucket = Bucket(rate=UNKNOWN, at_s=time.monotonic())

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or self._bucket.wait_s(now_s=time.monotonic()) > 0:
            return False
        self._bucket.spend(1, now_s=time.monotonic())
        return True


wire_log.addFilter(_Sparing())
