"""What is true when something goes wrong with vehicles."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.rehearsal.applied.base import applied, instant_at, objections, problem_with, span_of
from dispatch.rehearsal.faults import (
    Absent,
    Early,
    Late,
    OtherPhases,
    OtherSoc,
    Sleeps,
    Stranger,
    Swapped,
    WrongBay,
)
from dispatch.rehearsal.scene import METER_INTERVAL, REACTION, Excuse, Guest, Scene, Span
from dispatch.rehearsal.scene import Stranger as Unknown
from dispatch.rehearsal.site import Plug
from optimiser.depot import Connector, Vehicle, power_range
from optimiser.inputs import Problem

NEVER_FULL_KWH = 10_000.0
"""The battery of a stranger: it takes all it gets for as long as it is there."""
STRANGERS_A, STRANGERS_DC_KW = 63.0, 1_000.0
"""What a stranger can take is more than any connector gives."""


@applied.register
def _late(fault: Late, scene: Scene) -> Scene:
    def late(guest: Guest) -> Guest:
        by = timedelta(minutes=fault.minutes)
        return replace(guest, arrival=min(guest.arrival + by, guest.departure - timedelta(minutes=1)))

    # That it is late could be known when it did not come; how late, when it has come.
    return scene.with_guest(fault.vehicle, late, known=_arrival)


@applied.register
def _early(fault: Early, scene: Scene) -> Scene:
    def early(guest: Guest) -> Guest:
        by = timedelta(minutes=fault.minutes)
        return replace(guest, departure=max(guest.departure - by, guest.arrival + timedelta(minutes=1)))

    def known(guest: Guest) -> datetime:
        at = guest.departure if fault.known is None else instant_at(scene, fault.known)
        return min(at, guest.departure)

    return scene.with_guest(fault.vehicle, early, known=known)


@applied.register
def _absent(fault: Absent, scene: Scene) -> Scene:
    return scene.with_guest(
        fault.vehicle,
        lambda guest: replace(guest, is_absent=True),
        known=lambda guest: guest.departure,  # it could still have come
    )


@applied.register
def _other_soc(fault: OtherSoc, scene: Scene) -> Scene:
    return scene.with_guest(
        fault.vehicle, lambda guest: replace(guest, soc_percent=fault.percent), known=_arrival
    )


@applied.register
def _other_phases(fault: OtherPhases, scene: Scene) -> Scene:
    changed = scene.with_guest(
        fault.vehicle,
        lambda guest: replace(guest, vehicle=replace(guest.vehicle, ac_phases=fault.drawn)),
        known=_arrival,
    )
    draws_more = fault.drawn > scene.depot.vehicle(fault.vehicle).ac_phases
    excuses = [
        Excuse(
            span=Span(start=guest.arrival, end=guest.departure),
            charger_id=guest.plug.charger_id,
            after_first_draw=METER_INTERVAL + REACTION,
        )
        for guest in changed.guests
        if guest.visit.vehicle_id == fault.vehicle and draws_more
    ]
    return replace(changed, excuses=(*changed.excuses, *excuses))


@objections.register
def _no_other_phases(fault: OtherPhases, scene: Scene) -> list[Problem]:
    planned = scene.depot.vehicle(fault.vehicle)
    if not planned.ac_phases or planned.ac_phases == fault.drawn:
        allowed = f"another number of phases than it has: {planned.ac_phases}"
        return [problem_with(fault, str(fault.drawn), allowed)]
    return []


@applied.register
def _sleeps(fault: Sleeps, scene: Scene) -> Scene:
    return scene.with_guest(
        fault.vehicle,
        lambda guest: replace(guest, sleeps_after_s=fault.after_minutes * 60.0),
        known=_arrival,
    )


@applied.register
def _wrong_bay(fault: WrongBay, scene: Scene) -> Scene:
    plug = Plug(fault.charger, fault.connector)
    return scene.with_guest(fault.vehicle, lambda guest: replace(guest, plug=plug), known=_arrival)


@objections.register
def _no_wrong_bay(fault: WrongBay, scene: Scene) -> list[Problem]:
    plug = Plug(fault.charger, fault.connector)
    movers = [guest for guest in scene.guests if guest.visit.vehicle_id == fault.vehicle]
    texts = [text for guest in movers for text in _no_place(scene, plug, guest)]
    return [problem_with(fault, str(plug), text) for text in texts]


@applied.register
def _swapped(fault: Swapped, scene: Scene) -> Scene:
    one, other = _places(scene, fault.vehicle), _places(scene, fault.other)
    moved = scene.with_guest(fault.vehicle, lambda guest: replace(guest, plug=other[0]), known=_arrival)
    return moved.with_guest(fault.other, lambda guest: replace(guest, plug=one[0]), known=_arrival)


@objections.register
def _not_swapped(fault: Swapped, scene: Scene) -> list[Problem]:
    one, other = _places(scene, fault.vehicle), _places(scene, fault.other)
    if not other or fault.other == fault.vehicle:
        return [problem_with(fault, fault.other, "another vehicle that comes in this night")]
    if len(one) > 1 or len(other) > 1:
        return [problem_with(fault, fault.other, "two vehicles that come once each")]
    apart = replace(
        scene, guests=tuple(g for g in scene.guests if g.visit.vehicle_id not in {fault.vehicle, fault.other})
    )
    texts: list[str] = []
    for guest in scene.guests:
        if guest.visit.vehicle_id in {fault.vehicle, fault.other}:
            plug = other[0] if guest.visit.vehicle_id == fault.vehicle else one[0]
            texts += [f"{guest.visit.vehicle_id} at {plug}: {text}" for text in _no_place(apart, plug, guest)]
    return [problem_with(fault, fault.other, text) for text in texts]


@applied.register
def _stranger(fault: Stranger, scene: Scene) -> Scene:
    plug = Plug(fault.charger, fault.connector)
    span = span_of(scene.night.horizon, fault.at, fault.minutes)
    name = f"stranger-{len(scene.strangers) + 1}"
    vehicle = Vehicle(
        id=name,
        battery_kwh=NEVER_FULL_KWH,
        max_ac_current_a=STRANGERS_A,
        ac_phases=3,
        max_dc_kw=STRANGERS_DC_KW,
        charge_efficiency=1.0,
        id_tag=name.upper(),
    )
    unknown = Unknown(vehicle=vehicle, plug=plug, arrival=span.start, departure=span.end)
    return replace(scene.known(span.start), strangers=(*scene.strangers, unknown))


@objections.register
def _no_stranger(fault: Stranger, scene: Scene) -> list[Problem]:
    plug = Plug(fault.charger, fault.connector)
    if _connector(scene, plug) is None:
        return [problem_with(fault, str(plug), "a connector of this depot")]
    span = span_of(scene.night.horizon, fault.at, fault.minutes)
    return [problem_with(fault, str(plug), text) for text in _taken(scene, plug, span)]


def _arrival(guest: Guest) -> datetime:
    return guest.arrival


def _connector(scene: Scene, plug: Plug) -> Connector | None:
    connectors = scene.depot.connectors()
    return next((wired for charger, wired in connectors if (charger.id, wired.id) == plug), None)


def _places(scene: Scene, vehicle_id: str) -> list[Plug]:
    return [guest.plug for guest in scene.guests if guest.visit.vehicle_id == vehicle_id]


def _no_place(scene: Scene, plug: Plug, guest: Guest) -> list[str]:
    """What would have to be so that a vehicle could stand at a connector; empty where it can."""
    connector = _connector(scene, plug)
    if connector is None:
        return ["a connector of this depot"]
    texts = ["another connector than the planned one"] if plug == guest.plug else []
    if power_range(connector, guest.vehicle, voltage_v=scene.depot.site.voltage_v).max_kw <= 0:
        texts.append("a connector at which the vehicle can charge")
    stay = Span(start=guest.arrival, end=guest.departure)
    return [*texts, *_taken(scene, plug, stay, but=guest)]


def _taken(scene: Scene, plug: Plug, span: Span, *, but: Guest | None = None) -> list[str]:
    """Who stands at a connector in a while: what is allowed is that nobody does."""
    clock = scene.night.horizon.local
    return [
        f"a connector that is free; {other.vehicle.id} is there "
        f"from {clock(other.arrival):%H:%M} to {clock(other.departure):%H:%M}"
        for other in scene.there(plug, span)
        if other is not but
    ]
