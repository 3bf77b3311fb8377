"""The ticks that have come to their end, in the store: whoever watches over cron looks here. It alone writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from dispatch.store.tables import METADATA, WRITING, Utc

TICKS = sa.Table(
    "ticks",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("night", sa.Date, nullable=False, index=True),
    sa.Column("at", Utc, nullable=False, index=True),
    sa.Column("exit_code", sa.Integer, nullable=False),
    sa.Column("summary", sa.String, nullable=False),
)
_COUNTS = sa.select(TICKS.c.exit_code, sa.func.count().label("number")).group_by(TICKS.c.exit_code)
_LATEST = sa.select(TICKS).order_by(TICKS.c.id.desc()).limit(1)


@dataclass(frozen=True, kw_only=True)
class TickEnd:
    """A tick that has come to its end at ``at``, by the chargers' clock; ``exit_code`` is what cron was told."""

    night: date
    at: datetime
    exit_code: int
    summary: str


@dataclass(frozen=True, kw_only=True)
class TickBook:
    """The ticks of a store. Every method is one transaction."""

    engine: sa.Engine

    def ended(self, tick: TickEnd) -> None:
        """Write down that a tick has come to its end."""
        with self.engine.execution_options(**WRITING).begin() as connection:
            connection.execute(TICKS.insert().values(**vars(tick)))

    def counts(self) -> dict[int, int]:
        """How many ticks have ended with each exit code."""
        with self.engine.connect() as connection:
            return {row.exit_code: row.number for row in connection.execute(_COUNTS)}

    def latest(self) -> TickEnd | None:
        """The tick that has ended last; None where none ever has."""
        with self.engine.connect() as connection:
            row = connection.execute(_LATEST).one_or_none()
        if row is None:
            return None
        return TickEnd(night=row.night, at=row.at, exit_code=row.exit_code, summary=row.summary)
