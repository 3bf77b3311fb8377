"""Who may come in: the gateway's settings checked, the chargers' passwords read and compared."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dispatch.address import Address, parse_address
from optimiser.depot import Depot

SERVED_PROFILES = (0, 1)
"""Security profiles of OCPP that are served: none, and HTTP Basic authentication."""
HEX_KEY_LENGTH = 40
"""An AuthorizationKey may be written as 40 hexadecimal digits; chargers send the 20 bytes that they stand for."""


class GatewaySettingsError(Exception):
    """The gateway cannot be started as it is set up; ``problems`` are all that are wrong with it."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_credentials(path: Path) -> dict[str, str]:
    """The chargers' passwords: a YAML mapping of charger id to password. Raises :class:`GatewaySettingsError`."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise GatewaySettingsError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise GatewaySettingsError(f"{path}: is no YAML: {error}") from error
    if not isinstance(document, dict) or not document:
        found = "nothing" if not document else f"a {type(document).__name__}"
        raise GatewaySettingsError(f"{path}: found {found}, must be a mapping of charger id to password")
    problems = [
        f"{path}: {charger_id}: the password must be a text that is not empty, in quotes"
        for charger_id, password in document.items()
        if not isinstance(password, str) or not password
    ]
    problems += [
        f"{path}: {key!r}: a charger id must be a text, in quotes"
        for key in document
        if not isinstance(key, str)
    ]
    if problems:
        raise GatewaySettingsError(*problems)
    return dict(document)


def listen_addresses(depot: Depot, credentials: Mapping[str, str]) -> tuple[Address, Address]:
    """Where to listen for chargers and for the API. Raises :class:`GatewaySettingsError` with all problems."""
    settings = depot.gateway
    problems: list[str] = []
    addresses: dict[str, Address] = {}
    for name in ("listen", "api"):
        try:
            addresses[name] = parse_address(getattr(settings, name))
        except ValueError as error:
            problems.append(f"gateway.{name}: {error}")
    if settings.security_profile not in SERVED_PROFILES:
        problems.append(
            f"gateway.security_profile: found {settings.security_profile}, which is not served yet; allowed 0 or 1"
        )
    if settings.security_profile == 0 and "listen" in addresses and not addresses["listen"].is_loopback:
        problems.append(
            f"gateway.listen: found {settings.listen}; without authentication (security_profile 0) only a loopback "
            "address is allowed, such as 127.0.0.1:9000"
        )
    if "api" in addresses and not addresses["api"].is_loopback:
        problems.append(
            f"gateway.api: found {settings.api}, must be a loopback address, such as 127.0.0.1:9001"
        )
    if settings.security_profile == 1:
        without = [charger.id for charger in depot.chargers if not credentials.get(charger.id)]
        if without:
            problems.append(f"gateway.credentials: no password for {', '.join(without)}")
    if problems:
        raise GatewaySettingsError(*problems)
    return addresses["listen"], addresses["api"]


def is_authenticated(header: str | None, *, charger_id: str, password: str) -> bool:
    """Whether an Authorization header is HTTP Basic with the charger's id as user and its password.

    Compared in constant time. The id may contain a colon, so the two are not taken apart.
    """
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    matches = [hmac.compare_digest(given, charger_id.encode() + b":" + key) for key in _keys(password)]
    return any(matches)


def _keys(password: str) -> list[bytes]:
    keys: list[Any] = [password.encode()]
    if len(password) == HEX_KEY_LENGTH:
        try:
            keys.append(bytes.fromhex(password))
        except ValueError:
            return keys
    return keys
