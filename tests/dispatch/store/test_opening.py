"""What a store says where it cannot be used, and how one of an earlier layout becomes one of today."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from dispatch.events import Booted
from dispatch.journal import Journal, JournalError, StoreAwayError, open_journal
from dispatch.station import Outcome
from dispatch.store import opening
from dispatch.store.entries import Message
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW
from tests.dispatch.postgresql_builders import PostgreSql

URL = "sqlite:///depot.db"
FIRST_LAYOUT = Path(__file__).parents[2] / "golden" / "store_layout_1.sql"


def a_message(frame: str = "[]") -> Message:
    return Message(at=NOW, charger_id="CP1", direction="in", action=None, message_id="1", frame=frame)


def frames(journal: Journal) -> list[str]:
    with journal.engine.connect() as connection:
        return list(connection.scalars(sa.text("select frame from messages order by id")))


def layout(engine: sa.Engine) -> dict[str, tuple[list[str], set[tuple[str | None, ...]]]]:
    """Of every table its columns and what is indexed."""
    looker = sa.inspect(engine)
    return {
        name: (
            [column["name"] for column in looker.get_columns(name)],
            {tuple(index["column_names"]) for index in looker.get_indexes(name)},
        )
        for name in looker.get_table_names()
    }


@contextmanager
def a_first_store(folder: Path) -> Iterator[Path]:
    with closing(sqlite3.connect(folder / "depot.db")) as connection:
        connection.executescript(FIRST_LAYOUT.read_text())
    yield folder


def test_a_store_of_the_first_layout_becomes_one_of_today_and_keeps_what_it_has(tmp_path: Path) -> None:
    fresh = open_journal("sqlite:///fresh.db", tmp_path)
    with a_first_store(tmp_path):
        journal = open_journal(URL, tmp_path)
        assert layout(journal.engine) == layout(fresh.engine)
        assert journal.events() == [Booted(charger_id="CP1", received_at=NOW, vendor="ACME", model="One")]
        (command,) = journal.commands()
        assert (command.outcome, command.profile.profile_id) == (Outcome.ACCEPTED, 11)
        assert list(journal.ledger(since=NOW).installed("CP1")) == [command]
        assert [evidence.command_id for evidence in journal.evidence(NIGHT)] == [command.id]
        assert journal.next_transaction_id() == 2
        journal.close()
    fresh.close()


def test_an_empty_store_of_postgresql_is_laid_out_like_one_of_sqlite(store_url: str, tmp_path: Path) -> None:
    fresh = open_journal("sqlite:///fresh.db", tmp_path)
    journal = open_journal(store_url, tmp_path)
    assert layout(journal.engine) == layout(fresh.engine)
    journal.close()
    fresh.close()


def test_a_store_of_a_newer_version_is_left_alone(store_url: str, tmp_path: Path) -> None:
    journal = open_journal(store_url, tmp_path)
    with journal.engine.begin() as connection:
        connection.execute(opening.VERSION_TABLE.update().values(version=opening.VERSION + 1))
    journal.close()
    with pytest.raises(JournalError, match=r"newer version of this program .* update this one"):
        open_journal(store_url, tmp_path)


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halfway(connection: sa.Connection) -> None:
        connection.execute(sa.text("create table half (id integer)"))
        raise ZeroDivisionError

    monkeypatch.setattr(opening, "MIGRATIONS", (halfway,))
    with a_first_store(tmp_path):
        with pytest.raises(ZeroDivisionError):
            open_journal(URL, tmp_path)
        with closing(sqlite3.connect(tmp_path / "depot.db")) as connection:
            assert connection.execute("select name from sqlite_master where name = 'half'").fetchall() == []


def test_a_store_that_is_up_can_be_opened_while_another_process_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_S", 0.05)
    open_journal(URL, tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "depot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal = open_journal(URL, tmp_path)
        assert journal.events() == []
        with pytest.raises(StoreAwayError, match=r"store sqlite:///depot\.db: database is locked"):
            journal.record([a_message()])
        other.execute("ROLLBACK")
        journal.record([a_message()])
        journal.close()


def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    journal = open_journal(URL, tmp_path)

    @sa.event.listens_for(journal.engine, "begin")
    def limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 60")

    kept = []

    def fill() -> None:
        while True:
            journal.record([a_message("x" * 2000), a_message("y" * 2000)])
            kept.append(2)

    with pytest.raises(StoreAwayError, match="database or disk is full"):
        fill()
    assert kept
    assert len(frames(journal)) == sum(kept)
    journal.close()


def test_a_file_that_is_no_store_is_no_passing_fault(tmp_path: Path) -> None:
    (tmp_path / "depot.db").write_text("no database at all" * 100)
    with pytest.raises(JournalError, match="file is not a database") as found:
        open_journal(URL, tmp_path)
    assert not isinstance(found.value, StoreAwayError)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("depot.db", "store depot.db: is no URL"),
        ("mysql://host/depot", "SQLite and PostgreSQL are served"),
        ("nonsense://host/depot", "nonsense"),
        ("postgresql+pg8000://host/depot", "pg8000"),
        ("sqlite:///no/such/folder/depot.db", "unable to open database file"),
    ],
)
def test_a_url_that_cannot_be_served_is_named(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=words) as found:
        open_journal(url, tmp_path)
    assert not isinstance(found.value, StoreAwayError)


def test_a_server_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreAwayError) as found:
        open_journal("postgresql://depot:c0ffee@127.0.0.1:1/depot", tmp_path)
    assert "postgresql://depot:***@127.0.0.1:1/depot" in str(found.value)
    assert "c0ffee" not in str(found.value)


def test_a_journal_outlives_a_restart_of_the_connections_of_its_server(
    postgresql: PostgreSql, tmp_path: Path
) -> None:
    journal = open_journal(postgresql.new_database(), tmp_path)
    journal.record([a_message()])
    with psycopg.connect(postgresql.address("postgres"), autocommit=True) as other:
        ended = other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
            [journal.engine.url.database],
        )
        assert ended.rowcount == 1
    journal.record([a_message()])
    assert frames(journal) == ["[]", "[]"]
    journal.close()
