"""Encryption of the gateway's doors: contexts made from files, what is wrong with the files, and how to trust them.

It alone knows OpenSSL's settings. TLS 1.2 and above, no compression, and the four suites that a central system has to
serve (1.6 security whitepaper A00.FR.317, 2.0.1 Part 2 A00.FR.318). Two of them exchange keys by RSA alone, which
Python leaves out: chargers know no others, and they come last. Clients choose TLS 1.3 where they know it.
"""

from __future__ import annotations

import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384"
"""Suites of TLS 1.2, the better ones first; those of 1.3 are OpenSSL's own."""

READ_BYTES = 2**12
"""How much an encrypted connection reads at a time; what chargers say at once is seldom longer."""

_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: times are read and compared here, with the caller's clock."""


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """Files of a certificate and the key to it."""

    certificate: Path
    key: Path


class TlsError(Exception):
    """The files cannot be used; ``problems`` are all that are wrong with them."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def server_context(
    *, pairs: Sequence[KeyPair], client_ca: Path | None, now: datetime, name: str = "gateway.tls"
) -> ssl.SSLContext:
    """How the gateway shows who it is; with ``client_ca`` every client must show a certificate of that authority.

    Of several pairs, each of another kind of key, a client is shown the one that it can use. Raises
    :class:`TlsError` with all that is missing, unreadable, unfit or not valid ``now``.
    """
    problems: list[str] = []
    context = _bare_context()
    for pair, prefix in zip(pairs, ("", "second_"), strict=False):
        problems += _load(context, pair, where=f"{name}.{prefix}", now=now)
    if client_ca is not None:
        problems += _trust(context, client_ca, where=f"{name}.client_ca", now=now)
    if problems:
        raise TlsError(*problems)
    return context


def trusting(*certificates: Path) -> ssl.SSLContext:
    """How a client of our own trusts a gateway: by its certificates themselves, under whatever name it runs.

    Raises :class:`TlsError` for a file that is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # who holds the key to this very certificate is the gateway
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for certificate in certificates:
        try:
            context.load_verify_locations(certificate)
        except (OSError, ssl.SSLError) as error:
            raise TlsError(f"{certificate}: {_because(error)}") from error
    return context


def spare_memory() -> None:
    """Let encrypted connections of this process read a few kilobytes at a time.

    asyncio gives each of them 256 KiB to read into, for as long as it is open: a quarter of a gigabyte for a thousand
    chargers that send a kilobyte a minute.
    """
    SSLProtocol.max_size = READ_BYTES


def common_name(certificate: Mapping[str, Any] | None) -> str | None:
    """The CN of a certificate as ``getpeercert`` gives it; None without one, or with more than one."""
    return _subject(certificate, "commonName")


def organization(certificate: Mapping[str, Any] | None) -> str | None:
    """The O of a certificate as ``getpeercert`` gives it; None without one, or with more than one."""
    return _subject(certificate, "organizationName")


def _subject(certificate: Mapping[str, Any] | None, field: str) -> str | None:
    subject = () if certificate is None else certificate.get("subject", ())
    names = [value for part in subject for name, value in part if name == field]
    return names[0] if len(names) == 1 else None


def _bare_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    return context


def _load(context: ssl.SSLContext, pair: KeyPair, *, where: str, now: datetime) -> list[str]:
    """Load a certificate with its key; ``where`` is what their names in ``depot.yaml`` begin with."""
    files = {"certificate": pair.certificate, "key": pair.key}
    missing = [
        f"{where}{part}: {path} {reason}" for part, path in files.items() if (reason := _unreadable(path))
    ]
    if missing:
        return missing
    alone = _bare_context()  # of several, a client would be shown but one
    try:
        for each in (alone, context):
            each.load_cert_chain(pair.certificate, pair.key, password=_no_passphrase)
        shown = _shown_by(alone, pair.certificate)
    except (ssl.SSLError, ValueError) as error:
        return [f"{where}certificate: {pair.certificate} and {pair.key}: {_because(error)}"]
    return _expired(f"{where}certificate: {pair.certificate}", [shown], now)


def _trust(context: ssl.SSLContext, client_ca: Path, *, where: str, now: datetime) -> list[str]:
    reason = _unreadable(client_ca)
    if reason:
        return [f"{where}: {client_ca} {reason}"]
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(client_ca)
    except ssl.SSLError as error:
        return [f"{where}: {client_ca}: {_because(error)}"]
    authorities = context.get_ca_certs()
    if not authorities:
        return [f"{where}: {client_ca}: holds no certificate of an authority"]
    return _expired(f"{where}: {client_ca}", authorities, now)


def _shown_by(context: ssl.SSLContext, certificate: Path) -> Mapping[str, Any]:
    """The certificate that a server shows, read by a client in memory: Python reads none from a file."""
    client = trusting(certificate)
    client.verify_flags |= _NO_CHECK_TIME
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server),
        context.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):  # hello, answer, finished, and one for the slower end
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0].getpeercert() or {}


def _expired(where: str, certificates: Iterable[Mapping[str, Any]], now: datetime) -> list[str]:
    problems: list[str] = []
    for shown in certificates:
        begin, end = (
            datetime.fromtimestamp(ssl.cert_time_to_seconds(shown[field]), UTC)
            for field in ("notBefore", "notAfter")
        )
        if now > end:
            problems.append(f"{where}: expired on {end:%F}")
        elif now < begin:
            problems.append(f"{where}: is not valid before {begin:%F}")
    return problems


def _unreadable(path: Path) -> str:
    try:
        with path.open("rb"):
            return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _no_passphrase() -> NoReturn:
    raise ValueError("the key is encrypted; one that nobody has to be asked for is allowed")


def _because(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        words = (error.reason or "is no PEM file of a certificate or key").lower().replace("_", " ")
        return "the key does not fit the certificate" if words == "key values mismatch" else words
    return str(error)
