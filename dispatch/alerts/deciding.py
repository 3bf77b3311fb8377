"""Which alerts are new, seen again or over, and which of them are due to be told by which way. Pure.

Each is told once by each way when it is there and, where it was told, once when it is over. Until somebody has
acknowledged it, it may be repeated. What could not be delivered is due again the next time, for as long as it is open.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.alert import Alert, Cause, Channel, Condition, News

OVER_IS_TOLD_WITHIN = timedelta(days=1)
"""That something is over is of no interest later than this."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a look at the conditions has changed: new ones, alerts that are seen again, and those that are over."""

    new: tuple[Condition, ...] = ()
    seen: tuple[tuple[int, Condition], ...] = ()
    over: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What is told at once by one way: alerts that are there, and those that are over."""

    channel: Channel
    there: tuple[Alert, ...] = ()
    over: tuple[Alert, ...] = ()

    @property
    def contents(self) -> tuple[tuple[Alert, News], ...]:
        """Each alert with what is told of it."""
        return (*((one, News.THERE) for one in self.there), *((one, News.OVER) for one in self.over))


def changes(
    open_alerts: Sequence[Alert],
    conditions: Sequence[Condition],
    *,
    watched: Collection[Cause],
    now: datetime,
    calm: timedelta,
) -> Changes:
    """What ``conditions``, all that there are now of the causes ``watched``, change.

    An alert is over when its condition was not seen for ``calm``: what comes and goes from one look to the next is one
    alert and not many.
    """
    there = {condition.key: condition for condition in conditions}
    known = {alert.condition.key: alert for alert in open_alerts}
    return Changes(
        new=tuple(condition for key, condition in there.items() if key not in known),
        seen=tuple((alert.id, there[key]) for key, alert in known.items() if key in there),
        over=tuple(
            alert.id
            for key, alert in known.items()
            if key not in there and alert.condition.cause in watched and now - alert.seen_at >= calm
        ),
    )


def due(
    alerts: Sequence[Alert],
    channels: Collection[Channel],
    *,
    watched: Collection[Cause],
    now: datetime,
    repeat: timedelta | None,
) -> list[Letter]:
    """The letters that are due, at most one for each way, about alerts of the causes ``watched``."""
    mine = [alert for alert in alerts if alert.condition.cause in watched]
    letters = (
        Letter(
            channel=channel,
            there=tuple(alert for alert in mine if _there_is_due(alert, channel, now=now, repeat=repeat)),
            over=tuple(alert for alert in mine if _over_is_due(alert, channel, now=now)),
        )
        for channel in channels
    )
    return [letter for letter in letters if letter.contents]


def _there_is_due(alert: Alert, channel: Channel, *, now: datetime, repeat: timedelta | None) -> bool:
    if not alert.is_open or alert.acknowledged_at is not None:
        return False
    told_at = alert.told_at.get((channel, News.THERE))
    return told_at is None or (repeat is not None and now - told_at >= repeat)


def _over_is_due(alert: Alert, channel: Channel, *, now: datetime) -> bool:
    if alert.over_at is None or now - alert.over_at > OVER_IS_TOLD_WITHIN:
        return False
    return (channel, News.THERE) in alert.told_at and (channel, News.OVER) not in alert.told_at
