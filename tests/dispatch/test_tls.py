from __future__ import annotations

import asyncio
import os
from asyncio.sslproto import SSLProtocol
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from dispatch.tls import READ_BYTES, KeyPair, TlsError, common_name, server_context, spare_memory, trusting
from tests.dispatch.gateway.tls_builders import CERTIFICATE, CLIENT_CA, KEY, an_authority, write_gateway_files

NOW = datetime.now(UTC)


def problems(folder: Path, *, now: datetime = NOW, client_ca: str | None = CLIENT_CA) -> list[str]:
    with pytest.raises(TlsError) as caught:
        make(folder, now=now, client_ca=client_ca)
    return [text.replace(f"{folder}{os.sep}", "") for text in caught.value.problems]


def make(folder: Path, *, now: datetime = NOW, client_ca: str | None = CLIENT_CA) -> None:
    server_context(
        pairs=[KeyPair(certificate=folder / CERTIFICATE, key=folder / KEY)],
        client_ca=None if client_ca is None else folder / client_ca,
        now=now,
    )


def test_files_that_are_in_order_make_a_context(tmp_path: Path) -> None:
    write_gateway_files(tmp_path)
    make(tmp_path)
    make(tmp_path, client_ca=None)


def test_all_files_that_are_missing_are_named_at_once(tmp_path: Path) -> None:
    assert problems(tmp_path) == [
        f"gateway.tls.certificate: {CERTIFICATE} cannot be read: No such file or directory",
        f"gateway.tls.key: {KEY} cannot be read: No such file or directory",
        f"gateway.tls.client_ca: {CLIENT_CA} cannot be read: No such file or directory",
    ]


def test_a_certificate_that_has_expired_is_said_with_its_day(tmp_path: Path) -> None:
    end = datetime(2025, 3, 1, tzinfo=UTC)
    write_gateway_files(tmp_path, not_before=end - timedelta(days=90), not_after=end)
    assert problems(tmp_path) == [f"gateway.tls.certificate: {CERTIFICATE}: expired on 2025-03-01"]
    make(tmp_path, now=end - timedelta(days=1))


def test_a_certificate_that_is_not_valid_yet_is_said_with_its_day(tmp_path: Path) -> None:
    begin = NOW + timedelta(days=2)
    write_gateway_files(tmp_path, not_before=begin)
    assert problems(tmp_path) == [f"gateway.tls.certificate: {CERTIFICATE}: is not valid before {begin:%F}"]


def test_a_key_to_another_certificate_is_said(tmp_path: Path) -> None:
    write_gateway_files(tmp_path)
    an_authority("of the gateway").issue_cert("elsewhere").private_key_pem.write_to_path(str(tmp_path / KEY))
    assert problems(tmp_path) == [
        f"gateway.tls.certificate: {CERTIFICATE} and {KEY}: the key does not fit the certificate"
    ]


def test_a_key_that_somebody_would_have_to_be_asked_for_is_said(tmp_path: Path) -> None:
    write_gateway_files(tmp_path)
    key = load_pem_private_key((tmp_path / KEY).read_bytes(), password=None)
    (tmp_path / KEY).write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    (problem,) = problems(tmp_path)
    assert "the key is encrypted" in problem


def test_files_that_are_no_certificates_are_said_all_at_once(tmp_path: Path) -> None:
    for name in (CERTIFICATE, KEY, CLIENT_CA):
        (tmp_path / name).write_text("nothing of the kind\n")
    certificate, authority = problems(tmp_path)
    assert certificate.startswith("gateway.tls.certificate")
    assert authority.startswith("gateway.tls.client_ca")


def test_an_authority_that_is_none_is_said(tmp_path: Path) -> None:
    write_gateway_files(tmp_path)
    an_authority("of the gateway").issue_cert("leaf").cert_chain_pems[0].write_to_path(
        str(tmp_path / CLIENT_CA)
    )
    (problem,) = problems(tmp_path)
    assert problem.endswith("holds no certificate of an authority")


def test_an_authority_that_has_expired_is_said(tmp_path: Path) -> None:
    write_gateway_files(tmp_path)
    late = datetime(9000, 1, 1, tzinfo=UTC)
    assert any(problem.startswith("gateway.tls.client_ca") for problem in problems(tmp_path, now=late))


def test_a_folder_in_the_place_of_a_file_is_said(tmp_path: Path) -> None:
    write_gateway_files(tmp_path)
    (tmp_path / KEY).unlink()
    (tmp_path / KEY).mkdir()
    assert problems(tmp_path) == [f"gateway.tls.key: {KEY} cannot be read: Is a directory"]


def test_a_certificate_that_nobody_can_trust_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "none.pem"
    with pytest.raises(TlsError, match=r"none\.pem"):
        trusting(path)
    path.write_text("nothing of the kind")
    with pytest.raises(TlsError, match=r"none\.pem"):
        trusting(path)


def test_of_a_certificate_with_two_names_none_counts() -> None:
    def a_certificate(*names: str) -> dict[str, object]:
        return {"subject": ((("organizationName", "o"),), *((("commonName", name),) for name in names))}

    assert common_name(a_certificate("CP1")) == "CP1"
    assert common_name(a_certificate("CP1", "CP2")) is None
    assert common_name(a_certificate()) is None
    assert common_name(None) is None
    assert common_name({}) is None


def test_what_is_wrong_with_a_second_certificate_is_said_beside_the_first(tmp_path: Path) -> None:
    pairs = [
        KeyPair(certificate=tmp_path / f"{name}.pem", key=tmp_path / f"{name}.key") for name in ("a", "b")
    ]
    with pytest.raises(TlsError) as caught:
        server_context(pairs=pairs, client_ca=None, now=NOW)
    named = [problem.partition(":")[0] for problem in caught.value.problems]
    assert named == [
        "gateway.tls.certificate",
        "gateway.tls.key",
        "gateway.tls.second_certificate",
        "gateway.tls.second_key",
    ]


def test_an_rsa_certificate_serves_as_well(tmp_path: Path) -> None:
    write_gateway_files(tmp_path)
    issued = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("localhost", key_type=trustme.KeyType.RSA)
    (tmp_path / CERTIFICATE).write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(tmp_path / KEY))
    make(tmp_path)


async def test_an_encrypted_connection_reads_a_little_at_a_time_and_all_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SSLProtocol, "max_size", SSLProtocol.max_size)
    spare_memory()
    write_gateway_files(tmp_path)
    tls = server_context(
        pairs=[KeyPair(certificate=tmp_path / CERTIFICATE, key=tmp_path / KEY)], client_ca=None, now=NOW
    )
    received = asyncio.Future[bytes]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        trust = trusting(tmp_path / CERTIFICATE)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="depot")
        assert len(buffer_of(writer)) == READ_BYTES
        writer.write(b"x" * 100_000)
        writer.close()
        assert await received == b"x" * 100_000


def buffer_of(writer: asyncio.StreamWriter) -> bytearray:
    buffer: bytearray = vars(writer.transport)["_ssl_protocol"]._ssl_buffer
    return buffer
