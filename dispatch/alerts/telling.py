"""From conditions to people: what is new is written down, what is due is told, and what came of it is written down.

Nothing here fails for want of an answer: what could not be delivered is due again the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dispatch.alert import Alert, Cause, Channel, Condition, Delivery
from dispatch.alerts.deciding import OVER_IS_TOLD_WITHIN, Letter, changes, due
from dispatch.alerts.ways import Patience, UndeliveredError, Way, Writing, deliver, ways_of
from dispatch.alerts.words import document, subject, text
from dispatch.journal import Journal
from dispatch.store.alerts import AlertBook
from optimiser.depot import Depot
from optimiser.display import counted

AT_ONCE = timedelta(0)
"""An alert of something that is looked at directly is over as soon as that is seen."""
TICKS_TO_BE_OVER = 1.25
"""For how many ticks' time a condition must not have been seen: cron's next tick may be the one that sees it again."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of a look: the alerts that are open now, and a line for people about each way that was used."""

    open_alerts: tuple[Alert, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Teller:
    """Who tells of a depot's alerts. ``folder`` is how commands of the depot's folder are written."""

    depot: Depot
    folder: Path
    book: AlertBook
    ways: Mapping[Channel, Way]
    patience: Patience = field(default_factory=Patience)

    @property
    def zone(self) -> ZoneInfo:
        """The depot's time zone."""
        return ZoneInfo(self.depot.timezone)

    @property
    def calm(self) -> timedelta:
        """For how long what ticks see must not have been seen to be over."""
        return TICKS_TO_BE_OVER * timedelta(minutes=self.depot.policy.tick_minutes)

    async def tell(
        self, conditions: Sequence[Condition], *, watched: Collection[Cause], now: datetime, calm: timedelta
    ) -> Told:
        """Take in all conditions of the causes ``watched``, and tell what is due of these causes.

        Raises :class:`dispatch.journal.StoreAwayError`: what cannot be remembered would be told again and again.
        """
        found = changes(self.book.open(), conditions, watched=watched, now=now, calm=calm)
        self.book.update(now=now, new=found.new, seen=found.seen, over=found.over)
        alerts = self.book.since(now - OVER_IS_TOLD_WITHIN)
        minutes = self.depot.alerts.repeat_minutes
        repeat = timedelta(minutes=minutes) if minutes else None
        letters = due(alerts, list(self.ways), watched=watched, now=now, repeat=repeat)
        outcomes = await asyncio.gather(*(self._send(letter) for letter in letters))
        lines = []
        for letter, (is_delivered, detail) in zip(letters, outcomes, strict=True):
            self.book.delivered(
                [
                    Delivery(
                        alert_id=alert.id,
                        at=now,
                        channel=letter.channel,
                        news=news,
                        is_delivered=is_delivered,
                        detail=detail,
                    )
                    for alert, news in letter.contents
                ]
            )
            what = f"{counted(len(letter.there), 'alert')}, {len(letter.over)} over"
            outcome = "told" if is_delivered else "could not be told, to be tried again at the next tick"
            lines.append(f"{what}: {outcome} by {letter.channel} ({detail})")
        return Told(open_alerts=tuple(one for one in alerts if one.is_open), lines=tuple(lines))

    async def _send(self, letter: Letter) -> tuple[bool, str]:
        depot, folder, zone = self.depot.name, str(self.folder), self.zone
        writing = Writing(
            subject=subject(letter, depot=depot),
            text=text(letter, depot=depot, folder=folder, zone=zone),
            document=document(letter, depot=depot, folder=folder, zone=zone),
        )
        try:
            return True, await deliver(self.ways[letter.channel], writing, patience=self.patience)
        except UndeliveredError as error:
            return False, str(error)


def teller_of(depot: Depot, folder: Path, journal: Journal) -> Teller:
    """Who tells of the alerts of a depot's folder, by the ways that ``depot.yaml`` names."""
    book = AlertBook(engine=journal.engine)
    # Whoever reads a message stands in another folder than the command that sent it.
    return Teller(depot=depot, folder=folder.resolve(), book=book, ways=ways_of(depot, folder))
