from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date
from typing import cast

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from optimiser.baselines import plug_and_charge
from optimiser.charts import (
    comparison,
    connector_count,
    connector_gantt,
    connector_map,
    night_against_limit,
    short_connectors,
    to_svg,
    worth_over_the_night,
)
from optimiser.gains import Worth
from optimiser.plan import Plan
from tests.builders import NIGHT, a_depot, a_horizon, a_night, a_van, a_visit


def a_plan(*, vehicles: int = 3, night: date = NIGHT, limit_kw: float = 43.0) -> Plan:
    vans = [a_van(f"V{n}") for n in range(1, vehicles + 1)]
    depot = a_depot(vehicles=vans, transformer_limit_kw=limit_kw)
    visits = [a_visit(v.id, charger_id=f"CP{n}", night=night) for n, v in enumerate(vans, start=1)]
    return plug_and_charge(depot, a_night(depot, visits=visits, horizon=a_horizon(night=night)))


def hours(ax: Axes) -> list[str]:
    return [label.get_text().split("\n")[0] for label in ax.get_xticklabels()]


def svg_of(ax: Axes) -> str:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return to_svg(figure, name="picture", description="A picture")


def test_the_night_shows_base_load_charging_and_limit() -> None:
    ax = night_against_limit(a_plan())

    assert ax.get_legend_handles_labels()[1] == ["base load", "charging", "limit 43 kW"]
    assert ax.get_ylabel() == "kW"


def test_what_is_above_the_limit_is_marked() -> None:
    assert "above the limit" in night_against_limit(a_plan(limit_kw=20.0)).get_legend_handles_labels()[1]


def test_a_night_can_be_drawn_into_given_axes() -> None:
    ax = Figure().subplots()

    assert night_against_limit(a_plan(), ax) is ax
    assert connector_gantt(a_plan(), Figure().subplots()) is not None


def test_a_limit_that_changes_is_named_by_its_range() -> None:
    plan = a_plan()
    limit_kw = (30.0, *plan.site.limit_kw[1:])

    labels = night_against_limit(
        replace(plan, site=replace(plan.site, limit_kw=limit_kw))
    ).get_legend_handles_labels()[1]

    assert labels[-1] == "limit 30 to 43 kW"


def test_forecast_pv_is_drawn_where_there_is_any() -> None:
    depot = a_depot()

    plan = plug_and_charge(depot, a_night(depot, pv_kw=3.0))

    assert "forecast PV" in night_against_limit(plan).get_legend_handles_labels()[1]


@pytest.mark.parametrize(
    ("night", "change"),
    [
        (date(2025, 3, 29), "forward to 03:00"),
        (date(2025, 10, 25), "back to 02:00"),
        (date(2025, 11, 10), ""),
    ],
)
def test_hours_are_those_of_the_wall_clock_over_a_change_of_the_clocks(night: date, change: str) -> None:
    ax = night_against_limit(a_plan(night=night), Figure().subplots())

    assert hours(ax) == ["12:00", "15:00", "18:00", "21:00", "00:00", "03:00", "06:00", "09:00", "12:00"]
    gaps_h = np.diff(ax.get_xticks()) * 24
    midnight_to_three = {"forward to 03:00": 2, "back to 02:00": 4, "": 3}[change]
    assert gaps_h == pytest.approx([3, 3, 3, 3, midnight_to_three, 3, 3, 3], abs=1e-4)
    assert [text.get_text().strip() for text in ax.texts] == ([f"clocks {change}"] if change else [])


def test_planned_and_plugged_in_share_one_scale() -> None:
    plan, baseline = a_plan(limit_kw=43.0), a_plan(vehicles=12)

    figure = comparison(plan, baseline)

    loads = figure.axes[:2]
    assert loads[0].get_ylim() == loads[1].get_ylim()
    assert loads[0].get_ylim()[1] > baseline.peak_kw


def test_a_plan_without_prices_is_drawn_without_them() -> None:
    plan = a_plan()
    plan = replace(plan, site=replace(plan.site, import_price_per_kwh=()))

    assert len(comparison(plan, plan).axes) == 2


def test_prices_below_zero_are_seen() -> None:
    depot = a_depot()
    plan = plug_and_charge(depot, a_night(depot, price_per_kwh=np.linspace(-0.1, 0.3, 96)))

    assert comparison(plan, plan).axes[2].get_ylim()[0] < -0.05


def test_connectors_are_rows_in_the_order_people_count() -> None:
    ax = connector_gantt(a_plan(vehicles=11))

    assert [label.get_text() for label in ax.get_yticklabels()] == [f"CP{n}" for n in range(1, 12)]
    assert ax.yaxis_inverted()


def test_both_ends_of_a_visit_say_its_soc() -> None:
    texts = [text.get_text() for text in connector_gantt(a_plan(vehicles=1)).texts]

    assert texts == ["V1  40 %", "90 %"]


def test_a_short_vehicle_is_named_with_what_it_needs() -> None:
    plan = a_plan(vehicles=1)
    short = replace(plan.visits[0], planned_soc_percent=61.0, shortfall_kwh=18.0)

    texts = [text.get_text() for text in connector_gantt(replace(plan, visits=(short,))).texts]

    assert texts[1] == "61 %, needs 90 %"


def test_a_vehicle_that_is_a_little_short_does_not_seem_to_have_what_it_needs() -> None:
    plan = a_plan(vehicles=1)
    short = replace(plan.visits[0], planned_soc_percent=89.67, shortfall_kwh=0.2)

    texts = [text.get_text() for text in connector_gantt(replace(plan, visits=(short,))).texts]

    assert texts[1] == "89.6 %, needs 90 %"


def test_visits_close_upon_each_other_keep_their_labels_within_their_bars() -> None:
    depot = a_depot()
    visits = [
        a_visit("V1", charger_id="CP1", arrival="14:00", departure="20:00"),
        a_visit("V2", charger_id="CP1", arrival="20:15", departure="07:00"),
    ]

    ax = connector_gantt(plug_and_charge(depot, a_night(depot, visits=visits)))

    first_leaves, second_arrives = ax.texts[1], ax.texts[2]
    assert (first_leaves.get_horizontalalignment(), second_arrives.get_horizontalalignment()) == (
        "right",
        "left",
    )


def test_some_connectors_can_be_drawn_alone_in_the_shades_of_all() -> None:
    plan = a_plan(vehicles=5)
    strong = replace(plan.visits[0], power_kw=(0.0, 43.0, *plan.visits[0].power_kw[2:]))

    ax = connector_gantt(replace(plan, visits=(strong, *plan.visits[1:])), only=["CP5", "CP4"])

    assert connector_count(plan) == 5
    assert [label.get_text() for label in ax.get_yticklabels()] == ["CP4", "CP5"]
    assert "43 kW" in shades(ax)


def shades(ax: Axes) -> list[str]:
    (legend,) = cast("Figure", ax.get_figure(root=True)).legends
    return [text.get_text() for text in legend.get_texts()]


def bars(ax: Axes) -> dict[tuple[float, ...], list[tuple[float, float, float]]]:
    """What a map draws: per colour its bars as start and end, in hours since the first, and row."""
    patches = [artist for artist in ax.get_children() if isinstance(artist, PathPatch)]
    corners = {
        to_rgba(patch.get_facecolor()): np.asarray(patch.get_path().vertices).reshape(-1, 5, 2)[:, :4]
        for patch in patches
    }
    first = min(found[:, :, 0].min() for found in corners.values())
    return {
        colour: [
            (
                round((bar[:, 0].min() - first) * 24, 2),
                round((bar[:, 0].max() - first) * 24, 2),
                (bar[:, 1].min() + bar[:, 1].max()) / 2,
            )
            for bar in found
        ]
        for colour, found in corners.items()
    }


def test_a_map_shows_who_is_there_and_who_charges_to_the_minute() -> None:
    depot = a_depot()
    visits = [
        a_visit("V1", charger_id="CP1", arrival="17:50", departure="06:20"),
        a_visit("V2", charger_id="CP2", arrival="18:20", departure="06:50"),
    ]
    plan = plug_and_charge(depot, a_night(depot, visits=visits))

    there, *charging = bars(connector_map(plan)).values()

    assert there == [(0.0, 12.5, 0.0), (0.5, 13.0, 1.0)]
    first = {row: min(bar[0] for found in charging for bar in found if bar[2] == row) for row in (0.0, 1.0)}
    assert first == {0.0: 0.0, 1.0: 0.5}


def test_the_more_power_the_stronger_a_bar_on_the_map() -> None:
    plan = a_plan(vehicles=1)
    powers = (0.0,) * 40 + (1.4, 1.4, 6.0, 11.0) + (0.0,) * 52

    drawn = bars(connector_map(replace(plan, visits=(replace(plan.visits[0], power_kw=powers),))))

    there, *charging = drawn
    starts = [drawn[colour][0][0] for colour in charging]
    assert starts == sorted(starts)
    assert [colour[3] for colour in charging] == sorted({colour[3] for colour in charging})
    assert charging[-1][3] == 1.0
    assert charging[0][3] > there[3]


def test_a_map_names_some_of_its_rows_and_marks_who_is_short() -> None:
    plan = a_plan(vehicles=70)
    short = replace(plan.visits[6], planned_soc_percent=61.0, shortfall_kwh=18.0)
    far = replace(plan.visits[8], planned_soc_percent=50.0, shortfall_kwh=25.0)

    ax = connector_map(replace(plan, visits=(*plan.visits[:6], short, plan.visits[7], far, *plan.visits[9:])))

    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [f"CP{n}" for n in range(1, 71, 5)]
    assert ax.yaxis_inverted()
    assert shades(ax)[-1] == "leaves short"
    (signs,) = [line for line in ax.lines if line.get_label() == "leaves short"]
    assert np.asarray(signs.get_ydata()).tolist() == [6, 8]
    assert "leaves short" not in shades(connector_map(plan))


def test_connectors_that_miss_the_most_come_first() -> None:
    plan = a_plan(vehicles=3)
    missing = [
        replace(visit, planned_soc_percent=60.0, shortfall_kwh=kwh)
        for visit, kwh in zip(plan.visits[1:], (3.0, 9.0), strict=True)
    ]

    assert short_connectors(plan) == []
    assert short_connectors(replace(plan, visits=(plan.visits[0], *missing))) == ["CP3", "CP2"]


@pytest.mark.parametrize(
    ("night", "change"), [(date(2025, 3, 29), ["clocks forward to 03:00"]), (date(2025, 11, 10), [])]
)
def test_a_map_tells_a_change_of_the_clocks(night: date, change: list[str]) -> None:
    texts = connector_map(a_plan(night=night)).texts

    assert [text.get_text().strip() for text in texts] == change


def test_a_night_without_visits_is_a_picture_too() -> None:
    depot = a_depot()
    plan = plug_and_charge(depot, a_night(depot, visits=[]))

    assert "<svg" in svg_of(connector_gantt(plan))
    assert "<svg" in svg_of(connector_map(plan))
    assert "<svg" in to_svg(comparison(plan, plan), name="c", description="d")


def test_a_picture_is_the_same_to_the_byte_each_time() -> None:
    first, second = (svg_of(night_against_limit(a_plan())) for _ in range(2))

    assert first == second
    assert "dc:date" not in first


def test_a_picture_is_well_formed_whatever_the_names_are() -> None:
    depot = a_depot(vehicles=[a_van("<script>&$x^$\x07 $ 車")])

    svg = svg_of(connector_gantt(plug_and_charge(depot, a_night(depot))))

    shown = "".join(ET.fromstring(svg).itertext())
    assert "<script>&$x^$\ufffd $ 車" in shown


def test_ids_of_two_pictures_on_a_page_never_meet() -> None:
    figure = comparison(a_plan(), a_plan(limit_kw=20.0))

    svgs = [to_svg(figure, name=name, description="d") for name in ("one", "two")]

    ids = [{element.get("id") for element in ET.fromstring(svg).iter()} - {None} for svg in svgs]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert "url(#one-" in svgs[0]


def test_worth_over_the_night_has_a_line_for_each_limit_that_is_worth_something() -> None:
    horizon = a_horizon()
    prices = {
        name: tuple([0.0] * 40 + [height] * 8 + [0.0] * 48)
        for name, height in {"transformer": 0.1, "feeder F1": 0.4, "feeder F2": 0.0}.items()
    }

    ax = worth_over_the_night(Worth(currency="EUR", horizon=horizon, gains=(), prices=prices))

    assert [line.get_label() for line in ax.patches] == ["feeder F1", "transformer"]
    assert ax.get_ylabel() == "EUR saved by one more"
    assert ax.get_ylim()[0] == 0.0


def test_worth_is_drawn_where_nothing_is_worth_anything() -> None:
    ax = worth_over_the_night(Worth(currency="EUR", horizon=a_horizon(), gains=()))
    assert not ax.patches
