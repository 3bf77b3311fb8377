"""What vehicles do that nobody planned: its line, what it makes true, and that it happens in the simulated depot."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.faults import (
    Absent,
    Fault,
    Late,
    OtherPhases,
    Sleeps,
    Stranger,
    Swapped,
    WrongBay,
    load_faults,
)
from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.site import Plug
from optimiser.depot import Charger
from optimiser.inputs import InputError
from optimiser.planned import READY_TOLERANCE_PERCENT
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector, at
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night, energy_kwh, played, verdict_on

SLACK = timedelta(seconds=2)


def read(line: str, folder: Path) -> Fault:
    path = folder / "faults.yaml"
    path.write_text(f"- {line}\n", "utf-8")
    (fault,) = load_faults(path)
    return fault


@pytest.mark.parametrize(
    "line",
    [
        "phases: {vehicle: V1, drawn: 1}",
        "sleeps: {vehicle: V1, after_minutes: 20}",
        "wrong-bay: {vehicle: V1, charger: CP4}",
        "wrong-bay: {vehicle: V1, charger: CP4, connector: 2}",
        "swapped: {vehicle: V1, other: V2}",
        "stranger: {charger: CP4, at: 20:00, minutes: 180}",
    ],
)
def test_a_line_prints_as_it_is_written(line: str, tmp_path: Path) -> None:
    assert str(read(line, tmp_path)) == line


@pytest.mark.parametrize(
    ("fault", "found", "allowed"),
    [
        (WrongBay(vehicle="V1", charger="CP2"), "CP2/1", "free; V2 is there from 17:50 to 07:42"),
        (WrongBay(vehicle="V1", charger="CP1"), "CP1/1", "another connector than the planned one"),
        (WrongBay(vehicle="V1", charger="CP4", connector=2), "CP4/2", "a connector of this depot"),
        (WrongBay(vehicle="V1", charger="CP9"), "CP9", "a charger of this depot"),
        (Stranger(charger="CP1", at=time(20), minutes=60), "CP1/1", "free; V1 is there"),
        (Stranger(charger="CP4", at=time(20), minutes=60, connector=3), "CP4/3", "a connector"),
        (OtherPhases(vehicle="V1", drawn=3), "3", "another number of phases than it has: 3"),
        (Swapped(vehicle="V1", other="V1"), "V1", "another vehicle that comes in this night"),
        (Swapped(vehicle="V1", other="V9"), "V9", "another vehicle that comes in this night"),
    ],
)
def test_what_cannot_happen_is_said_with_what_is_allowed(fault: Fault, found: str, allowed: str) -> None:
    depot, night, _ = a_planned_night(free_chargers=1)
    with pytest.raises(InputError) as raised:
        scene_of(depot, night, [fault])
    (problem,) = raised.value.problems
    assert (problem.where, problem.found) == (f"fault {fault}", found)
    assert allowed in problem.allowed


def test_a_van_cannot_charge_in_the_bay_of_a_bus() -> None:
    chargers = [
        Charger(id="CP1", connectors=(an_ac_connector(),)),
        Charger(id="CP2", connectors=(a_dc_connector(),)),
    ]
    depot = a_depot(vehicles=[a_van("V1"), a_bus("B1")], chargers=chargers)
    night = a_night(depot, visits=[a_visit("V1"), a_visit("B1", charger_id="CP2")])
    with pytest.raises(InputError) as raised:
        scene_of(depot, night, [Swapped(vehicle="V1", other="B1")])
    assert [problem.allowed for problem in raised.value.problems] == [
        "V1 at CP2/1: a connector at which the vehicle can charge",
        "B1 at CP1/1: a connector at which the vehicle can charge",
    ]


def test_the_order_of_the_lines_is_of_no_matter() -> None:
    """V2 does not come, so V1 can stand in its bay, and a stranger in the one that V1 leaves free."""
    depot, night, _ = a_planned_night()
    story: list[Fault] = [
        Stranger(charger="CP1", at=time(20), minutes=60),
        WrongBay(vehicle="V1", charger="CP2"),
        Absent(vehicle="V2"),
    ]
    assert scene_of(depot, night, story) == scene_of(depot, night, story[::-1])


def plugs_drawn(happened: Happened) -> set[str]:
    return {plug.charger_id for plug in happened.record.pieces}


def test_who_stands_in_a_wrong_bay_charges_there() -> None:
    happened = played(WrongBay(vehicle="V1", charger="CP4"), made=a_planned_night(free_chargers=1))
    (left,) = (left for left in happened.departed if left.vehicle_id == "V1")
    assert left.plug == Plug("CP4", 1)
    assert "CP1" not in plugs_drawn(happened)
    stored_kwh = 64.0 * (left.soc_percent - 50.0) / 100.0
    assert happened.record.pieces.get(Plug("CP4", 1), ()) == () or energy_kwh(happened, "CP4") * 0.9 == (
        pytest.approx(stored_kwh, abs=0.001)
    )


def test_two_that_swapped_leave_from_each_others_bays() -> None:
    happened = played(Swapped(vehicle="V1", other="V2"))
    left = {left.vehicle_id: left.plug.charger_id for left in happened.departed}
    assert left == {"V1": "CP2", "V2": "CP1", "V3": "CP3"}


def test_a_stranger_draws_all_that_it_gets_while_it_is_there() -> None:
    """A floor of at least 6 A is on every connector of this depot, also on that nobody is planned for."""
    story = Stranger(charger="CP4", at=time(20), minutes=180)
    happened = played(story, made=a_planned_night(transformer_limit_kw=60.0, free_chargers=1))
    pieces = happened.record.pieces[Plug("CP4", 1)]
    begin, end = (happened.begin + timedelta(seconds=s) for s in (pieces[0].start_s, pieces[-1].end_s))
    assert abs(begin - at("20:00")) <= SLACK
    assert abs(end - at("23:00")) <= SLACK
    assert {piece.phases for piece in pieces} == {3}
    assert energy_kwh(happened, "CP4") >= 3 * 4.14 * 0.99
    assert "STRANGER-1" not in {vehicle.id_tag for vehicle in happened.scene.depot.vehicles}
    assert {left.vehicle_id for left in happened.departed} == {"V1", "V2", "V3", "stranger-1"}


def test_a_vehicle_with_one_phase_draws_a_third() -> None:
    happened = played(OtherPhases(vehicle="V1", drawn=1))
    pieces = happened.record.pieces[Plug("CP1", 1)]
    assert {piece.phases for piece in pieces} == {1}
    assert max(piece.first_kw for piece in pieces) <= 3.68 + 1e-9
    assert happened.scene.depot.vehicle("V1").ac_phases == 3


def test_a_vehicle_that_draws_a_third_is_ready_all_the_same_where_the_night_is_long_enough() -> None:
    """Its plan gives it two hours from midnight on; it needs six, and its charger's meter shows that in the first."""
    verdict = verdict_on(OtherPhases(vehicle="V1", drawn=1))
    assert verdict.broken == frozenset()
    assert verdict.ready == 3


def test_a_vehicle_that_draws_a_third_is_announced_in_time_where_the_night_is_too_short() -> None:
    """What lacks 32 kWh from the grid, and nothing is drawn before midnight, has 28 by the morning."""
    made = a_planned_night(required_soc_percent=95.0, vans=1)
    (departure,) = verdict_on(OtherPhases(vehicle="V1", drawn=1), made=made).departures
    assert not departure.possible
    assert departure.announced


def test_a_vehicle_that_sleeps_misses_the_cheap_hours_that_it_waited_for() -> None:
    """Power is cheap from midnight on: until then it waits for six hours, and sleeps after twenty minutes."""
    happened = played(Sleeps(vehicle="V1", after_minutes=20))
    (left,) = (left for left in happened.departed if left.vehicle_id == "V1")
    assert left.soc_percent == 50.0
    assert happened.record.pieces.get(Plug("CP1", 1), ()) == ()


def test_a_vehicle_that_is_patient_enough_does_not_sleep() -> None:
    happened = played(Sleeps(vehicle="V1", after_minutes=900))
    assert energy_kwh(happened, "CP1") > 20.0


def test_what_preconditioning_takes_is_drawn_and_gone_when_they_leave() -> None:
    """19.2 kWh and 2 for warming: 23.6 from the grid with a loss of a tenth; it leaves with what it needs."""
    happened = played(made=a_planned_night(precondition_kwh=2.0))
    for left in happened.departed:
        stored_kwh = 64.0 * (left.soc_percent - 50.0) / 100.0
        assert energy_kwh(happened, left.plug.charger_id) * 0.9 == pytest.approx(stored_kwh + 2.0, abs=0.001)
        assert left.soc_percent >= 80.0 - READY_TOLERANCE_PERCENT


def test_who_is_late_finds_the_bay_that_a_stranger_has_left() -> None:
    depot, night, _ = a_planned_night()
    stranger = Stranger(charger="CP1", at=time(18), minutes=60)
    scene_of(depot, night, [Late(vehicle="V1", minutes=120), stranger])
    with pytest.raises(InputError):
        scene_of(depot, night, [Late(vehicle="V1", minutes=60), stranger])
