"""What a planner writes for a change, as values: numbers, lists, ranges such as ``100:400:25``, ``drop`` and ``keep``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from numbers import Real

Value = float | int | str
"""One value of a change: a number, ``"drop"`` or ``"keep"``."""

Values = Value | Iterable[Value]
"""What may be written for all values of a change together."""

DROP, KEEP = "drop", "keep"

MOST_IN_A_RANGE = 10_000
"""Values in one range: more would be a step that was meant otherwise, or a table that nobody reads."""


class ValuesError(ValueError):
    """Something that is no values. ``found`` is the part that is wrong, ``allowed`` what could stand there."""

    def __init__(self, found: object, allowed: str) -> None:
        super().__init__(f"found {found!r}, allowed {allowed}")
        self.found = found
        self.allowed = allowed


def values_of(written: Values) -> tuple[Value, ...]:
    """All values in the order in which they are written. Raises :class:`ValuesError`.

    >>> values_of("100:200:50"), values_of([150, "200:300:100"]), values_of("0,21.93"), values_of("drop")
    ((100.0, 150.0, 200.0), (150.0, 200.0, 300.0), (0.0, 21.93), ('drop',))
    """
    parts = [written] if isinstance(written, str | Real) else list(_items(written))
    values = [value for part in parts for value in _of_part(part)]
    if not values:
        raise ValuesError([], "at least one value")
    twice = [value for value, times in Counter(values).items() if times > 1]
    if twice:
        raise ValuesError(twice[0], "each value once")
    return tuple(values)


def _items(written: object) -> Iterable[object]:
    if isinstance(written, Iterable):
        return written
    raise ValuesError(written, "a number, a list, a range such as 100:400:25, drop or keep")


def _of_part(part: object) -> Iterator[Value]:
    if isinstance(part, Real) and not isinstance(part, bool):
        yield _finite(float(part), part)
    elif isinstance(part, str):
        for text in part.split(","):
            yield from _of_text(text.strip())
    else:
        raise ValuesError(part, "a number, a range such as 100:400:25, drop or keep")


def _of_text(text: str) -> Iterator[Value]:
    if text in {DROP, KEEP}:
        yield text
    elif ":" in text:
        yield from _range(text)
    else:
        yield float(_decimal(text, text))


def _range(text: str) -> Iterator[float]:
    """From, to and step; the end is in it where a step meets it. Decimal, so that tenths stay tenths."""
    try:
        first, last, step = (_decimal(part.strip(), text) for part in text.split(":"))
    except ValueError as error:
        raise ValuesError(text, "a range FROM:TO:STEP such as 100:400:25") from error
    if step <= 0 or last < first:
        raise ValuesError(text, "a range that rises by a step above 0")
    if (last - first) / step >= MOST_IN_A_RANGE:
        raise ValuesError(text, f"a range of at most {MOST_IN_A_RANGE} values")
    for number in range(int((last - first) // step) + 1):
        yield float(first + number * step)


def _decimal(text: str, whole: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValuesError(whole, "a number, a range such as 100:400:25, drop or keep") from None
    _finite(float(number), whole)
    return number


def _finite(number: float, written: object) -> float:
    if not math.isfinite(number):
        raise ValuesError(written, "a finite number")
    return number
