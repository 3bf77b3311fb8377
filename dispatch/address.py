"""Addresses to listen on, as ``depot.yaml`` writes them: ``host:port``."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Address:
    """A host (name or IP address) and a port; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def from_here(self) -> Address:
        """Where this machine itself finds somebody who listens at it: one on all addresses, also on loopback."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked about, not listened on
        return Address(host=everywhere.get(self.host, self.host), port=self.port)


def parse_address(text: str) -> Address:
    """An address from ``host:port`` or ``[IPv6]:port``. Raises ValueError."""
    problem = f"found {text!r}, must be host:port, such as 127.0.0.1:9000"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(problem) from error
    if host is None or port is None or parts.path or parts.username is not None:
        raise ValueError(problem)
    return Address(host=host, port=port)
