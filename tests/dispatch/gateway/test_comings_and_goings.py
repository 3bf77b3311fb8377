from __future__ import annotations

import asyncio
from pathlib import Path

from dispatch.connection import MAX_FRAME_BYTES
from dispatch.events import (
    Connected,
    Disconnected,
    SecurityNoticed,
    StationEvent,
    TransactionStarted,
)
from dispatch.station import Outcome
from tests.dispatch.gateway_builders import (
    ChargePoint,
    a_charge_point,
    a_gateway,
    a_journal,
    a_profile,
    eventually,
)


def kinds(events: list[StationEvent]) -> list[str]:
    return [event.kind for event in events]


async def test_the_newest_socket_of_a_charger_wins_once_the_old_one_is_dead(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    async with (
        a_gateway(tmp_path, journal=journal, proof_of_life_s=0.1) as gateway,
        a_charge_point(gateway) as old,
    ):
        await old.boot()
        old.socket.transport.pause_reading()  # a line that is lost looks like this: nothing comes back
        async with a_charge_point(gateway) as new, asyncio.TaskGroup() as tasks:
            await new.boot()
            setting = tasks.create_task(gateway.stations.set_profile("CP1", a_profile()))
            await new.answer("SetChargingProfile", {"status": "Accepted"})
            assert (await setting).outcome is Outcome.ACCEPTED
        await eventually(lambda: len(journal.events(kinds=("disconnected",))) == 2, gateway)
        old.socket.transport.abort()
    assert kinds(journal.events(kinds=("connected", "disconnected", "security_noticed"))) == [
        "connected",
        "disconnected",
        "connected",
        "disconnected",
    ]
    journal.close()


async def test_a_second_socket_beside_one_that_is_alive_is_turned_away_and_somebody_is_told(
    tmp_path: Path,
) -> None:
    journal = a_journal(tmp_path)
    async with (
        a_gateway(tmp_path, journal=journal) as gateway,
        a_charge_point(gateway) as first,
    ):
        await first.boot()
        for _ in range(2):
            async with a_charge_point(gateway) as second:
                assert await second.until_closed() == 1008
        async with asyncio.TaskGroup() as tasks:
            setting = tasks.create_task(gateway.stations.set_profile("CP1", a_profile()))
            await first.answer("SetChargingProfile", {"status": "Accepted"})
            assert (await setting).outcome is Outcome.ACCEPTED
        (noticed,) = journal.events(kinds=("security_noticed",))
        assert isinstance(noticed, SecurityNoticed)
        assert (noticed.charger_id, noticed.what) == ("CP1", "DuplicateIdentity")
        assert len(journal.events(kinds=("connected",))) == 1
    journal.close()


async def test_of_two_that_come_for_a_dead_socket_the_first_one_stays(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, proof_of_life_s=0.2) as gateway,
        a_charge_point(gateway) as dead,
    ):
        await dead.boot()
        dead.socket.transport.pause_reading()
        async with a_charge_point(gateway) as one, a_charge_point(gateway) as other:
            closed = asyncio.create_task(other.until_closed())
            assert (await one.boot())["status"] == "Accepted"
            assert await closed == 1008
        dead.socket.transport.abort()


async def test_a_reconnect_without_boot_is_normal(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        async with a_charge_point(gateway) as charge_point:
            await charge_point.boot()
            booted_at = (await gateway.stations.live()).charger("CP1").booted_at
        async with a_charge_point(gateway) as charge_point, asyncio.TaskGroup() as tasks:
            setting = tasks.create_task(gateway.stations.set_profile("CP1", a_profile()))
            await charge_point.answer("SetChargingProfile", {"status": "Accepted"})
            assert (await setting).outcome is Outcome.ACCEPTED
            assert (await gateway.stations.live()).charger("CP1").booted_at == booted_at


async def test_stopping_the_gateway_closes_the_sockets_and_records_it(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    async with a_gateway(tmp_path, journal=journal) as gateway:
        connecting = a_charge_point(gateway)
        charge_point = await connecting.__aenter__()
        await charge_point.boot()
    assert await charge_point.until_closed() == 1001
    await connecting.__aexit__(None, None, None)
    first, last = journal.events(kinds=("connected", "disconnected"))
    assert isinstance(first, Connected)
    assert isinstance(last, Disconnected)
    journal.close()


async def test_an_event_is_in_the_journal_before_its_answer_is_sent(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    async with a_gateway(tmp_path, journal=journal) as gateway, a_charge_point(gateway) as charge_point:
        started = await charge_point.start()
        (event,) = journal.events(kinds=("transaction_started",))
        assert isinstance(event, TransactionStarted)
        assert event.transaction_id == started["transactionId"]
    journal.close()


async def test_a_frame_that_is_too_large_costs_one_charger_its_socket_and_no_other(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway, "CP1") as charge_point,
        a_charge_point(gateway, "CP2") as other,
    ):
        await charge_point.send([2, "1", "DataTransfer", {"vendorId": "x" * MAX_FRAME_BYTES}])
        assert await charge_point.until_closed() == 1009
        assert (await other.boot())["status"] == "Accepted"


async def test_junk_does_not_cost_a_charger_its_socket(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        await send_junk(charge_point)
        assert (await charge_point.boot())["status"] == "Accepted"


async def send_junk(charge_point: ChargePoint) -> None:
    await charge_point.socket.send("junk \x00")
    await charge_point.socket.send(b"\x00\xff")
    await charge_point.send([4, "-1", "GenericError", "", {}])
    await charge_point.send([4, "", "ProtocolError", "", {}])
    await charge_point.send([9, "x"])


async def test_a_vendor_with_a_lone_surrogate_is_kept_without_it(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway) as charge_point:
        await charge_point.call(
            "BootNotification", {"chargePointVendor": "A\ud800", "chargePointModel": "\x00"}
        )
        assert (await gateway.stations.live()).charger("CP1").vendor == "A?"
        assert (await gateway.stations.live()).model_dump_json()
