"""Old raw messages go, all else stays; a copy is of one moment and stands alone."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dispatch.events import Booted, Metered
from dispatch.evidence import Layer
from dispatch.journal import Journal, open_journal
from dispatch.station import MeterReading
from dispatch.store import upkeep
from dispatch.store.entries import Message
from dispatch.store.upkeep import BackupError
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW, a_plan, a_profile
from tests.dispatch.postgresql_builders import PostgreSql

DAY = timedelta(days=1)


def a_message(number: int = 1, *, at: datetime = NOW) -> Message:
    return Message(at=at, charger_id="CP1", direction="in", action=None, message_id=str(number), frame="[]")


def a_reading(*, at: datetime) -> Metered:
    return Metered(
        charger_id="CP1",
        received_at=at,
        connector_id=1,
        reading=MeterReading(at=at, received_at=at, power_kw=7.0),
    )


@pytest.fixture
def journal(store_url: str, tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal(store_url, tmp_path)
    yield journal
    journal.close()


def test_raw_messages_and_readings_from_before_an_instant_go_and_nothing_else(journal: Journal) -> None:
    old = Booted(charger_id="CP1", received_at=NOW - 400 * DAY, vendor="ACME", model="One")
    kept, gone = a_reading(at=NOW), a_reading(at=NOW - 2 * DAY)
    journal.record([a_message(1, at=NOW - 2 * DAY), gone, old, a_message(2), kept])
    journal.save_plan(a_plan())
    journal.begin_command(
        night=NIGHT, at=NOW - 400 * DAY, charger_id="CP1", layer=Layer.PLAN, profile=a_profile()
    )
    assert journal.prune(before=NOW - DAY) == 2
    assert journal.frames_known() == {("CP1", "in", "2")}
    assert journal.events() == [old, kept]
    assert len(journal.commands()) == 1
    assert journal.latest_plan(NIGHT) is not None
    assert journal.prune(before=NOW - DAY) == 0


def test_many_go_in_steps_the_oldest_first_and_only_so_many_at_a_time(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "PRUNED_AT_ONCE", 3)
    journal.record([a_message(number, at=NOW - number * DAY) for number in range(1, 11)])
    pauses: list[float] = []
    assert upkeep.prune(journal.engine, before=NOW, at_most=7, pause=pauses.append) == 9
    assert len(pauses) == 3
    assert journal.frames_known() == {("CP1", "in", "1")}


def test_a_copy_made_while_another_writes_is_of_one_moment_and_can_be_opened(tmp_path: Path) -> None:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            journal.record([a_message(number), a_reading(at=NOW)])
            number += 1

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            journal.back_up(tmp_path / "copies" / f"{number}.db")
    finally:
        stop.set()
        writing.join()
    counts = []
    for number in range(5):
        copy = open_journal(f"sqlite:///copies/{number}.db", tmp_path)
        counts.append(len(copy.frames_known()))
        assert len(copy.events()) == counts[-1]
        copy.close()
    assert counts == sorted(counts)
    assert counts[-1] <= len(journal.frames_known())
    journal.close()


def test_a_copy_is_one_file_and_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    copies = tmp_path / "copies"
    journal.back_up(copies / "depot.db")
    journal.record([a_message()])
    journal.back_up(copies / "depot.db")
    assert [file.name for file in copies.iterdir()] == ["depot.db"]
    with closing(sqlite3.connect(copies / "depot.db")) as copy:
        assert copy.execute("select count(*) from messages").fetchone() == (1,)
    journal.close()


def test_a_store_is_not_copied_onto_itself(tmp_path: Path) -> None:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    (tmp_path / "same.db").symlink_to(tmp_path / "depot.db")
    with pytest.raises(BackupError, match="is the store itself"):
        journal.back_up(tmp_path / "same.db")
    journal.close()


def test_a_copy_that_cannot_be_made_leaves_the_older_one(tmp_path: Path) -> None:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupError, match="file"):
        journal.back_up(tmp_path / "file" / "depot.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BackupError, match="folder"):
        journal.back_up(tmp_path / "folder")
    assert sorted(file.name for file in tmp_path.iterdir() if "part" in file.name) == []
    journal.close()


def test_a_postgresql_store_is_backed_up_by_its_own_tool(postgresql: PostgreSql, tmp_path: Path) -> None:
    journal = open_journal(postgresql.new_database(), tmp_path)
    with pytest.raises(BackupError, match=r"pg_dump --format=custom --file=\S*c\.dump postgresql://depot@"):
        journal.back_up(tmp_path / "c.dump")
    journal.close()
