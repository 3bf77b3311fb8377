"""From the store to the facts of one night. Reads and never writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from dispatch.events import StationEvent
from dispatch.evidence import Command
from dispatch.journal import Journal
from dispatch.morning.facts import NightFacts, StoredPlan
from dispatch.station import Outcome
from dispatch.store.tables import COMMANDS, EVENTS, PLANS
from optimiser.plan import Plan

BEFORE = timedelta(days=1)
"""How long before a night a session may have begun that still runs in it."""
AFTER = timedelta(hours=6)
"""How long after a night a charger that was away may still tell of it."""
SOCKET = ("connected", "disconnected")

_EVENTS: TypeAdapter[list[StationEvent]] = TypeAdapter(list[StationEvent])


def read_night(journal: Journal, night: date) -> NightFacts | None:
    """What the store has of a night; None where no plan of it was ever stored."""
    rows = _rows(
        journal, sa.select(PLANS.c.kind, PLANS.c.document).where(PLANS.c.night == night).order_by(PLANS.c.id)
    )
    versions = tuple(StoredPlan(kind=row.kind, plan=Plan.from_document(row.document)) for row in rows)
    if not versions:
        return None
    horizon = versions[-1].plan.horizon
    return NightFacts(
        versions=versions,
        commands=tuple(journal.commands(night=night)),
        held_before=tuple(_held_before(journal, night, horizon.start)),
        evidence=tuple(journal.evidence(night)),
        events=tuple(_events(journal, horizon.start, horizon.end)),
    )


def _events(journal: Journal, start: datetime, end: datetime) -> list[StationEvent]:
    """Earlier words on sockets and boots first, then all of the night."""
    since = start - BEFORE
    is_near = (EVENTS.c.received_at >= since) & (EVENTS.c.received_at < end + AFTER)
    ids = [*_last_before(SOCKET, since), *_last_before(("booted",), since)]
    query = sa.select(EVENTS.c.document).where(is_near | sa.or_(*(EVENTS.c.id.in_(one) for one in ids)))
    rows = _rows(journal, query.order_by(EVENTS.c.id))
    return _EVENTS.validate_python([row.document for row in rows])


def _last_before(kinds: Sequence[str], instant: datetime) -> Iterator[sa.Select[Any]]:
    yield (
        sa.select(sa.func.max(EVENTS.c.id))
        .where(EVENTS.c.kind.in_(kinds), EVENTS.c.received_at < instant)
        .group_by(EVENTS.c.charger_id)
    )


def _held_before(journal: Journal, night: date, start: datetime) -> list[Command]:
    """The last accepted command of every profile id from before the night."""
    last = (
        sa.select(sa.func.max(COMMANDS.c.id))
        .where(COMMANDS.c.outcome == Outcome.ACCEPTED.value)
        .where(COMMANDS.c.night != night, COMMANDS.c.at < start)
        .group_by(COMMANDS.c.charger_id, COMMANDS.c.profile_id)
    )
    ids = {row[0] for row in _rows(journal, last)}
    nights = {row.night for row in _rows(journal, sa.select(COMMANDS.c.night).where(COMMANDS.c.id.in_(ids)))}
    held = [command for earlier in nights for command in journal.commands(night=earlier) if command.id in ids]
    return sorted(held, key=lambda command: command.id)


def _rows(journal: Journal, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    with journal.engine.connect() as connection:
        return connection.execute(query).all()
