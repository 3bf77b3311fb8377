"""The verbs of ``station.py`` on live sockets, each in the language of its charger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dispatch.dialect import Speaker
from dispatch.gateway.live import Clock, LiveDepot
from dispatch.gateway.session import Session
from dispatch.station import (
    CompositeReply,
    InstalledReply,
    LiveState,
    Outcome,
    ProfileFilter,
    RateUnit,
    Reply,
    SiteReading,
    StationProfile,
    VehicleReading,
)

GOING_AWAY = 1001
"""The WebSocket close code for a socket that is closed although nothing is wrong with it (RFC 6455 §7.4.1)."""


@dataclass(frozen=True, kw_only=True)
class SocketStations:
    """Implements :class:`dispatch.station.Stations` and ``Listener``; ``sessions`` are the chargers that are connected now."""

    sessions: Mapping[str, Session]
    live_depot: LiveDepot
    clock: Clock

    async def live(self) -> LiveState:
        """The state of all chargers now."""
        return self.live_depot.state()

    async def tell_site(self, reading: SiteReading) -> None:
        """Take in what the site's meter shows."""
        self.live_depot.tell_site(reading)

    async def tell_vehicle(self, reading: VehicleReading) -> None:
        """Take in what a vehicle's telematics say."""
        self.live_depot.tell_vehicle(reading)

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        """Install a profile. Raises UnsendableError for one that must not be sent in the charger's OCPP version."""
        session = self.sessions.get(charger_id)
        if session is None:
            return self._away(charger_id)
        return await session.speaker.set_profile(session.its_clock.to_its_time(profile))

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        """Remove a profile by its id."""
        speaker = self._speaker(charger_id)
        return self._away(charger_id) if speaker is None else await speaker.clear_profile(profile_id)

    async def clear_profiles(self, charger_id: str, wanted: ProfileFilter) -> Reply:
        """Remove every profile that a filter means. Raises UnsendableError for a filter that must not be sent."""
        speaker = self._speaker(charger_id)
        return self._away(charger_id) if speaker is None else await speaker.clear_profiles(wanted)

    async def installed_profiles(self, charger_id: str) -> InstalledReply:
        """Ask what the station holds."""
        session = self.sessions.get(charger_id)
        if session is None:
            return InstalledReply(reply=self._away(charger_id))
        return session.its_clock.true_list(await session.speaker.installed_profiles())

    async def composite_schedule(
        self, charger_id: str, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the station will allow from now on."""
        session = self.sessions.get(charger_id)
        if session is None:
            return CompositeReply(reply=self._away(charger_id))
        answer = await session.speaker.composite_schedule(
            connector_id=connector_id, duration_s=duration_s, unit=unit
        )
        if session.its_clock.hear_answer(answer):
            self.live_depot.clock_found(charger_id, session.its_clock.ahead)
        return session.its_clock.true_answer(answer)

    async def configure(self, charger_id: str, key: str, value: str) -> Reply:
        """Set a configuration key. Raises UnsendableError for a key or value that cannot be sent."""
        speaker = self._speaker(charger_id)
        return self._away(charger_id) if speaker is None else await speaker.configure(key, value)

    async def start_transaction(
        self, charger_id: str, *, connector_id: int, id_tag: str, profile: StationProfile | None = None
    ) -> Reply:
        """Ask the station to begin a session. Raises UnsendableError for a profile that must not go with it."""
        session = self.sessions.get(charger_id)
        if session is None:
            return self._away(charger_id)
        its_profile = None if profile is None else session.its_clock.to_its_time(profile)
        return await session.speaker.start_transaction(
            connector_id=connector_id, id_tag=id_tag, profile=its_profile
        )

    async def reset(self, charger_id: str) -> Reply:
        """Ask the station to start anew."""
        speaker = self._speaker(charger_id)
        return self._away(charger_id) if speaker is None else await speaker.reset()

    async def disconnect(self, charger_id: str) -> Reply:
        """Close its socket; it comes again by itself."""
        session = self.sessions.get(charger_id)
        if session is None:
            return self._away(charger_id)
        await session.connection.close(GOING_AWAY, "to see what it does alone")
        return Reply(outcome=Outcome.ACCEPTED, at=self.clock())

    async def trigger_meter_values(self, charger_id: str, *, connector_id: int) -> Reply:
        """Ask for a meter reading now."""
        speaker = self._speaker(charger_id)
        return self._away(charger_id) if speaker is None else await speaker.trigger_meter_values(connector_id)

    async def wait_for_change(self, *, after: datetime, timeout_s: float) -> LiveState:
        """The live state as soon as an event later than ``after`` has arrived, or when the time is over."""
        return await self.live_depot.wait_for_change(after=after, timeout_s=timeout_s)

    def _speaker(self, charger_id: str) -> Speaker | None:
        session = self.sessions.get(charger_id)
        return None if session is None else session.speaker

    def _away(self, charger_id: str) -> Reply:
        return Reply(outcome=Outcome.NOT_CONNECTED, reason=f"{charger_id} is not connected", at=self.clock())
