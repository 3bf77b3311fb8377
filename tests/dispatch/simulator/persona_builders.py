"""A charge point of some persona on a real socket, and what a gateway would do with it, in either OCPP version."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dispatch.connection import Ending
from dispatch.simulator.machine import Machine
from dispatch.simulator.personas import PERSONAS
from optimiser.depot import Connector
from tests.dispatch.simulator.gateway_builders import (
    UNHURRIED,
    SteppedClock,
    TinyGateway,
    a_gateway,
    lose_connection,
    running,
)
from tests.dispatch.simulator.simulator_builders import a_machine, a_profile, a_profile_201, a_station, a_stay

PURPOSES = {
    "1.6": {"station_max": "ChargePointMaxProfile"},
    "2.0.1": {"station_max": "ChargingStationMaxProfile"},
}
COMMON_PURPOSES = {"default": "TxDefaultProfile", "transaction": "TxProfile"}


@dataclass(kw_only=True)
class Bench:
    """The gateway's side of one charge point; the clock stands still unless it is told to move."""

    version: str
    gateway: TinyGateway
    machine: Machine
    clock: SteppedClock

    async def put(
        self,
        periods: Sequence[tuple[int, float]] = ((0, 10.0),),
        *,
        place: int = 1,
        purpose: str = "default",
        **rest: Any,
    ) -> str:
        """Send a profile: the status, or the code of the error."""
        name = (PURPOSES[self.version] | COMMON_PURPOSES)[purpose]
        if purpose == "transaction":
            rest = {"transactionId": self.transaction_id, **rest}
        if self.version == "1.6":
            payload = {"connectorId": place, "csChargingProfiles": a_profile(periods, purpose=name, **rest)}
        else:
            payload = {"evseId": place, "chargingProfile": a_profile_201(periods, purpose=name, **rest)}
        return await self.status("SetChargingProfile", payload)

    async def clear(self, profile_id: int) -> str:
        key = "id" if self.version == "1.6" else "chargingProfileId"
        return await self.status("ClearChargingProfile", {key: profile_id})

    async def status(self, action: str, payload: dict[str, Any]) -> str:
        answer = await self.gateway.call(action, payload)
        return str(answer.payload["status"]) if answer.ending is Ending.RESULT else answer.code

    async def composite(self, *, unit: str = "A", place: int = 1) -> list[tuple[int, float]] | str:
        """The periods of a composite schedule, or the status where there are none."""
        payload: dict[str, Any] = {
            "connectorId" if self.version == "1.6" else "evseId": place,
            "duration": 3600,
            "chargingRateUnit": unit,
        }
        answer = await self.gateway.ask("GetCompositeSchedule", **payload)
        told = answer.get("chargingSchedule" if self.version == "1.6" else "schedule")
        if told is None:
            return str(answer["status"])
        return [(p["startPeriod"], p["limit"]) for p in told["chargingSchedulePeriod"]]

    async def amperes(self, *, place: int = 1) -> float:
        """What the meter shows on L1, when it is asked."""
        heard = len(self.gateway.said("MeterValues"))
        where = {"connectorId": place} if self.version == "1.6" else {"evse": {"id": place}}
        assert await self.status("TriggerMessage", {"requestedMessage": "MeterValues", **where}) == "Accepted"
        reading = await self.gateway.wait_for("MeterValues", count=heard + 1)
        values = reading["meterValue"][0]["sampledValue"]
        return next(float(v["value"]) for v in values if v["measurand"] == "Current.Import")

    @property
    def transaction_id(self) -> int | str | None:
        transaction = self.machine.outlets[1].transaction
        return None if transaction is None else transaction.transaction_id

    async def charging(self) -> None:
        """Wait until the vehicle on it charges."""
        if self.version == "1.6":
            await self.gateway.wait_for("StatusNotification", status="Charging")
        else:
            await self.gateway.wait_for("TransactionEvent", triggerReason="ChargingStateChanged")

    async def reset(self) -> None:
        """Let it restart, and wait until it is back."""
        kind = "Soft" if self.version == "1.6" else "Immediate"
        assert await self.status("Reset", {"type": kind}) == "Accepted"
        await self.gateway.wait_for("BootNotification", count=2)

    async def lose_connection(self) -> None:
        await lose_connection(self.gateway, self.machine)

    def let_pass(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)


@asynccontextmanager
async def simulated(
    name: str, version: str, *, connectors: Sequence[Connector] | None = None, vehicles: int = 1
) -> AsyncIterator[Bench]:
    """A charge point of the persona of this name with vehicles on its connectors, which charge."""
    build = {"1.6": a_machine, "2.0.1": a_station}[version]
    stays = [a_stay(soc_percent=10.0) for _ in range(vehicles)]
    machine = build(*stays, connectors=connectors, persona=PERSONAS[name].persona, started=False)
    clock = SteppedClock()
    async with a_gateway(clock) as gateway, running(machine, gateway.url, clock, timing=UNHURRIED):
        bench = Bench(version=version, gateway=gateway, machine=machine, clock=clock)
        await bench.charging()
        yield bench
