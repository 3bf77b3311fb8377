"""From conditions to people, with a real store, a real web server and a real mail server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dispatch.alert import Channel, News
from dispatch.alerts import Teller, Told
from dispatch.alerts.arising import OF_TICKS
from dispatch.alerts.telling import AT_ONCE
from dispatch.alerts.ways import Email, Way, Webhook
from dispatch.journal import Journal
from dispatch.store.alerts import AlertBook
from optimiser.links import AlertSettings, EmailSettings, Secret
from tests.builders import a_depot
from tests.dispatch.alert_builders import a_condition
from tests.dispatch.alerts.receivers import QUICK, a_mail_server, a_web_server
from tests.dispatch.dispatch_builders import NOW
from tests.dispatch.gateway_builders import a_journal

TICK = timedelta(minutes=15)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = a_journal(tmp_path)
    yield opened
    opened.close()


def a_teller(journal: Journal, ways: Mapping[Channel, Way], *, repeat_minutes: int = 0) -> Teller:
    depot = replace(a_depot(), alerts=AlertSettings(repeat_minutes=repeat_minutes))
    book = AlertBook(engine=journal.engine)
    return Teller(depot=depot, folder=Path("the-depot"), book=book, ways=ways, patience=QUICK)


def webhook(folder: Path, url: str) -> dict[Channel, Way]:
    (folder / "hook").write_text(url)
    return {Channel.WEBHOOK: Webhook(url=Secret(file="hook"), folder=folder)}


async def tell(teller: Teller, tick: int, *, is_there: bool) -> Told:
    conditions = [a_condition()] if is_there else []
    return await teller.tell(conditions, watched=OF_TICKS, now=NOW + tick * TICK, calm=teller.calm)


async def test_a_night_with_one_trouble_is_told_when_it_comes_and_when_it_is_over(
    journal: Journal, tmp_path: Path
) -> None:
    async with a_web_server() as server:
        teller = a_teller(journal, webhook(tmp_path, server.url()))
        for tick, is_there in enumerate([False, True, True, False, True, False, False, False, False]):
            await tell(teller, tick, is_there=is_there)
    assert [posted["alerts"][0]["state"] for posted in server.posted] == ["open", "over"]
    assert server.posted[0]["subject"].endswith("V1 will not be ready at 06:30")
    assert [one.news for one in teller.book.deliveries(1)] == [News.THERE, News.OVER]


async def test_what_is_acknowledged_is_not_repeated(journal: Journal, tmp_path: Path) -> None:
    async with a_web_server() as server:
        teller = a_teller(journal, webhook(tmp_path, server.url()), repeat_minutes=30)
        for tick in range(5):
            await tell(teller, tick, is_there=True)
        assert len(server.posted) == 3
        assert teller.book.acknowledge(1, now=NOW + 5 * TICK)
        for tick in range(5, 12):
            await tell(teller, tick, is_there=True)
        assert len(server.posted) == 3


async def test_what_could_not_be_delivered_is_journalled_and_told_at_the_next_tick(
    journal: Journal, tmp_path: Path
) -> None:
    async with a_web_server(*[500] * QUICK.tries, 200) as server:
        teller = a_teller(journal, webhook(tmp_path, server.url("hook/very-secret")))
        failed = await tell(teller, 0, is_there=True)
        assert failed.lines == (
            "1 alert, 0 over: could not be told, to be tried again at the next tick by webhook (answered 500)",
        )
        await tell(teller, 1, is_there=True)
        await tell(teller, 2, is_there=True)
        assert len(server.posted) == QUICK.tries + 1
    assert [one.is_delivered for one in teller.book.deliveries(1)] == [False, True]
    assert not any("very-secret" in one.detail for one in teller.book.deliveries(1))


async def test_one_way_that_fails_holds_up_no_other(journal: Journal, tmp_path: Path) -> None:
    async with a_web_server(500) as server, a_mail_server() as mail:
        settings = EmailSettings(
            host="127.0.0.1", port=mail.port, encryption="none", sender="d@example.org", to=("n@example.org",)
        )
        ways = webhook(tmp_path, server.url()) | {Channel.EMAIL: Email(settings=settings, folder=tmp_path)}
        teller = a_teller(journal, ways)
        await tell(teller, 0, is_there=True)
        await tell(teller, 1, is_there=True)
    assert len(mail.mails) == 1
    assert len(server.posted) == 2 * QUICK.tries


async def test_a_depot_that_tells_nobody_keeps_its_alerts_all_the_same(journal: Journal) -> None:
    told = await tell(a_teller(journal, {}), 0, is_there=True)
    assert [alert.id for alert in told.open_alerts] == [1]
    assert told.lines == ()


async def test_what_is_looked_at_directly_is_over_at_once(journal: Journal) -> None:
    teller = a_teller(journal, {})
    await tell(teller, 0, is_there=True)
    told = await teller.tell([], watched=OF_TICKS, now=NOW, calm=AT_ONCE)
    assert told.open_alerts == ()
