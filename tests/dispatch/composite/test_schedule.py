"""How leaders become one limit: units, phases, sums over EVSEs, defaults, decimals."""

from __future__ import annotations

import pytest

from tests.dispatch.preview_builders import HOUR, a_profile, a_question, limits, read, told

BOTH = pytest.mark.parametrize("ocpp", ["1.6", "2.0.1", "2.1"])


def test_no_profile_and_no_default_is_no_limit() -> None:
    assert told(a_question()) == [(0, None, None)]


@pytest.mark.parametrize(("evse", "unit", "expected"), [(1, "A", 48.0), (1, "W", 33120.0), (0, "A", 96.0)])
def test_the_default_fills_where_no_profile_applies(evse: int, unit: str, expected: float) -> None:
    """A default known in one unit only is converted; the station may draw as often the default as it has EVSEs."""
    assert told(a_question(evse=evse, unit=unit, station={"nrOfEvses": 2, "defaultLimitA": 48})) == [
        (0, expected, None)
    ]


def test_each_unit_has_its_own_default() -> None:
    station = {"defaultLimitA": 48, "defaultLimitW": 22000.5, "supplyVoltage": 400}
    assert limits(a_question(unit="W", station=station)) == [(0, 22000.5)]
    assert limits(a_question(unit="A", station=station)) == [(0, 48.0)]


@pytest.mark.parametrize("purpose", ["TxDefaultProfile", "TxProfile", "StationMax"])
def test_the_default_never_caps_a_profile(purpose: str) -> None:
    profile = a_profile(purpose, limits=[(0, 63), (HOUR, 20)], duration=2 * HOUR)
    assert limits(a_question(profile, duration=3 * HOUR, station={"defaultLimitA": 48})) == [
        (0, 63.0),
        (HOUR, 20.0),
        (2 * HOUR, 48.0),
    ]


@pytest.mark.parametrize(
    ("unit", "asked", "phases", "limit", "expected"),
    [
        ("A", "A", None, 16, 16.0),
        ("A", "W", None, 16, 11040.0),
        ("A", "W", 3, 16, 11040.0),
        ("A", "W", 1, 16, 3680.0),
        ("W", "A", 3, 11040, 16.0),
        ("W", "A", 2, 11040, 24.0),
        ("W", "A", None, 11000, 11000 / 690),
        ("W", "W", 1, 7360.4, 7360.4),
    ],
)
def test_amperes_per_phase_become_watts_of_all_phases(
    unit: str, asked: str, phases: int | None, limit: float, expected: float
) -> None:
    """K01.FR.50/51, default of three phases K01.FR.49, 1.6 §7.14."""
    profile = a_profile(unit=unit, phases=phases, limits=[(0, limit)])
    assert told(a_question(profile, unit=asked)) == [(0, expected, phases)]


def test_voltage_and_default_phases_of_the_station_count() -> None:
    station = {"supplyVoltage": 120, "defaultNumberPhases": 1}
    assert limits(a_question(a_profile(limits=[(0, 16)]), unit="W", station=station)) == [(0, 1920.0)]


@BOTH
def test_units_are_converted_after_the_fewest_phases_have_been_taken(ocpp: str) -> None:
    """Errata 2025-09 K.3.8: 11 040 W that were meant for three phases are 48 A on the one that is left."""
    maximum = a_profile("StationMax", ocpp=ocpp, limits=[(0, 24), (HOUR, 60)], phases=1)
    default = a_profile(ocpp=ocpp, unit="W", limits=[(0, 11040)], phases=3)
    assert told(a_question(maximum, default, ocpp=ocpp, duration=2 * HOUR)) == [(0, 24.0, 1), (HOUR, 48.0, 1)]
    assert told(a_question(maximum, default, ocpp=ocpp, duration=2 * HOUR, unit="W")) == [
        (0, 5520.0, 1),
        (HOUR, 11040.0, 1),
    ]


def test_amperes_stay_what_they_are_on_fewer_phases() -> None:
    """1.6 errata 3.34."""
    maximum = a_profile("StationMax", limits=[(0, 32)], phases=1)
    assert told(a_question(maximum, a_profile(limits=[(0, 16)], phases=3))) == [(0, 16.0, 1)]


def test_an_overruled_profile_has_no_say_in_the_phases() -> None:
    default = a_profile(limits=[(0, 6)], phases=1)
    tx = a_profile("TxProfile", limits=[(0, 16)], phases=3)
    assert told(a_question(default, tx)) == [(0, 16.0, 3)]


def test_a_sum_of_decimals_is_exact_and_nothing_is_rounded() -> None:
    profiles = [a_profile(evse=1, limits=[(0, 0.1)]), a_profile(evse=2, limits=[(0, 0.2)])]
    assert limits(a_question(*profiles, evse=0)) == [(0, 0.3)]
    assert limits(a_question(a_profile(limits=[(0, 6.04)]))) == [(0, 6.04)]


@BOTH
def test_the_station_gets_the_sum_of_its_evses_below_its_maximum(ocpp: str) -> None:
    """1.6 §5.7, OCTT TC_K_22: one default on 0 counts as often as there are EVSEs."""
    default = a_profile(ocpp=ocpp, evse=0, limits=[(0, 16), (HOUR, 10), (2 * HOUR, 6)])
    maximum = a_profile("StationMax", ocpp=ocpp, limits=[(0, 25)])
    assert limits(a_question(default, maximum, ocpp=ocpp, evse=0)) == [
        (0, 25.0),
        (HOUR, 20.0),
        (2 * HOUR, 12.0),
    ]
    assert limits(a_question(default, ocpp=ocpp, evse=0)) == [(0, 32.0), (HOUR, 20.0), (2 * HOUR, 12.0)]


@BOTH
def test_each_evse_counts_from_its_own_transaction(ocpp: str) -> None:
    relative = a_profile(ocpp=ocpp, evse=0, kind="Relative", limits=[(0, 16), (HOUR, 10)])
    running = [
        {"evseId": 1, "id": 1, "start": "2025-11-10T11:30:00Z"},
        {"evseId": 2, "id": 2, "start": "2025-11-10T11:00:01Z"},
    ]
    question = a_question(relative, ocpp=ocpp, evse=0, transactions=running, simulate=False, duration=HOUR)
    assert limits(question) == [(0, 32.0), (1, 26.0), (1800, 20.0)]


def test_in_a_sum_the_default_fills_for_the_evse_that_no_profile_limits() -> None:
    one = a_profile(evse=1, limits=[(0, 14)], phases=3)
    station = {"nrOfEvses": 2, "defaultLimitA": 57}
    assert told(a_question(one, evse=0, station=station)) == [(0, 71.0, 3)]
    assert limits(a_question(one, evse=0)) == [(0, None)]


def test_in_a_sum_the_default_does_not_cap_the_stations_maximum() -> None:
    """An EVSE without a limit of its own leaves the maximum of all to be reached."""
    maximum = a_profile("StationMax", limits=[(0, 100)])
    one = a_profile(evse=1, limits=[(0, 10)])
    station = {"nrOfEvses": 2, "defaultLimitA": 48}
    assert limits(a_question(maximum, evse=0, station=station)) == [(0, 100.0)]
    assert limits(a_question(maximum, one, evse=0, station=station)) == [(0, 100.0)]
    other = a_profile(evse=2, limits=[(0, 20)])
    assert limits(a_question(maximum, one, other, evse=0, station=station)) == [(0, 30.0)]


def test_an_external_constraint_of_the_station_caps_the_sum_and_one_of_an_evse_its_part() -> None:
    purpose = "ChargingStationExternalConstraints"
    default = a_profile(ocpp="2.0.1", evse=0, limits=[(0, 16)])
    of_all = a_profile(purpose, ocpp="2.0.1", evse=0, limits=[(0, 20)], start="2025-11-10T13:00:00Z")
    of_one = a_profile(purpose, ocpp="2.0.1", evse=2, limits=[(0, 10)])
    question = a_question(default, of_all, of_one, ocpp="2.0.1", evse=0, duration=2 * HOUR)
    assert limits(question) == [(0, 26.0), (HOUR, 20.0)]


def test_a_sum_of_different_units_and_phases_is_made_in_the_unit_that_is_asked_for() -> None:
    one = a_profile(evse=1, limits=[(0, 16)], phases=3)
    other = a_profile(evse=2, unit="W", limits=[(0, 2300)], phases=1)
    assert told(a_question(one, other, evse=0, unit="W")) == [(0, 13340.0, 3)]
    assert told(a_question(one, other, evse=0, unit="A")) == [(0, 26.0, 3)]


def test_in_21_local_generation_comes_on_top() -> None:
    profiles = [
        a_profile(ocpp="2.1", limits=[(0, 16)]),
        a_profile("LocalGeneration", ocpp="2.1", evse=0, unit="W", limits=[(0, 690)], duration=HOUR),
    ]
    assert limits(a_question(*profiles, ocpp="2.1", duration=2 * HOUR)) == [(0, 17.0), (HOUR, 16.0)]
    alone = a_question(profiles[1], ocpp="2.1", duration=HOUR, station={"defaultLimitA": 32})
    assert limits(alone) == [(0, 32.0)]


def test_neighbours_that_differ_in_nothing_that_is_told_are_one_period() -> None:
    low = a_profile(limits=[(0, 6), (100, 6), (200, 7)], phases=3)
    high = a_profile(level=1, limits=[(0, 6)], duration=50, phases=3)
    other_phases = a_profile(level=2, limits=[(0, 7)], phases=1, start="2025-11-10T12:05:00Z")
    assert told(a_question(low, high, other_phases, duration=400)) == [
        (0, 6.0, 3),
        (200, 7.0, 3),
        (300, 7.0, 1),
    ]


def test_a_duration_of_nothing_gives_the_one_period_that_begins_then() -> None:
    profile = a_profile(limits=[(0, 16), (1, 8)])
    document = read(a_question(profile, duration=0)).document()
    assert document["duration"] == 0
    assert document["periods"] == [{"startPeriod": 0, "limit": 16.0, "numberPhases": None}]


def test_a_schedule_counts_in_whole_seconds_of_utc() -> None:
    profile = a_profile(limits=[(0, 16), (100, 8)], start="2025-11-10T12:00:00.700Z")
    document = read(a_question(profile, start="2025-11-10T13:00:10.200+01:00", duration=200)).document()
    assert document["scheduleStart"] == "2025-11-10T12:00:10Z"
    assert [period["startPeriod"] for period in document["periods"]] == [0, 90]


def test_far_away_instants_do_no_harm() -> None:
    profile = a_profile(
        kind="Recurring", start="9999-12-31T23:59:59Z", limits=[(0, 6), (2**31 - 1, 7)], valid=("0001-01-01T00:00:00Z", None)
    )  # fmt: skip
    assert limits(a_question(profile, duration=HOUR)) == [(0, None)]
