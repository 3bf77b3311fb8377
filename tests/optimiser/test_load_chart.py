from __future__ import annotations

from dataclasses import replace

from optimiser.baselines import plug_and_charge
from optimiser.plan import Plan
from tests.builders import a_depot, a_night


def a_plan() -> Plan:
    depot = a_depot()
    return plug_and_charge(depot, a_night(depot))


def test_a_picture_shows_itself_in_a_notebook() -> None:
    data, size = a_plan().plot()._repr_png_()
    assert data.startswith(b"\x89PNG")
    assert size == {"width": 554, "height": 331}


def test_a_picture_has_the_load_above_and_the_price_below() -> None:
    load, price = a_plan().plot().axes
    assert load.get_title(loc="left") == "test depot, night of 2025-11-10: peak 24.1 kW"
    assert (load.get_ylabel(), price.get_ylabel()) == ("kW", "EUR/kWh")


def test_a_name_that_is_mathematics_to_matplotlib_or_unknown_to_its_font_is_shown_all_the_same() -> None:
    data, _ = replace(a_plan(), depot="$x^$ 車").plot()._repr_png_()
    assert data.startswith(b"\x89PNG")
