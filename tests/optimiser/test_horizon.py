"""The night as a row of steps: clock changes, partial steps, and times that name no instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimiser.horizon import Horizon, TimeError, format_instant, instant_from_local, parse_instant
from tests.builders import a_horizon, at

BERLIN = ZoneInfo("Europe/Berlin")
INSTANTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(2060, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
ZONES = st.sampled_from(
    [
        "Europe/Berlin",
        "America/Los_Angeles",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "UTC",
    ]
)


@pytest.mark.parametrize(
    ("night", "quarters"), [("2025-03-29", 92), ("2025-11-10", 96), ("2025-10-25", 100), ("2025-10-26", 96)]
)
def test_a_night_across_a_clock_change_is_an_hour_shorter_or_longer(night: str, quarters: int) -> None:
    horizon = a_horizon(night=date.fromisoformat(night))
    assert horizon.steps == quarters
    for end in (horizon.start, horizon.end):
        assert horizon.local(end).time() == time(12)


def test_the_steps_of_a_night_are_equally_long_across_the_clock_change() -> None:
    starts = a_horizon(night=date(2025, 10, 25)).starts()
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=15)}
    local = [start.astimezone(BERLIN).strftime("%H:%M") for start in starts]
    assert local.count("02:15") == 2


def test_a_horizon_keeps_its_start_in_utc() -> None:
    horizon = Horizon(start=at("18:00").astimezone(BERLIN), step_s=900, steps=4, timezone="Europe/Berlin")
    assert horizon.start.tzinfo is UTC
    assert horizon.end == horizon.start + timedelta(hours=1)
    assert horizon.step_h == pytest.approx(0.25)


def test_a_horizon_without_offset_or_without_steps_is_refused() -> None:
    with pytest.raises(TimeError, match="without offset"):
        Horizon(start=datetime(2025, 11, 10, 12), step_s=900, steps=4, timezone="UTC")  # noqa: DTZ001
    with pytest.raises(TimeError, match="at least one step"):
        Horizon(start=at("18:00"), step_s=900, steps=0, timezone="UTC")


def test_a_night_that_is_no_whole_number_of_steps_is_refused() -> None:
    with pytest.raises(TimeError, match="not a whole number of 15-minute steps"):
        a_horizon(start="18:00", end="06:10")


def test_the_last_day_of_the_calendar_has_no_night() -> None:
    with pytest.raises(TimeError, match="no next day"):
        a_horizon(night=date.max)


def test_a_vehicle_that_is_there_for_part_of_a_step_counts_for_that_part() -> None:
    horizon = a_horizon()
    shares = horizon.presence(at("17:50"), at("18:20"))
    assert shares[horizon.steps - 1] == 0.0
    assert shares[22:27] == pytest.approx([0.0, 2 / 3, 1.0, 1 / 3, 0.0])
    assert shares.sum() * 15 == pytest.approx(30)


def test_presence_outside_the_horizon_does_not_count() -> None:
    horizon = a_horizon()
    all_night = horizon.presence(horizon.start - timedelta(days=1), horizon.end + timedelta(days=1))
    assert all_night == pytest.approx(np.ones(96))
    assert horizon.presence(horizon.end, horizon.end + timedelta(hours=1)).sum() == 0.0


@given(first=st.integers(-3000, 3000), length=st.integers(1, 3000))
def test_presence_adds_up_to_the_part_inside(first: int, length: int) -> None:
    horizon = a_horizon()
    arrival = horizon.start + timedelta(minutes=first)
    departure = arrival + timedelta(minutes=length)
    inside = max(timedelta(0), min(departure, horizon.end) - max(arrival, horizon.start))
    shares = horizon.presence(arrival, departure)
    assert shares.min() >= 0.0
    assert shares.max() <= 1.0
    assert shares.sum() * 15 == pytest.approx(inside.total_seconds() / 60)


def test_the_rest_of_a_horizon_ends_with_it() -> None:
    horizon = a_horizon()
    rest = horizon.from_step(90)
    assert (rest.steps, rest.end, rest.timezone) == (6, horizon.end, horizon.timezone)
    assert rest.start == horizon.starts()[90]


@pytest.mark.parametrize(("how", "value"), [("mean", 7 / 3), ("max", 5.0), ("min", 1.0)])
def test_a_step_with_several_values_takes_their_mean_or_extreme(
    how: Literal["mean", "max", "min"], value: float
) -> None:
    horizon = Horizon(start=at("18:00"), step_s=900, steps=1, timezone="UTC")
    starts = [horizon.start + timedelta(minutes=minute) for minute in (-5, 5, 10)]
    result = horizon.resample(starts, [1.0, 5.0, 1.0], end=horizon.end, how=how)
    assert result == pytest.approx([value])


def test_a_value_that_only_touches_a_step_does_not_count_in_it() -> None:
    horizon = Horizon(start=at("18:00"), step_s=900, steps=2, timezone="UTC")
    starts = [horizon.start - timedelta(minutes=15), horizon.start, horizon.start + timedelta(minutes=15)]
    result = horizon.resample(starts, [9.0, 1.0, 2.0], end=horizon.end + timedelta(hours=1), how="max")
    assert result == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize(("late", "early"), [(1, 0), (0, 1)])
def test_a_series_that_leaves_part_of_the_horizon_open_is_refused(late: int, early: int) -> None:
    horizon = a_horizon()
    with pytest.raises(TimeError, match="covers the whole horizon"):
        horizon.resample(
            [horizon.start + timedelta(seconds=late)],
            [1.0],
            end=horizon.end - timedelta(seconds=early),
            how="mean",
        )


def test_a_skipped_time_is_refused() -> None:
    with pytest.raises(TimeError, match=r"2025-03-30T02:30:00 does not exist in Europe/Berlin"):
        parse_instant("2025-03-30T02:30", BERLIN)


def test_a_time_that_exists_twice_is_refused_and_both_are_offered() -> None:
    with pytest.raises(TimeError, match=r"write 2025-10-26T02:30:00\+02:00 or 2025-10-26T02:30:00\+01:00"):
        parse_instant("2025-10-26T02:30", BERLIN)
    summer, winter = (parse_instant(f"2025-10-26T02:30+0{hours}:00", BERLIN) for hours in (2, 1))
    assert winter - summer == timedelta(hours=1)


@pytest.mark.parametrize(
    ("local", "utc"), [("2025-10-26T01:59", "2025-10-25T23:59"), ("2025-10-26T03:00", "2025-10-26T02:00")]
)
def test_times_beside_the_doubled_hour_name_one_instant(local: str, utc: str) -> None:
    assert parse_instant(local, BERLIN) == datetime.fromisoformat(f"{utc}Z")


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2025-02-29T12:00", "2025-11-10T12:00+99:00"])
def test_text_that_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(TimeError, match="is not a timestamp such as"):
        parse_instant(text, BERLIN)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:00-14:00", "9999-12-31T23:59"])
def test_a_time_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(TimeError, match="outside the calendar"):
        parse_instant(text, ZoneInfo("America/Los_Angeles"))


@given(instant=INSTANTS, zone=ZONES)
def test_an_instant_comes_back_from_its_text_to_the_second(instant: datetime, zone: str) -> None:
    whole = instant.replace(microsecond=0)
    assert parse_instant(format_instant(instant), ZoneInfo(zone)) == whole
    assert parse_instant(whole.astimezone(ZoneInfo(zone)).isoformat(), BERLIN) == whole


@given(instant=INSTANTS, zone=ZONES)
def test_a_local_time_names_its_instant_or_is_refused_as_the_name_of_two(
    instant: datetime, zone: str
) -> None:
    local = instant.astimezone(ZoneInfo(zone))
    wall_clock = local.replace(tzinfo=None, fold=0)
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        assert instant_from_local(wall_clock, ZoneInfo(zone)) == instant
    else:
        with pytest.raises(TimeError, match="exists twice"):
            instant_from_local(wall_clock, ZoneInfo(zone))


def test_an_instant_is_written_as_chargers_read_it() -> None:
    moment = datetime(2025, 11, 10, 17, 50, 30, 999_999, tzinfo=BERLIN)
    assert format_instant(moment) == "2025-11-10T16:50:30Z"
