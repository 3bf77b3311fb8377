"""A station that speaks OCPP 2.0.1, on the same port as charge points that speak 1.6."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from dispatch.events import FreedFromOutside, LimitedFromOutside, NeedsTold, SecurityNoticed
from dispatch.station import Outcome, ProfileFilter, Purpose, UnsendableError
from tests.dispatch.gateway.station201_builders import (
    AT,
    EVSE,
    REGISTER,
    a_conversation,
    a_mixed_depot,
    a_station,
    an_event,
)
from tests.dispatch.gateway_builders import (
    a_charge_point,
    a_gateway,
    a_journal,
    a_profile,
)
from tests.dispatch.ocpp201.wire201_builders import a_tx_profile, a_validator


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("ocpp2.0.1",), "ocpp2.0.1"),
        (("ocpp1.6", "ocpp2.0.1"), "ocpp2.0.1"),
        (("ocpp2.1", "ocpp2.0.1", "ocpp1.6"), "ocpp2.0.1"),
        (("ocpp1.6",), "ocpp1.6"),
    ],
)
async def test_v68_the_protocol_of_the_depot_is_chosen_if_it_is_offered(
    tmp_path: Path, offered: tuple[str, ...], chosen: str
) -> None:
    async with (
        a_gateway(tmp_path, a_mixed_depot()) as gateway,
        a_charge_point(gateway, subprotocols=offered) as station,
    ):
        assert station.socket.subprotocol == chosen


async def test_a_station_without_a_protocol_in_common_is_closed(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, a_mixed_depot()) as gateway,
        a_charge_point(gateway, subprotocols=("ocpp2.1",)) as station,
    ):
        with pytest.raises(ConnectionClosed):
            await station.socket.recv()


async def test_both_versions_are_served_on_one_port(tmp_path: Path) -> None:
    depot = a_mixed_depot()
    other = depot.chargers[1].id
    async with (
        a_gateway(tmp_path, depot) as gateway,
        a_station(gateway) as station,
        a_charge_point(gateway, other) as charge_point,
        asyncio.TaskGroup() as tasks,
    ):
        await charge_point.boot()
        sent = [
            tasks.create_task(gateway.stations.set_profile("CP1", a_profile())),
            tasks.create_task(gateway.stations.set_profile(other, a_profile())),
        ]
        new = await station.answer("SetChargingProfile", {"status": "Accepted"})
        old = await charge_point.answer("SetChargingProfile", {"status": "Accepted"})
        assert (new["evseId"], old["connectorId"]) == (1, 1)
        assert [(await task).outcome for task in sent] == [Outcome.ACCEPTED] * 2


async def test_a_station_is_asked_what_it_can_hold_and_the_answer_has_neutral_names(tmp_path: Path) -> None:
    rate = {
        "attributeStatus": "Accepted",
        "attributeValue": "W",
        "component": {"name": "SmartChargingCtrlr"},
        "variable": {"name": "RateUnit"},
    }
    async with (
        a_gateway(tmp_path, a_mixed_depot()) as gateway,
        a_station(gateway, variables=[rate]) as station,
    ):
        while not (await gateway.stations.live()).charger("CP1").configuration:
            await station.call("Heartbeat", {})
        state = (await gateway.stations.live()).charger("CP1")
        assert state.configuration == {"ChargingScheduleAllowedChargingRateUnit": "W"}
        assert (state.vendor, state.model, state.firmware) == ("ACME", "Two", "2.0")


async def test_notifications_become_neutral_events(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    limit = {"chargingLimit": {"chargingLimitSource": "SO", "isGridCritical": True}, "evseId": 1}
    needs = {
        "evseId": 1,
        "chargingNeeds": {
            "requestedEnergyTransfer": "AC_three_phase",
            "departureTime": "2025-11-11T06:00:00Z",
            "acChargingParameters": {
                "energyAmount": 40000,
                "evMinCurrent": 6,
                "evMaxCurrent": 16,
                "evMaxVoltage": 400,
            },
        },
    }
    said: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("NotifyChargingLimit", limit, {}),
        ("ClearedChargingLimit", {"chargingLimitSource": "SO"}, {}),
        ("NotifyEVChargingNeeds", needs, {"status": "Rejected"}),
        ("SecurityEventNotification", {"type": "FirmwareUpdated", "timestamp": AT}, {}),
        ("FirmwareStatusNotification", {"status": "Idle"}, {}),
        ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
        ("SignCertificate", {"csr": "x"}, {"status": "Rejected"}),
        ("MeterValues", {"evseId": 1, "meterValue": [REGISTER]}, {}),
    ]
    async with (
        a_gateway(tmp_path, a_mixed_depot(), journal=journal) as gateway,
        a_station(gateway) as station,
    ):
        for action, payload, answer in said:
            a_validator(f"{action}Request").validate(payload)
            a_validator(f"{action}Response").validate(answer)
            assert await station.call(action, payload) == answer
    events = [
        event for event in journal.events() if event.kind not in {"connected", "disconnected", "booted"}
    ]
    journal.close()
    limited, freed, told, noticed, _ = events
    assert isinstance(limited, LimitedFromOutside)
    assert (limited.connector_id, limited.source, limited.is_grid_critical) == (1, "SO", True)
    assert isinstance(freed, FreedFromOutside)
    assert isinstance(told, NeedsTold)
    assert (told.energy_kwh, told.max_current_a, told.min_current_a) == (40.0, 16.0, 6.0)
    assert isinstance(noticed, SecurityNoticed)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("Get15118EVCertificate", "NotSupported"),
        ("StartTransaction", "NotImplemented"),
        ("", "NotImplemented"),
    ],
)
async def test_what_is_not_served_is_an_error_and_not_fatal(tmp_path: Path, action: str, code: str) -> None:
    async with a_conversation(tmp_path) as (_, station):
        assert (await station.call(action, {}))[2] == code
        assert "currentTime" in await station.call("Heartbeat", {})


async def test_a_call_whose_id_cannot_be_read_is_answered_with_minus_one(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (_, station):
        await station.send([2, 5, "Heartbeat", {}])
        answer = await station.receive(lambda message: message[0] == 4)
        assert answer[1:3] == ["-1", "RpcFrameworkError"]


async def test_v54_v55_a_station_that_was_never_accepted_may_only_boot(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, a_mixed_depot()) as gateway,
        a_station(gateway, is_booted=False) as station,
    ):
        for action, payload in (
            ("MeterValues", {"evseId": 1, "meterValue": [REGISTER]}),
            ("TransactionEvent", an_event("Started", evse=EVSE)),
        ):
            await station.send([2, action, action, payload])
            assert (await station.receive(lambda message: message[0] != 2))[:3] == [
                4,
                action,
                "SecurityError",
            ]
        reply = await gateway.stations.set_profile("CP1", a_profile())
        assert (reply.outcome, reply.message_id) == (Outcome.NO_ANSWER, None)
        assert "B03.FR.03" in reply.reason
        assert {m[2] for m in station.sent_by_gateway if m[0] == 2} <= {"TriggerMessage"}
        await station.boot_201()
        assert "currentTime" in await station.call("Heartbeat", {})


async def test_a_station_that_refuses_to_boot_was_accepted_before(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, a_mixed_depot()) as gateway,
        a_station(gateway, is_booted=False) as station,
    ):
        await station.send([2, "1", "Heartbeat", {}])
        await station.receive(lambda message: message[0] == 4)
        await station.answer("TriggerMessage", {"status": "Rejected"})
        while isinstance(answer := await station.call("Heartbeat", {}), list):
            assert answer[2] == "SecurityError"
        assert "currentTime" in answer


async def test_every_verb_reaches_the_station_and_comes_back(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (gateway, station), asyncio.TaskGroup() as tasks:
        stations = gateway.stations
        wanted = ProfileFilter(purpose=Purpose.TX_DEFAULT)
        accepted = {"status": "Accepted"}
        variable = {"setVariableResult": [{"attributeStatus": "RebootRequired"}]}
        for verb, action, answer, outcome in (
            (stations.set_profile("CP1", a_profile()), "SetChargingProfile", accepted, "accepted"),
            (stations.clear_profile("CP1", 7), "ClearChargingProfile", {"status": "Unknown"}, "accepted"),
            (stations.clear_profiles("CP1", wanted), "ClearChargingProfile", accepted, "accepted"),
            (stations.configure("CP1", "HeartbeatInterval", "60"), "SetVariables", variable, "accepted"),
            (stations.reset("CP1"), "Reset", {"status": "Scheduled"}, "accepted"),
            (
                stations.trigger_meter_values("CP1", connector_id=1),
                "TriggerMessage",
                {"status": "Rejected"},
                "refused",
            ),
            (
                stations.start_transaction("CP1", connector_id=1, id_tag="TAG"),
                "RequestStartTransaction",
                accepted,
                "accepted",
            ),
        ):
            task = tasks.create_task(verb)
            payload = await station.answer(action, answer)
            a_validator(f"{action}Request").validate(payload)
            assert (await task).outcome == outcome


async def test_a_composite_schedule_is_asked_for_and_read(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (gateway, station), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(
            gateway.stations.composite_schedule("CP1", connector_id=1, duration_s=300, unit="A")
        )
        schedule = {
            "evseId": 1,
            "duration": 300,
            "scheduleStart": AT,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
        }
        await station.answer("GetCompositeSchedule", {"status": "Accepted", "schedule": schedule})
        found = (await asked).schedule
        assert found is not None
        assert found.periods[0].limit == 6.0


async def test_v16_what_the_station_holds_is_not_sent_again_under_another_id(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (gateway, station), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(gateway.stations.set_profile("CP1", a_profile()))
        await station.answer("SetChargingProfile", {"status": "Accepted"})
        assert (await first).outcome is Outcome.ACCEPTED
        again = a_profile().model_copy(update={"profile_id": 8})
        refused = await gateway.stations.set_profile("CP1", again)
        assert (refused.outcome, refused.message_id) == (Outcome.REFUSED, None)
        assert "K01.FR.06" in refused.reason
        cleared = tasks.create_task(gateway.stations.clear_profile("CP1", 7))
        await station.answer("ClearChargingProfile", {"status": "Accepted"})
        await cleared
        second = tasks.create_task(gateway.stations.set_profile("CP1", again))
        await station.answer("SetChargingProfile", {"status": "Accepted"})
        assert (await second).outcome is Outcome.ACCEPTED


async def test_v18_v38_a_profile_of_a_session_is_gone_with_it(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (gateway, station), asyncio.TaskGroup() as tasks:
        await station.call("TransactionEvent", an_event("Started", evse=EVSE))
        first = tasks.create_task(gateway.stations.set_profile("CP1", a_tx_profile()))
        await station.answer("SetChargingProfile", {"status": "Accepted"})
        await first
        other = a_tx_profile(profile_id=8)
        assert "K01.FR.39" in (await gateway.stations.set_profile("CP1", other)).reason
        await station.call("TransactionEvent", an_event("Ended", seq=1))
        second = tasks.create_task(gateway.stations.set_profile("CP1", other))
        refusal = {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
        await station.answer("SetChargingProfile", refusal)
        assert (await second).reason == "Rejected: TxNotFound"


async def test_what_must_not_be_sent_never_reaches_the_station(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (gateway, _):
        with pytest.raises(UnsendableError, match=r"K01\.FR\.03"):
            await gateway.stations.set_profile("CP1", a_tx_profile(transaction_id=None))


async def test_a_station_that_boots_in_the_words_of_another_version_is_served_all_the_same(
    tmp_path: Path,
) -> None:
    async with (
        a_gateway(tmp_path, a_mixed_depot()) as gateway,
        a_station(gateway, is_booted=False) as station,
    ):
        boot = {"chargePointVendor": "ACME", "chargePointModel": "One", "firmwareVersion": "1.0"}
        assert (await station.call("BootNotification", boot))["status"] == "Accepted"
        asked = asyncio.create_task(gateway.stations.set_profile("CP1", a_profile()))
        await station.answer("SetChargingProfile", {"status": "Accepted"})
        assert (await asked).outcome is Outcome.ACCEPTED
        state = (await gateway.stations.live()).charger("CP1")
    assert (state.vendor, state.model) == ("", "")


async def test_a_heartbeat_is_no_text(tmp_path: Path) -> None:
    async with a_conversation(tmp_path) as (_, station):
        answer = await station.call("Heartbeat", "text")
        assert (answer[0], answer[2]) == (4, "FormatViolation")
        assert "currentTime" in await station.call("Heartbeat", {})
