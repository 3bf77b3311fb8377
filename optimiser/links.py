"""What a depot is linked with beside its chargers: a broker that tells of site and vehicles, people who are told.

Plain values, checked where they are read (:mod:`optimiser.inputs`). Secrets are named, never held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Secret:
    """Where a secret is found: in a file, relative to the depot's folder, or in a variable of the environment."""

    file: str | None = None
    env: str | None = None


@dataclass(frozen=True, kw_only=True)
class MqttSettings:
    """A broker, and the topics on which the site's meter and vehicles' telematics speak.

    On ``site_topic`` stands all that the site draws, on ``base_load_topic`` what it draws beside its chargers; plain
    numbers are in ``power_unit``. ``vehicle_topic`` has ``{vehicle_id}`` in the place of the vehicle's name.
    """

    broker: str
    tls: bool = False
    ca: str | None = None
    user: str | None = None
    password: Secret | None = None
    client_id: str | None = None
    site_topic: str | None = None
    base_load_topic: str | None = None
    vehicle_topic: str | None = None
    power_unit: Literal["kW", "W"] = "kW"


@dataclass(frozen=True, kw_only=True)
class EmailSettings:
    """A mail server and the addresses between which alerts go."""

    host: str
    port: int
    encryption: Literal["starttls", "tls", "none"]
    sender: str
    to: tuple[str, ...]
    ca: str | None = None
    user: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class AlertSettings:
    """Who is told of alerts; ``repeat_minutes`` is how often, until somebody has acknowledged one; 0: once."""

    webhook: Secret | None = None
    email: EmailSettings | None = None
    repeat_minutes: int = 0
