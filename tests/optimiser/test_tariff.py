"""Bands of price by local time, and what a peak costs."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from optimiser.tariff import Band, Days, Tariff, billing_means
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


def test_only_what_passes_the_peak_so_far_is_paid() -> None:
    tariff = Tariff(demand_charge_per_kw=10.0, peak_so_far_kw=20.0)
    assert [tariff.demand_cost(peak) for peak in (15.0, 20.0, 23.5)] == [0.0, 0.0, 35.0]


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
