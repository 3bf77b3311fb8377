"""Every notebook runs from top to bottom as Jupyter would run it, and is kept without its outputs."""

from __future__ import annotations

import ast
import json
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from optimiser import plug_and_charge

FOLDER = Path(__file__).parents[1] / "notebooks"
FIRST = FOLDER / "tonight.ipynb"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(notebook: Path, kind: str) -> list[dict[str, Any]]:
    document = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def run(source: str, names: dict[str, Any]) -> str:
    """Runs a cell; what its last line shows, in the richest form that Jupyter would choose."""
    lines = ast.parse(source).body
    last = lines.pop() if isinstance(lines[-1], ast.Expr) else None
    exec(compile(ast.Module(lines, type_ignores=[]), "cell", "exec"), names)
    if not isinstance(last, ast.Expr):
        return ""
    shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    if hasattr(shown, "_repr_png_"):
        return f"a picture of {len(shown._repr_png_()[0])} bytes"
    return str(shown._repr_html_() if hasattr(shown, "_repr_html_") else repr(shown))


@cache
def executed(notebook: Path) -> tuple[dict[str, Any], list[str]]:
    """What the cells of a notebook leave behind, and what each of them shows."""
    names: dict[str, Any] = {}
    with chdir(notebook.parent):
        shown = [run("".join(cell["source"]), names) for cell in cells(notebook, "code")]
    return names, shown


@pytest.mark.timeout(300)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs_from_top_to_bottom_and_every_cell_shows_something(notebook: Path) -> None:
    assert all(executed(notebook)[1])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_kept_without_its_outputs(notebook: Path) -> None:
    code = cells(notebook, "code")
    assert code
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


def test_what_the_first_notebook_says_of_its_night_is_true() -> None:
    names, _ = executed(FIRST)
    tonight, unplanned, by_limit = names["tonight"], names["unplanned"], names["by_limit"]
    assert all(visit.is_ready for visit in (*tonight.visits, *unplanned.visits))
    assert tonight.peak_kw <= names["depot"].tariff.peak_so_far_kw
    assert unplanned.site.headroom_kw < 0
    assert unplanned.cost.demand > unplanned.cost.energy
    assert by_limit["20 kW"].cost.total > tonight.cost.total
    assert by_limit["20 kW"].shortfall_kwh == pytest.approx(0.0, abs=0.1)
    assert not names["tightest"]["ready"].all()


def test_what_is_said_of_tariffs_and_a_year_of_nights_is_true() -> None:
    names, _ = executed(FOLDER / "what_is_it_worth.ipynb")
    by_tariff, year = names["by_tariff"], names["year"]
    assert abs(by_tariff.loc["flat, EUR", "energy saved, %"]) < 1
    assert (by_tariff["energy saved, %"].drop("flat, EUR") > 10).all()
    one_evening = by_tariff.loc["day-ahead, EUR"]
    assert one_evening["demand, plugged"] > 10 * one_evening["energy, plugged"]
    peaks = names["peaks"].set_index(["tariff.demand_charge_per_kw", "tariff.peak_so_far_kw"])["peak_kw"]
    assert peaks[0].min() > peaks[20][24] == pytest.approx(24, abs=0.1)
    assert names["classes"].change_kw == pytest.approx(36)
    assert names["sunday"].import_price_per_kwh.min() < 0.1226
    assert names["in_may"].cost.energy > cost_without_a_plan(names["depot"], names["sunday"])
    assert len(year) > 45
    assert names["mean"] > 2 * names["error"] > 0


def cost_without_a_plan(depot: Any, night: Any) -> float:
    """What the energy of vans that are just plugged in costs."""
    return plug_and_charge(depot, night).cost.energy


def test_what_is_said_of_changes_is_true() -> None:
    names, _ = executed(FOLDER / "what_if.ipynb")
    means, enough_kw = names["means"], names["enough_kw"]
    assert means.loc[enough_kw, "readiness"] >= 0.99 > means["readiness"].min()
    assert means.loc[enough_kw:, "cost"].is_monotonic_decreasing
    fleet = names["fleet"].set_index(["vehicles", "site.transformer_limit_kw"])["readiness"]
    assert fleet[36, 43] == 1.0
    broken = names["broken"]
    assert (broken["departures"] - broken["ready"]).tolist() == [0, 1, 1, 2]
    late = names["late"]
    assert late["ready"].tolist() == [12, 12, 12, 12, 12, 11]
    assert late["cost"].iloc[4] > late["cost"].iloc[0] + 0.1
    price = names["worth"].prices["transformer"]
    assert max(price) > 0 == price[0]


def test_what_the_notebook_of_sureness_says_is_true() -> None:
    names, _ = executed(FOLDER / "how_sure.ipynb")
    by_target, sure = names["by_target"], names["sure"].assurance
    assert by_target["readiness"].is_monotonic_increasing
    assert by_target["cost"].is_monotonic_increasing
    assert sure.nights == 1000
    assert sure.readiness >= 0.98
    widest = names["history"].spreads()["vehicle"].head(3)
    assert set(widest) == names["LONG_ROUTES"]
    assert names["best"] == 0.98


def test_what_is_said_of_the_morning_after_is_true() -> None:
    names, _ = executed(FOLDER / "the_morning_after.ipynb")
    morning, evidence, payments = names["morning"], names["evidence"], names["payments"]
    report, course = morning.report, morning.report.course
    assert (morning.departures()["state"] == "ready").all()
    assert evidence.loc[~evidence["proven"], "connector"].tolist() == ["CP08/1"]
    assert (course.allowed_kw[60:] - course.metered_kw[60:]).min() > -0.5  # what they were told from 13:00 on
    base_kw = course.minutes.from_steps(report.plan.site.base_load_kw, report.plan.horizon.step_s)
    assert (base_kw + course.allowed_kw).max() <= 43.0
    gets, pays = (payments[payments["part"] == part] for part in ("gets", "pays"))
    afternoon = payments[payments["planned_at"] == payments["planned_at"].min()]
    assert set(afternoon["part"]) == {"gets"}
    assert afternoon.set_index("vehicle")["more_kwh"]["V003"] == pytest.approx(31, abs=0.5)
    assert set(pays["planned_at"]) & set(gets["planned_at"])
    assert not any(share.loses_its_departure for one in report.versions for share in one.pays)
    overrides = names["overrides"]
    assert overrides.loc[overrides["outcome"] != "accepted", "connector"].tolist() == ["CP08/1"]
    needs = names["incidents"]
    assert set(needs.loc[needs["needs_a_person"], "where"]) == {"CP08/1"}
    costs = names["costs"]
    assert costs["peak_kw"].round().tolist() == [25, 24, 50]
    assert costs.loc["metered", "energy_cost"] > costs.loc["planned", "energy_cost"]
    assert costs.loc["plug-and-charge", "demand_cost"] > 10 * costs.loc["metered", "demand_cost"] > 0
    short = names["short"]
    assert short["vehicle"].tolist() == ["V004"]
    assert "let it leave 20 minutes later" in short["told"].iloc[0]
