"""Since when a charger has drawn more than it tells: before that nobody can know that it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from dispatch.rehearsal.scene import Excuse, Scene, Span
from dispatch.simulator.machine import Machine, OnCharge
from dispatch.simulator.vehicle import Limit, PluggedVehicle, draw

METER_KW = 0.05
"""What a meter shows as more than is allowed. [kW]"""


class Overdraw:
    """Looks at what a charge point lets pass, beside what it tells; ``first_at`` is on its own clock."""

    def __init__(self, machine: Machine, *, then: OnCharge) -> None:
        self.first_at: datetime | None = None
        self._machine, self._then = machine, then

    def on_charge(
        self, connector_id: int, start: datetime, seconds: float, vehicle: PluggedVehicle | None, limit: Limit
    ) -> None:
        """Take in what happens on a connector, and hand it on."""
        if vehicle is not None and self.first_at is None:
            told = self._machine.smart.told_at(self._machine.outlets[connector_id].session(start), start)
            if draw(vehicle, limit).power_kw > draw(vehicle, told).power_kw + METER_KW:
                self.first_at = start
        self._then(connector_id, start, seconds, vehicle, limit)


def excused_since(scene: Scene, first_at: Mapping[str, datetime]) -> Scene:
    """The scene in which what only a meter shows is excused from when it can be seen on one."""

    def since(excuse: Excuse) -> Excuse:
        start = first_at.get(excuse.charger_id or "")
        if start is None or excuse.after_first_draw is None:
            return excuse
        return replace(excuse, span=Span(start=max(start, excuse.span.start), end=excuse.span.end))

    return replace(scene, excuses=tuple(map(since, scene.excuses)))
