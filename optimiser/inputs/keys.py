"""What keys of depot.yaml and columns of CSV files are made of: kinds of ids, times and quantities."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Door(BaseModel):
    """A mapping that rejects unknown keys and values of another kind."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def wrong(*, found: str, allowed: str) -> PydanticCustomError:
    """A complaint about values side by side, which the translation to problems passes on as it is."""
    return PydanticCustomError("together", "{found}; {allowed}", {"found": found, "allowed": allowed})


def _with_real_port(address: str) -> str:
    port = int(address.rpartition(":")[2])
    if port > 65535:
        raise wrong(found=f"port {port}", allowed="a port from 0 to 65535")
    return address


def is_this_machine(host: str) -> bool:
    """Whether a host is a loopback address, to which nobody can listen on the way."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def minute_of(text: str) -> int:
    """Minutes after midnight of ``HH:MM``."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


ID_PATTERN = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
"""Not empty, no control characters, no space at either end."""

Id = Annotated[str, Field(max_length=100, pattern=ID_PATTERN)]
ChargerId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,47}$")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
EndOfBand = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Address = Annotated[
    str,
    Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[^\s:/]+):[0-9]{1,5}$"),
    AfterValidator(_with_real_port),
]
Kw = Annotated[float, Field(ge=0, le=100_000)]
PerKwh = Annotated[float, Field(ge=-1000, le=1000)]
