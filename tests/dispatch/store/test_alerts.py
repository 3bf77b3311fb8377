"""Alerts in a real store, of either kind."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dispatch.alert import Cause, Channel, Delivery, News
from dispatch.journal import open_journal
from dispatch.store.alerts import AlertBook
from tests.dispatch.alert_builders import a_condition, an_alert
from tests.dispatch.dispatch_builders import NOW

MINUTE = timedelta(minutes=1)


def test_an_alert_is_kept_with_all_that_is_known_of_it_until_it_is_over(
    store_url: str, tmp_path: Path
) -> None:
    journal = open_journal(store_url, tmp_path)
    book = AlertBook(engine=journal.engine)
    first, other = a_condition(), a_condition(Cause.CRON_SILENT, "cron", what="cron is silent")
    book.update(now=NOW, new=[first, other])
    assert book.open() == [an_alert(first), an_alert(other, alert_id=2)]

    worse = a_condition(why="the transformer from 02:00 to 04:00")
    book.update(now=NOW + MINUTE, seen=[(1, worse)], over=[2])
    assert book.open() == [an_alert(worse, seen_at=NOW + MINUTE)]
    assert [one.id for one in book.since(NOW)] == [1, 2]
    assert [one.id for one in book.since(NOW + 2 * MINUTE)] == [1]
    journal.close()


def test_who_acknowledges_first_is_kept_and_what_is_over_cannot_be_acknowledged(
    store_url: str, tmp_path: Path
) -> None:
    journal = open_journal(store_url, tmp_path)
    book = AlertBook(engine=journal.engine)
    book.update(now=NOW, new=[a_condition()])
    assert book.acknowledge(1, now=NOW + MINUTE)
    assert book.acknowledge(1, now=NOW + 2 * MINUTE)
    assert book.open()[0].acknowledged_at == NOW + MINUTE
    book.update(now=NOW + 3 * MINUTE, over=[1])
    assert not book.acknowledge(1, now=NOW + 4 * MINUTE)
    assert not book.acknowledge(7, now=NOW)
    journal.close()


def test_only_what_was_delivered_counts_as_told_but_each_attempt_is_kept(
    store_url: str, tmp_path: Path
) -> None:
    journal = open_journal(store_url, tmp_path)
    book = AlertBook(engine=journal.engine)
    book.update(now=NOW, new=[a_condition()])
    failed = Delivery(
        alert_id=1, at=NOW, channel=Channel.EMAIL, news=News.THERE, is_delivered=False, detail="timed out"
    )
    sent = Delivery(
        alert_id=1, at=NOW + MINUTE, channel=Channel.WEBHOOK, news=News.THERE, is_delivered=True, detail="200"
    )
    book.delivered([failed, sent])
    assert book.open()[0].told_at == {(Channel.WEBHOOK, News.THERE): NOW + MINUTE}
    assert book.deliveries(1) == [failed, sent]
    journal.close()
