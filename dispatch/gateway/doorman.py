"""Whether a charger has shown its password: the only part of the gateway that sees one.

A password that has been proven once is remembered as a digest keyed with a secret of this process, so that a charger
that comes back is let in after microseconds and without regard to wrong guesses made in its name. Everything else costs
what :mod:`dispatch.credentials` says, in threads of its own, two at a time: sockets are served meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from dispatch.credentials import Credentials, HashedPassword, canonical
from dispatch.gateway.limits import LOGINS, Buckets

AT_ONCE = 2
"""Passwords that are hashed at the same time; more would take the processor from those who are inside."""
LONGEST_HEADER = 1024
"""Longest Authorization header that is looked at; the longest id and password make less than half of it."""


class Shown(StrEnum):
    """What came of a password."""

    RIGHT = "right"
    WRONG = "wrong"
    TOO_OFTEN = "too often"


class Doorman:
    """Checks Authorization headers (HTTP Basic, user = charger id) against hashed passwords."""

    def __init__(self, credentials: Credentials, *, seconds: Callable[[], float]) -> None:
        self._credentials = credentials
        self._seconds = seconds
        self._key = secrets.token_bytes(32)
        self._proven: dict[str, bytes] = {}
        self._wrong = Buckets(LOGINS)
        # Threads that take the next one themselves: where the loop had to hand it to them, a crowd would be let in by
        # two for each time that the loop goes round, however long that takes.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")

    async def check(self, header: str | None, *, charger_id: str, source: str) -> Shown:
        """Whether a header holds the charger's password; ``source`` is the address that it came from."""
        given = _password(header, charger_id)
        known = self._credentials().get(charger_id)
        if given is not None and known is not None and self._is_proven(charger_id, known, given):
            return Shown.RIGHT
        tries = self._wrong.of((source, charger_id), now_s=self._seconds())
        if tries.wait_s(now_s=self._seconds()) > 0:
            return Shown.TOO_OFTEN
        # Before it is tried: guesses that come at once are guesses, too.
        tries.spend(1, now_s=self._seconds())
        if given is None or known is None:
            return Shown.WRONG
        is_wrong = False
        try:
            loop = asyncio.get_running_loop()
            is_wrong = not await loop.run_in_executor(self._threads, known.matches, given)
        finally:  # one that has not waited for its answer was no guess
            if not is_wrong:
                tries.spend(-1, now_s=self._seconds())
        if is_wrong:
            return Shown.WRONG
        self._proven[charger_id] = self._mark(charger_id, known, given)
        return Shown.RIGHT

    def close(self) -> None:
        """Hash no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _is_proven(self, charger_id: str, known: HashedPassword, given: bytes) -> bool:
        proven = self._proven.get(charger_id, b"")
        return hmac.compare_digest(proven, self._mark(charger_id, known, given))

    def _mark(self, charger_id: str, known: HashedPassword, given: bytes) -> bytes:
        """What is remembered: of no use outside this process, nor once the entry in the file is another."""
        mark = hashlib.blake2b(key=self._key)
        for part in (charger_id.encode(), known.digest, given):
            mark.update(len(part).to_bytes(4, "big") + part)
        return mark.digest()


def _password(header: str | None, charger_id: str) -> bytes | None:
    """The password in a header, as it is compared; None where there is none, or the user is another.

    An id may contain a colon, so the two are not taken apart at the first one.
    """
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic" or len(encoded) > LONGEST_HEADER:
        return None
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user = charger_id.encode() + b":"
    return canonical(given[len(user) :]) if given.startswith(user) else None
