"""How one profile runs through time, and which of several is heard. Knows steps and nothing of what they mean.

Time is counted in whole microseconds from an origin that the caller chooses, so that the sums of instants and
durations are exact and never leave the calendar. Every step is half-open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")

SECOND = 1_000_000
"""One second in the ticks of this package. [µs]"""
FOREVER = 2**62
"""Later than every instant of the calendar, whatever the origin; its negative is earlier. [µs]"""

_TICK = timedelta(microseconds=1)


def ticks(instant: datetime, origin: datetime) -> int:
    """How long after the origin an instant is. [µs]"""
    return (instant - origin) // _TICK


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """A value that holds from ``start`` until before ``end`` [µs], said by the course of that number."""

    start: int
    end: int
    value: T
    source: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Course(Generic[T]):
    """What a profile says when: ``values[i]`` from ``anchor + starts[i]`` on. [µs]

    ``starts`` ascend; among equal ones the last is heard. Each run lasts ``length`` and begins anew ``every`` so
    often, from ``anchor`` on or, with ``reaches_back``, also before. Nothing is said outside the validity.
    """

    source: int = 0
    anchor: int
    starts: tuple[int, ...]
    values: Sequence[T]
    length: int | None = None
    every: int | None = None
    reaches_back: bool = False
    valid_from: int = -FOREVER
    valid_to: int = FOREVER


def steps(course: Course[T], begin: int, end: int) -> Iterator[Step[T]]:
    """What a course says from ``begin`` until before ``end``, in order."""
    begin, end = max(begin, course.valid_from), min(end, course.valid_to)
    starts, values = course.starts, course.values
    for anchor in _anchors(course, begin, end):
        finish = end if course.length is None else min(end, anchor + course.length)
        first = max(0, bisect_right(starts, begin - anchor) - 1)
        edges = [*[anchor + offset for offset in starts[first:]], finish]
        for edge, following, value in zip(edges, edges[1:], values[first:], strict=False):
            start, stop = max(begin, edge), min(finish, following)
            if start < stop:
                yield Step(start, stop, value, course.source)


def lead(courses: Iterable[Course[T]], begin: int, end: int) -> list[Step[T]]:
    """What is heard when the first course that says something has the word, in order; silence is left out."""
    heard: list[Step[T]] = []
    silent = [(begin, end)]
    for course in courses:
        left: list[tuple[int, int]] = []
        for since, until in silent:
            cursor = since
            for step in steps(course, since, until):
                if cursor < step.start:
                    left.append((cursor, step.start))
                heard.append(step)
                cursor = step.end
            if cursor < until:
                left.append((cursor, until))
        silent = left
        if not silent:
            break
    heard.sort(key=lambda step: step.start)
    return heard


def overlay(
    rows: Sequence[Sequence[Step[T]]], begin: int, end: int
) -> Iterator[tuple[int, list[Step[T] | None]]]:
    """Each instant at which one of the rows may change, with the step of every row that holds from then on."""
    edges = {begin}
    for row in rows:
        edges.update(step.start for step in row)
        edges.update(step.end for step in row)
    places = [0] * len(rows)
    for edge in sorted(edges):
        if not begin <= edge < end:
            continue
        said: list[Step[T] | None] = []
        for number, row in enumerate(rows):
            place = places[number]
            while place < len(row) and row[place].end <= edge:
                place += 1
            places[number] = place
            speaks = place < len(row) and row[place].start <= edge
            said.append(row[place] if speaks else None)
        yield edge, said


def _anchors(course: Course[T], begin: int, end: int) -> Iterator[int]:
    if begin >= end:
        return
    if course.every is None:
        yield course.anchor
        return
    number = (begin - course.anchor) // course.every
    anchor = course.anchor + course.every * (number if course.reaches_back else max(0, number))
    while anchor < end:
        yield anchor
        anchor += course.every
