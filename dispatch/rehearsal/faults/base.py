"""What every fault is, and the units in which they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from dispatch.station import Value

WHOLE_MINUTE = re.compile(r"^(\d\d:\d\d):00(Z|[+-]\d\d:\d\d)?$")

Minutes = Annotated[float, Field(gt=0, le=24 * 60)]


def _clock_time(value: object) -> object:
    """A time of day as people write it: ``2:00`` is ``02:00``."""
    return f"0{value}" if isinstance(value, str) and value[1:2] == ":" else value


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


def line_of(document: Mapping[str, Mapping[str, Any]]) -> str:
    """A fault's document as a planner writes it."""
    ((word, facts),) = document.items()
    return f"{word}: {{{', '.join(f'{key}: {yaml_of(value)}' for key, value in facts.items())}}}"


def _written(value: Any) -> Any:
    """``01:30:00`` as ``01:30``, with its offset if it has one."""
    return WHOLE_MINUTE.sub(r"\1\2", value) if isinstance(value, str) else value


def yaml_of(value: object) -> str:
    """A value of a fault as a planner writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_of, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
