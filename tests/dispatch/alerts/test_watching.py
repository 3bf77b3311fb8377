"""A watch over cron, on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dispatch.alert import Channel
from dispatch.alerts import Teller
from dispatch.alerts.watching import CronWatch, DueNight
from dispatch.alerts.ways import Webhook
from dispatch.journal import Journal
from dispatch.store.alerts import AlertBook
from dispatch.store.ticks import TickBook, TickEnd
from optimiser.links import Secret
from tests.builders import NIGHT, a_depot, at
from tests.dispatch.alerts.receivers import QUICK, a_web_server
from tests.dispatch.gateway_builders import a_journal


@dataclass(kw_only=True)
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = a_journal(tmp_path)
    yield opened
    opened.close()


def a_watch(journal: Journal, clock: Clock, *, url: str = "", has_night: bool = True) -> CronWatch:
    folder = Path(journal.engine.url.database or "").parent
    (folder / "hook").write_text(url or "http://127.0.0.1:1/")
    ways = {Channel.WEBHOOK: Webhook(url=Secret(file="hook"), folder=folder)} if url else {}
    book = AlertBook(engine=journal.engine)
    teller = Teller(depot=a_depot(), folder=folder, book=book, ways=ways, patience=QUICK)
    night = DueNight(night=NIGHT, since=at("12:00")) if has_night else None
    return CronWatch(teller=teller, due=lambda _: night, clock=clock, begun_at=at("12:00"))


def ticked(journal: Journal, when: datetime) -> None:
    TickBook(engine=journal.engine).ended(TickEnd(night=NIGHT, at=when, exit_code=0, summary="good"))


async def test_silence_is_told_once_and_its_end_once(journal: Journal) -> None:
    clock = Clock(now=at("01:00"))
    async with a_web_server() as server:
        watch = a_watch(journal, clock, url=server.url())
        ticked(journal, at("01:00"))
        for minute in range(60):
            clock.now = at("01:00") + timedelta(minutes=minute)
            await watch.look()
        ticked(journal, at("02:00"))
        clock.now = at("02:01")
        await watch.look()
        await watch.look()
    first, last = (posted["alerts"][0] for posted in server.posted)
    assert (first["cause"], first["state"], first["since"]) == (
        "cron_silent",
        "open",
        at("01:31").astimezone(watch.teller.zone).isoformat(),
    )
    assert "crontab -l" in first["what_to_do"]
    assert last["state"] == "over"


async def test_by_day_and_without_a_night_in_the_folder_nobody_is_told(journal: Journal) -> None:
    told = await a_watch(journal, Clock(now=at("01:00")), has_night=False).look()
    assert told.open_alerts == ()


async def test_a_watch_goes_on_after_a_store_that_was_away(journal: Journal) -> None:
    watch = a_watch(journal, Clock(now=at("01:00")))
    await watch.look()
    running = asyncio.create_task(watch.run(every_s=0.01))
    with journal.engine.connect() as other:
        other.exec_driver_sql("COMMIT")
        other.exec_driver_sql("ALTER TABLE ticks RENAME TO away")
        await asyncio.sleep(0.1)
        other.exec_driver_sql("ALTER TABLE away RENAME TO ticks")
    async with asyncio.timeout(10.0):
        while not watch.teller.book.open():  # noqa: ASYNC110 - a store sets no event
            await asyncio.sleep(0.01)
    running.cancel()
