"""Which charger it is: vendor, model and firmware, and how ranges of firmware are written and compared."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Numbers = tuple[int, ...]

_COMPARISONS: Mapping[str, Callable[[Numbers, Numbers], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq,
}  # fmt: skip
_BOUND = re.compile(r"(>=|<=|>|<|==)\s*([0-9]+(?:\.[0-9]+)*)")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Vendor and model as in BootNotification, empty where nobody says; ``firmware`` None where nobody says."""

    vendor: str = ""
    model: str = ""
    firmware: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether what one charger teaches can be told of others like it."""
        return bool(self.vendor and self.model)

    def __str__(self) -> str:
        named = (
            " ".join(filter(None, (self.vendor, self.model))) or "a charger of which nobody says what it is"
        )
        return named if self.firmware is None else f"{named}, firmware {self.firmware}"


class FirmwareRangeError(ValueError):
    """A text that is no range of firmware."""


@dataclass(frozen=True, kw_only=True)
class FirmwareRange:
    """Bounds that all have to be met, each a comparison and the numbers of a version."""

    bounds: tuple[tuple[str, Numbers], ...]

    @classmethod
    def parse(cls, text: str) -> FirmwareRange:
        """Read ``>=1.8,<2``. Raises :class:`FirmwareRangeError`.

        >>> FirmwareRange.parse(">=1.8,<2").contains("V1.8.21")
        True
        """
        bounds: list[tuple[str, Numbers]] = []
        for part in text.split(","):
            found = _BOUND.fullmatch(part.strip())
            if found is None:
                raise FirmwareRangeError(f"{text!r} is no range of firmware such as '>=1.8,<2'")
            bounds.append((found[1], tuple(map(int, found[2].split(".")))))
        return cls(bounds=tuple(bounds))

    def contains(self, firmware: str) -> bool:
        """Whether a firmware is in the range, by the numbers in its name.

        Only as many numbers count as a bound has, so that ``<=1.8`` includes 1.8.21; missing ones are 0.
        """
        numbers = tuple(map(int, re.findall(r"[0-9]+", firmware)))
        return bool(numbers) and all(
            _COMPARISONS[sign]((numbers + (0,) * len(bound))[: len(bound)], bound)
            for sign, bound in self.bounds
        )
