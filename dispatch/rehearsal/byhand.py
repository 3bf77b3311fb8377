"""The rest of a night charged by hand, least slack first: what this gets ready could have been got ready.

It keeps every limit, knows of the night what the scene says that it is given, and is slower than a charger. It shares
nothing with planner or dispatcher but depot and physics.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dispatch.rehearsal.bounds import Bound, bounds_of
from dispatch.rehearsal.scene import AWAY_IN_REBOOT, REACTION, Guest, Scene, Span, level_at
from dispatch.rehearsal.site import Plug
from dispatch.simulator.vehicle import UNLIMITED, Limit, PluggedVehicle, advance, draw
from optimiser.depot import PowerRange, power_range
from optimiser.planned import READY_TOLERANCE_PERCENT
from optimiser.units import floor_to_step

STEP = timedelta(minutes=5)
"""How often powers are decided anew, beside when anything happens."""

Course = Sequence[tuple[datetime, float]]
"""Power from instants on. [kW]"""


@dataclass(frozen=True, kw_only=True)
class Stand:
    """How a vehicle truly stands at an instant."""

    stored_kwh: float
    is_asleep: bool


@dataclass(frozen=True, kw_only=True)
class Charged:
    """What came of it: who leaves ready, and what everybody misses. [kWh, battery side]"""

    ready: frozenset[int]
    missing_kwh: Mapping[int, float]


@dataclass(kw_only=True)
class _Car:
    """A vehicle of the night; ``held`` is what its charger goes on with where nobody can reach it."""

    guest: Guest
    arrival: datetime
    warmed_from: datetime
    state: PluggedVehicle
    reach: PowerRange
    held: Course
    power_kw: float = 0.0

    @property
    def plug(self) -> Plug:
        return self.guest.plug

    @property
    def is_ready(self) -> bool:
        """Whether it has what it needs."""
        return self.state.soc_percent >= self.guest.visit.required_soc_percent - READY_TOLERANCE_PERCENT

    def missing_kwh(self, now: datetime) -> float:
        """What it still needs, with what warming will take. [kWh, battery side]"""
        required_kwh = self.state.vehicle.battery_kwh * self.guest.visit.required_soc_percent / 100.0
        whole_s = (self.guest.departure - self.warmed_from).total_seconds()
        left_s = (self.guest.departure - max(now, self.warmed_from)).total_seconds()
        share = max(0.0, left_s / whole_s) if whole_s > 0 else 0.0
        return max(0.0, required_kwh + self.guest.visit.precondition_kwh * share - self.state.stored_kwh)

    def slack_h(self, now: datetime) -> float:
        """How long it could still wait if it then got all that it can take."""
        most_kw = max(1e-9, draw(self.state, UNLIMITED).power_kw) * self.state.vehicle.charge_efficiency
        return (self.guest.departure - now).total_seconds() / 3600.0 - self.missing_kwh(now) / most_kw


@dataclass(kw_only=True)
class _Room:
    """What is left below every limit. [kW]"""

    bounds: Sequence[Bound]
    left_kw: dict[str, float]

    def of(self, plug: Plug, phases: int) -> float:
        """What a connector may draw. [kW]"""
        shares = ((bound, bound.careful_share(plug, phases)) for bound in self.bounds if plug in bound.plugs)
        return max(0.0, min(self.left_kw[bound.name] / share for bound, share in shares if share))

    def take(self, plug: Plug, power_kw: float, phases: int) -> None:
        """Let a connector draw something."""
        for bound in self.bounds:
            if plug in bound.plugs:
                self.left_kw[bound.name] -= power_kw * bound.careful_share(plug, phases)


def charge_by_hand(
    scene: Scene,
    *,
    start: datetime,
    stands: Mapping[int, Stand],
    who: Collection[int],
    held: Mapping[int, Course],
    first: int | None = None,
) -> Charged:
    """The night from ``start`` on for those of its guests (by number) that are asked for, the others draw nothing.

    ``stands`` are those that are there; ``held`` is what is drawn where nobody can reach a charger. ``first`` goes
    before everybody else.
    """
    cars = {number: _car(scene, number, start, stands, held) for number in sorted(who)}
    bounds, ready, missing_kwh = bounds_of(scene.depot), set[int](), dict[int, float]()
    waiting = {number for number, car in cars.items() if not car.guest.is_absent}
    instants = _instants(scene, list(cars.values()), start)
    for now, then in zip(instants, [*instants[1:], None], strict=True):
        for number in [number for number in waiting if cars[number].guest.departure <= now]:
            waiting.discard(number)
            missing_kwh[number] = cars[number].missing_kwh(now)
            if cars[number].is_ready:
                ready.add(number)
        if then is None:
            break
        there = {number: cars[number] for number in sorted(waiting) if cars[number].arrival <= now}
        ahead = None if first is None else there.get(first)
        _share_out(scene, list(there.values()), _room(scene, bounds, now), now, ahead=ahead)
        for car in there.values():
            consumed_kw = _consumed_kw(car, now)
            if car.power_kw > 0 or consumed_kw > 0:
                warmed = replace(car.state, consumed_kw=consumed_kw)
                car.state = advance(warmed, _limit(car), (then - now).total_seconds())
    return Charged(ready=frozenset(ready), missing_kwh=missing_kwh)


def is_out_of_reach(scene: Scene, charger_id: str, now: datetime) -> bool:
    """Whether nobody can change what a charger holds."""
    return any(span.holds(now) for span in _out_of_reach(scene, charger_id))


def reached_again_at(scene: Scene, charger_id: str, now: datetime) -> datetime:
    """When somebody can change what a charger holds; now, if it can be reached."""
    return max((now, *(span.end for span in _out_of_reach(scene, charger_id) if span.holds(now))))


def _out_of_reach(scene: Scene, charger_id: str) -> list[Span]:
    turn = timedelta(minutes=scene.depot.policy.tick_minutes)
    spans = [
        Span(start=span.start, end=span.end + REACTION) for away, span in scene.away if away == charger_id
    ]
    return spans + [Span(start=span.start, end=span.end + turn + REACTION) for span in scene.silences]


def _share_out(
    scene: Scene, there: Sequence[_Car], room: _Room, now: datetime, *, ahead: _Car | None
) -> None:
    """Give power to those who are there: first what nobody decides, then to who has the least slack."""
    mine: list[_Car] = []
    _keep_clear_of_the_ungoverned(scene, room)
    for car in there:
        charger_id = car.plug.charger_id
        if charger_id in scene.ungoverned:
            car.power_kw = draw(car.state, UNLIMITED).power_kw
            continue
        if _is_restarting(scene, charger_id, now):
            car.power_kw = 0.0
        elif is_out_of_reach(scene, charger_id, now):
            car.power_kw = min(level_at(car.held, now), draw(car.state, UNLIMITED).power_kw)
        else:
            car.power_kw = 0.0
            if car.missing_kwh(now) > 0:
                mine.append(car)
            continue
        room.take(car.plug, car.power_kw, car.reach.phases)
    _let_strangers_draw(scene, room, now)
    for car in sorted(mine, key=lambda car: (car is not ahead, car.slack_h(now), car.plug)):
        wanted_kw = draw(car.state, UNLIMITED).power_kw
        given_kw = min(wanted_kw, room.of(car.plug, car.reach.phases))
        if given_kw < wanted_kw:
            given_kw = floor_to_step(given_kw, car.reach.step_kw)
        car.power_kw = given_kw if given_kw >= min(car.reach.min_kw, wanted_kw) else 0.0
        room.take(car.plug, car.power_kw, car.reach.phases)


def _keep_clear_of_the_ungoverned(scene: Scene, room: _Room) -> None:
    """A charger that nothing is proven of counts at full power, whatever stands there: so it must, to be safe."""
    for charger, connector in scene.depot.connectors():
        if charger.id in scene.ungoverned:
            full_kw = connector.full_power_kw(scene.depot.site.voltage_v)
            room.take(Plug(charger.id, connector.id), full_kw, connector.phases)


def _let_strangers_draw(scene: Scene, room: _Room, now: datetime) -> None:
    """A stranger gets its connector's floor where the depot gives it one: an equal share, or the least there is."""
    depot = scene.depot
    if depot.policy.unknown_vehicle == "hold":
        return
    fair_kw = (depot.site.transformer_limit_kw - depot.site.base_load_max_kw) / len(list(depot.connectors()))
    for stranger in scene.strangers:
        if stranger.arrival <= now < stranger.departure:
            reach = power_range(
                depot.connector(*stranger.plug), stranger.vehicle, voltage_v=depot.site.voltage_v
            )
            room.take(stranger.plug, min(reach.max_kw, max(reach.min_kw, fair_kw)), reach.phases)


def _room(scene: Scene, bounds: tuple[Bound, ...], now: datetime) -> _Room:
    """Room below every limit, with what the depot wants kept free for chargers that forget.

    Who cannot see the building counts the most that it is known for.
    """
    depot = scene.depot
    base_kw, limit_kw = level_at(scene.base_load_kw, now), level_at(scene.limit_kw, now)
    if any(span.holds(now) for span in scene.unmetered):
        base_kw = max(base_kw, depot.site.base_load_max_kw)
    full_kw = sorted((c.full_power_kw(depot.site.voltage_v) for _, c in depot.connectors()), reverse=True)
    spare_kw = sum(full_kw[: depot.policy.secure_against_forgetful]) + depot.site.reserve_kw
    left_kw = {
        bound.name: (limit_kw if bound.limit_kw is None else bound.limit_kw)
        - ((base_kw + spare_kw) * bound.evenly if bound.carries_base_load else 0.0)
        for bound in bounds
    }
    return _Room(bounds=bounds, left_kw=left_kw)


def _car(
    scene: Scene,
    number: int,
    start: datetime,
    stands: Mapping[int, Stand],
    held: Mapping[int, Course],
) -> _Car:
    guest, depot = scene.guests[number], scene.depot
    stand = stands.get(number)
    state = PluggedVehicle.arriving(
        guest.vehicle,
        depot.connector(*guest.plug),
        soc_percent=guest.soc_percent,
        voltage_v=depot.site.voltage_v,
    )
    arrival = max(guest.arrival + REACTION, start)
    if stand is not None:
        asleep_s = 0.0 if stand.is_asleep else None
        state = replace(state, stored_kwh=stand.stored_kwh, sleeps_after_s=asleep_s)
        arrival = start
    lead = timedelta(minutes=depot.policy.precondition_minutes)
    return _Car(
        guest=guest,
        arrival=arrival,
        warmed_from=max(guest.arrival, guest.departure - lead),
        state=state,
        reach=power_range(state.connector, state.vehicle, voltage_v=state.voltage_v),
        held=held.get(number) or ((start, 0.0),),
    )


def _consumed_kw(car: _Car, now: datetime) -> float:
    if now < car.warmed_from or not car.guest.visit.precondition_kwh:
        return 0.0
    return car.guest.visit.precondition_kwh / (
        (car.guest.departure - car.warmed_from).total_seconds() / 3600.0
    )


def _limit(car: _Car) -> Limit:
    """The car's power as a limit on the side on which its connector takes limits."""
    connector = car.state.connector
    per_limit = connector.grid_per_limit if connector.is_dc else 1.0
    # A battery that tapers below the charger's minimum is let: it takes no more than it wants.
    allowed_kw = max(car.power_kw, car.reach.min_kw) if car.power_kw > 0 else 0.0
    return Limit(power_kw=allowed_kw / per_limit)


def _is_restarting(scene: Scene, charger_id: str, now: datetime) -> bool:
    return any(
        restarted == charger_id and at <= now < at + AWAY_IN_REBOOT + REACTION
        for at, restarted in scene.reboots
    )


def _instants(scene: Scene, cars: Sequence[_Car], start: datetime) -> list[datetime]:
    """When powers are decided anew: every few minutes, and whenever anything changes."""
    end = max((car.guest.departure for car in cars), default=start)
    turn = timedelta(minutes=scene.depot.policy.tick_minutes)
    marks = {start + n * STEP for n in range(int((end - start) / STEP) + 1)}
    marks |= {at for at, _ in (*scene.base_load_kw, *scene.limit_kw)}
    marks |= {edge for car in cars for edge in (car.arrival, car.warmed_from, car.guest.departure)}
    marks |= {edge for _, span in scene.away for edge in (span.start, span.end + REACTION)}
    marks |= {edge for span in scene.silences for edge in (span.start, span.end + turn + REACTION)}
    marks |= {edge for at, _ in scene.reboots for edge in (at, at + AWAY_IN_REBOOT + REACTION)}
    marks |= {edge for span in scene.unmetered for edge in (span.start, span.end)}
    marks |= {edge for one in scene.strangers for edge in (one.arrival, one.departure)}
    return sorted(mark for mark in marks if start <= mark <= end)
