"""What is true when something goes wrong with gateway, dispatcher or cron."""

from __future__ import annotations

from dataclasses import replace

from dispatch.rehearsal.applied.base import applied, instant_at, span_of
from dispatch.rehearsal.faults import DispatcherDies, GatewayDies, Silent
from dispatch.rehearsal.happenings import DispatcherKilled, GatewayKilled
from dispatch.rehearsal.scene import Scene


@applied.register
def _silent(fault: Silent, scene: Scene) -> Scene:
    span = span_of(scene.night.horizon, fault.at, fault.ticks * scene.depot.policy.tick_minutes)
    return replace(scene.known(span.start), silences=(*scene.silences, span))


@applied.register
def _gateway_dies(fault: GatewayDies, scene: Scene) -> Scene:
    """Without a gateway no charger can be reached, and nobody can be told anything."""
    span = span_of(scene.night.horizon, fault.at, fault.minutes)
    killed = GatewayKilled(at=span.start, away=span.end - span.start)
    return replace(
        scene.known(span.start),
        happenings=(*scene.happenings, killed),
        away=(*scene.away, *((charger.id, span) for charger in scene.depot.chargers)),
        silences=(*scene.silences, span),
    )


@applied.register
def _dispatcher_dies(fault: DispatcherDies, scene: Scene) -> Scene:
    """The next turn goes on where it ended: nothing is excused by it."""
    killed = DispatcherKilled(at=instant_at(scene, fault.at), request=fault.request)
    return replace(scene, happenings=(*scene.happenings, killed))
