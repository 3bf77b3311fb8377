"""The picture of a stack on a terminal: each profile as a bar over time, below it the effective line and its periods.

Knows letters and columns only; the answer comes from the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from rich.cells import cell_len, set_cell_size

from dispatch.composite import CompositePeriod, Period, Request
from dispatch.composite.course import SECOND, Step
from dispatch.composite.schedule import leading, unmerged
from dispatch.composite.stack import profile_steps
from dispatch.preview.question import Question

SILENT, OVERRULED, LEADS, DECIDES = " ", "░", "▒", "█"
LEGEND = "█ the limit is made of it   ▒ leads its purpose, others are lower   ░ overruled"
HEIGHTS = "▁▂▃▄▅▆▇█"
UNLIMITED = "∞"
NARROWEST_BAR = 24
WIDEST_LABEL = 44
NARROWEST_MARK = 10
"""Letters from one time below the bars to the next."""
DAY_S = 86_400
MARK_STEPS_S = (10, 60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY_S, 7 * DAY_S, 28 * DAY_S)
PERIODS_AT_MOST = 48
"""Periods that are listed; a picture is to be read."""


def draw(question: Question, *, width: int) -> Iterator[str]:
    """The lines of the picture, at most ``width`` letters wide where that leaves room for bars."""
    request = question.request
    told = list(unmerged(question.stack, request, question.station))
    answer = question.answer()
    labels = [*(_label(question, number) for number in range(len(question.stack.profiles))), _unit(request)]
    margin = min(WIDEST_LABEL, max(map(cell_len, labels))) + 2
    columns = max(NARROWEST_BAR, width - margin)
    yield _title(request)
    for label, bar in zip(labels, _bars(question, told, columns), strict=False):
        yield f"{set_cell_size(label, margin - 2)}  {bar}".rstrip()
    yield f"{set_cell_size(labels[-1], margin - 2)}  {_line(answer.periods, request, columns)}"
    yield f"{' ' * margin}{_marks(request, columns)}"
    yield LEGEND
    yield from _listed(answer.periods, request)


def _title(request: Request) -> str:
    where = f"EVSE or connector {request.evse_id}" if request.evse_id else "the whole station"
    return f"{where} from {request.origin:%Y-%m-%d %H:%M:%S} UTC for {timedelta(seconds=request.duration_s)}"


def _label(question: Question, number: int) -> str:
    profile = question.stack.profiles[number]
    where = f"EVSE {profile.evse_id}" if profile.evse_id else "all"
    return f"{profile.label}, {where}"


def _unit(request: Request) -> str:
    return f"effective limit [{request.unit}]"


def _bars(question: Question, told: Sequence[CompositePeriod], columns: int) -> Iterator[str]:
    """A bar per profile: where it says something, where it leads, where the limit is made of it."""
    end = question.request.end
    leads = leading(question.stack, question.request, question.station)
    decides = _deciding(told, end)
    for number in range(len(question.stack.profiles)):
        cells = [SILENT] * columns
        layers: tuple[tuple[str, Iterable[tuple[int, int]]], ...] = (
            (OVERRULED, _spans(profile_steps(question.stack, question.request, number))),
            (LEADS, _spans(step for step in leads if step.source == number)),
            (DECIDES, decides.get(number, ())),
        )
        for sign, spans in layers:
            for start, stop in spans:
                first, last = start * columns // end, (stop * columns - 1) // end
                cells[first : last + 1] = [sign] * (last + 1 - first)
        yield "".join(cells)


def _spans(steps: Iterable[Step[Period]]) -> Iterator[tuple[int, int]]:
    return ((step.start, step.end) for step in steps)


def _deciding(told: Sequence[CompositePeriod], end: int) -> dict[int, list[tuple[int, int]]]:
    """Where each profile decides. Instants are those of the engine. [µs]"""
    edges = [*(period.start_s * SECOND for period in told), end]
    found: dict[int, list[tuple[int, int]]] = {}
    for period, (start, stop) in zip(told, pairwise(edges), strict=True):
        for number in period.decided_by:
            found.setdefault(number, []).append((start, stop))
    return found


def _line(periods: Sequence[CompositePeriod], request: Request, columns: int) -> str:
    """The effective limit as heights, the lowest of each column: a short dip is not to be overlooked."""
    highest = max((period.limit for period in periods if period.limit is not None), default=Decimal())
    edges = [*(period.start_s * SECOND for period in periods), request.end]
    lowest: list[Decimal | None] = [None] * columns
    for period, (start, stop) in zip(periods, pairwise(edges), strict=True):
        first, last = start * columns // request.end, (stop * columns - 1) // request.end
        for column in range(first, last + 1):
            known = lowest[column]
            if period.limit is not None and (known is None or period.limit < known):
                lowest[column] = period.limit
    return "".join(UNLIMITED if limit is None else _height(limit, highest) for limit in lowest)


def _height(limit: Decimal, highest: Decimal) -> str:
    if highest <= 0 or limit <= 0:
        return HEIGHTS[0]
    return HEIGHTS[min(len(HEIGHTS) - 1, int(limit / highest * len(HEIGHTS)))]


def _marks(request: Request, columns: int) -> str:
    """Round times below the bars, as many as there is room for; each stands where its letters begin."""
    duration_s = request.end // SECOND
    step_s = next(
        (step for step in MARK_STEPS_S if columns * step >= NARROWEST_MARK * duration_s), duration_s
    )
    form = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < DAY_S else "%d %b"
    marks = ""
    passed_s = -int(request.origin.timestamp()) % step_s
    while passed_s < duration_s:
        text = f"{request.origin + timedelta(seconds=passed_s):{form}}"
        column = passed_s * columns // duration_s
        if column + len(text) <= columns:
            marks = marks.ljust(column) + text
        passed_s += step_s
    return marks


def _listed(periods: Sequence[CompositePeriod], request: Request) -> Iterator[str]:
    for period in periods[:PERIODS_AT_MOST]:
        begins: datetime = request.origin + timedelta(seconds=period.start_s)
        limit = "no limit" if period.limit is None else f"{float(period.limit):.10g} {request.unit}"
        phases = "" if period.number_phases is None else f" on {period.number_phases} phase"
        phases += "s" if (period.number_phases or 0) > 1 else ""
        source = "" if period.decided_by or period.limit is None else " (the station's default)"
        yield f"{begins:%Y-%m-%d %H:%M:%S}  {limit}{phases}{source}"
    if len(periods) > PERIODS_AT_MOST:
        yield f"… and {len(periods) - PERIODS_AT_MOST} more periods: --json tells all"
