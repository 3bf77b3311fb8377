"""Whether cron has gone silent."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch.alert import Cause, Condition
from dispatch.alerts.silence import cron_silence, gateway_silence
from dispatch.store.leases import Holder, Lease, Writer
from dispatch.store.ticks import TickEnd
from tests.builders import NIGHT, at

TICK = timedelta(minutes=15)


def silence(
    now: datetime, *, last: datetime | None = None, since: datetime | None = None, lease: Lease | None = None
) -> Condition | None:
    latest = None if last is None else TickEnd(night=NIGHT, at=last, exit_code=1, summary="")
    return cron_silence(
        latest,
        lease,
        night=NIGHT,
        due_since=since or at("12:00"),
        every=TICK,
        now=now,
        zone=ZoneInfo("Europe/Berlin"),
    )


def a_lease(*, ended_at: datetime | None = None) -> Lease:
    holder = Holder(
        writer=Writer.DISPATCHER, host="here", process_id=7, words="depot dispatch (process 7 on here)"
    )
    return Lease(token=3, holder=holder, taken_at=at("01:15"), until=at("01:20"), ended_at=ended_at)


def test_one_tick_that_was_missed_is_no_silence_and_two_are() -> None:
    assert silence(at("01:45"), last=at("01:15")) is None
    found = silence(at("01:46"), last=at("01:15"))
    assert found is not None
    assert (found.cause, found.page, found.night) == (Cause.CRON_SILENT, "cron-silent", NIGHT)
    assert found.what == "cron has gone silent: no tick since Tue 01:15, one is due every 15 minutes"
    assert found.why.startswith("the last run came to its end at Tue 01:15 with exit code 1;")


def test_a_night_that_never_had_a_tick_is_silent_soon_after_one_was_due() -> None:
    assert silence(at("12:30")) is None
    found = silence(at("12:31"))
    assert found is not None
    assert found.why.startswith("no run has ever come to its end")


def test_who_has_just_begun_to_watch_waits_as_long() -> None:
    yesterday = at("12:00") - timedelta(hours=9)
    assert silence(at("01:30"), last=yesterday, since=at("01:10")) is None
    assert silence(at("01:41"), last=yesterday, since=at("01:10")) is not None


def test_a_run_that_began_and_does_not_end_is_named() -> None:
    found = silence(at("01:46"), last=at("01:00"), lease=a_lease())
    assert found is not None
    assert "depot dispatch (process 7 on here) began at Tue 01:15 and did not come to its end" in found.why
    ended = silence(at("01:46"), last=at("01:00"), lease=a_lease(ended_at=at("01:16")))
    assert ended is not None
    assert "process 7" not in ended.why


def test_a_gateway_that_is_away_has_its_page() -> None:
    found = gateway_silence("the gateway at 127.0.0.1:9001 cannot be reached")
    assert (found.cause, found.page) == (Cause.GATEWAY_AWAY, "gateway-unreachable")
