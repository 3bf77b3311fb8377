"""The physics of a vehicle on a connector: what it draws under a limit, and how full that makes it.

It alone knows the taper of a battery, the least current that charges, what warming for the departure takes, and when
a vehicle that is kept waiting falls asleep. No OCPP, no clock, no network.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise

from optimiser.depot import Connector, Vehicle, power_range
from optimiser.units import current_a_from_kw, kw_from_current_a

POWER_SLACK_KW = 1e-9
"""Floating-point noise between a limit in A and the same limit in kW; a meter shows a million times more. [kW]"""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a charger allows: whatever is not None holds, with both the lower of them.

    ``current_a`` is per phase, ``power_kw`` the total of all phases. On DC ``power_kw`` holds on the side that
    the connector's ``limit_side`` names; amperes have no meaning there and allow nothing.
    """

    current_a: float | None = None
    power_kw: float | None = None

    @property
    def is_zero(self) -> bool:
        """Whether nothing at all is allowed."""
        return 0.0 in {self.current_a, self.power_kw}


UNLIMITED = Limit()


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What a vehicle draws at an instant: grid-side power, and on AC the current on each of ``phases`` phases."""

    power_kw: float
    current_a: float
    phases: int


@dataclass(frozen=True, kw_only=True)
class PluggedVehicle:
    """A vehicle on a connector; ``stored_kwh`` is in the battery, ``drawn_kwh`` from the grid since plug-in.

    ``consumed_kw`` is what it takes out of its battery just now, to be warm or cool when it leaves. It falls asleep
    after ``sleeps_after_s`` without being offered what it needs, of which ``waited_s`` are over; None: never.
    """

    vehicle: Vehicle
    connector: Connector
    voltage_v: float
    stored_kwh: float
    drawn_kwh: float = 0.0
    consumed_kw: float = 0.0
    sleeps_after_s: float | None = None
    waited_s: float = 0.0

    @classmethod
    def arriving(
        cls,
        vehicle: Vehicle,
        connector: Connector,
        *,
        soc_percent: float,
        voltage_v: float,
        sleeps_after_s: float | None = None,
    ) -> PluggedVehicle:
        """A vehicle as it is plugged in."""
        return cls(
            vehicle=vehicle,
            connector=connector,
            voltage_v=voltage_v,
            stored_kwh=vehicle.battery_kwh * soc_percent / 100.0,
            sleeps_after_s=sleeps_after_s,
        )

    @property
    def soc_percent(self) -> float:
        """State of charge. [%]"""
        return 100.0 * self.stored_kwh / self.vehicle.battery_kwh

    @property
    def is_full(self) -> bool:
        """Whether nothing more goes in than is taken out."""
        return self.stored_kwh >= self.vehicle.battery_kwh

    @property
    def is_asleep(self) -> bool:
        """Whether it has been kept waiting too long: it draws nothing, whatever it is offered."""
        return self.sleeps_after_s is not None and self.waited_s >= self.sleeps_after_s

    def awake(self) -> PluggedVehicle:
        """The vehicle woken, as by a new transaction."""
        return replace(self, waited_s=0.0)


def draw(plugged: PluggedVehicle, limit: Limit) -> Draw:
    """What the vehicle draws from the grid right now under a limit."""
    into_battery_kw = _into_battery_kw(plugged, plugged.stored_kwh, allowed_kw=_allowed_kw(plugged, limit))
    if plugged.is_full:
        into_battery_kw = min(into_battery_kw, plugged.consumed_kw)
    power_kw = into_battery_kw / plugged.vehicle.charge_efficiency
    phases = power_range(plugged.connector, plugged.vehicle, voltage_v=plugged.voltage_v).phases
    if phases == 0:
        return Draw(power_kw=power_kw, current_a=0.0, phases=0)
    current_a = current_a_from_kw(power_kw, phases=phases, voltage_v=plugged.voltage_v)
    return Draw(power_kw=power_kw, current_a=current_a, phases=phases)


def is_offered_power(plugged: PluggedVehicle, limit: Limit) -> bool:
    """Whether a limit lets the vehicle charge, if it were awake."""
    return _allowed_kw(plugged.awake(), limit) > 0


def advance(plugged: PluggedVehicle, limit: Limit, duration_s: float) -> PluggedVehicle:
    """The vehicle after ``duration_s`` seconds under one limit.

    Exact: between the knots of the charge curve the power is linear in the stored energy, so each piece has a
    closed form; charging ends at the instant at which the battery is full.
    """
    allowed_kw = _allowed_kw(plugged, limit)
    stored_kwh, drawn_kwh, left_h = plugged.stored_kwh, plugged.drawn_kwh, duration_s / 3600.0
    per_stored = 1.0 / plugged.vehicle.charge_efficiency
    knots_kwh = _knots_kwh(plugged, allowed_kw)
    while left_h > 0:
        first_kw = _gain_kw(plugged, stored_kwh, allowed_kw=allowed_kw)
        knot_kwh = _next_knot_kwh(knots_kwh, stored_kwh, is_rising=first_kw > 0)
        if first_kw == 0 or knot_kwh is None:  # as much goes in as comes out, be that nothing
            into_kw = _into_battery_kw(plugged, stored_kwh, allowed_kw=allowed_kw)
            drawn_kwh += min(into_kw, plugged.consumed_kw) * left_h * per_stored
            break
        last_kw = _gain_kw(plugged, knot_kwh, allowed_kw=allowed_kw)
        needed_h = _time_h(knot_kwh - stored_kwh, first_kw, last_kw)
        hours = min(needed_h, left_h)
        next_kwh = knot_kwh
        if needed_h > left_h:
            next_kwh = stored_kwh + _gain_kwh(knot_kwh - stored_kwh, first_kw, last_kw, left_h)
            next_kwh = min(knot_kwh, next_kwh) if first_kw > 0 else max(knot_kwh, next_kwh)
        drawn_kwh += (next_kwh - stored_kwh + plugged.consumed_kw * hours) * per_stored
        stored_kwh, left_h = next_kwh, left_h - hours
    waits = allowed_kw <= 0
    return replace(
        plugged,
        stored_kwh=stored_kwh,
        drawn_kwh=drawn_kwh,
        waited_s=plugged.waited_s + duration_s if waits else 0.0,
    )


def _allowed_kw(plugged: PluggedVehicle, limit: Limit) -> float:
    """Grid-side power that limit and hardware allow, before the battery has its say; 0 below the minimum."""
    if plugged.is_asleep:
        return 0.0
    reach = power_range(plugged.connector, plugged.vehicle, voltage_v=plugged.voltage_v)
    allowed_kw = reach.max_kw
    if limit.power_kw is not None:
        per_limit = plugged.connector.grid_per_limit if plugged.connector.is_dc else 1.0
        allowed_kw = min(allowed_kw, limit.power_kw * per_limit)
    if limit.current_a is not None:
        by_current_kw = kw_from_current_a(limit.current_a, phases=reach.phases, voltage_v=plugged.voltage_v)
        allowed_kw = min(allowed_kw, by_current_kw)
    return allowed_kw if allowed_kw >= reach.min_kw - POWER_SLACK_KW else 0.0


def _into_battery_kw(plugged: PluggedVehicle, stored_kwh: float, *, allowed_kw: float) -> float:
    allowed_into_battery_kw = allowed_kw * plugged.vehicle.charge_efficiency
    curve = plugged.vehicle.charge_curve
    if curve is None or not plugged.connector.is_dc:
        return allowed_into_battery_kw
    soc_percent = 100.0 * stored_kwh / plugged.vehicle.battery_kwh
    return min(allowed_into_battery_kw, _interpolated(soc_percent, curve.soc_percent, curve.max_kw))


def _gain_kw(plugged: PluggedVehicle, stored_kwh: float, *, allowed_kw: float) -> float:
    """What goes into the battery, less what is taken out of it. [kW]"""
    return _into_battery_kw(plugged, stored_kwh, allowed_kw=allowed_kw) - plugged.consumed_kw


def _next_knot_kwh(knots_kwh: list[float], stored_kwh: float, *, is_rising: bool) -> float | None:
    """The knot ahead; None for a full battery that is charged and for an empty one that is drained."""
    if is_rising:
        return next((knot_kwh for knot_kwh in knots_kwh if knot_kwh > stored_kwh), None)
    return next((knot_kwh for knot_kwh in reversed(knots_kwh) if knot_kwh < stored_kwh), None)


def _knots_kwh(plugged: PluggedVehicle, allowed_kw: float) -> list[float]:
    """Stored energies at which the power changes its slope, rising; empty and full are the first and the last."""
    curve = plugged.vehicle.charge_curve
    battery_kwh = plugged.vehicle.battery_kwh
    socs = {0.0, 100.0}
    if curve is not None and plugged.connector.is_dc:
        level_kw = allowed_kw * plugged.vehicle.charge_efficiency
        points = list(zip(curve.soc_percent, curve.max_kw, strict=True))
        socs.update(soc for soc, _ in points if 0.0 < soc < 100.0)
        for (soc, kw), (next_soc, next_kw) in pairwise(points):
            if min(kw, next_kw) < level_kw < max(kw, next_kw):
                socs.add(soc + (next_soc - soc) * (level_kw - kw) / (next_kw - kw))
    return [battery_kwh if soc == 100.0 else battery_kwh * soc / 100.0 for soc in sorted(socs)]


def _interpolated(at: float, xs: tuple[float, ...], ys: tuple[float, ...]) -> float:
    right = bisect_right(xs, at)
    if right == 0:
        return ys[0]
    if right == len(xs):
        return ys[-1]
    share = (at - xs[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + share * (ys[right] - ys[right - 1])


def _slope_per_h(gap_kwh: float, first_kw: float, last_kw: float) -> float:
    """How the power changes with stored energy; 0 where it is level but for noise. [1/h]"""
    return 0.0 if abs(last_kw - first_kw) <= 1e-9 * abs(first_kw) else (last_kw - first_kw) / gap_kwh


def _time_h(gap_kwh: float, first_kw: float, last_kw: float) -> float:
    if last_kw / first_kw <= 0:
        return math.inf  # the power fades away before the knot is reached
    slope = _slope_per_h(gap_kwh, first_kw, last_kw)
    return math.log(last_kw / first_kw) / slope if slope else gap_kwh / first_kw


def _gain_kwh(gap_kwh: float, first_kw: float, last_kw: float, hours: float) -> float:
    slope = _slope_per_h(gap_kwh, first_kw, last_kw)
    return first_kw * math.expm1(slope * hours) / slope if slope else first_kw * hours
