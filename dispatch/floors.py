"""What each connector may draw without a plan, and the night's targets with that floor around its visits. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dispatch.composite import Limit
from dispatch.edges import burdened, staggered
from dispatch.known import capabilities_as_proven, capabilities_of
from dispatch.layers import Target, Turn, with_head_start
from dispatch.safety import Bottleneck, Draw, Measure, Place, Wiring, bottlenecks, room, room_without_plan
from optimiser.depot import DC_STEP_KW, Connector, Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan, wired
from optimiser.profiles import (
    LIMIT_STEP_A,
    LIMIT_STEP_KW,
    Period,
    charging_profiles,
    merged,
)
from optimiser.units import current_a_from_kw, floor_to_step

Steps = npt.NDArray[np.bool_]


DAY_S = 24 * 3600
SHORTEST_TURN_S = 3600
"""A vehicle that is woken for less than an hour has charged little, and some do not wake again. [s]"""
PAUSE_S = 600
"""Between two turns: two clocks that are two minutes off in different directions, and five minutes to settle. [s]"""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What each connector may draw without a plan. [kW, grid side]

    ``always_kw`` at any time of the year; ``in_turn`` beside that in spans of every day, in seconds since midnight UTC.
    """

    always_kw: Mapping[Place, float]
    in_turn: Mapping[Place, tuple[float, tuple[tuple[int, int], ...]]] = field(default_factory=dict)


def floors(depot: Depot) -> Mapping[Place, float]:
    """What each connector may draw without a plan, at any time of the year. [kW, grid side]"""
    return shared(depot).always_kw


def shared(depot: Depot) -> Shared:
    """What each connector may draw without a plan, at any time of the year.

    An equal share of what every transformer and feeder leaves after the highest base load; where that is below what a
    vehicle can charge with, as many connectors as possible get just that and the others 0, first those at which 0
    would end the session. Where that leaves out chargers that are proven to take turns, those of them that have no
    equal share take turns with it, of an hour or more with a pause between.
    """
    sharing = _Sharing(depot)
    order = sorted(
        sharing.wirings,
        key=lambda place: (not sharing.words[place.charger_id].zero_ends_session, sharing.lowest_kw[place]),
    )
    always_kw = dict.fromkeys(sharing.wirings, 0.0)
    for place in sharing.wirings:
        if sharing.share_kw[place] >= sharing.lowest_kw[place]:
            always_kw[place] = sharing.share_kw[place]
            sharing.take(place, always_kw[place], sharing.room_left)
    scarce = [place for place in order if always_kw[place] == 0.0 and sharing.can_charge(place)]
    steady = [place for place in scarce if not sharing.takes_turns(place)]
    takers = [place for place in scarce if sharing.takes_turns(place)]
    rooms = list(sharing.room_left)
    first = [place for place in scarce if sharing.take(place, sharing.lowest_kw[place], rooms)]
    if not set(takers) <= set(first):
        for place in steady:
            if place in first:
                sharing.take(place, sharing.lowest_kw[place], sharing.room_left)
        slots = _slots(takers, sharing)
        if len(slots) > 1:
            always_kw |= {place: sharing.lowest_kw[place] for place in steady if place in first}
            return Shared(always_kw=always_kw, in_turn=_turns(slots, sharing))
    return Shared(always_kw=always_kw | {place: sharing.lowest_kw[place] for place in first})


class _Sharing:
    """What is shared, and what each connector needs of it. Rooms are in the measures of the bottlenecks."""

    def __init__(self, depot: Depot) -> None:
        self.limits = bottlenecks(depot)
        self.words = {charger.id: capabilities_as_proven(charger) for charger in depot.chargers}
        self.connectors = {charger.id: len(charger.connectors) for charger in depot.chargers}
        self.wirings = {
            Place(charger.id, connector.id): Wiring(
                place=Place(charger.id, connector.id), connector=connector, voltage_v=depot.site.voltage_v
            )
            for charger, connector in depot.connectors()
        }
        self.lowest_kw = {
            place: _lowest_kw(wiring, self.words[place.charger_id].min_current_a)
            for place, wiring in self.wirings.items()
        }
        self.room_left = [room_without_plan(limit, depot) for limit in self.limits]
        self.above: dict[Place, list[int]] = {place: [] for place in self.wirings}
        for index, limit in enumerate(self.limits):
            for place in limit.places:
                self.above[place].append(index)
        self.share_kw = {place: self._equal_share_kw(place) for place in self.wirings}

    def _equal_share_kw(self, place: Place) -> float:
        wiring = self.wirings[place]
        share_kw = min(
            _as_kw(self.room_left[index] / max(1, len(self.limits[index].places)), self.limits[index], wiring)
            for index in self.above[place]
        )
        return min(_usable_kw(share_kw, wiring), wiring.full_kw)

    def can_charge(self, place: Place) -> bool:
        """Whether a vehicle can charge there at all."""
        return self.lowest_kw[place] <= self.wirings[place].full_kw

    def takes_turns(self, place: Place) -> bool:
        """Whether a connector is proven to keep to turns, and has a floor of its own to say them in."""
        words = self.words[place.charger_id]
        is_plain = words.kind == "absolute" and words.purpose == "tx_default" and words.max_periods >= 4
        return words.takes_turns and is_plain and not words.is_degraded(self.connectors[place.charger_id])

    def take(self, place: Place, power_kw: float, rooms: list[float]) -> bool:
        """Take a connector's power out of rooms, if it fits into all of them."""
        taken = {
            index: _measured_at(power_kw, self.limits[index], self.wirings[place])
            for index in self.above[place]
        }
        if any(rooms[index] < needed - 1e-9 for index, needed in taken.items()):
            return False
        for index, needed in taken.items():
            rooms[index] -= needed
        return True


def _slots(takers: Sequence[Place], sharing: _Sharing) -> list[list[Place]]:
    """Who can have a floor at the same time, in as few groups as come of it; who fits into none stays without."""
    slots: list[list[Place]] = []
    rooms: list[list[float]] = []
    for place in takers:
        power_kw = sharing.lowest_kw[place]
        number = next((n for n, left in enumerate(rooms) if sharing.take(place, power_kw, left)), None)
        if number is not None:
            slots[number].append(place)
            continue
        left = list(sharing.room_left)
        if (len(slots) + 1) * (SHORTEST_TURN_S + PAUSE_S) <= DAY_S and sharing.take(place, power_kw, left):
            slots.append([place])
            rooms.append(left)
    return slots


def _turns(
    slots: Sequence[Sequence[Place]], sharing: _Sharing
) -> dict[Place, tuple[float, tuple[tuple[int, int], ...]]]:
    """Turn after turn through the day, as often as there is time and a charger's periods can say."""
    most = min(sharing.words[place.charger_id].max_periods for slot in slots for place in slot)
    rounds = min(DAY_S // (len(slots) * (SHORTEST_TURN_S + PAUSE_S)), (most - 2) // 2)
    every_s = DAY_S // (len(slots) * max(1, rounds)) // 60 * 60
    found: dict[Place, tuple[float, tuple[tuple[int, int], ...]]] = {}
    for number, slot in enumerate(slots):
        begins = [(turn * len(slots) + number) * every_s for turn in range(max(1, rounds))]
        spans = tuple((begin_s, begin_s + every_s - PAUSE_S) for begin_s in begins)
        found |= {place: (sharing.lowest_kw[place], spans) for place in slot}
    return found


def targets(
    depot: Depot, plan: Plan, burdens_kw: Mapping[Place, FloatArray] | None = None
) -> tuple[Target, ...]:
    """What every connector is to be allowed in a planned night, in the order of ``depot.yaml``.

    While a visit is planned the plan holds; outside, the floor does, as far as the plan leaves room for it.
    ``burdens_kw`` (T,): the most that connectors may draw which do not obey, whatever is planned for them.
    """
    burdens = burdens_kw or {}
    without_plan = shared(depot)
    begin = with_head_start(min(plan.horizon.start, plan.created_at))
    profiles = charging_profiles(wired(plan, depot))
    visits: dict[Place, tuple[tuple[datetime, datetime], ...]] = {}
    for visit in plan.visits:
        place = Place(visit.charger_id, visit.connector_id)
        visits[place] = (*visits.get(place, ()), (visit.arrival, visit.departure))
    result = []
    for (charger, connector), profile in zip(depot.connectors(), profiles, strict=True):
        place = Place(charger.id, connector.id)
        floor = _floor_period(without_plan.always_kw[place], connector, plan, depot)
        lead = replace(floor, start=begin, end=plan.horizon.start)
        result.append(
            Target(
                place=place,
                connector=connector,
                plan=replace(profile, periods=(lead, *profile.periods)),
                floor=floor,
                visits=visits.get(place, ()),
                is_alone=len(charger.connectors) == 1,
                turn=_turn(without_plan, place, connector, plan, depot),
            )
        )
    settle_s = max(
        [depot.policy.settle_s, *(capabilities_of(charger).settle_s for charger in depot.chargers)]
    )
    whole = _with_floor_between_visits(result, depot, plan, burdens)
    return staggered(whole, depot, plan, settle_s=settle_s, burdens_kw=burdens)


def _with_floor_between_visits(
    found: list[Target], depot: Depot, plan: Plan, burdens_kw: Mapping[Place, FloatArray]
) -> tuple[Target, ...]:
    idle = {target.place: _idle_steps(plan, target.visits) for target in found}
    draws: dict[Place, dict[Measure, FloatArray]] = {}
    for target in found:
        wiring = Wiring(place=target.place, connector=target.connector, voltage_v=depot.site.voltage_v)
        burden_kw = burdens_kw.get(target.place)
        if burden_kw is not None:
            burden = burdened(burden_kw, target.connector, depot)
            draws[target.place] = {"kw": burden.kw, "a": burden.phase_a}
            continue
        floor = _most_drawn(target.floor, wiring)
        planned = [_most_drawn(period, wiring) for period in target.plan.periods[1:]]
        steps = _steps_of(target.plan.periods[1:], plan)
        is_idle = idle[target.place]
        draws[target.place] = {
            "kw": np.where(is_idle, floor.kw, np.repeat([draw.kw for draw in planned], steps)),
            "a": np.where(is_idle, floor.phase_a, np.repeat([draw.phase_a for draw in planned], steps)),
        }

    for limit in bottlenecks(depot):
        below = [_around(draws[place][limit.measure]) for place in limit.places]
        has_room = np.sum(below, axis=0) <= room(limit, depot, plan, plan.horizon.starts()) + 1e-9
        for place in limit.places:
            idle[place] &= has_room
    return tuple(_with_floor_in(target, idle[target.place], plan) for target in found)


def _around(values: FloatArray) -> FloatArray:
    """The highest of each step and its two neighbours, so that no floor is in the way at an edge of the plan."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(np.maximum(np.maximum(padded[:-2], padded[2:]), values))


def _with_floor_in(target: Target, idle: Steps, plan: Plan) -> Target:
    """The target with its floor in place of the plan in the steps that are idle."""
    lead, *planned = target.plan.periods
    ends = np.cumsum(_steps_of(planned, plan))
    changes = np.flatnonzero(np.diff(idle)) + 1
    edges = np.unique([0, *ends, *changes]).tolist()
    starts = [*plan.horizon.starts(), plan.horizon.end]
    periods = [
        replace(
            target.floor if idle[first] else planned[int(np.searchsorted(ends, first, side="right"))],
            start=starts[first],
            end=starts[end],
        )
        for first, end in pairwise(edges)
    ]
    return replace(target, plan=replace(target.plan, periods=merged([lead, *periods])))


def _steps_of(periods: Sequence[Period], plan: Plan) -> list[int]:
    """How many steps of the horizon each period of a planned profile has."""
    return [round(plan.horizon.position(p.end) - plan.horizon.position(p.start)) for p in periods]


def _idle_steps(plan: Plan, visits: Sequence[tuple[datetime, datetime]]) -> Steps:
    """The steps in which no visit is planned on a connector, not even for a part of them."""
    idle = np.ones(plan.horizon.steps, dtype=bool)
    for arrival, departure in visits:
        idle &= plan.horizon.presence(arrival, departure) == 0.0
    return idle


def _most_drawn(period: Period, wiring: Wiring) -> Draw:
    """What a period may let a connector draw, whoever stands there."""
    if period.limit_a is None:
        return wiring.draw(Limit(value=period.limit_kw * 1000.0 / wiring.connector.grid_per_limit, unit="W"))
    return wiring.draw(Limit(value=period.limit_a, unit="A"))


def _lowest_kw(wiring: Wiring, min_current_a: float) -> float:
    """The least power with which a vehicle charges on a connector."""
    connector = wiring.connector
    if connector.is_dc:
        return connector.min_kw * connector.grid_per_limit
    return wiring.draw(Limit(value=max(connector.min_current_a, min_current_a), unit="A")).kw


def _usable_kw(power_kw: float, wiring: Wiring) -> float:
    """A power cut down to a whole step of the connector."""
    connector = wiring.connector
    if connector.is_dc:
        return floor_to_step(power_kw / connector.grid_per_limit, DC_STEP_KW) * connector.grid_per_limit
    current_a = current_a_from_kw(power_kw, phases=connector.phases, voltage_v=wiring.voltage_v)
    return wiring.draw(Limit(value=floor_to_step(max(0.0, current_a), connector.current_step_a), unit="A")).kw


def _draw_at(power_kw: float, wiring: Wiring) -> Draw:
    """What a connector draws at a power on all its wired phases."""
    phases = wiring.connector.phases or 3
    phase_a = current_a_from_kw(power_kw, phases=phases, voltage_v=wiring.voltage_v)
    return Draw(kw=power_kw, phase_a=phase_a)


def _as_kw(share: float, limit: Bottleneck, wiring: Wiring) -> float:
    """A share of a bottleneck's limit as power of a connector. [kW]"""
    if limit.measure == "kw":
        return share
    return share / _draw_at(1.0, wiring).phase_a


def _measured_at(power_kw: float, limit: Bottleneck, wiring: Wiring) -> float:
    """What a connector takes of a bottleneck at a power, in its measure."""
    draw = _draw_at(power_kw, wiring)
    return draw.kw if limit.measure == "kw" else draw.phase_a


def _turn(found: Shared, place: Place, connector: Connector, plan: Plan, depot: Depot) -> Turn | None:
    if place not in found.in_turn:
        return None
    power_kw, spans = found.in_turn[place]
    return Turn(limit=_floor_period(power_kw, connector, plan, depot), spans=spans)


def _floor_period(power_kw: float, connector: Connector, plan: Plan, depot: Depot) -> Period:
    limit_a = None
    if not connector.is_dc:
        current_a = current_a_from_kw(power_kw, phases=connector.phases, voltage_v=depot.site.voltage_v)
        limit_a = floor_to_step(current_a, LIMIT_STEP_A)
    return Period(
        start=plan.horizon.start,
        end=plan.horizon.end,
        limit_kw=floor_to_step(power_kw, LIMIT_STEP_KW),
        limit_a=limit_a,
        phases=connector.phases,
    )
