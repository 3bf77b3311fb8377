"""From a stack of profiles to the limit in force: OCPP 1.6's rules, as step functions in absolute time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dispatch.station import Purpose, RateUnit, SchedulePeriod, StationProfile, TransactionId
from optimiser.units import NOMINAL_VOLTAGE_V

DEFAULT_PHASES = 3
"""What a missing numberPhases means (OCPP 1.6 §7.14)."""


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


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A limit from ``start`` to ``end`` (half-open; None: for ever). Without limit nothing holds there."""

    start: datetime
    end: datetime | None
    limit: Limit | None


def limit_at(profile: StationProfile, instant: datetime) -> Limit | None:
    """The limit of one profile at an instant, None where it has no period or is not valid.

    ``valid_from`` is included and ``valid_to`` is not; the last period holds until the duration is over, or
    for ever (OCPP 1.6 §7.8, §7.13).
    """
    if profile.valid_from is not None and instant < profile.valid_from:
        return None
    if profile.valid_to is not None and instant >= profile.valid_to:
        return None
    elapsed_s = (instant - profile.start).total_seconds()
    if profile.duration_s is not None and elapsed_s >= profile.duration_s:
        return None
    begun = [period for period in profile.periods if period.start_s <= elapsed_s]
    return _limit(begun[-1], profile.unit) if begun else None


def effective_limit(
    profiles: Iterable[StationProfile], *, transaction_id: TransactionId | None, instant: datetime
) -> Limit | None:
    """The limit that a stack puts on one connector at an instant; None is no limit, not a number.

    ``profiles`` are those of the connector and of connector 0. A TxProfile of the running transaction takes
    the place of every TxDefaultProfile where it has a period, whatever the two values are; among profiles of
    a purpose the highest stack level with a period leads; the station's maximum is never passed
    (OCPP 1.6 §3.13.1). Without transaction the answer is for one that would begin now.
    """
    found = [(profile, limit_at(profile, instant)) for profile in profiles]

    def lead(purpose: Purpose) -> Limit | None:
        with_period = [
            (profile.connector_id > 0, profile.stack_level, limit)
            for profile, limit in found
            if limit is not None
            and profile.purpose is purpose
            and (purpose is not Purpose.TX or _belongs(profile, transaction_id))
        ]
        return max(with_period, key=lambda item: item[:2])[2] if with_period else None

    chosen = lead(Purpose.TX) or lead(Purpose.TX_DEFAULT)
    station_max = lead(Purpose.STATION_MAX)
    if chosen is None or station_max is None:
        return chosen or station_max
    return min(chosen, station_max, key=Limit.watts)


def effective(
    profiles: Sequence[StationProfile],
    *,
    transaction_id: TransactionId | None,
    start: datetime,
    end: datetime | None = None,
) -> tuple[Segment, ...]:
    """The limit of a stack from ``start`` to ``end`` (None: for ever), without gaps, equal neighbours merged."""
    edges = sorted(
        {start, *(edge for profile in profiles for edge in profile_edges(profile) if edge > start)}
    )
    edges = [edge for edge in edges if end is None or edge < end]
    segments: list[Segment] = []
    for edge, following in zip(edges, [*edges[1:], end], strict=True):
        limit = effective_limit(profiles, transaction_id=transaction_id, instant=edge)
        if segments and segments[-1].limit == limit:
            segments[-1] = replace(segments[-1], end=following)
        else:
            segments.append(Segment(start=edge, end=following, limit=limit))
    return tuple(segments)


def profile_edges(profile: StationProfile) -> set[datetime]:
    """The instants at which a profile may change what it says."""
    edges = {profile.start + timedelta(seconds=period.start_s) for period in profile.periods}
    edges |= {edge for edge in (profile.valid_from, profile.valid_to) if edge is not None}
    if profile.duration_s is not None:
        edges.add(profile.start + timedelta(seconds=profile.duration_s))
    return edges


def equivalent(one: StationProfile, other: StationProfile, *, since: datetime) -> bool:
    """Whether two profiles say the same in the same place from an instant on, whatever they said before."""

    def place(profile: StationProfile) -> tuple[object, ...]:
        return (
            profile.profile_id,
            profile.connector_id,
            profile.purpose,
            profile.stack_level,
            profile.transaction_id,
        )

    def steps(profile: StationProfile) -> tuple[Segment, ...]:
        return effective((profile,), transaction_id=profile.transaction_id, start=since)

    return place(one) == place(other) and steps(one) == steps(other)


def _belongs(profile: StationProfile, transaction_id: TransactionId | None) -> bool:
    return transaction_id is not None and profile.transaction_id in {None, transaction_id}


def _limit(period: SchedulePeriod, unit: RateUnit) -> Limit:
    return Limit(value=period.limit, unit=unit, number_phases=period.number_phases)
