"""Who may come in, and where: the gateway's settings with all the files that they name, checked before a door opens."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dispatch.address import Address, parse_address
from dispatch.credentials import Credentials, CredentialsError, HashedPassword, read_credentials
from dispatch.tls import KeyPair, TlsError, server_context
from optimiser.depot import Depot, GatewaySettings


class GatewaySettingsError(Exception):
    """The gateway cannot be started as it is set up; ``problems`` are all that are wrong with it."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """Where chargers and the dispatcher come in, and what both sides show each other there.

    ``tls`` is None where the chargers' sockets are not encrypted (security profiles 0 and 1), ``api_tls`` where the
    API is for this machine alone.
    """

    listen: Address
    api: Address
    credentials: Credentials = field(default=dict, repr=False)
    tls: ssl.SSLContext | None = None
    api_tls: KeyPair | None = None

    @property
    def scheme(self) -> str:
        """What the chargers' address begins with."""
        return "ws" if self.tls is None else "wss"


def entrance_of(
    depot: Depot, folder: Path, *, now: datetime, warn: Callable[[str], None] = lambda _: None
) -> Entrance:
    """Read and check all that the gateway needs; paths are relative to the depot's folder.

    Raises :class:`GatewaySettingsError` with all problems. ``warn`` is told of a credentials file that has changed
    later on and cannot be read: what was read before holds until it can.
    """
    settings = depot.gateway
    problems: list[str] = []
    addresses = _addresses(settings, problems)
    api_is_open = "api" in addresses and not addresses["api"].is_loopback
    tls = _tls(settings, folder, now, problems, is_needed=settings.security_profile >= 2 or api_is_open)
    credentials: Credentials = dict
    if settings.security_profile in {1, 2}:
        credentials = _credentials(depot, folder, problems, warn)
    known = {charger.id for charger in depot.chargers}
    problems += [
        f"gateway.certificate_names: found {name}, which is no charger of this depot"
        for name in settings.certificate_names
        if name not in known
    ]
    if problems:
        raise GatewaySettingsError(*problems)
    api_tls = None
    if api_is_open and settings.tls is not None:
        api_tls = KeyPair(certificate=folder / settings.tls.certificate, key=folder / settings.tls.key)
    return Entrance(
        listen=addresses["listen"],
        api=addresses["api"],
        credentials=credentials,
        tls=tls if settings.security_profile >= 2 else None,
        api_tls=api_tls,
    )


class CredentialsFile:
    """The chargers' passwords as they stand in their file now: one that was rotated counts from the next login on."""

    def __init__(self, path: Path, *, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        self._stamp = _stamp(path)
        self._read = read_credentials(path)

    def __call__(self) -> Mapping[str, HashedPassword]:
        """What is known of the passwords now."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._read = read_credentials(self._path)
            except CredentialsError as error:
                self._warn(f"the passwords known before hold: {error}")
        return self._read


def _addresses(settings: GatewaySettings, problems: list[str]) -> dict[str, Address]:
    addresses: dict[str, Address] = {}
    for name in ("listen", "api"):
        try:
            addresses[name] = parse_address(getattr(settings, name))
        except ValueError as error:
            problems.append(f"gateway.{name}: {error}")
    is_open = "listen" in addresses and not addresses["listen"].is_loopback
    if settings.security_profile == 0 and is_open and not settings.allow_unauthenticated:
        problems.append(
            f"gateway.listen: found {settings.listen}; without authentication (security_profile 0) only a loopback "
            "address is allowed, such as 127.0.0.1:9000, unless gateway.allow_unauthenticated is true"
        )
    if "api" in addresses and not addresses["api"].is_loopback and settings.tls is None:
        problems.append(
            f"gateway.api: found {settings.api}; beyond this machine only with gateway.tls, else a loopback address "
            "such as 127.0.0.1:9001"
        )
    return addresses


def _tls(
    settings: GatewaySettings, folder: Path, now: datetime, problems: list[str], *, is_needed: bool
) -> ssl.SSLContext | None:
    profile = settings.security_profile
    files = settings.tls
    if files is None or (profile == 3 and files.client_ca is None):
        if profile >= 2:
            missing = "gateway.tls" if files is None else "gateway.tls.client_ca"
            problems.append(f"{missing}: found nothing, security_profile {profile} needs it")
        return None
    if not is_needed:
        return None
    try:
        return server_context(
            pairs=[
                KeyPair(certificate=folder / certificate, key=folder / key)
                for certificate, key in files.pairs()
            ],
            client_ca=folder / str(files.client_ca) if profile == 3 else None,
            now=now,
        )
    except TlsError as error:
        problems.extend(error.problems)
        return None


def _credentials(depot: Depot, folder: Path, problems: list[str], warn: Callable[[str], None]) -> Credentials:
    name = depot.gateway.credentials
    if name is None:
        problems.append("gateway.credentials: names no file; allowed is one such as credentials.yaml")
        return dict
    if not (folder / name).exists():
        problems.append(
            f"gateway.credentials: {folder / name} is not there; make it with: depot credentials add"
        )
        return dict
    try:
        credentials = CredentialsFile(folder / name, warn=warn)
    except CredentialsError as error:
        problems.extend(f"gateway.credentials: {problem}" for problem in error.problems)
        return dict
    without = [charger.id for charger in depot.chargers if charger.id not in credentials()]
    if without:
        problems.append(
            f"gateway.credentials: no password for {', '.join(without)}; make them with: depot credentials add"
        )
    return credentials


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)
