"""Where several may write at once, a lease is not taken in the middle of a write under the one before."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from dispatch.journal import open_journal
from dispatch.station import LeaseLostError
from dispatch.store.leases import Holder, Leases, Writer, require_newest
from tests.dispatch.dispatch_builders import NOW
from tests.dispatch.postgresql_builders import PostgreSql

SOON_S = 20.0


def take(leases: Leases) -> int:
    holder = Holder(writer=Writer.DISPATCHER, host="elsewhere", process_id=1, words="depot dispatch")
    return leases.take(holder, now=NOW, lasting=timedelta(minutes=1), is_gone=lambda _: True).token


def until_somebody_waits(server: PostgreSql, database: str | None) -> None:
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"
    end = time.monotonic() + SOON_S
    with psycopg.connect(server.address("postgres"), autocommit=True) as looker:
        while looker.execute(waiting, [database]).fetchone() != (1,):
            assert time.monotonic() < end, "nobody waits"
            time.sleep(0.01)


def test_who_takes_the_lease_waits_for_the_write_that_is_under_way(
    postgresql: PostgreSql, tmp_path: Path
) -> None:
    journal = open_journal(postgresql.new_database(), tmp_path)
    leases = Leases(engine=journal.engine)
    first = take(leases)
    taken: list[int] = []
    taking = threading.Thread(target=lambda: taken.append(take(leases)))
    with journal.engine.begin() as writing:
        require_newest(writing, first)
        taking.start()
        until_somebody_waits(postgresql, journal.engine.url.database)
        assert taken == []
    taking.join(timeout=SOON_S)
    assert taken == [first + 1]
    with journal.engine.begin() as writing, pytest.raises(LeaseLostError):
        require_newest(writing, first)
    journal.close()
