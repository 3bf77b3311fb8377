"""The composite schedule: what all leaders of a stack come to, in one unit. Alone knows how limits are put together.

Limits are decimal numbers and nothing is rounded; None is no limit, which no number is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from dispatch.composite.course import SECOND, Step, overlay
from dispatch.composite.stack import (
    WHOLE_STATION,
    Period,
    Request,
    Rows,
    Stack,
    evse_rows,
    station_rows,
)
from dispatch.station import RateUnit


@dataclass(frozen=True, kw_only=True)
class Station:
    """What a station is where no profile says anything; a default of None is no limit.

    Voltage is from line to neutral; ``number_phases`` counts where no profile tells a number (1.6 §7.14, K01.FR.49).
    """

    number_of_evses: int = 1
    default_limit_a: Decimal | None = None
    default_limit_w: Decimal | None = None
    number_phases: int = 3
    voltage_v: Decimal = Decimal(230)

    def default(self, unit: RateUnit) -> Decimal | None:
        """The default limit in a unit, converted where only the other one is known."""
        own, other = self.default_limit_a, self.default_limit_w
        if unit == "W":
            own, other = other, own
        if own is None and other is not None:
            return self.converted(other, "A" if unit == "W" else "W", unit, phases=None)
        return own

    def converted(self, amount: Decimal, unit: RateUnit, to: RateUnit, *, phases: int | None) -> Decimal:
        """A limit in another unit: W = A per phase × phases × V (K01.FR.50/51)."""
        if unit == to:
            return amount
        per_ampere_w = self.voltage_v * (phases or self.number_phases)
        return amount * per_ampere_w if to == "W" else amount / per_ampere_w


@dataclass(frozen=True, kw_only=True, slots=True)
class CompositePeriod:
    """A limit from ``start_s`` seconds after the start of a composite schedule, in its unit; None is no limit.

    ``number_phases`` is None where no profile tells it. ``decided_by`` are the places in the stack of the profiles
    whose limits it is made of; none where the station's default stands.
    """

    start_s: int
    limit: Decimal | None
    number_phases: int | None
    decided_by: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Composite:
    """What GetCompositeSchedule answers: periods from ``start`` for ``duration_s``, no two neighbours equal."""

    start: datetime
    duration_s: int
    unit: RateUnit
    periods: tuple[CompositePeriod, ...]


class _Cap(NamedTuple):
    """What the profile at a place in the stack allows."""

    amount: Decimal
    unit: RateUnit
    number_phases: int | None
    profile: int


class _Held(NamedTuple):
    """What holds at an instant on an EVSE, or for the whole station."""

    caps: list[_Cap]
    generation: _Cap | None


class _Sum(NamedTuple):
    """What limits come to in the unit that is asked for."""

    amount: Decimal
    number_phases: int | None
    decided_by: tuple[int, ...]


def composite_schedule(stack: Stack, request: Request, station: Station) -> Composite:
    """What an EVSE, or all of them together, may draw over the time that is asked for.

    An EVSE gets the lowest of its transaction's leader, the station's maximum and external constraints (1.6 §3.13.1
    and §5.7, 2.0.1 K.3.1 and K08). The station gets the sum over its EVSEs, below the same ceilings (1.6 §5.7).
    Neighbours that differ in nothing that is told become one period.
    """
    told: list[CompositePeriod] = []
    for period in unmerged(stack, request, station):
        last = told[-1] if told else None
        if last is None or (last.limit, last.number_phases) != (period.limit, period.number_phases):
            told.append(period)
    return Composite(
        start=request.origin, duration_s=request.duration_s, unit=request.unit, periods=tuple(told)
    )


def unmerged(stack: Stack, request: Request, station: Station) -> Iterator[CompositePeriod]:
    """The periods of a composite schedule, a new one wherever any profile in it changes."""
    groups = _groups(stack, request, station)
    rows = [_caps(row, stack) for group in groups for row in (*group.caps, group.generation)]
    for edge, said in overlay(rows, 0, request.end):
        whole, *parts = _held(groups, said)
        found = _together(whole, parts, unit=request.unit, station=station)
        yield CompositePeriod(
            start_s=edge // SECOND,
            limit=None if found is None else found.amount,
            number_phases=None if found is None else found.number_phases,
            decided_by=() if found is None else found.decided_by,
        )


def leading(stack: Stack, request: Request, station: Station) -> list[Step[Period]]:
    """Every stretch in which a profile leads its purpose, whether or not the limit is made of it, in no order."""
    groups = _groups(stack, request, station)
    return [step for group in groups for row in (*group.caps, group.generation) for step in row]


def _groups(stack: Stack, request: Request, station: Station) -> list[Rows]:
    is_whole = request.evse_id == WHOLE_STATION
    evse_ids = range(1, station.number_of_evses + 1) if is_whole else (request.evse_id,)
    return [station_rows(stack, request), *(evse_rows(stack, request, evse_id) for evse_id in evse_ids)]


def _caps(row: Sequence[Step[Period]], stack: Stack) -> list[Step[_Cap]]:
    return [
        Step(
            step.start,
            step.end,
            _Cap(step.value.limit, stack.profiles[step.source].unit, step.value.number_phases, step.source),
        )
        for step in row
    ]


def _held(groups: Sequence[Rows], said: Sequence[Step[_Cap] | None]) -> list[_Held]:
    held: list[_Held] = []
    place = 0
    for group in groups:
        after = place + len(group.caps)
        generation = said[after]
        held.append(
            _Held(
                caps=[step.value for step in said[place:after] if step is not None],
                generation=None if generation is None else generation.value,
            )
        )
        place = after + 1
    return held


def _together(whole: _Held, parts: Sequence[_Held], *, unit: RateUnit, station: Station) -> _Sum | None:
    """The sum over EVSEs below the ceilings of the station; None is no limit.

    The fewest phases that a leader tells hold for all of them (errata 2025-09 K.3.8), amperes stay what they are
    (1.6 errata 3.34), and only then units are converted. A sum tells the most phases of its EVSEs.

    The default fills in for an EVSE that no profile limits, and never where one does: below a ceiling of the
    station an EVSE without a limit of its own leaves the ceiling to be reached.
    """
    phases = _fewest(whole.caps)
    limited = [_lowest(part, phases=phases, unit=unit, station=station) for part in parts if part.caps]
    unlimited = len(parts) - len(limited)
    ceilings = list(whole.caps)
    default = station.default(unit)
    if unlimited and (ceilings or default is None):
        limited = []
    elif unlimited and default is not None:
        limited.append(_Sum(amount=unlimited * default, number_phases=None, decided_by=()))
    total: _Sum | None = None
    if limited:
        of_parts = max(
            (part.number_phases for part in limited if part.number_phases is not None), default=None
        )
        phases = min((number for number in (phases, of_parts) if number is not None), default=None)
        total = _Sum(
            amount=sum((part.amount for part in limited), Decimal()),
            number_phases=phases,
            decided_by=tuple(number for part in limited for number in part.decided_by),
        )
    for cap in ceilings:
        amount = station.converted(cap.amount, cap.unit, unit, phases=phases)
        if total is None or amount < total.amount:
            total = _Sum(amount=amount, number_phases=phases, decided_by=(cap.profile,))
    is_default = total is not None and not total.decided_by
    return (
        total if total is None or is_default else _with_generation(total, whole, unit=unit, station=station)
    )


def _lowest(part: _Held, *, phases: int | None, unit: RateUnit, station: Station) -> _Sum:
    """The lowest of the caps of one EVSE; ``phases`` are those that the station's ceilings leave."""
    own = _fewest(part.caps)
    held = min((number for number in (own, phases) if number is not None), default=None)
    amounts = [station.converted(cap.amount, cap.unit, unit, phases=held) for cap in part.caps]
    lowest = min(amounts)
    decider = part.caps[amounts.index(lowest)].profile
    found = _Sum(amount=lowest, number_phases=own, decided_by=(decider,))
    return _with_generation(found, part, unit=unit, station=station)


def _with_generation(total: _Sum, held: _Held, *, unit: RateUnit, station: Station) -> _Sum:
    """What is generated on the spot comes on top of what may be drawn (2.1, purpose LocalGeneration)."""
    cap = held.generation
    if cap is None:
        return total
    added = station.converted(cap.amount, cap.unit, unit, phases=total.number_phases)
    return total._replace(amount=total.amount + added, decided_by=(*total.decided_by, cap.profile))


def _fewest(caps: Sequence[_Cap]) -> int | None:
    return min((cap.number_phases for cap in caps if cap.number_phases is not None), default=None)
