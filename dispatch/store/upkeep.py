"""What a store needs over the years: a copy while it is in use, and no more raw messages than are wanted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dispatch.store.opening import JournalError
from dispatch.store.tables import EVENTS, MESSAGES, WRITING

PRUNED_AT_ONCE = 2_000
"""Rows that go in one transaction: the gateway waits for it, some hundredths of a second."""
PRUNED_A_TIME = 250_000
"""Rows that go at most whenever it is called. With a tick every quarter of an hour, 24 million a day."""
PAUSE_S = 0.02
"""How long others are let in between two transactions. [s]"""


class BackupError(JournalError):
    """There is no backup: of this kind of store, or in this place."""


def prune(
    engine: sa.Engine,
    *,
    before: datetime,
    at_most: int = PRUNED_A_TIME,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Remove raw messages and readings of meters from before an instant, the oldest first; returns how many.

    Sessions, plans, commands, evidence and lessons stay. Space in a SQLite file is used again, the file gets no smaller.
    """
    pruned = 0
    for old in (_OLD_MESSAGES, _OLD_READINGS):
        while pruned < at_most:
            with engine.execution_options(**WRITING).begin() as connection:
                gone = connection.execute(old, {"before": before, "at_once": PRUNED_AT_ONCE}).rowcount
            pruned += gone
            if gone < PRUNED_AT_ONCE:
                break
            pause(PAUSE_S)
    return pruned


def back_up(engine: sa.Engine, file: Path) -> None:
    """Copy a SQLite store as it is at one moment, while others write; a copy that is there already is replaced.

    Raises :class:`BackupError`; what was in the place of the copy is then still there.
    """
    if engine.dialect.name != "sqlite":
        url = engine.url.set(drivername="postgresql", password=None).render_as_string()
        raise BackupError(
            "a store in PostgreSQL is backed up by its own tool: "
            f"pg_dump --format=custom --file={file.with_suffix('.dump')} {url}"
        )
    if engine.url.database and file.exists() and file.samefile(engine.url.database):
        raise BackupError(f"{file} is the store itself")
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with engine.connect() as connection, closing(sqlite3.connect(part)) as copy:
            source: Any = connection.connection.driver_connection
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, that needs nothing beside it
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise BackupError(f"the copy is not sound, so the store may not be: {found}")  # noqa: TRY301
        part.replace(file)
    except (OSError, sqlite3.Error, BackupError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise BackupError(f"{file}: {error}") from error


def _old(table: sa.Table, when: sa.ColumnElement[bool], oldest: sa.Column[Any]) -> sa.Delete:
    some = sa.select(table.c.id).where(when).order_by(oldest).limit(sa.bindparam("at_once"))
    return table.delete().where(table.c.id.in_(some))


_OLD_MESSAGES = _old(MESSAGES, MESSAGES.c.at < sa.bindparam("before"), MESSAGES.c.at)
_OLD_READINGS = _old(
    EVENTS,
    (EVENTS.c.kind == "metered") & (EVENTS.c.received_at < sa.bindparam("before")),
    EVENTS.c.received_at,
)
