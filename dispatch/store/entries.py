"""What a gateway writes down, as rows: raw messages and events. It alone knows what is never written: secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from dispatch.credentials import SECRET_KEYS, is_secret_key
from dispatch.events import StationEvent
from dispatch.store.tables import EVENTS, MESSAGES

REDACTED = "<redacted>"
VALUES = frozenset({"value", "attributeValue"})
"""Where the value of a configuration key stands, in 1.6 and in 2.0.1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A raw frame; ``direction`` as seen by the gateway, ``action`` and ``message_id`` where they are known."""

    at: datetime
    charger_id: str
    direction: Literal["in", "out"]
    action: str | None
    message_id: str | None
    frame: str


Entry = Message | StationEvent
"""What the gateway writes down."""


def insert_entries(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    """Write entries, each kind in its order."""
    messages = [_message_row(entry) for entry in entries if isinstance(entry, Message)]
    events = [_event_row(entry) for entry in entries if not isinstance(entry, Message)]
    if messages:
        connection.execute(_INSERT_MESSAGE, messages)
    if events:
        connection.execute(_INSERT_EVENT, events)


def redacted(frame: str) -> str:
    """The frame without the values of secret configuration keys; unchanged where it names none."""
    if not any(key in frame.lower() for key in SECRET_KEYS):
        return frame
    try:
        document = json.loads(frame)
    except ValueError:
        return f"{REDACTED}: {len(frame)} characters that are not JSON and name a secret"
    return json.dumps(_without_secrets(document), separators=(",", ":"))


def _without_secrets(value: Any, *, is_secret: bool = False) -> Any:
    """``is_secret``: what stands here belongs to a secret key."""
    if isinstance(value, list):
        return [_without_secrets(item, is_secret=is_secret) for item in value]
    if not isinstance(value, dict):
        return value
    variable = value.get("variable")
    names = (value.get("key"), variable.get("name") if isinstance(variable, dict) else None)
    is_secret = is_secret or any(isinstance(name, str) and is_secret_key(name) for name in names)
    return {
        name: REDACTED if is_secret and name in VALUES else _without_secrets(item, is_secret=is_secret)
        for name, item in value.items()
    }


def _message_row(message: Message) -> dict[str, Any]:
    return {
        "at": message.at,
        "charger_id": message.charger_id,
        "direction": message.direction,
        "action": message.action,
        "message_id": message.message_id,
        "frame": redacted(message.frame),
    }


def _event_row(event: StationEvent) -> dict[str, Any]:
    transaction_id = getattr(event, "transaction_id", None)
    return {
        "received_at": event.received_at,
        "kind": event.kind,
        "charger_id": event.charger_id,
        "transaction_id": None if transaction_id is None else str(transaction_id),
        "document": event.model_dump_json(),
    }


_INSERT_MESSAGE, _INSERT_EVENT = MESSAGES.insert(), EVENTS.insert()
"""Put together once: that takes longer than to run them."""
