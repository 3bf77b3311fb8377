"""How a value prints itself: a few plain lines in a terminal, a table in a notebook. Knows text and HTML only.

A value says what matters about it as a :class:`Card`; nothing here knows what a depot or a plan is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

ROWS_SHOWN = 20
"""Rows of a table that a notebook shows before it says how many more there are: about a screen."""

WARNINGS_SHOWN = 3
"""Warnings that a value shows before it says how many more it has."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a value shows: a title, named facts, and a table; ``numbers`` are columns that stand to the right.

    A terminal shows title and facts, a notebook all of it. ``more`` says where all the rows are.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    numbers: frozenset[int] = frozenset()
    more: str = ""

    def text(self) -> str:
        """Title and facts, a line each.

        >>> print(Card(title="Night of 2025-11-10", facts=(("visits", "12"), ("limit", "43.0 kW"))).text())
        Night of 2025-11-10
          visits  12
          limit   43.0 kW
        """
        width = max((len(name) for name, _ in self.facts), default=0)
        lines = [self.title, *(f"  {name:<{width}}  {said}" for name, said in self.facts)]
        return "\n".join(_on_one_line(line) for line in lines)

    def html(self) -> str:
        """The facts and the table as HTML that needs nothing else; every text in it is escaped."""
        parts = [f"<div><strong>{_escaped(self.title)}</strong>"]
        if self.facts:
            parts.append(_table(*(_row("td", fact) for fact in self.facts)))
        if self.rows:
            shown = (_row("td", row, self.numbers) for row in self.rows[:ROWS_SHOWN])
            parts.append(_table(_row("th", self.headers, self.numbers), *shown))
        if len(self.rows) > ROWS_SHOWN:
            all_rows = f": {self.more}" if self.more else ""
            parts.append(f"<p>… and {len(self.rows) - ROWS_SHOWN} more{_escaped(all_rows)}</p>")
        return "\n".join([*parts, "</div>"])


class Printed:
    """A value that prints itself by its card. A dataclass that is one says ``repr=False``."""

    @abstractmethod
    def _card(self) -> Card:
        """What matters about this value."""

    def __repr__(self) -> str:
        return self._card().text()

    def _repr_html_(self) -> str:
        """What Jupyter shows."""
        return self._card().html()


def warned(warnings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Warnings as facts of a card.

    >>> warned(["a", "b", "c", "d", "e"])[2:]
    (('warning', 'c'), ('warning', '… and 2 more'))
    """
    more = len(warnings) - WARNINGS_SHOWN
    shown = [*warnings[:WARNINGS_SHOWN], *([f"… and {more} more"] if more > 0 else [])]
    return tuple(("warning", text) for text in shown)


def spread(numbers: Collection[float], *, decimals: int, unit: str) -> str:
    """The least and the largest of some numbers, or the one number that both show.

    >>> spread([43.0, 30.0], decimals=1, unit="kW"), spread([43.0, 43.0], decimals=1, unit="kW")
    ('30.0 to 43.0 kW', '43.0 kW')
    """
    low, high = f"{min(numbers):,.{decimals}f}", f"{max(numbers):,.{decimals}f}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "visit"), counted(12, "visit")
    ('1 visit', '12 visits')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _table(*rows: str) -> str:
    return "\n".join(["<table>", *rows, "</table>"])


def _row(tag: str, cells: tuple[str, ...], numbers: frozenset[int] = frozenset()) -> str:
    def cell(column: int, text: str) -> str:
        side = "right" if column in numbers else "left"
        return f'<{tag} style="text-align: {side}">{_escaped(text)}</{tag}>'

    return f"<tr>{''.join(cell(column, text) for column, text in enumerate(cells))}</tr>"


def _escaped(text: str) -> str:
    return escape(_on_one_line(text))


def _on_one_line(text: str) -> str:
    """Text without anything that a terminal would obey: a depot's names come from files."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
