"""Writes several files together: all of them or none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from optimiser.inputs import InputError, Problem


def write_together(folder: Path, texts: Mapping[str, str], *, before: Callable[[], None]) -> None:
    """Writes all of the files or none.

    They are on the disk under other names first, then ``before`` runs, then they take their places, which no
    longer fails for want of space or rights. Raises :class:`InputError` where the folder cannot be written.
    """
    with _without_empty_folders(folder):
        with _writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            staging = tempfile.TemporaryDirectory(dir=folder, prefix=".writing-")
        with staging as name:
            with _writing_to(folder):
                for file, text in texts.items():
                    (Path(name) / file).write_text(text, encoding="utf-8")
            before()
            for file in texts:
                (Path(name) / file).replace(folder / file)


@contextmanager
def _without_empty_folders(folder: Path) -> Iterator[None]:
    """Takes away again what of a path was made and stayed empty."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    finally:
        for place in missing:
            if place.exists() and not any(place.iterdir()):
                place.rmdir()


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        found = f"{folder}: {error.strerror}"
        problem = Problem(where="--out", found=found, allowed="a folder that can be written to")
        raise InputError([problem]) from error
