"""What is true when something goes wrong with vehicles."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dispatch.rehearsal.applied.base import applied
from dispatch.rehearsal.faults import Absent, Early, Late, OtherSoc
from dispatch.rehearsal.scene import Guest, Scene, instant_of


@applied.register
def _late(fault: Late, scene: Scene) -> Scene:
    def late(guest: Guest) -> Guest:
        # That it is late could be known when it did not come; how late, when it has come.
        by = timedelta(minutes=fault.minutes)
        arrival = min(guest.arrival + by, guest.departure - timedelta(minutes=1))
        return replace(guest, arrival=arrival).known(arrival)

    return scene.with_guest(fault.vehicle, late)


@applied.register
def _early(fault: Early, scene: Scene) -> Scene:
    at = None if fault.known is None else instant_of(scene.night.horizon, fault.known)

    def early(guest: Guest) -> Guest:
        by = timedelta(minutes=fault.minutes)
        departure = max(guest.departure - by, guest.arrival + timedelta(minutes=1))
        return replace(guest, departure=departure).known(min(at or departure, departure))

    return scene.with_guest(fault.vehicle, early)


@applied.register
def _absent(fault: Absent, scene: Scene) -> Scene:
    return scene.with_guest(fault.vehicle, lambda guest: replace(guest, is_absent=True))


@applied.register
def _other_soc(fault: OtherSoc, scene: Scene) -> Scene:
    return scene.with_guest(
        fault.vehicle, lambda guest: replace(guest, soc_percent=fault.percent).known(guest.arrival)
    )
