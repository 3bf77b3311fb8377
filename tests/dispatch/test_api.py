from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dispatch.address import Address
from dispatch.api import ApiStations, serving_api
from dispatch.api.token import read_or_create_token
from dispatch.station import (
    ChargerState,
    CompositeReply,
    CompositeSchedule,
    InstalledProfile,
    InstalledReply,
    LiveState,
    Outcome,
    ProfileFilter,
    Purpose,
    Reply,
    SchedulePeriod,
    SiteReading,
    StationProfile,
    StationsUnreachableError,
    UnsendableError,
    VehicleReading,
)
from tests.dispatch.gateway_builders import NOW, TOKEN, TOKENS, a_charge_point, a_gateway

CHARGER_ID = "Hof 3/ä"
STATE = LiveState(now=NOW, chargers=(ChargerState(charger_id=CHARGER_ID, configuration={"a": "b"}),))
REPLY = Reply(outcome=Outcome.REFUSED, reason="Rejected", message_id="m", at=NOW)
COMPOSITE = CompositeReply(
    reply=REPLY,
    schedule=CompositeSchedule(
        connector_id=1,
        start=NOW,
        duration_s=60,
        unit="A",
        periods=(SchedulePeriod(start_s=0, limit=-1.0),),
    ),
)
PROFILE = StationProfile(
    profile_id=7,
    connector_id=1,
    purpose=Purpose.TX,
    stack_level=2,
    start=NOW,
    duration_s=3600,
    valid_from=NOW,
    valid_to=NOW + timedelta(hours=1),
    unit="A",
    periods=(SchedulePeriod(start_s=0, limit=5.7, number_phases=3),),
    transaction_id=5,
)


FILTER = ProfileFilter(connector_id=1, purpose=Purpose.TX_DEFAULT, stack_level=0)
INSTALLED = InstalledReply(
    reply=REPLY,
    profiles=(
        InstalledProfile(profile_id=7, connector_id=1, source="CSO", profile=PROFILE),
        InstalledProfile(profile_id=8, connector_id=0, description="two schedules"),
    ),
)


@dataclass(kw_only=True)
class Recorded:
    """Stations that answer always the same and remember what they were asked."""

    asked: list[Any] = field(default_factory=list)

    async def live(self) -> LiveState:
        return STATE

    async def tell_site(self, reading: SiteReading) -> None:
        self.asked.append(reading)

    async def tell_vehicle(self, reading: VehicleReading) -> None:
        self.asked.append(reading)

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        if profile.profile_id == 666:
            raise UnsendableError("a limit must be 0 or above")
        self.asked.append((charger_id, profile))
        return REPLY

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        self.asked.append((charger_id, profile_id))
        return REPLY

    async def clear_profiles(self, charger_id: str, wanted: ProfileFilter) -> Reply:
        self.asked.append((charger_id, wanted))
        return REPLY

    async def installed_profiles(self, charger_id: str) -> InstalledReply:
        self.asked.append((charger_id, "installed"))
        return INSTALLED

    async def configure(self, charger_id: str, key: str, value: str) -> Reply:
        self.asked.append((charger_id, key, value))
        return REPLY

    async def start_transaction(self, charger_id: str, **question: Any) -> Reply:
        self.asked.append((charger_id, question))
        return REPLY

    async def reset(self, charger_id: str) -> Reply:
        self.asked.append((charger_id, "reset"))
        return REPLY

    async def disconnect(self, charger_id: str) -> Reply:
        self.asked.append((charger_id, "disconnect"))
        return REPLY

    async def composite_schedule(self, charger_id: str, **question: Any) -> CompositeReply:
        self.asked.append((charger_id, question))
        return COMPOSITE

    async def trigger_meter_values(self, charger_id: str, *, connector_id: int) -> Reply:
        self.asked.append((charger_id, connector_id))
        return REPLY

    async def wait_for_change(self, **question: Any) -> LiveState:
        self.asked.append(question)
        return STATE


@asynccontextmanager
async def an_api(stations: Recorded | None = None) -> AsyncIterator[Address]:
    any_port = Address(host="127.0.0.1", port=0)
    async with serving_api(stations or Recorded(), address=any_port, tokens=TOKENS) as address:
        yield address


async def test_what_meters_and_telematics_tell_arrives_without_a_lease() -> None:
    recorded = Recorded()
    site = SiteReading(at=REPLY.at, site_kw=31.5)
    vehicle = VehicleReading(
        vehicle_id="V001", at=REPLY.at, soc_percent=41.0, charger_id="CP01", connector_id=1
    )
    any_port = Address(host="127.0.0.1", port=0)
    async with (
        serving_api(recorded, address=any_port, tokens=TOKENS, may_write=lambda _: False) as address,
        ApiStations(address, token=TOKEN) as stations,
    ):
        await stations.tell_site(site)
        await stations.tell_vehicle(vehicle)
    assert recorded.asked == [site, vehicle]


async def test_every_verb_arrives_and_comes_back_as_it_is() -> None:
    recorded = Recorded()
    async with an_api(recorded) as address, ApiStations(address, token=TOKEN) as stations:
        assert await stations.live() == STATE
        assert await stations.set_profile(CHARGER_ID, PROFILE) == REPLY
        assert await stations.clear_profile(CHARGER_ID, 7) == REPLY
        assert await stations.clear_profiles(CHARGER_ID, FILTER) == REPLY
        assert await stations.installed_profiles(CHARGER_ID) == INSTALLED
        assert await stations.configure(CHARGER_ID, "MeterValueSampleInterval", "60") == REPLY
        start: dict[str, Any] = {"connector_id": 1, "id_tag": "TAG", "profile": PROFILE}
        assert await stations.start_transaction(CHARGER_ID, **start) == REPLY
        assert await stations.reset(CHARGER_ID) == REPLY
        assert await stations.disconnect(CHARGER_ID) == REPLY
        question: dict[str, Any] = {"connector_id": 1, "duration_s": 300, "unit": "W"}
        assert await stations.composite_schedule(CHARGER_ID, **question) == COMPOSITE
        assert await stations.trigger_meter_values(CHARGER_ID, connector_id=2) == REPLY
        assert await stations.wait_for_change(after=NOW, timeout_s=1.5) == STATE
    assert recorded.asked == [
        (CHARGER_ID, PROFILE),
        (CHARGER_ID, 7),
        (CHARGER_ID, FILTER),
        (CHARGER_ID, "installed"),
        (CHARGER_ID, "MeterValueSampleInterval", "60"),
        (CHARGER_ID, start),
        (CHARGER_ID, "reset"),
        (CHARGER_ID, "disconnect"),
        (CHARGER_ID, question),
        (CHARGER_ID, 2),
        {"after": NOW, "timeout_s": 1.5},
    ]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}]
)
async def test_without_the_token_nothing_is_answered(headers: dict[str, str]) -> None:
    async with (
        an_api() as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as client,
    ):
        for method, path in (("GET", "/v1/live"), ("DELETE", "/v1/chargers/CP1/profiles/7")):
            response = await client.request(method, path)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await client.get("/v1/openapi.json")).status_code == 401


async def test_a_gateway_that_refuses_the_token_is_out_of_reach() -> None:
    async with an_api() as address, ApiStations(address, token="wrong") as stations:
        with pytest.raises(StationsUnreachableError, match="refuses the token"):
            await stations.live()


async def test_a_gateway_that_is_not_there_is_out_of_reach() -> None:
    async with an_api() as address:
        pass
    async with ApiStations(address, token=TOKEN) as stations:
        with pytest.raises(StationsUnreachableError, match="cannot be reached"):
            await stations.live()


async def test_something_else_on_the_port_is_no_gateway() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = Address(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        async with ApiStations(address, token=TOKEN) as stations:
            with pytest.raises(StationsUnreachableError, match="does not answer as one"):
                await stations.live()


async def test_a_profile_that_cannot_be_sent_is_an_error_on_this_side_too() -> None:
    async with an_api() as address, ApiStations(address, token=TOKEN) as stations:
        with pytest.raises(ValueError, match="a limit must be 0 or above"):
            await stations.set_profile(CHARGER_ID, PROFILE.model_copy(update={"profile_id": 666}))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/changes?after=2025-11-10T19:30:00&timeout_s=1", None),
        ("GET", "/v1/changes?after=2025-11-10T19:30:00Z&timeout_s=-1", None),
        ("POST", "/v1/chargers/CP1/composite-schedule", {"connector_id": 1, "duration_s": 0, "unit": "A"}),
        ("POST", "/v1/chargers/CP1/composite-schedule", {"connector_id": 1, "duration_s": 9, "unit": "kW"}),
        ("POST", "/v1/chargers/CP1/trigger-meter-values", {"connector_id": 1, "more": 1}),
        ("POST", "/v1/chargers/CP1/profiles", {}),
    ],
)
async def test_a_question_of_the_wrong_form_is_refused(method: str, path: str, body: Any) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        an_api() as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as client,
    ):
        assert (await client.request(method, path, json=body)).status_code == 422


async def test_the_api_does_not_listen_where_others_can_reach_it() -> None:
    with pytest.raises(ValueError, match="loopback only"):
        async with serving_api(Recorded(), address=Address(host="0.0.0.0", port=0), tokens=TOKENS):
            pass


async def test_the_api_of_a_gateway_reaches_its_chargers(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway) as charge_point,
        ApiStations(gateway.api, token=TOKEN) as stations,
        asyncio.TaskGroup() as tasks,
    ):
        await charge_point.boot()
        setting = tasks.create_task(stations.set_profile("CP1", PROFILE))
        payload = await charge_point.answer("SetChargingProfile", {"status": "Accepted"})
        assert payload["csChargingProfiles"]["transactionId"] == 5
        assert (await setting).outcome is Outcome.ACCEPTED
        waiting = tasks.create_task(
            stations.wait_for_change(after=(await stations.live()).now, timeout_s=10.0)
        )
        await charge_point.start()
        transaction = (await waiting).charger("CP1").connector(1).transaction
        assert transaction is not None


async def test_a_wait_does_not_hold_up_a_gateway_that_stops(tmp_path: Path) -> None:
    async with asyncio.timeout(10.0):
        async with a_gateway(tmp_path) as gateway:
            stations = await ApiStations(gateway.api, token=TOKEN).__aenter__()
            now = (await stations.live()).now
            waiting = asyncio.create_task(stations.wait_for_change(after=now, timeout_s=600.0))
            await stations.live()
        await asyncio.wait([waiting])
        await stations.__aexit__(None, None, None)
    assert waiting.exception() is None or isinstance(waiting.exception(), StationsUnreachableError)


async def test_a_call_that_is_pending_when_the_gateway_stops_gets_its_reply(tmp_path: Path) -> None:
    async with asyncio.timeout(10.0):
        async with AsyncExitStack() as around:
            async with a_gateway(tmp_path) as gateway:
                stations = await around.enter_async_context(ApiStations(gateway.api, token=TOKEN))
                charge_point = await around.enter_async_context(a_charge_point(gateway))
                setting = asyncio.create_task(stations.set_profile("CP1", PROFILE))
                await charge_point.receive()
                leaving = asyncio.create_task(charge_point.until_closed())
            reply = await setting
            assert reply.outcome is Outcome.NO_ANSWER
            assert await leaving == 1001


def test_a_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "api-token"
    token = read_or_create_token(path)
    assert len(token) >= 32
    assert read_or_create_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_token_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "api-token"
    path.touch()
    with pytest.raises(OSError, match="is empty"):
        read_or_create_token(path)


def test_who_neither_serves_nor_calls_the_api_waits_for_neither() -> None:
    heavy = "{'fastapi', 'uvicorn', 'httpx', 'matplotlib', 'jinja2', 'prometheus_client'}"
    code = f"import sys, dispatch.cli; print({heavy} & set(sys.modules) or 'none')"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "none\n"
