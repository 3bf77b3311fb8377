"""Bands of price by local time, and what a peak costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from optimiser.tariff import Band, ClassPrice, Days, DemandWindow, Tariff, TariffClasses, billing_means
from tests.builders import a_horizon

NIGHT_AND_DAY = (
    Band(days="weekdays", from_minute=0, to_minute=6 * 60, price_per_kwh=0.2),
    Band(days="weekdays", from_minute=6 * 60, to_minute=24 * 60, price_per_kwh=0.3),
    Band(days="weekends", from_minute=0, to_minute=24 * 60, price_per_kwh=0.1),
)


def test_bands_hold_by_local_time_and_day() -> None:
    friday = a_horizon(night=date(2025, 11, 7))
    prices = Tariff(bands=NIGHT_AND_DAY).prices_per_kwh(friday)
    assert prices == pytest.approx(np.repeat([0.3, 0.1], 48))


@pytest.mark.parametrize(("night", "quarters"), [("2025-03-29", 20), ("2025-10-25", 28)])
def test_the_hours_before_six_are_five_or_seven_when_the_clocks_change(night: str, quarters: int) -> None:
    early = (
        Band(days="all", from_minute=0, to_minute=6 * 60, price_per_kwh=0.2),
        Band(days="all", from_minute=6 * 60, to_minute=24 * 60, price_per_kwh=0.3),
    )
    prices = Tariff(bands=early).prices_per_kwh(a_horizon(night=date.fromisoformat(night)))
    assert int(np.isclose(prices, 0.2).sum()) == quarters


def test_a_step_with_two_prices_has_their_mean() -> None:
    bands = (
        Band(days="all", from_minute=0, to_minute=12 * 60 + 20, price_per_kwh=0.1),
        Band(days="all", from_minute=12 * 60 + 20, to_minute=24 * 60, price_per_kwh=0.4),
    )
    prices = Tariff(bands=bands).prices_per_kwh(a_horizon())
    assert prices[:3] == pytest.approx([0.1, 0.3, 0.4])


def test_a_time_without_price_is_refused() -> None:
    with pytest.raises(ValueError, match="without a price"):
        Tariff(bands=NIGHT_AND_DAY[:1]).prices_per_kwh(a_horizon())


@pytest.mark.parametrize(("peak_kw", "cost"), [(15.0, 0.0), (20.0, 0.0), (23.5, 35.0)])
def test_only_what_passes_the_peak_so_far_is_paid(peak_kw: float, cost: float) -> None:
    tariff = Tariff(demand_charge_per_kw=10.0, peak_so_far_kw=20.0)
    net_load_kw = np.zeros(96)
    net_load_kw[40] = peak_kw
    assert tariff.demand_cost(net_load_kw, a_horizon()) == cost


def a_window(
    name: str = "evening",
    *,
    days: Days = "all",
    hours: tuple[int, int] = (16, 21),
    charge_per_kw: float = 8.0,
    peak_so_far_kw: float = 0.0,
) -> DemandWindow:
    return DemandWindow(
        name=name,
        days=days,
        from_minute=60 * hours[0],
        to_minute=60 * hours[1],
        charge_per_kw=charge_per_kw,
        peak_so_far_kw=peak_so_far_kw,
    )


def test_without_a_charge_no_peak_is_paid_for() -> None:
    tariff = Tariff(demand_windows=(a_window(charge_per_kw=0.0),))
    assert tariff.demands(a_horizon()) == ()
    assert tariff.demand_cost(np.full(96, 50.0), a_horizon()) == 0.0


def test_the_charge_of_all_hours_counts_every_billing_interval() -> None:
    tariff = Tariff(demand_charge_per_kw=10.0, peak_so_far_kw=20.0, billing_interval_minutes=60)
    (demand,) = tariff.demands(a_horizon(start="12:00", end="12:15"))
    assert (demand.name, demand.charge_per_kw, demand.so_far_kw) == ("all hours", 10.0, 20.0)
    assert demand.intervals == (*((first, first + 4) for first in range(0, 96, 4)), (96, 97))


def test_two_windows_and_all_hours_are_three_peaks_at_once() -> None:
    windows = (a_window(peak_so_far_kw=10.0), a_window("night", hours=(0, 6), charge_per_kw=1.0))
    tariff = Tariff(demand_charge_per_kw=2.0, demand_windows=windows)
    everything, evening, night = tariff.demands(a_horizon())
    assert [demand.name for demand in (everything, evening, night)] == ["all hours", "evening", "night"]
    assert evening.intervals == tuple((step, step + 1) for step in range(16, 36))
    assert night.intervals == tuple((step, step + 1) for step in range(48, 72))
    net_load_kw = np.full(96, 5.0)
    net_load_kw[[15, 16, 36, 50]] = 60.0, 30.0, 70.0, 40.0
    assert [demand.peak_kw(net_load_kw) for demand in (everything, evening, night)] == [70.0, 30.0, 40.0]
    assert tariff.demand_cost(net_load_kw, a_horizon()) == pytest.approx(2 * 70 + 8 * (30 - 10) + 1 * 40)


def test_a_window_counts_whole_billing_intervals() -> None:
    tariff = Tariff(demand_windows=(a_window(hours=(16, 17)),), billing_interval_minutes=30)
    (demand,) = tariff.demands(a_horizon())
    assert demand.intervals == ((16, 18), (18, 20))
    assert demand.peak_kw(np.arange(96.0)) == 18.5


def test_a_step_that_lies_partly_in_a_window_counts_in_it() -> None:
    window = replace(a_window(), from_minute=16 * 60 + 30, to_minute=17 * 60 + 15)
    (demand,) = Tariff(demand_windows=(window,)).demands(a_horizon(step_minutes=60))
    assert demand.intervals == ((4, 5), (5, 6))


def test_a_window_of_weekdays_is_not_reached_by_a_night_of_the_weekend() -> None:
    tariff = Tariff(demand_windows=(a_window(days="weekdays"),))
    assert tariff.demands(a_horizon(night=date(2025, 11, 8))) == ()
    assert len(tariff.demands(a_horizon(night=date(2025, 11, 7)))) == 1


@pytest.mark.parametrize(("night", "hours"), [("2025-03-29", 5), ("2025-10-25", 7)])
def test_a_window_follows_the_wall_clock_when_it_changes(night: str, hours: int) -> None:
    tariff = Tariff(demand_windows=(a_window(hours=(0, 6)),))
    (demand,) = tariff.demands(a_horizon(night=date.fromisoformat(night)))
    assert len(demand.intervals) == 4 * hours


@pytest.mark.parametrize(("interval", "step", "steps"), [(15, 15, 1), (30, 15, 2), (15, 60, 1), (15, 5, 3)])
def test_a_billing_interval_is_some_steps_and_never_less_than_one(
    interval: int, step: int, steps: int
) -> None:
    assert Tariff(billing_interval_minutes=interval).billing_steps(a_horizon(step_minutes=step)) == steps


def test_a_billing_mean_is_over_its_interval_and_the_last_may_be_short() -> None:
    assert billing_means(np.array([1.0, 3.0, 2.0, 4.0, 9.0]), 2) == pytest.approx([2.0, 3.0, 9.0])


@pytest.mark.parametrize(("days", "held"), [("all", 7), ("weekdays", 5), ("weekends", 2)])
def test_a_band_holds_on_its_days(days: Days, held: int) -> None:
    band = Band(days=days, from_minute=0, to_minute=60, price_per_kwh=0.1)
    assert sum(band.holds_on(weekday) for weekday in range(7)) == held


def test_windows_of_one_name_have_one_peak_together() -> None:
    windows = (a_window(hours=(22, 24)), a_window(hours=(0, 2)), a_window("morning", hours=(6, 7)))
    demands = Tariff(demand_windows=windows).demands(a_horizon())
    assert [(demand.name, len(demand.intervals)) for demand in demands] == [("evening", 16), ("morning", 4)]
    assert (demands[0].intervals[0], demands[0].intervals[-1]) == ((40, 41), (55, 56))


def test_the_class_changes_where_the_full_load_hours_reach_the_threshold() -> None:
    classes = TariffClasses(
        annual_energy_kwh=2.5e6,
        annual_peak_kw=900.0,
        below=ClassPrice(capacity_per_kw=16.53, energy_per_kwh=0.0859),
        above=ClassPrice(capacity_per_kw=191.79, energy_per_kwh=0.0158),
    )
    assert classes.change_kw == 1000.0
    assert classes.full_load_h(1000.0) == classes.threshold_h == 2500.0
    assert classes.full_load_h(1250.0) == 2000.0
    assert classes.annual_cost(1000.0, above=False) == pytest.approx(16530.0 + 214750.0)
    assert classes.annual_cost(1000.0, above=True) == pytest.approx(191790.0 + 39500.0)
