from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

import optimiser as opt
from tests.builders import a_dc_connector, a_depot, a_night, an_ac_connector

ROOT = Path(__file__).parents[2]
NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)
CALLABLE = (
    "depot=opt.load_depot('data/parcel-12'); opt.plan(depot, opt.load_night('data/parcel-12', '2025-11-10'))"
)
HEAVY = "{'pandas', 'matplotlib', 'pulp', 'pydantic', 'yaml'} & set(sys.modules)"


def examples() -> Iterator[doctest.DocTest]:
    """The examples in ``help(optimiser)``, in that of every public name and of its public methods."""
    finder = doctest.DocTestFinder(recurse=True)
    yield doctest.DocTestParser().get_doctest(str(opt.__doc__), {}, "optimiser", None, 0)
    for name in opt.__all__:
        for example in finder.find(getattr(opt, name), name, module=False):
            if example.examples:
                yield example


EXAMPLES = {example.name: example for example in examples()}


def run(code: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_in_the_help_is_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    said: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(EXAMPLES[name], out=said.append)
    assert outcome.attempted > 0
    assert outcome.failed == 0, "".join(said)


@pytest.mark.parametrize("name", opt.__all__)
def test_every_public_name_has_an_example(name: str) -> None:
    assert name in EXAMPLES


def test_the_names_are_few_and_all_there() -> None:
    assert dir(opt) == opt.__all__ == sorted(opt.__all__)
    assert len(opt.__all__) <= 15
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        opt.optimise  # type: ignore[attr-defined]  # noqa: B018 the name is asked for


@pytest.mark.parametrize(
    "order",
    [
        "import optimiser as opt",
        "import optimiser as opt; from optimiser.plan import Plan",
        "from optimiser.plan import Plan; import optimiser as opt",
        "import optimiser as opt; import optimiser.planner; opt.compare; import optimiser.plan",
        "import optimiser.plan; import optimiser as opt",
        "import optimiser as opt; opt.plan; import importlib; importlib.import_module('optimiser.plan').Plan",
    ],
)
def test_plan_is_the_function_whoever_imports_the_module_of_that_name(order: str) -> None:
    assert run(f"{order}\n{CALLABLE}\nprint(opt.plan.__module__)") == "optimiser.face"


def test_the_module_plan_can_be_imported_in_a_fresh_python() -> None:
    assert run("from optimiser.plan import Plan, SCHEMA; print(Plan.__name__, SCHEMA)") == "Plan depot-plan/1"


@pytest.mark.parametrize("code", ["import optimiser", "import optimiser.depot", "import optimiser.plan"])
def test_nobody_pays_for_what_only_planners_need(code: str) -> None:
    assert run(f"import sys; {code}; print(*{HEAVY})") == ""


def test_a_plan_is_made_now_and_knows_its_baseline() -> None:
    depot = a_depot()
    before = datetime.now(UTC)
    planned = opt.plan(depot, a_night(depot))
    assert before <= planned.created_at <= datetime.now(UTC)
    assert planned.baseline["name"] == "plug-and-charge"
    assert planned.baseline["peak_kw"] >= planned.peak_kw
    assert opt.plan(depot, a_night(depot), created_at=NOW).created_at == NOW


def test_plans_stand_side_by_side_under_their_names() -> None:
    depot = a_depot()
    night = a_night(depot)
    planned = opt.plan(depot, night, created_at=NOW)
    table = opt.compare(planned, opt.plug_and_charge(depot, night), planned, larger=planned)
    assert table.index.tolist() == ["plan 1", "plug-and-charge", "plan 2", "larger"]
    assert table.loc["larger", "total_cost"] == planned.cost.total
    assert table["ready"].tolist() == table["departures"].tolist() == [2, 2, 2, 2]
    assert table["currency"].unique().tolist() == ["EUR"]


def test_a_passed_limit_is_seen_in_a_comparison() -> None:
    depot = a_depot(transformer_limit_kw=20.0)
    table = opt.compare(opt.plug_and_charge(depot, a_night(depot)))
    assert table.loc["plug-and-charge", "headroom_kw"] == pytest.approx(20.0 - 2.0 - 2 * 11.04)
    assert table["minutes_above_limit"].iloc[0] > 0


def test_what_is_no_plan_is_named() -> None:
    depot = a_depot()
    with pytest.raises(TypeError, match=r"compare takes plans.* found a list"):
        opt.compare([opt.plan(depot, a_night(depot))])  # type: ignore[arg-type]


def test_profiles_are_a_sequence_that_becomes_a_frame_in_local_time() -> None:
    depot = a_depot()
    planned = opt.plan(depot, a_night(depot), created_at=NOW)
    allowed = opt.charging_profiles(planned)
    assert [profile.charger_id for profile in allowed] == ["CP1", "CP2"]
    assert allowed[-1].charger_id == "CP2"
    assert [profile.charger_id for profile in allowed[:1]] == ["CP1"]
    frame = allowed.to_frame()
    assert len(frame) == sum(len(profile.periods) for profile in allowed)
    assert str(frame["start"].iloc[0]) == "2025-11-10 12:00:00+01:00"
    assert "2 charging profiles (Europe/Berlin)\n  connectors  2, 2 of them may draw" in repr(allowed)
    assert "<td" in allowed._repr_html_()


def test_profiles_of_a_direct_current_depot_have_no_amperes() -> None:
    charger = replace(a_depot().chargers[0], connectors=(an_ac_connector(), a_dc_connector(2)))
    depot = a_depot(chargers=[charger])
    planned = opt.plan(depot, a_night(depot, visits=[]), created_at=NOW)
    frame = opt.charging_profiles(planned).to_frame()
    assert frame["limit_a"].isna().tolist() == [False, True]
    assert frame["limit_kw"].tolist() == [0.0, 0.0]


def test_powers_and_departures_are_frames() -> None:
    depot = a_depot()
    planned = opt.plan(depot, a_night(depot), created_at=NOW)
    assert isinstance(planned.to_frame(), pd.DataFrame)
    assert len(planned.departures()) == 2
