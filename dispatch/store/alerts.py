"""The alerts in the store, with what was told of them to whom. It alone writes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dispatch.alert import Alert, Cause, Channel, Condition, Delivery, News
from dispatch.store.tables import METADATA, WRITING, Utc

ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("cause", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("what", sa.String, nullable=False),
    sa.Column("why", sa.String, nullable=False),
    sa.Column("page", sa.String, nullable=False),
    sa.Column("night", sa.Date),
    sa.Column("charger_id", sa.String),
    sa.Column("connector_id", sa.Integer),
    sa.Column("vehicle_id", sa.String),
    sa.Column("since", Utc, nullable=False, index=True),
    sa.Column("seen_at", Utc, nullable=False),
    sa.Column("acknowledged_at", Utc),
    sa.Column("over_at", Utc, index=True),
)

DELIVERIES = sa.Table(
    "alert_deliveries",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("alert_id", sa.ForeignKey("alerts.id"), nullable=False, index=True),
    sa.Column("at", Utc, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("news", sa.String, nullable=False),
    sa.Column("is_delivered", sa.Boolean, nullable=False),
    sa.Column("detail", sa.String, nullable=False),
)

_CONDITION = ("subject", "what", "why", "page", "night", "charger_id", "connector_id", "vehicle_id")


@dataclass(frozen=True, kw_only=True)
class AlertBook:
    """The alerts of a store. Every method is one transaction."""

    engine: sa.Engine

    def open(self) -> list[Alert]:
        """The alerts that are not over, oldest first."""
        return self._read(ALERTS.c.over_at.is_(None))

    def since(self, instant: datetime) -> list[Alert]:
        """The alerts that are not over, and those that were not before an instant, oldest first."""
        return self._read(ALERTS.c.over_at.is_(None) | (ALERTS.c.over_at >= instant))

    def update(
        self,
        *,
        now: datetime,
        new: Sequence[Condition] = (),
        seen: Sequence[tuple[int, Condition]] = (),
        over: Collection[int] = (),
    ) -> None:
        """Write down which conditions are new, which alerts are seen again, in what words, and which are over."""
        if not (new or seen or over):
            return
        with self._write() as connection:
            for condition in new:
                connection.execute(ALERTS.insert().values(since=now, seen_at=now, **_row(condition)))
            for alert_id, condition in seen:
                changed = ALERTS.update().where(ALERTS.c.id == alert_id)
                connection.execute(changed.values(seen_at=now, **_row(condition)))
            if over:
                ended = ALERTS.update().where(ALERTS.c.id.in_(over), ALERTS.c.over_at.is_(None))
                connection.execute(ended.values(over_at=now))

    def acknowledge(self, alert_id: int, *, now: datetime) -> bool:
        """Write down that somebody knows; False where there is no such alert that is open."""
        of_this = (ALERTS.c.id == alert_id) & ALERTS.c.over_at.is_(None)
        with self._write() as connection:
            if connection.scalar(sa.select(ALERTS.c.id).where(of_this)) is None:
                return False
            first = of_this & ALERTS.c.acknowledged_at.is_(None)
            connection.execute(ALERTS.update().where(first).values(acknowledged_at=now))
        return True

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        """Write down what came of telling alerts."""
        rows = [vars(one) | {"channel": one.channel.value, "news": one.news.value} for one in deliveries]
        if rows:
            with self._write() as connection:
                connection.execute(DELIVERIES.insert(), rows)

    def deliveries(self, alert_id: int) -> list[Delivery]:
        """What came of telling an alert, oldest first."""
        query = sa.select(DELIVERIES).where(DELIVERIES.c.alert_id == alert_id).order_by(DELIVERIES.c.id)
        with self.engine.connect() as connection:
            return [
                Delivery(
                    alert_id=row.alert_id,
                    at=row.at,
                    channel=Channel(row.channel),
                    news=News(row.news),
                    is_delivered=row.is_delivered,
                    detail=row.detail,
                )
                for row in connection.execute(query)
            ]

    def _read(self, which: sa.ColumnElement[bool]) -> list[Alert]:
        told: defaultdict[int, dict[tuple[Channel, News], datetime]] = defaultdict(dict)
        with self.engine.begin() as connection:
            rows = connection.execute(sa.select(ALERTS).where(which).order_by(ALERTS.c.id)).all()
            of_these = sa.select(ALERTS.c.id).where(which)
            query = sa.select(DELIVERIES).where(
                DELIVERIES.c.alert_id.in_(of_these), DELIVERIES.c.is_delivered
            )
            for row in connection.execute(query.order_by(DELIVERIES.c.id)):
                told[row.alert_id][Channel(row.channel), News(row.news)] = row.at
        return [
            Alert(
                id=row.id,
                condition=Condition(
                    cause=Cause(row.cause),
                    **{name: row._mapping[name] for name in _CONDITION},  # noqa: SLF001
                ),
                since=row.since,
                seen_at=row.seen_at,
                acknowledged_at=row.acknowledged_at,
                over_at=row.over_at,
                told_at=told[row.id],
            )
            for row in rows
        ]

    def _write(self) -> Any:
        return self.engine.execution_options(**WRITING).begin()


def _row(condition: Condition) -> dict[str, Any]:
    return {"cause": condition.cause.value} | {name: getattr(condition, name) for name in _CONDITION}
