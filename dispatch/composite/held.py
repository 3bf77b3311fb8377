"""The limit in force under the profiles that the dispatcher holds of a charger, as segments of absolute time. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dispatch.composite.course import FOREVER, SECOND, Course, Step, lead, overlay, steps, ticks
from dispatch.kept import kept
from dispatch.station import ProfileKind, Purpose, RateUnit, SchedulePeriod, StationProfile, TransactionId
from optimiser.units import NOMINAL_VOLTAGE_V

DEFAULT_PHASES = 3
"""What a missing numberPhases means (OCPP 1.6 §7.14)."""

RECURRENCE = {ProfileKind.DAILY: timedelta(days=1), ProfileKind.WEEKLY: timedelta(weeks=1)}
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""From where the courses of all profiles are reckoned."""
KEPT = 8192
"""Profiles, or pairs of them, that are not looked through anew: three on each of 2,500 connectors."""
FORESIGHT = timedelta(weeks=2)
"""How far recurring profiles are followed where no end is asked for: two of the longest recurrence."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit as a profile says it: A per phase, or W in total; ``number_phases`` is None on DC."""

    value: float
    unit: RateUnit
    number_phases: int | None = None

    def watts(self) -> float:
        """The limit as total power, at nominal voltage. [W]"""
        phases = DEFAULT_PHASES if self.number_phases is None else self.number_phases
        return self.value if self.unit == "W" else self.value * phases * NOMINAL_VOLTAGE_V


@lru_cache(maxsize=4096)
def limit_of(value: float, unit: RateUnit, number_phases: int | None) -> Limit:
    """The limit of such a period: the same object again for the same numbers, as schedules have few of them."""
    return Limit(value=value, unit=unit, number_phases=number_phases)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A limit from ``start`` to ``end`` (half-open; None: for ever). Without limit nothing holds there."""

    start: datetime
    end: datetime | None
    limit: Limit | None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Timeline:
    """The limit of a stack through all time: ``limits[i]`` from ``starts[i]`` on, None where nothing holds.

    ``starts`` ascend, in ticks since :data:`ORIGIN` [µs]; the first is before every instant, or the instant from
    which a recurring profile was followed. Equal neighbours are one.
    """

    starts: tuple[int, ...]
    limits: tuple[Limit | None, ...]

    def at(self, tick: int) -> Limit | None:
        """The limit at an instant. [µs since the origin]"""
        return self.limits[max(0, bisect_right(self.starts, tick) - 1)]


def timeline(
    profiles: Iterable[StationProfile], *, transaction_id: TransactionId | None, start: datetime
) -> Timeline:
    """The limit of a stack; where days or weeks come again from ``start`` on, for :data:`FORESIGHT`."""
    heard = [p for p in profiles if p.purpose is not Purpose.TX or _belongs(p, transaction_id)]
    if all(profile.kind not in RECURRENCE for profile in heard):
        return _timeline(*heard)
    begin = ticks(start, ORIGIN)
    end = ticks(start + FORESIGHT, ORIGIN)
    known = _followed(heard, begin, end)
    return Timeline(starts=(*known.starts, end), limits=(*known.limits, None))


def limit_at(profile: StationProfile, instant: datetime) -> Limit | None:
    """The limit of one profile at an instant, None where it has no period or is not valid.

    ``valid_from`` is included and ``valid_to`` is not; the last period holds until the duration is over, or
    for ever (OCPP 1.6 §7.8, §7.13).
    """
    begin = ticks(instant, ORIGIN)
    if profile.kind not in RECURRENCE:
        return _timeline(profile).at(begin)
    return next((step.value for step in steps(_course(profile), begin, begin + 1)), None)


def effective_limit(
    profiles: Iterable[StationProfile], *, transaction_id: TransactionId | None, instant: datetime
) -> Limit | None:
    """The limit that a stack puts on one connector at an instant; None is no limit, not a number.

    ``profiles`` are those of the connector and of connector 0. A TxProfile of the running transaction takes
    the place of every TxDefaultProfile where it has a period, whatever the two values are; among profiles of
    a purpose the highest stack level with a period leads; the station's maximum and what is asked from outside
    are never passed (OCPP 1.6 §3.13.1, 2.0.1 K.3.1). Without transaction the answer is for one that would begin now.
    """
    begin = ticks(instant, ORIGIN)
    return timeline(profiles, transaction_id=transaction_id, start=instant).at(begin)


def effective(
    profiles: Sequence[StationProfile],
    *,
    transaction_id: TransactionId | None,
    start: datetime,
    end: datetime | None = None,
) -> tuple[Segment, ...]:
    """The limit of a stack from ``start`` to ``end`` (None: for ever), without gaps, equal neighbours merged.

    Days and weeks that come again and again are told for :data:`FORESIGHT`; nothing is promised for later.
    """
    since = ticks(start, ORIGIN)
    if end is not None and any(profile.kind in RECURRENCE for profile in profiles):
        heard = [p for p in profiles if p.purpose is not Purpose.TX or _belongs(p, transaction_id)]
        whole = _followed(heard, since, ticks(end, ORIGIN))
    else:
        whole = timeline(profiles, transaction_id=transaction_id, start=start)
    until = FOREVER if end is None else ticks(end, ORIGIN)
    first = max(0, bisect_right(whole.starts, since) - 1)
    edges = [since, *(edge for edge in whole.starts[first + 1 :] if edge < until)]
    begins = [start + timedelta(microseconds=edge - since) for edge in edges]
    return tuple(
        Segment(start=begin, end=finish, limit=limit)
        for begin, finish, limit in zip(begins, [*begins[1:], end], whole.limits[first:], strict=False)
    )


def profile_edges(profile: StationProfile, *, since: datetime | None = None) -> set[datetime]:
    """The instants at which a profile may change what it says; of one that recurs those of :data:`FORESIGHT`.

    They count ``since`` an instant, else from the profile's start; the others are told whenever they are.
    """
    return set(_first_edges(profile) if since is None else _edges(profile, since))


def _edges(profile: StationProfile, since: datetime | None) -> set[datetime]:
    origin = profile.start if since is None else since
    offsets = {period.start_s for period in profile.periods} | {0}
    offsets |= set() if profile.duration_s is None else {profile.duration_s}
    edges = {edge for edge in (profile.valid_from, profile.valid_to) if edge is not None}
    for begin in _begins(profile, origin):
        edges |= {begin + timedelta(seconds=offset_s) for offset_s in offsets}
    return edges


def equivalent(one: StationProfile, other: StationProfile, *, since: datetime) -> bool:
    """Whether two profiles say the same in the same place from an instant on, whatever they said before."""
    if one is other:
        return True
    if one.profile_id != other.profile_id or _place(one) != _place(other):
        return False

    def steps(profile: StationProfile) -> tuple[Segment, ...]:
        return effective((profile,), transaction_id=profile.transaction_id, start=since)

    return _is_same(one, other) or steps(one) == steps(other)


def _place(profile: StationProfile) -> tuple[object, ...]:
    return (
        profile.connector_id,
        profile.purpose,
        profile.stack_level,
        profile.kind,
        profile.transaction_id,
    )


@kept(KEPT)
def _first_edges(profile: StationProfile) -> frozenset[datetime]:
    return frozenset(_edges(profile, None))


@kept(KEPT)
def _is_same(one: StationProfile, other: StationProfile) -> bool:
    """Whether two profiles are equal, as those that are wanted and those that are held are in most ticks."""
    return one == other


def _begins(profile: StationProfile, origin: datetime) -> Iterator[datetime]:
    """When a profile begins: once, or again and again from the run that the origin lies in."""
    every = RECURRENCE.get(profile.kind)
    if every is None:
        yield profile.start
        return
    begin = profile.start + every * max(0, (origin - profile.start) // every)
    while begin <= origin + FORESIGHT:
        yield begin
        begin += every


@kept(KEPT)
def _timeline(*profiles: StationProfile) -> Timeline:
    """Of profiles that all may be heard, and that begin once."""
    return _followed(profiles, -FOREVER, FOREVER)


def _followed(profiles: Sequence[StationProfile], begin: int, end: int) -> Timeline:
    starts: list[int] = []
    limits: list[Limit | None] = []
    for edge, limit in _limits(_rows(profiles, begin=begin, end=end), begin=begin, end=end):
        if not starts or limits[-1] != limit:
            starts.append(edge)
            limits.append(limit)
    return Timeline(starts=tuple(starts), limits=tuple(limits))


def _rows(profiles: Sequence[StationProfile], *, begin: int, end: int) -> list[list[Step[Limit]]]:
    """Who leads for the transaction, for the station's maximum and from outside: rows that all hold."""
    session: list[StationProfile] = []
    default: list[StationProfile] = []
    station: list[StationProfile] = []
    outside: list[StationProfile] = []
    outside_here: list[StationProfile] = []
    for profile in profiles:
        match profile.purpose:
            case Purpose.TX:
                session.append(profile)
            case Purpose.TX_DEFAULT:
                default.append(profile)
            case Purpose.STATION_MAX:
                station.append(profile)
            case Purpose.EXTERNAL:
                (outside_here if profile.connector_id > 0 else outside).append(profile)
    stacks = (
        [*_leading(session), *_leading(default)],
        _leading(station),
        _leading(outside),
        _leading(outside_here),
    )
    return [lead(map(_course, stack), begin, end) for stack in stacks if stack]


def _leading(stack: list[StationProfile]) -> list[StationProfile]:
    return sorted(stack, key=lambda profile: (profile.connector_id > 0, profile.stack_level), reverse=True)


def _limits(
    rows: Sequence[Sequence[Step[Limit]]], *, begin: int, end: int
) -> Iterator[tuple[int, Limit | None]]:
    for edge, said in overlay(rows, begin, end):
        held = [step.value for step in said if step is not None]
        yield edge, held[0] if len(held) == 1 else min(held, key=Limit.watts, default=None)


@kept(KEPT)
def _course(profile: StationProfile) -> Course[Limit]:
    """How a profile runs, in ticks from the origin."""
    periods = sorted(profile.periods, key=lambda period: period.start_s)
    recurrence = RECURRENCE.get(profile.kind)
    every = None if recurrence is None else recurrence // timedelta(seconds=1) * SECOND
    lengths = (every, None if profile.duration_s is None else profile.duration_s * SECOND)
    return Course(
        anchor=ticks(profile.start, ORIGIN),
        starts=tuple([period.start_s * SECOND for period in periods]),
        values=tuple([_limit(period, profile.unit) for period in periods]),
        length=min((length for length in lengths if length is not None), default=None),
        every=every,
        valid_from=-FOREVER if profile.valid_from is None else ticks(profile.valid_from, ORIGIN),
        valid_to=FOREVER if profile.valid_to is None else ticks(profile.valid_to, ORIGIN),
    )


def _belongs(profile: StationProfile, transaction_id: TransactionId | None) -> bool:
    return transaction_id is not None and profile.transaction_id in {None, transaction_id}


def _limit(period: SchedulePeriod, unit: RateUnit) -> Limit:
    return limit_of(period.limit, unit, period.number_phases)
