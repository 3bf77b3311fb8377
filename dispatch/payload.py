"""Reads fields out of payloads of any OCPP version, and says in its words what is wrong with them.

Tolerant where it costs nothing: unknown fields are passed over, null is a missing field, 12.0 is an integer, a
time without offset is UTC (Growatt, for one, sends such).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dispatch.connection import CallRefusedError
from dispatch.frames import printable

PROPERTY = "PropertyConstraintViolation"
TYPE = "TypeConstraintViolation"

LARGEST_NUMBER = 1e15
"""A register in Wh that counts more has overflowed; beyond are numbers that no arithmetic here can carry."""


@dataclass(frozen=True, kw_only=True)
class Codes:
    """The error codes that the versions of OCPP-J spell differently: for what is no object, for what is missing."""

    formation: str
    occurrence: str


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields of one object of a payload; ``where`` names it to people.

    The methods raise :class:`dispatch.connection.CallRefusedError`, those called ``optional_…`` not for a
    field that is missing.
    """

    values: dict[str, Any]
    where: str
    codes: Codes

    @classmethod
    def of(cls, payload: Any, *, where: str, codes: Codes) -> Fields:
        """The fields of a payload, which has to be an object."""
        if not isinstance(payload, dict):
            raise CallRefusedError(codes.formation, f"{where}: found {_kind(payload)}, must be an object")
        return cls(values=payload, where=where, codes=codes)

    def text(self, name: str) -> str:
        """A text."""
        value = self.optional_text(name)
        return self._missing(name) if value is None else value

    def optional_text(self, name: str) -> str | None:
        """A text."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self._refuse(TYPE, name, value, "a text")
        return printable(value)

    def integer(self, name: str) -> int:
        """A whole number."""
        value = self.optional_integer(name)
        return self._missing(name) if value is None else value

    def optional_integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.values.get(name)
        if value is None:
            return None
        number = read_integer(value)
        return self._refuse(TYPE, name, value, "an integer") if number is None else number

    def optional_number(self, name: str) -> float | None:
        """A number."""
        value = self.values.get(name)
        if value is None:
            return None
        number = read_number(value)
        return self._refuse(TYPE, name, value, "a number") if number is None else number

    def natural(self, name: str) -> int:
        """A whole number, 0 or above."""
        number = self.integer(name)
        if number < 0:
            self._refuse(PROPERTY, name, number, "0 or above")
        return number

    def instant(self, name: str) -> datetime:
        """A time, in UTC."""
        text = self.text(name)
        instant = read_instant(text)
        return self._refuse(PROPERTY, name, text, "an RFC 3339 time") if instant is None else instant

    def objects(self, name: str) -> list[Fields]:
        """A list of objects, missing or not."""
        items = self.values.get(name)
        if items is None:
            return []
        if not isinstance(items, list):
            self._refuse(TYPE, name, items, "a list")
        return [self._object(name, index, item) for index, item in enumerate(items)]

    def object(self, name: str) -> Fields:
        """An object."""
        value = self.optional_object(name)
        return self._missing(name) if value is None else value

    def optional_object(self, name: str) -> Fields | None:
        """An object."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._refuse(TYPE, name, value, "an object")
        return Fields(values=value, where=f"{self.where}.{name}", codes=self.codes)

    def require(self, name: str) -> None:
        """Refuse the payload if a field is missing."""
        if self.values.get(name) is None:
            self._missing(name)

    def _object(self, name: str, index: int, item: Any) -> Fields:
        where = f"{self.where}.{name}[{index}]"
        if not isinstance(item, dict):
            raise CallRefusedError(TYPE, f"{where}: found {_kind(item)}, must be an object")
        return Fields(values=item, where=where, codes=self.codes)

    def _missing(self, name: str) -> Any:
        raise CallRefusedError(self.codes.occurrence, f"{self.where}.{name} is missing")

    def _refuse(self, code: str, name: str, value: Any, allowed: str) -> Any:
        found = repr(value)[:40] if isinstance(value, (str, int, float)) else _kind(value)
        raise CallRefusedError(code, f"{self.where}.{name}: found {found}, must be {allowed}")


def read_integer(value: Any) -> int | None:
    """A whole number; None for what is none, or larger than anything that is counted here."""
    number = None if isinstance(value, str) else read_number(value)
    return int(number) if number is not None and number.is_integer() else None


def read_instant(value: Any) -> datetime | None:
    """A time of a charge point, in UTC; None for what is no time."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value.strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_number(value: Any) -> float | None:
    """A number, also one written as a text; None for what is none, or larger than anything measured here."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= LARGEST_NUMBER else None  # also not for what is no number


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
