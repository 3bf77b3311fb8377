from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dispatch.gateway import Gateway, GatewaySettingsError, serve
from optimiser.depot import Charger
from tests.builders import a_depot, an_ac_connector
from tests.dispatch.gateway_builders import (
    NOW,
    SOON_S,
    TOKENS,
    a_charge_point,
    a_gateway,
    a_journal,
    a_listening_depot,
    an_entrance,
)


async def refused(gateway: Gateway, charger_id: str = "CP1", **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with a_charge_point(gateway, charger_id, **options):
            pass
    return caught.value.response.status_code


async def test_a_charger_that_is_not_in_the_depot_gets_404(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        assert await refused(gateway, "CP99") == 404
        assert await refused(gateway, "CP1", path="") == 404
        assert await refused(gateway, "CP1", path="CP1/more") == 404


async def test_a_wrong_password_gets_401(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        assert await refused(gateway, password="wrong") == 401
        assert await refused(gateway, password="password-of-CP2") == 401


async def test_the_name_in_the_path_and_the_user_must_be_the_same(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        assert await refused(gateway, "CP2", path="CP1") == 401


async def test_a_charger_without_password_is_let_in_under_security_profile_0(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path, a_listening_depot(security_profile=0)) as gateway,
        a_charge_point(gateway, password="whatever") as charge_point,
    ):
        assert (await charge_point.boot())["status"] == "Accepted"


async def test_an_id_may_hold_what_a_path_may_not(tmp_path: Path) -> None:
    charger = Charger(id="Hof 3/ä", connectors=(an_ac_connector(),))
    depot = a_listening_depot(a_depot(chargers=[charger]))
    async with a_gateway(tmp_path, depot) as gateway, a_charge_point(gateway, charger.id) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"


async def test_v68_a_handshake_without_a_protocol_in_common_is_finished_and_closed(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        for offered in (("ocpp0.1",), None):
            async with a_charge_point(gateway, subprotocols=offered) as charge_point:
                assert charge_point.socket.subprotocol is None
                with pytest.raises(ConnectionClosed):
                    await charge_point.socket.recv()
        assert (await gateway.stations.live()).charger("CP1").connected_since is None


async def test_v68_ocpp16_is_chosen_from_several(tmp_path: Path) -> None:
    async with (
        a_gateway(tmp_path) as gateway,
        a_charge_point(gateway, subprotocols=("ocpp0.1", "ocpp1.6")) as charge_point,
    ):
        assert charge_point.socket.subprotocol == "ocpp1.6"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"security_profile": 2}, "gateway.tls: found nothing, security_profile 2 needs it"),
        ({"security_profile": 3}, "gateway.tls: found nothing, security_profile 3 needs it"),
        ({"security_profile": 0, "listen": "0.0.0.0:0"}, "only a loopback"),
        ({"api": "192.0.2.1:9001"}, "beyond this machine only with gateway.tls"),
        ({"api": "9001"}, "must be host:port"),
        ({"listen": "127.0.0.1:http"}, "must be host:port"),
    ],
)
async def test_settings_that_are_not_served_are_refused(
    tmp_path: Path, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(GatewaySettingsError, match=problem):
        async with a_gateway(tmp_path, a_listening_depot(**settings)):
            pass


async def test_all_problems_of_the_settings_are_told_at_once(tmp_path: Path) -> None:
    depot = a_listening_depot(listen="nowhere", api="192.0.2.1:1", security_profile=2)
    with pytest.raises(GatewaySettingsError) as caught:
        async with a_gateway(tmp_path, replace(depot)):
            pass
    assert len(caught.value.problems) == 3


async def test_sigterm_stops_the_gateway_in_good_order(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    depot = a_listening_depot()
    ready = asyncio.Event()
    async with asyncio.timeout(SOON_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(
            serve(
                depot,
                journal,
                entrance=an_entrance(tmp_path, depot),
                api_tokens=TOKENS,
                clock=lambda: NOW,
                ready=ready,
            )
        )
        await ready.wait()
        os.kill(os.getpid(), signal.SIGTERM)
    journal.close()


async def test_an_address_that_is_taken_is_an_error_of_the_system(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        for depot in (a_listening_depot(listen=str(gateway.ocpp)), a_listening_depot(api=str(gateway.api))):
            with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
                async with a_gateway(tmp_path, depot):
                    pass


@pytest.mark.parametrize("path", ["/CP1", "CP1/", "CP1?from=depot"])
async def test_a_slash_too_many_in_a_chargers_address_does_no_harm(tmp_path: Path, path: str) -> None:
    async with a_gateway(tmp_path) as gateway, a_charge_point(gateway, path=path) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
