"""What one more kW of transformer, feeder or charger, and one more hour of a stay, would be worth on a night.

From the duals of the linear program, and checked by solving it again with one more and with a very little more and
less. Where a dual is 0, one more is worth nothing at all: the dual solution stays one, with the same value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import numpy as np

from optimiser.binding import THE_VEHICLE, own_limit
from optimiser.changes import PER_PHASE, TRANSFORMER, later, place_of
from optimiser.depot import Depot
from optimiser.gains import Gain, What, Worth
from optimiser.horizon import FloatArray
from optimiser.lp import LinearProgram, Priced
from optimiser.night import Night
from optimiser.problem import Problem, build_problem

A_LITTLE = 0.01
"""How much more and less a price is held against. [kW, A]"""

SAME_SHARE = 0.02
"""Prices of a little more and a little less that differ by less than this are one: beyond the solver's accuracy."""

NOTHING = 1e-6
"""A price that is none: the solver's accuracy. [currency or kWh, per unit]"""

POWERS_SOLVED_AT_MOST = 30_000
STAYS_AT_LEAST, STAYS_AT_MOST = 5, 40
"""So many stays are solved again, those that could be worth most; of the others the most they can be is told."""

SHORT_FROM_KWH = 1e-4
"""A shortfall that is none: the solver's accuracy, summed over a night."""

AN_HOUR = timedelta(hours=1)

Changed = Callable[[float], "_Value"]


@dataclass(frozen=True, kw_only=True)
class _Value:
    """Money at an unchanged shortfall, and the least weighted shortfall where anybody is short."""

    money: Priced | None
    harm: Priced | None


def worth(depot: Depot, night: Night) -> Worth:
    """What more of everything that holds the night back would be worth. See :class:`~optimiser.gains.Gain`.

    Raises :class:`~optimiser.lp.SolverError` if the solver comes to no end.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> worth = opt.worth(depot, opt.load_night("data/parcel-12", "2025-11-10"))
    >>> [gain.money for gain in worth.gains if gain.what == "transformer"]
    [0.0]
    """
    return _Valuation(depot, night).worth()


class _Valuation:
    """A night's program, solved again and again with a little more of one thing."""

    def __init__(self, depot: Depot, night: Night) -> None:
        self._depot, self._night = depot, night
        self._problem = build_problem(depot, night)
        self._program = LinearProgram(self._problem)
        self._shortfall_kwh = self._program.solve().shortfall_kwh
        self._is_short = bool((self._shortfall_kwh > SHORT_FROM_KWH).any())
        base = self._value(self._problem, self._problem.max_kw)
        assert base.money is not None, "the night has been solved"
        self._money, self._harm = base.money, base.harm

    def worth(self) -> Worth:
        limits = list(self._limits())
        return Worth(
            currency=self._depot.currency,
            horizon=self._night.horizon,
            gains=(*limits, *self._chargers(), *self._stays()),
            prices={
                place: tuple(np.round(self._of_place(self._money, place), 6).tolist())
                for place in self._places()
            },
        )

    def _value(self, problem: Problem, highest_kw: FloatArray) -> _Value:
        return _Value(
            money=self._program.priced(problem, highest_kw, self._shortfall_kwh),
            harm=self._program.priced(problem, highest_kw) if self._is_short else None,
        )

    # -- limits and chargers -----------------------------------------------------------------------------------

    def _places(self) -> list[str]:
        return list(dict.fromkeys(place_of(capacity.name) for capacity in self._problem.capacities))

    def _of_place(self, priced: Priced, place: str) -> FloatArray:
        """The price of one more at a limit in every step, shape (T,)."""
        rows = [row for row, each in enumerate(self._problem.capacities) if place_of(each.name) == place]
        prices: FloatArray = priced.limit[rows].sum(axis=0)
        return prices + priced.secured if place == TRANSFORMER else prices

    def _limits(self) -> Iterator[Gain]:
        for place in self._places():
            prices = [
                0.0 if priced is None else float(self._of_place(priced, place).sum())
                for priced in (self._money, self._harm)
            ]
            yield self._gain(
                "transformer" if place == TRANSFORMER else "feeder",
                place,
                "A" if place.endswith(PER_PHASE) else "kW",
                prices,
                partial(self._with_more_at, place),
            )

    def _with_more_at(self, place: str, more: float) -> _Value:
        secured = self._problem.security
        if secured is not None and place == TRANSFORMER:
            secured = replace(secured, limit_kw=secured.limit_kw + more)
        problem = replace(
            self._problem,
            security=secured,
            capacities=tuple(
                replace(capacity, limit=np.clip(capacity.limit + more, 0.0, None))
                if place_of(capacity.name) == place
                else capacity
                for capacity in self._problem.capacities
            ),
        )
        return self._value(problem, problem.max_kw)

    def _chargers(self) -> Iterator[Gain]:
        """One more kW of a charger helps the visits that could draw it: where the vehicle takes less it does not."""
        rows_of: dict[str, list[int]] = {charger.id: [] for charger in self._depot.chargers}
        for row, visit in enumerate(self._night.visits):
            if own_limit(self._depot, self._night, row) != THE_VEHICLE and self._problem.max_kw[row] > 0:
                rows_of[visit.charger_id].append(row)
        for charger_id, rows in rows_of.items():
            prices = [
                0.0 if priced is None else float(priced.power[rows].sum())
                for priced in (self._money, self._harm)
            ]
            yield self._gain(
                "charger",
                f"charger {charger_id}",
                "kW",
                prices,
                partial(self._with_stronger, rows),
            )

    def _with_stronger(self, rows: Sequence[int], more_kw: float) -> _Value:
        highest_kw = self._problem.max_kw.copy()
        highest_kw[list(rows)] += more_kw
        return self._value(self._problem, highest_kw)

    def _gain(self, what: What, name: str, unit: str, prices: Sequence[float], changed: Changed) -> Gain:
        price, price_kwh = prices
        if price <= NOTHING and price_kwh <= NOTHING:
            return Gain(what=what, name=name, unit=unit, money=0.0, price=0.0)
        one, little, less = changed(1.0), changed(A_LITTLE), changed(-A_LITTLE)
        pairs = [(self._money, one.money, little.money, less.money)]
        if self._harm is not None:
            pairs.append((self._harm, one.harm, little.harm, less.harm))
        saved = [max(0.0, base.value - more.value) for base, more, _, _ in pairs if more is not None]
        return Gain(
            what=what,
            name=name,
            unit=unit,
            money=round(saved[0], 6),
            price=round(price, 6),
            shortfall_kwh=round(saved[1], 6) if len(saved) > 1 else 0.0,
            price_kwh=round(price_kwh, 6),
            is_unique=all(_is_straight(base, more, less) for base, _, more, less in pairs),
        )

    # -- stays ---------------------------------------------------------------------------------------------------

    def _stays(self) -> Iterator[Gain]:
        """An hour more after each departure; those first that by the duals could be worth most."""
        most = [self._most(row) for row in range(len(self._night.visits))]
        ranked = sorted(range(len(most)), key=lambda row: (-most[row][1], -most[row][0]))
        affordable = POWERS_SOLVED_AT_MOST // max(1, int(self._problem.drawable.sum()))
        tries = min(STAYS_AT_MOST, max(STAYS_AT_LEAST, affordable))
        tried = [row for row in ranked if max(most[row]) > NOTHING][:tries]
        for row, visit in enumerate(self._night.visits):
            price, price_kwh = most[row]
            if max(most[row]) <= NOTHING:
                price = price_kwh = 0.0
                money: float | None = 0.0
                short_kwh: float | None = 0.0
            else:
                money, short_kwh = self._with_an_hour(row) if row in tried else (None, None)
            yield Gain(
                what="stay",
                name=f"stay of {visit.vehicle_id} at {visit.charger_id}/{visit.connector_id}",
                unit="h",
                money=money,
                price=round(price, 6),
                shortfall_kwh=short_kwh,
                price_kwh=round(price_kwh, 6),
            )

    def _most(self, row: int) -> tuple[float, float]:
        """The most that an hour can be worth: full power at its duals, as money and as weighted shortfall.

        What security asks for could only lower it.
        """
        visit, problem = self._night.visits[row], self._problem
        there = self._night.horizon.presence(visit.departure, visit.departure + AN_HOUR)
        price = np.where(
            problem.surplus_kw > 0,
            np.minimum(problem.import_price_per_kwh, problem.export_price_per_kwh),
            problem.import_price_per_kwh,
        )
        money = self._at_duals(self._money, row, there, price)
        harm = 0.0 if self._harm is None else self._at_duals(self._harm, row, there, np.zeros_like(price))
        return money, harm

    def _at_duals(self, priced: Priced, row: int, there: FloatArray, price: FloatArray) -> float:
        """What full power in these shares of steps gains: energy at its dual, less its price and the limits' duals."""
        problem = self._problem
        weights = np.array([capacity.weight[row] for capacity in problem.capacities])
        # In the step that it leaves in, its power counts towards the limits already.
        limits = np.where(problem.present[row] > 0, 0.0, weights @ priced.limit + priced.peak)
        per_kw = problem.step_h * there * (problem.efficiency[row] * priced.need[row] - price) - limits
        return float(problem.max_kw[row] * per_kw[there > 0].clip(0.0).sum())

    def _with_an_hour(self, row: int) -> tuple[float, float]:
        problem = build_problem(self._depot, later(self._night, row, AN_HOUR.total_seconds() / 60.0))
        program = LinearProgram(problem)
        money = program.priced(problem, problem.max_kw, self._shortfall_kwh)
        saved = 0.0 if money is None else max(0.0, self._money.value - money.value)
        harm = program.priced(problem, problem.max_kw) if self._harm is not None else None
        saved_kwh = 0.0 if self._harm is None or harm is None else max(0.0, self._harm.value - harm.value)
        return round(saved, 6), round(saved_kwh, 6)


def _is_straight(base: Priced, more: Priced | None, less: Priced | None) -> bool:
    """Whether a little less costs what a little more saves."""
    if more is None or less is None:
        return False
    saved, lost = base.value - more.value, less.value - base.value
    return abs(lost - saved) <= SAME_SHARE * max(abs(lost), abs(saved)) + NOTHING * A_LITTLE
