"""True power and energy against sums done by hand."""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from dispatch.rehearsal.bounds import bounds_of
from dispatch.rehearsal.faults import Absent
from dispatch.rehearsal.site import Piece, Plug, pieces_of
from dispatch.simulator.vehicle import UNLIMITED, Limit, PluggedVehicle
from optimiser.depot import Feeder
from tests.builders import a_bus, a_dc_connector, a_depot, a_van, an_ac_connector, at
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night, a_record, energy_kwh, played

FULL_KW = 3 * 16 * 230 / 1000.0  # 11.04


def a_plugged_van(soc_percent: float = 50.0) -> PluggedVehicle:
    return PluggedVehicle.arriving(a_van(), an_ac_connector(), soc_percent=soc_percent, voltage_v=230.0)


def a_plugged_bus(soc_percent: float) -> PluggedVehicle:
    return PluggedVehicle.arriving(a_bus(), a_dc_connector(), soc_percent=soc_percent, voltage_v=230.0)


def energy_of(pieces: list[Piece]) -> float:
    return sum((p.first_kw + p.last_kw) / 2 * (p.end_s - p.start_s) for p in pieces) / 3600.0


def test_level_power_is_one_piece() -> None:
    (piece,) = pieces_of(a_plugged_van(), Limit(current_a=10.0), start_s=60.0, duration_s=900.0)
    assert piece == pytest.approx(Piece(60.0, 960.0, 6.9, 6.9, 3))


def test_a_battery_that_is_full_ends_its_power_within_half_a_second() -> None:
    """64 kWh at 95 % want 3.2 kWh; 11.04 kW × 0.9 bring them in 1159.4 s."""
    pieces = list(pieces_of(a_plugged_van(95.0), UNLIMITED, start_s=0.0, duration_s=3600.0))
    drawing = [piece for piece in pieces if piece.first_kw > 0]
    assert drawing[-1].end_s == pytest.approx(3.2 / (FULL_KW * 0.9) * 3600.0, abs=0.5)
    assert energy_of(pieces) == pytest.approx(3.2 / 0.9, abs=0.001)


def test_a_taper_is_followed_as_it_falls() -> None:
    """A bus of 300 kWh takes 150 kW up to 80 %, then straight less down to 15 kW when it is full: 2.25 kW per kWh.

    Into its battery go 135 of the charger's 150 kW, until the curve is below that, 6.67 kWh later; from there on
    the power fades by itself.
    """
    pieces = list(pieces_of(a_plugged_bus(80.0), UNLIMITED, start_s=0.0, duration_s=900.0))
    level_kwh = (150.0 - 135.0) / 2.25
    last_kw = 135.0 * math.exp(-2.25 * (0.25 - level_kwh / 135.0))
    assert pieces[0].first_kw == 150.0
    assert pieces[-1].last_kw == pytest.approx(last_kw / 0.9, rel=1e-6)
    assert energy_of(pieces) == pytest.approx((level_kwh + (135.0 - last_kw) / 2.25) / 0.9, rel=1e-4)
    assert all(before.end_s == after.start_s for before, after in pairwise(pieces))


def test_power_of_several_is_added_up_at_every_edge() -> None:
    begin = at("18:00")
    record = a_record(
        begin, {"CP1": [Piece(0, 100, 10, 10, 3)], "CP2": [Piece(50, 150, 0, 20, 3)], "CP3": []}
    )
    plugs = [Plug(name, 1) for name in ("CP1", "CP2", "CP3")]
    edges_s = np.array(sorted(record.edges_s(plugs)))
    first_kw, last_kw = record.power_kw(plugs, edges_s)
    assert edges_s.tolist() == [0, 50, 100, 150]
    assert first_kw.tolist() == [10, 10, 10]
    assert last_kw.tolist() == [10, 20, 20]


def test_energy_is_the_area_below_the_power() -> None:
    record = a_record(at("18:00"), {"CP1": [Piece(0, 3600, 10, 10, 3), Piece(3600, 7200, 10, 0, 3)]})
    assert record.energy_kwh(Plug("CP1", 1)) == 15.0


def test_a_night_draws_what_its_batteries_took() -> None:
    """What left in the batteries, by SoC, is what was drawn, by power and time, less the loss of a tenth."""
    happened = played()
    for departed in happened.departed:
        stored_kwh = 64.0 * (departed.soc_percent - 50.0) / 100.0
        assert energy_kwh(happened, departed.plug.charger_id) * 0.9 == pytest.approx(stored_kwh, abs=0.001)


def test_the_transformer_carries_everybody_and_a_feeder_those_behind_it() -> None:
    feeders = (Feeder(id="hall", limit_kw=20.0), Feeder(id="east", parent="hall", limit_kw=12.0))
    depot = a_depot(feeders=feeders)
    transformer, hall, east = bounds_of(depot)
    assert transformer.limit_kw is None
    assert (transformer.carries_base_load, hall.carries_base_load, east.carries_base_load) == (
        True,
        True,
        False,
    )
    assert transformer.plugs == (Plug("CP1", 1), Plug("CP2", 1))


def test_who_does_not_come_draws_nothing() -> None:
    happened = played(Absent(vehicle="V2"))
    assert Plug("CP2", 1) not in happened.record.pieces
    assert {departed.vehicle_id for departed in happened.departed} == {"V1", "V3"}


def test_vehicles_leave_when_they_are_to() -> None:
    happened = played()
    planned = {visit.vehicle_id: visit.departure for visit in a_planned_night()[1].visits}
    late = [abs(left.at - planned[left.vehicle_id]) for left in happened.departed]
    assert max(late) <= timedelta(seconds=1)
