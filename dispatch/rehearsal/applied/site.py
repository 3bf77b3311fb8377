"""What is true when something goes wrong with the site."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from dispatch.rehearsal.applied.base import applied, span_of
from dispatch.rehearsal.faults import BaseLoad, Cut, MeterLost
from dispatch.rehearsal.scene import REACTION, Excuse, Scene, Span, changed, level_at


@applied.register
def _meter_lost(fault: MeterLost, scene: Scene) -> Scene:
    span = span_of(scene.night.horizon, fault.at, fault.minutes)
    return replace(scene.known(span.start), unmetered=(*scene.unmetered, span))


@applied.register
def _base_load(fault: BaseLoad, scene: Scene) -> Scene:
    span = span_of(scene.night.horizon, fault.at, fault.minutes)
    base_load_kw = changed(scene.base_load_kw, span, lambda known: known + fault.kw)
    blind = [lost for lost in scene.unmetered if lost.holds(span.start)]
    # Who is blind counts the most that the building is known for, from soon after the last reading on.
    seen_at = scene.heard_at(max((lost.end for lost in blind), default=span.start))
    careful_at = scene.heard_at(min((lost.start for lost in blind), default=span.start)) + REACTION
    most_kw = max(
        level_at(base_load_kw, at) for at in (span.start, *(at for at, _ in base_load_kw if span.holds(at)))
    )
    unheard_kw = max(0.0, most_kw - scene.depot.site.base_load_max_kw)
    excuses = [
        Excuse(span=Span(start=span.start, end=max(span.start, careful_at)), kw=fault.kw),
        Excuse(
            span=Span(start=max(span.start, careful_at), end=seen_at + REACTION), kw=min(fault.kw, unheard_kw)
        ),
    ]
    return replace(
        scene.known(seen_at),
        base_load_kw=base_load_kw,
        excuses=(
            *scene.excuses,
            *(excuse for excuse in excuses if excuse.kw > 0 and excuse.span.start < excuse.span.end),
        ),
    )


@applied.register
def _cut(fault: Cut, scene: Scene) -> Scene:
    horizon = scene.night.horizon
    span = span_of(horizon, fault.at, fault.minutes)
    told_at = span.start - timedelta(minutes=fault.notice_minutes)
    # What the folder says counts from the next turn of cron on.
    turn = timedelta(minutes=scene.depot.policy.tick_minutes)
    missed = [
        silence.end for silence in scene.silences if told_at < silence.end and silence.start < told_at + turn
    ]
    ready_at = max((told_at, *missed)) + turn + REACTION
    before = scene.told[-1][1]
    first, last = horizon.position(span.start), horizon.position(span.end)
    steps = np.arange(horizon.steps)
    is_cut = (steps + 1 > first) & (steps < last)
    lower_kw = np.where(is_cut, np.minimum(before.site_limit_kw, fault.to_kw), before.site_limit_kw)
    told = replace(
        before, site_limit_kw=lower_kw, inputs_sha256=f"{before.inputs_sha256}+{fault.word}@{told_at:%H%M}"
    )
    excuse = Excuse(
        span=Span(start=span.start, end=ready_at), kw=float((before.site_limit_kw - lower_kw).max())
    )
    return replace(
        scene.known(ready_at - REACTION),
        limit_kw=changed(scene.limit_kw, span, lambda known: min(known, fault.to_kw)),
        told=(*scene.told, (told_at, told)),
        excuses=(*scene.excuses, *((excuse,) if ready_at > span.start else ())),
    )
