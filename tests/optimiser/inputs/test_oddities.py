"""What is told of a night that is good, and yet not quite what it should be: each sentence with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimiser.inputs import load_night
from tests.optimiser.folder_builders import (
    BASE_LOAD_PATH,
    NIGHT,
    PRICES_PATH,
    PV_PATH,
    VISITS_CSV,
    VISITS_PATH,
    series_csv,
    write_depot_folder,
)


def warnings_of(tmp_path: Path, *replace: tuple[str, str, str], **files: str) -> tuple[str, ...]:
    return load_night(write_depot_folder(tmp_path, files=files, replace=replace), NIGHT).warnings


def test_a_departure_after_the_night_is_due_at_its_end(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, (VISITS_PATH, "2025-11-11T06:30", "2025-11-12T06:30"))
    assert warning.startswith(f"{VISITS_PATH} line 2: van1 departs 2025-11-12T06:30+01:00")
    assert "due at its end 2025-11-11T12:00+01:00" in warning


def test_an_arrival_before_the_night_is_planned_from_its_start(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, (VISITS_PATH, "2025-11-10T17:50", "2025-11-10T08:00"))
    assert "planned from its start 2025-11-10T12:00+01:00" in warning


def test_a_spread_of_arrivals_is_told_to_be_without_effect_where_no_readiness_is_asked_for(
    tmp_path: Path,
) -> None:
    visits = (
        f"{VISITS_CSV.splitlines()[0]},arrival_sd_minutes,arrival_soc_sd_percent,precondition_kwh\n"
        "van1,CP01,1,2025-11-10T17:50,30,2025-11-11T06:30,90,2,10,5,0\n"
    )
    (warning,) = warnings_of(tmp_path, **{VISITS_PATH: visits})
    asked = ("depot.yaml", "tick_minutes: 15", "readiness: 0.9")
    assert "without policy.readiness arrivals are planned as written" in warning
    assert warnings_of(tmp_path, asked, **{VISITS_PATH: visits}) == ()


def test_a_vehicle_that_cannot_charge_where_it_stands_is_told_and_not_refused(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, (VISITS_PATH, "van2,CP02,2", "van2,CP02,1"))
    assert warning == f"{VISITS_PATH} line 3: van2 cannot charge on CP02/1"


def test_a_base_load_above_the_highest_expected_is_told(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, **{BASE_LOAD_PATH: series_csv("base_load_kw", [5] * 23 + [6])})
    assert "6 kW is above site.base_load_max_kw 5" in warning


def test_steps_without_any_power_for_chargers_are_told(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, ("depot.yaml", "base_load_kw: 5", "base_load_kw: 42"))
    assert "leave no power in 96 of 96 steps, first at 2025-11-10T12:00+01:00" in warning


def test_states_of_charge_that_look_like_shares_are_told(tmp_path: Path) -> None:
    shares = [(VISITS_PATH, "17:50,30,", "17:50,0.3,"), (VISITS_PATH, "06:30,90", "06:30,0.9")]
    shares += [(VISITS_PATH, "16:00Z,40,", "16:00Z,0.4,"), (VISITS_PATH, "+01:00,100", "+01:00,1")]
    (warning,) = warnings_of(tmp_path, *shares)
    assert "shares" in warning


@pytest.mark.parametrize(
    ("price", "guesses"),
    [
        (25.4, "in hundredths, as in ct/kWh (0.254 EUR per kWh), or per MWh (0.0254)?"),
        (-8.0, "in hundredths, as in ct/kWh (-0.08 EUR per kWh), or per MWh (-0.008)?"),
        (254.0, "in hundredths, as in ct/kWh (2.54 EUR per kWh), or per MWh (0.254)?"),
        (0.00254, "divided once too often, by 100 (0.254 EUR per kWh) or by 1000 (2.54)?"),
        (0.000254, "divided once too often, by 100 (0.0254 EUR per kWh) or by 1000 (0.254)?"),
    ],
)
def test_a_price_in_another_unit_is_told_with_what_it_may_have_been(
    price: float, guesses: str, tmp_path: Path
) -> None:
    prices = series_csv("import_price_per_kwh", [price] * 24)
    (warning,) = warnings_of(tmp_path, **{PRICES_PATH: prices})
    assert warning.startswith(f"{PRICES_PATH}: ")
    assert guesses in warning


def test_bands_in_another_unit_are_told_as_bands(tmp_path: Path) -> None:
    cents = [
        ("depot.yaml", f"price_per_kwh: {price:g}}}", f"price_per_kwh: {100 * price:g}}}")
        for price in (0.2, 0.3, 0.25)
    ]
    (warning,) = warnings_of(tmp_path, *cents)
    assert warning.startswith("depot.yaml tariff.bands: the median price of the night is 30 EUR per kWh")


@pytest.mark.parametrize("prices", [[0.3] * 23 + [4.0], [-0.02] * 12 + [0.02] * 12, [0.0] * 24, [0.09] * 24])
def test_prices_that_have_been_seen_are_not_doubted(prices: list[float], tmp_path: Path) -> None:
    assert warnings_of(tmp_path, **{PRICES_PATH: series_csv("import_price_per_kwh", prices)}) == ()


@pytest.mark.parametrize(("currency", "price"), [("CZK", 5.2), ("JPY", 31.0), ("HUF", 70.0), ("SEK", 1.4)])
def test_a_price_in_a_currency_of_small_units_is_not_doubted(
    currency: str, price: float, tmp_path: Path
) -> None:
    prices = series_csv("import_price_per_kwh", [price] * 24)
    named = ("depot.yaml", "currency: EUR", f"currency: {currency}")
    assert warnings_of(tmp_path, named, **{PRICES_PATH: prices}) == ()


def test_hundredths_of_a_currency_of_small_units_are_told(tmp_path: Path) -> None:
    prices = series_csv("import_price_per_kwh", [520.0] * 24)
    (warning,) = warnings_of(tmp_path, ("depot.yaml", "EUR", "CZK"), **{PRICES_PATH: prices})
    assert "(5.2 CZK per kWh)" in warning


def test_sun_at_midnight_is_told_with_its_time(tmp_path: Path) -> None:
    by_day = [0.0, 3.0, 2.0, *[0.0] * 18, 1.0, 4.0, 5.0]
    assert warnings_of(tmp_path / "a", **{PV_PATH: series_csv("pv_kw", by_day)}) == ()
    by_night = series_csv("pv_kw", [*by_day[12:], *by_day[:12]])
    (warning,) = warnings_of(tmp_path / "b", **{PV_PATH: by_night})
    assert warning == (
        f"{PV_PATH}: 5 kW at 2025-11-10T23:00+01:00, when it is dark; are its times those of Europe/Berlin?"
    )


def test_a_charger_behind_no_feeder_is_told_where_there_are_feeders(tmp_path: Path) -> None:
    loose = ("depot.yaml", "    feeder: hall\n", "")
    (warning,) = warnings_of(tmp_path / "a", loose)
    assert warning.startswith("depot.yaml: CP02 without a feeder: the transformer limit alone holds there")
    none_at_all = [
        ("depot.yaml", "feeders:\n  - {id: hall, limit_kw: 40}\n", ""),
        ("depot.yaml", "  - {id: row, parent: hall, limit_kw: 30, limit_per_phase_a: 63}\n", ""),
        ("depot.yaml", "    feeder: row\n", ""),
    ]
    assert warnings_of(tmp_path / "b", loose, *none_at_all) == ()


def test_phases_that_no_vehicle_can_use_are_told(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, ("vehicles.csv", "van1,60,16,3,50", "van1,60,16,1,50"))
    assert warning == (
        "depot.yaml: three phases on CP01/1, of which no vehicle of vehicles.csv can use more than 1: "
        "is ac_phases right?"
    )


def test_a_connector_on_which_no_vehicle_can_charge_is_told(tmp_path: Path) -> None:
    visits = VISITS_CSV.replace("van1,CP01,1", "van1,CP02,2").replace("van2,CP02,2", "van2,CP01,1")
    without_dc = ("vehicles.csv", "van1,60,16,3,50", "van1,60,16,3,0")
    (warning,) = warnings_of(tmp_path, without_dc, **{VISITS_PATH: visits})
    assert warning == "depot.yaml: no vehicle of vehicles.csv can charge on CP02/1"


def test_more_connectors_than_a_sentence_names_are_counted(tmp_path: Path) -> None:
    plugs = "".join(f"      - {{id: {n}, phases: 0, max_kw: 50}}\n" for n in range(3, 7))
    more = ("depot.yaml", "tariff:\n", f"{plugs}tariff:\n")
    without_dc = ("vehicles.csv", "van1,60,16,3,50", "van1,60,16,3,0")
    (warning,) = warnings_of(tmp_path, more, without_dc)
    assert warning.endswith("can charge on CP02/1, CP02/3, CP02/4 and 2 more")


def test_preconditioning_with_more_than_a_battery_is_told(tmp_path: Path) -> None:
    visits = f"{VISITS_CSV.splitlines()[0]},precondition_kwh\nvan1,CP01,1,2025-11-10T17:50,30,2025-11-11T06:30,90,2,75\n"
    (warning,) = warnings_of(tmp_path, **{VISITS_PATH: visits})
    assert warning == (
        f"{VISITS_PATH} line 2: van1 is preconditioned with 75 kWh, more than its battery of 60 kWh holds"
    )
