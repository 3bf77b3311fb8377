"""Chargers as an audit meets them; every argument can be left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch.audit.facts import ChargerFacts, Look
from dispatch.charger import Capabilities
from dispatch.evidence import Command, Layer
from dispatch.layers import LayerProfile
from dispatch.safety import Place, Wiring
from dispatch.station import (
    CompositeReply,
    InstalledProfile,
    InstalledReply,
    MeterReading,
    Outcome,
    StationProfile,
    TransactionId,
)
from optimiser.depot import Connector
from tests.builders import NIGHT, an_ac_connector
from tests.dispatch.dispatch_builders import NOW, a_profile, a_reply

BEGAN = NOW - timedelta(hours=2)
HOUR = timedelta(hours=1)


def the_floor(connector_id: int = 1, *, limit: float = 8.0) -> StationProfile:
    return a_profile(
        profile_id=connector_id * 10 + 1, connector_id=connector_id, start=BEGAN, limits=[(0, limit)]
    )


def the_plan(connector_id: int = 1, *, limit: float = 12.0) -> StationProfile:
    """The night's plan: until an hour from now, then the floor holds."""
    return a_profile(
        profile_id=connector_id * 10 + 2,
        connector_id=connector_id,
        stack_level=1,
        start=BEGAN,
        valid_from=BEGAN,
        valid_to=NOW + HOUR,
        duration_s=3 * 3600,
        limits=[(0, limit)],
    )


def a_look(
    connector_id: int = 1,
    *,
    connector: Connector | None = None,
    wanted: Sequence[StationProfile] | None = None,
    held: Sequence[StationProfile] | None = None,
    doubtful: Sequence[StationProfile] = (),
    read_back: CompositeReply | None = None,
    reading: MeterReading | None = None,
    transaction_id: TransactionId | None = None,
    habits: Capabilities | None = None,
    planned_at: datetime | None = None,
) -> Look:
    """A connector that is to hold floor and plan, and has accepted both if nothing else is said."""
    layers = (Layer.FLOOR, Layer.PLAN, Layer.OVERRIDE)
    stack = (the_floor(connector_id), the_plan(connector_id)) if wanted is None else tuple(wanted)
    return Look(
        wiring=Wiring(
            place=Place("CP1", connector_id),
            connector=connector or an_ac_connector(connector_id),
            voltage_v=230.0,
        ),
        habits=habits or Capabilities(),
        wanted=tuple(LayerProfile(layer=layers[p.profile_id % 10 - 1], profile=p) for p in stack),
        held=stack if held is None else tuple(held),
        doubtful=tuple(doubtful),
        held_since=BEGAN,
        transaction_id=transaction_id,
        read_back=read_back,
        until=NOW + 2 * HOUR,
        planned_at=planned_at,
        reading=reading,
    )


def some_facts(
    *looks: Look,
    listed: Sequence[StationProfile | InstalledProfile] | None = None,
    is_whole: bool = True,
    commands: Sequence[Command] = (),
    is_connected: bool = True,
) -> ChargerFacts:
    """A charger; without ``listed`` one that cannot say what it holds."""
    profiles = None
    if listed is not None:
        profiles = tuple(p if isinstance(p, InstalledProfile) else reported(p) for p in listed)
    outcome = Outcome.REFUSED if listed is None else Outcome.ACCEPTED if is_whole else Outcome.NO_ANSWER
    return ChargerFacts(
        charger_id="CP1",
        at=NOW,
        zone=ZoneInfo("Europe/Berlin"),
        is_connected=is_connected,
        installed=InstalledReply(reply=a_reply(outcome, reason="its reason"), profiles=profiles),
        looks=looks or (a_look(),),
        commands=tuple(commands),
    )


def reported(profile: StationProfile, *, source: str | None = "CSO") -> InstalledProfile:
    return InstalledProfile(
        profile_id=profile.profile_id, connector_id=profile.connector_id, source=source, profile=profile
    )


def a_command(profile: StationProfile, *, layer: Layer = Layer.PLAN, at: datetime = BEGAN) -> Command:
    return Command(
        id=1,
        night=NIGHT,
        at=at,
        charger_id="CP1",
        layer=layer,
        profile=profile,
        outcome=Outcome.ACCEPTED,
    )
