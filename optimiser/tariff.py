"""What a kilowatt-hour and the night's highest kilowatt cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np

from optimiser.horizon import FloatArray, Horizon

Days = Literal["all", "weekdays", "weekends"]
MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True, kw_only=True)
class Band:
    """One price between two local times of day, in minutes after midnight; the end is not included."""

    days: Days
    from_minute: int
    to_minute: int
    price_per_kwh: float

    def holds_on(self, weekday: int) -> bool:
        """Whether the band holds on a weekday (Monday is 0)."""
        return self.days == "all" or (self.days == "weekends") == (weekday >= 5)


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """Energy price bands by local time, and a demand charge on the highest mean over a billing interval.

    ``demand_charge_per_kw`` is paid for each kW by which the night's peak passes ``peak_so_far_kw``, the
    highest peak that the billing period already has. Money is in the depot's currency.
    """

    bands: tuple[Band, ...] = ()
    demand_charge_per_kw: float = 0.0
    peak_so_far_kw: float = 0.0
    billing_interval_minutes: int = 15

    def prices_per_kwh(self, horizon: Horizon) -> FloatArray:
        """Mean band price of every step, shape (steps,). Raises :class:`ValueError` where no band holds."""
        by_weekday = [self._minute_prices(weekday) for weekday in range(7)]
        minutes_per_step = horizon.step_s // 60
        prices = np.empty(horizon.steps)
        for step, start in enumerate(horizon.starts()):
            minutes = (horizon.local(start + timedelta(minutes=m)) for m in range(minutes_per_step))
            prices[step] = np.mean([by_weekday[t.weekday()][t.hour * 60 + t.minute] for t in minutes])
        if np.isnan(prices).any():
            raise ValueError("the price bands leave times of day without a price")
        return prices

    def billing_steps(self, horizon: Horizon) -> int:
        """Steps in one billing interval; at least 1: a longer step is billed by its own mean."""
        return max(1, self.billing_interval_minutes * 60 // horizon.step_s)

    def demand_cost(self, peak_kw: float) -> float:
        """Money for a night's peak beyond the one already reached."""
        return self.demand_charge_per_kw * max(0.0, peak_kw - self.peak_so_far_kw)

    def _minute_prices(self, weekday: int) -> FloatArray:
        prices = np.full(MINUTES_PER_DAY, np.nan)
        for band in self.bands:
            if band.holds_on(weekday):
                prices[band.from_minute : band.to_minute] = band.price_per_kwh
        return prices


def billing_means(power_kw: FloatArray, steps_per_interval: int) -> FloatArray:
    """Mean power of every billing interval, counted from the first step; a last one may be shorter. [kW]"""
    edges = range(0, len(power_kw), steps_per_interval)
    return np.array([power_kw[edge : edge + steps_per_interval].mean() for edge in edges])
