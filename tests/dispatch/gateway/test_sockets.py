from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dispatch.station import Outcome
from tests.dispatch.gateway_builders import (
    SOON_S,
    a_charge_point,
    a_gateway,
    a_profile,
    meter_values,
)


async def test_a_start_that_arrives_while_our_call_waits_is_answered_at_once(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway) as charge_point,
        asyncio.TaskGroup() as tasks,
    ):
        setting = tasks.create_task(gateway.stations.set_profile("CP1", a_profile()))
        call = await charge_point.receive()
        assert call[2] == "SetChargingProfile"
        started = await charge_point.start()
        assert started["transactionId"] > 0
        assert not setting.done()
        await charge_point.send([3, call[1], {"status": "Accepted"}])
        reply = await setting
        assert (reply.outcome, reply.message_id) == (Outcome.ACCEPTED, call[1])


async def test_v61_a_default_profile_reaches_the_charger_in_full(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway) as charge_point,
        asyncio.TaskGroup() as tasks,
    ):
        await charge_point.boot()
        setting = tasks.create_task(gateway.stations.set_profile("CP1", a_profile()))
        payload = await charge_point.answer("SetChargingProfile", {"status": "Accepted"})
        assert payload["connectorId"] == 1
        profile = payload["csChargingProfiles"]
        assert profile["chargingProfilePurpose"] == "TxDefaultProfile"
        assert profile["chargingProfileKind"] == "Absolute"
        assert {"validFrom", "validTo"} < profile.keys()
        assert not {"transactionId", "recurrencyKind"} & profile.keys()
        assert {"startSchedule", "duration"} < profile["chargingSchedule"].keys()
        assert [p["startPeriod"] for p in profile["chargingSchedule"]["chargingSchedulePeriod"]] == [0]
        assert (await setting).outcome is Outcome.ACCEPTED


async def test_v66_a_composite_schedule_is_asked_and_shown_as_it_comes(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway) as charge_point,
        asyncio.TaskGroup() as tasks,
    ):
        asking = tasks.create_task(
            gateway.stations.composite_schedule("CP1", connector_id=1, duration_s=300, unit="W")
        )
        payload = await charge_point.answer(
            "GetCompositeSchedule",
            {
                "status": "Accepted",
                "connectorId": 1,
                "scheduleStart": "2025-11-10T19:30:00Z",
                "chargingSchedule": {
                    "duration": 300,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 99.9}],
                },
            },
        )
        assert payload == {"connectorId": 1, "duration": 300, "chargingRateUnit": "W"}
        reply = await asking
        assert reply.reply.outcome is Outcome.ACCEPTED
        assert reply.schedule is not None
        assert (reply.schedule.unit, reply.schedule.periods[0].limit) == ("A", 99.9)


async def test_removing_a_profile_that_a_charger_does_not_have_has_worked(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway) as charge_point,
        asyncio.TaskGroup() as tasks,
    ):
        clearing = tasks.create_task(gateway.stations.clear_profile("CP1", 7))
        assert await charge_point.answer("ClearChargingProfile", {"status": "Unknown"}) == {"id": 7}
        assert (await clearing).outcome is Outcome.ACCEPTED


async def test_meter_values_that_were_asked_for_arrive_in_the_live_state(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway) as charge_point,
        asyncio.TaskGroup() as tasks,
    ):
        before = (await gateway.stations.live()).now
        waiting = tasks.create_task(gateway.stations.wait_for_change(after=before, timeout_s=SOON_S))
        asking = tasks.create_task(gateway.stations.trigger_meter_values("CP1", connector_id=1))
        payload = await charge_point.answer("TriggerMessage", {"status": "Accepted"})
        assert payload == {"requestedMessage": "MeterValues", "connectorId": 1}
        assert (await asking).outcome is Outcome.ACCEPTED
        await charge_point.call("MeterValues", meter_values())
        meter = (await waiting).charger("CP1").connector(1).meter
        assert meter is not None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([3, {"status": "Rejected"}], "Rejected"),
        ([3, {"status": "NotSupported"}], "NotSupported"),
        ([3, {"status": ["Accepted"]}], "answered without a status"),
        ([3, {}], "answered without a status"),
        ([3, "Accepted"], "answered without a status"),
        ([3], "answered without a status"),
        ([4, "OccurrenceConstraintViolation", "too many", {}], "OccurrenceConstraintViolation: too many"),
        ([4, "NoSuchCode", "", {}], "NoSuchCode"),
    ],
)
async def test_whatever_is_not_accepted_is_refused_with_its_reason(
    tmp_path: Path, answer: list[Any], reason: str
) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway) as charge_point,
        asyncio.TaskGroup() as tasks,
    ):
        setting = tasks.create_task(gateway.stations.set_profile("CP1", a_profile()))
        call = await charge_point.receive()
        await charge_point.send([answer[0], call[1], *answer[1:]])
        reply = await setting
        assert (reply.outcome, reply.reason) == (Outcome.REFUSED, reason)


async def test_a_charger_that_is_away_is_an_outcome(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        for charger_id in ("CP1", "CP99"):
            reply = await gateway.stations.set_profile(charger_id, a_profile())
            assert reply.outcome is Outcome.NOT_CONNECTED
        composite = await gateway.stations.composite_schedule("CP1", connector_id=1, duration_s=60, unit="A")
        assert composite.reply.outcome is Outcome.NOT_CONNECTED


async def test_a_charger_that_never_answers_is_an_outcome(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, call_timeout_s=0.05) as gateway, a_charge_point(gateway):
        reply = await gateway.stations.set_profile("CP1", a_profile())
        assert reply.outcome is Outcome.NO_ANSWER


async def test_a_socket_that_dies_with_a_call_pending_is_an_outcome(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, call_timeout_s=60.0) as gateway,
        a_charge_point(gateway) as charge_point,
        asyncio.TaskGroup() as tasks,
    ):
        setting = tasks.create_task(gateway.stations.set_profile("CP1", a_profile()))
        await charge_point.receive()
        charge_point.socket.transport.abort()
        async with asyncio.timeout(SOON_S):
            assert (await setting).outcome is Outcome.NO_ANSWER


async def test_a_profile_that_16_does_not_know_never_reaches_a_charger(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway):
        with pytest.raises(ValueError, match="only a TxProfile"):
            await gateway.stations.set_profile("CP1", a_profile().model_copy(update={"transaction_id": 5}))


async def test_a_wait_ends_when_the_time_is_over(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        state = await gateway.stations.wait_for_change(after=datetime.now(UTC), timeout_s=0.01)
        assert len(state.chargers) == 2
