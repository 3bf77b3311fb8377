"""A dispatcher whose store takes nothing sends nothing, and says just that."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from dispatch.journal import StoreAwayError, open_journal
from dispatch.overnight import tick
from dispatch.push import together
from tests.builders import NIGHT
from tests.dispatch.overnight_builders import a_rehearsal, three_vans_tonight


async def test_nothing_is_sent_that_cannot_be_written_down(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight()) as night:
        plan = night.journal.latest_plan(NIGHT)
        assert plan is not None
        own = open_journal("sqlite:///depot.db", tmp_path)

        @sa.event.listens_for(own.engine, "begin")
        def as_on_a_disk_gone_bad(connection: sa.Connection) -> None:
            connection.exec_driver_sql("PRAGMA query_only = ON")

        with pytest.raises(StoreAwayError, match="attempt to write a readonly database"):
            await tick(night.depot, night.night, plan, journal=own, stations=night.stations)
        own.close()
        assert night.journal.commands() == []
        with night.journal.engine.connect() as connection:
            asked = set(connection.scalars(sa.text("select action from messages where direction = 'out'")))
        assert "GetCompositeSchedule" in asked
        assert "SetChargingProfile" not in asked


async def test_of_chargers_that_are_spoken_to_at_once_one_word_is_enough() -> None:
    async def write() -> None:
        raise StoreAwayError("store sqlite:///depot.db: database or disk is full")

    with pytest.raises(StoreAwayError, match=r"^store sqlite:///depot\.db: database or disk is full$"):
        await together(write() for _ in range(3))
