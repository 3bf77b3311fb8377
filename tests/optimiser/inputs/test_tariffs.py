"""Tariffs of a depot folder: windows of the day with a demand charge, and classes of full-load hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimiser.inputs import InputError, load_depot
from optimiser.tariff import ClassPrice, DemandWindow, Tariff, TariffClasses
from tests.optimiser.folder_builders import write_depot_folder

PEAK = "  peak_so_far_kw: 20\n"


def a_tariff(tmp_path: Path, *lines: str) -> Tariff:
    """The tariff of a folder with more lines under ``tariff``, from line 32 of ``depot.yaml`` on."""
    more = PEAK + "".join(f"  {line}\n" for line in lines)
    return load_depot(write_depot_folder(tmp_path, replace=[("depot.yaml", PEAK, more)])).tariff


def the_problems(tmp_path: Path, *lines: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        a_tariff(tmp_path, *lines)
    return [str(problem) for problem in caught.value.problems]


def a_window(
    name: str = "evening", days: str = "all", *, hours: tuple[str, str] = ("16:00", "21:00"), more: str = ""
) -> str:
    start, end = hours
    return f'  - {{name: {name}, days: {days}, from: "{start}", to: "{end}", charge_per_kw: 8{more}}}'


def test_two_windows_are_read_beside_the_charge_of_all_hours(tmp_path: Path) -> None:
    night = a_window("night", "weekdays", hours=("00:00", "06:00"), more=", peak_so_far_kw: 12.5")
    tariff = a_tariff(tmp_path, "demand_windows:", a_window(), night)
    assert tariff.demand_charge_per_kw == 12.0
    assert tariff.demand_windows == (
        DemandWindow(name="evening", days="all", from_minute=960, to_minute=1260, charge_per_kw=8.0),
        DemandWindow(
            name="night",
            days="weekdays",
            from_minute=0,
            to_minute=360,
            charge_per_kw=8.0,
            peak_so_far_kw=12.5,
        ),
    )


def test_windows_of_weekdays_and_of_weekends_do_not_overlap(tmp_path: Path) -> None:
    windows = [a_window("work", "weekdays"), a_window("rest", "weekends")]
    assert len(a_tariff(tmp_path, "demand_windows:", *windows).demand_windows) == 2


def test_a_window_over_midnight_is_written_as_two_of_one_name(tmp_path: Path) -> None:
    windows = [a_window("night", hours=("22:00", "24:00")), a_window("night", hours=("00:00", "06:00"))]
    assert [window.name for window in a_tariff(tmp_path, "demand_windows:", *windows).demand_windows] == [
        "night",
        "night",
    ]


@pytest.mark.parametrize(
    ("windows", "problem"),
    [
        (
            [a_window(), a_window("late", "weekdays", hours=("20:00", "22:00"))],
            (
                "line 34, tariff.demand_windows[1]: found a window from 20:00 that overlaps demand_windows[0], "
                "16:00 to 21:00, allowed windows of which one counts at a time"
            ),
        ),
        (
            [a_window(hours=("22:00", "06:00"))],
            (
                "line 33, tariff.demand_windows[0]: found a window from 22:00 to 06:00, allowed an end later on the "
                "same day; write a window over midnight as two of one name"
            ),
        ),
        (
            [a_window(hours=("16:10", "21:00"))],
            (
                "line 33, tariff.demand_windows[0].from: found 16:10 with billing intervals of 15 min, allowed a time at "
                "which a billing interval begins"
            ),
        ),
        (
            [a_window(), a_window(hours=("06:00", "08:00"), more=", peak_so_far_kw: 5")],
            (
                "tariff.demand_windows[1].peak_so_far_kw: found 5 in 'evening', which has 0 in demand_windows[0], allowed "
                "the same peak_so_far_kw in windows of one name"
            ),
        ),
        (
            [a_window("all hours")],
            "line 33, tariff.demand_windows[0].name: found 'all hours', allowed another name",
        ),
        (
            ['  - {name: evening, from: 16:00, to: "21:00", charge_per_kw: 8}'],
            "line 33, tariff.demand_windows[0].from: found 16:00 without quotes",
        ),
        (
            ['  - {name: evening, from: "16:00", to: "21:00"}'],
            "line 33, tariff.demand_windows[0].charge_per_kw: found nothing, allowed a number from 0 to 100000",
        ),
    ],
)
def test_a_window_that_cannot_be_is_one_message_with_place_value_and_what_is_allowed(
    windows: list[str], problem: str, tmp_path: Path
) -> None:
    (found,) = the_problems(tmp_path, "demand_windows:", *windows)
    assert problem in found


CLASSES = "classes: {annual_energy_kwh: 4.0e+6, annual_peak_kw: 900, below: %s, above: %s}"
CHEAP_PEAK, CHEAP_ENERGY = (
    "{capacity_per_kw: 16.53, energy_per_kwh: 0.0859}",
    "{capacity_per_kw: 191.79, energy_per_kwh: 0.0158}",
)


def test_classes_of_full_load_hours_are_read_with_the_german_threshold(tmp_path: Path) -> None:
    assert a_tariff(tmp_path, CLASSES % (CHEAP_PEAK, CHEAP_ENERGY)).classes == TariffClasses(
        threshold_h=2500.0,
        annual_energy_kwh=4e6,
        annual_peak_kw=900.0,
        below=ClassPrice(capacity_per_kw=16.53, energy_per_kwh=0.0859),
        above=ClassPrice(capacity_per_kw=191.79, energy_per_kwh=0.0158),
    )


def test_prices_of_two_classes_that_were_taken_for_one_another_are_told(tmp_path: Path) -> None:
    (problem,) = the_problems(tmp_path, CLASSES % (CHEAP_ENERGY, CHEAP_PEAK))
    assert (
        "line 32, tariff.classes: found capacity_per_kw 191.79 below and 16.53 above the threshold" in problem
    )
    assert "allowed cheap peaks and dear energy below it, the other way round above" in problem
