from __future__ import annotations

import numpy as np
import pytest

from optimiser.depot import ChargeCurve, Charger, Feeder
from optimiser.problem import build_problem
from optimiser.taper import concave_points
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector, at


def test_a_one_phase_van_on_a_three_phase_connector_gets_one_phase_at_the_smaller_current() -> None:
    depot = a_depot(vehicles=[a_van("V1", ac_phases=1, max_ac_current_a=32.0)])
    problem = build_problem(depot, a_night(depot))
    assert problem.max_kw == pytest.approx([3.68])
    assert problem.min_kw == pytest.approx([1.38])
    assert problem.step_kw == pytest.approx([0.23])


def test_an_ac_vehicle_on_a_dc_connector_cannot_draw() -> None:
    depot = a_depot(vehicles=[a_van("V1")], chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))])
    problem = build_problem(depot, a_night(depot))
    assert problem.max_kw == pytest.approx([0.0])
    assert problem.drawable.sum() == 0


def test_base_load_and_reserve_count_at_the_site_and_at_feeders_without_parent_only() -> None:
    feeders = (Feeder(id="main", limit_kw=40.0), Feeder(id="hall", parent="main", limit_kw=20.0))
    chargers = [Charger(id="CP1", feeder="hall", connectors=(an_ac_connector(),))]
    depot = a_depot(
        vehicles=[a_van("V1")], chargers=chargers, feeders=feeders, transformer_limit_kw=50.0, reserve_kw=3.0
    )
    problem = build_problem(depot, a_night(depot, base_load_kw=7.0))
    limits = {capacity.name: capacity.limit[0] for capacity in problem.capacities}
    assert limits == pytest.approx({"transformer": 40.0, "feeder main": 30.0, "feeder hall": 20.0})


def test_a_base_load_above_the_limit_leaves_nothing_and_is_marked() -> None:
    depot = a_depot()
    problem = build_problem(depot, a_night(depot, base_load_kw=50.0))
    assert problem.capacities[0].overdrawn
    assert (problem.capacities[0].limit == 0.0).all()


def test_a_connector_without_phase_map_counts_a_one_phase_vehicle_on_every_phase() -> None:
    chargers = [
        Charger(id="CP1", feeder="F1", connectors=(an_ac_connector(),)),
        Charger(id="CP2", feeder="F1", connectors=(an_ac_connector(phase_map=("L2", "L3", "L1")),)),
    ]
    vehicles = [a_van(name, ac_phases=1) for name in ("V1", "V2")]
    feeders = (Feeder(id="F1", limit_per_phase_a=40.0),)
    depot = a_depot(vehicles=vehicles, chargers=chargers, feeders=feeders)
    weights = {c.name: c.weight * 0.23 for c in build_problem(depot, a_night(depot)).capacities}
    assert weights["feeder F1 phase L1"] == pytest.approx([1.0, 0.0])
    assert weights["feeder F1 phase L2"] == pytest.approx([1.0, 1.0])
    assert weights["feeder F1 phase L3"] == pytest.approx([1.0, 0.0])


def test_a_step_shared_by_two_vehicles_of_one_connector_belongs_to_the_one_that_has_more_of_it() -> None:
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")])
    visits = [
        a_visit("V1", charger_id="CP1", arrival="18:00", departure="22:05"),
        a_visit("V2", charger_id="CP1", arrival="22:06", departure="06:00"),
    ]
    problem = build_problem(depot, a_night(depot, visits=visits))
    shared = (22 - 12) * 4
    assert problem.present[0, shared] == 0.0
    assert problem.present[1, shared] == pytest.approx(9 / 15)
    assert problem.present[0, shared - 1] == 1.0


def test_only_the_falling_part_of_a_charge_curve_becomes_a_taper() -> None:
    depot = a_depot(vehicles=[a_bus("B1")], chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))])
    visits = [a_visit("B1", arrival_soc_percent=20.0)]
    (piece,) = build_problem(depot, a_night(depot, visits=visits)).taper_pieces(0)
    assert piece.slope_kw_per_kwh == pytest.approx(-135.0 / 60.0)
    assert piece.intercept_kw + piece.slope_kw_per_kwh * 240.0 == pytest.approx(150.0)
    assert piece.intercept_kw + piece.slope_kw_per_kwh * 300.0 == pytest.approx(15.0)


def test_a_curve_that_dips_is_bridged_by_its_concave_hull() -> None:
    curve = ChargeCurve(id="c", soc_percent=(10.0, 40.0, 60.0, 90.0), max_kw=(100.0, 60.0, 60.0, 20.0))
    points = concave_points(curve)
    assert points[0] == (0.0, 100.0)
    assert points[-1] == (100.0, 20.0)
    socs, kws = np.array(points).T
    heights = np.interp(curve.soc_percent, socs, kws)
    assert (heights >= np.array(curve.max_kw) - 1e-9).all()
    slopes = np.diff(kws) / np.diff(socs)
    assert (np.diff(slopes) <= 1e-9).all()


def test_beside_committed_powers_the_others_have_what_is_left() -> None:
    depot = a_depot(transformer_limit_kw=20.0)
    problem = build_problem(depot, a_night(depot, base_load_kw=2.0))
    committed_kw = np.zeros_like(problem.present)
    committed_kw[0, 30] = 11.0
    rest = problem.beside(committed_kw, np.array([False, True]))
    assert rest.visits == 1
    assert rest.capacities[0].limit[30] == pytest.approx(7.0)
    assert rest.capacities[0].limit[31] == pytest.approx(18.0)
    assert rest.net_base_kw[30] == pytest.approx(13.0)


def test_nothing_can_be_drawn_in_a_step_that_begins_before_the_earliest_start() -> None:
    depot = a_depot(vehicles=[a_van()])
    night = a_night(depot, visits=[a_visit(arrival="17:50", earliest_start="22:05")])
    drawable = build_problem(depot, night).drawable[0]
    first = int(night.horizon.position(at("22:15")))
    assert not drawable[:first].any()
    assert drawable[first]
