"""Where true power was above a limit that could have been kept. Pure.

Nobody is to blame for what nobody could do anything about: a fault that could not be known yet, chargers that obey
nobody, and those that cannot be reached when something happens. Whoever can be reached makes room for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from dispatch.rehearsal.bounds import Bound
from dispatch.rehearsal.scene import REACTION, Excuse, Scene, Span
from dispatch.rehearsal.site import Record
from optimiser.horizon import FloatArray

METER_KW = 0.01
"""What counts as above a limit: more than noise of arithmetic, less than any meter shows. [kW]"""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A while without a break in which a limit that could have been kept was not; ``excess_kw`` at most."""

    limit: str
    start: datetime
    end: datetime
    excess_kw: float


def violations(record: Record, scene: Scene, bound: Bound) -> list[Violation]:
    """Every while in which a limit was passed that could have been kept."""
    if not bound.plugs and not bound.carries_base_load:
        return []
    edges_s = _edges_s(record, scene, bound)
    first_kw, last_kw = record.power_kw(bound.plugs, edges_s, share=bound.share)
    power_kw = np.maximum(first_kw, last_kw) + _base_kw(record, scene, bound, edges_s)
    excess_kw = power_kw - _allowed_kw(record, scene, bound, edges_s)
    found: list[Violation] = []
    for index in np.flatnonzero(excess_kw > METER_KW):
        start, end = (record.begin + timedelta(seconds=float(edges_s[index + n])) for n in (0, 1))
        excess = float(excess_kw[index])
        if found and found[-1].end == start:
            start, excess = found[-1].start, max(excess, found[-1].excess_kw)
            found.pop()
        found.append(Violation(limit=bound.name, start=start, end=end, excess_kw=excess))
    return found


def unreached(scene: Scene) -> list[tuple[str, Span]]:
    """From when to when chargers cannot be lowered although something has happened that calls for it.

    They could not be reached when it happened, or nobody ticked, and it takes a reaction to answer after that.
    """
    turn = timedelta(minutes=scene.depot.policy.tick_minutes)
    happened = [excuse.span.start for excuse in scene.excuses] + [told_at for told_at, _ in scene.told[1:]]
    deaf = [(charger_id, Span(start=span.start, end=span.end + REACTION)) for charger_id, span in scene.away]
    deaf += [
        (charger.id, Span(start=span.start, end=span.end + turn + REACTION))
        for span in scene.silences
        for charger in scene.depot.chargers
    ]
    return [
        (charger_id, Span(start=min(since), end=span.end))
        for charger_id, span in deaf
        if (since := [at for at in happened if span.holds(at)])
    ]


def _edges_s(record: Record, scene: Scene, bound: Bound) -> FloatArray:
    """The instants at which anything changes, from the beginning of the record on."""
    marks = {start for start, _ in (*scene.base_load_kw, *scene.limit_kw)}
    marks |= {edge for _, span in unreached(scene) for edge in (span.start, span.end)}
    marks_s = {(mark - record.begin).total_seconds() for mark in marks}
    marks_s |= {edge_s for excuse in scene.excuses for edge_s in _span_s(excuse, record)}
    seen_s = record.edges_s(bound.plugs)
    return np.array(sorted(seen_s | {mark for mark in marks_s if mark >= 0} | {0.0}))


def _allowed_kw(record: Record, scene: Scene, bound: Bound, edges_s: FloatArray) -> FloatArray:
    """The limit in every interval with what nobody can be blamed for, or what nobody could help if that is more.

    The depot promises to be secure against ``secure_against_forgetful`` chargers: so many have no excuse.
    """
    count = len(edges_s) - 1
    allowed_kw = np.full(count, bound.limit_kw or 0.0)
    if bound.limit_kw is None:
        allowed_kw = _levels(scene.limit_kw, record, edges_s)
    for excuse in scene.excuses:
        if excuse.charger_id is None and bound.carries_base_load:
            held = _within(_span_s(excuse, record), edges_s)
            allowed_kw = allowed_kw + np.where(held, excuse.kw * bound.evenly, 0.0)
    forgetful = [excuse for excuse in scene.excuses if excuse.charger_id is not None]
    added_kw = [
        np.where(
            _within(_span_s(excuse, record), edges_s),
            _drawn_kw(record, bound, excuse.charger_id or "", edges_s),
            0.0,
        )
        for excuse in forgetful
    ]
    least_first_kw = np.sort(np.array(added_kw).reshape(-1, count), axis=0)
    secured = scene.depot.policy.secure_against_forgetful
    allowed_kw = allowed_kw + least_first_kw[: max(0, len(forgetful) - secured)].sum(axis=0)
    helpless: FloatArray = np.maximum(allowed_kw, _helpless_kw(record, scene, bound, edges_s))
    return helpless


def _helpless_kw(record: Record, scene: Scene, bound: Bound, edges_s: FloatArray) -> FloatArray:
    """What is drawn although nobody else draws anything: the building, and chargers that nobody can lower."""
    total_kw = _base_kw(record, scene, bound, edges_s)
    deaf = unreached(scene)
    for charger_id in sorted({plug.charger_id for plug in bound.plugs}):
        is_helpless = np.full(len(edges_s) - 1, charger_id in scene.ungoverned)
        for _, span in (one for one in deaf if one[0] == charger_id):
            start_s, end_s = ((edge - record.begin).total_seconds() for edge in (span.start, span.end))
            is_helpless |= _within((start_s, end_s), edges_s)
        if is_helpless.any():
            drawn_kw = _drawn_kw(record, bound, charger_id, edges_s)
            total_kw = total_kw + np.where(is_helpless, drawn_kw, 0.0)
    return total_kw


def _base_kw(record: Record, scene: Scene, bound: Bound, edges_s: FloatArray) -> FloatArray:
    if not bound.carries_base_load:
        return np.zeros(len(edges_s) - 1)
    return _levels(scene.base_load_kw, record, edges_s) * bound.evenly


def _drawn_kw(record: Record, bound: Bound, charger_id: str, edges_s: FloatArray) -> FloatArray:
    """What of a charger counts at a limit, at most, in every interval."""
    plugs = [plug for plug in bound.plugs if plug.charger_id == charger_id]
    drawn: FloatArray = np.maximum(*record.power_kw(plugs, edges_s, share=bound.share))
    return drawn


def _span_s(excuse: Excuse, record: Record) -> tuple[float, float]:
    """From when to when an excuse holds."""
    start_s, end_s = (
        (instant - record.begin).total_seconds() for instant in (excuse.span.start, excuse.span.end)
    )
    if excuse.after_first_draw is None:
        return start_s, end_s
    drawn = (
        p for plug, pieces in record.pieces.items() if plug.charger_id == excuse.charger_id for p in pieces
    )
    first_s = min((max(piece.start_s, start_s) for piece in drawn if piece.end_s > start_s), default=end_s)
    return start_s, min(end_s, first_s + excuse.after_first_draw.total_seconds())


def _within(span_s: tuple[float, float], edges_s: FloatArray) -> npt.NDArray[np.bool_]:
    within: npt.NDArray[np.bool_] = (edges_s[:-1] >= span_s[0]) & (edges_s[:-1] < span_s[1])
    return within


def _levels(steps: Sequence[tuple[datetime, float]], record: Record, edges_s: FloatArray) -> FloatArray:
    """A row of steps in every interval."""
    starts_s = np.array([(start - record.begin).total_seconds() for start, _ in steps])
    values = np.array([value for _, value in steps])
    index = np.clip(np.searchsorted(starts_s, edges_s[:-1], side="right") - 1, 0, len(values) - 1)
    levels: FloatArray = values[index]
    return levels
