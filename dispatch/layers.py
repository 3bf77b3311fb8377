"""What belongs on each connector: a ceiling, a floor that never ends, the night's plan over it, an override per session.

From a plan to neutral station profiles. Pure; which of them are sent, and when, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from dispatch.charger import Capabilities
from dispatch.evidence import Layer
from dispatch.safety import Place
from dispatch.station import ProfileKind, Purpose, RateUnit, SchedulePeriod, StationProfile, Transaction
from dispatch.window import window
from dispatch.wording import schedule_of, seconds_between
from optimiser.depot import Connector
from optimiser.plan import Plan
from optimiser.planned import PlannedVisit
from optimiser.profiles import ChargingProfile, Period, compressed
from optimiser.units import kw_from_current_a

FEW_PERIODS = 4
"""A charger that holds no more is sent piece by piece what it cannot hold; others are not written to so often."""
WORTH_A_WINDOW_KWH = 0.05
"""What a plan may lose to a charger's periods before it is sent piece by piece. [kWh]"""

HEAD_START = timedelta(seconds=60)
"""How long before its first effect a profile begins: chargers' clocks are late by up to a minute and more,
and a profile that has not begun limits nothing."""

_ABOVE_FLOOR_A, _ABOVE_FLOOR_KW = 1.0, 1.0
"""By how much a ceiling is above its floor at least: more than a read-back leaves open. [A, kW]"""

_DAY_S = 24 * 3600
_SLOTS = {Layer.FLOOR: 1, Layer.PLAN: 2, Layer.OVERRIDE: 3, Layer.CEILING: 4}


@dataclass(frozen=True, kw_only=True)
class LayerProfile:
    """A profile and the layer that it is."""

    layer: Layer
    profile: StationProfile


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A limit that holds in spans of every day, in seconds since midnight UTC, and 0 between them."""

    limit: Period
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a connector is to be allowed, before it is put into a charger's words.

    ``plan`` covers the head start and the night; ``override`` is set where the running transaction needs a
    profile of its own. ``floor`` holds whenever nothing else does. ``is_alone``: it is its charger's only connector. ``visits`` are the spans in which vehicles are
    planned to be there: where periods are scarce, theirs come first. ``turn``: when each day the floor is one that a
    vehicle can use, where all cannot have one at once.
    """

    place: Place
    connector: Connector
    plan: ChargingProfile
    floor: Period
    visits: tuple[tuple[datetime, datetime], ...] = ()
    is_alone: bool = False
    turn: Turn | None = None
    override: ChargingProfile | None = None
    transaction: Transaction | None = None


def profile_id(connector_id: int, layer: Layer) -> int:
    """The id of a layer's profile: the same every night, so that it is replaced in place."""
    return connector_id * 10 + _SLOTS[layer]


def with_head_start(instant: datetime) -> datetime:
    """When a profile begins that is to hold from an instant on: in whole seconds, as chargers are told it."""
    return (instant - HEAD_START).replace(microsecond=0)


def with_override(target: Target, plan: Plan, visit: PlannedVisit, transaction: Transaction) -> Target:
    """The target with the plan as an override of a running transaction, until its visit or the night ends.

    It begins when the plan was made, not when it is sent, so that it is the same at every tick.
    """
    begin = max(target.plan.start, with_head_start(min(plan.created_at, visit.departure)))
    end = min(visit.departure.replace(microsecond=0), plan.horizon.end)
    periods = [
        replace(period, start=max(period.start, begin), end=min(period.end, end))
        for period in target.plan.periods
        if period.start < end and period.end > begin
    ]
    if not periods:
        return target
    override = replace(target.plan, periods=tuple(periods))
    return replace(target, override=override, transaction=transaction)


def layer_profiles(
    target: Target,
    capabilities: Mapping[Layer, Capabilities],
    *,
    is_degraded: bool,
    at: datetime | None = None,
    lifts_ceiling: bool = False,
) -> tuple[LayerProfile, ...]:
    """The target in the words of a charger at an instant (None: when the plan begins), lowest layer first.

    ``capabilities`` may differ by layer: one of them may have been refused in a form that others were not.
    Where there is no room for a floor under the plan, the plan ends with the floor's value and never expires;
    it takes the floor's place; nor is there an override where there is no room for it. ``lifts_ceiling``: the charger holds one, and is lifted out of the way of what is
    wanted where it is to have none: nobody may rely on it any more, and it may not stand in the way of a later plan.
    """
    words, whole = capabilities[Layer.PLAN], target
    if at is not None and is_windowed(target, words):
        target = _windowed(target, words, at)
    at = target.plan.start if at is None else at
    if not is_degraded:
        stack = [
            (Layer.FLOOR, _floor_profile(target, capabilities[Layer.FLOOR])),
            (Layer.PLAN, _plan_profile(target, words, at=at)),
        ]
    elif _kind(target, words) is ProfileKind.RELATIVE:
        stack = [(Layer.PLAN, _floor_profile(_no_higher_than(target, at), words))]
    else:
        stack = [(Layer.PLAN, _single_profile(target, words))]
    words = capabilities[Layer.CEILING]
    if words.has_ceiling(is_alone=target.is_alone):
        stack.insert(0, (Layer.CEILING, _ceiling_profile(whole, words, _highest_of(whole, words))))
    elif lifts_ceiling:
        stack.insert(0, (Layer.CEILING, _ceiling_profile(whole, words, _full_power(whole))))
    words = capabilities[Layer.OVERRIDE]
    has_place = words.takes_session_profiles(is_alone=target.is_alone, is_degraded=is_degraded)
    if target.override is not None and has_place:
        stack.append((Layer.OVERRIDE, _override_profile(target, words, at=at)))
    return tuple(LayerProfile(layer=layer, profile=profile) for layer, profile in stack)


def lost_kwh(target: Target, capabilities: Capabilities) -> float:
    """Energy of the plan that does not fit into a charger's periods. [kWh, grid side]"""
    return compressed(target.plan, _plan_periods(capabilities), counted=target.visits).lost_kwh


def is_windowed(target: Target, capabilities: Capabilities) -> bool:
    """Whether a charger is sent its plan piece by piece: it holds few periods, and would lose energy of the plan."""
    most = _plan_periods(capabilities)
    if most > FEW_PERIODS or len(target.plan.periods) <= most or capabilities.kind == "relative":
        return False
    return lost_kwh(target, capabilities) >= WORTH_A_WINDOW_KWH


def _windowed(target: Target, capabilities: Capabilities, at: datetime) -> Target:
    """The target with the part of its plan and override that holds at an instant and after it."""
    most = _plan_periods(capabilities)

    def ahead(profile: ChargingProfile) -> ChargingProfile:
        found = window(profile, most, at=at)
        start = max(profile.start, with_head_start(found.start))
        return replace(found, periods=(replace(found.periods[0], start=start), *found.periods[1:]))

    override = None if target.override is None else ahead(target.override)
    return replace(target, plan=ahead(target.plan), override=override)


def shortened(profile: StationProfile, max_periods: int) -> StationProfile:
    """A profile in at most so many periods, never above the original at any instant."""
    starts = [profile.start + timedelta(seconds=period.start_s) for period in profile.periods]
    last = starts[-1] + timedelta(days=1)
    if profile.duration_s is not None:
        last = profile.start + timedelta(seconds=profile.duration_s)
    neutral = ChargingProfile(
        charger_id="",
        connector_id=profile.connector_id,
        periods=tuple(
            Period(
                start=start, end=end, limit_kw=period.limit, limit_a=None, phases=period.number_phases or 0
            )
            for start, end, period in zip(starts, [*starts[1:], last], profile.periods, strict=True)
        ),
    )
    periods = tuple(
        SchedulePeriod(
            start_s=seconds_between(profile.start, period.start),
            limit=period.limit_kw,
            number_phases=period.phases or None,
        )
        for period in compressed(neutral, max_periods).periods
    )
    return profile.model_copy(update={"periods": periods})


def unit_of(connector: Connector, capabilities: Capabilities) -> RateUnit:
    """The unit in which limits are sent: W on DC, on AC what the charger takes, A where it takes both."""
    if connector.is_dc:
        return "W"
    return "W" if capabilities.unit == "W" else "A"


def _ceiling_profile(target: Target, capabilities: Capabilities, limit: Period) -> StationProfile:
    """What is never passed, whatever else is lost: for the whole charger, so always Absolute (2.0.1 K01.FR.38)."""
    profile = _default_profile(
        target, capabilities, [limit], layer=Layer.CEILING, level=capabilities.stack_level_floor
    )
    update = {"purpose": Purpose.STATION_MAX, "connector_id": 0, "kind": ProfileKind.ABSOLUTE}
    return profile.model_copy(update=update)


def _highest_of(target: Target, capabilities: Capabilities) -> Period:
    """The most that a target allows at any time of its night, and clearly more than its floor.

    As high as the floor it would hide from every read-back that the floor is lost.
    """
    override = () if target.override is None else target.override.periods
    floors = (target.floor,) if target.turn is None else (target.floor, target.turn.limit)
    periods = (*floors, *target.plan.periods, *override)
    full = _full_power(target)
    limit_kw = max(floors[-1].limit_kw + _ABOVE_FLOOR_KW, *(period.limit_kw for period in periods))
    if full.limit_a is None:
        connector = target.connector
        least_kw = connector.min_kw * connector.grid_per_limit
        return replace(full, limit_kw=min(full.limit_kw, max(limit_kw, least_kw)))
    floor_a = floors[-1].limit_a or 0.0
    above_a = floor_a + max(_ABOVE_FLOOR_A, capabilities.limit_step_a)
    if capabilities.limit_values_a:
        above_a = min((one for one in capabilities.limit_values_a if one > floor_a), default=full.limit_a)
    least_a = max(above_a, target.connector.min_current_a, capabilities.min_current_a)
    least_kw = kw_from_current_a(least_a, phases=target.connector.phases)
    limit_a = max(least_a, *(period.limit_a or 0.0 for period in periods))
    return replace(
        full, limit_kw=min(full.limit_kw, max(limit_kw, least_kw)), limit_a=min(full.limit_a, limit_a)
    )


def _full_power(target: Target) -> Period:
    """All that the hardware can."""
    connector = target.connector
    whole = replace(target.floor, start=target.plan.start)
    if connector.is_dc:
        return replace(whole, limit_kw=connector.max_kw * connector.grid_per_limit, limit_a=None)
    limit_kw = kw_from_current_a(connector.max_current_a, phases=connector.phases)
    return replace(whole, limit_kw=limit_kw, limit_a=connector.max_current_a)


def _floor_profile(target: Target, capabilities: Capabilities) -> StationProfile:
    """What holds without end."""
    if target.turn is not None and _takes_turns(target, capabilities):
        return _turn_profile(target, target.turn, capabilities)
    floor = replace(target.floor, start=target.plan.start)
    return _default_profile(
        target, capabilities, [floor], layer=Layer.FLOOR, level=capabilities.stack_level_floor
    )


def _takes_turns(target: Target, capabilities: Capabilities) -> bool:
    """Whether the charger is still known to, and takes a floor of its own."""
    purpose, _ = _place(target, capabilities)
    is_default = purpose is Purpose.TX_DEFAULT and capabilities.kind == "absolute"
    return capabilities.takes_turns and is_default


def _turn_profile(target: Target, turn: Turn, capabilities: Capabilities) -> StationProfile:
    """The floor as a profile that comes again each day, for 24 hours from midnight UTC whatever clocks show."""
    midnight = target.plan.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    edges = [(0, target.floor)]
    for begin_s, end_s in turn.spans:
        edges += [(begin_s, turn.limit), (end_s, target.floor)]
    starts = {start_s: limit for start_s, limit in edges if start_s < _DAY_S}
    periods = [replace(limit, start=midnight + timedelta(seconds=at)) for at, limit in starts.items()]
    profile = _default_profile(
        target, capabilities, periods, layer=Layer.FLOOR, level=capabilities.stack_level_floor
    )
    return profile.model_copy(update={"kind": ProfileKind.DAILY, "duration_s": _DAY_S})


def _plan_profile(target: Target, capabilities: Capabilities, *, at: datetime) -> StationProfile:
    short = _in_its_periods(target.plan, target, capabilities, at=at)
    profile = _default_profile(
        target, capabilities, short.periods, layer=Layer.PLAN, level=capabilities.stack_level_plan
    )
    return _ending(profile, short)


def _single_profile(target: Target, capabilities: Capabilities) -> StationProfile:
    """Plan and floor in one, in the floor's place."""
    short = compressed(target.plan, _plan_periods(capabilities), counted=target.visits)
    periods = [*short.periods, replace(target.floor, start=short.end, end=short.end)]
    level = min(capabilities.stack_level_floor, capabilities.max_stack_level)
    profile = _default_profile(target, capabilities, periods, layer=Layer.FLOOR, level=level)
    return profile.model_copy(update={"valid_from": short.start})


def _override_profile(target: Target, capabilities: Capabilities, *, at: datetime) -> StationProfile:
    assert target.override is not None
    assert target.transaction is not None
    short = _in_its_periods(target.override, target, capabilities, at=at)
    unit = unit_of(target.connector, capabilities)
    profile = StationProfile(
        profile_id=profile_id(target.connector.id, Layer.OVERRIDE),
        connector_id=target.connector.id,
        purpose=Purpose.TX,
        stack_level=capabilities.stack_level_floor,
        kind=ProfileKind(capabilities.kind),
        start=short.start,
        unit=unit,
        periods=schedule_of(short.periods, target.connector, capabilities, unit, is_tx=True),
        transaction_id=target.transaction.transaction_id,
    )
    return _ending(profile, short)


def _default_profile(
    target: Target, capabilities: Capabilities, periods: Sequence[Period], *, layer: Layer, level: int
) -> StationProfile:
    """A profile for whoever charges, without an end."""
    unit = unit_of(target.connector, capabilities)
    purpose, connector_id = _place(target, capabilities)
    return StationProfile(
        profile_id=profile_id(target.connector.id, layer),
        connector_id=connector_id,
        purpose=purpose,
        stack_level=level,
        kind=_kind(target, capabilities),
        start=periods[0].start,
        unit=unit,
        periods=schedule_of(periods, target.connector, capabilities, unit),
    )


def _ending(profile: StationProfile, schedule: ChargingProfile) -> StationProfile:
    """The profile valid for its schedule alone. A relative one has a start of its own, so it gets no duration."""
    is_relative = profile.kind is ProfileKind.RELATIVE
    duration_s = None if is_relative else seconds_between(schedule.start, schedule.end)
    return profile.model_copy(
        update={"valid_from": schedule.start, "valid_to": schedule.end, "duration_s": duration_s}
    )


def _place(target: Target, capabilities: Capabilities) -> tuple[Purpose, int]:
    """Purpose and connector of floor and plan. Connector 0 stands for all, so it is for one that is alone."""
    if not target.is_alone or capabilities.purpose == "tx_default":
        return Purpose.TX_DEFAULT, target.connector.id
    return (Purpose.STATION_MAX if capabilities.purpose == "station_max" else Purpose.TX_DEFAULT), 0


def _kind(target: Target, capabilities: Capabilities) -> ProfileKind:
    """Kind of floor and plan. A station's maximum has no session to be relative to (OCPP 2.0.1 K01.FR.38)."""
    purpose, _ = _place(target, capabilities)
    return ProfileKind.ABSOLUTE if purpose is Purpose.STATION_MAX else ProfileKind(capabilities.kind)


def _in_its_periods(
    profile: ChargingProfile, target: Target, capabilities: Capabilities, *, at: datetime
) -> ChargingProfile:
    """A schedule in as many periods as a charger takes: one, with its end, where nobody knows when it begins."""
    purpose, _ = _place(target, capabilities)
    is_override = profile is target.override
    if capabilities.kind == "relative" and (is_override or purpose is not Purpose.STATION_MAX):
        return _now_of(profile, at)
    return compressed(profile, _plan_periods(capabilities), counted=target.visits)


def _now_of(profile: ChargingProfile, at: datetime) -> ChargingProfile:
    """The period that holds at an instant, with a head start; before the first the first, after the last the last."""
    begun = [period for period in profile.periods if period.start <= at]
    period = begun[-1] if begun else profile.periods[0]
    return replace(profile, periods=(replace(period, start=with_head_start(period.start)),))


def _no_higher_than(target: Target, at: datetime) -> Target:
    """The target with a floor that is not above its plan at an instant."""
    (now,) = _now_of(target.plan, at).periods
    return replace(target, floor=min(target.floor, now, key=lambda period: period.limit_kw))


def _plan_periods(capabilities: Capabilities) -> int:
    """Periods for a plan: one fewer than a schedule may have.

    The composite schedule that is read back shows the floor after the plan, and is no longer either: some
    chargers cut it off silently.
    """
    return capabilities.max_periods - 1
