"""Which words of a telematics file are trusted."""

from __future__ import annotations

from datetime import timedelta

from dispatch.occupants import TELEMATICS_OLDEST
from dispatch.station import LiveState, VehicleReading
from dispatch.telematics import AHEAD, Words, trusted
from optimiser.night import SocReading
from tests.builders import a_horizon
from tests.dispatch.dispatch_builders import NOW

MINUTE = timedelta(minutes=1)


def a_word(vehicle_id: str = "V1", *, minutes_ago: float = 5.0, soc_percent: float = 40.0) -> SocReading:
    return SocReading(vehicle_id=vehicle_id, at=NOW - minutes_ago * MINUTE, soc_percent=soc_percent)


def told(vehicle_id: str = "V1", *, minutes_ago: float, soc_percent: float = 40.0) -> VehicleReading:
    return VehicleReading(vehicle_id=vehicle_id, at=NOW - minutes_ago * MINUTE, soc_percent=soc_percent)


def words(*readings: SocReading, known: tuple[VehicleReading, ...] = ()) -> Words:
    return trusted(readings, LiveState(now=NOW, chargers=(), vehicles=known), local=a_horizon().local)


def test_the_freshest_word_of_each_vehicle_is_told() -> None:
    found = words(a_word(minutes_ago=9, soc_percent=30), a_word(minutes_ago=3), a_word("V2", minutes_ago=20))
    assert found == Words(new=(told(minutes_ago=3), told("V2", minutes_ago=20)))


def test_the_file_tells_nothing_that_is_known_as_fresh_from_elsewhere() -> None:
    assert words(a_word(minutes_ago=5), known=(told(minutes_ago=4),)).new == ()
    assert words(a_word(minutes_ago=5), known=(told(minutes_ago=5),)).new == ()
    assert words(a_word(minutes_ago=5), known=(told(minutes_ago=6),)).new == (told(minutes_ago=5),)


def test_a_word_without_a_soc_hides_none() -> None:
    stands = VehicleReading(vehicle_id="V1", at=NOW, charger_id="CP1", connector_id=1)
    assert words(a_word(), known=(stands,)).new == (told(minutes_ago=5),)


def test_what_is_stale_is_not_trusted_and_a_file_that_nobody_writes_any_more_is_told() -> None:
    old = TELEMATICS_OLDEST / MINUTE + 1
    assert words(a_word(minutes_ago=old), a_word("V2")) == Words(new=(told("V2", minutes_ago=5),))
    found = words(a_word(minutes_ago=old))
    assert found.new == ()
    assert found.notes == ("telematics.csv: nothing in it is newer than 2025-11-10 18:29, so it is not used",)


def test_what_is_of_a_time_to_come_is_not_trusted_and_the_word_before_it_is() -> None:
    found = words(a_word(minutes_ago=-30, soc_percent=99), a_word(minutes_ago=5))
    assert found.new == (told(minutes_ago=5),)
    assert found.notes == (
        "telematics.csv: words of a time to come are not used (V1): look at the clock of who writes it",
    )
    nearly = words(a_word(minutes_ago=-(AHEAD / MINUTE)))
    assert nearly == Words(new=(told(minutes_ago=0),))
