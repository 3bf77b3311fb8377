from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimiser.draws import AS_WRITTEN, drawn, has_spread
from tests.builders import NIGHT, a_depot, a_night, a_visit, at
from tests.optimiser.sweep.sweep_builders import a_spread_night

DEPOT = a_depot()


def test_the_night_as_written_is_no_draw() -> None:
    night = a_spread_night(DEPOT)

    assert drawn(night, AS_WRITTEN) is night
    assert has_spread(night)
    assert not has_spread(a_night(DEPOT))


def test_draws_have_the_spread_that_is_written() -> None:
    night = a_spread_night(DEPOT, arrival_sd_minutes=30.0, arrival_soc_sd_percent=5.0)

    visits = [visit for seed in range(1, 301) for visit in drawn(night, seed).visits]
    late_minutes = [(visit.arrival - at("17:50")).total_seconds() / 60.0 for visit in visits]
    soc_percent = [visit.arrival_soc_percent for visit in visits]

    assert abs(np.mean(late_minutes)) < 4.0
    assert 27.0 < np.std(late_minutes) < 33.0
    assert abs(np.mean(soc_percent) - 40.0) < 0.7
    assert 4.5 < np.std(soc_percent) < 5.5


def test_a_draw_is_the_same_again_and_of_each_vehicle_its_own() -> None:
    night = a_spread_night(DEPOT)

    first, second = drawn(night, 1).visits
    without_first = replace(night, visits=night.visits[1:])

    assert drawn(night, 1) == drawn(night, 1)
    assert first.arrival_soc_percent != second.arrival_soc_percent
    assert drawn(night, 2).visits[0] != first
    assert drawn(without_first, 1).visits == (second,)


def test_who_has_no_spread_comes_as_written() -> None:
    night = a_spread_night(DEPOT, arrival_sd_minutes=0.0, arrival_soc_sd_percent=0.0)

    assert drawn(night, 1).visits == night.visits


def test_nobody_arrives_before_the_one_before_has_left_or_after_leaving() -> None:
    before = a_visit("V1", arrival="13:00", departure="18:00")
    after = replace(
        a_visit("V2", arrival="18:10", departure="07:00"),
        arrival_sd_minutes=600.0,
        arrival_soc_sd_percent=100.0,
    )
    night = a_night(DEPOT, visits=[after, before])

    for seed in range(1, 101):
        drawn_after, drawn_before = drawn(night, seed).visits
        assert drawn_before == before
        assert before.departure <= drawn_after.arrival < after.departure
        assert 0.0 <= drawn_after.arrival_soc_percent <= 100.0


def test_nobody_arrives_after_the_night() -> None:
    visit = replace(a_visit(departure="11:00"), arrival_sd_minutes=1440.0)
    night = a_night(DEPOT, visits=[replace(visit, departure=visit.departure.replace(year=NIGHT.year + 1))])

    arrivals = [drawn(night, seed).visits[0].arrival for seed in range(1, 51)]

    assert max(arrivals) < night.horizon.end
