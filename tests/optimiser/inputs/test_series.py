"""Time series of a night: how they may be written, and which gaps are gaps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from optimiser.inputs import InputError, load_night
from optimiser.night import Night
from tests.optimiser.folder_builders import (
    BASE_LOAD_PATH,
    FIRST_NOON,
    NIGHT,
    PRICES_PATH,
    PV_PATH,
    SITE_LIMIT_PATH,
    series_csv,
    write_depot_folder,
)

PRICE = "import_price_per_kwh"


def prices_csv(rows: Sequence[tuple[str, object]]) -> str:
    return "\n".join([f"start,{PRICE}", *(f"{start},{price}" for start, price in rows)]) + "\n"


def hourly(hours: Sequence[int], *, quarters: Sequence[int] = ()) -> list[tuple[str, object]]:
    """Rows at hours after noon and, after them, at quarters after noon."""
    minutes = [60 * hour for hour in hours] + [15 * quarter for quarter in quarters]
    return [((FIRST_NOON + timedelta(minutes=m)).isoformat(timespec="minutes"), 0.1) for m in minutes]


def the_night(tmp_path: Path, **files: str) -> Night:
    paths = {"prices": PRICES_PATH, "base_load": BASE_LOAD_PATH, "site_limit": SITE_LIMIT_PATH, "pv": PV_PATH}
    return load_night(write_depot_folder(tmp_path, files={paths[key]: files[key] for key in files}), NIGHT)


def the_problem(tmp_path: Path, **files: str) -> str:
    with pytest.raises(InputError) as caught:
        the_night(tmp_path, **files)
    assert len(caught.value.problems) == 1, str(caught.value)
    return str(caught.value)


def test_prices_are_averaged_and_go_before_the_bands(tmp_path: Path) -> None:
    night = the_night(tmp_path, prices=series_csv(PRICE, [0.1, 0.2, 0.4] * 96, minutes=5))
    assert night.import_price_per_kwh == pytest.approx(np.full(96, 0.7 / 3))
    assert night.export_price_per_kwh == pytest.approx(np.zeros(96))


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_prices_of_quarters_half_hours_and_hours_are_read_also_below_zero(
    minutes: int, tmp_path: Path
) -> None:
    per_hour = 60 // minutes
    written = [0.02 * n - 0.2 for n in range(24 * per_hour)]
    night = the_night(tmp_path, prices=series_csv(PRICE, written, minutes=minutes))
    assert night.import_price_per_kwh == pytest.approx(np.repeat(written, 4 // per_hour))
    assert night.import_price_per_kwh.min() < 0.0


@pytest.mark.parametrize("step_minutes", [15, 30, 60])
@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_prices_and_steps_of_any_length_have_the_same_mean(
    minutes: int, step_minutes: int, tmp_path: Path
) -> None:
    written = [0.05 * (n % 7) - 0.1 for n in range(24 * 60 // minutes)]
    folder = write_depot_folder(
        tmp_path,
        files={PRICES_PATH: series_csv(PRICE, written, minutes=minutes)},
        replace=[("depot.yaml", "step_minutes: 15", f"step_minutes: {step_minutes}")],
    )
    prices = load_night(folder, NIGHT).import_price_per_kwh
    assert len(prices) == 24 * 60 // step_minutes
    by_minute = np.repeat(written, minutes).reshape(-1, step_minutes).mean(axis=1)
    assert prices == pytest.approx(by_minute)


def test_an_export_price_is_read_where_there_is_one(tmp_path: Path) -> None:
    night = the_night(tmp_path, prices=series_csv(f"{PRICE},export_price_per_kwh", ["0.3,0.08"] * 24))
    assert night.export_price_per_kwh == pytest.approx(np.full(96, 0.08))


def test_the_highest_base_load_the_lowest_limit_and_the_mean_sun_of_a_step_count(tmp_path: Path) -> None:
    night = the_night(
        tmp_path,
        base_load=series_csv("base_load_kw", [1, 2, 3] * 96, minutes=5),
        site_limit=series_csv("limit_kw", [30, 20, 50] * 96, minutes=5),
        pv=series_csv("pv_kw", [1, 2, 6] * 96, minutes=5),
    )
    assert night.base_load_kw == pytest.approx(np.full(96, 3.0))
    assert night.site_limit_kw == pytest.approx(np.full(96, 20.0))
    assert night.pv_kw == pytest.approx(np.full(96, 3.0))


def test_a_cap_of_the_grid_operator_never_lifts_the_transformer_limit(tmp_path: Path) -> None:
    night = the_night(tmp_path, site_limit=series_csv("limit_kw", [30] * 12 + [100] * 12))
    assert night.site_limit_kw == pytest.approx(np.repeat([30.0, 43.0], 48))
    assert night.site_cap_kw == pytest.approx(np.repeat([30.0, 100.0], 48))


def test_without_a_cap_there_is_none(tmp_path: Path) -> None:
    assert the_night(tmp_path).site_cap_kw is None


def test_a_single_row_holds_all_night(tmp_path: Path) -> None:
    night = the_night(tmp_path, prices=prices_csv([("2025-11-10T00:00", 0.5)]))
    assert night.import_price_per_kwh == pytest.approx(np.full(96, 0.5))


def test_the_last_row_holds_as_long_as_the_one_before(tmp_path: Path) -> None:
    night = the_night(tmp_path, prices=series_csv(PRICE, [0.1, 0.2], minutes=12 * 60))
    assert night.import_price_per_kwh == pytest.approx(np.repeat([0.1, 0.2], 48))


def test_a_series_may_be_longer_than_the_night(tmp_path: Path) -> None:
    rows = series_csv(PRICE, range(72), start=datetime(2025, 11, 9))  # noqa: DTZ001  # the wall clock
    night = the_night(tmp_path, prices=rows)
    assert night.import_price_per_kwh[0] == pytest.approx(36.0)


def test_a_series_may_change_from_hours_to_quarters(tmp_path: Path) -> None:
    night = the_night(tmp_path, prices=prices_csv(hourly(range(6), quarters=range(24, 96))))
    assert night.import_price_per_kwh == pytest.approx(np.full(96, 0.1))


def test_a_tariff_that_changes_morning_and_evening_has_no_gaps(tmp_path: Path) -> None:
    rows = [(f"2025-11-{day:02d}T{hour:02d}:00", 0.1) for day in (9, 10, 11) for hour in (6, 22)]
    assert the_night(tmp_path, prices=prices_csv(rows)).import_price_per_kwh == pytest.approx(
        np.full(96, 0.1)
    )


def test_a_series_in_winter_time_offsets_is_read_on_the_night_of_the_clock_change(tmp_path: Path) -> None:
    zulu = [((FIRST_NOON - timedelta(hours=2 - hour)).isoformat() + "Z", hour) for hour in range(26)]
    rows = prices_csv(zulu).replace("2025-11-10", "2025-10-25").replace("2025-11-11", "2025-10-26")
    visits = (
        "vehicle_id,charger_id,connector_id,arrival,arrival_soc_percent,departure,required_soc_percent\n"
        "van1,CP01,1,2025-10-25T18:00,30,2025-10-26T06:00,90\n"
    )
    folder = write_depot_folder(
        tmp_path, files={"nights/2025-10-25/prices.csv": rows, "nights/2025-10-25/visits.csv": visits}
    )
    night = load_night(folder, "2025-10-25")
    assert night.horizon.steps == 100
    assert night.import_price_per_kwh == pytest.approx(np.repeat(np.arange(25.0), 4))


def test_a_series_that_begins_too_late_says_what_it_covers_and_what_is_needed(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, prices=prices_csv(hourly(range(1, 26))))
    assert "prices.csv line 2, start: found a series from 2025-11-10T13:00+01:00" in problem
    assert "begins too late, allowed one that covers 2025-11-10T12:00+01:00 to 2025-11-11T12:00" in problem


def test_a_series_that_ends_too_early_says_so(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, base_load=series_csv("base_load_kw", [5] * 23))
    assert "base_load.csv line 24, start" in problem
    assert "to 2025-11-11T11:00+01:00, which ends too early" in problem


def test_a_row_that_is_missing_is_a_gap(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, prices=prices_csv(hourly([*range(5), *range(6, 24)])))
    assert "prices.csv line 7, start: found a gap of 120 min from 2025-11-10T16:00+01:00" in problem
    assert "allowed a row every 60 min" in problem


def test_a_row_that_is_missing_at_either_end_is_a_gap(tmp_path: Path) -> None:
    assert "a gap of 120 min" in the_problem(tmp_path / "a", pv=csv_of_pv([0, *range(2, 24)]))
    assert "a gap of 120 min" in the_problem(tmp_path / "b", pv=csv_of_pv([*range(22), 23]))


def csv_of_pv(hours: Sequence[int]) -> str:
    return prices_csv(hourly(hours)).replace(PRICE, "pv_kw")


def test_a_time_that_stands_twice_or_goes_back_is_named_with_its_line(tmp_path: Path) -> None:
    twice = hourly([0, 1, 1, *range(2, 24)])
    assert "line 4, start: found 2025-11-10T13:00+01:00 again (line 3)" in the_problem(
        tmp_path / "a", prices=prices_csv(twice)
    )
    back = hourly([0, 1, 3, 2, *range(4, 24)])
    with pytest.raises(
        InputError, match=r"line 5, start: found 2025-11-10T14:00.* after 2025-11-10T15:00.*line 4"
    ):
        the_night(tmp_path / "b", prices=prices_csv(back))


def test_a_cell_that_is_empty_is_no_price(tmp_path: Path) -> None:
    problem = the_problem(tmp_path, prices=series_csv(PRICE, [0.1] * 5 + [""] + [0.1] * 18))
    assert "prices.csv line 7, import_price_per_kwh: found nothing, allowed a number" in problem


def test_an_export_price_that_is_missing_in_one_row_is_told(tmp_path: Path) -> None:
    rows = series_csv(f"{PRICE},export_price_per_kwh", ["0.3,0.1"] * 5 + ["0.3,"] + ["0.3,0.1"] * 18)
    problem = the_problem(tmp_path, prices=rows)
    assert "prices.csv line 7, export_price_per_kwh: found nothing, allowed a number" in problem
