"""How an OCPP-J frame is written and read. Knows text and nothing of who sends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NewType

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4

JsonText = NewType("JsonText", str)
"""A payload that is written already."""

MAX_ID_LENGTH = 255
"""Longest message id that is answered; the standard allows 36 characters."""


def printable(text: str) -> str:
    """The text without what no store and no terminal should be given: control characters, lone surrogates."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


text_of = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
"""A document as it is sent. One encoder for all: ``json.dumps`` with arguments makes one for every call."""


def json_text(payload: Mapping[str, Any]) -> JsonText:
    """A payload as it is sent."""
    return JsonText(text_of(payload))


def error_frame(message_id: str, code: str, description: str) -> str:
    """A CALLERROR."""
    return text_of([CALL_ERROR, message_id, code, description[:255], {}])


def read_frame(text: str) -> list[Any]:
    """The message as a list, empty where it is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return document if isinstance(document, list) else []


def word(document: list[Any], index: int) -> str | None:
    """An element of a message that should be a text; None where it is none, or nothing that can be kept."""
    value = document[index] if len(document) > index else None
    return value if isinstance(value, str) and value.isprintable() else None
