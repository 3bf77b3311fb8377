"""Who leads in a stack: purposes, levels, kinds, validity, transactions. Each test says its clause."""

from __future__ import annotations

from functools import partial

import pytest

from tests.dispatch.preview_builders import DAY, HOUR, NOON, a_profile, a_question, limits

VERSIONS = pytest.mark.parametrize("ocpp", ["1.6", "2.0.1", "2.1"])
FROM_2 = pytest.mark.parametrize("ocpp", ["2.0.1", "2.1"])


@VERSIONS
def test_the_highest_level_leads_and_a_lower_one_takes_over_where_its_duration_is_over(ocpp: str) -> None:
    """1.6 §3.13.2, 2.0.1 K.3.5 and K08.FR.04, OCTT TC_072 and TC_K_40: values are not compared."""
    low = a_profile(ocpp=ocpp, level=0, limits=[(0, 6), (100, 8), (200, 10)], duration=400)
    high = a_profile(ocpp=ocpp, level=1, limits=[(0, 7), (50, 9)], duration=150, profile_id=2)
    assert limits(a_question(low, high, ocpp=ocpp, duration=400)) == [
        (0, 7.0),
        (50, 9.0),
        (150, 8.0),
        (200, 10.0),
    ]


@VERSIONS
def test_after_every_duration_nothing_limits(ocpp: str) -> None:
    only = a_profile(ocpp=ocpp, limits=[(0, 6)], duration=400)
    assert limits(a_question(only, ocpp=ocpp, duration=500)) == [(0, 6.0), (400, None)]


@VERSIONS
def test_a_level_without_duration_never_falls_back(ocpp: str) -> None:
    """1.6 §3.13.2: the last period goes on indefinitely (§7.13)."""
    low = a_profile(ocpp=ocpp, level=0, limits=[(0, 6)])
    high = a_profile(ocpp=ocpp, level=3, limits=[(0, 20), (HOUR, 30)])
    assert limits(a_question(low, high, ocpp=ocpp, duration=30 * DAY)) == [(0, 20.0), (HOUR, 30.0)]


@VERSIONS
def test_a_tx_profile_replaces_every_default_where_it_has_a_period(ocpp: str) -> None:
    """1.6 §3.13.1, 2.0.1 K.3.1 and K02.FR.08: by purpose, whatever level and value."""
    default = a_profile(ocpp=ocpp, level=9, limits=[(0, 6)])
    tx = a_profile(
        "TxProfile", ocpp=ocpp, level=0, limits=[(0, 32)], duration=HOUR, start="2025-11-10T13:00:00Z"
    )
    assert limits(a_question(default, tx, ocpp=ocpp, duration=3 * HOUR)) == [
        (0, 6.0),
        (HOUR, 32.0),
        (2 * HOUR, 6.0),
    ]


@VERSIONS
def test_a_tx_profile_is_for_the_transaction_that_it_names(ocpp: str) -> None:
    """1.6 §3.13.1, K01.FR.33."""
    tx = a_profile("TxProfile", ocpp=ocpp, limits=[(0, 10)], transaction="t1")
    own, other = ({"evseId": 1, "id": name} for name in ("t1", "t2"))
    assert limits(a_question(tx, ocpp=ocpp, transactions=[own], simulate=False)) == [(0, 10.0)]
    assert limits(a_question(tx, ocpp=ocpp, transactions=[other], simulate=False)) == [(0, None)]
    assert limits(a_question(tx, ocpp=ocpp)) == [(0, 10.0)]


@VERSIONS
def test_without_a_transaction_only_what_holds_for_the_station_is_told(ocpp: str) -> None:
    """K08.FR.06 is asked for by simulateTransaction."""
    maximum = a_profile("StationMax", ocpp=ocpp, limits=[(0, 20)])
    default = a_profile(ocpp=ocpp, limits=[(0, 6)])
    assert limits(a_question(maximum, default, ocpp=ocpp, simulate=False)) == [(0, 20.0)]
    assert limits(a_question(maximum, default, ocpp=ocpp, simulate=True)) == [(0, 6.0)]
    on_the_other = [{"evseId": 2, "id": 1}]
    assert limits(a_question(maximum, default, ocpp=ocpp, simulate=False, transactions=on_the_other)) == [
        (0, 20.0)
    ]


@VERSIONS
def test_the_stations_maximum_holds_besides(ocpp: str) -> None:
    """1.6 §3.13.1 and §5.7, K.3.1, OCTT TC_K_41: the lowest at each instant."""
    maximum = a_profile("StationMax", ocpp=ocpp, limits=[(0, 10), (50, 20), (150, 5)])
    tx = a_profile("TxProfile", ocpp=ocpp, limits=[(0, 12), (100, 15)])
    assert limits(a_question(maximum, tx, ocpp=ocpp, duration=200)) == [
        (0, 10.0),
        (50, 12.0),
        (100, 15.0),
        (150, 5.0),
    ]


@FROM_2
def test_external_constraints_of_station_and_evse_hold_besides(ocpp: str) -> None:
    """K.3.1, K11 to K14: one on EVSE 0 is for the station, one on the EVSE for that one."""
    purpose = "ChargingStationExternalConstraints"
    profiles = [
        a_profile(ocpp=ocpp, limits=[(0, 32)]),
        a_profile(purpose, ocpp=ocpp, evse=0, level=0, limits=[(0, 20)], duration=200),
        a_profile(purpose, ocpp=ocpp, evse=1, level=5, limits=[(0, 25), (100, 15)]),
        a_profile(purpose, ocpp=ocpp, evse=2, limits=[(0, 1)]),
    ]
    assert limits(a_question(*profiles, ocpp=ocpp, duration=300)) == [(0, 20.0), (100, 15.0)]


def test_in_16_a_default_of_the_connector_replaces_that_of_connector_0_whatever_the_levels() -> None:
    """1.6 §3.13.1; where the connector's own has run out, connector 0 is heard."""
    for_all = a_profile(evse=0, level=5, limits=[(0, 6)])
    own = a_profile(evse=1, level=0, limits=[(0, 10)], duration=100)
    assert limits(a_question(for_all, own, duration=200)) == [(0, 10.0), (100, 6.0)]
    assert limits(a_question(for_all, own, evse=2, duration=200)) == [(0, 6.0)]


@FROM_2
def test_in_2_defaults_of_station_and_evse_are_one_stack(ocpp: str) -> None:
    """K01.FR.14, K01.FR.52/53: one on EVSE 0 holds on every EVSE, the level decides."""
    for_all = a_profile(ocpp=ocpp, evse=0, level=5, limits=[(0, 6)], duration=100)
    own = a_profile(ocpp=ocpp, evse=1, level=0, limits=[(0, 10)])
    assert limits(a_question(for_all, own, ocpp=ocpp, duration=200)) == [(0, 6.0), (100, 10.0)]


@VERSIONS
def test_valid_from_is_included_and_valid_to_is_not(ocpp: str) -> None:
    """K01.FR.36/37; periods count from the start of the schedule, not from the validity."""
    low = a_profile(ocpp=ocpp, limits=[(0, 6)])
    valid = ("2025-11-10T12:10:00Z", "2025-11-10T12:20:00+00:00")
    high = a_profile(ocpp=ocpp, level=1, limits=[(0, 20), (700, 25)], valid=valid)
    assert limits(a_question(low, high, ocpp=ocpp, duration=HOUR)) == [
        (0, 6.0),
        (600, 20.0),
        (700, 25.0),
        (1200, 6.0),
    ]


@FROM_2
def test_v17_two_of_one_level_take_turns_by_their_validity(ocpp: str) -> None:
    """K01.FR.06: validTo of the one is validFrom of the other, which is no overlap."""
    turn = "2025-11-10T13:00:00Z"
    one = a_profile(ocpp=ocpp, limits=[(0, 20)], valid=(None, turn))
    other = a_profile(ocpp=ocpp, limits=[(0, 10)], valid=(turn, None), profile_id=2)
    assert limits(a_question(one, other, ocpp=ocpp, duration=2 * HOUR)) == [(0, 20.0), (HOUR, 10.0)]


def test_v24_a_profile_that_replaced_another_and_is_not_valid_yet_leaves_a_gap() -> None:
    """1.6 §3.13.2: until tomorrow nothing but the station's own default holds."""
    tomorrow = a_profile(limits=[(0, 10)], valid=("2025-11-11T00:00:00Z", None))
    station = {"defaultLimitA": 32}
    assert limits(a_question(tomorrow, station=station)) == [(0, 32.0), (12 * HOUR, 10.0)]


@VERSIONS
def test_nothing_holds_before_its_start(ocpp: str) -> None:
    """K01.FR.30."""
    later = a_profile(ocpp=ocpp, start="2025-11-10T12:01:40Z")
    assert limits(a_question(later, ocpp=ocpp, duration=200)) == [(0, None), (100, 16.0)]


@VERSIONS
def test_offsets_of_timestamps_are_read(ocpp: str) -> None:
    later = a_profile(ocpp=ocpp, start="2025-11-10T13:01:40.900+01:00")
    assert limits(a_question(later, ocpp=ocpp, duration=200)) == [(0, None), (100, 16.0)]


@VERSIONS
def test_a_daily_schedule_that_is_shorter_than_a_day_leaves_a_gap_for_lower_levels(ocpp: str) -> None:
    """1.6 errata 3.43."""
    low = a_profile(ocpp=ocpp, limits=[(0, 6)], start="2025-11-01T00:00:00Z")
    daily = a_profile(
        ocpp=ocpp, kind="Recurring", level=1, limits=[(0, 20), (HOUR, 10)], duration=2 * HOUR, start="2025-11-01T20:00:00Z"
    )  # fmt: skip
    assert limits(a_question(low, daily, ocpp=ocpp, duration=2 * DAY)) == [
        (0, 6.0),
        (8 * HOUR, 20.0),
        (9 * HOUR, 10.0),
        (10 * HOUR, 6.0),
        (32 * HOUR, 20.0),
        (33 * HOUR, 10.0),
        (34 * HOUR, 6.0),
    ]


@VERSIONS
def test_a_daily_schedule_that_is_longer_than_a_day_is_cut(ocpp: str) -> None:
    """1.6 errata 3.43."""
    daily = a_profile(
        ocpp=ocpp, kind="Recurring", limits=[(0, 20), (23 * HOUR, 10), (25 * HOUR, 5)], duration=2 * DAY
    )
    assert limits(a_question(daily, ocpp=ocpp, duration=DAY + 1)) == [
        (0, 20.0),
        (23 * HOUR, 10.0),
        (DAY, 20.0),
    ]


@VERSIONS
def test_a_daily_schedule_without_duration_holds_until_it_begins_anew(ocpp: str) -> None:
    daily = a_profile(ocpp=ocpp, kind="Recurring", limits=[(0, 20), (HOUR, 10)], start="2025-11-09T18:00:00Z")
    assert limits(a_question(daily, ocpp=ocpp)) == [(0, 10.0), (6 * HOUR, 20.0), (7 * HOUR, 10.0)]


@VERSIONS
def test_a_weekly_schedule_comes_again_after_seven_days_in_utc(ocpp: str) -> None:
    weekly = a_profile(
        ocpp=ocpp, kind="Recurring", recurrency="Weekly", duration=HOUR, start="2025-10-20T11:00:00Z"
    )
    question = a_question(weekly, ocpp=ocpp, start="2025-11-10T11:30:00Z", duration=8 * DAY)
    assert limits(question) == [(0, 16.0), (1800, None), (7 * DAY - 1800, 16.0), (7 * DAY + 1800, None)]


@VERSIONS
def test_before_its_start_a_recurring_schedule_holds_only_where_that_is_asked_for(ocpp: str) -> None:
    """K01.FR.30; stacks in the field reach back."""
    daily = a_profile(ocpp=ocpp, kind="Recurring", limits=[(0, 20), (HOUR, 10)], start="2025-11-11T13:00:00Z")
    asked = partial(a_question, daily, ocpp=ocpp, duration=2 * DAY)
    assert limits(asked()) == [(0, None), (25 * HOUR, 20.0), (26 * HOUR, 10.0)]
    back = {"recurrenceBeforeStartSchedule": "apply"}
    assert limits(asked(options=back)) == [
        (0, 10.0),
        (HOUR, 20.0),
        (2 * HOUR, 10.0),
        (25 * HOUR, 20.0),
        (26 * HOUR, 10.0),
    ]
    ignored = {"recurrenceBeforeStartSchedule": "ignore"}
    assert limits(asked(options=ignored)) == limits(asked())


@VERSIONS
@pytest.mark.parametrize(
    ("transactions", "expected"),
    [
        ([], [(0, 20.0), (HOUR, 10.0)]),
        ([{"evseId": 1, "id": 1}], [(0, 20.0), (HOUR, 10.0)]),
        ([{"evseId": 1, "id": 1, "start": "2025-11-10T11:30:00Z"}], [(0, 20.0), (1800, 10.0)]),
        ([{"evseId": 1, "id": 1, "start": "2025-11-10T12:00:30Z"}], [(0, None), (30, 20.0), (3630, 10.0)]),
    ],
)
def test_a_relative_schedule_starts_with_the_transaction_else_with_what_is_asked(
    ocpp: str, transactions: list[dict[str, object]], expected: list[tuple[int, float | None]]
) -> None:
    """1.6 §7.8, K01.FR.41."""
    relative = a_profile(ocpp=ocpp, kind="Relative", limits=[(0, 20), (HOUR, 10)])
    assert limits(a_question(relative, ocpp=ocpp, transactions=transactions, duration=2 * HOUR)) == expected


def test_an_absolute_schedule_without_start_counts_from_the_start_of_charging() -> None:
    """1.6 §7.13."""
    profile = a_profile(start=None, limits=[(0, 20), (HOUR, 10)])
    transaction = {"evseId": 1, "id": 1, "start": "2025-11-10T11:30:00Z"}
    assert limits(a_question(profile, transactions=[transaction], duration=HOUR)) == [(0, 20.0), (1800, 10.0)]


def test_the_start_of_a_relative_schedule_is_not_looked_at() -> None:
    """K01.FR.41 forbids one."""
    entry = a_profile(kind="Relative", limits=[(0, 20), (HOUR, 10)])
    entry["profile"]["chargingSchedule"]["startSchedule"] = "2020-01-01T00:00:00Z"
    assert limits(a_question(entry, duration=2 * HOUR)) == [(0, 20.0), (HOUR, 10.0)]


def test_the_periods_are_in_force_in_the_order_of_their_starts_and_not_before_the_first() -> None:
    profile = a_profile(limits=[(200, 20), (100, 10), (100, 11)])
    assert limits(a_question(profile, duration=300)) == [(0, None), (100, 11.0), (200, 20.0)]


@VERSIONS
def test_equal_ids_and_levels_do_not_replace_one_another(ocpp: str) -> None:
    """They are installed already; where both have a period the first listed leads."""
    one = a_profile(ocpp=ocpp, limits=[(0, 20)], duration=100)
    other = a_profile(ocpp=ocpp, limits=[(0, 10)], duration=200)
    assert limits(a_question(one, other, ocpp=ocpp, duration=300)) == [(0, 20.0), (100, 10.0), (200, None)]


def test_a_profile_that_was_not_to_be_there_is_taken_as_it_stands() -> None:
    """TxProfile on connector 0, station maximum on a connector, relative station maximum."""
    tx_for_all = a_profile("TxProfile", evse=0, limits=[(0, 12)])
    maximum_of_one = a_profile("ChargePointMaxProfile", evse=1, limits=[(0, 9)])
    relative = a_profile("StationMax", kind="Relative", limits=[(0, 11), (HOUR, 8)])
    assert limits(a_question(tx_for_all, evse=2)) == [(0, 12.0)]
    assert limits(a_question(tx_for_all, maximum_of_one, evse=1)) == [(0, 9.0)]
    assert limits(a_question(tx_for_all, maximum_of_one, evse=2)) == [(0, 12.0)]
    transaction = {"evseId": 1, "id": 1, "start": "2025-11-10T11:30:00Z"}
    asked = a_question(relative, transactions=[transaction], duration=2 * HOUR)
    assert limits(asked) == [(0, 11.0), (1800, 8.0)]


def test_in_21_priority_charging_takes_the_place_of_a_transactions_profile() -> None:
    profiles = [
        a_profile("PriorityCharging", ocpp="2.1", limits=[(0, 32)], valid=(None, "2025-11-10T12:01:40Z")),
        a_profile("TxProfile", ocpp="2.1", level=7, limits=[(0, 8)]),
        a_profile("StationMax", ocpp="2.1", limits=[(0, 25)]),
    ]
    assert limits(a_question(*profiles, ocpp="2.1", duration=200)) == [(0, 25.0), (100, 8.0)]


def test_in_21_a_dynamic_profile_holds_from_its_last_update() -> None:
    """K28."""
    dynamic = a_profile(
        ocpp="2.1",
        kind="Dynamic",
        start=None,
        limits=[(0, 12)],
        duration=900,
        dynUpdateTime="2025-11-10T11:50:00Z",
    )
    assert limits(a_question(dynamic, ocpp="2.1", duration=HOUR)) == [(0, 12.0), (300, None)]
    never_told = a_profile(ocpp="2.1", kind="Dynamic", start=None, limits=[(0, 12)])
    assert limits(a_question(never_told, ocpp="2.1", duration=HOUR, start=NOON)) == [(0, 12.0)]
