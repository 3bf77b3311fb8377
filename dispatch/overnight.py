"""One tick of the night: facts → re-plan if needed → decide → send → read back → meter → report.

Idempotent: a second tick with the same facts sends nothing, and looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dispatch.composite import effective
from dispatch.decide import Write
from dispatch.evidence import Evidence, Rung, Verdict
from dispatch.floors import targets
from dispatch.journal import Journal
from dispatch.known import identity_of, known_of
from dispatch.layers import lost_kwh
from dispatch.occupants import Occupant, occupants, wirings, with_overrides
from dispatch.push import Surroundings, assumed_writes, push, read_back, together
from dispatch.report import NightReport, Row
from dispatch.safety import Place
from dispatch.station import LiveState, Outcome, StationProfile, Stations
from dispatch.tracks import Track, begin_tracks
from dispatch.validate import Finding, judge_meter
from optimiser.depot import Charger, Depot
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.replan import CannotReplanError, LiveVehicle, replan

METER_WAIT_S = 10.0
"""How long a meter reading that was asked for is waited for. [s]"""
CLOCK_GRAIN = timedelta(seconds=1)
"""Chargers tell whole seconds, cut off."""
OUTDATED = "the depot's folder has changed since this plan was made: plan the night again"
"""Said to the operator; the plan is kept, for it was within the limits and nothing better is known."""
LOSS_WORTH_SAYING_KWH = 0.05
"""A plan that loses less than this to a charger's number of periods is not worth a sentence. [kWh]"""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a tick knows when it begins to decide."""

    live: LiveState
    plan: Plan
    base: Plan
    there: Mapping[Place, Occupant]
    is_replanned: bool = False
    is_outdated: bool = False
    notes: tuple[str, ...] = ()


async def tick(
    depot: Depot, night: Night, plan: Plan, *, journal: Journal, stations: Stations
) -> NightReport:
    """One tick for a night with a stored plan.

    Raises :class:`dispatch.station.StationsUnreachableError`; what was sent before is in the journal.
    """
    live = await _with_socs(await stations.live(), stations)
    facts = gather(depot, night, plan, journal.base_plan(plan.night) or plan, live)
    if facts.is_replanned:
        journal.save_plan(facts.plan, kind="replan")
    around = surroundings(depot, facts, journal=journal, stations=stations)
    tracks = tracks_of(around, facts)
    _distrust_overdrawn(around, tracks, live)
    await read_back(around, tracks)
    await push(around, tracks, live)
    return report_of(around, tracks, facts, metered=await _meter(around, tracks))


async def preview(
    depot: Depot, night: Night, plan: Plan, *, journal: Journal, stations: Stations
) -> list[Write]:
    """What a tick would send if every charger shows what it has accepted, and accepts what it is sent.

    Asks nothing of any charger and stores nothing.
    """
    live = await stations.live()
    facts = gather(depot, night, plan, journal.base_plan(plan.night) or plan, live)
    around = surroundings(depot, facts, journal=journal, stations=stations)
    return assumed_writes(around, tracks_of(around, facts))


def surroundings(depot: Depot, facts: Facts, *, journal: Journal, stations: Stations) -> Surroundings:
    """What a push works with; its clock goes on from the live state's."""
    loop = asyncio.get_running_loop()
    begun = loop.time()

    def clock() -> datetime:
        return facts.live.now + timedelta(seconds=loop.time() - begun)

    return Surroundings(depot=depot, plan=facts.plan, journal=journal, stations=stations, clock=clock)


def gather(depot: Depot, night: Night, plan: Plan, base: Plan, live: LiveState) -> Facts:
    """The facts, with a new plan where somebody would otherwise be short. Pure."""
    there = occupants(depot, plan, live)
    vehicles = [
        LiveVehicle(
            charger_id=place.charger_id,
            connector_id=place.connector_id,
            vehicle_id=occupant.vehicle.id,
            soc_percent=occupant.soc_percent,
        )
        for place, occupant in there.items()
    ]
    facts = Facts(live=live, plan=plan, base=base, there=there)
    if night.inputs_sha256 != plan.inputs_sha256:
        facts = replace(facts, is_outdated=True, notes=(OUTDATED,))
    try:
        new = replan(depot, night, plan, vehicles, now=live.now)
    except CannotReplanError as error:
        note = f"cannot be planned again, the plan stays as it was: {error}"
        return replace(facts, notes=(*facts.notes, note))
    if new is None:
        return facts
    why = new.warnings[len(plan.warnings) :]
    return replace(
        facts,
        plan=new,
        there=occupants(depot, new, live),
        is_replanned=True,
        notes=(*facts.notes, *why),
    )


def tracks_of(around: Surroundings, facts: Facts) -> list[Track]:
    """Every connector with what it holds and should hold."""
    depot = around.depot
    held: dict[Place, list[StationProfile]] = {}
    for charger in depot.chargers:
        for profile, _ in around.journal.installed(charger.id):
            held.setdefault(Place(charger.id, profile.connector_id), []).append(profile)
    always = {
        Place(charger.id, connector.id)
        for charger, connector in depot.connectors()
        if _overrides_always(charger, facts.live)
    }
    wanted = with_overrides(
        targets(depot, facts.plan),
        facts.there,
        held,
        depot=depot,
        plan=facts.plan,
        base=facts.base,
        always=always,
    )
    return begin_tracks(depot, around.journal, wanted, facts.live, wirings(depot, facts.there))


def report_of(
    around: Surroundings, tracks: Sequence[Track], facts: Facts, *, metered: Mapping[Place, Finding]
) -> NightReport:
    """What the tick found and did."""
    rows = tuple(_row(around, track, facts, metered.get(track.place)) for track in tracks)
    is_reachable = any(state.connected_since for state in facts.live.chargers)
    sent = sum(len(track.sent) for track in tracks)
    held_back = [track for track in tracks if track.held_back is not None and track.held_back.unproven]
    has_plan = [track for track in tracks if not track.missing(around.clock())]
    return NightReport(
        plan=facts.plan,
        at=around.clock(),
        rows=rows,
        sent=sent,
        is_replanned=facts.is_replanned,
        is_outdated=facts.is_outdated,
        is_reachable=is_reachable,
        was_refused=bool(held_back) and not sent and not has_plan,
        notes=(*facts.notes, *_losses(tracks)),
    )


async def _with_socs(live: LiveState, stations: Stations) -> LiveState:
    """The live state, after asking for a meter reading wherever a vehicle's SoC is not known yet."""
    unknown = [place for place in _in_transaction(live) if not _tells_soc(live, place)]
    if not unknown:
        return live

    def is_answered(new: LiveState) -> bool:
        # Most AC chargers never tell a SoC: a new reading without one is an answer too.
        return all(_tells_soc(new, place) or _metered_since(new, place, live.now) for place in unknown)

    return await _read_meters(stations, unknown, is_done=is_answered)


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


def _distrust_overdrawn(around: Surroundings, tracks: Sequence[Track], live: LiveState) -> None:
    """Take a connector whose meter showed more than its limits for unproven, whatever it reads back."""
    for track in tracks:
        finding = _metered(around, track, live)
        track.is_overdrawn = finding is not None and finding.verdict is Verdict.CONTRADICTED
        track.is_metered = finding is not None and finding.verdict is Verdict.CONFIRMED


async def _meter(around: Surroundings, tracks: Sequence[Track]) -> dict[Place, Finding]:
    """Compare what vehicles draw with the limits in force, once those have settled."""
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
    late = [track.place for track in charging if not is_judged(track, live)]
    if late:
        live = await _read_meters(
            around.stations, late, is_done=lambda new: all(is_judged(track, new) for track in charging)
        )
    found: dict[Place, Finding] = {}
    for track in tracks:
        finding = _metered(around, track, live)
        if finding is None:
            continue
        found[track.place] = finding
        around.journal.add_evidence(
            Evidence(
                night=around.night,
                at=around.clock(),
                charger_id=track.place.charger_id,
                connector_id=track.place.connector_id,
                rung=Rung.METERED,
                verdict=finding.verdict,
                detail=finding.sentence,
            )
        )
    return found


def _settle_s(around: Surroundings, track: Track) -> int:
    """How long a charger takes to follow a new limit. [s]"""
    return max(around.depot.policy.settle_s, track.base.settle_s)


def _settle(around: Surroundings, track: Track) -> timedelta:
    return timedelta(seconds=_settle_s(around, track)) + CLOCK_GRAIN


def _overrides_always(charger: Charger, live: LiveState) -> bool:
    state = live.charger(charger.id)
    known = known_of(charger, identity=identity_of(charger, state), reported=state.configuration)
    return known.capabilities.session_profile == "always"


def _metered(around: Surroundings, track: Track, live: LiveState) -> Finding | None:
    """What the connector's meter says; None where no transaction runs or no limit was accepted."""
    state = live.charger(track.place.charger_id).connector(track.place.connector_id)
    if track.transaction_id is None or state.transaction is None or not track.held:
        return None
    reading, settle_s = state.meter, _settle_s(around, track)
    begin = state.transaction.started_at if reading is None else reading.at - timedelta(seconds=settle_s)
    return judge_meter(
        reading,
        effective(track.held, transaction_id=track.transaction_id, start=begin),
        held_since=track.held_since,
        settle_s=settle_s,
        wiring=track.wiring,
        zone=around.plan.horizon.zone,
    )


def _row(around: Surroundings, track: Track, facts: Facts, metered: Finding | None) -> Row:
    failure = track.failure
    shown = track.comparison.finding if track.comparison is not None and track.held else None
    believed = (shown, metered) if track.base.proof == "read_back" else (metered,)
    verdicts = [f.verdict for f in believed if f is not None]
    accepted: Verdict | None = Verdict.CONFIRMED if track.held else None
    if not track.is_connected:
        accepted = accepted if not track.missing(around.clock()) else None
    elif failure is not None:
        accepted = Verdict.CONTRADICTED if failure.outcome is Outcome.REFUSED else Verdict.CANNOT_TELL
    return Row(
        place=track.place,
        vehicle_id=facts.there[track.place].vehicle.id if track.place in facts.there else None,
        rungs={
            Rung.PLANNED: Verdict.CONFIRMED,
            Rung.SENT: Verdict.CONFIRMED if track.held or track.sent else None,
            Rung.ACCEPTED: accepted,
            Rung.READ_BACK: None if shown is None else shown.verdict,
            Rung.METERED: None if metered is None else metered.verdict,
        },
        sentences=(*_sentences_of_charger(track), *_sentences_of_limit(around, track, shown, metered)),
        needs_a_person=(
            not track.is_connected
            or failure is not None
            or (track.held_back is not None and bool(track.held_back.unproven))
            or Verdict.CONTRADICTED in verdicts
            or Verdict.CONFIRMED not in verdicts
        ),
        has_override=track.target.override is not None,
    )


def _sentences_of_charger(track: Track) -> list[str]:
    """Why nothing, or not all, can be sent to it."""
    failure = track.failure
    if not track.is_connected:
        return ["not connected"]
    if not track.base.smart_charging:
        return ["its model takes no charging profiles: it counts at full power"]
    if failure is None:
        return []
    is_refusal = failure.outcome is Outcome.REFUSED
    words = "refuses its profile" if is_refusal else "does not answer"
    remedy = [track.base.remedy] if is_refusal and track.base.remedy else []
    return [f"{words}: {failure.reason}" if failure.reason else words, *remedy]


def _sentences_of_limit(
    around: Surroundings, track: Track, shown: Finding | None, metered: Finding | None
) -> list[str]:
    """What is to be said of the limits that it has."""
    sentences = [] if track.held_back is None else [track.held_back.sentence]
    if shown is not None and shown.sentence:
        sentences.append(shown.sentence)
    if metered is not None and metered.verdict is not Verdict.CONFIRMED:
        sentences.append(metered.sentence)
    if track.is_degraded:
        sentences.append("degraded: no room for a floor under its plan")
    if track.base.zero_ends_session and _pauses(track, around.clock()):
        sentences.append("a pause in its plan ends the session: it has to be started again then")
    return sentences


def _pauses(track: Track, now: datetime) -> bool:
    """Whether a session that runs is to stop and go on later."""
    ahead = [period.limit_kw > 0 for period in track.target.plan.periods if period.end > now]
    return track.transaction_id is not None and False in ahead and True in ahead[ahead.index(False) :]


def _losses(tracks: Sequence[Track]) -> list[str]:
    lost = {track.place: lost_kwh(track.target, track.base) for track in tracks}
    return [
        f"{place}: {kwh:.1f} kWh of its plan do not fit into the periods that the charger takes"
        for place, kwh in lost.items()
        if kwh >= LOSS_WORTH_SAYING_KWH
    ]


def _in_transaction(live: LiveState) -> list[Place]:
    return [
        Place(charger.charger_id, connector.connector_id)
        for charger in live.chargers
        for connector in charger.connectors
        if charger.connected_since is not None and connector.transaction is not None
    ]


def _tells_soc(live: LiveState, place: Place) -> bool:
    state = live.charger(place.charger_id).connector(place.connector_id)
    if state.transaction is None or state.meter is None:
        return state.transaction is None
    return state.meter.at >= state.transaction.started_at and state.meter.soc_percent is not None


def _metered_since(live: LiveState, place: Place, instant: datetime) -> bool:
    meter = live.charger(place.charger_id).connector(place.connector_id).meter
    return meter is not None and meter.received_at > instant
