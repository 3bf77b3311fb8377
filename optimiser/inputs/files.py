"""A depot folder as bytes: reads its files, keeps their fingerprint, and collects what is wrong with them.

The only module that opens a file of a depot folder. Knows bytes, encodings and YAML's and CSV's syntax, not
what a depot is.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NEAR = 0.75
"""How alike a misspelt name and the one that was meant are, as difflib counts: one letter of four."""

MOST_NAMES = 12
"""How many names a message lists."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a depot folder: where it is, what was found there and what is allowed."""

    where: str
    found: str
    allowed: str

    def __str__(self) -> str:
        """All three in one line, without anything that a terminal would obey."""
        line = " ".join(f"{self.where}: found {self.found}, allowed {self.allowed}".split())
        return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)


class InputError(Exception):
    """A depot folder that cannot be used, with everything that is wrong with it.

    ``problems`` are one per mistake: where it is, what was found there, what is allowed.

    >>> import optimiser as opt
    >>> opt.load_depot("data/nowhere")
    Traceback (most recent call last):
    optimiser.inputs.files.InputError: data/nowhere: found no such folder, allowed a depot folder with a depot.yaml
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a CSV file: its cells by column, stripped; empty cells are left out."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A CSV file: the known columns that it has, and its rows.

    ``broken_rows`` have too many or too few cells; only what they name first may still be relied on.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    broken_rows: tuple[Row, ...]

    def place(self, line: int, column: str) -> str:
        """Where a cell is, for people."""
        return f"{self.name} line {line}, {column}"


@dataclass(kw_only=True)
class Folder:
    """A depot folder while it is read: the bytes of every file read so far and the problems found so far."""

    path: Path
    problems: list[Problem] = field(default_factory=list)
    _contents: dict[str, bytes] = field(default_factory=dict)

    def complain(self, where: str, *, found: str, allowed: str) -> None:
        """Notes a problem; reading goes on."""
        self.problems.append(Problem(where=where, found=found, allowed=allowed))

    def raise_problems(self) -> None:
        """Raises :class:`InputError` if there is any problem."""
        if self.problems:
            raise InputError(self.problems)

    def has(self, name: str) -> bool:
        """Whether there is something of that name, relative to the folder."""
        return (self.path / name).exists()

    def entries(self, name: str) -> list[str]:
        """Names in a subfolder, sorted, without hidden ones; none where it cannot be listed."""
        try:
            return sorted(p.name for p in (self.path / name).iterdir() if not p.name.startswith("."))
        except OSError:
            return []

    def text(self, name: str) -> str | None:
        """The text of a file, or None with a problem noted."""
        try:
            content = (self.path / name).read_bytes()
        except FileNotFoundError:
            self.complain(name, found="no such file", allowed=f"a file {name} in the depot folder")
            return None
        except OSError as error:
            self.complain(name, found=error.strerror or "an unreadable file", allowed="a readable file")
            return None
        self._contents[name] = content
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.complain(
                f"{name} line {line}",
                found=f"byte 0x{content[error.start]:02X}, which is not UTF-8",
                allowed="text in UTF-8",
            )
            return None
        if not text.strip():
            self.complain(name, found="an empty file", allowed="a file with content")
            return None
        return text

    def has_whole_lines(self, name: str) -> bool:
        """Whether the last line of a file that was read has an end, as it has where nobody is writing it now."""
        return self._contents.get(name, b"").endswith((b"\n", b"\r"))

    def sha256(self) -> str:
        """Fingerprint of every file read, by name and content, whatever the order of reading."""
        digest = hashlib.sha256()
        for name in sorted(self._contents):
            content = self._contents[name]
            digest.update(f"{len(name.encode())} {name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    def table(self, name: str, *, required: Sequence[str], optional: Sequence[str] = ()) -> Table | None:
        """A CSV file with at least the required columns, or None with a problem noted."""
        text = self.text(name)
        if text is None:
            return None
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines: list[tuple[int, list[str]]] = []
        try:
            for cells in reader:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    lines.append((reader.line_num, stripped))
        except csv.Error as error:
            self.complain(
                f"{name} line {reader.line_num}",
                found=f"broken CSV ({error})",
                allowed="comma-separated values",
            )
            return None
        header_line, header = lines[0] if lines else (1, [])
        known = self._known_columns(name, header_line, header, required=required, optional=optional)
        if known is None:
            return None
        rows: list[Row] = []
        broken_rows: list[Row] = []
        for line, cells in lines[1:]:
            named = dict(zip(header, cells, strict=False))
            row = Row(line=line, cells={column: named[column] for column in known if named.get(column)})
            if len(cells) == len(header):
                rows.append(row)
            else:
                broken_rows.append(row)
                self.complain(
                    f"{name} line {line}",
                    found=f"{len(cells)} cells",
                    allowed=f"{len(header)} cells, one for each column",
                )
        return Table(name=name, columns=known, rows=tuple(rows), broken_rows=tuple(broken_rows))

    def _known_columns(
        self, name: str, line: int, header: list[str], *, required: Sequence[str], optional: Sequence[str]
    ) -> tuple[str, ...] | None:
        where = f"{name} line {line}"
        if len(header) <= 1 and any(mark in "".join(header) for mark in ";\t|"):
            mark = next(mark for mark in ";\t|" if mark in header[0])
            shown = {"\t": "tabs"}.get(mark, repr(mark))
            self.complain(where, found=f"columns separated by {shown}", allowed="columns separated by ','")
            return None
        allowed = [*required, *optional]
        unknown = [column for column in header if column not in allowed]
        hinted = set()
        for column in unknown:
            hint = closest(column, [known for known in allowed if known not in header])
            hinted.add(hint)
            self.complain(
                f"{where}, {column or 'header'}",
                found=f"the unknown column {shown_value(column)}",
                allowed=did_you_mean(hint, allowed),
            )
        for column in sorted({column for column in header if header.count(column) > 1} - set(unknown)):
            self.complain(
                f"{where}, {column}",
                found=f"the column {header.count(column)} times",
                allowed="each column once",
            )
        for column in required:
            if column not in header and column not in hinted:
                self.complain(
                    f"{where}, {column}", found="no such column", allowed=f"the columns {', '.join(required)}"
                )
        return tuple(column for column in allowed if column in header)


def shown_value(value: object) -> str:
    """A value as a problem shows it: short, and on one line."""
    text = value if isinstance(value, str) else str(value)
    text = repr(text) if isinstance(value, str) else text
    return text if len(text) <= 60 else f"{text[:57]}…"


def closest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that somebody who wrote ``name`` may have meant."""
    matches = difflib.get_close_matches(name, list(allowed), n=1, cutoff=NEAR)
    return matches[0] if matches else None


def did_you_mean(hint: str | None, allowed: Sequence[str]) -> str:
    """What is allowed instead of an unknown name: the near one, or all of them while they are few."""
    if hint is not None:
        return f"{hint} (did you mean that?)"
    names = list(dict.fromkeys(allowed))
    if not names:
        return "none: there are none"
    return f"one of {', '.join(names[:MOST_NAMES])}{', …' if len(names) > MOST_NAMES else ''}"
