"""How far a charger's clock is ahead, by what it says itself, and every instant put into its time and back. Pure.

A charger is told to set its clock at every boot and heartbeat (OCPP 1.6 §4.2, §4.6), and some never do. One whose
clock is an hour ahead ends a limit an hour too early, and shows a schedule in which the present is missing. It obeys
exactly once it is spoken to in its own time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from dispatch.events import Metered, StationEvent, StatusChanged, TransactionEnded, TransactionUpdated
from dispatch.station import CompositeReply, InstalledReply, StationProfile

ALIKE = timedelta(seconds=10)
"""How far two tellings of one clock may be apart: whole seconds, and the time that a message takes."""
APART = timedelta(seconds=20)
"""Two answers that are nearer to each other prove no more than one."""
NEGLIGIBLE = timedelta(seconds=15)
"""A clock that is off by less is left as it is: rising edges wait longer (:data:`dispatch.edges.CLOCK_ERROR_S`)."""
REMEMBERED = 8
"""How many tellings are held against the next."""


class _Telling(NamedTuple):
    """What a charger took for now, by which kind of message, and when that came."""

    kind: str
    at: datetime
    received_at: datetime

    @property
    def ahead(self) -> timedelta:
        """How far its clock would be ahead; an old message makes it look behind."""
        return self.at - self.received_at

    def agrees(self, other: _Telling) -> bool:
        """Whether two tellings bear each other out, one of them an answer: that was never said before it was asked."""
        if _ANSWER not in {self.kind, other.kind} or abs(self.ahead - other.ahead) > ALIKE:
            return False
        is_same = self.kind == other.kind
        return not is_same or abs(self.received_at - other.received_at) >= APART


_ANSWER = "answer"


@dataclass(kw_only=True)
class ChargerClock:
    """The clock of one charger for as long as its socket is open; ``ahead`` is 0 until two tellings agree.

    One of the two is the start of a composite schedule, which is the charger's own now (OCPP 1.6 §7.20), the other any
    message, or a later schedule. What a charger sends late, or sends again, agrees with no answer.
    """

    ahead: timedelta = timedelta(0)
    _tellings: deque[_Telling] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def hear(self, event: StationEvent) -> bool:
        """Take in when an event was, by the charger; whether its clock is known otherwise since."""
        at = event.reading.at if isinstance(event, Metered) else getattr(event, "at", None)
        return at is not None and self._take(_Telling(event.kind, at, event.received_at))

    def hear_answer(self, answer: CompositeReply) -> bool:
        """Take in what an answer calls now; whether its clock is known otherwise since."""
        if answer.schedule is None:
            return False
        return self._take(_Telling(_ANSWER, answer.schedule.start, answer.reply.at))

    def true_event(self, event: StationEvent) -> StationEvent:
        """An event with the time at which it was; a session's begin keeps the one by which it may be told again."""
        match event:
            case Metered():
                reading = event.reading.model_copy(update={"at": event.reading.at - self.ahead})
                return event.model_copy(update={"reading": reading})
            case TransactionUpdated() | TransactionEnded():
                return event.model_copy(update={"at": event.at - self.ahead})
            case StatusChanged() if event.at is not None:
                return event.model_copy(update={"at": event.at - self.ahead})
        return event

    def true_answer(self, answer: CompositeReply) -> CompositeReply:
        """An answer in true time, where it is by the clock that is known; any other is left as it is."""
        if answer.schedule is None:
            return answer
        start = answer.schedule.start - self.ahead
        if not self.ahead or abs(start - answer.reply.at) > ALIKE:
            return answer
        return answer.model_copy(update={"schedule": answer.schedule.model_copy(update={"start": start})})

    def to_its_time(self, profile: StationProfile) -> StationProfile:
        """A profile as it has to be sent."""
        return _shifted(profile, self.ahead)

    def true_list(self, answer: InstalledReply) -> InstalledReply:
        """What a charger says that it holds, in true time."""
        if not self.ahead or answer.profiles is None:
            return answer
        profiles = [
            one
            if one.profile is None
            else one.model_copy(update={"profile": _shifted(one.profile, -self.ahead)})
            for one in answer.profiles
        ]
        return answer.model_copy(update={"profiles": tuple(profiles)})

    def _take(self, new: _Telling) -> bool:
        is_borne_out = any(new.agrees(known) for known in self._tellings)
        self._tellings.append(new)
        if not is_borne_out or abs(new.ahead - self.ahead) <= ALIKE:
            return False
        before = self.ahead
        ahead = timedelta(seconds=round(new.ahead.total_seconds()))
        self.ahead = ahead if abs(ahead) >= NEGLIGIBLE else timedelta(0)
        return self.ahead != before


def _shifted(profile: StationProfile, by: timedelta) -> StationProfile:
    if not by:
        return profile
    instants = {
        "start": profile.start,
        "valid_from": profile.valid_from,
        "valid_to": profile.valid_to,
    }
    moved = {name: None if instant is None else instant + by for name, instant in instants.items()}
    return profile.model_copy(update=moved)
