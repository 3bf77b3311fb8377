from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from optimiser.inputs import InputError
from optimiser.lp import SolverError
from optimiser.planner import plan_night
from optimiser.sweep import COLUMNS, outcome, prepare
from optimiser.sweep.cache import FILE
from optimiser.verify import PlanRefusedError
from tests.builders import NIGHT, a_depot, a_horizon, a_night, a_visit
from tests.optimiser.sweep.sweep_builders import a_spread_night, swept

LIMIT = "site.transformer_limit_kw"
LATER = date(2025, 11, 12)


def test_every_combination_is_a_row_changes_first() -> None:
    depot = a_depot()
    later = a_night(
        depot,
        visits=[a_visit("V1", night=LATER)],
        horizon=a_horizon(night=LATER),
    )

    table = swept({LIMIT: [4, 43], "vehicles": [1, 2]}, a_night(depot), later)

    assert table.columns.tolist() == [LIMIT, "vehicles", *COLUMNS]
    assert table[LIMIT].tolist() == [4.0] * 4 + [43.0] * 4
    assert table["vehicles"].tolist() == [1, 1, 2, 2] * 2
    assert table["night"].tolist() == [NIGHT, LATER] * 4
    assert table["departures"].tolist() == [1, 1, 2, 1] * 2


def test_a_row_says_what_the_plan_of_that_night_says() -> None:
    depot = a_depot(transformer_limit_kw=6.0)
    night = a_night(depot)
    plan = plan_night(depot, night, created_at=datetime(2025, 11, 10, tzinfo=UTC))

    (row,) = swept({LIMIT: 6}, a_night(a_depot())).to_dict("records")

    assert row["ready"] == sum(visit.is_ready for visit in plan.visits) < 2
    assert row["readiness"] == row["ready"] / 2
    assert (row["cost"], row["energy"], row["demand"]) == (
        plan.cost.total,
        plan.cost.energy,
        plan.cost.demand,
    )
    assert (row["peak_kw"], row["shortfall_kwh"]) == (plan.peak_kw, plan.shortfall_kwh)


def test_a_dropped_charger_leaves_its_vehicle_short() -> None:
    table = swept({"chargers.CP1": "keep,drop"})

    assert table["readiness"].tolist() == [1.0, 0.5]
    assert table["chargers.CP1"].tolist() == ["keep", "drop"]


def test_without_changes_there_is_a_row_for_each_night_and_without_visits_all_are_ready() -> None:
    depot = a_depot()

    table = swept({}, a_night(depot), a_night(depot, visits=[]))

    assert table["readiness"].tolist() == [1.0, 1.0]
    assert table["departures"].tolist() == [2, 0]


def test_seeds_draw_the_nights_that_have_a_spread() -> None:
    depot = a_depot()

    table = swept({LIMIT: [10, 43]}, a_spread_night(depot), a_night(depot), seeds=3)

    assert table["seed"].tolist() == [1, 2, 3, 0] * 2


def test_two_sites_are_compared_on_the_same_draws() -> None:
    depot = a_depot()

    table = swept({"tariff.peak_so_far_kw": [0, 5]}, a_spread_night(depot), seeds=3)

    assert table["cost"].nunique() == 3
    assert table["cost"].tolist()[:3] == table["cost"].tolist()[3:]


def test_one_process_and_two_give_the_same_table_to_the_byte(tmp_path: Path) -> None:
    depot = a_depot()
    changes = {LIMIT: "10:16:2", "tariff.demand_charge_per_kw": "0,21.93"}

    tables = [
        swept(
            changes, a_spread_night(depot), seeds=2, workers=workers, cache=tmp_path / str(workers)
        ).to_csv()
        for workers in (1, 2, 2)
    ]

    assert tables[0] == tables[1] == tables[2]
    assert (tmp_path / "1" / FILE).read_bytes() == (tmp_path / "2" / FILE).read_bytes()


def test_what_is_in_the_cache_is_not_worked_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = swept({LIMIT: [6, 8], "vehicles": 2}, cache=tmp_path)
    monkeypatch.setattr(outcome, "plan_uncertified", None)

    assert (
        swept({"vehicles": 2, LIMIT: [8, 6]}, cache=tmp_path)["cost"].tolist() == first["cost"].tolist()[::-1]
    )


def test_a_sweep_that_was_stopped_goes_on_where_it_stood(tmp_path: Path) -> None:
    sweep = prepare(a_depot(), a_night(a_depot()), {LIMIT: [5, 6, 7, 8]}, seeds=0)
    done: list[int] = []

    def stop(more: int) -> None:
        done.append(more)
        if sum(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.solve(cache=tmp_path, workers=1, progress=stop)
    done[:] = [9]
    sweep.solve(cache=tmp_path, workers=1, progress=done.append)

    assert done == [9, 2, 1, 1]


def test_another_night_or_change_or_draw_is_not_in_the_cache(tmp_path: Path) -> None:
    depot = a_depot()
    night = a_spread_night(depot)
    swept({LIMIT: [6, 8]}, night, cache=tmp_path)
    dearer = replace(night, import_price_per_kwh=2 * night.import_price_per_kwh)

    swept({LIMIT: 7}, night, cache=tmp_path)
    swept({LIMIT: 6}, dearer, cache=tmp_path)
    swept({LIMIT: 6}, night, cache=tmp_path, seeds=2)

    assert len((tmp_path / FILE).read_text().splitlines()) == 6


def test_the_rows_done_are_kept_where_a_night_has_no_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_args: object, **_kw: object) -> None:
        raise PlanRefusedError(("the limit is passed",))

    swept({LIMIT: 6}, cache=tmp_path)
    monkeypatch.setattr(outcome, "plan_uncertified", refused)

    with pytest.raises(PlanRefusedError) as error:
        swept({LIMIT: [6, 8]}, cache=tmp_path)

    assert error.value.violations == ("2025-11-10, site.transformer_limit_kw=8: the limit is passed",)


def test_a_solver_that_gives_up_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsolved(*_args: object, **_kw: object) -> None:
        raise SolverError("no proved optimum")

    monkeypatch.setattr(outcome, "plan_uncertified", unsolved)

    with pytest.raises(SolverError, match=r"2025-11-10, chargers\.CP1=drop: no proved optimum"):
        swept({"chargers.CP1": "drop"})


def test_everything_wrong_is_said_at_once_and_nothing_is_solved() -> None:
    depot = a_depot()
    with pytest.raises(InputError) as error:
        prepare(depot, a_night(depot), {"site.limit": 3, LIMIT: -1}, seeds=-1)

    assert [problem.where for problem in error.value.problems] == [
        "change site.limit",
        f"change {LIMIT}",
        "seeds",
    ]


def test_no_night_is_an_error() -> None:
    with pytest.raises(InputError, match="nights: found none, allowed at least one night"):
        prepare(a_depot(), [], {LIMIT: 3}, seeds=0)


def test_a_grid_too_large_to_mean_it_is_refused_before_it_is_laid_out() -> None:
    changes = {LIMIT: "0:9999:1", "site.reserve_kw": "0:9999:1"}

    with pytest.raises(InputError, match="100,000,000 combinations"):
        prepare(a_depot(), a_night(a_depot()), changes, seeds=0)


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="a folder that can be written to"):
        swept({LIMIT: 6}, cache=tmp_path / "file")


def test_with_a_readiness_draws_are_lived_through_under_the_plan_that_was_made_before() -> None:
    depot = a_depot()
    night = a_spread_night(depot, arrival_sd_minutes=60.0, arrival_soc_sd_percent=12.0)

    table = swept({"policy.readiness": [0.6, 0.98]}, night, depot=depot, seeds=40)
    shares = table.groupby("policy.readiness")[["readiness", "cost"]].mean()

    assert table["seed"].tolist() == [*range(1, 41)] * 2
    assert shares["readiness"].is_monotonic_increasing
    assert 0.55 < shares["readiness"].iloc[0] < 0.8
    assert shares["readiness"].iloc[1] > 0.95
    assert shares["cost"].is_monotonic_increasing
    assert (table["readiness"] == table["ready"] / 2).all()


def test_a_draw_under_a_plan_does_not_depend_on_what_was_worked_out_before() -> None:
    depot = a_depot()
    night = a_spread_night(depot)
    changes = {"policy.readiness": [0.7, 0.95]}

    whole = swept(changes, night, depot=depot, seeds=6)
    spread = swept(changes, night, depot=depot, seeds=6, workers=2)

    pd.testing.assert_frame_equal(whole, spread)
