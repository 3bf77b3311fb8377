"""One tick of the night: facts → re-plan if needed → decide → send → read back → meter → report.

Idempotent: a second tick with the same facts sends nothing, and looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.asking import learn
from dispatch.decide import Write
from dispatch.events import Metered, TransactionEnded, TransactionStarted
from dispatch.evidence import Command, Lesson
from dispatch.floors import targets
from dispatch.journal import Journal
from dispatch.kept import Recent, kept
from dispatch.layers import Target
from dispatch.occupants import occupants, wirings, with_overrides, with_telematics
from dispatch.overnight.burdens import Burdens, asleep, burdens_of, known_to_fail
from dispatch.overnight.energy import with_metered_energy
from dispatch.overnight.facts import Facts, gather, looked
from dispatch.overnight.looking import is_time_to_look, look, look_last, silent_chargers
from dispatch.overnight.metering import distrust_overdrawn, metered, with_socs
from dispatch.overnight.reckoning import owed_percent, reckoned
from dispatch.overnight.risks import left_alone
from dispatch.overnight.rows import report_of
from dispatch.overnight.shares import OLDEST, Shares, seen_share, sentence, suspects
from dispatch.overnight.units import tries_watts
from dispatch.push import Surroundings, assumed_writes, ledger_at, push
from dispatch.report import Leaving, NightReport
from dispatch.safety import Place
from dispatch.station import LiveState, StationProfile, Stations, TransactionId
from dispatch.store.ledger import Ledger
from dispatch.tracks import Track, begin_tracks, known_now
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan

COMMANDS_COUNT = timedelta(days=1)
"""How long before a session something may have been sent that its connector still held when it began."""
MOST_PLANS = 2
"""How often a night is planned in one tick: around what is known to fail, and around what has failed in it."""


async def tick(
    depot: Depot,
    night: Night,
    plan: Plan,
    *,
    journal: Journal,
    stations: Stations,
    looks_anew: bool = True,
    doubted: Mapping[Leaving, datetime] | None = None,
) -> NightReport:
    """One tick for a night with a stored plan.

    With ``looks_anew`` every connector is read back; else, as in a loop of ticks, those of which nothing is proven,
    and all of them where that was last done ``policy.tick_minutes`` ago. ``doubted`` is what the report of the tick
    before has, None where nobody remembers: then no warning waits for a second look.

    Raises :class:`dispatch.station.StationsUnreachableError`; what was sent before is in the journal.
    """
    depot = _DEPOTS.same(depot)
    live = await stations.live()
    ledger = ledger_at(journal, live.now, away=_away(depot, live))
    live = await with_socs(live, stations, silent=silent_chargers(live, ledger))
    by_now = _by_now(depot, night, plan, live, ledger)
    base = journal.base_plan(plan.night) or plan
    facts = looked(depot, night, plan, base, by_now)
    around = surroundings(depot, facts, journal=journal, stations=stations)
    tracks = tracks_of(around, facts, ledger)
    distrust_overdrawn(around, tracks, live)
    is_whole = looks_anew or is_time_to_look(
        tracks, live.now, every=timedelta(minutes=depot.policy.tick_minutes)
    )
    await look(around, tracks, is_whole=is_whole)
    burdens = _burdens(around, tracks, ledger, among=known_to_fail(tracks, ledger))
    sleeping = asleep(tracks, live)
    _try_watts(around, tracks, live, tries_watts(tracks, sleeping))
    shares = _shares_seen(around, facts, tracks, live)
    for _ in range(MOST_PLANS):
        before, facts = facts, gather(facts, depot, night, burdens=burdens, asleep=sleeping, shares=shares)
        if facts.plan is not before.plan:
            journal.save_plan(facts.plan, kind="replan")
            around = replace(around, plan=facts.plan)
        if facts.plan is not before.plan or burdens.most_kw:
            _retarget(around, tracks, facts, ledger, burdens)
        await push(around, tracks, live)
        known, burdens = burdens, _burdens(around, tracks, ledger)
        if set(burdens.most_kw) == set(known.most_kw):
            break
    await look_last(around, tracks, live, is_whole=is_whole)
    found = await metered(around, tracks, is_whole=is_whole)
    ended = _sessions_ended(around, facts)
    return report_of(around, tracks, facts, metered=found, ended=ended, doubted=doubted)


async def preview(
    depot: Depot, night: Night, plan: Plan, *, journal: Journal, stations: Stations
) -> list[Write]:
    """What a tick would send if every charger shows what it has accepted, and accepts what it is sent.

    Asks nothing of any charger and stores nothing.
    """
    depot = _DEPOTS.same(depot)
    live = await stations.live()
    ledger = ledger_at(journal, live.now, away=_away(depot, live))
    by_now = _by_now(depot, night, plan, live, ledger)
    facts = looked(depot, night, plan, journal.base_plan(plan.night) or plan, by_now)
    facts = gather(facts, depot, night)
    around = surroundings(depot, facts, journal=journal, stations=stations)
    return assumed_writes(around, tracks_of(around, facts, ledger))


def _try_watts(
    around: Surroundings, tracks: Sequence[Track], live: LiveState, lessons: Mapping[str, Lesson]
) -> None:
    """Let chargers be sent watts from now on."""
    taught = [track for track in tracks if track.charger.id in lessons]
    for track in taught:
        lesson = {"unit": lessons[track.charger.id]}
        around.journal.learn(track.known.identity, lesson, charger_id=track.charger.id, at=around.clock())
    if taught:
        learn(around.ledger(), taught, live)


def surroundings(depot: Depot, facts: Facts, *, journal: Journal, stations: Stations) -> Surroundings:
    """What a push works with; its clock goes on from the live state's."""
    loop = asyncio.get_running_loop()
    begun = loop.time()

    def clock() -> datetime:
        return facts.live.now + timedelta(seconds=loop.time() - begun)

    return Surroundings(depot=depot, plan=facts.plan, journal=journal, stations=stations, clock=clock)


def tracks_of(around: Surroundings, facts: Facts, ledger: Ledger) -> list[Track]:
    """Every connector with what it holds and should hold."""
    wired = wirings(around.depot, facts.there)
    return begin_tracks(around.depot, ledger, _wanted(around, facts, ledger), facts.live, wired)


def _burdens(
    around: Surroundings, tracks: Sequence[Track], ledger: Ledger, *, among: Collection[Place] | None = None
) -> Burdens:
    """What connectors may draw that do not obey; nothing is planned around a depot of which nobody is there.

    A gateway that has just been started has no charger yet. They go on with what they hold, and a plan in which all
    others make room for each of them would leave nothing to anybody.
    """
    if not any(track.is_connected for track in tracks):
        return Burdens()
    return burdens_of(around.plan, tracks, ledger, now=around.clock(), among=among)


def _retarget(
    around: Surroundings, tracks: Sequence[Track], facts: Facts, ledger: Ledger, burdens: Burdens
) -> None:
    """Let every connector want what its plan is now, beside those that do not obey."""
    wired = wirings(around.depot, facts.there)
    for track, target in zip(tracks, _wanted(around, facts, ledger, burdens), strict=True):
        track.target, track.wiring = target, wired[track.place]


def _wanted(
    around: Surroundings, facts: Facts, ledger: Ledger, burdens: Burdens | None = None
) -> tuple[Target, ...]:
    depot = around.depot
    plan, base = _PLANS.same(facts.plan), _PLANS.same(facts.base)
    held: dict[Place, list[StationProfile]] = {}
    for charger in depot.chargers:
        for command in (*ledger.installed(charger.id), *ledger.unanswered(charger.id)):
            held.setdefault(Place(charger.id, command.profile.connector_id), []).append(command.profile)
    always = {
        Place(charger.id, connector.id)
        for charger, connector in depot.connectors()
        if known_now(ledger, charger, facts.live.charger(charger.id)).capabilities.session_profile == "always"
    }
    burdens_kw = burdens.most_kw if burdens is not None and burdens.most_kw else None
    return with_overrides(
        _targets(depot, plan, burdens_kw),
        facts.there,
        held,
        depot=depot,
        plan=plan,
        base=base,
        always=always,
    )


def _by_now(depot: Depot, night: Night, plan: Plan, live: LiveState, ledger: Ledger) -> LiveState:
    """The live state with vehicles as full as they are by now."""
    there = occupants(depot, plan, live)
    if live.vehicles:
        live = with_telematics(live, there)
        there = occupants(depot, plan, live)
    if any(occupant.soc_percent is None for occupant in there.values()):
        live = with_metered_energy(live, there, depot=depot, night=night, plan=plan)
        there = occupants(depot, plan, live)
    accepted: dict[Place, list[Command]] = {}
    for place, occupant in there.items():
        transaction_ids = {None, occupant.transaction.transaction_id}
        accepted[place] = [
            command
            for command in ledger.installed(place.charger_id)
            if command.profile.connector_id in {0, place.connector_id}
            and command.profile.transaction_id in transaction_ids
        ]
    owed = {
        target.place: owed_percent(target, there[target.place], plan, live.now)
        for target in _targets(depot, _PLANS.same(plan), None)
        if target.place in there
    }
    settle_s = depot.policy.settle_s
    return reckoned(live, there, wirings(depot, there), accepted, settle_s=settle_s, owed=owed)


def _away(depot: Depot, live: LiveState) -> list[str]:
    """Chargers that are not connected."""
    return [one.id for one in depot.chargers if live.charger(one.id).connected_since is None]


def _shares_seen(around: Surroundings, facts: Facts, tracks: Sequence[Track], live: LiveState) -> Shares:
    """What vehicles are now seen to draw of what they may.

    The store is asked for earlier readings only where the last one shows something else than the plan expects.
    """
    found = suspects(tracks, facts.there, live, settle_s=around.depot.policy.settle_s)
    if not found:
        return Shares()
    events = around.journal.events(since=live.now - OLDEST, kinds=["metered"])
    shares = {}
    said = []
    for suspect in found:
        transaction_ids = {None, suspect.occupant.transaction.transaction_id}
        readings = [
            event.reading
            for event in events
            if isinstance(event, Metered)
            and Place(event.charger_id, event.connector_id) == suspect.place
            and event.transaction_id in transaction_ids
        ]
        since = suspect.occupant.transaction.started_at - COMMANDS_COUNT
        commands = around.journal.commands(charger_id=suspect.place.charger_id, since=since)
        share = seen_share(suspect, readings, commands)
        if share is not None:
            shares[suspect.occupant.vehicle.id] = share
            said.append(sentence(suspect, share))
    return Shares(of=shares, sentences=tuple(said))


def _sessions_ended(around: Surroundings, facts: Facts) -> dict[Place, datetime]:
    """When the last session has ended where somebody is left without one; the store is asked only then."""
    alone = left_alone(facts.there, facts.plan, facts.live)
    if not alone:
        return {}
    since = min(visit.arrival for visit in alone)
    began: dict[tuple[str, TransactionId], int] = {}
    ended: dict[Place, datetime] = {}
    for event in around.journal.events(since=since, kinds=["transaction_started", "transaction_ended"]):
        if isinstance(event, TransactionStarted):
            began[event.charger_id, event.transaction_id] = event.connector_id
        elif isinstance(event, TransactionEnded):
            connector_id = event.connector_id or began.get((event.charger_id, event.transaction_id))
            if connector_id is not None:
                ended[Place(event.charger_id, connector_id)] = min(event.at, event.received_at)
    return ended


_DEPOTS, _PLANS = Recent[Depot](4), Recent[Plan](4)
"""Folder and store are read anew for every tick, and say the same in most of them."""
_targets = kept(8)(targets)
