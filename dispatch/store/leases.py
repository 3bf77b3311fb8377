"""The lease on a depot in its store: who may write to the chargers now, and by which token. It alone writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from dispatch.station import LeaseLostError
from dispatch.store.tables import METADATA, WRITING, Utc


class Writer(StrEnum):
    """What kind of process writes to chargers. A dispatcher goes before a gateway that puts back what was lost."""

    DISPATCHER = "dispatcher"
    GATEWAY = "gateway"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a lease: a process, and in which words a person is told of it."""

    writer: Writer
    host: str
    process_id: int
    words: str


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A depot's lease as it was taken last. ``until``: when it ends unless it is renewed."""

    token: int
    holder: Holder
    taken_at: datetime
    until: datetime
    ended_at: datetime | None = None


class LeaseHeldError(RuntimeError):
    """Somebody else has the depot's lease."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"{lease.holder.words} writes to the chargers since {lease.taken_at:%F %T} UTC")
        self.lease = lease


LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("token", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("writer", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("process_id", sa.Integer, nullable=False),
    sa.Column("words", sa.String, nullable=False),
    sa.Column("taken_at", Utc, nullable=False),
    sa.Column("until", Utc, nullable=False),
    sa.Column("ended_at", Utc),
)
_NEWEST = sa.select(LEASES).order_by(LEASES.c.token.desc()).limit(1)
_NEWEST_TOKEN = sa.select(sa.func.max(LEASES.c.token))
_HELD_STILL = (
    sa.select(LEASES.c.token).where(LEASES.c.token == sa.bindparam("of_token")).with_for_update(read=True)
)


@dataclass(frozen=True, kw_only=True)
class Leases:
    """The leases of a store, each with a token higher than all before it."""

    engine: sa.Engine

    def newest(self) -> Lease | None:
        """The lease that was taken last, be it over or not."""
        with self.engine.connect() as connection:
            return _newest(connection)

    def take(
        self, holder: Holder, *, now: datetime, lasting: timedelta, is_gone: Callable[[Holder], bool]
    ) -> Lease:
        """Take the lease if nobody has it, if its holder ``is_gone``, or from a gateway for a dispatcher.

        Raises :class:`LeaseHeldError`.
        """
        try:
            with self.engine.execution_options(**WRITING).begin() as connection:
                last = _newest(connection, to_replace=True)
                if last is not None and _is_held(last, now) and not is_gone(last.holder):
                    goes_before = (holder.writer, last.holder.writer) == (Writer.DISPATCHER, Writer.GATEWAY)
                    if not goes_before:
                        raise LeaseHeldError(last)
                token = 1 if last is None else last.token + 1
                lease = Lease(token=token, holder=holder, taken_at=now, until=now + lasting)
                connection.execute(LEASES.insert(), _row(lease))
        except (
            sa.exc.IntegrityError
        ):  # two at the same instant: the token's key lets only one of them (PostgreSQL)
            winner = self.newest()
            assert winner is not None, "somebody has this token"
            raise LeaseHeldError(winner) from None
        return lease

    def renew(self, token: int, *, until: datetime) -> bool:
        """Let a lease go on; False where a newer one has been taken."""
        with self.engine.execution_options(**WRITING).begin() as connection:
            if connection.scalar(_NEWEST_TOKEN) != token:
                return False
            connection.execute(LEASES.update().where(LEASES.c.token == token).values(until=until))
        return True

    def end(self, token: int, *, now: datetime) -> None:
        """Give a lease back."""
        with self.engine.execution_options(**WRITING).begin() as connection:
            connection.execute(LEASES.update().where(LEASES.c.token == token).values(ended_at=now))

    def may_write(self, token: int | None, *, now: datetime) -> bool:
        """Whether a write under this token is in order; without a token, whether nobody has the lease."""
        last = self.newest()
        if token is None:
            return last is None or not _is_held(last, now)
        return last is not None and last.token == token


def require_newest(connection: sa.Connection, token: int | None) -> None:
    """In the transaction of a write: raises :class:`LeaseLostError` if a lease newer than ``token`` was taken."""
    if token is None:
        return
    # Whoever takes a newer one waits for the end of this write, or this write for the newer one (PostgreSQL).
    connection.execute(_HELD_STILL, {"of_token": token})
    newest = connection.scalar(_NEWEST_TOKEN)
    if newest != token:
        raise LeaseLostError(f"the lease {token} was lost: {newest} was taken after it")


def _is_held(lease: Lease, now: datetime) -> bool:
    return lease.ended_at is None and now < lease.until


def _newest(connection: sa.Connection, *, to_replace: bool = False) -> Lease | None:
    row = connection.execute(_NEWEST.with_for_update() if to_replace else _NEWEST).one_or_none()
    if row is None:
        return None
    holder = Holder(writer=Writer(row.writer), host=row.host, process_id=row.process_id, words=row.words)
    return Lease(
        token=row.token, holder=holder, taken_at=row.taken_at, until=row.until, ended_at=row.ended_at
    )


def _row(lease: Lease) -> dict[str, Any]:
    return {
        "token": lease.token,
        **vars(lease.holder),
        "writer": lease.holder.writer.value,
        "taken_at": lease.taken_at,
        "until": lease.until,
        "ended_at": lease.ended_at,
    }
