"""The store: plans, raw messages, events, commands and evidence. The only file that writes it.

One SQLite file in the depot's folder, or a PostgreSQL database, serves the gateway and the dispatcher at once. Nothing
is ever changed but the answer of a command and the state of an alert (:mod:`dispatch.store.alerts`): what was written
before a crash is what is found after it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import TypeAdapter

from dispatch.events import StationEvent, TransactionStarted
from dispatch.evidence import Command, Evidence, Layer, Lesson, Rung, Verdict
from dispatch.identity import Identity
from dispatch.station import Reply, StationProfile
from dispatch.store.entries import Entry, insert_entries
from dispatch.store.leases import require_newest
from dispatch.store.ledger import Ledger, command_of, read_ledger
from dispatch.store.opening import JournalError, StoreAwayError, open_store
from dispatch.store.tables import (
    COMMAND_COLUMNS,
    COMMANDS,
    EVENTS,
    EVIDENCE,
    INSTALLED,
    LESSONS,
    MESSAGES,
    PLANS,
    TRANSACTION_IDS,
    WRITING,
)
from dispatch.store.upkeep import back_up, prune
from optimiser.plan import Plan

__all__ = ["Journal", "JournalError", "PlanKind", "StoreAwayError", "has_journal", "open_journal"]

PlanKind = Literal["plan", "replan"]


PLANS_KEPT = 4
"""Plans that are not read anew when the next tick asks for them: base and re-plan of a night, and of the next one."""

_EVENT: TypeAdapter[StationEvent] = TypeAdapter(StationEvent)


@dataclass(frozen=True, kw_only=True)
class Journal:
    """A depot's store. Every method is one transaction; a write has reached the disk when it returns.

    Safe to use from several threads and processes at once. With a ``lease_token`` re-plans are kept and commands are
    begun only as long as no newer lease was taken; else they raise :class:`dispatch.station.LeaseLostError`.
    """

    engine: sa.Engine = field(repr=False)
    lease_token: int | None = None

    # ── messages and events: the gateway's part ──────────────────────────────────────────────────────────

    def record(self, entries: Sequence[Entry]) -> None:
        """Keep raw messages, secrets redacted, and events: all of them or, where it fails, none."""
        with self._write() as connection:
            insert_entries(connection, entries)

    def frames_known(self) -> set[tuple[str, str, str]]:
        """Charger, direction and message id of every raw frame that is kept."""
        columns = MESSAGES.c.charger_id, MESSAGES.c.direction, MESSAGES.c.message_id
        return {tuple(row) for row in self._rows(sa.select(*columns))}

    def events(self, *, since: datetime | None = None, kinds: Sequence[str] = ()) -> list[StationEvent]:
        """Events in the order in which they were recorded, those received at ``since`` included."""
        query = sa.select(_EVENT_TEXT).order_by(EVENTS.c.id)
        if since is not None:
            query = query.where(EVENTS.c.received_at >= since)
        if kinds:
            query = query.where(EVENTS.c.kind.in_(kinds))
        return [_EVENT.validate_json(text) for (text,) in self._rows(query)]

    def last_event(self, charger_id: str) -> StationEvent | None:
        """What a charger was heard of last; None for one that never was."""
        query = sa.select(_EVENT_TEXT).where(EVENTS.c.charger_id == charger_id)
        rows = self._rows(query.order_by(EVENTS.c.id.desc()).limit(1))
        return _EVENT.validate_json(rows[0][0]) if rows else None

    def chargers_booted(self) -> set[str]:
        """The chargers that have ever said that they have started."""
        query = sa.select(EVENTS.c.charger_id).where(EVENTS.c.kind == "booted").distinct()
        return {charger_id for (charger_id,) in self._rows(query)}

    def open_transactions(self) -> list[TransactionStarted]:
        """Transactions that have started and not ended, oldest first."""
        ended = EVENTS.alias()
        query = (
            sa.select(_EVENT_TEXT)
            .where(EVENTS.c.kind == "transaction_started")
            .where(
                ~sa.exists().where(
                    ended.c.kind == "transaction_ended",
                    ended.c.charger_id == EVENTS.c.charger_id,
                    ended.c.transaction_id == EVENTS.c.transaction_id,
                )
            )
            .order_by(EVENTS.c.id)
        )
        return [TransactionStarted.model_validate_json(text) for (text,) in self._rows(query)]

    def next_transaction_id(self) -> int:
        """A transaction id that was never given before; the first is 1."""
        with self._write() as connection:
            return _new_id(connection.execute(TRANSACTION_IDS.insert()))

    def find_transaction(
        self, *, charger_id: str, connector_id: int, id_tag: str, at: datetime, meter_start_kwh: float
    ) -> TransactionStarted | None:
        """The start that was already recorded with these facts: a charger may send it again."""
        query = (
            sa.select(_EVENT_TEXT)
            .where(EVENTS.c.kind == "transaction_started", EVENTS.c.charger_id == charger_id)
            .order_by(EVENTS.c.id.desc())
        )
        starts = (TransactionStarted.model_validate_json(text) for (text,) in self._rows(query))
        facts = (connector_id, id_tag, at, meter_start_kwh)
        return next((s for s in starts if (s.connector_id, s.id_tag, s.at, s.meter_start_kwh) == facts), None)

    # ── plans ────────────────────────────────────────────────────────────────────────────────────────────

    def save_plan(self, plan: Plan, *, kind: PlanKind = "plan") -> None:
        """Keep a plan; a re-plan refers to the night's latest plan."""
        with self._write() as connection:
            require_newest(connection, self.lease_token)
            base_id = None
            if kind == "replan":
                base_id = connection.scalar(_BASE_PLAN_ID, {"night": plan.night})
            connection.execute(
                PLANS.insert().values(
                    night=plan.night,
                    created_at=plan.created_at,
                    kind=kind,
                    base_id=base_id,
                    document=plan.to_document(),
                )
            )

    def latest_plan(self, night: date) -> Plan | None:
        """The plan or re-plan of a night that was stored last."""
        return self._plan(_LATEST_PLAN, night)

    def base_plan(self, night: date) -> Plan | None:
        """The plan of a night that was stored last, re-plans left aside."""
        return self._plan(_BASE_PLAN, night)

    # ── commands and evidence: the dispatcher's part ─────────────────────────────────────────────────────

    def ledger(self, *, since: datetime, away: Collection[str] = ()) -> Ledger:
        """All that a tick asks of the commands so far, read at once; ``since``: from when they count as recent.

        ``away``: the chargers of which is asked for longer when they were last seen.
        """
        with self.engine.begin() as connection:
            return read_ledger(connection, since=since, away=away)

    def begin_command(
        self, *, night: date, at: datetime, charger_id: str, layer: Layer, profile: StationProfile
    ) -> int:
        """Write down that a profile is about to be sent, and return the command's id."""
        values = {
            "night": night,
            "at": at,
            "charger_id": charger_id,
            "connector_id": profile.connector_id,
            "layer": layer.value,
            "profile_id": profile.profile_id,
            "payload": profile.model_dump_json(),
        }
        with self._write() as connection:
            require_newest(connection, self.lease_token)
            return _new_id(connection.execute(_INSERT_COMMAND, values))

    def finish_command(self, command_id: int, reply: Reply, *, evidence: Sequence[Evidence] = ()) -> None:
        """Write down what came of a command, and what it proves."""
        values = {
            "of_id": command_id,
            "outcome": reply.outcome.value,
            "reason": reply.reason,
            "message_id": reply.message_id,
            "answered_at": reply.at,
        }
        with self._write() as connection:
            connection.execute(_FINISH_COMMAND, values)
            _insert_evidence(connection, evidence)

    def commands(
        self, *, night: date | None = None, charger_id: str | None = None, since: datetime | None = None
    ) -> list[Command]:
        """Commands, oldest first; those begun at ``since`` included."""
        query = sa.select(*COMMAND_COLUMNS).order_by(COMMANDS.c.id)
        if night is not None:
            query = query.where(COMMANDS.c.night == night)
        if charger_id is not None:
            query = query.where(COMMANDS.c.charger_id == charger_id)
        if since is not None:
            query = query.where(COMMANDS.c.at >= since)
        return [command_of(row) for row in self._rows(query)]

    def installed(self, charger_id: str) -> list[tuple[StationProfile, Command]]:
        """The last accepted profile of every profile id on a charger: what it should be holding."""
        rows = self._rows(INSTALLED, charger_id=charger_id)
        return [(command.profile, command) for command in map(command_of, rows)]

    def learn(
        self, identity: Identity, lessons: Mapping[str, Lesson], *, charger_id: str, at: datetime
    ) -> None:
        """Keep what a charger's answers have taught, by lever."""
        rows = [
            {
                "at": at,
                "charger_id": charger_id,
                "vendor": identity.vendor.lower(),
                "model": identity.model.lower(),
                "firmware": identity.firmware,
                "lever": lever,
                **vars(lesson),
            }
            for lever, lesson in lessons.items()
        ]
        if rows:
            with self._write() as connection:
                connection.execute(LESSONS.insert(), rows)

    def add_evidence(self, *evidence: Evidence) -> None:
        """Keep rungs of connectors' ladders, in one transaction."""
        if evidence:
            with self._write() as connection:
                _insert_evidence(connection, evidence)

    def evidence(self, night: date) -> list[Evidence]:
        """All evidence of a night, oldest first."""
        query = sa.select(EVIDENCE).where(EVIDENCE.c.night == night).order_by(EVIDENCE.c.id)
        return [
            Evidence(
                **{name: value for name, value in row._mapping.items() if name != "id"}  # noqa: SLF001
                | {"rung": Rung(row.rung), "verdict": Verdict(row.verdict)}
            )
            for row in self._rows(query)
        ]

    def prune(self, *, before: datetime) -> int:
        """Remove old raw messages and readings of meters, as many as go within seconds; returns how many."""
        return prune(self.engine, before=before)

    def back_up(self, file: Path) -> None:
        """Copy the store while others use it. Raises :class:`dispatch.store.upkeep.BackupError`."""
        back_up(self.engine, file)

    @contextmanager
    def transaction(self) -> Iterator[Journal]:
        """Several writes as one: all of them or, where one fails, none."""
        with self._write() as connection:
            yield _Joined(engine=self.engine, lease_token=self.lease_token, connection=connection)

    def close(self) -> None:
        """Close all connections; the journal is of no use afterwards."""
        self.engine.dispose()

    def _write(self) -> AbstractContextManager[sa.Connection]:
        return self._writing.begin()

    @cached_property
    def _writing(self) -> sa.Engine:
        return self.engine.execution_options(**WRITING)

    def _rows(self, query: sa.Select[Any], **values: object) -> Sequence[sa.Row[Any]]:
        with self.engine.connect() as connection:
            return connection.execute(query, values).all()

    def _plan(self, query: sa.Select[Any], night: date) -> Plan | None:
        rows = self._rows(query, night=night)
        return _plan_of(rows[0].document) if rows else None


@dataclass(frozen=True, kw_only=True)
class _Joined(Journal):
    """A journal in the middle of a transaction that others share."""

    connection: sa.Connection = field(repr=False)

    def _write(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self.connection)


def open_journal(store_url: str, folder: Path) -> Journal:
    """The journal at an SQLAlchemy URL, made or migrated where need be; a SQLite path is relative to the folder.

    Raises :class:`JournalError`; it, and every method of the journal, raises
    :class:`dispatch.store.opening.StoreAwayError` for a store that cannot be read or written now.
    """
    return Journal(engine=open_store(store_url, folder))


def has_journal(store_url: str, folder: Path) -> bool:
    """Whether there is a journal already: looking into a depot that was never planned leaves nothing behind."""
    url = sa.make_url(store_url)
    if url.get_backend_name() != "sqlite":
        return True
    return url.database is not None and (folder / url.database).exists()


@lru_cache(maxsize=PLANS_KEPT)
def _plan_of(document: str) -> Plan:
    return Plan.from_document(json.loads(document))


def _insert_evidence(connection: sa.Connection, evidence: Sequence[Evidence]) -> None:
    rows = [vars(one) | {"rung": one.rung.value, "verdict": one.verdict.value} for one in evidence]
    if rows:
        connection.execute(_INSERT_EVIDENCE, rows)


def _new_id(result: sa.CursorResult[Any]) -> int:
    row = result.inserted_primary_key
    assert row is not None, "every table that is inserted into has a primary key"
    return int(row[0])


# Statements are put together once: that takes longer than to run them.

_PLAN_TEXT = sa.type_coerce(PLANS.c.document, sa.Text).label("document")
_OF_NIGHT = PLANS.c.night == sa.bindparam("night")
_LATEST_PLAN = sa.select(_PLAN_TEXT).where(_OF_NIGHT).order_by(PLANS.c.id.desc()).limit(1)
_BASE_PLAN = _LATEST_PLAN.where(PLANS.c.kind == "plan")
_BASE_PLAN_ID = _BASE_PLAN.with_only_columns(PLANS.c.id)
_EVENT_TEXT = sa.type_coerce(EVENTS.c.document, sa.Text)
_INSERT_COMMAND, _INSERT_EVIDENCE = COMMANDS.insert(), EVIDENCE.insert()
_FINISH_COMMAND = (
    COMMANDS.update()
    .where(COMMANDS.c.id == sa.bindparam("of_id"))
    .values({name: sa.bindparam(name) for name in ("outcome", "reason", "message_id", "answered_at")})
)
