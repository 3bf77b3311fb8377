"""Rising edges wait for the falling ones that pay for them: chargers' clocks differ, and vehicles take time. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from dispatch.layers import Target
from dispatch.safety import SLACK, Exposure, Place, bottlenecks, room
from optimiser.depot import Depot
from optimiser.plan import Plan
from optimiser.units import current_a_from_kw

CLOCK_ERROR_S = 30
"""How far two chargers' clocks may be apart; they are set at every boot and heartbeat. [s]"""


def staggered(targets: Sequence[Target], depot: Depot, plan: Plan, *, settle_s: float) -> tuple[Target, ...]:
    """The targets with rising edges put off where an edge would pass a limit while all change at once.

    ``settle_s``: how long the slowest of them takes to follow a new limit. [s]

    At an edge every connector counts at the higher of before and after. Where that is more than a bottleneck
    allows, whatever rises below it rises later, by clock error and settling time.
    """
    instants = sorted({period.start for target in targets for period in target.plan.periods})
    after = {target.place: _exposure(target, instants, depot) for target in targets}
    before = {place: _shifted(exposure) for place, exposure in after.items()}
    late: dict[Place, set[datetime]] = {target.place: set() for target in targets}
    for limit in bottlenecks(depot):
        if not limit.places:
            continue
        both = [
            after[place].at_least(before[place]).measured(limit.measure) for place in sorted(limit.places)
        ]
        is_over = np.sum(both, axis=0) > room(limit, depot, plan, instants) + SLACK
        for place in limit.places:
            rises = after[place].exceeds(before[place]) & is_over
            late[place] |= {instants[index] for index in np.flatnonzero(rises)}
    wait = timedelta(seconds=CLOCK_ERROR_S + settle_s)
    return tuple(_put_off(target, late[target.place], wait) for target in targets)


def _exposure(target: Target, instants: Sequence[datetime], depot: Depot) -> Exposure:
    """What is planned to be drawn, by the vehicles that are planned: a swap lasts a minute."""
    periods = target.plan.periods
    later = [bisect_left(instants, period.start) for period in periods[1:]]
    instants_held = np.diff([0, *later, len(instants)])
    kw = np.repeat([period.limit_kw for period in periods], instants_held)
    if target.connector.is_dc:
        return Exposure(kw=kw, phase_a=kw * current_a_from_kw(1.0, phases=3, voltage_v=depot.site.voltage_v))
    return Exposure(kw=kw, phase_a=np.repeat([period.limit_a or 0.0 for period in periods], instants_held))


def _shifted(exposure: Exposure) -> Exposure:
    """What held just before each instant; before the first one, what holds at it."""
    return Exposure(
        kw=np.concatenate([exposure.kw[:1], exposure.kw[:-1]]),
        phase_a=np.concatenate([exposure.phase_a[:1], exposure.phase_a[:-1]]),
    )


def _put_off(target: Target, edges: set[datetime], wait: timedelta) -> Target:
    if not edges:
        return target
    periods = [
        replace(
            period,
            start=period.start + (wait if period.start in edges else timedelta(0)),
            end=period.end + (wait if period.end in edges else timedelta(0)),
        )
        for period in target.plan.periods
    ]
    return replace(target, plan=replace(target.plan, periods=tuple(periods)))
