"""What is true when something goes wrong with gateway, dispatcher or cron."""

from __future__ import annotations

from dataclasses import replace

from dispatch.rehearsal.applied.base import applied, span_of
from dispatch.rehearsal.faults import Silent
from dispatch.rehearsal.scene import Scene


@applied.register
def _silent(fault: Silent, scene: Scene) -> Scene:
    span = span_of(scene.night.horizon, fault.at, fault.ticks * scene.depot.policy.tick_minutes)
    return replace(scene.known(span.start), silences=(*scene.silences, span))
