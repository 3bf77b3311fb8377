"""What the commands to all chargers and their answers come to: all that a tick asks of the store, read at once.

It alone knows which commands still count and whose lessons are for whom. It is given a connection, and writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from dispatch.evidence import Command, Layer, Lesson, Rung, Verdict
from dispatch.identity import Identity
from dispatch.station import Outcome, StationProfile
from dispatch.store.tables import COMMAND_COLUMNS, COMMANDS, EVIDENCE, LESSONS

AWAY_COUNTS = timedelta(hours=23)
"""How much longer ago than everything else it is of interest when a charger that is away was last seen: a day."""
REFUSALS_COUNT = timedelta(hours=23)
"""How much longer ago than everything else refusals are of interest: a night."""
PROFILES_KEPT = 8192
"""Profiles that are not read anew when a later tick comes upon them: three on each of 2,500 connectors."""
COMMANDS_KEPT = 8192
"""Commands, likewise."""


@dataclass(frozen=True, kw_only=True)
class StoredLesson:
    """A lesson, who has taught it and when. Vendor and model are in lower case."""

    charger_id: str
    identity: Identity
    at: datetime
    lever: str
    lesson: Lesson


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The last time that a connector was read back, and what that has proven."""

    at: datetime
    verdict: Verdict
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What is on the chargers as far as their answers tell, at the moment at which it was read.

    ``recent`` counts from the instant that was asked for. A charger without commands has no entry anywhere.
    """

    _installed: Mapping[str, Sequence[Command]] = field(default_factory=dict)
    _unanswered: Mapping[str, Sequence[Command]] = field(default_factory=dict)
    _refused: Mapping[str, Sequence[Command]] = field(default_factory=dict)
    _recent: Mapping[str, Sequence[Command]] = field(default_factory=dict)
    _seen: Mapping[tuple[str, int], Seen] = field(default_factory=dict)
    _first_accepted_at: Mapping[str, datetime] = field(default_factory=dict)
    _lessons: Mapping[tuple[str, str, str | None], Sequence[StoredLesson]] = field(default_factory=dict)

    def installed(self, charger_id: str) -> Sequence[Command]:
        """The last accepted command of every profile id: what the charger should be holding."""
        return self._installed.get(charger_id, ())

    def unanswered(self, charger_id: str) -> Sequence[Command]:
        """Commands later than the last accepted one of their profile id that may or may not have had effect.

        Those that timed out, and those during which the dispatcher itself died.
        """
        return self._unanswered.get(charger_id, ())

    def refused(self, charger_id: str) -> Sequence[Command]:
        """Commands of the last day that were refused, later than the last accepted one of their profile id."""
        return self._refused.get(charger_id, ())

    def seen(self, charger_id: str, connector_id: int) -> Seen | None:
        """When a connector was last read back after something was sent to it, if that is not long ago."""
        return self._seen.get((charger_id, connector_id))

    def recent(self, charger_id: str) -> Sequence[Command]:
        """The commands of late, whatever came of them."""
        return self._recent.get(charger_id, ())

    def learned(self, identity: Identity, *, charger_id: str) -> dict[str, Lesson]:
        """What was learned last of each lever, from any charger of the same vendor, model and firmware.

        What a charger has taught itself goes first, and what others teach after it has accepted a profile is not
        for it: it is served as it is. Of one that nobody can name: what it has taught itself.
        """
        accepted_at = self._first_accepted_at.get(charger_id)
        taught = self._lessons.get(_key(identity), ())
        others = [
            one
            for one in taught
            if one.charger_id != charger_id
            and identity.is_known
            and (accepted_at is None or one.at < accepted_at)
        ]
        own = [one for one in taught if one.charger_id == charger_id]
        return {one.lever: one.lesson for one in [*others, *own]}


def read_ledger(connection: sa.Connection, *, since: datetime, away: Collection[str] = ()) -> Ledger:
    """The ledger of all chargers; in one transaction, so that it is of one moment.

    Of chargers that are ``away`` it is asked for a day when they were last seen: nobody can look at them anew.
    """
    lessons: defaultdict[tuple[str, str, str | None], list[StoredLesson]] = defaultdict(list)
    for row in connection.execute(_LESSONS):
        lesson = _lesson(row)
        lessons[_key(lesson.identity)].append(lesson)
    return Ledger(
        _installed=_by_charger(connection.execute(_INSTALLED)),
        _unanswered=_by_charger(connection.execute(_UNANSWERED)),
        _refused=_by_charger(connection.execute(_REFUSED, {"since": since - REFUSALS_COUNT})),
        _recent=_by_charger(connection.execute(_RECENT, {"since": since})),
        _seen=_seen_by(connection.execute(_SEEN, {"since": since}))
        | (_seen_by(connection.execute(_seen(away), {"since": since - AWAY_COUNTS})) if away else {}),
        _first_accepted_at={row.charger_id: row.at for row in connection.execute(_FIRST_ACCEPTED)},
        _lessons=lessons,
    )


def command_of(row: sa.Row[Any]) -> Command:
    """A command from a row of :data:`COMMAND_COLUMNS`."""
    return Command(
        id=row.id,
        night=row.night,
        at=row.at,
        charger_id=row.charger_id,
        layer=Layer(row.layer),
        profile=_profile(row.payload),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        reason=row.reason,
        message_id=row.message_id,
        answered_at=row.answered_at,
    )


@lru_cache(maxsize=PROFILES_KEPT)
def _profile(document: str) -> StationProfile:
    return StationProfile.model_validate_json(document)


def _by_charger(rows: Iterable[sa.Row[Any]]) -> Mapping[str, Sequence[Command]]:
    found: defaultdict[str, list[Command]] = defaultdict(list)
    for row in rows:
        found[row.charger_id].append(_command(row))
    return found


@lru_cache(maxsize=COMMANDS_KEPT)
def _command(row: sa.Row[Any]) -> Command:
    """Rows are read again in every tick, and most of them say the same: a row is equal where all of its values are."""
    return command_of(row)


def _seen_by(rows: Iterable[sa.Row[Any]]) -> dict[tuple[str, int], Seen]:
    return {
        (row.charger_id, row.connector_id): Seen(at=row.at, verdict=Verdict(row.verdict), sentence=row.detail)
        for row in rows
    }


def _lesson(row: sa.Row[Any]) -> StoredLesson:
    return StoredLesson(
        charger_id=row.charger_id,
        identity=Identity(vendor=row.vendor, model=row.model, firmware=row.firmware),
        at=row.at,
        lever=row.lever,
        lesson=Lesson(value=row.value, because=row.because),
    )


def _key(identity: Identity) -> tuple[str, str, str | None]:
    return identity.vendor.lower(), identity.model.lower(), identity.firmware


# The questions are put together once: that takes far longer than asking them.


_IS_ACCEPTED = COMMANDS.c.outcome == Outcome.ACCEPTED.value


def _installed() -> sa.Select[Any]:
    last = (
        sa.select(sa.func.max(COMMANDS.c.id))
        .where(_IS_ACCEPTED)
        .group_by(COMMANDS.c.charger_id, COMMANDS.c.profile_id)
    )
    return sa.select(*COMMAND_COLUMNS).where(COMMANDS.c.id.in_(last)).order_by(COMMANDS.c.id)


def _without_effect(outcome: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Commands of some outcome, later than the last accepted one of their profile id."""
    later = COMMANDS.alias()
    return (
        sa.select(*COMMAND_COLUMNS)
        .where(outcome)
        .where(
            ~sa.exists().where(
                later.c.charger_id == COMMANDS.c.charger_id,
                later.c.profile_id == COMMANDS.c.profile_id,
                later.c.id > COMMANDS.c.id,
                later.c.outcome == Outcome.ACCEPTED.value,
            )
        )
        .order_by(COMMANDS.c.id)
    )


def _seen(charger_ids: Collection[str] = ()) -> sa.Select[Any]:
    last = (
        sa.select(sa.func.max(EVIDENCE.c.id))
        .where(EVIDENCE.c.at >= sa.bindparam("since"), EVIDENCE.c.rung == Rung.READ_BACK.value)
        .group_by(EVIDENCE.c.charger_id, EVIDENCE.c.connector_id)
    )
    if charger_ids:
        last = last.where(EVIDENCE.c.charger_id.in_(charger_ids))
    return sa.select(EVIDENCE).where(EVIDENCE.c.id.in_(last))


def _first_accepted() -> sa.Select[Any]:
    first = sa.select(sa.func.min(COMMANDS.c.id)).where(_IS_ACCEPTED).group_by(COMMANDS.c.charger_id)
    return sa.select(COMMANDS.c.charger_id, COMMANDS.c.at).where(COMMANDS.c.id.in_(first))


_INSTALLED, _FIRST_ACCEPTED, _SEEN = _installed(), _first_accepted(), _seen()
_UNANSWERED = _without_effect(COMMANDS.c.outcome.is_(None) | (COMMANDS.c.outcome == Outcome.NO_ANSWER.value))
_REFUSED = _without_effect(
    (COMMANDS.c.outcome == Outcome.REFUSED.value) & (COMMANDS.c.at >= sa.bindparam("since"))
)
_RECENT = sa.select(*COMMAND_COLUMNS).where(COMMANDS.c.at >= sa.bindparam("since")).order_by(COMMANDS.c.id)
_LESSONS = sa.select(LESSONS).order_by(LESSONS.c.id)
