"""Who leads in a stack of charging profiles as a charge point holds it: purposes, levels, kinds, transactions.

The rules are those of OCPP 1.6 (§3.13, §7.8 to §7.14, errata 3.34, 3.43, 3.65), of 2.0.1 (Part 2 K.3 and K01,
with errata 2025-09) and, where no set-points are in play, of 2.1. What a charge point would have refused to
install is taken as it stands: whether it may be sent is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from dispatch.composite.course import FOREVER, SECOND, Course, Step, lead, steps, ticks
from dispatch.station import RateUnit, TransactionId

Ocpp = Literal["1.6", "2.0.1", "2.1"]
WHOLE_STATION = 0
"""The connector or EVSE that stands for all of them."""


class Purpose(StrEnum):
    """What a profile is for. 1.6 knows the first three, 2.0.1 the fourth, 2.1 all of them."""

    STATION_MAX = "station_max"
    TX_DEFAULT = "tx_default"
    TX = "tx"
    EXTERNAL = "external"
    PRIORITY = "priority"
    LOCAL_GENERATION = "local_generation"


class Kind(StrEnum):
    """Where the seconds of a schedule count from."""

    ABSOLUTE = "absolute"
    RECURRING = "recurring"
    RELATIVE = "relative"
    DYNAMIC = "dynamic"


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A limit from ``start_s`` seconds after the start of its schedule: A per phase, or W over all phases."""

    start_s: int
    limit: Decimal
    number_phases: int | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A charging profile on an EVSE (0: for all of them). Instants are aware.

    ``recurrence`` is None where a profile does not recur or does not say how often; ``transaction_id`` is that of
    the one transaction it is for.
    """

    evse_id: int
    purpose: Purpose
    stack_level: int
    kind: Kind
    unit: RateUnit
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: int | None = None
    recurrence: timedelta | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: TransactionId | None = None
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A transaction that runs on an EVSE; ``start`` is None where nobody says since when."""

    evse_id: int
    transaction_id: TransactionId
    start: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Stack:
    """All profiles of a charge point, and what runs on it.

    Without a transaction nobody draws by a TxProfile or TxDefaultProfile; ``simulate_transaction`` asks what would
    hold if there were one on every EVSE (2.0.1 K08.FR.06). ``recurrence_before_start`` lets a recurring profile
    hold before its own startSchedule: K01.FR.30 forbids it, stacks in the field do it.
    """

    ocpp: Ocpp
    profiles: tuple[Profile, ...]
    running: tuple[Running, ...] = ()
    simulate_transaction: bool = False
    recurrence_before_start: bool = False

    def transaction(self, evse_id: int) -> Running | None:
        """The transaction on an EVSE."""
        return next((running for running in self.running if running.evse_id == evse_id), None)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What GetCompositeSchedule asks: an EVSE (0: the station), from when on, for how long, in which unit."""

    evse_id: int
    start: datetime
    duration_s: int
    unit: RateUnit

    @property
    def origin(self) -> datetime:
        """The start in UTC and whole seconds: a composite schedule counts in them, as charge points do."""
        return _whole(self.start)

    @property
    def end(self) -> int:
        """The end, at least one second after the start: no duration is a look at the first instant. [µs]"""
        return max(1, self.duration_s) * SECOND


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What holds on an EVSE or on the whole station: every one of ``caps`` at once, ``generation`` on top of it.

    The source of a step is its profile's place in the stack.
    """

    caps: tuple[list[Step[Period]], ...]
    generation: list[Step[Period]]


def station_rows(stack: Stack, request: Request) -> Rows:
    """What holds for all EVSEs together: the station's maximum and what external systems allow the station.

    ChargePointMaxProfile and ChargingStationMaxProfile: 1.6 §3.13.1, 2.0.1 K.3.1. ChargingStationExternalConstraints:
    K11 to K14. Each purpose has its own leader, all leaders hold.
    """
    return _holding(stack, request, evse_id=WHOLE_STATION)


def evse_rows(stack: Stack, request: Request, evse_id: int) -> Rows:
    """What holds on one EVSE by itself, without what holds for the whole station."""
    own = _holding(stack, request, evse_id=evse_id)
    if stack.transaction(evse_id) is None and not stack.simulate_transaction:
        return own
    session = lead(_session_courses(stack, request, evse_id), 0, request.end)
    return Rows(caps=(session, *own.caps), generation=own.generation)


def profile_steps(stack: Stack, request: Request, number: int) -> list[Step[Period]]:
    """What one profile says in the time asked for, whoever leads; a relative one as on its own or the asked EVSE."""
    evse_id = stack.profiles[number].evse_id or request.evse_id
    return list(steps(_course(stack, request, number, evse_id=evse_id), 0, request.end))


def _holding(stack: Stack, request: Request, *, evse_id: int) -> Rows:
    def leader(purpose: Purpose) -> list[Step[Period]]:
        # A relative maximum of the station counts from the transaction of the EVSE that is asked about, if any.
        anchor_evse_id = evse_id or request.evse_id
        numbers = (n for n, profile in _of(stack, purpose) if profile.evse_id == evse_id)
        courses = (_course(stack, request, n, evse_id=anchor_evse_id) for n in _by_level(stack, numbers))
        return lead(courses, 0, request.end)

    return Rows(
        caps=(leader(Purpose.STATION_MAX), leader(Purpose.EXTERNAL)),
        generation=leader(Purpose.LOCAL_GENERATION),
    )


def _session_courses(stack: Stack, request: Request, evse_id: int) -> Iterator[Course[Period]]:
    """The profiles that a transaction listens to, the first that has a period at an instant leads.

    PriorityCharging overrules TxProfile, TxProfile overrules every TxDefaultProfile, by purpose and whatever the
    values are (1.6 §3.13.1, 2.0.1 K.3.1, 2.1 K.3.1); within a purpose the highest stack level that is valid and
    has a period leads, so a lower one takes over where a higher one has run out (1.6 §3.13.2, K.3.5, K08.FR.04).
    """
    transaction = stack.transaction(evse_id)
    for purpose in (Purpose.PRIORITY, Purpose.TX, Purpose.TX_DEFAULT):
        numbers = [
            number
            for number, profile in _of(stack, purpose)
            if profile.evse_id in {WHOLE_STATION, evse_id} and _belongs(profile, transaction)
        ]
        for number in _by_level(stack, numbers):
            yield _course(stack, request, number, evse_id=evse_id)


def _of(stack: Stack, purpose: Purpose) -> Iterator[tuple[int, Profile]]:
    return ((number, profile) for number, profile in enumerate(stack.profiles) if profile.purpose is purpose)


def _by_level(stack: Stack, numbers: Iterable[int]) -> list[int]:
    """Profiles of one purpose, leaders first.

    In 1.6 what is installed on a connector replaces what connector 0 has for it (§3.13.1), whatever the levels.
    In 2.x profiles on EVSE 0 and on the EVSE are one stack: a level may not be used by both (K01.FR.52/53).
    Equal levels that overlap may not be sent either (1.6 §3.13.2, K01.FR.06): there the first listed leads.
    """

    def precedence(number: int) -> tuple[int, int]:
        profile = stack.profiles[number]
        is_own = profile.evse_id != WHOLE_STATION
        return (is_own, profile.stack_level) if stack.ocpp == "1.6" else (profile.stack_level, is_own)

    return sorted(numbers, key=precedence, reverse=True)


def _belongs(profile: Profile, transaction: Running | None) -> bool:
    """Whether a profile may hold for a transaction: a TxProfile only for the one it names (1.6 §3.13.1, K01.FR.33).

    An imagined transaction (None) is the one that each profile was meant for.
    """
    if transaction is None or profile.transaction_id is None or profile.purpose is not Purpose.TX:
        return True
    return str(profile.transaction_id) == str(transaction.transaction_id)


def _course(stack: Stack, request: Request, number: int, *, evse_id: int) -> Course[Period]:
    """A profile as it runs on an EVSE: periods ascend, later ones of equal start are heard (K01.FR.35).

    Periods at or past the duration are not executed (1.6 §7.13), a recurring schedule is cut where it begins anew
    and leaves a gap where it is shorter (errata 3.43). validFrom is included, validTo is not (K01.FR.36/37).
    """
    profile = stack.profiles[number]
    origin = request.origin
    periods = sorted(profile.periods, key=lambda period: period.start_s)
    every = None if profile.recurrence is None else profile.recurrence // timedelta(seconds=1) * SECOND
    lengths = [every, None if profile.duration_s is None else profile.duration_s * SECOND]
    return Course(
        source=number,
        anchor=ticks(_anchor(profile, stack.transaction(evse_id), request), origin),
        starts=tuple([period.start_s * SECOND for period in periods]),
        values=periods,
        length=min((length for length in lengths if length is not None), default=None),
        every=every,
        reaches_back=stack.recurrence_before_start,
        valid_from=-FOREVER if profile.valid_from is None else ticks(_whole(profile.valid_from), origin),
        valid_to=FOREVER if profile.valid_to is None else ticks(_whole(profile.valid_to), origin),
    )


def _anchor(profile: Profile, transaction: Running | None, request: Request) -> datetime:
    """Where the seconds of a schedule count from.

    Absolute, Recurring: startSchedule (1.6 §7.8, K01.FR.40); without one, from the start of charging (1.6 §7.13).
    Relative: the start of the transaction, else the start of what is asked; a startSchedule is not looked at
    (1.6 §7.8, K01.FR.41). Dynamic: the last update (2.1 K28), which is past in every schedule that is asked for.
    """
    if profile.start is not None and profile.kind is not Kind.RELATIVE:
        return _whole(profile.start)
    since = None if transaction is None or profile.kind is Kind.DYNAMIC else transaction.start
    return request.origin if since is None else _whole(since)


def _whole(instant: datetime) -> datetime:
    """An instant in UTC as charge points count it: fractions of a second are dropped."""
    return instant.astimezone(UTC).replace(microsecond=0)
