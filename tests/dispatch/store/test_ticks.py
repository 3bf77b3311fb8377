"""Ticks that have come to their end, in a real store, of either kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dispatch.journal import open_journal
from dispatch.store.ticks import TickBook, TickEnd
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW


def test_the_tick_that_has_ended_last_is_known(store_url: str, tmp_path: Path) -> None:
    journal = open_journal(store_url, tmp_path)
    book = TickBook(engine=journal.engine)
    assert book.latest() is None
    first = TickEnd(night=NIGHT, at=NOW, exit_code=0, summary="good")
    later = replace(first, at=NOW + timedelta(minutes=15), exit_code=1)
    for one in (first, later):
        book.ended(one)
    assert book.latest() == later
    journal.close()
