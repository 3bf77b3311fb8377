"""Which alerts are new, over, and due to be told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.alert import Alert, Cause, Channel, Condition, News
from dispatch.alerts.arising import OF_TICKS
from dispatch.alerts.deciding import OVER_IS_TOLD_WITHIN, changes, due
from tests.dispatch.alert_builders import a_condition, an_alert
from tests.dispatch.dispatch_builders import NOW

MINUTE = timedelta(minutes=1)
CALM = 18 * MINUTE
THERE, OVER = (Channel.WEBHOOK, News.THERE), (Channel.WEBHOOK, News.OVER)


def letters(*alerts: Alert, now: datetime = NOW, repeat: timedelta | None = None) -> list[tuple[int, News]]:
    found = due(alerts, [Channel.WEBHOOK], watched=OF_TICKS, now=now, repeat=repeat)
    return [(alert.id, news) for letter in found for alert, news in letter.contents]


def test_what_is_known_already_is_seen_and_not_new() -> None:
    known, new = a_condition(), a_condition(subject="V2")
    found = changes([an_alert(known)], [known, new], watched=OF_TICKS, now=NOW, calm=CALM)
    assert (found.new, found.seen, found.over) == ((new,), ((1, known),), ())


def test_an_alert_is_over_when_its_condition_was_not_seen_for_long_enough() -> None:
    alert = an_alert(seen_at=NOW)
    assert changes([alert], [], watched=OF_TICKS, now=NOW + 15 * MINUTE, calm=CALM).over == ()
    assert changes([alert], [], watched=OF_TICKS, now=NOW + 30 * MINUTE, calm=CALM).over == (1,)


def test_who_does_not_watch_a_cause_ends_no_alert_of_it_and_tells_none() -> None:
    alert = an_alert(a_condition(Cause.CRON_SILENT, "cron"), seen_at=NOW - timedelta(days=1))
    assert changes([alert], [], watched=OF_TICKS, now=NOW, calm=CALM).over == ()
    assert letters(alert) == []


def test_what_is_new_is_told_once_and_what_is_over_is_told_once() -> None:
    assert letters(an_alert()) == [(1, News.THERE)]
    told = an_alert(told_at={THERE: NOW})
    assert letters(told, now=NOW + timedelta(hours=9)) == []
    assert letters(an_alert(over_at=NOW, told_at={THERE: NOW})) == [(1, News.OVER)]
    assert letters(an_alert(over_at=NOW, told_at={THERE: NOW, OVER: NOW})) == []


def test_what_was_never_told_is_not_told_as_over() -> None:
    assert letters(an_alert(over_at=NOW)) == []


def test_that_something_is_over_is_not_tried_to_be_told_for_ever() -> None:
    alert = an_alert(over_at=NOW, told_at={THERE: NOW})
    assert letters(alert, now=NOW + OVER_IS_TOLD_WITHIN + MINUTE) == []


def test_an_alert_is_repeated_until_it_is_acknowledged_where_that_is_wanted() -> None:
    told = {THERE: NOW}
    assert letters(an_alert(told_at=told), now=NOW + 59 * MINUTE, repeat=60 * MINUTE) == []
    assert letters(an_alert(told_at=told), now=NOW + 60 * MINUTE, repeat=60 * MINUTE) == [(1, News.THERE)]
    known = an_alert(told_at=told, acknowledged_at=NOW)
    assert letters(known, now=NOW + timedelta(hours=9), repeat=60 * MINUTE) == []


def test_each_way_is_told_for_itself() -> None:
    found = due([an_alert(told_at={THERE: NOW})], list(Channel), watched=OF_TICKS, now=NOW, repeat=None)
    assert [letter.channel for letter in found] == [Channel.EMAIL]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=40))
def test_whatever_comes_and_goes_each_alert_is_told_at_most_once_there_and_once_over(
    night: list[tuple[bool, bool, bool]],
) -> None:
    """Each tick: whether the condition is there, whether telling succeeds, whether somebody acknowledges."""
    alerts: dict[int, Alert] = {}
    delivered: Counter[tuple[int, News]] = Counter()
    for number, (is_there, succeeds, acknowledges) in enumerate(night):
        now = NOW + number * 15 * MINUTE
        conditions: list[Condition] = [a_condition()] if is_there else []
        open_ones = [one for one in alerts.values() if one.is_open]
        found = changes(open_ones, conditions, watched=OF_TICKS, now=now, calm=CALM)
        for condition in found.new:
            alerts[len(alerts)] = an_alert(condition, alert_id=len(alerts), since=now)
        for alert_id, condition in found.seen:
            alerts[alert_id] = _with(alerts[alert_id], condition=condition, seen_at=now)
        for alert_id in found.over:
            alerts[alert_id] = _with(alerts[alert_id], over_at=now)
        assert sum(one.is_open for one in alerts.values()) <= 1
        for letter in due(list(alerts.values()), [Channel.WEBHOOK], watched=OF_TICKS, now=now, repeat=None):
            for alert, news in letter.contents:
                if succeeds:
                    delivered[alert.id, news] += 1
                    told_at = {**alert.told_at, (Channel.WEBHOOK, news): now}
                    alerts[alert.id] = _with(alerts[alert.id], told_at=told_at)
        if acknowledges:
            alerts = {
                key: _with(one, acknowledged_at=now) if one.is_open else one for key, one in alerts.items()
            }
    assert all(count == 1 for count in delivered.values())
    assert all(delivered[alert_id, News.THERE] for alert_id, news in list(delivered) if news is News.OVER)


def _with(alert: Alert, **changed: Any) -> Alert:
    return replace(alert, **changed)
