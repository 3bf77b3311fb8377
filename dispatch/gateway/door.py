"""The chargers' door: who is let in, how fast they may speak, and which of two sockets of one charger stays."""

from __future__ import annotations

import asyncio
import http
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from dispatch.dialects import SUBPROTOCOLS, choose
from dispatch.events import SecurityNoticed
from dispatch.gateway.desk import Surroundings
from dispatch.gateway.doorman import Doorman, Shown
from dispatch.gateway.limits import ALARMS, BYTES_PER_FRAME, FRAMES, SOCKETS, UNKNOWN, Bucket, Buckets
from dispatch.gateway.session import Crashed, Session
from dispatch.tls import common_name, organization

log = logging.getLogger(__name__)

LONGEST_SHOWN = 64
"""Characters of a name nobody knows that are written into the log; OCPP allows 48."""

WRONG_PASSWORD = "FailedToAuthenticateAtCsms"  # noqa: S105
"""2.0.1's word for it, as chargers report it themselves (Part 2 appendix 1)."""
WRONG_CERTIFICATE = "InvalidChargingStationCertificate"
"""2.0.1's word for it (Part 2 appendix 1)."""
TWICE = "DuplicateIdentity"
"""Our own word: somebody dials in as a charger whose socket is alive."""


class PacedSocket:
    """A charger's socket from which frames are taken no faster than :data:`FRAMES` allows, as long as it is open.

    The rest waits where it is: in the queue of the socket, which is short, then with the sender. So a charger that
    floods costs no other its turn and no memory, and what it sends in the end is taken.
    """

    def __init__(self, socket: ServerConnection, *, charger_id: str) -> None:
        self._socket = socket
        self._charger_id = charger_id
        self._is_paced = False
        self._bucket = Bucket(rate=FRAMES, at_s=_seconds())

    async def recv(self) -> str | bytes:
        """The next whole message, when its turn has come."""
        message = await self._socket.recv()
        wait_s = self._bucket.spend(1 + len(message) // BYTES_PER_FRAME, now_s=_seconds())
        if wait_s > 0:
            if not self._is_paced:
                self._is_paced = True
                log.warning(
                    "%s sends more than can be taken; the rest has to wait",
                    self._charger_id,
                    extra=_of("flooded", self._charger_id),
                )
            try:
                async with asyncio.timeout(wait_s):
                    await self._socket.wait_closed()
            except TimeoutError:
                pass
        return message

    async def send(self, message: str, /) -> None:
        """Send a text message."""
        await self._socket.send(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket, within a bounded time."""
        await self._socket.close(code, reason)


@dataclass(frozen=True, kw_only=True)
class Door:
    """The endpoint of one gateway; ``known`` are the depot's chargers, ``sessions`` those that are inside.

    ``proof_of_life_s`` is how long a socket may take to answer a ping when another of the same charger comes; None:
    nobody asks, and the newest one wins. ``crashed`` is told by what a session has ended that ended by an error of
    its own; that closes its socket.
    """

    surroundings: Surroundings
    doorman: Doorman
    known: frozenset[str]
    proof_of_life_s: float | None
    crashed: Crashed = field(default=lambda _charger_id, _error: None)
    sessions: dict[str, Session] = field(default_factory=dict)
    _sockets: dict[str, ServerConnection] = field(default_factory=dict)
    _comings: Buckets = field(default_factory=lambda: Buckets(SOCKETS))
    _alarms: Buckets = field(default_factory=lambda: Buckets(ALARMS))
    _unknown: Buckets = field(default_factory=lambda: Buckets(UNKNOWN))

    async def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Turn away who is not known, does not prove who it is, or comes too often, before the handshake."""
        charger_id = _charger_id(request.path)
        if charger_id not in self.known:
            source = _source(connection)
            if self._unknown.allows(source, now_s=_seconds()):
                # Whoever writes a secret into the address writes it beside the identity, not as the identity.
                named = " / ".join(
                    part[:LONGEST_SHOWN] if part in self.known else "…" for part in charger_id.split("/")
                )
                shown = named if "/" in charger_id else charger_id[:LONGEST_SHOWN]
                log.warning(
                    "%s calls itself %r, which is not in depot.yaml",
                    source,
                    shown,
                    extra={"event": "unknown"},
                )
            self._turned_away("unknown")
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no such charger\n")
        refusal = await self._unproven(connection, request, charger_id)
        if refusal is not None:
            return refusal
        wait_s = self._comings.of(charger_id, now_s=_seconds()).spend(1, now_s=_seconds())
        if wait_s > 0:
            log.warning(
                "%s opens sockets too often and has to wait %.0f s",
                charger_id,
                wait_s,
                extra=_of("too_often", charger_id),
            )
            self._comings.of(charger_id, now_s=_seconds()).spend(-1, now_s=_seconds())
            self._turned_away("too_often")
            return _too_often(connection, wait_s)
        return None

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
            log.warning(
                "%s offers no protocol that is served here: %s",
                charger_id,
                served,
                extra=_of("no_protocol", charger_id),
            )
            self._turned_away("no_protocol")
            await socket.close(1002, f"served are {served}")
            return
        if not await self._may_take_over(charger_id):
            self._turned_away("twice")
            await socket.close(1008, "this charger is connected already")
            return
        dialect = SUBPROTOCOLS[socket.subprotocol]
        expected = self.surroundings.depot.charger(charger_id).ocpp
        if dialect.ocpp != expected:
            log.warning(
                "%s speaks OCPP %s, depot.yaml says %s",
                charger_id,
                dialect.ocpp,
                expected,
                extra=_of("other_version", charger_id),
            )
        paced = PacedSocket(socket, charger_id=charger_id)
        session = Session(charger_id, paced, dialect=dialect, surroundings=self.surroundings)
        self.surroundings.counting.socket_served()
        older = self.sessions.get(charger_id)
        self.sessions[charger_id], self._sockets[charger_id] = session, socket
        try:
            await session.run(replaces=older)
        except Exception as error:
            self.crashed(charger_id, error)
            raise
        finally:
            if self.sessions.get(charger_id) is session:
                del self.sessions[charger_id], self._sockets[charger_id]

    async def _unproven(
        self, connection: ServerConnection, request: Request, charger_id: str
    ) -> Response | None:
        """What is answered to somebody who does not prove to be this charger, by the depot's security profile."""
        profile = self.surroundings.depot.gateway.security_profile
        if profile in {1, 2}:
            return await self._without_password(connection, request, charger_id)
        if profile == 3:
            return self._with_another_certificate(connection, charger_id)
        return None

    async def _without_password(
        self, connection: ServerConnection, request: Request, charger_id: str
    ) -> Response | None:
        # A header that is sent twice is no header.
        headers = request.headers.get_all("Authorization")
        source = _source(connection)
        shown = await self.doorman.check(
            headers[0] if len(headers) == 1 else None, charger_id=charger_id, source=source
        )
        if shown is Shown.RIGHT:
            return None
        self._turned_away("password")
        if shown is Shown.TOO_OFTEN:
            return _too_often(connection, 60.0)
        self._alarm(charger_id, WRONG_PASSWORD, f"a wrong or missing password from {source}")
        response = connection.respond(http.HTTPStatus.UNAUTHORIZED, "wrong or missing password\n")
        response.headers["WWW-Authenticate"] = 'Basic realm="chargers", charset="UTF-8"'
        return response

    def _with_another_certificate(self, connection: ServerConnection, charger_id: str) -> Response | None:
        """TLS has checked the certificate itself. Its CN must be the charger's serial number, its O the owner's.

        (1.6 security whitepaper and 2.0.1 Part 2: A00.FR.509 and A00.FR.511 say what they hold, A00.FR.404 and
        A00.FR.405 that both are checked.) Which serial number is whose stands in ``gateway.certificate_names``; for most
        it is the identity by which the charger dials in. Where ``depot.yaml`` names no owner the authority is his own.
        """
        encrypted = connection.transport.get_extra_info("ssl_object")
        shown = None if encrypted is None else encrypted.getpeercert()
        settings = self.surroundings.depot.gateway
        expected = settings.certificate_names.get(charger_id, charger_id)
        owner = None if settings.tls is None else settings.tls.client_organization
        if common_name(shown) == expected and owner in {None, organization(shown)}:
            return None
        self._turned_away("certificate")
        found = " of ".join(
            repr((name or "nobody")[:LONGEST_SHOWN]) for name in (common_name(shown), organization(shown))
        )
        wanted = repr(expected) + (f" of {owner!r}" if owner is not None else "")
        words = f"a certificate for {found} from {_source(connection)}, must be for {wanted}"
        self._alarm(charger_id, WRONG_CERTIFICATE, words)
        return connection.respond(http.HTTPStatus.FORBIDDEN, "the certificate is another charger's\n")

    async def _may_take_over(self, charger_id: str) -> bool:
        """Whether a new socket may be the charger's: where it has none, or its old one does not answer a ping.

        A charger that lost its line comes back on a new socket while the old one still looks open; somebody who uses
        its identity comes while the old one is alive. Then the old one stays, and a person has to know.
        """
        dead: ServerConnection | None = None
        while (held := self._sockets.get(charger_id)) is not None and held is not dead:
            if self.proof_of_life_s is None:
                return True
            if await _is_alive(held, within_s=self.proof_of_life_s):
                self._alarm(charger_id, TWICE, "a second socket was turned away: the first one is alive")
                return False
            dead = held
        return True

    def _turned_away(self, reason: str) -> None:
        self.surroundings.counting.turned_away(reason)

    def _alarm(self, charger_id: str, what: str, detail: str) -> None:
        """Tell people and journal, about one charger and matter once a minute."""
        if not self._alarms.allows((charger_id, what), now_s=_seconds()):
            return
        log.warning("%s: %s: %s", charger_id, what, detail, extra=_of("security", charger_id))
        around = self.surroundings
        now = around.clock()
        around.live.record(
            SecurityNoticed(charger_id=charger_id, received_at=now, what=what, at=now, detail=detail)
        )


async def _is_alive(socket: ServerConnection, *, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await (await socket.ping())
    except (TimeoutError, ConnectionClosed, OSError):
        return False
    return True


def _too_often(connection: ServerConnection, wait_s: float) -> Response:
    response = connection.respond(http.HTTPStatus.TOO_MANY_REQUESTS, "too often\n")
    response.headers["Retry-After"] = str(math.ceil(wait_s))
    return response


def _source(connection: ServerConnection) -> str:
    """The address that somebody comes from; its port changes with every socket."""
    address = connection.remote_address
    return str(address[0]) if address else "nowhere"


def _of(event: str, charger_id: str) -> dict[str, str]:
    """What a line of the log says of itself."""
    return {"event": event, "charger_id": charger_id}


def _seconds() -> float:
    return asyncio.get_running_loop().time()


def _charger_id(path: str) -> str:
    # An address that is entered with a slash at its end is called with two.
    return unquote(path.partition("?")[0].strip("/"))
