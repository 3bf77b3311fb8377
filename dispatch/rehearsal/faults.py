"""What can go wrong in a night: one small value per kind of fault, and the file that planners write them in.

A faults file is a YAML list; a line is the fault's word with what it needs::

    - late: {vehicle: V003, minutes: 90}
    - reboot: {charger: CP04, at: 01:30, forgets: true}

Times of day are the depot's, of the night that is rehearsed. What a fault makes true stands in
:mod:`dispatch.rehearsal.scene`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any, ClassVar

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from dispatch.station import Value
from optimiser.inputs import InputError, Problem

Minutes = Annotated[float, Field(gt=0, le=24 * 60)]


def _clock_time(value: object) -> object:
    """A time of day as people write it: ``2:00`` is ``02:00``."""
    return value.zfill(5) if isinstance(value, str) and len(value) == 4 else value


TimeOfDay = Annotated[time, BeforeValidator(_clock_time)]


class Fault(Value):
    """Something that goes wrong; ``word`` is what it is called in a faults file."""

    word: ClassVar[str]

    def document(self) -> dict[str, Any]:
        """The fault as a line of a faults file."""
        facts = self.model_dump(mode="json", exclude_defaults=True)
        return {self.word: {key: _written(value) for key, value in facts.items()}}

    def __str__(self) -> str:
        """The fault as a planner writes it."""
        return line_of(self.document())


class Late(Fault):
    """A vehicle comes so much later than planned."""

    word: ClassVar[str] = "late"
    vehicle: str
    minutes: Minutes


class Early(Fault):
    """A vehicle leaves so much earlier than planned; known only when it does, or from ``known`` on."""

    word: ClassVar[str] = "early"
    vehicle: str
    minutes: Minutes
    known: TimeOfDay | None = None


class Absent(Fault):
    """A vehicle does not come at all."""

    word: ClassVar[str] = "absent"
    vehicle: str


class OtherSoc(Fault):
    """A vehicle comes with another SoC than forecast. [%]"""

    word: ClassVar[str] = "soc"
    vehicle: str
    percent: float = Field(ge=0, le=100)


class Reboot(Fault):
    """A charger starts anew; one that ``forgets`` has lost all its profiles then."""

    word: ClassVar[str] = "reboot"
    charger: str
    at: TimeOfDay
    forgets: bool = False


class Offline(Fault):
    """A charger loses its socket for a while and goes on with what it has."""

    word: ClassVar[str] = "offline"
    charger: str
    at: TimeOfDay
    minutes: Minutes


class Refuses(Fault):
    """A charger refuses every profile, all night."""

    word: ClassVar[str] = "refuses"
    charger: str


class Silent(Fault):
    """Nobody ticks: cron is silent for so many of its turns."""

    word: ClassVar[str] = "silent"
    at: TimeOfDay
    ticks: int = Field(default=3, ge=1, le=96)


class BaseLoad(Fault):
    """The building draws so much more than forecast for a while. [kW]"""

    word: ClassVar[str] = "base-load"
    at: TimeOfDay
    kw: float = Field(gt=0)
    minutes: Minutes


class Cut(Fault):
    """The grid operator allows the site no more than ``to_kw`` for a while, and says so beforehand."""

    word: ClassVar[str] = "cut"
    at: TimeOfDay
    to_kw: float = Field(ge=0)
    minutes: Minutes
    notice_minutes: float = Field(default=30, ge=0, le=24 * 60)


KINDS: Mapping[str, type[Fault]] = {
    kind.word: kind
    for kind in (Late, Early, Absent, OtherSoc, Reboot, Offline, Refuses, Silent, BaseLoad, Cut)
}
"""Every kind of fault by its word."""


def line_of(document: Mapping[str, Mapping[str, Any]]) -> str:
    """A fault's document as a planner writes it."""
    ((word, facts),) = document.items()
    return f"{word}: {{{', '.join(f'{key}: {_yaml(value)}' for key, value in facts.items())}}}"


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
        return [Problem(where=where, found=_yaml(line), allowed=allowed)]
    kind = KINDS[word]
    try:
        return kind.model_validate(facts)
    except ValidationError as error:
        keys = ", ".join(kind.model_fields)
        return [
            Problem(
                where=f"{where} {'.'.join((word, *map(str, wrong['loc'])))}",
                found=_yaml(wrong["input"]),
                allowed=f"{wrong['msg']} (keys of {word}: {keys})",
            )
            for wrong in error.errors(include_url=False)
        ]


def _input_error(*problems: Problem) -> InputError:
    return InputError(list(problems))


def _written(value: Any) -> Any:
    """``01:30:00`` as ``01:30``."""
    is_time = isinstance(value, str) and len(value) == 8 and value.endswith(":00")
    return value.removesuffix(":00") if is_time else value


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
