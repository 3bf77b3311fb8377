"""What went wrong in a night, in words with cause and time: from commands, evidence and events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from dispatch.events import (
    Booted,
    Connected,
    Disconnected,
    FreedFromOutside,
    LimitedFromOutside,
    SecurityNoticed,
    StationEvent,
)
from dispatch.evidence import Command, Evidence, Rung, Verdict
from dispatch.morning.facts import NightFacts
from dispatch.morning.proof import AUDIT_CLEARS
from dispatch.morning.sessions import Session
from dispatch.morning.versions import Version
from dispatch.safety import Place
from dispatch.station import Outcome
from optimiser.horizon import Horizon
from optimiser.sentences import NAMED_AT_MOST, duration

TOLD_ONE_BY_ONE = 3
"""A charger that was away more often than this is told of once, with all its absences."""
AT_ONCE = timedelta(seconds=5)
"""Sockets that are gone within this time of each other are gone for one reason."""
READ_BACK_SAYS = "shows more than it should hold"
METER_SAYS = "draws more than it is allowed"

T = TypeVar("T")


class Kind(StrEnum):
    """What sort of incident it is."""

    REFUSED = "refused"
    UNANSWERED = "unanswered"
    CONTRADICTED = "contradicted"
    AWAY = "away"
    REBOOT = "reboot"
    REPLAN = "re-plan"
    CLEARED = "cleared"
    OUTSIDE = "outside"
    STRANGER = "stranger"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One thing that went wrong at a charger, a connector or in the plan.

    ``until`` is when it was well again or, where ``needs_a_person``, when it was last seen to be wrong: then nothing
    tells that it has mended itself.
    """

    kind: Kind
    at: datetime
    until: datetime | None = None
    where: str
    sentence: str
    needs_a_person: bool = False


def incidents(
    facts: NightFacts,
    sessions: Sequence[Session],
    *,
    versions: Sequence[Version],
    strangers: Sequence[Session],
    now: datetime,
) -> tuple[Incident, ...]:
    """All of them in the order of time."""
    horizon = facts.plan.horizon
    end = min(now, horizon.end)
    tonight = [event for event in facts.events if horizon.start <= event.received_at < horizon.end]
    found = [
        *_failed(facts.commands),
        *_contradicted(facts.evidence),
        *_away(facts.events, horizon, end=end, wanted_until=_last_departure(facts, sessions, end)),
        *_boots(facts.events, sessions, horizon),
        *_from_outside(tonight),
        *_cleared(facts.evidence),
        *(_replanned(version) for version in versions),
        *(_strange(session) for session in strangers),
    ]
    return tuple(sorted(found, key=lambda incident: (incident.at, incident.where)))


def _failed(commands: Iterable[Command]) -> Iterator[Incident]:
    """Refused and unanswered commands, by profile, each run of the same told once."""
    by_profile: dict[tuple[str, int], list[Command]] = {}
    for command in commands:
        by_profile.setdefault((command.charger_id, command.profile.profile_id), []).append(command)
    for of_profile in by_profile.values():
        for run, following in _runs(of_profile, key=lambda command: command.outcome):
            outcome = run[0].outcome
            if outcome is Outcome.ACCEPTED:
                continue
            yield _failure(run, following)


def _failure(run: Sequence[Command], following: Command | None) -> Incident:
    first, last = run[0], run[-1]
    reasons = "; ".join(dict.fromkeys(command.reason for command in run if command.reason))
    times = "" if len(run) == 1 else f" {len(run)} times"
    kind = Kind.UNANSWERED
    match first.outcome:
        case Outcome.REFUSED:
            kind, words = Kind.REFUSED, f"refused its {first.layer}{times}"
        case Outcome.NO_ANSWER:
            words = f"did not answer when it was sent its {first.layer}{times}"
        case Outcome.NOT_CONNECTED:
            words = f"was not connected when it was to be sent its {first.layer}{times}"
        case _:
            words = f"was being sent its {first.layer}{times} when the dispatcher ended: nobody knows what came of it"
    if reasons:
        words += f": {reasons}"
    is_mended = following is not None and following.outcome is Outcome.ACCEPTED
    mended = ", and took it in the end" if is_mended else ""
    end = following or last
    return Incident(
        kind=kind,
        at=first.at,
        until=end.answered_at or end.at,
        where=_where(first.charger_id, first.profile.connector_id),
        sentence=f"{words}{mended}",
        needs_a_person=following is None and last.outcome is not Outcome.ACCEPTED,
    )


def _contradicted(evidence: Iterable[Evidence]) -> Iterator[Incident]:
    """Read-backs and meters that show too much, each run of them told once."""
    by_rung: dict[tuple[Place, Rung], list[Evidence]] = {}
    for look in evidence:
        if look.rung in {Rung.READ_BACK, Rung.METERED} and look.verdict is not Verdict.CANNOT_TELL:
            by_rung.setdefault((Place(look.charger_id, look.connector_id), look.rung), []).append(look)
    for (place, rung), looks in by_rung.items():
        for run, following in _runs(looks, key=lambda look: look.verdict):
            if run[0].verdict is Verdict.CONTRADICTED:
                says = METER_SAYS if rung is Rung.METERED else READ_BACK_SAYS
                times = "" if len(run) == 1 else f" ({len(run)} looks)"
                yield Incident(
                    kind=Kind.CONTRADICTED,
                    at=run[0].at,
                    until=(following or run[-1]).at,
                    where=str(place),
                    sentence=f"{says}{times}: {run[0].detail}",
                    needs_a_person=following is None,
                )


def _last_departure(facts: NightFacts, sessions: Sequence[Session], end: datetime) -> datetime:
    """Until when chargers are needed: the last planned departure, or the end of the last session."""
    departures = [visit.departure for visit in facts.plan.visits]
    return max([*departures, *(session.until or end for session in sessions)], default=end)


def _away(
    events: Iterable[StationEvent], horizon: Horizon, *, end: datetime, wanted_until: datetime
) -> Iterator[Incident]:
    """Chargers whose socket was gone, those that were gone together as one."""
    sockets: dict[str, list[Connected | Disconnected]] = {}
    for event in events:
        if isinstance(event, Connected | Disconnected):
            sockets.setdefault(event.charger_id, []).append(event)
    by_charger: dict[str, list[_Absence]] = {}
    for charger_id, words in sockets.items():
        for number, event in enumerate(words):
            if not isinstance(event, Disconnected):
                continue
            back = next((e.received_at for e in words[number + 1 :] if isinstance(e, Connected)), None)
            if event.received_at < end and (back is None or back > horizon.start):
                back = back if back is not None and back <= end else None
                absence = _Absence(
                    charger_id=charger_id, start=event.received_at, back=back, reason=event.reason
                )
                by_charger.setdefault(charger_id, []).append(absence)
    every = sorted(
        (one for of_charger in by_charger.values() for one in of_charger), key=lambda one: one.start
    )
    told = set()
    for group in _together(every):
        told |= {id(one) for one in group}
        yield _all_away(group, wanted_until=wanted_until)
    for of_charger in by_charger.values():
        alone = [one for one in of_charger if id(one) not in told]
        if len(alone) > TOLD_ONE_BY_ONE:
            yield _often_away(alone, end=end, wanted_until=wanted_until)
        else:
            yield from (_once_away(one, wanted_until=wanted_until) for one in alone)


@dataclass(frozen=True, kw_only=True)
class _Absence:
    """A charger's socket was gone from ``start`` until it was ``back``, None where it did not come back."""

    charger_id: str
    start: datetime
    back: datetime | None
    reason: str

    def is_missed(self, wanted_until: datetime) -> bool:
        """Whether it did not come back although vehicles were still to leave."""
        return self.back is None and self.start < wanted_until


def _together(absences: Sequence[_Absence]) -> Iterator[list[_Absence]]:
    """Absences of several chargers that began within seconds: that is the gateway or the network, not a charger."""
    group: list[_Absence] = []
    for absence in [*absences, None]:
        if absence is not None and (not group or absence.start - group[-1].start <= AT_ONCE):
            group.append(absence)
            continue
        if len({one.charger_id for one in group}) > TOLD_ONE_BY_ONE:
            yield group
        group = [] if absence is None else [absence]


def _all_away(group: Sequence[_Absence], *, wanted_until: datetime) -> Incident:
    chargers = sorted({one.charger_id for one in group})
    lost = [one for one in group if one.back is None]
    backs = [one.back for one in group if one.back is not None]
    named = f"{', '.join(chargers[:NAMED_AT_MOST])}{' …' if len(chargers) > NAMED_AT_MOST else ''}"
    words = f"lost their connections together ({named}): {group[0].reason}"
    if backs:
        words += f"; the last was back after {_lasting(max(backs) - group[0].start)}"
    if lost:
        words += f"; {len(lost)} did not come back" if backs else "; none came back"
    return Incident(
        kind=Kind.AWAY,
        at=group[0].start,
        until=max(backs, default=None),
        where=f"{len(chargers)} chargers",
        sentence=words,
        needs_a_person=any(one.is_missed(wanted_until) for one in group),
    )


def _once_away(absence: _Absence, *, wanted_until: datetime) -> Incident:
    how_long = "lost its connection and did not come back"
    if absence.back is not None:
        how_long = f"was away for {_lasting(absence.back - absence.start)}"
    return Incident(
        kind=Kind.AWAY,
        at=absence.start,
        until=absence.back,
        where=absence.charger_id,
        sentence=f"{how_long}: {absence.reason}",
        needs_a_person=absence.is_missed(wanted_until),
    )


def _often_away(absences: Sequence[_Absence], *, end: datetime, wanted_until: datetime) -> Incident:
    together = sum(((one.back or end) - one.start for one in absences), timedelta())
    last = absences[-1]
    still = "" if last.back is not None else ", and did not come back"
    return Incident(
        kind=Kind.AWAY,
        at=absences[0].start,
        until=last.back,
        where=last.charger_id,
        sentence=f"lost its connection {len(absences)} times, {_lasting(together)} together{still}",
        needs_a_person=last.is_missed(wanted_until),
    )


def _boots(
    events: Iterable[StationEvent], sessions: Sequence[Session], horizon: Horizon
) -> Iterator[Incident]:
    """Chargers that say they have started, the first time that they were ever heard of left aside."""
    known: dict[str, Booted] = {}
    for event in events:
        if not isinstance(event, Booted):
            continue
        before = known.get(event.charger_id)
        known[event.charger_id] = event
        if before is None or not horizon.start <= event.received_at < horizon.end:
            continue
        words = "said that it has started anew"
        if before.firmware != event.firmware:
            words += (
                f", with firmware {event.firmware or 'unknown'} instead of {before.firmware or 'unknown'}"
            )
        in_session = [
            s for s in sessions
            if s.place.charger_id == event.charger_id
            and s.begin < event.received_at <= (s.until or event.received_at) + timedelta(seconds=60)
        ]  # fmt: skip
        if in_session:
            words += " while a vehicle was plugged in; what it held was unproven from then on"
        yield Incident(kind=Kind.REBOOT, at=event.received_at, where=event.charger_id, sentence=words)


def _from_outside(events: Iterable[StationEvent]) -> Iterator[Incident]:
    for event in events:
        match event:
            case LimitedFromOutside():
                words = f"is limited by {event.source}, not by us"
            case FreedFromOutside():
                words = f"is no longer limited by {event.source}"
            case SecurityNoticed():
                words = f"reports {event.what}" + (f": {event.detail}" if event.detail else "")
            case _:
                continue
        where = _where(event.charger_id, getattr(event, "connector_id", 0))
        yield Incident(kind=Kind.OUTSIDE, at=event.received_at, where=where, sentence=words)


def _cleared(evidence: Iterable[Evidence]) -> Iterator[Incident]:
    """What an audit removed, or tried to."""
    for look in evidence:
        if look.rung is Rung.ACCEPTED and look.detail.startswith(AUDIT_CLEARS):
            done = look.verdict is Verdict.CONFIRMED
            what = look.detail.removeprefix(AUDIT_CLEARS)
            yield Incident(
                kind=Kind.CLEARED,
                at=look.at,
                where=str(Place(look.charger_id, look.connector_id)),
                sentence=f"an audit {'removed' if done else 'could not remove'} {what}",
                needs_a_person=not done,
            )


def _replanned(version: Version) -> Incident:
    words = "the rest of the night was planned again" if version.is_replan else "the night was planned anew"
    return Incident(
        kind=Kind.REPLAN, at=version.at, where="plan", sentence="; ".join(version.because) or words
    )


def _strange(session: Session) -> Incident:
    if session.vehicle_id is not None:
        who = f"{session.vehicle_id} was plugged in, of which no visit was planned"
    elif session.id_tag:
        who = f"a vehicle with tag {session.id_tag} was plugged in, which belongs to no planned visit"
    else:
        who = "a vehicle without tag was plugged in when none was planned"
    return Incident(
        kind=Kind.STRANGER, at=session.begin, until=session.until, where=str(session.place), sentence=who
    )


def _runs(entries: Sequence[T], *, key: Callable[[T], object]) -> Iterator[tuple[list[T], T | None]]:
    """Stretches of neighbours with the same key, each with what follows it."""
    begin = 0
    for index in range(1, len(entries) + 1):
        if index == len(entries) or key(entries[index]) != key(entries[begin]):
            yield list(entries[begin:index]), entries[index] if index < len(entries) else None
            begin = index


def _where(charger_id: str, connector_id: int) -> str:
    """A connector; 0 is the charger itself."""
    return str(Place(charger_id, connector_id)) if connector_id else charger_id


def _lasting(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds} s" if seconds < 60 else duration(round(seconds / 60))
