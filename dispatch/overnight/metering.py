"""Asks for meter readings, waits for those that can judge a limit, and judges. Owns the waiting and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.composite import effective
from dispatch.evidence import Evidence, Rung, Verdict
from dispatch.push import Surroundings, together
from dispatch.safety import Place
from dispatch.station import LiveState, Stations
from dispatch.tracks import Track
from dispatch.validate import Finding, judge_meter

METER_WAIT_S = 10.0
"""How long a meter reading that was asked for is waited for. [s]"""
FRESH = timedelta(minutes=20)
"""How old a SoC may be before it is asked for: meters come every quarter of an hour, and what a vehicle has taken
since then is reckoned."""
CHARGING = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
"""Status of a connector in a session (OCPP 1.6 §4.9), whether anybody was told of that or not."""
CLOCK_GRAIN = timedelta(seconds=1)
"""Chargers tell whole seconds, cut off."""


async def with_socs(live: LiveState, stations: Stations, *, silent: Collection[str] = ()) -> LiveState:
    """The live state, after asking for a meter reading wherever a vehicle's SoC is not known, or an old one.

    Chargers that are ``silent`` are not asked: all others would wait for them.
    """
    since = live.now - FRESH
    unknown = [
        place
        for place in _in_transaction(live)
        if place.charger_id not in silent and not _tells_soc(live, place, since)
    ]
    if not unknown:
        return live

    def is_answered(new: LiveState) -> bool:
        # Most AC chargers never tell a SoC: a new reading without one is an answer too.
        return all(_tells_soc(new, place, since) or _metered_since(new, place, live.now) for place in unknown)

    return await _read_meters(stations, unknown, is_done=is_answered)


def distrust_overdrawn(around: Surroundings, tracks: Sequence[Track], live: LiveState) -> None:
    """Take a connector whose meter showed more than its limits for unproven, whatever it reads back."""
    for track in tracks:
        finding = track.metered = metered_now(around, track, live)
        track.is_overdrawn = finding is not None and finding.verdict is Verdict.CONTRADICTED
        track.is_metered = finding is not None and finding.verdict is Verdict.CONFIRMED


async def metered(
    around: Surroundings, tracks: Sequence[Track], *, is_whole: bool = True
) -> dict[Place, Finding]:
    """Compare what vehicles draw with the limits in force, once those have settled.

    What was found when the tick began stands where nothing was sent since; it is kept as evidence if it
    ``is_whole``: where connectors are looked at out of turn, for those alone.
    """
    charging = [track for track in tracks if track.is_connected and track.transaction_id is not None]
    settled = [
        track.held_since + _settle(around, track) for track in charging if track.held_since is not None
    ]
    if settled:
        await asyncio.sleep(max(0.0, (max(settled) - around.clock()).total_seconds()))

    def is_judged(track: Track, live: LiveState) -> bool:
        meter = live.charger(track.place.charger_id).connector(track.place.connector_id).meter
        return track.held_since is None or (
            meter is not None and meter.at >= track.held_since + _settle(around, track)
        )

    live = await around.stations.live()
    asked = [track for track in charging if not (is_judged(track, live) or track.is_mute or track.is_silent)]
    late = [track.place for track in asked]
    if late:
        live = await _read_meters(
            around.stations, late, is_done=lambda new: all(is_judged(track, new) for track in asked)
        )
    found: dict[Place, Finding] = {}
    for track in tracks:
        finding = metered_now(around, track, live) if track.sent or track.place in late else track.metered
        if finding is not None:
            found[track.place] = finding
    new = {track.place for track in tracks if is_whole or track.sent or track.place in late}
    at = around.clock()
    around.journal.add_evidence(
        *(
            Evidence(
                night=around.night,
                at=at,
                charger_id=place.charger_id,
                connector_id=place.connector_id,
                rung=Rung.METERED,
                verdict=finding.verdict,
                detail=finding.sentence,
            )
            for place, finding in found.items()
            if place in new
        )
    )
    return found


async def _read_meters(
    stations: Stations, asked: Sequence[Place], *, is_done: Callable[[LiveState], bool]
) -> LiveState:
    """Ask for readings and wait until they are there, at most :data:`METER_WAIT_S`."""

    async def ask(place: Place) -> None:
        await stations.trigger_meter_values(place.charger_id, connector_id=place.connector_id)

    await together(ask(place) for place in asked)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + METER_WAIT_S
    live = await stations.live()
    while not is_done(live) and loop.time() < deadline:
        live = await stations.wait_for_change(after=live.now, timeout_s=deadline - loop.time())
    return live


def metered_now(around: Surroundings, track: Track, live: LiveState) -> Finding | None:
    """What the connector's meter says; None where nothing is charged as far as is known, or no limit was accepted.

    A charger may charge without a session that anybody was told of: then what holds for sessions to come holds.
    """
    state = live.charger(track.place.charger_id).connector(track.place.connector_id)
    is_unknown = state.transaction is None and state.status in CHARGING and state.meter is not None
    is_known = track.transaction_id is not None and state.transaction is not None
    if not track.held or not (is_known or is_unknown):
        return None
    reading, settle_s = state.meter, _settle_s(around, track)
    end = live.now if reading is None else reading.at
    begin = end - timedelta(seconds=settle_s)
    found = judge_meter(
        reading,
        effective(
            track.held,
            transaction_id=None if is_unknown else track.transaction_id,
            start=begin,
            end=end + CLOCK_GRAIN,
        ),
        held_since=track.held_since,
        settle_s=settle_s,
        wiring=track.wiring,
        zone=around.plan.horizon.zone,
    )
    return replace(found, sentence=f"{found.sentence}, and no session is known") if is_unknown else found


def _settle_s(around: Surroundings, track: Track) -> int:
    """How long a charger takes to follow a new limit. [s]"""
    return max(around.depot.policy.settle_s, track.base.settle_s)


def _settle(around: Surroundings, track: Track) -> timedelta:
    return timedelta(seconds=_settle_s(around, track)) + CLOCK_GRAIN


def _in_transaction(live: LiveState) -> list[Place]:
    return [
        Place(charger.charger_id, connector.connector_id)
        for charger in live.chargers
        for connector in charger.connectors
        if charger.connected_since is not None and connector.transaction is not None
    ]


def _tells_soc(live: LiveState, place: Place, since: datetime) -> bool:
    state = live.charger(place.charger_id).connector(place.connector_id)
    if state.transaction is None or state.meter is None:
        return state.transaction is None
    meter = state.meter
    # One that tells what is drawn and no SoC has none to tell, as most AC chargers.
    is_told = meter.soc_percent is not None or meter.power_kw is not None or meter.current_a is not None
    return is_told and meter.at >= max(since, state.transaction.started_at)


def _metered_since(live: LiveState, place: Place, instant: datetime) -> bool:
    meter = live.charger(place.charger_id).connector(place.connector_id).meter
    return meter is not None and meter.received_at > instant
