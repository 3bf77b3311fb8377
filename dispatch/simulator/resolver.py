"""What a charge point makes of the profiles installed on it: the limits in force at an instant and over time.

An independent reading of OCPP 1.6 (§3.13, §5.7, §5.16, §7.8–7.14 and errata) and of OCPP 2.0.1 (part 2, K01, K.3 and
errata); it shares nothing with the dispatcher's own engine, so that the two can be held against each other.

The charge point counts whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

RateUnit = Literal["A", "W"]
Kind = Literal["Absolute", "Recurring", "Relative"]
Purpose = Literal["station_max", "external", "default", "transaction"]
Payload = Mapping[str, Any]

EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""The validity of a profile that names none."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Where the versions differ.

    ``slot_replaces``: a profile takes the place of the one with its connector, purpose and level (1.6 §5.16.4), not
    only of its own id (2.0.1 K01.FR.05). ``defaults_are_one_stack``: defaults of EVSE 0 and of an EVSE compete
    by level (2.0.1 K01.FR.14, K.3.5); else those of a connector take the place of those of connector 0 (1.6 §3.13.1).
    ``fewest_phases_convert``: amperes become watts by the lowest number of phases of all that lead (2.0.1 K.3.8).
    ``tells_full_power``: a composite schedule is told without any profile too, as what the hardware gives.
    """

    slot_replaces: bool
    defaults_are_one_stack: bool
    fewest_phases_convert: bool
    tells_full_power: bool


@dataclass(frozen=True, kw_only=True)
class Period:
    """A limit in the unit of its schedule, from ``start_s`` after its beginning."""

    start_s: int
    limit: float
    number_phases: int | None = None


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A profile as a charge point holds it, of either version. ``connector_id`` is the EVSE in 2.0.1, 0 is all.

    ``start`` is None where the schedule counts from the start of charging; ``payload`` is what came over the wire.
    """

    profile_id: int
    connector_id: int
    purpose: Purpose
    level: int
    kind: Kind
    unit: RateUnit
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: int | None = None
    recurrence_s: int | None = None
    valid_from: datetime = EARLIEST
    valid_to: datetime = LATEST
    transaction_id: int | str | None = None
    payload: Payload = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Session:
    """Whether a transaction runs on a connector, and since when it charges.

    Without one, ``charging_since`` is the instant from which a vehicle is imagined to charge.
    """

    connector_id: int
    in_transaction: bool
    charging_since: datetime


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The limit of one profile: A per phase or W in total, with the phases its sender had in mind."""

    limit: float
    unit: RateUnit
    number_phases: int | None = None
    whole_station: bool = False


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What holds from ``start_s`` after the beginning of a schedule: all of them at once, or no limit if none."""

    start_s: int
    allowances: tuple[Allowance, ...]


def install(installed: tuple[Installed, ...], new: Installed, *, rules: Rules) -> tuple[Installed, ...]:
    """The profiles after one was accepted: it replaces its own id and, in 1.6, its own slot."""
    return (*(old for old in installed if not _replaces(new, old, rules)), new)


def replaces_any(installed: tuple[Installed, ...], new: Installed, *, rules: Rules) -> bool:
    """Whether a profile would take the place of an installed one."""
    return any(_replaces(new, old, rules) for old in installed)


def after_transaction(installed: tuple[Installed, ...], connector_id: int) -> tuple[Installed, ...]:
    """What the end of a transaction leaves: its profiles go (1.6 §3.13.1, 2.0.1 K02.FR.05)."""
    return tuple(e for e in installed if e.connector_id != connector_id or e.purpose != "transaction")


def allowances_at(
    installed: tuple[Installed, ...], session: Session, at: datetime, *, rules: Rules
) -> tuple[Allowance, ...]:
    """The limits in force on a connector at an instant; all of them hold, none is no limit.

    A transaction's profile with a period at the instant overrules every default whatever their values; the station's
    maximum and what others ask from outside always hold.
    """
    here, everywhere = frozenset({session.connector_id}), frozenset({0})
    lead = _lead(installed, session, at, purpose="transaction", places=here)
    if not session.in_transaction or lead is None:
        both = here | everywhere
        first, second = (both, both) if rules.defaults_are_one_stack else (here, everywhere)
        lead = _lead(installed, session, at, purpose="default", places=first)
        lead = lead or _lead(installed, session, at, purpose="default", places=second)
    ceiling = _lead(installed, session, at, purpose="station_max", places=everywhere)
    outside = [_lead(installed, session, at, purpose="external", places=p) for p in (here, everywhere)]
    return tuple(allowance for allowance in (lead, ceiling, *outside) if allowance is not None)


def schedule(
    installed: tuple[Installed, ...], session: Session, *, start: datetime, duration_s: int, rules: Rules
) -> tuple[Stretch, ...]:
    """The limits of a connector from ``start`` on, as few stretches as there are changes."""
    start = _whole_second(start)
    end = start + timedelta(seconds=duration_s)
    edges = {start}
    for entry in installed:
        edges.update(edge for edge in _edges(entry, session, start, end) if start < edge < end)
    stretches: list[Stretch] = []
    for edge in sorted(edges):
        allowances = allowances_at(installed, session, edge, rules=rules)
        if not stretches or stretches[-1].allowances != allowances:
            start_s = int((edge - start).total_seconds())
            stretches.append(Stretch(start_s=start_s, allowances=allowances))
    return tuple(stretches)


def _lead(
    installed: tuple[Installed, ...],
    session: Session,
    at: datetime,
    *,
    purpose: Purpose,
    places: frozenset[int],
) -> Allowance | None:
    """The limit of the highest stack level that has a period at the instant."""
    stack = [entry for entry in installed if entry.connector_id in places and entry.purpose == purpose]
    for entry in sorted(stack, key=lambda entry: (entry.level, entry.connector_id), reverse=True):
        period = _period_at(entry, session, at)
        if period is not None:
            return Allowance(
                limit=period.limit,
                unit=entry.unit,
                number_phases=period.number_phases,
                whole_station=purpose in {"station_max", "external"} and entry.connector_id == 0,
            )
    return None


def _period_at(entry: Installed, session: Session, at: datetime) -> Period | None:
    if not entry.valid_from <= at < entry.valid_to:
        return None
    elapsed_s = (at - _anchor(entry, session)).total_seconds()
    if elapsed_s < 0:
        return None
    if entry.recurrence_s is not None:
        elapsed_s %= entry.recurrence_s
    if entry.duration_s is not None and elapsed_s >= entry.duration_s:
        return None
    begun = [period for period in entry.periods if period.start_s <= elapsed_s]
    return max(begun, key=lambda period: period.start_s, default=None)


def _anchor(entry: Installed, session: Session) -> datetime:
    """Where a schedule's seconds count from; one without a start counts from the start of charging."""
    if entry.kind == "Relative" or entry.start is None:
        return _whole_second(session.charging_since)
    return entry.start


def _edges(entry: Installed, session: Session, start: datetime, end: datetime) -> Iterator[datetime]:
    """Instants between start and end at which a profile may begin, end or change its limit; some outside too."""
    yield from (entry.valid_from, entry.valid_to)
    offsets_s = [0, *(period.start_s for period in entry.periods)]
    offsets_s += [] if entry.duration_s is None else [entry.duration_s]
    for anchor in _anchors(entry, _anchor(entry, session), start, end):
        yield from (anchor + timedelta(seconds=offset_s) for offset_s in offsets_s)


def _anchors(entry: Installed, first: datetime, start: datetime, end: datetime) -> Iterator[datetime]:
    if entry.recurrence_s is None:
        yield first
        return
    recurrence = timedelta(seconds=entry.recurrence_s)
    # No occurrence before the first one: a schedule does not reach back behind its start.
    anchor = first + recurrence * max(0, (start - first) // recurrence)
    while anchor < end:
        yield anchor
        anchor += recurrence


def _replaces(new: Installed, old: Installed, rules: Rules) -> bool:
    same_id = new.profile_id == old.profile_id
    return same_id or (rules.slot_replaces and _slot(new) == _slot(old))


def _slot(entry: Installed) -> tuple[int, str, int]:
    return entry.connector_id, entry.purpose, entry.level


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
