from __future__ import annotations

import doctest
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from optimiser import display
from optimiser.baselines import plug_and_charge
from optimiser.display import ROWS_SHOWN, Card, Printed, counted, spread
from optimiser.plan import Plan
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector

HOSTILE = "<script>alert('1')</script>\x1b[2J\n&"


def a_plan(*, vehicles: int = 2, limit_kw: float = 43.0) -> Plan:
    depot = a_depot(vehicles=[a_van(f"V{n:03}") for n in range(vehicles)], transformer_limit_kw=limit_kw)
    return plug_and_charge(depot, a_night(depot))


def a_table(printed: Printed) -> list[list[str]]:
    """The cells of the last table of what a notebook shows."""
    tables = ET.fromstring(printed._repr_html_()).findall("table")
    return [["".join(cell.itertext()) for cell in row] for row in tables[-1]]


def test_a_card_is_a_line_per_fact() -> None:
    card = Card(title="A night", facts=(("limit", "43.0 kW"), ("base load", "2.0 kW")))
    assert card.text() == "A night\n  limit      43.0 kW\n  base load  2.0 kW"
    assert Card(title="A night").text() == "A night"


def test_a_table_is_cut_and_says_where_the_rest_is() -> None:
    rows = tuple((str(number),) for number in range(ROWS_SHOWN + 5))
    html = Card(title="Many", headers=("n",), rows=rows, more="all_of() has them").html()
    assert html.count("<tr>") == ROWS_SHOWN + 1
    assert "… and 5 more: all_of() has them" in html


def test_names_from_files_are_escaped_and_never_obeyed_by_a_terminal() -> None:
    card = Card(title=HOSTILE, facts=((HOSTILE, HOSTILE),), headers=(HOSTILE,), rows=((HOSTILE,),))
    assert "<script" not in card.html()
    assert len(ET.fromstring(card.html()).findall(".//td")) == 3
    assert "\x1b" not in card.text() + card.html()
    assert len(card.text().splitlines()) == 2


def test_numbers_stand_to_the_right() -> None:
    html = Card(title="t", headers=("who", "kW"), rows=(("V1", "2.0"),), numbers=frozenset({1})).html()
    assert '<td style="text-align: left">V1</td><td style="text-align: right">2.0</td>' in html


def test_a_range_that_shows_one_number_is_one_number() -> None:
    assert spread([43.01, 43.04], decimals=1, unit="kW") == "43.0 kW"
    assert spread([-0.1, 1000.0], decimals=2, unit="per kWh") == "-0.10 to 1,000.00 per kWh"
    assert counted(1, "visit") == "1 visit"


def test_a_depot_says_what_it_has() -> None:
    chargers = (
        replace(a_depot().chargers[0], connectors=(an_ac_connector(phases=1), a_dc_connector(2))),
        replace(a_depot().chargers[1], feeder="F1", vendor="Acme", model="Wall"),
    )
    depot = a_depot(vehicles=[a_van(), a_bus()], chargers=chargers, reserve_kw=3.0)
    assert repr(depot) == (
        "Depot test depot (Europe/Berlin)\n"
        "  transformer  43.0 kW, 3.0 kW of it in reserve\n"
        "  chargers     2 with 3 connectors, 164.7 kW at full power\n"
        "  vehicles     2 with 364.0 kWh of usable battery"
    )
    assert a_table(depot)[1:] == [
        ["CP1/1", "transformer", "", "AC, 1 phase", "3.7 kW"],
        ["CP1/2", "transformer", "", "DC", "150.0 kW"],
        ["CP2/1", "F1", "Acme Wall", "AC, 3 phases", "11.0 kW"],
    ]


def test_a_night_says_who_comes_in_order_of_arrival() -> None:
    depot = a_depot()
    visits = [a_visit("V1", arrival="18:00"), a_visit("V2", charger_id="CP2", arrival="16:00")]
    night = replace(a_night(depot, visits=visits, pv_kw=3.0), warnings=("prices are odd",))
    assert repr(night).splitlines()[1] == "  visits       2, arriving from Mon 16:00, leaving from Tue 07:42"
    assert "  forecast PV  up to 3.0 kW\n  warning      prices are odd" in repr(night)
    assert [row[2] for row in a_table(night)] == ["vehicle", "V2", "V1"]


def test_a_plan_is_a_few_lines_and_not_its_numbers() -> None:
    shown = replace(a_plan(), warnings=("the clock is late",))
    assert repr(shown).splitlines() == str(shown).splitlines()
    assert len(repr(shown).splitlines()) == 6
    assert "2 of 2 ready" in repr(shown)
    assert repr(shown).endswith("warning     the clock is late")
    assert "power_kw" not in repr(shown.visits[0])


def test_a_plan_says_who_is_short_and_where_it_passes_the_limit() -> None:
    shown = a_plan(limit_kw=20.0)
    short = replace(shown.visits[0], planned_soc_percent=61.0, shortfall_kwh=18.04)
    shown = replace(shown, visits=(short, *shown.visits[1:]))
    assert "1 of 2 ready, 1 short by 18.0 kWh" in repr(shown)
    assert "up to 4.08 kW above the limit" in repr(shown)
    assert "at the limit" in repr(a_plan(limit_kw=24.08))
    assert "short 18.0 kWh" in [row[-1] for row in a_table(shown)]


@pytest.mark.parametrize("vehicles", [0, 1])
def test_an_empty_depot_a_night_and_its_plan_are_shown_too(vehicles: int) -> None:
    depot = a_depot(vehicles=[a_van()] * vehicles)
    night = a_night(depot)
    shown: tuple[Printed, ...] = (depot, night, plug_and_charge(depot, night))
    for printed in shown:
        assert len(repr(printed).splitlines()) > 3
        ET.fromstring(printed._repr_html_())


def test_many_warnings_are_counted_and_the_first_ones_shown() -> None:
    shown = repr(replace(a_plan(), warnings=tuple(f"van {n} is early" for n in range(1, 201))))
    assert shown.endswith("warning     van 3 is early\n  warning     … and 197 more")


def test_the_examples_of_the_display_are_true() -> None:
    assert doctest.testmod(display).failed == 0


def test_values_are_still_compared_by_their_fields() -> None:
    created_at = datetime(2025, 11, 10, tzinfo=UTC)
    assert replace(a_plan(), created_at=created_at) == replace(a_plan(), created_at=created_at)
    assert a_plan() != a_plan(vehicles=3)
