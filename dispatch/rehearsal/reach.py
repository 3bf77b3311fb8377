"""How the dispatcher reaches the gateway in a rehearsed night: not at all while there is none.

It counts what is asked, so that a dispatcher can be killed in the middle of a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol, TypeVar

from dispatch.station import (
    CompositeReply,
    InstalledReply,
    Listener,
    LiveState,
    ProfileFilter,
    RateUnit,
    Reply,
    SiteReading,
    StationProfile,
    Stations,
    StationsUnreachableError,
    VehicleReading,
)

Answer = TypeVar("Answer")


class Holder(Stations, Listener, Protocol):
    """A gateway, as those see it who speak to it from beside."""


class ReachableStations:
    """The verbs of the gateway that runs now; ``gateway`` is None where none does.

    Raises :class:`StationsUnreachableError` where none runs, and where it ends before it has answered.
    ``kill`` ends the one who asks.
    """

    def __init__(self, *, kill: Callable[[], None]) -> None:
        self.gateway: Holder | None = None
        self._kill = kill
        self._fatal_in: int | None = None
        self._orphans: set[asyncio.Future[object]] = set()

    def end_at(self, request: int) -> None:
        """End the one who asks while the answer to the so-many-th request from now on is waited for.

        The gateway is a process of its own and sends that request all the same.
        """
        self._fatal_in = request

    async def live(self) -> LiveState:
        """The state of all chargers now."""
        return await self._holder().live()

    async def wait_for_change(self, *, after: datetime, timeout_s: float) -> LiveState:
        """The live state after a change, or when the time is over."""
        holder = self._holder()
        return self._still(holder, await holder.wait_for_change(after=after, timeout_s=timeout_s))

    async def tell_site(self, reading: SiteReading) -> None:
        """What the site's meter shows."""
        await self._holder().tell_site(reading)

    async def tell_vehicle(self, reading: VehicleReading) -> None:
        """What a vehicle's telematics say."""
        await self._holder().tell_vehicle(reading)

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        """Install a profile."""
        return await self._ask(lambda holder: holder.set_profile(charger_id, profile))

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        """Remove a profile by its id."""
        return await self._ask(lambda holder: holder.clear_profile(charger_id, profile_id))

    async def clear_profiles(self, charger_id: str, wanted: ProfileFilter) -> Reply:
        """Remove every profile that a filter means."""
        return await self._ask(lambda holder: holder.clear_profiles(charger_id, wanted))

    async def installed_profiles(self, charger_id: str) -> InstalledReply:
        """Ask what the station holds."""
        return await self._ask(lambda holder: holder.installed_profiles(charger_id))

    async def composite_schedule(
        self, charger_id: str, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the station will allow from now on."""
        return await self._ask(
            lambda holder: holder.composite_schedule(
                charger_id, connector_id=connector_id, duration_s=duration_s, unit=unit
            )
        )

    async def configure(self, charger_id: str, key: str, value: str) -> Reply:
        """Set a configuration key."""
        return await self._ask(lambda holder: holder.configure(charger_id, key, value))

    async def start_transaction(
        self, charger_id: str, *, connector_id: int, id_tag: str, profile: StationProfile | None = None
    ) -> Reply:
        """Ask the station to begin a session."""
        return await self._ask(
            lambda holder: holder.start_transaction(
                charger_id, connector_id=connector_id, id_tag=id_tag, profile=profile
            )
        )

    async def reset(self, charger_id: str) -> Reply:
        """Ask the station to start anew."""
        return await self._ask(lambda holder: holder.reset(charger_id))

    async def disconnect(self, charger_id: str) -> Reply:
        """Close a station's socket."""
        return await self._ask(lambda holder: holder.disconnect(charger_id))

    async def trigger_meter_values(self, charger_id: str, *, connector_id: int) -> Reply:
        """Ask for a meter reading now."""
        return await self._ask(
            lambda holder: holder.trigger_meter_values(charger_id, connector_id=connector_id)
        )

    async def _ask(self, verb: Callable[[Stations], Coroutine[Any, Any, Answer]]) -> Answer:
        holder = self._holder()
        if self._fatal_in is not None:
            self._fatal_in -= 1
            if self._fatal_in <= 0:
                await self._die_with(verb(holder))
        return self._still(holder, await verb(holder))

    async def _die_with(self, request: Coroutine[Any, Any, object]) -> None:
        self._fatal_in = None
        orphan = asyncio.ensure_future(request)
        self._orphans.add(orphan)
        orphan.add_done_callback(self._orphans.discard)
        await asyncio.sleep(0)  # the request is under way
        self._kill()
        await asyncio.Event().wait()

    def _holder(self) -> Holder:
        if self.gateway is None:
            raise StationsUnreachableError("there is no gateway")
        return self.gateway

    def _still(self, holder: Stations, answer: Answer) -> Answer:
        """What a gateway has answered, if it lived to say so."""
        if self.gateway is not holder:
            raise StationsUnreachableError("the gateway has ended")
        return answer
