"""What is worked out once says the same as the resolver does at every instant."""

from __future__ import annotations

from datetime import timedelta

from dispatch.simulator.resolver import Installed, allowances_at, install, schedule
from dispatch.simulator.timeline import Timelines
from dispatch.simulator.wire16.profiles import RULES, read
from tests.dispatch.simulator.simulator_builders import NOW, a_profile, a_session, after

DAY_S = 24 * 3600


def a_stack() -> tuple[Installed, ...]:
    """A floor for ever, a plan for six hours, an hour of every day, and a transaction's own from its start."""
    profiles = (
        a_profile([(0, 6.0)], profile_id=1, level=0),
        a_profile([(0, 10.0), (3600, 16.0), (7200, 0.0)], profile_id=2, level=1, duration_s=6 * 3600),
        a_profile(
            [(0, 8.0)],
            profile_id=3,
            level=2,
            kind="Recurring",
            recurrencyKind="Daily",
            duration_s=3600,
            start_s=-DAY_S,
        ),
        a_profile(
            [(0, 12.0)], profile_id=4, purpose="TxProfile", kind="Relative", start_s=None, duration_s=1800
        ),
    )
    stack: tuple[Installed, ...] = ()
    for profile in profiles:
        stack = install(stack, read(1, profile), rules=RULES)
    return stack


def test_it_says_at_every_minute_what_the_resolver_says() -> None:
    stack, timelines = a_stack(), Timelines(RULES)
    for in_transaction in (True, False):
        session = a_session(in_transaction=in_transaction, charging_since=after(90.5))
        for minute in range(0, 30 * 60, 7):
            at = after(60.0 * minute + 0.25)
            timeline = timelines.of(stack, session, start=at, end=at)
            assert timeline.at(at) == allowances_at(stack, session, at, rules=RULES)


def test_a_part_of_it_is_the_schedule_of_that_part() -> None:
    stack, session = a_stack(), a_session()
    timeline = Timelines(RULES).of(stack, session, start=NOW, end=after(DAY_S))
    for begin_s in range(0, DAY_S, 3600):
        start, end = after(begin_s), after(begin_s + 7200)
        assert timeline.stretches(start, end) == schedule(
            stack, session, start=start, duration_s=7200, rules=RULES
        )


def test_spans_follow_each_other_without_a_gap() -> None:
    start, end = after(0.5), after(9000.75)
    spans = list(Timelines(RULES).of(a_stack(), a_session(), start=start, end=end).spans(start, end))
    assert (spans[0][0], spans[-1][1]) == (start, end)
    assert sum((until - begin for begin, until, _ in spans), timedelta(0)) == end - start


def test_it_is_worked_out_once_for_one_stack_and_anew_for_another() -> None:
    stack, session, timelines = a_stack()[:3], a_session(), Timelines(RULES)
    known = timelines.of(stack, session, start=NOW, end=after(60))
    assert timelines.of(stack, session, start=after(3600), end=after(7200)) is known
    assert timelines.of(stack[:2], session, start=NOW, end=after(60)) is not known


def test_where_charging_begins_now_it_is_another_one_every_time() -> None:
    """A relative profile counts from the start of charging: of somebody who might plug in now, from now."""
    relative = read(1, a_profile([(0, 16.0), (600, 8.0)], kind="Relative", start_s=None))
    timelines = Timelines(RULES)
    for seconds in (0.0, 300.0, 900.0):
        session = a_session(in_transaction=False, charging_since=after(seconds))
        timeline = timelines.of((relative,), session, start=after(seconds), end=after(seconds))
        assert [allowance.limit for allowance in timeline.at(after(seconds))] == [16.0]


def test_beyond_its_end_it_goes_on_with_another() -> None:
    stack, session, timelines = a_stack(), a_session(), Timelines(RULES)
    late = after(5 * DAY_S)
    timelines.of(stack, session, start=NOW, end=NOW)
    assert timelines.of(stack, session, start=late, end=late).at(late) == allowances_at(
        stack, session, late, rules=RULES
    )
