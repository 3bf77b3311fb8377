"""The gateway's frames before an independent judge: a charge point of the npm package ocpp-rpc, in strict mode.

In both versions of OCPP. It needs Node.js and ``npm ci`` in ``tests/contract/ocpp_rpc``; in CI it has to be there.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.gateway import Gateway
from dispatch.gateway.sockets import SocketStations
from dispatch.station import Outcome, ProfileFilter, Purpose, SchedulePeriod, StationProfile, TransactionId
from tests.dispatch.gateway.station201_builders import a_mixed_depot
from tests.dispatch.gateway_builders import NOW, a_gateway, a_profile

CLIENTS = Path(__file__).parent / "ocpp_rpc"
PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def _node() -> None:
    missing = None
    if shutil.which("node") is None:
        missing = "Node.js is not installed"
    elif not (CLIENTS / "node_modules" / "ocpp-rpc").is_dir():
        missing = f"ocpp-rpc is not installed: npm ci in {CLIENTS}"
    if missing is not None and os.environ.get("CI"):
        pytest.fail(missing)
    if missing is not None:
        pytest.skip(missing)


@dataclass(kw_only=True)
class StrictChargePoint:
    process: asyncio.subprocess.Process
    transaction_id: TransactionId

    async def report(self) -> dict[str, Any]:
        """End its session and return what it has to say of us."""
        output, errors = await self.process.communicate(b"")
        assert self.process.returncode == 0, errors.decode()
        report: dict[str, Any] = json.loads(output)
        return report


@asynccontextmanager
async def a_strict_charge_point(
    gateway: Gateway, program: str = "client16.js"
) -> AsyncIterator[StrictChargePoint]:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(CLIENTS / program),
        env=os.environ
        | {"ENDPOINT": f"ws://{gateway.ocpp}", "IDENTITY": "CP1", "PASSWORD": "password-of-CP1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert process.stdout is not None
            assert process.stderr is not None
            first = await process.stdout.readline()
            assert first, (await process.stderr.read()).decode()
            yield StrictChargePoint(process=process, transaction_id=json.loads(first)["transactionId"])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


LIMITS_AS_SENT = [0.0, 5.7, 6.1, 6.3, 16.0, 15.9, 0.3, 31.9]
"""A night's limits with one digit after the point, rounded down."""


def a_night_of_periods() -> tuple[SchedulePeriod, ...]:
    """Limits that are no doubles, and every digit after the point."""
    limits = [0.0, 5.7, 6.1, 6.3, 16.0, 15.94, 0.1 + 0.2, 31.99]
    return tuple(
        SchedulePeriod(start_s=900 * number, limit=limit, number_phases=3)
        for number, limit in enumerate(limits)
    )


async def test_no_frame_of_ours_fails_the_schemas_of_an_independent_charge_point(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_strict_charge_point(gateway) as charge_point:
        stations = gateway.stations
        plan = a_profile().model_copy(update={"periods": a_night_of_periods()})
        override = plan.model_copy(
            update={"profile_id": 8, "purpose": Purpose.TX, "transaction_id": charge_point.transaction_id}
        )
        direct_current = StationProfile(
            profile_id=9,
            connector_id=1,
            purpose=Purpose.TX_DEFAULT,
            stack_level=1,
            start=NOW - timedelta(minutes=1),
            unit="W",
            periods=(SchedulePeriod(start_s=0, limit=45_000.04),),
        )
        for profile in (plan, override, direct_current):
            reply = await stations.set_profile("CP1", profile)
            assert reply.outcome is Outcome.ACCEPTED, reply
        composite = await stations.composite_schedule("CP1", connector_id=1, duration_s=300, unit="W")
        assert composite.schedule is not None
        assert (composite.schedule.duration_s, composite.schedule.unit) == (300, "W")
        assert (await stations.clear_profile("CP1", 8)).outcome is Outcome.ACCEPTED
        assert (await stations.trigger_meter_values("CP1", connector_id=1)).outcome is Outcome.ACCEPTED
        meter = (await stations.live()).charger("CP1").connector(1).meter
        assert meter is not None
        assert (meter.power_kw, meter.current_a, meter.soc_percent) == (11.04, 15.9, 42.0)
        report = await charge_point.report()
    assert report["failures"] == []
    assert report["badMessages"] == []
    assert report["protocol"] == "ocpp1.6"
    assert {answered["method"] for answered in report["answered"]} == {
        "ClearChargingProfile",
        "GetCompositeSchedule",
        "GetConfiguration",
        "SetChargingProfile",
        "TriggerMessage",
    }


async def test_no_frame_of_ours_fails_the_schemas_of_an_independent_station(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, a_mixed_depot()) as gateway,
        a_strict_charge_point(gateway, "client201.js") as station,
    ):
        stations = gateway.stations
        plan = a_profile().model_copy(update={"periods": a_night_of_periods()})
        override = plan.model_copy(
            update={"profile_id": 8, "purpose": Purpose.TX, "transaction_id": station.transaction_id}
        )
        for profile in (plan, override):
            reply = await stations.set_profile("CP1", profile)
            assert reply.outcome is Outcome.ACCEPTED, reply
        composite = await stations.composite_schedule("CP1", connector_id=1, duration_s=300, unit="A")
        assert composite.schedule is not None
        assert [period.limit for period in composite.schedule.periods] == LIMITS_AS_SENT
        installed = await stations.installed_profiles("CP1")
        assert installed.reply.outcome is Outcome.ACCEPTED, installed.reply
        assert [held.profile_id for held in installed.profiles or ()] == [7, 8]
        assert (await stations.clear_profile("CP1", 8)).outcome is Outcome.ACCEPTED
        ours = ProfileFilter(connector_id=1, purpose=Purpose.TX_DEFAULT, stack_level=0)
        assert (await stations.clear_profiles("CP1", ours)).outcome is Outcome.ACCEPTED
        await stations.configure("CP1", "ChargeProfileMaxStackLevel", "5")
        waiting = override.model_copy(update={"transaction_id": None})
        await stations.start_transaction("CP1", connector_id=1, id_tag="TAG-V1", profile=waiting)
        await stations.trigger_meter_values("CP1", connector_id=1)
        assert (await stations.reset("CP1")).outcome is Outcome.ACCEPTED
        connector = (await stations.live()).charger("CP1").connector(1)
        assert connector.transaction is not None
        assert (connector.transaction.transaction_id, connector.transaction.id_tag) == (
            station.transaction_id,
            "TAG-V1",
        )
        assert connector.meter is not None
        assert (connector.meter.power_kw, connector.meter.current_a, connector.meter.soc_percent) == (
            11.04,
            15.9,
            42.0,
        )
        report = await station.report()
    assert report["failures"] == []
    assert report["badMessages"] == []
    assert report["protocol"] == "ocpp2.0.1"
    assert {answered["method"] for answered in report["answered"]} == {
        "ClearChargingProfile",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "GetVariables",
        "RequestStartTransaction",
        "Reset",
        "SetChargingProfile",
        "SetVariables",
        "TriggerMessage",
    }


async def test_the_judge_notices_a_frame_that_is_wrong(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, a_strict_charge_point(gateway) as charge_point:
        assert isinstance(gateway.stations, SocketStations)
        connection = gateway.stations.sessions["CP1"].connection
        await connection.call("ClearChargingProfile", {"id": "seven"})
        report = await charge_point.report()
    assert [failure["method"] for failure in report["failures"]] == ["ClearChargingProfile"]
