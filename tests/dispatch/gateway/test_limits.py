from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch.gateway.limits import MOST_KEPT, Bucket, Buckets, Rate

RATE = Rate(burst=3, per_s=0.5)


def test_a_burst_is_granted_at_once_and_then_so_many_per_second() -> None:
    buckets = Buckets(RATE)
    assert [buckets.allows("a", now_s=0.0) for _ in range(4)] == [True, True, True, False]
    assert not buckets.allows("a", now_s=1.9)
    assert buckets.allows("a", now_s=2.0)
    assert not buckets.allows("a", now_s=2.0)


def test_a_bucket_is_never_fuller_than_its_burst() -> None:
    buckets = Buckets(RATE)
    buckets.allows("a", now_s=0.0)
    assert [buckets.allows("a", now_s=1e6) for _ in range(4)] == [True, True, True, False]


def test_one_key_costs_another_nothing() -> None:
    buckets = Buckets(RATE)
    while buckets.allows("a", now_s=0.0):
        pass
    assert buckets.allows("b", now_s=0.0)


def test_what_is_there_already_is_counted_and_waited_for() -> None:
    bucket = Bucket(rate=RATE, at_s=0.0)
    assert bucket.spend(3, now_s=0.0) == 0.0
    assert bucket.spend(2, now_s=0.0) == 4.0
    assert bucket.spend(1, now_s=4.0) == 2.0
    assert bucket.wait_s(now_s=6.0) == 2.0


def test_no_more_buckets_are_kept_than_agreed() -> None:
    buckets = Buckets(RATE)
    for number in range(MOST_KEPT + 10):
        buckets.allows(number, now_s=0.0)
    assert len(buckets._kept) == MOST_KEPT


@given(st.lists(st.floats(0.0, 30.0), max_size=60))
def test_no_span_of_time_holds_more_than_the_rate_grants(gaps: list[float]) -> None:
    buckets, now, granted = Buckets(RATE), 0.0, []
    for gap in gaps:
        now += gap
        if buckets.allows("a", now_s=now):
            granted.append(now)
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            span = granted[last] - granted[first]
            assert last - first + 1 <= RATE.burst + span * RATE.per_s + 1e-6
