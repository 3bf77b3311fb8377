"""Certificates that are made for a test, a depot that uses them, and clients that show them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import trustme

from optimiser.depot import Depot, TlsFiles
from tests.dispatch.gateway_builders import a_listening_depot

CERTIFICATE, KEY, CLIENT_CA = "gateway.pem", "gateway.key", "chargers-ca.pem"
RSA_CERTIFICATE, RSA_KEY = "gateway-rsa.pem", "gateway-rsa.key"
OWNER = "the operator"


@cache
def an_authority(name: str) -> trustme.CA:
    """An authority, the same one for the same name: making one takes a while."""
    return trustme.CA(organization_name=f"authority {name}")


def write_gateway_files(
    folder: Path, *, not_before: datetime | None = None, not_after: datetime | None = None
) -> TlsFiles:
    """Certificate and key of a gateway on this machine, and the chargers' authority, in a folder."""
    shown = an_authority("of the gateway").issue_cert(
        "localhost", "127.0.0.1", not_before=not_before, not_after=not_after
    )
    (folder / CERTIFICATE).write_bytes(b"".join(blob.bytes() for blob in shown.cert_chain_pems))
    shown.private_key_pem.write_to_path(str(folder / KEY))
    an_authority("of the chargers").cert_pem.write_to_path(str(folder / CLIENT_CA))
    return TlsFiles(certificate=CERTIFICATE, key=KEY, client_ca=CLIENT_CA)


def with_rsa_beside_it(folder: Path, depot: Depot) -> Depot:
    """A depot whose gateway shows an RSA certificate to those that cannot use the other one, which is ECDSA."""
    shown = an_authority("of the gateway").issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.RSA)
    (folder / RSA_CERTIFICATE).write_bytes(b"".join(blob.bytes() for blob in shown.cert_chain_pems))
    shown.private_key_pem.write_to_path(str(folder / RSA_KEY))
    tls = depot.gateway.tls
    assert tls is not None
    both = replace(tls, second_certificate=RSA_CERTIFICATE, second_key=RSA_KEY)
    return replace(depot, gateway=replace(depot.gateway, tls=both))


def an_encrypted_depot(
    folder: Path,
    depot: Depot | None = None,
    *,
    security_profile: int = 2,
    certificate_names: Mapping[str, str] | None = None,
    **settings: Any,
) -> Depot:
    """A depot whose gateway has its certificate in a folder."""
    depot = a_listening_depot(depot, security_profile=security_profile, **settings)
    tls = write_gateway_files(folder)
    return replace(depot, gateway=replace(depot.gateway, tls=tls, certificate_names=certificate_names or {}))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a client shows: the CN of a certificate and its authority."""

    common_name: str
    authority: str = "of the chargers"
    owner: str = OWNER
    not_after: datetime | None = None


def a_client(shown: Shown | None = None, *, trusts: str = "of the gateway") -> ssl.SSLContext:
    """A client that trusts an authority, with a certificate of its own where it shows one."""
    context = ssl.create_default_context()
    an_authority(trusts).configure_trust(context)
    if shown is not None:
        issued = an_authority(shown.authority).issue_cert(
            f"{shown.common_name}.invalid",
            common_name=shown.common_name,
            organization_name=shown.owner,
            not_after=shown.not_after,
        )
        issued.configure_cert(context)
    return context
