"""Who may ask the API what, and where it listens."""

from __future__ import annotations

import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from dispatch import api
from dispatch.address import Address
from dispatch.api.server import MOST_BODY_BYTES, serving_api
from dispatch.api.token import ApiTokens, Role, read_or_create_tokens
from dispatch.gateway import GatewaySettingsError, entrance_of, running
from dispatch.station import StationsUnreachableError
from dispatch.tls import KeyPair, TlsError, trusting
from optimiser.depot import Depot
from tests.dispatch.gateway.tls_builders import CERTIFICATE, KEY, an_encrypted_depot
from tests.dispatch.gateway_builders import NOW, TOKENS, a_journal, a_listening_depot, an_entrance
from tests.dispatch.test_api import Recorded

ANY_PORT = Address(host="127.0.0.1", port=0)
PATHS = {
    Role.READ: [
        ("GET", "/live"),
        ("GET", "/openapi.json"),
        ("GET", "/changes?after=2025-11-10T19:30:00Z&timeout_s=0"),
        ("GET", "/chargers/CP1/profiles"),
        ("POST", "/chargers/CP1/composite-schedule"),
        ("POST", "/chargers/CP1/trigger-meter-values"),
    ],
    Role.DISPATCH: [
        ("POST", "/chargers/CP1/profiles"),
        ("DELETE", "/chargers/CP1/profiles/7"),
        ("POST", "/chargers/CP1/transactions"),
    ],
    Role.ADMIN: [
        ("POST", "/chargers/CP1/clear-profiles"),
        ("POST", "/chargers/CP1/configuration"),
        ("POST", "/chargers/CP1/reset"),
        ("POST", "/chargers/CP1/disconnect"),
    ],
}


@asynccontextmanager
async def a_client(role: Role | None, *, key_pair: KeyPair | None = None) -> AsyncIterator[httpx.AsyncClient]:
    headers = {} if role is None else {"Authorization": f"Bearer {TOKENS.of[role]}"}
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if key_pair is None else trusting(key_pair.certificate)
    async with (
        serving_api(Recorded(), address=ANY_PORT, tokens=TOKENS, key_pair=key_pair) as address,
        httpx.AsyncClient(
            base_url=f"http{'' if key_pair is None else 's'}://{address}/v1", headers=headers, verify=verify
        ) as client,
    ):
        yield client


@pytest.mark.parametrize("role", [None, *Role])
async def test_a_role_allows_what_it_says_and_what_the_lower_ones_do(role: Role | None) -> None:
    async with a_client(role) as client:
        for needed, paths in PATHS.items():
            for method, path in paths:
                status = (await client.request(method, path, json={})).status_code
                if role is None:
                    assert status == 401
                elif role < needed:
                    assert status == 403
                else:
                    assert status in {200, 422}


async def test_who_is_refused_for_a_role_is_told_which() -> None:
    async with (
        serving_api(Recorded(), address=ANY_PORT, tokens=TOKENS) as address,
        api.ApiStations(address, token=TOKENS.of[Role.READ]) as stations,
    ):
        assert (await stations.live()).now == NOW
        with pytest.raises(StationsUnreachableError, match="a token of the role admin"):
            await stations.reset("CP1")


async def test_a_body_that_is_too_large_is_refused_also_in_pieces() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * (MOST_BODY_BYTES // 10)

    async with a_client(None) as client:
        for content in (b"x" * (MOST_BODY_BYTES + 1), pieces()):
            response = await client.post("/chargers/CP1/profiles", content=content)
            assert response.status_code == 413


def test_each_role_has_a_token_of_its_own_for_its_owner_alone(tmp_path: Path) -> None:
    tokens = read_or_create_tokens(tmp_path / "api-token")
    assert {path.name for path in tmp_path.iterdir()} == {"api-token", "api-token-read", "api-token-admin"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(set(tokens.of.values())) == 3
    assert read_or_create_tokens(tmp_path / "api-token") == tokens
    assert tokens.of[Role.ADMIN] not in repr(tokens)


def test_of_two_roles_with_one_token_the_higher_one_counts() -> None:
    tokens = ApiTokens(of={Role.READ: "same", Role.ADMIN: "same", Role.DISPATCH: "another"})
    assert tokens.role_of("same") is Role.ADMIN
    assert tokens.role_of("ünknown") is None


def an_open_depot(folder: Path) -> Depot:
    """A depot whose API listens on all addresses, with a certificate."""
    return an_encrypted_depot(folder, security_profile=1, api="0.0.0.0:0")


async def test_beyond_this_machine_the_api_is_served_encrypted(tmp_path: Path) -> None:
    depot = an_open_depot(tmp_path)
    journal = a_journal(tmp_path)
    tokens = api.tokens_of(depot, tmp_path)
    entrance = an_entrance(tmp_path, depot)
    async with running(depot, journal, entrance=entrance, api_tokens=tokens, clock=lambda: NOW) as gateway:
        at = replace(depot.gateway, api=f"0.0.0.0:{gateway.api.port}")
        async with api.stations_of(replace(depot, gateway=at), tmp_path, role=Role.READ) as stations:
            assert (await stations.live()).now == NOW
        plain = Address(host="127.0.0.1", port=gateway.api.port)
        async with api.ApiStations(plain, token=tokens.of[Role.READ]) as stations:
            with pytest.raises(StationsUnreachableError, match="cannot be reached"):
                await stations.live()
    journal.close()


async def test_a_gateway_with_another_certificate_is_not_trusted(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        an_open_depot(folder)
    pair = KeyPair(certificate=there / CERTIFICATE, key=there / KEY)
    async with serving_api(Recorded(), address=ANY_PORT, tokens=TOKENS, key_pair=pair) as address:
        trust = trusting(here / CERTIFICATE)
        async with api.ApiStations(address, token=TOKENS.of[Role.READ], trust=trust) as stations:
            with pytest.raises(StationsUnreachableError, match="cannot be reached"):
                await stations.live()


def test_without_a_certificate_the_api_stays_on_this_machine(tmp_path: Path) -> None:
    depot = a_listening_depot(security_profile=0, api="0.0.0.0:9001")
    with pytest.raises(GatewaySettingsError, match=r"gateway\.api.*only with gateway\.tls"):
        entrance_of(depot, tmp_path, now=datetime.now(UTC))


def test_a_certificate_that_is_gone_is_said_before_anybody_is_asked(tmp_path: Path) -> None:
    depot = an_open_depot(tmp_path)
    (tmp_path / CERTIFICATE).unlink()
    with pytest.raises(TlsError, match=CERTIFICATE):
        api.stations_of(depot, tmp_path)
