"""Rising edges wait for the falling ones that pay for them: chargers' clocks differ, and vehicles take time. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from dispatch.layers import Target
from dispatch.safety import SLACK, Exposure, Place, bottlenecks, room
from optimiser.depot import Connector, Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan
from optimiser.units import current_a_from_kw

CLOCK_ERROR_S = 30
"""How far two chargers' clocks may be apart; they are set at every boot and heartbeat. [s]"""


def staggered(
    targets: Sequence[Target],
    depot: Depot,
    plan: Plan,
    *,
    settle_s: float,
    burdens_kw: Mapping[Place, FloatArray] | None = None,
) -> tuple[Target, ...]:
    """The targets with rising edges put off where an edge would pass a limit while all change at once.

    ``settle_s``: how long the slowest of them takes to follow a new limit. [s] ``burdens_kw`` (T,): the most that
    connectors may draw which do not obey: they count at that, whatever is planned for them.

    At an edge every connector counts at the higher of before and after. Where that is more than a bottleneck
    allows, whatever rises below it rises later, by clock error and settling time. What a visit loses by that it is
    given at its falling edges, where there is room for them to come later.
    """
    edges = {period.start for target in targets for period in target.plan.periods}
    instants = sorted(edges.union(plan.horizon.starts()))  # the room is another one in every step
    after = {target.place: _exposure(target, instants, depot) for target in targets}
    connectors = {target.place: target.connector for target in targets}
    steps = [_step_of(instant, plan) for instant in instants]
    after |= {
        place: burdened(burden_kw[steps], connectors[place], depot)
        for place, burden_kw in (burdens_kw or {}).items()
    }
    before = {place: _shifted(exposure) for place, exposure in after.items()}
    tight = {target.place: np.zeros(len(instants), dtype=np.bool_) for target in targets}
    for limit in bottlenecks(depot):
        if not limit.places:
            continue
        both = [
            after[place].at_least(before[place]).measured(limit.measure) for place in sorted(limit.places)
        ]
        is_over = np.sum(both, axis=0) > room(limit, depot, plan, instants) + SLACK
        for place in limit.places:
            tight[place] |= is_over
    wait = timedelta(seconds=CLOCK_ERROR_S + settle_s)
    found: list[Target] = []
    for target in targets:
        place = target.place
        rises = after[place].exceeds(before[place])
        late = {instants[index] for index in np.flatnonzero(rises & tight[place])}
        # While there is room for all as they were and as they will be, a fall harms nobody until the next edge.
        last = {
            instant: following - wait
            for instant, following, is_tight in zip(
                instants, [*instants[1:], instants[-1] + wait], tight[place], strict=True
            )
            if not is_tight
        }
        found.append(_put_off(target, late, wait, last) if late else target)
    return tuple(found)


def burdened(power_kw: FloatArray, connector: Connector, depot: Depot) -> Exposure:
    """What a connector draws that does not obey, on all its wired phases."""
    a_per_kw = current_a_from_kw(1.0, phases=connector.phases or 3, voltage_v=depot.site.voltage_v)
    return Exposure(kw=power_kw, phase_a=power_kw * a_per_kw)


def _step_of(instant: datetime, plan: Plan) -> int:
    """The step of the night in which an instant lies; its first or last where it lies outside."""
    return min(max(0, math.floor(plan.horizon.position(instant))), plan.horizon.steps - 1)


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


def _put_off(
    target: Target, late: set[datetime], wait: timedelta, last: Mapping[datetime, datetime]
) -> Target:
    """The target with its late edges put off, and its falls until at most ``last`` to make up for that."""
    periods = target.plan.periods
    edges = {period.start: period.start + wait for period in periods if period.start in late}
    falls = [(one, one.limit_kw - other.limit_kw) for one, other in pairwise(periods)]
    falls = [(one, fall_kw) for one, fall_kw in falls if fall_kw > 0 and one.end in last]
    for arrival, departure in target.visits:
        for one, other in pairwise(periods):
            start = other.start
            missed_s = (min(departure, start + wait) - max(arrival, start)).total_seconds()
            if start not in late or missed_s <= 0:
                continue
            missing_kws = (other.limit_kw - one.limit_kw) * missed_s
            # Later ones first: what is before an edge may be past when the plan reaches its charger.
            for fall, fall_kw in sorted(falls, key=lambda fall: (fall[0].end < start, fall[0].end)):
                since = edges.get(fall.end, fall.end)
                until = min(departure, last[fall.end])
                if missing_kws <= 0 or not arrival < since < until:
                    continue
                more = min(until - since, timedelta(seconds=math.ceil(missing_kws / fall_kw)))
                edges[fall.end] = since + more
                missing_kws -= more.total_seconds() * fall_kw
    moved = [replace(p, start=edges.get(p.start, p.start), end=edges.get(p.end, p.end)) for p in periods]
    return replace(target, plan=replace(target.plan, periods=tuple(moved)))
