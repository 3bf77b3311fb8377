"""A charging station of OCPP 2.0.1 on a real socket: boot, transaction, limits, read-back, lost connections."""

from __future__ import annotations

from typing import Any

from dispatch.connection import Ending
from tests.dispatch.simulator.gateway_builders import (
    UNHURRIED,
    SteppedClock,
    TinyGateway,
    a_gateway,
    lose_connection,
    running,
)
from tests.dispatch.simulator.simulator_builders import a_profile_201, a_station, a_stay, after, stamp


async def wait_for_event(gateway: TinyGateway, trigger: str, *, count: int = 1) -> dict[str, Any]:
    return await gateway.wait_for("TransactionEvent", count=count, triggerReason=trigger)


def amperes(event: dict[str, Any]) -> float:
    samples = event["meterValue"][0]["sampledValue"]
    return next(float(v["value"]) for v in samples if v["measurand"] == "Current.Import")


async def test_a_night_from_boot_over_a_limit_and_its_read_back_to_the_departure() -> None:
    clock = SteppedClock()
    station = a_station(a_stay(arrival_s=600.0, departure_s=7200.0), started=False)
    station.settings.meter_interval_s = 0.02
    async with a_gateway(clock) as gateway, running(station, gateway.url, clock):
        await gateway.wait_for("StatusNotification", evseId=1, connectorStatus="Available")
        assert gateway.versions["CP1"] == "2.0.1"
        assert gateway.said("BootNotification")[0]["reason"] == "PowerUp"
        clock.now = after(600)
        started = await wait_for_event(gateway, "Authorized")
        assert (started["eventType"], started["timestamp"]) == ("Started", stamp(600))
        assert amperes(await wait_for_event(gateway, "MeterValuePeriodic")) == 16.0
        transaction_id = started["transactionInfo"]["transactionId"]
        profile = a_profile_201([(0, 10.0)], purpose="TxProfile", transactionId=transaction_id)
        answer = await gateway.ask("SetChargingProfile", evseId=1, chargingProfile=profile)
        assert answer == {"status": "Accepted"}
        heard = len(
            [e for e in gateway.said("TransactionEvent") if e["triggerReason"] == "MeterValuePeriodic"]
        )
        assert amperes(await wait_for_event(gateway, "MeterValuePeriodic", count=heard + 2)) == 10.0
        found = await gateway.ask(
            "GetChargingProfiles", requestId=5, chargingProfile={"chargingLimitSource": ["CSO"]}
        )
        assert found == {"status": "Accepted"}
        report = await gateway.wait_for("ReportChargingProfiles", requestId=5)
        assert (report["chargingProfile"], report["tbc"]) == ([profile], False)
        told = await gateway.ask("GetCompositeSchedule", evseId=1, duration=60, chargingRateUnit="A")
        assert told["schedule"]["chargingSchedulePeriod"][0]["limit"] == 10.0
        clock.now = after(7200)
        ended = await gateway.wait_for("TransactionEvent", eventType="Ended")
        assert ended["transactionInfo"]["transactionId"] == transaction_id
        numbers = [event["seqNo"] for event in gateway.said("TransactionEvent")]
        assert numbers == list(range(len(numbers)))
        await gateway.wait_for("StatusNotification", count=2, evseId=1, connectorStatus="Available")
        assert station.smart.installed == ()


async def test_while_pending_it_reports_what_it_is_asked_for_and_nothing_else() -> None:
    clock = SteppedClock()
    async with a_gateway(clock) as gateway:
        pending = {"status": "Pending", "currentTime": stamp(0), "interval": 300}
        gateway.answers["BootNotification"] = lambda _: pending
        async with running(a_station(a_stay(), started=False), gateway.url, clock):
            await gateway.wait_for("BootNotification")
            answer = await gateway.ask("GetBaseReport", requestId=1, reportBase="ConfigurationInventory")
            assert answer == {"status": "Accepted"}
            await gateway.wait_for("NotifyReport", requestId=1)
            heard = {action for _, action, _ in gateway.heard}
            assert heard == {"BootNotification", "NotifyReport"}
            del gateway.answers["BootNotification"]
            await gateway.ask("TriggerMessage", requestedMessage="BootNotification")
            await wait_for_event(gateway, "Authorized")


async def test_profiles_and_transaction_survive_a_lost_connection_without_a_boot() -> None:
    clock = SteppedClock()
    station = a_station(a_stay(departure_s=3600.0), started=False)
    station.settings.meter_interval_s = 600.0
    async with a_gateway(clock) as gateway, running(station, gateway.url, clock, timing=UNHURRIED):
        await wait_for_event(gateway, "ChargingStateChanged")
        station.sample_meters(clock())
        await gateway.ask("SetChargingProfile", evseId=1, chargingProfile=a_profile_201([(0, 8.0)]))
        await wait_for_event(gateway, "MeterValuePeriodic")
        await lose_connection(gateway, station)
        clock.now = after(1800)
        sample = await gateway.wait_for("TransactionEvent", offline=True, timestamp=stamp(1200))
        assert amperes(sample) == 8.0
        await gateway.wait_for("StatusNotification", count=2, evseId=1, connectorStatus="Occupied")
        told = await gateway.ask("GetCompositeSchedule", evseId=1, duration=60)
        assert told["schedule"]["chargingSchedulePeriod"][0]["limit"] == 8.0
        assert len(gateway.said("BootNotification")) == 1


async def test_a_reset_ends_the_transaction_and_boots_again() -> None:
    clock = SteppedClock()
    station = a_station(a_stay(), started=False)
    async with a_gateway(clock) as gateway, running(station, gateway.url, clock):
        await wait_for_event(gateway, "Authorized")
        await gateway.ask("SetChargingProfile", evseId=1, chargingProfile=a_profile_201([(0, 8.0)]))
        assert await gateway.ask("Reset", type="Immediate") == {"status": "Accepted"}
        ended = await wait_for_event(gateway, "ResetCommand")
        assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
        assert (await gateway.wait_for("BootNotification", count=2))["reason"] == "RemoteReset"
        again = await wait_for_event(gateway, "Authorized", count=2)
        assert again["transactionInfo"]["transactionId"] != ended["transactionInfo"]["transactionId"]
        assert len(station.smart.installed) == 1


async def test_what_it_does_not_know_it_says() -> None:
    clock = SteppedClock()
    async with a_gateway(clock) as gateway, running(a_station(started=False), gateway.url, clock):
        await gateway.wait_for("StatusNotification")
        answer = await gateway.call("UnlockConnector", {"evseId": 1, "connectorId": 1})
        assert (answer.ending, answer.code) == (Ending.ERROR, "NotImplemented")
        answer = await gateway.call("Reset", {})
        assert (answer.ending, answer.code) == (Ending.ERROR, "OccurrenceConstraintViolation")
