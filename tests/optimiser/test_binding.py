from __future__ import annotations

import numpy as np

from optimiser.binding import CURVE, FORGETFUL, FULL, binding_limits, own_limit
from optimiser.depot import Charger, Depot, Feeder, Policy
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.planner import decide
from optimiser.problem import build_problem
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector


def names(depot: Depot, night: Night, *, row: int = 0, power_kw: FloatArray | None = None) -> list[str]:
    problem = build_problem(depot, night)
    if power_kw is None:
        power_kw = decide(problem).power_kw
    return list(binding_limits(depot, night, problem, power_kw, row))


def a_short_visit(vehicle_id: str = "V1", *, charger_id: str = "CP1", departure: str = "00:00") -> Night:
    depot = a_depot()
    return a_night(
        depot, visits=[a_visit(vehicle_id, charger_id=charger_id, arrival="22:00", departure=departure)]
    )


def test_a_short_stay_at_full_power_is_bound_by_its_connector() -> None:
    assert names(a_depot(), a_short_visit()) == ["connector CP1/1"]


def test_a_vehicle_that_takes_less_than_its_connector_is_bound_by_itself() -> None:
    depot = a_depot(vehicles=[a_van("V1", ac_phases=1)])
    assert own_limit(depot, a_night(depot), 0) == "the vehicle itself"
    bus = a_depot(
        vehicles=[a_bus("V1")],
        chargers=[Charger(id="CP1", connectors=(a_dc_connector(max_kw=300.0),))],
    )
    assert own_limit(bus, a_night(bus), 0) == "the vehicle itself"


def test_a_full_transformer_and_a_full_feeder_are_named() -> None:
    depot = a_depot(transformer_limit_kw=8.0)
    assert names(depot, a_night(depot, visits=[a_visit(departure="23:00")])) == ["transformer"]
    chargers = [Charger(id="CP1", feeder="F1", connectors=(an_ac_connector(),))]
    fed = a_depot(vehicles=[a_van()], chargers=chargers, feeders=[Feeder(id="F1", limit_kw=7.0)])
    assert names(fed, a_night(fed, visits=[a_visit(departure="23:00")])) == ["feeder F1"]


def test_phases_are_named_where_a_feeder_is_limited_by_current() -> None:
    chargers = [Charger(id="CP1", feeder="F1", connectors=(an_ac_connector(),))]
    depot = a_depot(vehicles=[a_van()], chargers=chargers, feeders=[Feeder(id="F1", limit_per_phase_a=14.0)])
    found = names(depot, a_night(depot, visits=[a_visit(departure="21:00")]))
    assert found == [f"feeder F1 phase L{phase}" for phase in (1, 2, 3)]


def test_the_reserve_for_forgetful_chargers_is_named() -> None:
    depot = a_depot(transformer_limit_kw=20.0, policy=Policy(secure_against_forgetful=1))
    visits = [
        a_visit("V1", departure="20:00"),
        a_visit("V2", charger_id="CP2", departure="20:00"),
    ]
    bound = [name for row in (0, 1) for name in names(depot, a_night(depot, visits=visits), row=row)]
    assert FORGETFUL in bound


def test_a_battery_that_is_full_or_tapers_is_named() -> None:
    chargers = [Charger(id="CP1", connectors=(a_dc_connector(),))]
    depot = a_depot(vehicles=[a_bus("V1")], chargers=chargers, transformer_limit_kw=300.0)
    visits = [a_visit(arrival_soc_percent=90.0, required_soc_percent=100.0, departure="18:20")]
    assert CURVE in names(depot, a_night(depot, visits=visits))
    van = a_depot(vehicles=[a_van()])
    full = a_night(van, visits=[a_visit(arrival_soc_percent=100.0, departure="18:20")])
    assert names(van, full, power_kw=np.zeros((1, 96))) == [FULL]


def test_a_vehicle_that_cannot_charge_has_nothing_else_in_its_way() -> None:
    depot = a_depot(vehicles=[a_van(max_ac_current_a=0.0)])
    assert names(depot, a_night(depot), power_kw=np.zeros((1, 96))) == []
