"""What is asked over the local API in a request's body, as both of its ends read it."""

from __future__ import annotations

from pydantic import Field

from dispatch.station import RateUnit, StationProfile, Value

LEASE_HEADER = "Depot-Lease"
"""Under which lease of the depot a change is asked for: its token."""
LONGEST_WAIT_S = 3600.0
"""Longest time for which a change is waited for in one request. [s]"""


class Refused(Value):
    """Why a request was not even looked at."""

    detail: str


class CompositeQuestion(Value):
    """A question for a composite schedule."""

    connector_id: int = Field(ge=0, strict=True)
    duration_s: int = Field(gt=0, strict=True)
    unit: RateUnit


class MeterQuestion(Value):
    """A question for meter values."""

    connector_id: int = Field(ge=0, strict=True)


class Setting(Value):
    """A configuration key and the value that it shall have."""

    key: str
    value: str


class StartQuestion(Value):
    """A session to be begun."""

    connector_id: int = Field(ge=0, strict=True)
    id_tag: str
    profile: StationProfile | None = None
