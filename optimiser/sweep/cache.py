"""What has been worked out before: outcomes in one file, found again by a fingerprint of all that decides them.

One line of JSON for each outcome, added as soon as it is known: a sweep that was stopped goes on where it stood. A
fingerprint is of values, not of files, and of the code that works them out: another version finds nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from optimiser.sweep.outcome import Outcome

FILE = "outcomes.jsonl"

CODE = Path(__file__).parents[1]
LIBRARIES = ("highspy", "numpy", "pulp")
"""What works out a plan beside our own code."""

DECIDES_NOTHING = frozenset({"gateway", "store", "inputs_sha256", "warnings"})
"""Fields of depots and nights that no plan depends on."""


def fingerprint(*values: object) -> str:
    """The same for equal values, in every process and on every machine."""
    digest = hashlib.sha256()
    for value in values:
        for part in _parts(value):
            digest.update(part)
    return digest.hexdigest()


def _parts(value: object) -> Iterator[bytes]:
    """A value as bytes; each part says its kind and its length, so that no two values read alike."""
    if is_dataclass(value) and not isinstance(value, type):
        yield f"{type(value).__name__}(".encode()
        for field in fields(value):
            if field.name not in DECIDES_NOTHING:
                yield f"{field.name}=".encode()
                yield from _parts(getattr(value, field.name))
        yield b")"
    elif isinstance(value, np.ndarray):
        yield f"array{value.shape}{value.dtype.str}".encode()
        yield value.tobytes()
    elif isinstance(value, Mapping):
        yield from _parts(sorted(value.items()))
    elif isinstance(value, list | tuple):
        yield f"[{len(value)}:".encode()
        for item in value:
            yield from _parts(item)
    else:
        text = repr(value).encode()
        yield f"{type(value).__name__}{len(text)}:".encode()
        yield text


@cache
def code_version() -> str:
    """A fingerprint of this package's code, as this process found it, and of the libraries that it solves with."""
    sources = [(str(path.relative_to(CODE)), path.read_bytes()) for path in sorted(CODE.rglob("*.py"))]
    return fingerprint(sources, [version(name) for name in LIBRARIES])


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Outcomes by fingerprint: those of earlier sweeps, and a file for those of this one."""

    known: Mapping[str, Outcome]
    file: TextIO | None

    def add(self, key: str, outcome: Outcome) -> None:
        """Keeps an outcome, on the disk when this returns."""
        if self.file is not None:
            self.file.write(json.dumps({"key": key, **asdict(outcome)}) + "\n")
            self.file.flush()


@contextmanager
def opened(folder: Path | None) -> Iterator[Cache]:
    """The cache in a folder, made where there is none; without a folder nothing is kept.

    Raises :class:`OSError` where the folder cannot be written to.
    """
    if folder is None:
        yield Cache(known={}, file=None)
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    with path.open("a", encoding="utf-8") as file:
        if before and not before.endswith("\n"):
            file.write("\n")  # the last sweep was stopped within a line
        yield Cache(known=dict(_outcomes(before.splitlines())), file=file)


def _outcomes(lines: Iterable[str]) -> Iterator[tuple[str, Outcome]]:
    """What can be read; a line that was not finished is worked out again."""
    for line in lines:
        try:
            written: dict[str, Any] = json.loads(line)
            key = written.pop("key")
            yield key, Outcome(**written)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
