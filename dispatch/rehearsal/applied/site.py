"""What is true when something goes wrong with the site."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from dispatch.rehearsal.applied.base import applied, span_of
from dispatch.rehearsal.faults import BaseLoad, Cut
from dispatch.rehearsal.scene import REACTION, Excuse, Scene, Span, changed


@applied.register
def _base_load(fault: BaseLoad, scene: Scene) -> Scene:
    span = span_of(scene.night.horizon, fault.at, fault.minutes)
    excuse = Excuse(span=Span(start=span.start, end=span.start + REACTION), kw=fault.kw)
    return replace(
        scene.known(span.start),
        base_load_kw=changed(scene.base_load_kw, span, lambda known: known + fault.kw),
        excuses=(*scene.excuses, excuse),
    )


@applied.register
def _cut(fault: Cut, scene: Scene) -> Scene:
    horizon = scene.night.horizon
    span = span_of(horizon, fault.at, fault.minutes)
    told_at = span.start - timedelta(minutes=fault.notice_minutes)
    # What the folder says counts from the next turn of cron on.
    ready_at = told_at + timedelta(minutes=scene.depot.policy.tick_minutes) + REACTION
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
        scene.known(told_at),
        limit_kw=changed(scene.limit_kw, span, lambda known: min(known, fault.to_kw)),
        told=(*scene.told, (told_at, told)),
        excuses=(*scene.excuses, *((excuse,) if ready_at > span.start else ())),
    )
