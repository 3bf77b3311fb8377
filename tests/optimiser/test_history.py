from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from optimiser.history import FEWEST_NIGHTS, History, PastVisit, learned
from tests.builders import a_visit, at


def came(vehicle_id: str, *, day: int, late_minutes: float, soc_percent: float | None = 40.0) -> PastVisit:
    planned = at("18:00")
    return PastVisit(
        vehicle_id=vehicle_id,
        night=date(2025, 10, day),
        planned_arrival=planned,
        arrival=planned + timedelta(minutes=late_minutes),
        planned_soc_percent=40.0,
        arrival_soc_percent=soc_percent,
    )


def a_history(*, nights: int = 20) -> History:
    """V1 comes an hour early or late, V2 always on time."""
    days = range(1, nights + 1)
    return History(
        visits=tuple(
            visit
            for day in days
            for visit in (
                came("V1", day=day, late_minutes=60.0 * (-1) ** day, soc_percent=30.0),
                came("V2", day=day, late_minutes=0.0, soc_percent=None if day % 2 else 44.0),
            )
        )
    )


def test_a_vehicle_of_many_nights_is_known_by_its_own() -> None:
    wide, narrow = a_history().spread("V1"), a_history().spread("V2")
    assert wide is not None
    assert narrow is not None
    assert 55.0 < wide.arrival_sd_minutes < 60.0
    assert narrow.arrival_sd_minutes < 20.0
    assert wide.arrival_soc_sd_percent == pytest.approx(10.0, abs=0.5)


def test_a_vehicle_that_was_never_seen_is_taken_for_one_of_the_fleet() -> None:
    spread = a_history().spread("V9")
    assert spread is not None
    assert spread.nights == 0
    assert spread.arrival_sd_minutes == pytest.approx(60.0 / 2**0.5)


def test_a_handful_of_arrivals_teaches_nothing() -> None:
    few = a_history(nights=FEWEST_NIGHTS // 2 - 1)
    assert few.spread("V1") is None
    assert learned(a_visit(), few, given=()) == a_visit()


def test_what_is_written_goes_before_what_is_learned() -> None:
    visit = replace(a_visit(), arrival_sd_minutes=5.0)
    taught = learned(visit, a_history(), given={"arrival_sd_minutes"})
    assert taught.arrival_sd_minutes == 5.0
    assert taught.arrival_soc_sd_percent > 9.0


def test_only_nights_before_are_known_of() -> None:
    before = a_history().before(date(2025, 10, 11))
    assert len(before.visits) == 20
    assert max(visit.night for visit in before.visits) == date(2025, 10, 10)


def test_a_history_is_two_tables() -> None:
    spreads, arrivals = a_history().spreads(), a_history().to_frame()
    assert spreads["vehicle"].tolist() == ["V1", "V2"]
    assert arrivals.columns.tolist() == ["night", "vehicle", "late_minutes", "fuller_percent"]
    assert arrivals["fuller_percent"].isna().sum() == 10
