"""The file in which planners write faults. It alone reads it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import yaml
from pydantic import ValidationError

from dispatch.rehearsal.faults import chargers, circumstances, processes, site, vehicles
from dispatch.rehearsal.faults.base import Fault, yaml_of
from optimiser.inputs import InputError, Problem

KINDS: Mapping[str, type[Fault]] = {
    kind.word: kind
    for kind in chain(circumstances.KINDS, vehicles.KINDS, chargers.KINDS, processes.KINDS, site.KINDS)
}
"""Every kind of fault by its word."""


def load_faults(path: Path) -> tuple[Fault, ...]:
    """The faults of a file. Raises :class:`InputError` with everything that is wrong with it."""
    try:
        # All values as texts: YAML would read 22:00 as a number to the base of 60.
        document = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - makes texts only
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _input_error(Problem(where=str(path), found=str(error), allowed="a YAML file")) from error
    if not isinstance(document, list):
        allowed = "a list of faults such as - late: {vehicle: V003, minutes: 90}"
        raise _input_error(Problem(where=str(path), found=type(document).__name__, allowed=allowed))
    faults: list[Fault] = []
    problems: list[Problem] = []
    for number, line in enumerate(document, start=1):
        read = _read(line, where=f"{path} fault {number}")
        if isinstance(read, Fault):
            faults.append(read)
        else:
            problems += read
    if problems:
        raise _input_error(*problems)
    return tuple(faults)


def _read(line: object, *, where: str) -> Fault | list[Problem]:
    word, facts = next(iter(line.items())) if isinstance(line, dict) and len(line) == 1 else ("", None)
    if word not in KINDS:
        allowed = f"one of {', '.join(KINDS)}, with what it needs in braces"
        return [Problem(where=where, found=yaml_of(line), allowed=allowed)]
    kind = KINDS[word]
    try:
        return kind.model_validate(facts)
    except ValidationError as error:
        keys = ", ".join(kind.model_fields)
        return [
            Problem(
                where=f"{where} {'.'.join((word, *map(str, wrong['loc'])))}",
                found=yaml_of(wrong["input"]),
                allowed=f"{wrong['msg']} (keys of {word}: {keys})",
            )
            for wrong in error.errors(include_url=False)
        ]


def _input_error(*problems: Problem) -> InputError:
    return InputError(list(problems))
