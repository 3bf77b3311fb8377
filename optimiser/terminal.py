"""How a command speaks: text for people, one JSON document for programs, and what was wrong.

With ``--json`` standard output carries the document and nothing else; people's text goes to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from optimiser.inputs import Problem


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where a command writes. ``as_json`` keeps standard output for the one document."""

    as_json: bool

    @property
    def people(self) -> Console:
        """Where people's text goes; names are never read as markup."""
        return _console(stderr=self.as_json)

    def say(self, text: str = "") -> None:
        """A line for people, never broken by us."""
        self.people.print(Text(text), soft_wrap=True)

    def table(
        self, headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[int] = ()
    ) -> None:
        """A table; ``numbers`` are the columns that stand to the right. Plain columns where no terminal is."""
        console = self.people
        if not console.is_terminal:
            for line in _plain_lines(headers, list(rows), numbers):
                self.say(line)
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
        for column, header in enumerate(headers):
            table.add_column(Text(header), justify="right" if column in numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)

    def document(self, document: Mapping[str, Any] | Sequence[Any]) -> None:
        """The one document, where it was asked for."""
        if self.as_json:
            typer.echo(json.dumps(document, indent=1, ensure_ascii=False))

    def complain(self, what: str, problems: Sequence[Problem]) -> None:
        """All that is wrong, on standard error with its count, and as the document."""
        console = _console(stderr=True)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        console.print(Text(f"{count} {what}:"), soft_wrap=True)
        for problem in problems:
            console.print(Text(f"  {problem}"), soft_wrap=True)
        self.document(
            {"errors": [{"where": p.where, "found": p.found, "allowed": p.allowed} for p in problems]}
        )

    @contextmanager
    def working(self, doing: str) -> Iterator[None]:
        """Something that takes a while: a spinner on a terminal, a line elsewhere, always on standard error."""
        console = _console(stderr=True)
        if console.is_terminal:
            with console.status(Text(doing)):
                yield
        else:
            console.print(Text(doing), soft_wrap=True)
            yield

    @contextmanager
    def counting(self, doing: str, total: int) -> Iterator[Callable[[int], None]]:
        """Something of many parts: a bar on a terminal, ten lines at most elsewhere, always on standard error.

        What it gives is told how many parts more are done.
        """
        console = _console(stderr=True)
        if console.is_terminal:
            # a hundredth of a second that no other command needs
            from rich.progress import MofNCompleteColumn, Progress  # noqa: PLC0415

            columns = (*Progress.get_default_columns(), MofNCompleteColumn())
            with Progress(*columns, console=console, transient=True) as bar:
                task = bar.add_task(doing, total=total)
                yield lambda more: bar.advance(task, more)
        else:
            yield _Lines(console=console, doing=doing, total=total).advance


@dataclass(kw_only=True)
class _Lines:
    """Progress where no terminal is: a line for every tenth."""

    console: Console
    doing: str
    total: int
    done: int = 0

    def advance(self, more: int) -> None:
        before, self.done = self.done, self.done + more
        if 10 * self.done // self.total > 10 * before // self.total:
            text = f"{self.doing}: {self.done:,} of {self.total:,}"
            self.console.print(Text(text), soft_wrap=True)


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def _plain_lines(
    headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int]
) -> Iterator[str]:
    widths = [max(cell_len(row[column]) for row in [headers, *rows]) for column in range(len(headers))]
    for row in [headers, *rows]:
        cells = []
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if column in numbers else cell + space)
        yield "  ".join(cells).rstrip()
