from __future__ import annotations

import pytest

from dispatch.morning.arrivals import arrivals
from tests.builders import a_depot, at
from tests.dispatch.morning_builders import NEXT_NOON, a_reading, a_session, facts_of


def test_an_arrival_is_when_it_was_plugged_in_with_what_it_told() -> None:
    events = [*a_session(start="18:40"), a_reading("18:45", soc_percent=31.0)]
    (came,) = arrivals(a_depot(), facts_of(events=events), now=NEXT_NOON)
    assert (came.vehicle_id, came.planned_arrival, came.arrival) == ("V1", at("17:50"), at("18:40"))
    assert (came.planned_soc_percent, came.arrival_soc_percent) == (40.0, 31.0)
    assert (came.late_minutes, came.fuller_percent) == (50.0, -9.0)


def test_what_was_charged_before_it_told_is_taken_off() -> None:
    events = [
        *a_session(start="18:40", meter_start_kwh=100.0),
        a_reading("18:55", soc_percent=33.0, energy_kwh=102.0),
    ]
    (came,) = arrivals(a_depot(), facts_of(events=events), now=NEXT_NOON)
    assert came.arrival_soc_percent == pytest.approx(33.0 - 100.0 * 2.0 * 0.9 / 64.0)


def test_a_soc_that_is_told_late_is_not_that_of_the_arrival() -> None:
    events = [*a_session(start="18:40"), a_reading("20:00", soc_percent=60.0)]
    (came,) = arrivals(a_depot(), facts_of(events=events), now=NEXT_NOON)
    assert came.arrival_soc_percent is None


def test_who_was_not_seen_has_not_arrived() -> None:
    assert arrivals(a_depot(), facts_of(events=[]), now=NEXT_NOON) == ()
