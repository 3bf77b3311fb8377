"""One writer per depot: holding the lease for as long as somebody works, and telling who holds it. Owns its renewal.

Two things keep a second writer out, and only the second one is safety:

- The lease says who is at work. It ends when it is given back, when its process is gone from this machine, or when it
  was not renewed in time. ``clock`` is that of the process, which on SQLite is that of the store's host as well: its
  write-ahead log serves the processes of one machine alone. Around a PostgreSQL store hosts may differ. A clock that
  is wrong, or jumps, lets a lease end too early or too late; that costs a tick and never a limit, for no clock takes
  part in what follows.
- Every lease has a token that is higher than all before it. A command is begun in the journal, in one transaction,
  only if its token is the newest one; and the gateway lets a write through only under the newest one. So a process that
  was paused for hours, anywhere between two instructions, can send nothing any more once somebody else has begun. What
  it had begun before is unanswered in the journal, and counts as perhaps there until something later is accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dispatch.journal import Journal, StoreAwayError
from dispatch.store.leases import Holder, LeaseHeldError, Leases, Writer

__all__ = ["LeaseHeldError", "Writer", "holding", "this_process", "utc_now"]

log = logging.getLogger(__name__)

LASTING = timedelta(minutes=2)
"""How long a lease lasts that is not renewed: longer than a re-plan of a thousand vehicles keeps a process from it."""
RENEWALS = 6
"""How often a lease is renewed in that time."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The computer's clock."""
    return datetime.now(UTC)


def this_process(writer: Writer, doing: str) -> Holder:
    """The process that asks, as a holder; ``doing`` is its command."""
    host, process_id = socket.gethostname(), os.getpid()
    words = f"{doing} (process {process_id} on {host})"
    return Holder(writer=writer, host=host, process_id=process_id, words=words)


@asynccontextmanager
async def holding(
    journal: Journal, holder: Holder, *, clock: Clock = utc_now, lasting: timedelta = LASTING
) -> AsyncIterator[Journal]:
    """Hold the depot's lease for as long as the block lasts; yields the journal to write under it.

    Raises :class:`LeaseHeldError` where somebody else has it. Where it is lost in the meantime, the next write under it
    raises :class:`dispatch.station.LeaseLostError`.
    """
    leases = Leases(engine=journal.engine)
    lease = leases.take(holder, now=clock(), lasting=lasting, is_gone=is_gone)
    renewing = asyncio.create_task(_renew(leases, lease.token, clock=clock, lasting=lasting))
    try:
        yield replace(journal, lease_token=lease.token)
    finally:
        renewing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renewing
        leases.end(lease.token, now=clock())


def is_gone(holder: Holder) -> bool:
    """Whether a holder was a process of this machine that is no more: it gave nothing back, and writes nothing."""
    if holder.host != socket.gethostname():
        return False
    try:
        os.kill(holder.process_id, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is somebody's
        return False
    return False


async def _renew(leases: Leases, token: int, *, clock: Clock, lasting: timedelta) -> None:
    while True:
        await asyncio.sleep(lasting.total_seconds() / RENEWALS)
        try:
            is_ours = leases.renew(token, until=clock() + lasting)
        except StoreAwayError as error:  # it lasts for some more tries
            log.warning(
                "the lease %d was not renewed: %s", token, error, extra={"event": "lease_not_renewed"}
            )
            continue
        if not is_ours:
            log.warning(
                "the lease %d was lost: somebody else writes to the chargers now",
                token,
                extra={"event": "lease_lost"},
            )
            return
