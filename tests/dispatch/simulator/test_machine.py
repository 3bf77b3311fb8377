"""A night on a charge point, by hand: who comes and goes, what is told, what the meter shows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.simulator.machine import Machine
from dispatch.simulator.outlet import Stay
from tests.builders import a_bus, a_van, an_ac_connector
from tests.dispatch.simulator.simulator_builders import (
    NOW,
    a_machine,
    a_profile,
    a_stay,
    after,
    check_schema,
    sent,
    stamp,
)
from tests.dispatch.simulator.test_vehicle import DC_AT_OUTPUT


def put(machine: Machine, profile: dict[str, Any], *, connector_id: int = 1, at_s: float = 0.0) -> None:
    payload = {"connectorId": connector_id, "csChargingProfiles": profile}
    assert machine.handle("SetChargingProfile", payload, after(at_s)) == {"status": "Accepted"}


def measured(machine: Machine, at_s: float) -> dict[str, float]:
    """The values of a meter reading, currents by phase."""
    machine.advance_to(after(at_s))
    machine.sample_meters(after(at_s))
    (_, payload) = sent(machine, actions=["MeterValues"])[-1]
    values = payload["meterValue"][0]["sampledValue"]
    return {f"{v['measurand']}{v.get('phase', '')}": float(v["value"]) for v in values}


def a_sleeper() -> Stay:
    return replace(a_stay(), sleeps_after_s=1200.0)


def statuses(machine: Machine) -> list[str]:
    said = sent(machine, actions=["StatusNotification"])
    return [payload["status"] for _, payload in said if payload["connectorId"] == 1]


def test_who_came_before_is_plugged_in_as_full_as_they_came() -> None:
    machine = a_machine(a_stay(arrival_s=-7200.0, soc_percent=8.0))
    said = sent(machine)
    assert [action for action, _ in said] == [
        "StatusNotification",
        "StatusNotification",
        "StatusNotification",
        "Authorize",
        "StartTransaction",
        "StatusNotification",
    ]
    start = dict(said)["StartTransaction"]
    assert start == {"connectorId": 1, "idTag": "TAG-V1", "meterStart": 0, "timestamp": stamp(0)}
    assert machine.outlets[1].plugged is not None
    assert machine.outlets[1].plugged.soc_percent == pytest.approx(8.0)


def test_the_states_of_a_connector_in_their_order() -> None:
    machine = a_machine(a_stay(arrival_s=60.0, departure_s=7200.0))
    assert statuses(machine) == ["Available"]
    machine.advance_to(after(60.0))
    assert statuses(machine) == ["Preparing", "Charging"]
    put(machine, a_profile([(0, 0.0)]), at_s=120.0)
    assert statuses(machine) == ["SuspendedEVSE"]
    machine.advance_to(after(7200.0))
    assert statuses(machine) == ["Finishing", "Available"]


def test_a_full_vehicle_suspends_itself() -> None:
    machine = a_machine(a_stay(soc_percent=100.0))
    assert statuses(machine)[-1] == "SuspendedEV"


def test_who_left_before_now_is_not_there() -> None:
    machine = a_machine(a_stay(arrival_s=-7200.0, departure_s=-3600.0))
    assert statuses(machine) == ["Available"]


def test_a_jump_of_the_clock_passes_through_everything_in_between() -> None:
    machine = a_machine(a_stay(arrival_s=600.0, departure_s=4200.0, soc_percent=50.0))
    put(machine, a_profile([(0, 10.0), (1860, 0.0), (2460, 6.0)], start_s=-60.0))
    machine.advance_to(after(DAY_S))
    said = dict(sent(machine, actions=["StartTransaction", "StopTransaction"]))
    assert said["StartTransaction"]["timestamp"] == stamp(600.0)
    # 20 min at 10 A, 10 min at 0 A, 30 min at 6 A on three phases: 2.3 + 2.07 kWh
    assert said["StopTransaction"]["meterStop"] == pytest.approx(4370, abs=1)
    assert said["StopTransaction"] == {
        "transactionId": 1,
        "idTag": "TAG-V1",
        "meterStop": said["StopTransaction"]["meterStop"],
        "timestamp": stamp(4200.0),
        "reason": "EVDisconnected",
    }


DAY_S = 24 * 3600.0


def test_the_meter_shows_power_current_energy_and_soc() -> None:
    machine = a_machine(a_stay())
    put(machine, a_profile([(0, 10.0)]))
    assert measured(machine, 3600.0) == pytest.approx(
        {
            "Power.Active.Import": 6900.0,
            "Current.ImportL1": 10.0,
            "Current.ImportL2": 10.0,
            "Current.ImportL3": 10.0,
            "Energy.Active.Import.Register": 6900.0,
            "SoC": 59.7,
        },
        abs=0.5,
    )


def test_a_one_phase_van_shows_on_one_phase() -> None:
    machine = a_machine(a_stay(a_van(ac_phases=1)))
    values = measured(machine, 60.0)
    assert [values[f"Current.ImportL{phase}"] for phase in (1, 2, 3)] == [16.0, 0.0, 0.0]


def test_a_direct_current_meter_is_where_its_limit_holds() -> None:
    machine = a_machine(a_stay(a_bus(), soc_percent=10.0), connectors=[DC_AT_OUTPUT])
    put(machine, a_profile([(0, 50000.0)], unit="W", number_phases=None))
    values = measured(machine, 3600.0)
    assert values["Power.Active.Import"] == 50000.0
    assert values["Energy.Active.Import.Register"] == pytest.approx(50000.0, abs=1.0)
    # 50 kW at the output are 52.63 kW from the grid, of which 0.9 arrive: 47.37 kWh of 300
    assert values["SoC"] == pytest.approx(25.8, abs=0.1)


def test_without_a_limit_a_vehicle_draws_all_it_can() -> None:
    assert measured(a_machine(a_stay()), 60.0)["Current.ImportL1"] == 16.0


def test_the_register_goes_on_from_one_vehicle_to_the_next() -> None:
    machine = a_machine(connectors=[an_ac_connector()], started=False)
    first, second = a_stay(departure_s=3600.0), a_stay(a_van("V2"), arrival_s=3600.0, departure_s=7200.0)
    machine.outlets[1].stays.extend([first, second])
    machine.start(NOW)
    machine.advance_to(after(DAY_S))
    said = sent(machine, actions=["StartTransaction", "StopTransaction"])
    meters = [payload.get("meterStart", payload.get("meterStop")) for _, payload in said]
    assert meters == [0, 11040, 11040, 22080]


def test_the_end_of_a_transaction_takes_its_profile() -> None:
    machine = a_machine(a_stay(departure_s=600.0))
    sent(machine)
    put(machine, a_profile(profile_id=1))
    put(machine, a_profile(profile_id=2, purpose="TxProfile", transactionId=1))
    machine.advance_to(after(600.0))
    assert [entry.profile_id for entry in machine.smart.installed] == [1]


def test_an_unknown_tag_gets_no_power() -> None:
    machine = a_machine(a_stay())
    refusal = {"idTagInfo": {"status": "Invalid"}}
    while machine.outbox:
        outgoing = machine.outbox.popleft()
        if machine.payload(outgoing) is None:
            continue
        assert outgoing.action != "StopTransaction"
        machine.answered(outgoing, refusal if outgoing.action == "Authorize" else {}, NOW)
    machine.advance_to(after(3600.0))
    assert machine.outlets[1].register_kwh == 0.0
    assert machine.outlets[1].state == "Finishing"


def ask(machine: Machine, action: str, **payload: Any) -> dict[str, Any]:
    answer = machine.handle(action, payload, NOW)
    check_schema(f"{action}Response", answer)
    return answer


def test_configuration_tells_what_is_known_and_names_what_is_not() -> None:
    answer = ask(a_machine(), "GetConfiguration", key=["ChargingScheduleMaxPeriods", "Nonsense"])
    assert answer["configurationKey"] == [
        {"key": "ChargingScheduleMaxPeriods", "readonly": True, "value": "24"}
    ]
    assert answer["unknownKey"] == ["Nonsense"]
    everything = {e["key"]: e["value"] for e in ask(a_machine(), "GetConfiguration")["configurationKey"]}
    assert everything["ChargingScheduleAllowedChargingRateUnit"] == "Current,Power"
    assert "SmartCharging" in everything["SupportedFeatureProfiles"].split(",")
    assert everything["MeterValueSampleInterval"] == "60"


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "15", "Accepted"),
        ("HeartbeatInterval", "0", "Accepted"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("ChargingScheduleMaxPeriods", "99", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
def test_what_can_be_changed(key: str, value: str, status: str) -> None:
    machine = a_machine()
    assert ask(machine, "ChangeConfiguration", key=key, value=value) == {"status": status}
    if status == "Accepted":
        (entry,) = ask(machine, "GetConfiguration", key=[key])["configurationKey"]
        assert entry["value"] == value


def test_a_remote_stop_ends_and_a_remote_start_begins_again() -> None:
    machine = a_machine(a_stay())
    sent(machine)
    assert ask(machine, "RemoteStopTransaction", transactionId=9) == {"status": "Rejected"}
    assert ask(machine, "RemoteStopTransaction", transactionId=1) == {"status": "Accepted"}
    assert machine.outlets[1].state == "Finishing"
    assert sent(machine, actions=["StopTransaction"])[0][1]["reason"] == "Remote"
    assert ask(machine, "RemoteStartTransaction", idTag="OTHER", connectorId=2) == {"status": "Rejected"}
    assert ask(machine, "RemoteStartTransaction", idTag="OTHER") == {"status": "Accepted"}
    assert sent(machine, actions=["StartTransaction"])[0][1]["idTag"] == "OTHER"
    assert ask(machine, "RemoteStartTransaction", idTag="OTHER") == {"status": "Rejected"}


@pytest.mark.parametrize("wanted", ["MeterValues", "StatusNotification", "BootNotification", "Heartbeat"])
def test_a_triggered_message_is_sent(wanted: str) -> None:
    machine = a_machine(a_stay())
    sent(machine)
    assert ask(machine, "TriggerMessage", requestedMessage=wanted) == {"status": "Accepted"}
    assert [action for action, _ in sent(machine)] == [wanted]


def test_a_meter_can_be_asked_for_without_a_vehicle() -> None:
    machine = a_machine()
    sent(machine)
    ask(machine, "TriggerMessage", requestedMessage="MeterValues", connectorId=1)
    ((_, payload),) = sent(machine)
    assert "transactionId" not in payload
    assert payload["meterValue"][0]["sampledValue"][0]["value"] == "0.0"
    answer = ask(machine, "TriggerMessage", requestedMessage="FirmwareStatusNotification")
    assert answer == {"status": "NotImplemented"}


STAYS = st.builds(
    lambda arrival_s, length_s, soc: a_stay(
        arrival_s=arrival_s, departure_s=arrival_s + length_s, soc_percent=soc
    ),
    st.floats(-3600.0, 20_000.0),
    st.floats(60.0, 20_000.0),
    st.floats(0.0, 100.0),
)


@given(
    stay=STAYS,
    limits=st.dictionaries(st.integers(1, 20_000), st.integers(0, 160), max_size=5),
    ticks=st.lists(st.floats(1.0, 9000.0), min_size=1, max_size=12),
)
def test_no_meter_is_ever_above_the_limit_in_force(
    stay: Stay, limits: dict[int, int], ticks: list[float]
) -> None:
    machine = a_machine(stay)
    steps = [(0, 16.0), *((start, tenths / 10) for start, tenths in sorted(limits.items()))]
    put(machine, a_profile(steps, start_s=0.0))

    def limit_a(seconds: float) -> float:
        return next(limit for start, limit in reversed(steps) if start <= seconds)

    outlet, begin_s, before_kwh = machine.outlets[1], 0.0, 0.0
    for tick in ticks:
        end_s = begin_s + tick
        machine.advance_to(after(end_s))
        assert outlet.drawn.current_a <= limit_a((after(end_s) - NOW).total_seconds()) + 1e-9
        edges = [begin_s, *(start for start, _ in steps if begin_s < start < end_s), end_s]
        allowed_kwh = sum(limit_a(one) * 0.69 * (two - one) / 3600.0 for one, two in pairwise(edges))
        assert outlet.register_kwh - before_kwh <= allowed_kwh + 1e-6
        begin_s, before_kwh = end_s, outlet.register_kwh


def test_a_vehicle_that_sleeps_is_told_to_want_nothing_and_wakes_when_it_is_started_again() -> None:
    machine = a_machine(a_sleeper())
    put(machine, a_profile([(0, 0.0), (3000, 10.0)]))
    machine.advance_to(after(3100.0))
    assert measured(machine, 3200.0)["Power.Active.Import"] == 0.0
    assert machine.outlets[1].state == "SuspendedEV"
    machine.handle("RemoteStopTransaction", {"transactionId": 1}, after(3300.0))
    machine.handle("RemoteStartTransaction", {"idTag": "TAG-V1"}, after(3400.0))
    assert measured(machine, 3500.0)["Power.Active.Import"] == pytest.approx(6900.0)


def test_a_vehicle_is_preconditioned_from_its_instant_until_it_leaves() -> None:
    """4 kW for half an hour, into a battery that gets 6.21 kW from 10 A; an hour of charging before that."""
    stay = replace(
        a_stay(departure_s=5400.0),
        precondition_kwh=2.0,
        preconditioned_from=after(3600.0),
        arrival=after(0.0),
    )
    machine = a_machine(stay)
    left: list[float] = []
    machine.on_leave = lambda _, vehicle: left.append(vehicle.stored_kwh)
    put(machine, a_profile([(0, 10.0)]))
    machine.advance_to(after(6000.0))
    assert left == [pytest.approx(32.0 + 1.5 * 6.21 - 2.0)]


def test_a_vehicle_without_a_transaction_is_preconditioned_from_its_battery() -> None:
    stay = replace(
        a_stay(departure_s=5400.0),
        precondition_kwh=2.0,
        preconditioned_from=after(3600.0),
        arrival=after(0.0),
    )
    machine = a_machine(stay)
    sent(machine)
    left: list[float] = []
    machine.on_leave = lambda _, vehicle: left.append(vehicle.stored_kwh)
    machine.handle("RemoteStopTransaction", {"transactionId": 1}, after(0.0))
    machine.advance_to(after(6000.0))
    assert left == [pytest.approx(30.0)]
