"""Connectors that do not do what is planned for them: the most they may draw, what they surely give, who sleeps. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from dispatch.composite import effective
from dispatch.decide import edges_of, exposures
from dispatch.evidence import Verdict
from dispatch.safety import Exposure, Place, exposure
from dispatch.station import LiveState, Outcome
from dispatch.store.ledger import Ledger
from dispatch.tracks import Track
from optimiser.horizon import FloatArray, Horizon
from optimiser.plan import Plan

NOTHING_KW = 0.1
"""A vehicle that draws less does not charge. [kW]"""

FULL_PERCENT = 99.0
"""A vehicle that is so full has a reason to draw nothing. [%]"""

AWAKE_WITHIN = timedelta(minutes=2)
"""A vehicle that has not begun to draw so long after it may is asleep."""

CLOCKS_DIFFER = timedelta(minutes=1)
"""Meters are read at the quarter of an hour, when limits change, by clocks that are not quite the same."""


@dataclass(frozen=True, kw_only=True)
class Burdens:
    """By connector, per step of the night (T,): the most it may draw, and what it surely gives. [kW, grid side]"""

    most_kw: Mapping[Place, FloatArray] = field(default_factory=dict)
    surely_kw: Mapping[Place, FloatArray] = field(default_factory=dict)


def known_to_fail(tracks: Sequence[Track], ledger: Ledger) -> frozenset[Place]:
    """Connectors to which nothing can be written now, or of which the last that was written has proven nothing.

    Others that nothing is proven of, as on the first day, are about to be written to.
    """

    def fails(track: Track) -> bool:
        charger_id, seen = track.charger.id, ledger.seen(*track.place)
        is_deaf = not track.is_connected or not track.base.smart_charging
        is_deaf = is_deaf or track.is_overdrawn or track.is_rewritten_in_vain
        is_in_doubt = seen is not None and seen.verdict is not Verdict.CONFIRMED
        return is_deaf or is_in_doubt or bool(ledger.refused(charger_id) or ledger.unanswered(charger_id))

    return frozenset(track.place for track in tracks if fails(track))


def asleep(tracks: Sequence[Track], live: LiveState) -> frozenset[Place]:
    """Connectors whose vehicle draws nothing although what they hold has let it for some time."""

    def sleeps(track: Track) -> bool:
        state = live.charger(track.place.charger_id).connector(track.place.connector_id)
        meter, transaction = state.meter, state.transaction
        if meter is None or meter.power_kw is None or meter.power_kw > NOTHING_KW or transaction is None:
            return False
        if meter.soc_percent is not None and meter.soc_percent >= FULL_PERCENT:
            return False
        since = meter.at - AWAKE_WITHIN
        if (
            not track.is_proven
            or track.held_since is None
            or since < max(track.held_since, transaction.started_at)
        ):
            return False
        until = meter.at + CLOCKS_DIFFER
        allowed = effective(track.held, transaction_id=track.transaction_id, start=since, end=until)
        lowest_kw = min(track.wiring.draw(segment.limit).kw for segment in allowed)
        return lowest_kw > NOTHING_KW

    return frozenset(track.place for track in tracks if sleeps(track))


def burdens_of(
    plan: Plan,
    tracks: Sequence[Track],
    ledger: Ledger,
    *,
    now: datetime,
    among: Collection[Place] | None = None,
) -> Burdens:
    """Every connector, or every one ``among`` some, that is not proven to obey; at the worst case that it counts at.

    One that is out of reach obeys no new plan, even if it is proven to go on with what it has. One that takes no
    profiles, or refuses them all, gives full power for sure; one that is out of reach what it has accepted; nothing is
    sure of any other.
    """

    def is_unruly(track: Track) -> bool:
        is_obeying = track.is_proven and (track.is_connected or not track.missing(now))
        return not is_obeying and (among is None or track.place in among)

    unruly = [track for track in tracks if is_unruly(track)]
    holdings = [track.holding for track in unruly]
    horizon = plan.horizon
    instants = edges_of(holdings, now=now, others=[*horizon.starts(), horizon.end])
    worst = exposures(holdings, instants)
    most: dict[Place, FloatArray] = {}
    surely: dict[Place, FloatArray] = {}
    for track in unruly:
        place = track.place
        most[place] = _per_step(worst[place], instants, horizon, highest=True)
        if _is_ungoverned(track, ledger):
            surely[place] = np.full(horizon.steps, track.wiring.full_kw)
        elif track.held:
            held = exposure(track.wiring, track.held, transaction_id=track.transaction_id, instants=instants)
            surely[place] = _per_step(held, instants, horizon, highest=False)
    return Burdens(most_kw=most, surely_kw=surely)


def _is_ungoverned(track: Track, ledger: Ledger) -> bool:
    """Whether it is known to follow nobody: its model takes no profiles, or it has refused all and holds none."""
    if not track.base.smart_charging:
        return True
    failure = track.failure
    has_refused = failure is not None and failure.outcome is Outcome.REFUSED
    return not track.held and (has_refused or bool(ledger.refused(track.charger.id)))


def _per_step(
    exposed: Exposure, instants: Sequence[datetime], horizon: Horizon, *, highest: bool
) -> FloatArray:
    """The highest or lowest power within each step, from the first instant on; 0 before. [kW]"""
    power_kw = np.zeros(horizon.steps)
    seen = np.zeros(horizon.steps, dtype=np.bool_)
    ends = [*instants[1:], horizon.end]
    for start, end, kw in zip(instants, ends, exposed.kw.tolist(), strict=True):
        first = max(0, math.floor(horizon.position(start)))
        last = min(horizon.steps, math.ceil(horizon.position(end) - 1e-9))
        for step in range(first, last):
            known_kw = power_kw[step]
            better_kw = max(known_kw, kw) if highest else min(known_kw, kw)
            power_kw[step] = better_kw if seen[step] else kw
            seen[step] = True
    return power_kw
