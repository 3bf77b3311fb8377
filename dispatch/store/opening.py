"""How a store is opened and kept up: SQLite or PostgreSQL, made or brought to this version's layout.

It alone knows what differs between the two, and in which words a store fails.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dispatch.store.alerts import ALERTS, DELIVERIES
from dispatch.store.leases import LEASES
from dispatch.store.tables import COMMANDS, EVENTS, EVIDENCE, METADATA, WRITING
from dispatch.store.ticks import TICKS

BUSY_TIMEOUT_S = 5.0
"""How long one process waits for the other one's write, which takes milliseconds; a gateway that waits is deaf. [s]"""
CONNECT_TIMEOUT_S = 10
"""How long a PostgreSQL server may take to let us in. [s]"""
OPENING_LOCK = 0x6465706F74
"""The advisory lock under which a PostgreSQL store is brought to this layout: "depot" in ASCII."""
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""What a URL without a driver means here."""
LASTING_FAULTS = frozenset({"SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_CORRUPT"})
"""Faults of a SQLite file that do not pass by themselves."""

FAULTS_OF_STORES = frozenset({"OperationalError", "InternalError", "InterfaceError", "DatabaseError"})
FAULTS_OF_PROGRAMS = frozenset({"IntegrityError", "DataError", "ProgrammingError", "NotSupportedError"})


class JournalError(Exception):
    """The store cannot be used: its URL, its driver, its file or its version is wrong."""


class StoreAwayError(JournalError, ConnectionError):
    """The store cannot be read or written now: the disk is full, it is locked, its server is away. Nothing was written."""


# ── layouts ──────────────────────────────────────────────────────────────────────────────────────────────────

VERSION_TABLE = sa.Table("layout", sa.MetaData(), sa.Column("version", sa.Integer, nullable=False))


def _leases_and_indexes(connection: sa.Connection) -> None:
    """Version 2: the lease on a depot, and indexes for what is asked of every charger."""
    LEASES.create(connection, checkfirst=True)
    for table in (COMMANDS, EVENTS, EVIDENCE):
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    connection.execute(sa.text("DROP INDEX ix_events_kind"))  # another one begins with the same column


def _alerts_and_ticks(connection: sa.Connection) -> None:
    """Version 3: what people are told of, and which ticks have come to their end."""
    for table in (ALERTS, DELIVERIES, TICKS):
        table.create(connection, checkfirst=True)


MIGRATIONS: Sequence[Callable[[sa.Connection], None]] = (_leases_and_indexes, _alerts_and_ticks)
"""What leads from version 1 to 2, and so on. They are few and only add: a tool for migrations would weigh more.

Each is given a connection in the one transaction in which a store is brought up, and stays as it is for ever.
"""
VERSION = 1 + len(MIGRATIONS)


def open_store(store_url: str, folder: Path) -> sa.Engine:
    """The engine of a store in this version's layout; a SQLite path is relative to the folder.

    Raises :class:`JournalError`. Whatever fails later in the engine's hands is raised as :class:`StoreAwayError`.
    """
    try:
        url = sa.make_url(store_url)
        engine = _engine(url, folder)
    except sa.exc.ArgumentError as error:
        raise JournalError(f"store {store_url}: is no URL of a database") from error
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        hint = "; pip install 'depot-overnight[postgresql]'" if "psycopg" in str(error) else ""
        raise JournalError(f"store {_shown(url)}: {error}{hint}") from error
    try:
        _bring_up(engine, _shown(url))
    except BaseException:
        engine.dispose()
        raise
    return engine


def _engine(url: sa.URL, folder: Path) -> sa.Engine:
    backend = url.get_backend_name()
    shown = _shown(url)
    if backend == "sqlite":
        if url.database:
            url = url.set(database=str(folder / url.database))
        engine = sa.create_engine(url)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", partial(_begin_sqlite, shown))
    elif backend in DRIVERS:
        engine = sa.create_engine(
            url.set(drivername=DRIVERS.get(url.drivername, url.drivername)),
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": f"-c lock_timeout={int(BUSY_TIMEOUT_S * 1000)}",
            },
            pool_pre_ping=True,  # the server may have been started anew
        )
    else:
        raise JournalError(f"store {shown}: SQLite and PostgreSQL are served")

    def tell(context: sa.ExceptionContext) -> None:
        if not context.is_pre_ping:  # a connection that is gone is replaced by a new one
            _tell(shown, context.original_exception)

    sa.event.listen(engine, "handle_error", tell)
    return engine


def _bring_up(engine: sa.Engine, shown: str) -> None:
    """Make or migrate the store. One that is up already is only read: it may be locked by who writes."""
    with engine.begin() as connection:
        version = _version(connection)
    if version is None or version < VERSION:
        with engine.execution_options(**WRITING).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(OPENING_LOCK)))
            version = _migrate(connection, _version(connection))
    if version > VERSION:
        raise JournalError(
            f"store {shown}: was written by a newer version of this program (layout {version}, this one knows "
            f"{VERSION}); update this one"
        )


def _migrate(connection: sa.Connection, version: int | None) -> int:
    """Bring a store from its version, None for an empty one, to ours, unless it is beyond that; return its new one."""
    if version is None:
        METADATA.create_all(connection)
    else:
        for migration in MIGRATIONS[version - 1 :]:
            migration(connection)
    if version is not None and version >= VERSION:
        return version
    VERSION_TABLE.create(connection, checkfirst=True)
    connection.execute(VERSION_TABLE.delete())
    connection.execute(VERSION_TABLE.insert().values(version=VERSION))
    return VERSION


def _version(connection: sa.Connection) -> int | None:
    """The version of a store's layout; the first one did not say so. None for a store without tables."""
    looker = sa.inspect(connection)
    if looker.has_table(VERSION_TABLE.name):
        return connection.scalar(sa.select(VERSION_TABLE.c.version))
    return 1 if looker.has_table("plans") else None


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────────


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in (
        f"busy_timeout={int(BUSY_TIMEOUT_S * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(shown: str, connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("begin_immediate", False)
    # Straight to the driver: for every transaction SQLAlchemy would take as long to say it as to insert a row.
    driver: Any = connection.connection
    try:
        driver.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")
    except sqlite3.Error as error:
        _tell(shown, error)
        raise


# ── what fails ───────────────────────────────────────────────────────────────────────────────────────────────


def _tell(shown: str, error: BaseException) -> None:
    """Raise a fault of the store in its own words; faults of this program pass."""
    kinds = {kind.__name__ for kind in type(error).__mro__}  # both drivers name them alike (PEP 249)
    if not kinds & FAULTS_OF_STORES or kinds & FAULTS_OF_PROGRAMS:
        return
    is_lasting = getattr(error, "sqlite_errorname", "") in LASTING_FAULTS
    kind = JournalError if is_lasting else StoreAwayError
    raise kind(f"store {shown}: {' '.join(str(error).split())}") from error


def _shown(url: sa.URL) -> str:
    return url.render_as_string(hide_password=True)
