"""What the site can bear while one charger is tested: all others at their worst, this one at what it may do. Pure.

The rules are those of every write (:mod:`dispatch.safety`): what is proven counts at the highest layer that can come
into force, everything else at full power.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from dispatch.composite import profile_edges
from dispatch.safety import SLACK, Place, Stack, Standing, bottlenecks, room, room_without_plan, worst_case
from dispatch.station import ChargerState, LiveState
from optimiser.depot import Depot
from optimiser.plan import Plan

Seen = tuple[datetime | None, datetime | None]
"""Since when a charger is connected and when it booted: what was proven of it counts as long as both stay."""


class WouldBreakError(RuntimeError):
    """What was about to be sent could pass a limit of the site; the message says which and by how much."""


@dataclass(frozen=True, kw_only=True)
class Others:
    """The connectors beside those under test, as they were seen before the test."""

    standings: Mapping[Place, Standing]
    seen: Mapping[str, Seen]

    def now(self, live: LiveState) -> list[Standing]:
        """As they count now: who has come anew since has nothing proven."""
        return [
            standing
            if seen_of(live.charger(place.charger_id)) == self.seen[place.charger_id]
            else Standing(wiring=standing.wiring)
            for place, standing in self.standings.items()
        ]


def seen_of(state: ChargerState) -> Seen:
    """What changes when a charger comes anew."""
    return state.connected_since, state.booted_at


def is_lowering(before: Iterable[Standing], after: Iterable[Standing], *, now: datetime) -> bool:
    """Whether connectors may draw no more at any time with what they will hold than with what they hold."""
    pairs = list(zip(before, after, strict=True))
    instants = edges([*(one for one, _ in pairs), *(two for _, two in pairs)], now=now)
    return not any(
        two.exposure(two.held, instants).exceeds(one.exposure(one.held, instants)).any() for one, two in pairs
    )


def obstacle(depot: Depot, plan: Plan | None, standings: Sequence[Standing], live: LiveState) -> str:
    """Which limit connectors could pass and by how much, in words; empty where the site can bear them.

    The room is that of the year's highest base load, or tonight's where that is less; a live meter that shows a
    higher base load counts.
    """
    instants = edges(standings, now=live.now)
    exposures = {standing.place: standing.most(instants) for standing in standings}
    base_load_kw = 0.0 if live.site is None else live.site.base_load_kw or 0.0
    excess_kw = max(0.0, base_load_kw - depot.site.base_load_max_kw)
    for limit in bottlenecks(depot):
        allowed = np.full(len(instants), room_without_plan(limit, depot))
        if plan is not None:
            allowed = np.minimum(allowed, room(limit, depot, plan, instants))
        if limit.carries_base_load:
            volts = depot.site.voltage_v * 3
            allowed = allowed - (excess_kw if limit.measure == "kw" else excess_kw * 1000.0 / volts)
        over = float(np.max(worst_case(limit, exposures, count=len(instants)) - allowed))
        if over > SLACK:
            unit = "kW" if limit.measure == "kw" else "A"
            return f"{limit.name} could be passed by {over:.1f} {unit}, with all chargers at their worst"
    return ""


def edges(standings: Iterable[Standing], *, now: datetime) -> list[datetime]:
    """The instants from now on at which any of them may change what it draws."""
    stacks: list[Stack] = [standing.held for standing in standings]
    found = {edge for stack in stacks for profile in stack for edge in profile_edges(profile, since=now)}
    return sorted({now, *(edge for edge in found if edge > now)})
