"""The tables of the store. Writes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from dispatch.station import Outcome

WRITING = {"begin_immediate": True}
"""Execution options of an engine that writes: it takes the lock at once.

A SQLite transaction that reads first and then writes cannot wait for another writer: it fails.
"""


class Utc(sa.types.TypeDecorator[datetime]):
    """An aware datetime, stored in UTC without offset."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """In UTC, without its offset."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the journal stores instants: found {value} without offset")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """With its offset again."""
        return None if value is None else value.replace(tzinfo=UTC)


class _Document(sa.types.TypeDecorator[Any]):
    """A JSON object in a text, which whoever has it as text may give, and read, as it is."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:  # noqa: ARG002
        return value if isinstance(value, str) else json.dumps(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        return json.loads(value)


METADATA = sa.MetaData()

PLANS = sa.Table(
    "plans",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("night", sa.Date, nullable=False, index=True),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("base_id", sa.ForeignKey("plans.id")),
    sa.Column("document", _Document, nullable=False),
)

MESSAGES = sa.Table(
    "messages",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Utc, nullable=False, index=True),
    sa.Column("charger_id", sa.String, nullable=False),
    sa.Column("direction", sa.String, nullable=False),
    sa.Column("action", sa.String),
    sa.Column("message_id", sa.String, index=True),
    sa.Column("frame", sa.Text, nullable=False),
)

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("received_at", Utc, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("charger_id", sa.String, nullable=False),
    sa.Column("transaction_id", sa.String, index=True),
    sa.Column("document", _Document, nullable=False),
    sa.Index("ix_events_charger_id_kind", "charger_id", "kind"),
    sa.Index("ix_events_kind_received_at", "kind", "received_at"),
)

# An id that was given away is never given again, also when no event with it was ever stored.
TRANSACTION_IDS = sa.Table(
    "transaction_ids",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sqlite_autoincrement=True,
)

COMMANDS = sa.Table(
    "commands",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("night", sa.Date, nullable=False, index=True),
    sa.Column("at", Utc, nullable=False, index=True),
    sa.Column("charger_id", sa.String, nullable=False, index=True),
    sa.Column("connector_id", sa.Integer, nullable=False),
    sa.Column("layer", sa.String, nullable=False),
    sa.Column("profile_id", sa.Integer, nullable=False),
    sa.Column("payload", _Document, nullable=False),
    sa.Column("outcome", sa.String),
    sa.Column("reason", sa.String, nullable=False, default=""),
    sa.Column("message_id", sa.String),
    sa.Column("answered_at", Utc),
    sa.Index("ix_commands_slot", "charger_id", "profile_id", "outcome", "id"),
)

EVIDENCE = sa.Table(
    "evidence",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("night", sa.Date, nullable=False, index=True),
    sa.Column("at", Utc, nullable=False, index=True),
    sa.Column("charger_id", sa.String, nullable=False),
    sa.Column("connector_id", sa.Integer, nullable=False),
    sa.Column("rung", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("message_id", sa.String),
    sa.Column("command_id", sa.ForeignKey("commands.id")),
)

# What the answers of a charger have taught, for all of its vendor, model and firmware (in lower case); of a
# charger of which nobody knows what it is, for itself.
LESSONS = sa.Table(
    "lessons",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Utc, nullable=False),
    sa.Column("charger_id", sa.String, nullable=False),
    sa.Column("vendor", sa.String, nullable=False, index=True),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("firmware", sa.String),
    sa.Column("lever", sa.String, nullable=False),
    sa.Column("value", sa.JSON, nullable=False),
    sa.Column("because", sa.String, nullable=False),
)


COMMAND_COLUMNS = tuple(
    sa.type_coerce(column, sa.Text).label(column.name) if column is COMMANDS.c.payload else column
    for column in COMMANDS.c
)
"""A command as it is read: the profile as the text that is stored."""


def _installed() -> sa.Select[Any]:
    """The last accepted command of every profile id on a charger."""
    last = (
        sa.select(sa.func.max(COMMANDS.c.id))
        .where(COMMANDS.c.charger_id == sa.bindparam("charger_id"), COMMANDS.c.outcome == _ACCEPTED)
        .group_by(COMMANDS.c.profile_id)
    )
    return sa.select(*COMMAND_COLUMNS).where(COMMANDS.c.id.in_(last)).order_by(COMMANDS.c.id)


_ACCEPTED = Outcome.ACCEPTED.value
INSTALLED = _installed()
"""Put together once: that takes far longer than asking."""
