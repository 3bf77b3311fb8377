"""What a request to a charge point must look like, and the error it gets where it does not.

The shapes are written down by hand (:mod:`dispatch.simulator.wire16`, :mod:`dispatch.simulator.wire201`), so
that a strict charge point does not depend on the schemas that its counterpart sends by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from dispatch.connection import CallRefusedError

Shape = str | tuple[str, ...] | list[Any] | dict[str, Any]
"""``int``, ``number``, ``tenths`` (a number of at most one decimal), ``instant``, ``text`` (``text36``: of at most
36 characters), a choice of words, a list (its shape, then the least and the largest number of items where there are
bounds), or the shapes of an object's properties, where a trailing ``?`` marks those that may be missing."""


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """The requests that a version knows, by action, and the error codes that differ between versions.

    ``malformed``: the code for what does not fit the message; ``missing``: for a property that is not there, or too
    many items. ``extension`` is a property that any object may have.
    """

    requests: Mapping[str, Shape]
    malformed: str
    missing: str
    extension: str | None = None


def check_request(grammar: Grammar, action: str, payload: object) -> dict[str, Any]:
    """The payload of a request that can be read as it stands.

    Raises :class:`dispatch.connection.CallRefusedError` with the code of OCPP-J §4.2.3 for what is wrong with it.
    """
    if action not in grammar.requests:
        raise CallRefusedError("NotImplemented", f"{action} is not known here")
    if not isinstance(payload, dict):
        raise CallRefusedError(grammar.malformed, f"{action}: the payload is no object")
    _check(grammar, payload, grammar.requests[action], where=action)
    return payload


def instant(text: str, *, ignores_offset: bool = False) -> datetime:
    """A timestamp of the wire in UTC, in whole seconds: fractions are dropped.

    With ``ignores_offset`` an offset is read past, as if the digits were UTC. Raises :class:`ValueError` for a
    timestamp without offset.
    """
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return (stamp.replace(tzinfo=UTC) if ignores_offset else stamp.astimezone(UTC)).replace(microsecond=0)


def is_in_tenths(value: float) -> bool:
    """Whether a number has at most one decimal. By its decimal digits: as a double, 5.7 is no multiple of 0.1."""
    return Decimal(str(value)) % Decimal("0.1") == 0


def _check(grammar: Grammar, value: object, shape: Shape, *, where: str) -> None:
    if isinstance(shape, dict):
        _check_object(grammar, value, shape, where=where)
    elif isinstance(shape, list):
        _check_list(grammar, value, shape, where=where)
    elif isinstance(shape, tuple):
        if value not in shape:
            raise CallRefusedError("PropertyConstraintViolation", f"{where}: {value!r} is none of {shape}")
    elif not _is_a(value, shape):
        raise CallRefusedError("TypeConstraintViolation", f"{where}: {value!r} is not of type {shape}")
    elif shape.startswith("text") and len(str(value)) > int(shape.removeprefix("text") or len(str(value))):
        raise CallRefusedError("PropertyConstraintViolation", f"{where}: {value!r} is longer than {shape}")


def _check_list(grammar: Grammar, value: object, shape: list[Any], *, where: str) -> None:
    if not isinstance(value, list):
        raise CallRefusedError("TypeConstraintViolation", f"{where} is no list")
    inner, least, largest = (*shape, 0, len(value))[:3] if len(shape) == 1 else (*shape, len(value))[:3]
    if not least <= len(value) <= largest:
        raise CallRefusedError(grammar.missing, f"{where}: {len(value)} items, {least} to {largest} allowed")
    for index, item in enumerate(value):
        _check(grammar, item, inner, where=f"{where}[{index}]")


def _check_object(grammar: Grammar, value: object, shape: dict[str, Any], *, where: str) -> None:
    if not isinstance(value, dict):
        raise CallRefusedError("TypeConstraintViolation", f"{where} is no object")
    shapes = {name.removesuffix("?"): inner for name, inner in shape.items()}
    for name in shape:
        if not name.endswith("?") and name not in value:
            raise CallRefusedError(grammar.missing, f"{where}.{name} is missing")
    for name, inner in value.items():
        if name in shapes:
            _check(grammar, inner, shapes[name], where=f"{where}.{name}")
        elif name != grammar.extension:
            raise CallRefusedError(grammar.malformed, f"{where}.{name} is not known")


def _is_a(value: object, kind: str) -> bool:
    if kind.startswith("text"):
        return isinstance(value, str)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in {"number", "tenths"}:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and (kind == "number" or is_in_tenths(value))  # type: ignore[arg-type]
    return isinstance(value, str) and _is_instant(value)


def _is_instant(text: str) -> bool:
    try:
        instant(text)
    except ValueError:
        return False
    return True
