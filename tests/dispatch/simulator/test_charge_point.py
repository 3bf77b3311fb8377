"""A charge point on a real socket: boot, plug-in, limits, meters, lost connections."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from dispatch.connection import Ending
from dispatch.simulator.charge_point import Timing
from dispatch.simulator.persona import Persona
from tests.dispatch.simulator.gateway_builders import (
    FAST,
    WAIT_S,
    SteppedClock,
    a_gateway,
    refuse,
    running,
)
from tests.dispatch.simulator.simulator_builders import NOW, a_machine, a_profile, a_stay, after, stamp


def amperes(meter_values: Mapping[str, Any]) -> float:
    values = meter_values["meterValue"][0]["sampledValue"]
    return next(float(v["value"]) for v in values if v["measurand"] == "Current.Import")


async def test_it_boots_with_its_password_and_tells_every_connector() -> None:
    clock = SteppedClock()
    async with a_gateway(clock) as gateway, running(a_machine(started=False), gateway.url, clock):
        await gateway.wait_for("StatusNotification", connectorId=0, status="Available")
        await gateway.wait_for("StatusNotification", connectorId=1, status="Available")
        expected = base64.b64encode(b"CP1:secret").decode()
        assert gateway.headers["CP1"] == f"Basic {expected}"
        assert gateway.said("BootNotification")[0]["chargePointVendor"] == "Vendor"


async def test_it_takes_its_time_from_the_gateway() -> None:
    clock = SteppedClock()
    years_ago = SteppedClock(NOW - timedelta(days=1000))
    machine = a_machine(a_stay(), started=False)
    async with a_gateway(clock) as gateway, running(machine, gateway.url, years_ago):
        assert (await gateway.wait_for("StartTransaction"))["timestamp"] == stamp(0)


async def test_a_night_from_plug_in_over_a_limit_to_the_departure() -> None:
    clock = SteppedClock()
    machine = a_machine(a_stay(arrival_s=600.0, departure_s=7200.0), started=False)
    machine.settings.meter_interval_s = 0.02
    async with a_gateway(clock) as gateway, running(machine, gateway.url, clock):
        await gateway.wait_for("StatusNotification", connectorId=1)
        clock.now = after(600)
        assert (await gateway.wait_for("StartTransaction"))["timestamp"] == stamp(600)
        assert amperes(await gateway.wait_for("MeterValues", transactionId=1)) == 16.0
        profile = a_profile([(0, 10.0)], purpose="TxProfile", transactionId=1)
        answer = await gateway.ask("SetChargingProfile", connectorId=1, csChargingProfiles=profile)
        assert answer == {"status": "Accepted"}
        heard = len(gateway.said("MeterValues"))
        assert amperes(await gateway.wait_for("MeterValues", count=heard + 1)) == 10.0
        told = await gateway.ask("GetCompositeSchedule", connectorId=1, duration=60, chargingRateUnit="A")
        assert told["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 10.0
        clock.now = after(7200)
        stop = await gateway.wait_for("StopTransaction", transactionId=1)
        # 10 minutes were over when it began to charge; the rest at 10 A
        assert (stop["meterStop"], stop["timestamp"]) == (int(6.9 * 6600 / 3.6), stamp(7200))
        await gateway.wait_for("StatusNotification", count=2, connectorId=1, status="Available")
        assert machine.smart.installed == ()


async def test_it_asks_again_until_it_is_accepted() -> None:
    clock = SteppedClock()
    async with a_gateway(clock) as gateway:
        answers = iter(["Pending", "Rejected"])

        def boot(_: dict[str, Any]) -> dict[str, Any]:
            status = next(answers, "Accepted")
            return {"status": status, "currentTime": stamp(0), "interval": 0}

        gateway.answers["BootNotification"] = boot
        async with running(a_machine(started=False), gateway.url, clock):
            await gateway.wait_for("StatusNotification")
            assert [action for _, action, _ in gateway.heard][:4] == [
                *["BootNotification"] * 3,
                "StatusNotification",
            ]


async def test_while_it_waits_it_can_be_configured_but_does_not_speak() -> None:
    clock = SteppedClock()
    async with a_gateway(clock) as gateway:
        pending = {"status": "Pending", "currentTime": stamp(0), "interval": 300}
        gateway.answers["BootNotification"] = lambda _: pending
        async with running(a_machine(a_stay(), started=False), gateway.url, clock):
            await gateway.wait_for("BootNotification")
            answer = await gateway.ask("SetChargingProfile", connectorId=1, csChargingProfiles=a_profile())
            assert answer == {"status": "Accepted"}
            assert await gateway.ask("TriggerMessage", requestedMessage="MeterValues") == {
                "status": "Rejected"
            }
            del gateway.answers["BootNotification"]
            await gateway.ask("TriggerMessage", requestedMessage="BootNotification")
            await gateway.wait_for("StartTransaction")


async def test_profiles_and_transaction_survive_a_lost_connection_without_a_boot() -> None:
    clock = SteppedClock()
    machine = a_machine(a_stay(), started=False)
    async with a_gateway(clock) as gateway, running(machine, gateway.url, clock):
        await gateway.wait_for("StartTransaction")
        await gateway.ask("SetChargingProfile", connectorId=1, csChargingProfiles=a_profile([(0, 8.0)]))
        await gateway.connections["CP1"].close()
        await gateway.wait_for_socket(2)
        clock.now = after(3600)
        await gateway.wait_for("StatusNotification", count=2, connectorId=1, status="Charging")
        told = await gateway.ask("GetCompositeSchedule", connectorId=1, duration=60)
        assert told["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 8.0
        assert len(gateway.said("BootNotification")) == len(gateway.said("StartTransaction")) == 1


async def test_a_start_that_was_not_answered_is_sent_again_as_it_was() -> None:
    clock = SteppedClock()
    machine = a_machine(a_stay(), started=False)
    impatient = Timing(tick_s=0.01, reconnect_s=0.01, call_timeout_s=0.2)
    async with a_gateway(clock) as gateway:
        silence = asyncio.Event()
        gateway.hold = {"StartTransaction": silence}
        async with running(machine, gateway.url, clock, timing=impatient):
            first = await gateway.wait_for("StartTransaction")
            clock.now = after(120)
            gateway.hold = {}
            second = await gateway.wait_for("StartTransaction", count=2)
            assert first == second
            silence.set()


async def test_a_gateway_that_comes_late_is_found() -> None:
    clock = SteppedClock()
    async with a_gateway(clock) as gone:
        port = gone.port
    async with running(a_machine(started=False), gone.url, clock):
        await asyncio.sleep(0.05)
        async with a_gateway(clock, port=port) as gateway:
            await gateway.wait_for("BootNotification")


async def test_a_server_of_another_tongue_is_left_alone() -> None:
    visits = asyncio.Queue[str | None]()

    async def stranger(socket: ServerConnection) -> None:
        visits.put_nowait(socket.subprotocol)
        await socket.wait_closed()

    clock = SteppedClock()
    async with serve(stranger, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        async with running(a_machine(started=False), url, clock), asyncio.timeout(WAIT_S):
            assert [await visits.get(), await visits.get()] == [None, None]


async def test_who_is_turned_away_comes_back() -> None:
    passwords = asyncio.Queue[str | None]()

    def doorkeeper(connection: ServerConnection, request: Request) -> Response:
        passwords.put_nowait(request.headers.get("Authorization"))
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no\n")

    async def nobody(_: ServerConnection) -> None:
        raise AssertionError("nobody comes in")

    clock = SteppedClock()
    async with serve(nobody, "127.0.0.1", 0, process_request=doorkeeper) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        async with running(a_machine(started=False), url, clock), asyncio.timeout(WAIT_S):
            assert await passwords.get() == await passwords.get()


async def test_one_that_never_answers_a_profile_answers_the_rest() -> None:
    clock = SteppedClock()
    machine = a_machine(started=False, persona=Persona(never_answers_profiles=True))
    async with a_gateway(clock) as gateway, running(machine, gateway.url, clock):
        await gateway.wait_for("StatusNotification")
        payload = {"connectorId": 1, "csChargingProfiles": a_profile()}
        gateway.connections["CP1"]._call_timeout_s = 0.1
        assert (await gateway.call("SetChargingProfile", payload)).ending is Ending.NO_ANSWER
        gateway.connections["CP1"]._call_timeout_s = WAIT_S
        assert (await gateway.ask("GetConfiguration"))["configurationKey"]


async def test_what_it_does_not_know_it_says() -> None:
    clock = SteppedClock()
    async with a_gateway(clock) as gateway, running(a_machine(started=False), gateway.url, clock):
        await gateway.wait_for("StatusNotification")
        answer = await gateway.call("UnlockConnector", {"connectorId": 1})
        assert (answer.ending, answer.code) == (Ending.ERROR, "NotImplemented")
        payload = {"connectorId": 9, "csChargingProfiles": a_profile()}
        answer = await gateway.call("SetChargingProfile", payload)
        assert (answer.ending, answer.code) == (Ending.ERROR, "PropertyConstraintViolation")


async def test_a_triggered_meter_reading_comes_at_once() -> None:
    clock = SteppedClock()
    machine = a_machine(a_stay(), started=False)
    slow = Timing(tick_s=3600.0, reconnect_s=0.01)
    async with a_gateway(clock) as gateway, running(machine, gateway.url, clock, timing=slow):
        await gateway.wait_for("StartTransaction")
        await gateway.wait_for("StatusNotification", status="Charging")
        answer = await gateway.ask("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        assert answer == {"status": "Accepted"}
        assert amperes(await gateway.wait_for("MeterValues")) == 16.0


async def test_a_reset_ends_the_transaction_and_boots_again() -> None:
    clock = SteppedClock()
    machine = a_machine(a_stay(), started=False)
    async with a_gateway(clock) as gateway, running(machine, gateway.url, clock):
        await gateway.wait_for("StartTransaction")
        await gateway.ask("SetChargingProfile", connectorId=1, csChargingProfiles=a_profile([(0, 8.0)]))
        assert await gateway.ask("Reset", type="Soft") == {"status": "Accepted"}
        assert (await gateway.wait_for("StopTransaction"))["reason"] == "SoftReset"
        await gateway.wait_for("BootNotification", count=2)
        await gateway.wait_for("StartTransaction", count=2)
        assert len(machine.smart.installed) == 1


async def test_heartbeats_set_the_clock_where_it_has_gone_wrong() -> None:
    clock, own = SteppedClock(), SteppedClock()
    machine = a_machine(started=False)
    async with a_gateway(clock) as gateway, running(machine, gateway.url, own):
        await gateway.wait_for("StatusNotification")
        clock.now = after(3600)
        await gateway.ask("TriggerMessage", requestedMessage="Heartbeat")
        await gateway.wait_for("Heartbeat")
        await gateway.ask("TriggerMessage", requestedMessage="StatusNotification")
        await gateway.wait_for("StatusNotification", connectorId=1, timestamp=stamp(3600))


async def test_an_error_to_a_status_is_no_reason_to_stop() -> None:
    clock = SteppedClock()
    async with a_gateway(clock) as gateway:
        gateway.answers["StatusNotification"] = refuse("InternalError")
        async with running(a_machine(a_stay(), started=False), gateway.url, clock, timing=FAST):
            await gateway.wait_for("StartTransaction")
