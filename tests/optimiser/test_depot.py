"""What a vehicle can draw on a connector, and finding things in a depot."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimiser.depot import Charger, Connector, Depot, Feeder, Site, Vehicle, power_range
from tests.builders import an_ac_connector


def a_van(
    *,
    max_ac_current_a: float = 16.0,
    ac_phases: int = 3,
    max_dc_kw: float = 50.0,
    min_current_a: float = 0.0,
) -> Vehicle:
    return Vehicle(
        id="van",
        battery_kwh=60.0,
        max_ac_current_a=max_ac_current_a,
        ac_phases=ac_phases,
        max_dc_kw=max_dc_kw,
        charge_efficiency=0.9,
        id_tag="TAG",
        min_current_a=min_current_a,
    )


def a_dc_plug(*, limit_side: Literal["output", "grid"] = "output") -> Connector:
    return Connector(
        id=1, phases=0, max_kw=100.0, min_kw=5.0, conversion_efficiency=0.95, limit_side=limit_side
    )


def a_depot() -> Depot:
    return Depot(
        name="d",
        timezone="UTC",
        currency="EUR",
        site=Site(transformer_limit_kw=43.0),
        feeders=(Feeder(id="hall"), Feeder(id="row", parent="hall")),
        chargers=(
            Charger(id="A", feeder="row", connectors=(an_ac_connector(1), an_ac_connector(2))),
            Charger(id="B", connectors=(a_dc_plug(),)),
        ),
        vehicles=(a_van(),),
    )


def test_a_one_phase_van_on_a_three_phase_connector_gets_one_phase() -> None:
    powers = power_range(an_ac_connector(), a_van(max_ac_current_a=32.0, ac_phases=1), voltage_v=230.0)
    assert powers.max_kw == pytest.approx(3.68)
    assert powers.phases == 1
    assert powers.min_kw == pytest.approx(1.38)
    assert powers.step_kw == pytest.approx(0.23)


def test_the_larger_minimum_counts() -> None:
    powers = power_range(an_ac_connector(), a_van(min_current_a=10.0), voltage_v=230.0)
    assert powers.min_kw == pytest.approx(6.9)


def test_a_maximum_of_zero_means_cannot() -> None:
    assert power_range(an_ac_connector(), a_van(max_ac_current_a=0.0), voltage_v=230.0).max_kw == 0.0
    assert power_range(an_ac_connector(), a_van(ac_phases=0), voltage_v=230.0).max_kw == 0.0
    assert power_range(a_dc_plug(), a_van(max_dc_kw=0.0), voltage_v=230.0).max_kw == 0.0


def test_a_dc_limit_at_the_output_draws_more_from_the_grid() -> None:
    powers = power_range(a_dc_plug(), a_van(max_dc_kw=38.0), voltage_v=230.0)
    assert powers.max_kw == pytest.approx(40.0)
    assert powers.min_kw == pytest.approx(5.0 / 0.95)
    assert powers.phases == 0


def test_a_dc_limit_at_the_grid_is_what_the_grid_gives() -> None:
    powers = power_range(a_dc_plug(limit_side="grid"), a_van(max_dc_kw=500.0), voltage_v=230.0)
    assert (powers.min_kw, powers.max_kw) == (5.0, 100.0)


def test_full_power_is_that_of_the_hardware_on_the_grid_side() -> None:
    assert an_ac_connector(max_current_a=32.0).full_power_kw(230.0) == pytest.approx(22.08)
    assert a_dc_plug().full_power_kw(230.0) == pytest.approx(100.0 / 0.95)
    assert a_dc_plug(limit_side="grid").full_power_kw(230.0) == pytest.approx(100.0)


@given(
    connector_phases=st.sampled_from([1, 3]),
    connector_a=st.floats(6, 63),
    vehicle_a=st.floats(0, 63),
    vehicle_phases=st.integers(0, 3),
)
def test_no_vehicle_draws_more_than_its_connector_gives(
    connector_phases: int, connector_a: float, vehicle_a: float, vehicle_phases: int
) -> None:
    connector = an_ac_connector(phases=connector_phases, max_current_a=connector_a)
    van = a_van(max_ac_current_a=vehicle_a, ac_phases=vehicle_phases)
    assert power_range(connector, van, voltage_v=230.0).max_kw <= connector.full_power_kw(230.0) + 1e-9


def test_things_are_found_by_their_ids() -> None:
    depot = a_depot()
    assert [(charger.id, connector.id) for charger, connector in depot.connectors()] == [
        ("A", 1),
        ("A", 2),
        ("B", 1),
    ]
    assert depot.connector("B", 1).is_dc
    assert depot.vehicle("van").id_tag == "TAG"


@pytest.mark.parametrize(
    ("kind", "arguments"), [("charger", ("C",)), ("connector", ("A", 3)), ("vehicle", ("bus",))]
)
def test_what_is_not_there_is_named(kind: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises(KeyError, match=f"no {kind}"):
        getattr(a_depot(), kind)(*arguments)


def test_the_feeders_of_a_charger_are_told_nearest_first() -> None:
    depot = a_depot()
    assert depot.feeder_path(depot.charger("A")) == ("row", "hall")
    assert depot.feeder_path(depot.charger("B")) == ()
