from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimiser.rules import DECIDABLE, TIER_FACTOR, Decided, DepartureWindow, Rule, decided, tier_weight

NAMES = st.sampled_from(["a", "b"])
CONDITIONS = st.lists(NAMES, max_size=2).map(tuple)
RULES = st.builds(
    Rule,
    id=st.uuids().map(str),
    vehicle_types=CONDITIONS,
    groups=CONDITIONS,
    routes=CONDITIONS,
    required_soc_percent=st.none() | st.floats(0, 100),
    priority=st.none() | st.floats(0, 10),
    may_be_overridden=st.none() | st.booleans(),
)


def said(*rules: Rule, departure: str = "06:00", group: str = "", route: str = "") -> list[Decided]:
    return list(
        decided(rules, vehicle_type="van", group=group, route=route, departure=time.fromisoformat(departure))
    )


def test_a_rule_without_conditions_is_for_everybody() -> None:
    assert said(Rule(id="all", priority=3.0)) == [Decided(what="priority", value=3.0, rule="all")]


def test_all_conditions_have_to_hold() -> None:
    rule = Rule(id="north", groups=("early",), routes=("north", "east"), priority=3.0)
    assert said(rule, group="early", route="east")
    assert not said(rule, group="early", route="south")
    assert not said(rule, group="late", route="north")


def test_a_window_of_departures_includes_its_start_and_not_its_end() -> None:
    rule = Rule(id="early", departs=DepartureWindow(start=time(4), end=time(6)), priority=2.0)
    assert [bool(said(rule, departure=clock)) for clock in ("03:59", "04:00", "05:59", "06:00")] == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_window_over_midnight_holds_on_both_sides_of_it() -> None:
    window = DepartureWindow(start=time(22), end=time(2))
    assert [window.holds(time(hour)) for hour in (21, 22, 0, 1, 2)] == [False, True, True, True, False]


def test_each_value_is_decided_by_the_first_rule_that_says_something_of_it() -> None:
    first = Rule(id="first", priority=2.0)
    second = Rule(id="second", priority=9.0, earliest_start=time(22, 30))
    assert said(first, second) == [
        Decided(what="priority", value=2.0, rule="first"),
        Decided(what="earliest_start", value="22:30", rule="second"),
    ]


@given(st.lists(RULES, max_size=5), NAMES, NAMES, NAMES)
def test_what_is_decided_is_what_its_rule_says_and_no_rule_before_it_would_have_said_other(
    rules: list[Rule], vehicle_type: str, group: str, route: str
) -> None:
    found = list(decided(rules, vehicle_type=vehicle_type, group=group, route=route, departure=time(6)))
    by_id = {rule.id: rule for rule in rules}
    for one in found:
        assert getattr(by_id[one.rule], one.what) == one.value
        for rule in rules[: rules.index(by_id[one.rule])]:
            is_for_it = all(
                not names or name in names
                for names, name in (
                    (rule.vehicle_types, vehicle_type),
                    (rule.groups, group),
                    (rule.routes, route),
                )
            )
            assert not is_for_it or getattr(rule, one.what) is None
    assert len({one.what for one in found}) == len(found)
    assert {one.what for one in found} <= set(DECIDABLE)


def test_a_tier_counts_a_hundred_times_the_next() -> None:
    tiers = ("guaranteed", "usual", "guest")
    assert [tier_weight(tiers, tier) for tier in (*tiers, None)] == [TIER_FACTOR**2, TIER_FACTOR, 1.0, 1.0]
    assert tier_weight((), None) == pytest.approx(1.0)
