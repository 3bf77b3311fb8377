"""Security profiles over real sockets with real certificates, both versions of OCPP on one port."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from dispatch.events import SecurityNoticed
from dispatch.gateway import Gateway
from dispatch.journal import Journal
from dispatch.simulator.charge_point import Timing
from dispatch.simulator.depot import simulate
from tests.dispatch.gateway.station201_builders import a_mixed_depot
from tests.dispatch.gateway.tls_builders import (
    OWNER,
    Shown,
    a_client,
    an_encrypted_depot,
    with_rsa_beside_it,
)
from tests.dispatch.gateway_builders import (
    ChargePoint,
    a_charge_point,
    a_gateway,
    a_journal,
    a_listening_depot,
    eventually,
    passwords,
)
from tests.dispatch.simulator.test_depot import two_vans

BOTH = {"CP1": "ocpp2.0.1", "CP2": "ocpp1.6"}
"""The chargers of the mixed depot and what they speak."""


async def boot(charge_point: ChargePoint) -> Any:
    is_201 = charge_point.socket.subprotocol == "ocpp2.0.1"
    return await (charge_point.boot_201() if is_201 else charge_point.boot())


async def refused(gateway: Gateway, charger_id: str = "CP1", **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with a_charge_point(gateway, charger_id, **options):
            pass
    return caught.value.response.status_code


async def breaks_off(gateway: Gateway, **options: Any) -> None:
    """The gateway ends the handshake of TLS itself; with 1.3 a client learns so when it reads."""
    with pytest.raises((ssl.SSLError, ConnectionError, ConnectionClosed, InvalidMessage)):
        async with a_charge_point(gateway, **options):
            pass


def noticed(journal: Journal) -> list[tuple[str, str]]:
    events = journal.events(kinds=("security_noticed",))
    return [(event.charger_id, event.what) for event in events if isinstance(event, SecurityNoticed)]


@pytest.mark.parametrize("profile", [0, 1])
async def test_both_versions_come_in_unencrypted_on_one_port(tmp_path: Path, profile: int) -> None:
    depot = a_listening_depot(a_mixed_depot(), security_profile=profile)
    async with a_gateway(tmp_path, depot) as gateway:
        for charger_id, subprotocol in BOTH.items():
            async with a_charge_point(gateway, charger_id, subprotocols=[subprotocol]) as charge_point:
                assert (await boot(charge_point))["status"] == "Accepted"


async def test_both_versions_come_in_encrypted_with_their_passwords_on_one_port(tmp_path: Path) -> None:
    depot = an_encrypted_depot(tmp_path, a_mixed_depot(), security_profile=2)
    async with a_gateway(tmp_path, depot) as gateway:
        for charger_id, subprotocol in BOTH.items():
            async with a_charge_point(
                gateway, charger_id, subprotocols=[subprotocol], tls=a_client()
            ) as charge_point:
                assert (await boot(charge_point))["status"] == "Accepted"
        assert await refused(gateway, password="wrong", tls=a_client()) == 401


async def test_both_versions_come_in_with_their_certificates_on_one_port(tmp_path: Path) -> None:
    depot = an_encrypted_depot(
        tmp_path, a_mixed_depot(), security_profile=3, certificate_names={"CP2": "SN-0815"}
    )
    names = {"CP1": "CP1", "CP2": "SN-0815"}
    async with a_gateway(tmp_path, depot) as gateway:
        for charger_id, subprotocol in BOTH.items():
            shown = Shown(common_name=names[charger_id])
            async with a_charge_point(
                gateway, charger_id, password="whatever", subprotocols=[subprotocol], tls=a_client(shown)
            ) as charge_point:
                assert (await boot(charge_point))["status"] == "Accepted"


async def test_another_chargers_certificate_is_turned_away_and_told(tmp_path: Path) -> None:
    depot = an_encrypted_depot(tmp_path, security_profile=3, certificate_names={"CP2": "SN-0815"})
    journal = a_journal(tmp_path)
    async with a_gateway(tmp_path, depot, journal=journal) as gateway:
        assert await refused(gateway, "CP1", tls=a_client(Shown(common_name="SN-0815"))) == 403
        assert await refused(gateway, "CP2", tls=a_client(Shown(common_name="CP2"))) == 403
        assert await refused(gateway, "CP9", tls=a_client(Shown(common_name="CP9"))) == 404
        await eventually(lambda: len(noticed(journal)) == 2, gateway)
    assert noticed(journal) == [(name, "InvalidChargingStationCertificate") for name in ("CP1", "CP2")]
    journal.close()


async def test_where_depot_yaml_names_an_owner_no_other_ones_charger_comes_in(tmp_path: Path) -> None:
    depot = an_encrypted_depot(tmp_path, security_profile=3)
    tls = depot.gateway.tls
    assert tls is not None
    owned = replace(depot.gateway, tls=replace(tls, client_organization=OWNER))
    async with a_gateway(tmp_path, replace(depot, gateway=owned)) as gateway:
        async with a_charge_point(gateway, tls=a_client(Shown(common_name="CP1"))) as charge_point:
            assert (await charge_point.boot())["status"] == "Accepted"
        assert await refused(gateway, tls=a_client(Shown(common_name="CP1", owner="the maker"))) == 403


@pytest.mark.parametrize(
    "shown",
    [
        None,
        Shown(common_name="CP1", authority="of somebody else"),
        Shown(common_name="CP1", not_after=datetime.now(UTC) - timedelta(days=1)),
    ],
    ids=["none", "of another authority", "expired"],
)
async def test_who_shows_no_valid_certificate_gets_no_answer_at_all(
    tmp_path: Path, shown: Shown | None
) -> None:
    depot = an_encrypted_depot(tmp_path, security_profile=3)
    async with a_gateway(tmp_path, depot) as gateway:
        await breaks_off(gateway, tls=a_client(shown))


async def test_a_charger_that_does_not_trust_the_gateway_stays_away(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, an_encrypted_depot(tmp_path)) as gateway:
        await breaks_off(gateway, tls=a_client(trusts="of somebody else"))


async def test_an_encrypted_gateway_speaks_with_nobody_in_the_clear(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, an_encrypted_depot(tmp_path)) as gateway:
        reader, writer = await asyncio.open_connection(gateway.ocpp.host, gateway.ocpp.port)
        writer.write(b"GET /CP1 HTTP/1.1\r\nHost: depot\r\n\r\n")
        assert b"HTTP" not in await reader.read()
        writer.close()


def with_versions(change: Callable[[ssl.SSLContext], None]) -> ssl.SSLContext:
    context = a_client()
    change(context)
    return context


def only_tls_11(context: ssl.SSLContext) -> None:
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1


def only_tls_12(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2


async def test_tls_below_12_is_refused_and_12_is_served(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, an_encrypted_depot(tmp_path)) as gateway:
        await breaks_off(gateway, tls=with_versions(only_tls_11))
        async with a_charge_point(gateway, tls=with_versions(only_tls_12)) as charge_point:
            assert charge_point.socket.transport.get_extra_info("cipher")[1] == "TLSv1.2"
            assert charge_point.socket.transport.get_extra_info("compression") is None
            assert (await charge_point.boot())["status"] == "Accepted"


@pytest.mark.parametrize(
    "suite",
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    ],
)
async def test_each_suite_that_the_standard_wants_of_a_central_system_is_served(
    tmp_path: Path, suite: str
) -> None:
    def only(context: ssl.SSLContext) -> None:
        only_tls_12(context)
        context.set_ciphers(suite)

    depot = with_rsa_beside_it(tmp_path, an_encrypted_depot(tmp_path))
    async with (
        a_gateway(tmp_path, depot) as gateway,
        a_charge_point(gateway, tls=with_versions(only)) as charge_point,
    ):
        assert charge_point.socket.transport.get_extra_info("cipher")[0] == suite
        assert (await charge_point.boot())["status"] == "Accepted"


@pytest.mark.parametrize("profile", [2, 3])
async def test_simulated_charge_points_come_in_encrypted(tmp_path: Path, profile: int) -> None:
    depot = an_encrypted_depot(tmp_path, a_mixed_depot(), security_profile=profile)
    journal = a_journal(tmp_path)
    async with a_gateway(tmp_path, depot, journal=journal) as gateway:
        running = asyncio.create_task(
            simulate(
                depot,
                two_vans(),
                gateway_url=f"wss://{gateway.ocpp}",
                credentials=passwords(depot) if profile == 2 else {},
                trust={name: a_client(Shown(common_name=name) if profile == 3 else None) for name in BOTH},
                timing=Timing(tick_s=0.05, reconnect_s=0.05),
            )
        )
        await eventually(lambda: len(journal.events(kinds=("booted",))) == 2, gateway)
        running.cancel()
        await asyncio.wait([running])
    journal.close()
