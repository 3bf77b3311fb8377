from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from optimiser.changes import later, more_at
from optimiser.depot import Charger, Depot, Feeder, Policy
from optimiser.gains import Gain, Worth
from optimiser.lp import LinearProgram
from optimiser.night import Night
from optimiser.problem import build_problem
from optimiser.valuation import worth
from tests.builders import a_depot, a_night, a_van, an_ac_connector

CHEAP_AT_NIGHT = np.where(np.arange(96) < 48, 0.40, np.where(np.arange(96) < 64, 0.10, 0.30))


def a_tight_depot(*, transformer_limit_kw: float = 20.0, **others: float) -> tuple[Depot, Night]:
    """Four vans, two of them behind a feeder of 8 kW, and four cheap hours that are not enough for all."""
    chargers = [
        Charger(id=f"CP{number}", feeder="F1" if number < 3 else None, connectors=(an_ac_connector(),))
        for number in range(1, 5)
    ]
    depot = a_depot(
        vehicles=[a_van(f"V{number}") for number in range(1, 5)],
        chargers=chargers,
        feeders=[Feeder(id="F1", limit_kw=8.0)],
        transformer_limit_kw=transformer_limit_kw,
        policy=Policy(secure_against_forgetful=int(others.get("forgetful", 0))),
    )
    return depot, a_night(depot, price_per_kwh=CHEAP_AT_NIGHT)


def gain(found: Worth, name: str) -> Gain:
    return next(each for each in found.gains if each.name == name)


def money(depot: Depot, night: Night) -> float:
    return LinearProgram(build_problem(depot, night)).solve().money


def harm(depot: Depot, night: Night) -> float:
    problem = build_problem(depot, night)
    return float(problem.priority @ LinearProgram(problem).solve().shortfall_kwh)


@pytest.mark.parametrize("place", ["transformer", "feeder F1"])
def test_one_more_is_worth_what_the_night_costs_less_with_it(place: str) -> None:
    depot, night = a_tight_depot()
    found = gain(worth(depot, night), place)
    assert found.money is not None
    assert found.money > 0.01
    assert found.money == pytest.approx(
        money(depot, night) - money(*more_at(depot, night, [place], 1.0)), abs=1e-3
    )


@pytest.mark.parametrize("place", ["transformer", "feeder F1"])
def test_a_unique_price_is_the_difference_on_both_sides(place: str) -> None:
    depot, night = a_tight_depot()
    found = gain(worth(depot, night), place)
    here = money(depot, night)
    saved = (here - money(*more_at(depot, night, [place], 0.05))) / 0.05
    lost = (money(*more_at(depot, night, [place], -0.05)) - here) / 0.05
    assert found.is_unique
    assert found.price == pytest.approx(saved, rel=0.02)
    assert found.price == pytest.approx(lost, rel=0.02)


def test_a_price_on_an_edge_says_so() -> None:
    # Six vehicle-hours at full power are needed in the cheap ones, and the limit is just what that takes.
    depot = a_depot(vehicles=[a_van()], transformer_limit_kw=2.0 + 32.0 / 0.9 / 4.0)
    found = gain(worth(depot, a_night(depot, price_per_kwh=CHEAP_AT_NIGHT)), "transformer")
    assert found.money == pytest.approx(0.0, abs=1e-6)
    assert not found.is_unique or found.price == 0.0


def test_on_a_short_night_a_kilowatt_is_worth_shortfall() -> None:
    depot, night = a_tight_depot(transformer_limit_kw=8.0)
    found = gain(worth(depot, night), "transformer")
    assert found.shortfall_kwh == pytest.approx(
        harm(depot, night) - harm(*more_at(depot, night, ["transformer"], 1.0)), abs=1e-3
    )
    assert found.shortfall_kwh is not None
    assert found.shortfall_kwh > 5.0


def test_what_is_reserved_for_forgetful_chargers_counts_at_the_transformer() -> None:
    depot, night = a_tight_depot(transformer_limit_kw=24.0, forgetful=1)
    found = gain(worth(depot, night), "transformer")
    assert found.money == pytest.approx(
        money(depot, night) - money(*more_at(depot, night, ["transformer"], 1.0)), abs=1e-3
    )
    assert found.price > 0.01


def test_a_stronger_charger_is_worth_something_where_it_is_what_holds_its_vehicle_back() -> None:
    depot = a_depot(vehicles=[a_van("V1", max_ac_current_a=32.0), a_van("V2", ac_phases=1)])
    night = a_night(
        depot, price_per_kwh=np.where(np.arange(96) < 52, 0.4, np.where(np.arange(96) < 60, 0.1, 0.3))
    )
    found = worth(depot, night)

    def with_more(more_a: float) -> Depot:
        first = replace(depot.chargers[0], connectors=(an_ac_connector(max_current_a=16.0 + more_a),))
        return replace(depot, chargers=(first, *depot.chargers[1:]))

    one_kw_a = 1000.0 / (3 * depot.site.voltage_v)
    assert gain(found, "charger CP1").money == pytest.approx(
        money(depot, night) - money(with_more(one_kw_a), night), abs=1e-3
    )
    assert gain(found, "charger CP1").price > 0.1
    assert gain(found, "charger CP2").price == 0.0


def test_an_hour_more_is_worth_what_the_night_costs_less_with_it() -> None:
    depot, night = a_tight_depot()
    rising = replace(night, import_price_per_kwh=np.where(np.arange(96) > 78, 0.02, 0.30))
    found = worth(depot, rising)
    for row, visit in enumerate(rising.visits):
        stay = gain(found, f"stay of {visit.vehicle_id} at {visit.charger_id}/1")
        saved = money(depot, rising) - money(depot, later(rising, row, 60))
        assert stay.money == pytest.approx(saved, abs=1e-3)
        assert stay.price >= saved - 1e-6
        assert saved > 0.1


def test_an_hour_that_is_dear_is_worth_nothing() -> None:
    depot, night = a_tight_depot(transformer_limit_kw=43.0)
    stays = [each for each in worth(depot, night).gains if each.what == "stay"]
    dearer = later(night, 3, 60)
    assert stays[3].money == pytest.approx(money(depot, night) - money(depot, dearer), abs=1e-3)


def test_every_step_has_a_price_for_each_limit() -> None:
    depot, night = a_tight_depot()
    found = worth(depot, night)
    assert list(found.prices) == ["transformer", "feeder F1"]
    _adds_up(found.prices["transformer"], gain(found, "transformer").price)
    _adds_up(found.prices["feeder F1"], gain(found, "feeder F1").price)


def _adds_up(prices: Sequence[float], price: float) -> None:
    assert len(prices) == 96
    assert sum(prices) == pytest.approx(price, abs=1e-4)
    assert not any(prices[:20])
