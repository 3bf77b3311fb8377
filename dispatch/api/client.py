"""The local API as it is called: the verbs of ``station.py`` over HTTP."""

from __future__ import annotations

import ssl
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from dispatch.address import Address
from dispatch.api.questions import (
    LEASE_HEADER,
    LONGEST_WAIT_S,
    CompositeQuestion,
    MeterQuestion,
    Setting,
    StartQuestion,
)
from dispatch.station import (
    CompositeReply,
    InstalledReply,
    LeaseLostError,
    LiveState,
    ProfileFilter,
    RateUnit,
    Reply,
    SiteReading,
    StationProfile,
    StationsUnreachableError,
    UnsendableError,
    Value,
    VehicleReading,
)

ANSWER_S = 300.0
"""How long a verb may take: a charger's own time-out, and that of the calls that wait before it. [s]"""
CONNECT_S = 5.0
"""How long the gateway may take to be reached, on the same machine. [s]"""

Answer = TypeVar("Answer", bound=Value)


class ApiStations:
    """Implements :class:`dispatch.station.Stations` and ``Listener`` by the API of a gateway; to be used in ``async with``.

    ``trust`` is how an encrypted one is recognised; None: it is not encrypted, and runs on this machine.
    """

    def __init__(self, address: Address, *, token: str, trust: ssl.SSLContext | None = None) -> None:
        self._address = address
        self._client = httpx.AsyncClient(
            base_url=f"{'http' if trust is None else 'https'}://{address}/v1",
            verify=trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # which trusts nobody
            headers={"Authorization": f"Bearer {token}"},
            timeout=_timeout(ANSWER_S),
            limits=httpx.Limits(max_connections=None),  # one request per charger may be under way
            trust_env=False,  # a proxy of the environment does not lead to this machine
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    def write_under(self, lease_token: int) -> None:
        """Ask for changes under a lease of the depot, from now on."""
        self._client.headers[LEASE_HEADER] = str(lease_token)

    async def live(self) -> LiveState:
        """The state of all chargers now."""
        return await self._ask(LiveState, "GET", "/live")

    async def tell_site(self, reading: SiteReading) -> None:
        """Tell what the site's meter shows."""
        await self._ask(SiteReading, "POST", "/site", json=reading.model_dump(mode="json"))

    async def tell_vehicle(self, reading: VehicleReading) -> None:
        """Tell what a vehicle's telematics say."""
        await self._ask(VehicleReading, "POST", "/vehicles", json=reading.model_dump(mode="json"))

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        """Install a profile. Raises UnsendableError for one that must not be sent in its OCPP version."""
        return await self._ask(
            Reply, "POST", f"{_charger(charger_id)}/profiles", json=profile.model_dump(mode="json")
        )

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        """Remove a profile by its id."""
        return await self._ask(Reply, "DELETE", f"{_charger(charger_id)}/profiles/{profile_id}")

    async def clear_profiles(self, charger_id: str, wanted: ProfileFilter) -> Reply:
        """Remove every profile that a filter means. Raises UnsendableError for a filter that must not be sent."""
        path = f"{_charger(charger_id)}/clear-profiles"
        return await self._ask(Reply, "POST", path, json=wanted.model_dump(mode="json"))

    async def installed_profiles(self, charger_id: str) -> InstalledReply:
        """Ask what the station holds."""
        return await self._ask(InstalledReply, "GET", f"{_charger(charger_id)}/profiles")

    async def configure(self, charger_id: str, key: str, value: str) -> Reply:
        """Set a configuration key. Raises UnsendableError for a key or value that cannot be sent."""
        setting = Setting(key=key, value=value)
        path = f"{_charger(charger_id)}/configuration"
        return await self._ask(Reply, "POST", path, json=setting.model_dump())

    async def start_transaction(
        self, charger_id: str, *, connector_id: int, id_tag: str, profile: StationProfile | None = None
    ) -> Reply:
        """Ask the station to begin a session. Raises UnsendableError for a profile that must not go with it."""
        question = StartQuestion(connector_id=connector_id, id_tag=id_tag, profile=profile)
        path = f"{_charger(charger_id)}/transactions"
        return await self._ask(Reply, "POST", path, json=question.model_dump(mode="json"))

    async def reset(self, charger_id: str) -> Reply:
        """Ask the station to start anew."""
        return await self._ask(Reply, "POST", f"{_charger(charger_id)}/reset")

    async def disconnect(self, charger_id: str) -> Reply:
        """Close the station's socket."""
        return await self._ask(Reply, "POST", f"{_charger(charger_id)}/disconnect")

    async def composite_schedule(
        self, charger_id: str, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the station will allow from now on."""
        question = CompositeQuestion(connector_id=connector_id, duration_s=duration_s, unit=unit)
        path = f"{_charger(charger_id)}/composite-schedule"
        return await self._ask(CompositeReply, "POST", path, json=question.model_dump())

    async def trigger_meter_values(self, charger_id: str, *, connector_id: int) -> Reply:
        """Ask for a meter reading now."""
        question = MeterQuestion(connector_id=connector_id)
        path = f"{_charger(charger_id)}/trigger-meter-values"
        return await self._ask(Reply, "POST", path, json=question.model_dump())

    async def wait_for_change(self, *, after: datetime, timeout_s: float) -> LiveState:
        """The live state as soon as an event later than ``after`` has arrived, or when the time is over."""
        wait_s = min(timeout_s, LONGEST_WAIT_S)
        return await self._ask(
            LiveState,
            "GET",
            "/changes",
            params={"after": after.isoformat(), "timeout_s": wait_s},
            timeout=_timeout(wait_s + CONNECT_S),
        )

    async def _ask(self, kind: type[Answer], method: str, path: str, **options: Any) -> Answer:
        where = f"the gateway at {self._address}"
        if self._client.is_closed:
            raise StationsUnreachableError(f"the connection to {where} has been closed")
        try:
            response = await self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise StationsUnreachableError(f"{where} cannot be reached: {_cause(error)}") from error
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise StationsUnreachableError(f"{where} refuses the token")
        if response.status_code == httpx.codes.FORBIDDEN:
            raise StationsUnreachableError(f"{where} refuses the token: {response.json().get('detail')}")
        if response.status_code == httpx.codes.CONFLICT:
            raise LeaseLostError(f"{where} lets nothing through: {response.json().get('detail')}")
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise UnsendableError(f"{where} cannot send this: {response.text}")
        try:
            response.raise_for_status()
            return kind.model_validate_json(response.content)
        except (httpx.HTTPStatusError, ValidationError) as error:
            raise StationsUnreachableError(f"{where} does not answer as one: {error}") from error


def _timeout(read_s: float) -> httpx.Timeout:
    return httpx.Timeout(connect=CONNECT_S, write=CONNECT_S, read=read_s, pool=None)


def _charger(charger_id: str) -> str:
    return f"/chargers/{quote(charger_id, safe='')}"


def _cause(error: Exception) -> str:
    """What went wrong, in words; time-outs have none of their own."""
    said = " ".join(str(error).split())
    return f"{said[0].lower()}{said[1:]}" if said else type(error).__name__
