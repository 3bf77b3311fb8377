"""What a strict charge point takes and tells; every answer is held against the schemas of OCPP 1.6."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.connection import CallRefusedError
from dispatch.simulator.machine import Machine
from dispatch.simulator.persona import Persona
from tests.builders import a_bus, a_dc_connector, a_van, an_ac_connector
from tests.dispatch.simulator.simulator_builders import (
    NOW,
    a_machine,
    a_profile,
    a_stay,
    after,
    check_schema,
    sent,
)


def ask(machine: Machine, action: str, at_s: float = 0.0, **payload: Any) -> dict[str, Any]:
    answer = machine.handle(action, payload, after(at_s))
    check_schema(f"{action}Response", answer)
    return answer


def put(machine: Machine, profile: dict[str, Any], *, connector_id: int = 1, at_s: float = 0.0) -> str:
    payload = {"connectorId": connector_id, "csChargingProfiles": profile}
    return str(ask(machine, "SetChargingProfile", at_s, **payload)["status"])


def composite(machine: Machine, at_s: float = 0.0, **request: Any) -> dict[str, Any]:
    payload = {"connectorId": 1, "duration": 3600, "chargingRateUnit": "A", **request}
    return ask(machine, "GetCompositeSchedule", at_s, **payload)


def periods(answer: dict[str, Any]) -> list[tuple[int, float]]:
    assert answer["status"] == "Accepted"
    return [(p["startPeriod"], p["limit"]) for p in answer["chargingSchedule"]["chargingSchedulePeriod"]]


def in_transaction(**kwargs: Any) -> Machine:
    machine = a_machine(a_stay(), **kwargs)
    sent(machine)
    return machine


@pytest.mark.parametrize(
    ("profile", "connector_id"),
    [
        (a_profile([(60 * n, 10.0) for n in range(25)]), 1),
        (a_profile([]), 1),
        (a_profile(level=9), 1),
        (a_profile(level=-1), 1),
        (a_profile([(60, 10.0)]), 1),
        (a_profile([(0, 10.0), (120, 9.0), (60, 8.0)]), 1),
        (a_profile([(0, -1.0)]), 1),
        (a_profile(number_phases=4), 1),
        (a_profile(duration_s=0), 1),
        (a_profile(kind="Recurring"), 1),
        (a_profile(kind="Recurring", recurrencyKind="Daily", start_s=None), 1),
        (a_profile(purpose="ChargePointMaxProfile"), 1),
        (a_profile(purpose="ChargePointMaxProfile", kind="Relative", start_s=None), 0),
        (a_profile(purpose="TxProfile"), 0),
        (a_profile(purpose="TxProfile", transactionId=99), 1),
    ],
)
def test_what_a_strict_charge_point_rejects(profile: dict[str, Any], connector_id: int) -> None:
    machine = in_transaction()
    assert put(machine, profile, connector_id=connector_id) == "Rejected"
    assert machine.smart.installed == ()


@pytest.mark.parametrize(
    ("profile", "connector_id"),
    [
        (a_profile([(60 * n, 10.0) for n in range(24)], level=8), 1),
        (a_profile(), 0),
        (a_profile(purpose="ChargePointMaxProfile"), 0),
        (a_profile(purpose="TxProfile", transactionId=1), 1),
        (a_profile(purpose="TxProfile"), 1),
        (a_profile([(0, 5.7), (60, 0.3)]), 1),
        (a_profile(unit="W"), 1),
    ],
)
def test_what_it_accepts(profile: dict[str, Any], connector_id: int) -> None:
    assert put(in_transaction(), profile, connector_id=connector_id) == "Accepted"


def test_a_transaction_profile_without_a_transaction_is_rejected() -> None:
    assert put(a_machine(), a_profile(purpose="TxProfile", transactionId=1)) == "Rejected"


def test_a_unit_that_is_not_offered_is_rejected_and_never_amperes_on_direct_current() -> None:
    assert put(a_machine(persona=Persona(units=("W",))), a_profile(unit="A")) == "Rejected"
    bus_charger = a_machine(connectors=[a_dc_connector()])
    assert put(bus_charger, a_profile(unit="A")) == "Rejected"
    assert put(bus_charger, a_profile(unit="W", number_phases=None)) == "Accepted"


def test_a_full_store_takes_replacements_only() -> None:
    machine = a_machine(persona=Persona(max_profiles=2))
    assert put(machine, a_profile(profile_id=1, level=1)) == "Accepted"
    assert put(machine, a_profile(profile_id=2, level=2)) == "Accepted"
    assert put(machine, a_profile(profile_id=3, level=3)) == "Rejected"
    assert put(machine, a_profile([(0, 7.0)], profile_id=1, level=1)) == "Accepted"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"connectorId": 7}, "PropertyConstraintViolation"),
        ({"connectorId": "1"}, "TypeConstraintViolation"),
        ({"connectorId": True}, "TypeConstraintViolation"),
        ({"surprise": 1}, "FormationViolation"),
        ({"csChargingProfiles": {}}, "OccurenceConstraintViolation"),
        ({"csChargingProfiles": []}, "TypeConstraintViolation"),
        ({"csChargingProfiles": a_profile([(0, 6.04)])}, "TypeConstraintViolation"),
        ({"csChargingProfiles": a_profile(unit="kW")}, "PropertyConstraintViolation"),
        ({"csChargingProfiles": a_profile(validFrom="2025-11-10T18:00:00")}, "TypeConstraintViolation"),
        ({"csChargingProfiles": a_profile(validFrom="soon")}, "TypeConstraintViolation"),
    ],
)
def test_what_gets_an_error(change: dict[str, Any], code: str) -> None:
    payload = {"connectorId": 1, "csChargingProfiles": a_profile(), **change}
    with pytest.raises(CallRefusedError) as refused:
        a_machine().handle("SetChargingProfile", payload, NOW)
    assert refused.value.code == code


def test_an_unknown_action_is_not_implemented() -> None:
    with pytest.raises(CallRefusedError, match="NotImplemented"):
        a_machine().handle("UpdateFirmware", {}, NOW)


def test_a_payload_that_is_no_object_is_an_error() -> None:
    with pytest.raises(CallRefusedError, match="FormationViolation"):
        a_machine().handle("Reset", [1], NOW)


def test_the_composite_schedule_is_rebased_to_now() -> None:
    machine = a_machine()
    put(machine, a_profile([(0, 16.0), (900, 10.0)], start_s=-60.0))
    answer = composite(machine)
    assert answer["scheduleStart"] == "2025-11-10T18:00:00Z"
    assert answer["chargingSchedule"]["duration"] == 3600
    assert periods(answer) == [(0, 16.0), (840, 10.0)]
    assert answer["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] == 3


def test_a_transaction_profile_shows_in_the_composite_schedule() -> None:
    machine = in_transaction()
    put(machine, a_profile([(0, 6.0)], profile_id=1))
    put(machine, a_profile([(0, 16.0)], profile_id=2, purpose="TxProfile", transactionId=1, duration_s=660))
    assert periods(composite(machine)) == [(0, 16.0), (600, 6.0)]


def test_units_are_converted_downwards_with_the_phases_meant() -> None:
    machine = a_machine()
    put(machine, a_profile([(0, 11000.0)], unit="W"))
    assert periods(composite(machine)) == [(0, 15.9)]
    put(machine, a_profile([(0, 10.0)], number_phases=1))
    assert periods(composite(machine, chargingRateUnit="W")) == [(0, 2300.0)]


def test_without_a_unit_asked_the_first_one_offered_is_told() -> None:
    machine = a_machine(persona=Persona(units=("W", "A")))
    put(machine, a_profile([(0, 10.0)]))
    answer = ask(machine, "GetCompositeSchedule", connectorId=1, duration=60)
    assert answer["chargingSchedule"]["chargingRateUnit"] == "W"
    assert periods(answer) == [(0, 6900.0)]


def test_the_stations_maximum_bounds_a_connectors_schedule() -> None:
    machine = a_machine()
    put(machine, a_profile([(0, 16.0)], profile_id=1))
    put(machine, a_profile([(0, 8.0)], profile_id=2, purpose="ChargePointMaxProfile"), connector_id=0)
    assert periods(composite(machine)) == [(0, 8.0)]


def test_connector_0_is_the_sum_under_the_stations_maximum() -> None:
    machine = a_machine(connectors=[an_ac_connector(1), an_ac_connector(2)])
    put(machine, a_profile([(0, 10.0), (660, 6.0)], profile_id=1))
    put(machine, a_profile([(0, 20.0)], profile_id=2, purpose="ChargePointMaxProfile"), connector_id=0)
    # Connector 2 has no limit of its own: its 16 A count.
    assert periods(composite(machine, connectorId=0)) == [(0, 20.0)]
    put(machine, a_profile([(0, 8.0)], profile_id=3), connector_id=2)
    assert periods(composite(machine, connectorId=0)) == [(0, 18.0), (600, 14.0)]


def test_where_no_profile_holds_the_hardware_does() -> None:
    machine = a_machine()
    put(machine, a_profile([(0, 6.0)], start_s=-60.0, duration_s=660))
    assert periods(composite(machine)) == [(0, 6.0), (600, 16.0)]


def test_a_schedule_of_too_many_periods_is_cut_and_says_so() -> None:
    machine = a_machine(persona=Persona(max_periods=2))
    put(machine, a_profile([(0, 6.0), (660, 7.0)], profile_id=1, level=2, duration_s=1260))
    answer = composite(machine)
    assert periods(answer) == [(0, 6.0), (600, 7.0)]
    assert answer["chargingSchedule"]["duration"] == 1200


@pytest.mark.parametrize("request_change", [{"connectorId": 7}, {"duration": 0}, {"chargingRateUnit": "W"}])
def test_a_schedule_that_cannot_be_told_is_rejected(request_change: dict[str, Any]) -> None:
    machine = a_machine(persona=Persona(units=("A",)))
    put(machine, a_profile())
    assert composite(machine, **request_change) == {"status": "Rejected"}


def test_nothing_installed_is_no_schedule() -> None:
    assert composite(a_machine()) == {"status": "Rejected"}


def test_a_liar_tells_full_power_and_a_mute_one_nothing() -> None:
    liar, mute = (
        a_machine(persona=Persona(composite="wrong")),
        a_machine(persona=Persona(composite="rejected")),
    )
    for machine in (liar, mute):
        assert put(machine, a_profile([(0, 6.0)])) == "Accepted"
    assert periods(composite(liar)) == [(0, 16.0)]
    assert composite(mute) == {"status": "Rejected"}


def test_one_that_refuses_takes_nothing() -> None:
    machine = a_machine(persona=Persona(refuses_profiles=True))
    assert put(machine, a_profile()) == "Rejected"
    assert composite(machine) == {"status": "Rejected"}


def test_one_that_ignores_profiles_shows_them_and_draws_what_it_likes() -> None:
    machine = in_transaction(persona=Persona(ignores_profiles=True))
    assert put(machine, a_profile([(0, 6.0)])) == "Accepted"
    assert periods(composite(machine)) == [(0, 6.0)]
    machine.advance_to(after(600.0))
    assert machine.outlets[1].drawn.current_a == pytest.approx(16.0)


def test_clearing_accepts_once() -> None:
    machine = a_machine()
    put(machine, a_profile(profile_id=5))
    assert ask(machine, "ClearChargingProfile", id=5) == {"status": "Accepted"}
    assert ask(machine, "ClearChargingProfile", id=5) == {"status": "Unknown"}


def test_two_vehicles_share_the_stations_maximum() -> None:
    machine = a_machine(a_stay(), a_stay(a_van("V2")), connectors=[an_ac_connector(1), an_ac_connector(2)])
    ceiling = a_profile([(0, 20.0)], purpose="ChargePointMaxProfile")
    put(machine, ceiling, connector_id=0)
    assert [outlet.drawn.current_a for outlet in machine.outlets.values()] == pytest.approx([10.0, 10.0])


def test_a_bus_is_limited_at_the_chargers_output() -> None:
    machine = a_machine(a_stay(a_bus()), connectors=[a_dc_connector()])
    put(machine, a_profile([(0, 50000.0)], unit="W", number_phases=None))
    assert machine.outlets[1].drawn.power_kw == pytest.approx(50.0)
    assert periods(composite(machine, chargingRateUnit="W")) == [(0, 50000.0)]
