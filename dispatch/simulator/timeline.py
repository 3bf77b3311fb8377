"""The limits that a stack of profiles comes to: worked out once, and looked up until the stack is another one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.simulator.resolver import Allowance, Installed, Rules, Session, Stretch, schedule

AHEAD = timedelta(hours=30)
"""How far a timeline reaches at least: until the end of a night, so that it is worked out once for it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """What holds on a connector: ``allowances[n]`` from ``starts[n]`` on, up to ``end``."""

    starts: tuple[datetime, ...]
    allowances: tuple[tuple[Allowance, ...], ...]
    end: datetime

    @property
    def start(self) -> datetime:
        """From when on it is known."""
        return self.starts[0]

    def at(self, instant: datetime) -> tuple[Allowance, ...]:
        """The limits in force at an instant."""
        return self.allowances[bisect_right(self.starts, instant) - 1]

    def spans(
        self, start: datetime, end: datetime
    ) -> Iterator[tuple[datetime, datetime, tuple[Allowance, ...]]]:
        """From when to when which limits are in force, from start to end."""
        first, last = bisect_right(self.starts, start) - 1, bisect_left(self.starts, end)
        for number in range(first, last):
            until = self.starts[number + 1] if number + 1 < last else end
            yield max(start, self.starts[number]), until, self.allowances[number]

    def stretches(self, start: datetime, end: datetime) -> tuple[Stretch, ...]:
        """The same as a schedule that counts its whole seconds from ``start``."""
        return tuple(
            Stretch(start_s=int((begin - start).total_seconds()), allowances=allowances)
            for begin, _, allowances in self.spans(start, end)
        )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A timeline, and what it was worked out for; ``since`` is None where it does not matter."""

    stack: tuple[Installed, ...]
    in_transaction: bool
    since: datetime | None
    timeline: Timeline

    def answers(
        self,
        stack: tuple[Installed, ...],
        session: Session,
        since: datetime | None,
        span: tuple[datetime, datetime],
    ) -> bool:
        return (
            self.since == since
            and self.in_transaction == session.in_transaction
            and self.timeline.start <= span[0]
            and span[1] <= self.timeline.end
            and (self.stack is stack or self.stack == stack)
        )


class Timelines:
    """The timelines of one charge point, by connector."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._known: dict[int, _Known] = {}

    def of(
        self, stack: tuple[Installed, ...], session: Session, *, start: datetime, end: datetime
    ) -> Timeline:
        """A timeline that knows all from start to end."""
        # Without a transaction charging begins now, whenever that is; only some profiles count from then.
        counts = session.in_transaction or any(e.kind == "Relative" or e.start is None for e in stack)
        since = session.charging_since if counts else None
        known = self._known.get(session.connector_id)
        if known is None or not known.answers(stack, session, since, (start, end)):
            timeline = self._worked_out(stack, session, start=start, end=max(end, start + AHEAD))
            known = _Known(stack=stack, in_transaction=session.in_transaction, since=since, timeline=timeline)
            self._known[session.connector_id] = known
        return known.timeline

    def _worked_out(
        self, stack: tuple[Installed, ...], session: Session, *, start: datetime, end: datetime
    ) -> Timeline:
        start = start.replace(microsecond=0)
        # One second more than the difference, because the end may lie within a second.
        duration_s = int((end - start).total_seconds()) + 1
        found = schedule(stack, session, start=start, duration_s=duration_s, rules=self._rules)
        return Timeline(
            starts=tuple(start + timedelta(seconds=stretch.start_s) for stretch in found),
            allowances=tuple(stretch.allowances for stretch in found),
            end=end,
        )
