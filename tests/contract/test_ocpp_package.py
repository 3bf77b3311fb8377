"""The gateway before charge points that nobody here wrote: those of the Python package ocpp, under every security profile.

The package checks every frame, both ways, against the schemas of the standard.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import ocpp.v16
import ocpp.v201
import pytest
from ocpp import routing
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from dispatch.gateway import Gateway
from dispatch.station import Outcome
from optimiser.depot import Depot
from tests.dispatch.gateway.station201_builders import a_mixed_depot
from tests.dispatch.gateway.tls_builders import Shown, a_client, an_encrypted_depot
from tests.dispatch.gateway_builders import a_gateway, a_listening_depot, a_profile, basic

STAMP = "2025-11-10T19:00:00Z"
Handler = TypeVar("Handler", bound=Callable[..., Any])


def on(action: str) -> Callable[[Handler], Handler]:
    """The package's decorator of what answers an action, with the type that it does not have."""
    decorator: Callable[[Handler], Handler] = routing.on(action)
    return decorator


class Stranger16(ocpp.v16.ChargePoint):  # type: ignore[misc]  # the package ships no types
    """A charge point of 1.6 that holds whatever profile it is given."""

    held: Any = None

    @on("SetChargingProfile")
    def on_set(self, connector_id: int, cs_charging_profiles: Any) -> Any:
        self.held = (connector_id, cs_charging_profiles)
        return ocpp.v16.call_result.SetChargingProfile(status="Accepted")

    @on("GetConfiguration")
    def on_get(self, **_asked: Any) -> Any:
        known = [{"key": "ChargeProfileMaxStackLevel", "readonly": True, "value": "8"}]
        return ocpp.v16.call_result.GetConfiguration(configuration_key=known)

    async def evening(self) -> None:
        """Come in, as the standard has it."""
        call = ocpp.v16.call
        booted = await self.call(
            call.BootNotification(charge_point_model="One", charge_point_vendor="Stranger")
        )
        assert booted.status == "Accepted"
        await self.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Available"))
        assert (await self.call(call.Heartbeat())).current_time.endswith("Z")
        started = await self.call(
            call.StartTransaction(connector_id=1, id_tag="TAG-V1", meter_start=0, timestamp=STAMP)
        )
        assert started.id_tag_info["status"] == "Accepted"


class Stranger201(ocpp.v201.ChargePoint):  # type: ignore[misc]  # the package ships no types
    """A charging station of 2.0.1 that holds whatever profile it is given."""

    held: Any = None

    @on("SetChargingProfile")
    def on_set(self, evse_id: int, charging_profile: Any) -> Any:
        self.held = (evse_id, charging_profile)
        return ocpp.v201.call_result.SetChargingProfile(status="Accepted")

    @on("GetVariables")
    def on_get(self, get_variable_data: list[Any], **_more: Any) -> Any:
        unknown = [{**asked, "attribute_status": "UnknownVariable"} for asked in get_variable_data]
        return ocpp.v201.call_result.GetVariables(get_variable_result=unknown)

    @on("GetReport")
    def on_report(self, **_asked: Any) -> Any:
        return ocpp.v201.call_result.GetReport(status="EmptyResultSet")

    async def evening(self) -> None:
        """Come in, as the standard has it."""
        call = ocpp.v201.call
        booted = await self.call(
            call.BootNotification(
                charging_station={"model": "Two", "vendor_name": "Stranger"}, reason="PowerUp"
            )
        )
        assert booted.status == "Accepted"
        await self.call(
            call.StatusNotification(timestamp=STAMP, connector_status="Available", evse_id=1, connector_id=1)
        )
        assert (await self.call(call.Heartbeat())).current_time.endswith("Z")
        answer = await self.call(
            call.TransactionEvent(
                event_type="Started",
                timestamp=STAMP,
                trigger_reason="Authorized",
                seq_no=0,
                transaction_info={"transaction_id": "t1"},
                evse={"id": 1, "connector_id": 1},
                id_token={"id_token": "TAG-V1", "type": "ISO14443"},
            )
        )
        assert answer.id_token_info["status"] == "Accepted"


STRANGERS: dict[str, tuple[str, str, type[Any]]] = {
    "1.6": ("CP2", "ocpp1.6", Stranger16),
    "2.0.1": ("CP1", "ocpp2.0.1", Stranger201),
}


@asynccontextmanager
async def a_stranger(gateway: Gateway, version: str, tls: ssl.SSLContext | None) -> AsyncIterator[Any]:
    charger_id, subprotocol, kind = STRANGERS[version]
    scheme = "ws" if tls is None else "wss"
    async with connect(
        f"{scheme}://{gateway.ocpp}/{charger_id}",
        subprotocols=[Subprotocol(subprotocol)],
        additional_headers=basic(charger_id, f"password-of-{charger_id}"),
        ssl=tls,
        proxy=None,
    ) as socket:
        stranger = kind(charger_id, _Line(socket))
        listening = asyncio.create_task(stranger.start())
        try:
            yield stranger
        finally:
            listening.cancel()
            await asyncio.wait([listening])


class _Line:
    """What the package wants of a socket, under its own names."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def recv(self) -> str | bytes:
        return await self._socket.recv()

    async def send(self, message: str) -> None:
        await self._socket.send(message)


def a_depot(folder: Path, profile: int) -> Depot:
    if profile < 2:
        return a_listening_depot(a_mixed_depot(), security_profile=profile)
    return an_encrypted_depot(folder, a_mixed_depot(), security_profile=profile)


@pytest.mark.parametrize("version", sorted(STRANGERS))
@pytest.mark.parametrize("profile", [0, 1, 2, 3])
async def test_a_stranger_comes_in_and_is_limited(tmp_path: Path, profile: int, version: str) -> None:
    charger_id = STRANGERS[version][0]
    shown = Shown(common_name=charger_id) if profile == 3 else None
    tls = a_client(shown) if profile >= 2 else None
    async with (
        a_gateway(tmp_path, a_depot(tmp_path, profile)) as gateway,
        a_stranger(gateway, version, tls) as stranger,
        asyncio.timeout(20.0),
    ):
        await stranger.evening()
        reply = await gateway.stations.set_profile(charger_id, a_profile(limit=16.0))
        assert reply.outcome is Outcome.ACCEPTED, reply.reason
        where, held = stranger.held
        assert where == 1
        assert "schedule" in str(held).lower()
        transaction = (await gateway.stations.live()).charger(charger_id).connector(1).transaction
        assert transaction is not None
        assert transaction.id_tag == "TAG-V1"
