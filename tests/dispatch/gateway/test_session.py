from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dispatch.events import (
    Metered,
    TransactionEnded,
    TransactionStarted,
)
from optimiser.depot import Policy
from tests.builders import a_depot
from tests.dispatch.gateway_builders import (
    NOW,
    a_charge_point,
    a_gateway,
    a_journal,
    a_listening_depot,
    meter_values,
)


async def test_a_boot_is_accepted_with_the_gateways_time(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, clock=lambda: NOW) as gateway, a_charge_point(gateway) as charge_point:
        assert await charge_point.boot() == {
            "currentTime": "2025-11-10T19:30:00Z",
            "interval": 300,
            "status": "Accepted",
        }
        assert await charge_point.call("Heartbeat", {}) == {"currentTime": "2025-11-10T19:30:00Z"}
        charger = (await gateway.stations.live()).charger("CP1")
        assert (charger.vendor, charger.model, charger.firmware) == ("ACME", "One", "1.0")
        assert (charger.connected_since, charger.booted_at) == (NOW, NOW)


async def test_after_a_boot_the_smart_charging_keys_are_read_once(tmp_path: Path) -> None:
    configuration = (
        {"key": "chargeprofilemaxstacklevel", "readonly": True, "value": "8"},
        {"key": "ChargingScheduleMaxPeriods", "readonly": True},
        {"key": "Unasked", "readonly": True, "value": "x"},
        "junk",
    )
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway, configuration=configuration) as charge_point,  # type: ignore[arg-type]
    ):
        await charge_point.boot()
        await charge_point.boot()
        assert charge_point.sent_by_gateway[0][0] == 3, "a boot is answered before anything is asked"
        await charge_point.call("Heartbeat", {})
        asked = [message for message in charge_point.sent_by_gateway if message[0] == 2]
        assert len(asked) == 1
        assert "ChargingScheduleAllowedChargingRateUnit" in asked[0][3]["key"]
        await charge_point.call("Heartbeat", {})
        assert (await gateway.stations.live()).charger("CP1").configuration == {
            "ChargeProfileMaxStackLevel": "8",
            "Unasked": "x",
        }


async def test_a_charger_that_cannot_tell_its_configuration_is_served_all_the_same(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        await charge_point.send([2, "1", "Heartbeat", {}])
        question = None
        while question is None:
            message = json.loads(await charge_point.socket.recv())
            question = message if message[0] == 2 else None
        await charge_point.send([4, question[1], "NotImplemented", "", {}])
        assert "currentTime" in await charge_point.call("Heartbeat", {})
        assert (await gateway.stations.live()).charger("CP1").configuration == {}


@pytest.mark.parametrize(
    ("policy", "id_tag", "status"),
    [
        ("floor", "TAG-V1", "Accepted"),
        ("floor", "stranger", "Accepted"),
        ("hold", "tag-v1", "Accepted"),
        ("hold", "stranger", "Invalid"),
    ],
)
async def test_strangers_are_authorised_as_the_policy_says(
    tmp_path: Path, policy: Any, id_tag: str, status: str
) -> None:
    depot = a_listening_depot(a_depot(policy=Policy(unknown_vehicle=policy)))
    async with a_gateway(tmp_path, depot) as gateway, a_charge_point(gateway) as charge_point:
        assert await charge_point.call("Authorize", {"idTag": id_tag}) == {"idTagInfo": {"status": status}}
        started = await charge_point.start(id_tag=id_tag)
        assert started["idTagInfo"] == {"status": status}
        assert started["transactionId"] > 0


async def test_a_start_that_comes_again_is_the_same_transaction(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    async with a_gateway(tmp_path, journal=journal) as gateway:
        async with a_charge_point(gateway) as charge_point:
            first = await charge_point.start()
            assert await charge_point.start() == first
        async with a_charge_point(gateway) as charge_point:
            assert await charge_point.start() == first
            other = await charge_point.start(timestamp="2025-11-10T19:10:00Z")
            assert other["transactionId"] != first["transactionId"]
    assert len(journal.events(kinds=("transaction_started",))) == 2
    journal.close()


async def test_transaction_ids_are_unique_over_restarts_and_open_ones_are_taken_up_again(
    tmp_path: Path,
) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        first = (await charge_point.start())["transactionId"]
    async with a_gateway(tmp_path) as gateway:
        state = (await gateway.stations.live()).charger("CP1").connector(1)
        assert state.transaction is not None
        assert (state.transaction.transaction_id, state.transaction.id_tag) == (first, "TAG-V1")
        async with a_charge_point(gateway, "CP2") as charge_point:
            assert (await charge_point.start())["transactionId"] > first > 0


async def test_a_session_from_start_to_stop(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    async with a_gateway(tmp_path, journal=journal) as gateway, a_charge_point(gateway) as charge_point:
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
        assert await charge_point.call("StatusNotification", status) == {}
        transaction_id = (await charge_point.start())["transactionId"]
        assert await charge_point.call("MeterValues", meter_values(transactionId=transaction_id)) == {}
        connector = (await gateway.stations.live()).charger("CP1").connector(1)
        assert connector.status == "Charging"
        assert connector.transaction is not None
        assert connector.meter is not None
        assert connector.meter.power_kw == 11.04
        stop = {
            "transactionId": transaction_id,
            "timestamp": "2025-11-10T20:00:00Z",
            "meterStop": 20000,
            "reason": "EVDisconnected",
            "transactionData": [
                {"timestamp": "2025-11-10T19:59:00Z", "sampledValue": [{"value": "19000"}]},
            ],
        }
        assert await charge_point.call("StopTransaction", stop) == {}
        assert await charge_point.call("StopTransaction", stop) == {}
        connector = (await gateway.stations.live()).charger("CP1").connector(1)
        assert connector.transaction is None
        assert connector.meter is not None
        assert connector.meter.energy_kwh == 19.0
    started, *metered, ended = journal.events(kinds=("transaction_started", "metered", "transaction_ended"))
    assert isinstance(started, TransactionStarted)
    assert [type(event) for event in metered] == [Metered, Metered]
    assert isinstance(ended, TransactionEnded)
    assert (ended.connector_id, ended.meter_stop_kwh, ended.reason) == (1, 20.0, "EVDisconnected")
    assert journal.open_transactions() == []
    journal.close()


async def test_a_stop_of_transaction_0_ends_the_only_one_there_is(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        await charge_point.start()
        stop = {"transactionId": 0, "timestamp": "2025-11-10T20:00:00Z", "meterStop": 20000}
        assert await charge_point.call("StopTransaction", stop) == {}
        assert (await gateway.stations.live()).charger("CP1").connector(1).transaction is None


async def test_a_transaction_that_was_lost_in_a_reboot_is_told_by_the_status(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        lost = (await charge_point.start())["transactionId"]
        await charge_point.call(
            "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        )
        assert (await gateway.stations.live()).charger("CP1").connector(1).transaction is None
        # Samples of it that are sent later do not bring it back.
        await charge_point.call("MeterValues", meter_values(transactionId=lost))
        assert (await gateway.stations.live()).charger("CP1").connector(1).transaction is None


async def test_a_transaction_that_seemed_lost_and_is_metered_later_goes_on(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        started = (await charge_point.start())["transactionId"]
        free = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        await charge_point.call("StatusNotification", free | {"timestamp": "2025-11-10T19:10:00Z"})
        for at, is_there in (("2025-11-10T19:09:59Z", False), ("2025-11-10T19:10:10Z", True)):
            await charge_point.call("MeterValues", meter_values(at=at, transactionId=started))
            transaction = (await gateway.stations.live()).charger("CP1").connector(1).transaction
            assert (transaction is not None) == is_there
        assert transaction is not None
        assert (transaction.transaction_id, transaction.id_tag) == (started, "TAG-V1")


async def test_a_transaction_that_goes_on_from_before_is_told_by_its_readings(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        await charge_point.call("MeterValues", meter_values(transactionId=4711))
        transaction = (await gateway.stations.live()).charger("CP1").connector(1).transaction
        assert transaction is not None
        assert (transaction.transaction_id, transaction.id_tag) == (4711, None)


async def test_readings_from_an_offline_queue_do_not_hide_newer_ones(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, clock=lambda: NOW) as gateway,
        a_charge_point(gateway) as charge_point,
    ):
        await charge_point.call("MeterValues", meter_values(power_w="3000", at="2025-11-10T19:29:00Z"))
        await charge_point.call("MeterValues", meter_values(power_w="9000", at="2025-11-10T19:20:00Z"))
        meter = (await gateway.stations.live()).charger("CP1").connector(1).meter
        assert meter is not None
        assert meter.power_kw == 3.0


async def test_a_reading_from_the_future_does_not_hide_later_ones(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, clock=lambda: NOW) as gateway,
        a_charge_point(gateway) as charge_point,
    ):
        await charge_point.call("MeterValues", meter_values(power_w="3000", at="2045-01-01T00:00:00Z"))
        await charge_point.call("MeterValues", meter_values(power_w="9000", at="2025-11-10T19:30:00Z"))
        meter = (await gateway.stations.live()).charger("CP1").connector(1).meter
        assert meter is not None
        assert meter.power_kw == 9.0


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("DataTransfer", {"vendorId": "ACME", "data": "x"}, {"status": "UnknownVendorId"}),
        ("FirmwareStatusNotification", {"status": "Installed"}, {}),
        ("DiagnosticsStatusNotification", {"status": "Idle"}, {}),
        ("Heartbeat", {"vendorExtra": [1, 2]}, None),
    ],
)
async def test_other_calls_are_answered(tmp_path: Path, action: str, payload: Any, answer: Any) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        given = await charge_point.call(action, payload)
        assert given == answer if answer is not None else "currentTime" in given


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("BootNotification", [], "FormationViolation"),
        ("BootNotification", None, "FormationViolation"),
        ("BootNotification", {"chargePointVendor": 5, "chargePointModel": "x"}, "TypeConstraintViolation"),
        (
            "StatusNotification",
            {"connectorId": "1", "errorCode": "NoError", "status": "Available"},
            "TypeConstraintViolation",
        ),
        (
            "StatusNotification",
            {"connectorId": -1, "errorCode": "NoError", "status": "Available"},
            "PropertyConstraintViolation",
        ),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "x", "meterStart": 0},
            "OccurenceConstraintViolation",
        ),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": "now"},
            "PropertyConstraintViolation",
        ),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "x", "meterStart": 10**400, "timestamp": "2025-11-10T19:00:00Z"},
            "TypeConstraintViolation",
        ),
        ("MeterValues", {"connectorId": 1}, "OccurenceConstraintViolation"),
        ("MeterValues", {"connectorId": 1, "meterValue": ["x"]}, "TypeConstraintViolation"),
        ("Authorize", {}, "OccurenceConstraintViolation"),
        ("Heartbeat", "text", "FormationViolation"),
        ("RemoteStartTransaction", {"idTag": "x"}, "NotImplemented"),
        ("MadeUp", {}, "NotImplemented"),
    ],
)
async def test_a_payload_that_cannot_be_read_gets_the_code_for_it_and_is_not_fatal(
    tmp_path: Path, action: str, payload: Any, code: str
) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        error = await charge_point.call(action, payload)
        assert (error[0], error[2]) == (4, code)
        assert error[3]
        assert (await charge_point.boot())["status"] == "Accepted"


@pytest.mark.parametrize("payload", [{}, {"chargePointVendor": "ACME"}, {"chargePointModel": None}])
async def test_a_charge_point_that_does_not_say_what_it_is_may_boot(
    tmp_path: Path, payload: dict[str, Any]
) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        assert (await charge_point.call("BootNotification", payload))["status"] == "Accepted"
        state = (await gateway.stations.live()).charger("CP1")
    assert (state.vendor, state.model) == (payload.get("chargePointVendor", ""), "")


@pytest.mark.parametrize("payload", [[], None])
async def test_an_empty_payload_may_be_written_in_other_ways(tmp_path: Path, payload: Any) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        assert "currentTime" in await charge_point.call("Heartbeat", payload)
