"""The verbs of ``station.py`` on live sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dispatch.connection import CallAnswer, Ending
from dispatch.gateway.live import Clock, LiveDepot
from dispatch.gateway.session import Session
from dispatch.ocpp16 import requests
from dispatch.station import CompositeReply, LiveState, RateUnit, Reply, StationProfile


@dataclass(frozen=True, kw_only=True)
class SocketStations:
    """Implements :class:`dispatch.station.Stations`; ``sessions`` are the chargers that are connected now."""

    sessions: Mapping[str, Session]
    live_depot: LiveDepot
    clock: Clock

    async def live(self) -> LiveState:
        """The state of all chargers now."""
        return self.live_depot.state()

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        """Install a profile. Raises ValueError for one that OCPP 1.6 does not know."""
        return requests.reply(
            await self._call(charger_id, requests.set_charging_profile(profile)), at=self.clock()
        )

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        """Remove a profile by its id."""
        answer = await self._call(charger_id, requests.clear_charging_profile(profile_id))
        return requests.clear_reply(answer, at=self.clock())

    async def composite_schedule(
        self, charger_id: str, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the station will allow from now on."""
        request = requests.get_composite_schedule(connector_id=connector_id, duration_s=duration_s, unit=unit)
        answer = await self._call(charger_id, request)
        return requests.composite_reply(
            answer, at=self.clock(), connector_id=connector_id, duration_s=duration_s
        )

    async def trigger_meter_values(self, charger_id: str, *, connector_id: int) -> Reply:
        """Ask for a meter reading now."""
        answer = await self._call(charger_id, requests.trigger_meter_values(connector_id))
        return requests.reply(answer, at=self.clock())

    async def wait_for_change(self, *, after: datetime, timeout_s: float) -> LiveState:
        """The live state as soon as an event later than ``after`` has arrived, or when the time is over."""
        return await self.live_depot.wait_for_change(after=after, timeout_s=timeout_s)

    async def _call(self, charger_id: str, request: requests.Request) -> CallAnswer:
        session = self.sessions.get(charger_id)
        if session is None:
            return CallAnswer(ending=Ending.NOT_CONNECTED, description=f"{charger_id} is not connected")
        return await session.connection.call(request.action, request.payload)
