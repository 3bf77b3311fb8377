"""What a kilowatt-hour and the night's highest kilowatt cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from optimiser.horizon import FloatArray, Horizon

Days = Literal["all", "weekdays", "weekends"]
MINUTES_PER_DAY = 24 * 60

ALL_HOURS = "all hours"
"""Name of the demand that counts whenever it is."""


def holds_on(days: Days, weekday: int) -> bool:
    """Whether a weekday (Monday is 0) is one of these days."""
    return days == "all" or (days == "weekends") == (weekday >= 5)


@dataclass(frozen=True, kw_only=True)
class Band:
    """One price between two local times of day, in minutes after midnight; the end is not included."""

    days: Days
    from_minute: int
    to_minute: int
    price_per_kwh: float

    def holds_on(self, weekday: int) -> bool:
        """Whether the band holds on a weekday (Monday is 0)."""
        return holds_on(self.days, weekday)


@dataclass(frozen=True, kw_only=True)
class DemandWindow:
    """Local times of day, in minutes after midnight, whose highest power has a price of its own.

    ``charge_per_kw`` is paid for each kW by which the highest mean over a billing interval within the window
    passes ``peak_so_far_kw``, the highest that the billing period already has there.
    """

    name: str
    days: Days
    from_minute: int
    to_minute: int
    charge_per_kw: float
    peak_so_far_kw: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ClassPrice:
    """What the grid costs in one class: the year's peak per kW and year, and its energy."""

    capacity_per_kw: float
    energy_per_kwh: float


@dataclass(frozen=True, kw_only=True)
class TariffClasses:
    """Two classes of grid prices by full-load hours, the year's energy over its peak.

    Below ``threshold_h`` peaks are cheap and energy is dear, from it on the other way round, as on the price sheets
    of German grid operators with their 2,500 h a year. ``annual_peak_kw`` is the year's peak so far.
    """

    annual_energy_kwh: float
    annual_peak_kw: float
    below: ClassPrice
    above: ClassPrice
    threshold_h: float = 2500.0

    @property
    def change_kw(self) -> float:
        """The peak up to which a year has enough full-load hours for the class above. [kW]"""
        return self.annual_energy_kwh / self.threshold_h

    def full_load_h(self, peak_kw: float) -> float:
        """Full-load hours of a year with this peak."""
        return self.annual_energy_kwh / peak_kw

    def annual_cost(self, peak_kw: float, *, above: bool) -> float:
        """Money for a year with this peak at the prices of one class, whichever holds."""
        price = self.above if above else self.below
        return price.capacity_per_kw * peak_kw + price.energy_per_kwh * self.annual_energy_kwh


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A peak that is paid for: the highest mean net load of ``intervals`` beyond ``so_far_kw``.

    ``intervals`` are half-open ranges of steps, [first, stop), in their order and at least one.
    """

    name: str
    charge_per_kw: float
    so_far_kw: float
    intervals: tuple[tuple[int, int], ...]

    def peak_kw(self, net_load_kw: FloatArray) -> float:
        """Highest mean net load (steps,) of the intervals that count. [kW]"""
        return max(float(net_load_kw[first:stop].mean()) for first, stop in self.intervals)

    def cost(self, net_load_kw: FloatArray) -> float:
        """Money for the peak of a net load (steps,) beyond the one already reached."""
        return self.charge_per_kw * max(0.0, self.peak_kw(net_load_kw) - self.so_far_kw)


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """Energy price bands by local time, and demand charges on the highest mean over a billing interval.

    ``demand_charge_per_kw`` is paid for each kW by which the night's peak passes ``peak_so_far_kw``, the
    highest peak that the billing period already has; beside it ``demand_windows`` have peaks of their own, those of
    one name one together. ``classes`` are for comparison alone. Money is in the depot's currency.
    """

    bands: tuple[Band, ...] = ()
    demand_charge_per_kw: float = 0.0
    peak_so_far_kw: float = 0.0
    billing_interval_minutes: int = 15
    demand_windows: tuple[DemandWindow, ...] = ()
    classes: TariffClasses | None = None

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

    def demands(self, horizon: Horizon) -> tuple[Demand, ...]:
        """The peaks of a night that are paid for: over all hours first, then by window.

        Billing intervals are counted from the first step; one counts in a window if any minute of it lies there.
        A charge of 0 and a window that the night does not reach are left out.
        """
        every = self.billing_steps(horizon)
        intervals = [(first, min(first + every, horizon.steps)) for first in range(0, horizon.steps, every)]
        counted = [(ALL_HOURS, self.demand_charge_per_kw, self.peak_so_far_kw, intervals)]
        for name in dict.fromkeys(window.name for window in self.demand_windows):
            windows = [window for window in self.demand_windows if window.name == name]
            reached = _steps_in(windows, horizon)
            within = [(first, stop) for first, stop in intervals if any(reached[first:stop])]
            counted.append((name, windows[0].charge_per_kw, windows[0].peak_so_far_kw, within))
        return tuple(
            Demand(name=name, charge_per_kw=charge_per_kw, so_far_kw=so_far_kw, intervals=tuple(counts))
            for name, charge_per_kw, so_far_kw, counts in counted
            if charge_per_kw > 0 and counts
        )

    def demand_cost(self, net_load_kw: FloatArray, horizon: Horizon) -> float:
        """Money for the peaks of a night's net load (steps,) beyond those already reached."""
        return sum((demand.cost(net_load_kw) for demand in self.demands(horizon)), 0.0)

    def _minute_prices(self, weekday: int) -> FloatArray:
        prices = np.full(MINUTES_PER_DAY, np.nan)
        for band in self.bands:
            if band.holds_on(weekday):
                prices[band.from_minute : band.to_minute] = band.price_per_kwh
        return prices


def _steps_in(windows: Sequence[DemandWindow], horizon: Horizon) -> list[bool]:
    """Whether any minute of each step lies in one of the windows."""

    def within(minute: datetime) -> bool:
        local = horizon.local(minute)
        return any(
            holds_on(window.days, local.weekday())
            and window.from_minute <= local.hour * 60 + local.minute < window.to_minute
            for window in windows
        )

    minutes = range(max(1, horizon.step_s // 60))
    return [any(within(start + timedelta(minutes=m)) for m in minutes) for start in horizon.starts()]


def billing_means(power_kw: FloatArray, steps_per_interval: int) -> FloatArray:
    """Mean power of every billing interval, counted from the first step; a last one may be shorter. [kW]"""
    edges = range(0, len(power_kw), steps_per_interval)
    return np.array([power_kw[edge : edge + steps_per_interval].mean() for edge in edges])
