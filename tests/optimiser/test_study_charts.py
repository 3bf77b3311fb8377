from __future__ import annotations

import doctest
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from optimiser import study_charts
from optimiser.baselines import plug_and_charge
from optimiser.study_charts import duration_curve, heat_map, readiness_against_cost
from optimiser.sweep import COLUMNS
from tests.builders import a_depot, a_night

LIMIT, FLEET = "site.transformer_limit_kw", "vehicles"


def a_table() -> pd.DataFrame:
    """Two limits by two fleets over two nights: the larger limit serves more, and the larger fleet costs more."""
    rows = [
        {
            LIMIT: limit_kw,
            FLEET: vehicles,
            "night": date(2025, 11, night),
            "seed": 0,
            "ready": vehicles if limit_kw > 20 else vehicles - night,
            "departures": vehicles,
            "readiness": 1.0 if limit_kw > 20 else (vehicles - night) / vehicles,
            "cost": vehicles + limit_kw / 10 + night,
            "energy": float(vehicles),
            "demand": 0.0,
            "peak_kw": limit_kw,
            "shortfall_kwh": 0.0,
        }
        for limit_kw in (20.0, 43.0)
        for vehicles in (10, 20)
        for night in (1, 2)
    ]
    return pd.DataFrame(rows)


def test_the_examples_in_the_help_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])

    outcome = doctest.testmod(study_charts)

    assert (outcome.attempted > 0, outcome.failed) == (True, 0)


def test_the_table_is_that_of_a_what_if() -> None:
    assert tuple(a_table().columns[2:]) == COLUMNS


def test_a_cell_is_readiness_over_all_departures() -> None:
    ax = heat_map(a_table())

    assert (ax.get_xlabel(), ax.get_ylabel()) == (LIMIT, FLEET)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["20", "43"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["10", "20"]
    assert [text.get_text() for text in ax.texts] == ["85", "100", "92.5", "100"]


def test_a_cell_is_the_mean_over_nights_of_anything_else() -> None:
    ax = heat_map(a_table(), "cost", across=FLEET)

    assert (ax.get_xlabel(), ax.get_ylabel()) == (FLEET, LIMIT)
    assert [text.get_text() for text in ax.texts] == ["13.5", "23.5", "15.8", "25.8"]


def test_readiness_is_cut_down_and_never_rounded_up_to_all() -> None:
    table = a_table()
    table["departures"] = 10_000
    table["ready"] = 9_999

    assert {text.get_text() for text in heat_map(table).texts} == {"99.9"}


def test_a_combination_that_was_not_asked_for_stays_empty() -> None:
    assert len(heat_map(a_table().iloc[:6]).texts) == 3


def test_many_values_are_named_now_and_then_and_have_no_numbers() -> None:
    rows = [a_table().assign(**{LIMIT: float(limit_kw)}).iloc[:4] for limit_kw in range(50)]

    ax = heat_map(pd.concat(rows))

    assert len(ax.get_xticks()) == 17
    assert len(ax.texts) == 0


def test_a_number_can_be_read_on_its_cell() -> None:
    colours = [text.get_color() for text in heat_map(a_table()).texts]

    assert colours[0] != colours[1]


def test_what_cannot_be_shown_is_said() -> None:
    table = a_table()
    with pytest.raises(ValueError, match="found the unknown value 'price', allowed readiness, cost"):
        heat_map(table, "price")
    with pytest.raises(ValueError, match=f"found the unknown change 'night', allowed {LIMIT}, {FLEET}"):
        heat_map(table, across="night")
    with pytest.raises(ValueError, match="found vehicles twice"):
        heat_map(table, across=FLEET, up=FLEET)
    with pytest.raises(ValueError, match=f"shows two changes: found {LIMIT}"):
        heat_map(table.drop(columns=FLEET))
    with pytest.raises(ValueError, match="compares combinations of changes: found none"):
        readiness_against_cost(table.drop(columns=[FLEET, LIMIT]))
    with pytest.raises(
        ValueError, match="the table of a what-if is wanted: found none of its columns night, ready"
    ):
        readiness_against_cost(pd.DataFrame({"a": [1]}))


def test_combinations_that_no_other_beats_are_joined_and_named() -> None:
    ax = readiness_against_cost(a_table().drop(columns=FLEET).iloc[[0, 1, 4, 5]])

    points, best = ax.get_lines()
    assert len(np.asarray(points.get_xdata())) == 2
    assert np.asarray(best.get_xdata()).tolist() == [13.5, 15.8]
    assert np.asarray(best.get_ydata()).tolist() == [85.0, 100.0]
    assert [text.get_text() for text in ax.texts] == ["20", "43"]


def test_a_dearer_combination_that_is_no_readier_is_not_joined() -> None:
    ax = readiness_against_cost(a_table())

    _, best = ax.get_lines()
    assert [text.get_text() for text in ax.texts] == ["20, 10", "43, 10"]
    assert len(np.asarray(best.get_xdata())) == 2


def test_the_hours_of_a_night_fall_from_its_highest_load() -> None:
    depot = a_depot()
    plan = plug_and_charge(depot, a_night(depot))

    ax = duration_curve(plan)

    (stairs,) = ax.patches
    values, edges, _ = stairs.get_data()  # type: ignore[attr-defined]
    assert values[0] == max(plan.site.load_kw)
    assert np.all(np.diff(values) <= 0)
    assert (edges[0], edges[-1]) == (0.0, 24.0)
    assert ax.get_legend_handles_labels()[1] == ["planned", "limit 43 kW"]


def test_a_limit_that_changes_is_no_line() -> None:
    depot = a_depot()
    limit_kw = np.linspace(20.0, 43.0, 96)
    plan = plug_and_charge(depot, a_night(depot, site_limit_kw=limit_kw))

    assert duration_curve(plan, against=plan).get_legend_handles_labels()[1] == ["planned", "plug-and-charge"]


def test_pictures_are_drawn_into_given_axes() -> None:
    one, two, three = Figure().subplots(1, 3)
    depot = a_depot()

    assert heat_map(a_table(), ax=one) is one
    assert readiness_against_cost(a_table(), two) is two
    assert duration_curve(plug_and_charge(depot, a_night(depot)), three) is three
