"""Which departures were physically possible: a night charged by hand, least slack first, with what could be known.

What this gets ready could have been got ready: it keeps every limit, knows nothing earlier than it could be
known, and is slower than a charger. It shares nothing with planner or dispatcher but depot and physics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dispatch.rehearsal.bounds import Bound, bounds_of
from dispatch.rehearsal.scene import AWAY_IN_REBOOT, REACTION, Guest, Scene, level_at
from dispatch.rehearsal.site import Plug
from dispatch.simulator.vehicle import UNLIMITED, Limit, PluggedVehicle, advance, draw
from optimiser.depot import power_range
from optimiser.plan import READY_TOLERANCE_PERCENT, Plan
from optimiser.units import floor_to_step

STEP = timedelta(minutes=5)
"""How often powers are decided anew."""


@dataclass(kw_only=True)
class _Car:
    """A vehicle while it is there; ``planned_kw`` is what its connector holds on to where nobody can reach it."""

    guest: Guest
    plug: Plug
    state: PluggedVehicle
    planned_kw: Mapping[datetime, float]
    power_kw: float = 0.0

    @property
    def missing_kwh(self) -> float:
        """What it still needs. [kWh, battery side]"""
        required_kwh = self.state.vehicle.battery_kwh * self.guest.visit.required_soc_percent / 100.0
        return max(0.0, required_kwh - self.state.stored_kwh)

    def slack_h(self, now: datetime) -> float:
        """How long it could still wait if it then got all that it can take."""
        departure = self.guest.visit.departure
        if self.guest.known_at is not None and now >= self.guest.known_at:
            departure = self.guest.departure
        most_kw = max(1e-9, draw(self.state, UNLIMITED).power_kw) * self.state.vehicle.charge_efficiency
        return (departure - now).total_seconds() / 3600.0 - self.missing_kwh / most_kw


@dataclass(kw_only=True)
class _Room:
    """What is left below every limit. [kW]"""

    left_kw: dict[str, float]
    above: Mapping[Plug, tuple[str, ...]] = field(repr=False)

    def of(self, plug: Plug) -> float:
        """What a connector may draw. [kW]"""
        return min(self.left_kw[name] for name in self.above[plug])

    def take(self, plug: Plug, power_kw: float) -> None:
        """Let a connector draw something."""
        for name in self.above[plug]:
            self.left_kw[name] -= power_kw


def ready_by_hand(scene: Scene, plan: Plan, *, begin: datetime) -> frozenset[int]:
    """Numbers of the visits (in the night's order) that were physically possible."""
    cars = {number: _car(scene, plan, guest) for number, guest in enumerate(scene.guests)}
    bounds = bounds_of(scene.depot)
    above = {plug: tuple(b.name for b in bounds if plug in b.plugs) for plug in bounds[0].plugs}
    ready: set[int] = set()
    waiting = {number for number, guest in enumerate(scene.guests) if not guest.is_absent}
    now = begin
    while waiting:
        there = []
        for number in sorted(waiting):
            car = cars[number]
            if car.guest.arrival + REACTION <= now:
                there.append(car)
        _share_out(scene, there, _room(scene, bounds, above, now), now)
        for number in sorted(waiting):
            car = cars[number]
            end = min(now + STEP, car.guest.departure)
            if car in there and end > now:
                car.state = advance(car.state, _limit(car), (end - now).total_seconds())
            if car.guest.departure <= now + STEP:
                waiting.discard(number)
                if car.state.soc_percent >= car.guest.visit.required_soc_percent - READY_TOLERANCE_PERCENT:
                    ready.add(number)
        now += STEP
    return frozenset(ready)


def _share_out(scene: Scene, there: list[_Car], room: _Room, now: datetime) -> None:
    """Give power to those who are there: first what nobody decides, then to who has the least slack."""
    mine: list[_Car] = []
    for car in there:
        charger_id = car.plug.charger_id
        if charger_id in scene.ungoverned:
            car.power_kw = draw(car.state, UNLIMITED).power_kw
        elif _is_restarting(scene, charger_id, now):
            car.power_kw = 0.0
        elif _is_out_of_reach(scene, charger_id, now):
            car.power_kw = min(_planned_kw(car, now), draw(car.state, UNLIMITED).power_kw)
        else:
            mine.append(car)
            continue
        room.take(car.plug, car.power_kw)
    for car in sorted(mine, key=lambda car: (car.slack_h(now), car.plug)):
        reach = power_range(car.state.connector, car.state.vehicle, voltage_v=car.state.voltage_v)
        wanted_kw = draw(car.state, UNLIMITED).power_kw if car.missing_kwh > 0 else 0.0
        given_kw = min(wanted_kw, room.of(car.plug))
        if given_kw < wanted_kw:
            given_kw = floor_to_step(given_kw, reach.step_kw)
        car.power_kw = given_kw if given_kw >= reach.min_kw else 0.0
        room.take(car.plug, car.power_kw)


def _room(
    scene: Scene, bounds: tuple[Bound, ...], above: Mapping[Plug, tuple[str, ...]], now: datetime
) -> _Room:
    """Room below every limit, with what the depot wants kept free for chargers that forget."""
    depot = scene.depot
    base_kw, limit_kw = level_at(scene.base_load_kw, now), level_at(scene.limit_kw, now)
    # A step lasts: what comes within it counts from its beginning.
    base_kw = max(base_kw, level_at(scene.base_load_kw, now + STEP))
    limit_kw = min(limit_kw, level_at(scene.limit_kw, now + STEP))
    full_kw = sorted((c.full_power_kw(depot.site.voltage_v) for _, c in depot.connectors()), reverse=True)
    spare_kw = sum(full_kw[: depot.policy.secure_against_forgetful]) + depot.site.reserve_kw
    left_kw = {
        bound.name: (limit_kw if bound.limit_kw is None else bound.limit_kw)
        - ((base_kw + spare_kw) if bound.carries_base_load else 0.0)
        for bound in bounds
    }
    return _Room(left_kw=left_kw, above=above)


def _car(scene: Scene, plan: Plan, guest: Guest) -> _Car:
    visit, depot = guest.visit, scene.depot
    planned = next(
        (
            p.power_kw
            for p in plan.visits
            if (p.vehicle_id, p.charger_id, p.arrival) == (visit.vehicle_id, visit.charger_id, visit.arrival)
        ),
        (0.0,) * plan.horizon.steps,
    )
    return _Car(
        guest=guest,
        plug=guest.plug,
        state=PluggedVehicle.arriving(
            guest.vehicle,
            depot.connector(*guest.plug),
            soc_percent=guest.soc_percent,
            voltage_v=depot.site.voltage_v,
        ),
        planned_kw=dict(zip(plan.horizon.starts(), planned, strict=True)),
    )


def _planned_kw(car: _Car, now: datetime) -> float:
    return level_at(tuple(car.planned_kw.items()), now)


def _limit(car: _Car) -> Limit:
    """The car's power as a limit on the side on which its connector takes limits."""
    connector = car.state.connector
    per_limit = connector.grid_per_limit if connector.is_dc else 1.0
    return Limit(power_kw=car.power_kw / per_limit)


def _is_restarting(scene: Scene, charger_id: str, now: datetime) -> bool:
    return any(
        restarted == charger_id and at - STEP < now < at + AWAY_IN_REBOOT + REACTION
        for at, restarted in scene.reboots
    )


def _is_out_of_reach(scene: Scene, charger_id: str, now: datetime) -> bool:
    spans = [span for away, span in scene.away if away == charger_id]
    return any(span.start - STEP < now < span.end + REACTION for span in (*spans, *scene.silences))
