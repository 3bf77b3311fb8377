"""What belongs on each connector: a floor that never ends, the night's plan over it, an override per session.

From a plan to neutral station profiles. Pure; which of them are sent, and when, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dispatch.charger import Capabilities
from dispatch.evidence import Layer
from dispatch.safety import Place
from dispatch.station import Purpose, RateUnit, SchedulePeriod, StationProfile, Transaction
from optimiser.depot import Connector
from optimiser.plan import Plan, PlannedVisit
from optimiser.profiles import ChargingProfile, Period, compressed
from optimiser.units import floor_to_step

HEAD_START = timedelta(seconds=60)
"""How long before its first effect a profile begins: chargers' clocks are late by up to a minute and more,
and a profile that has not begun limits nothing."""

_SLOTS = {Layer.FLOOR: 1, Layer.PLAN: 2, Layer.OVERRIDE: 3}


@dataclass(frozen=True, kw_only=True)
class LayerProfile:
    """A profile and the layer that it is."""

    layer: Layer
    profile: StationProfile


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a connector is to be allowed, before it is put into a charger's words.

    ``plan`` covers the head start and the night; ``override`` is set where the running transaction needs a
    profile of its own. ``floor`` holds whenever nothing else does. ``visits`` are the spans in which vehicles are
    planned to be there: where periods are scarce, theirs come first.
    """

    place: Place
    connector: Connector
    plan: ChargingProfile
    floor: Period
    visits: tuple[tuple[datetime, datetime], ...] = ()
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
    target: Target, capabilities: Mapping[Layer, Capabilities], *, is_degraded: bool
) -> tuple[LayerProfile, ...]:
    """The target in the words of a charger, lowest layer first.

    ``capabilities`` may differ by layer: one of them may have been refused in a form that others were not.
    Where there is no room for a floor under the plan, the plan ends with the floor's value and never expires.
    """
    plan = _plan_profile(target, capabilities[Layer.PLAN], is_degraded=is_degraded)
    stack = [LayerProfile(layer=Layer.PLAN, profile=plan)]
    if not is_degraded:
        floor = _floor_profile(target, capabilities[Layer.FLOOR])
        stack.insert(0, LayerProfile(layer=Layer.FLOOR, profile=floor))
    if target.override is not None and target.transaction is not None:
        override = _override_profile(target, capabilities[Layer.OVERRIDE])
        stack.append(LayerProfile(layer=Layer.OVERRIDE, profile=override))
    return tuple(stack)


def lost_kwh(target: Target, capabilities: Capabilities) -> float:
    """Energy of the plan that does not fit into a charger's periods. [kWh, grid side]"""
    return compressed(target.plan, _plan_periods(capabilities), counted=target.visits).lost_kwh


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
            start_s=_seconds(profile.start, period.start),
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


def _plan_profile(target: Target, capabilities: Capabilities, *, is_degraded: bool) -> StationProfile:
    short = compressed(target.plan, _plan_periods(capabilities), counted=target.visits)
    periods = list(short.periods)
    if is_degraded:
        periods = [*periods, replace(target.floor, start=short.end, end=short.end)]
    unit = unit_of(target.connector, capabilities)
    level = capabilities.stack_level_plan
    if is_degraded:
        level = min(capabilities.stack_level_floor, capabilities.max_stack_level)
    return StationProfile(
        profile_id=profile_id(target.connector.id, Layer.PLAN),
        connector_id=target.connector.id,
        purpose=Purpose.TX_DEFAULT,
        stack_level=level,
        start=short.start,
        valid_from=short.start,
        duration_s=None if is_degraded else _seconds(short.start, short.end),
        valid_to=None if is_degraded else short.end,
        unit=unit,
        periods=_schedule(periods, target.connector, capabilities, unit),
    )


def _floor_profile(target: Target, capabilities: Capabilities) -> StationProfile:
    unit = unit_of(target.connector, capabilities)
    floor = replace(target.floor, start=target.plan.start)
    return StationProfile(
        profile_id=profile_id(target.connector.id, Layer.FLOOR),
        connector_id=target.connector.id,
        purpose=Purpose.TX_DEFAULT,
        stack_level=capabilities.stack_level_floor,
        start=floor.start,
        unit=unit,
        periods=_schedule([floor], target.connector, capabilities, unit),
    )


def _override_profile(target: Target, capabilities: Capabilities) -> StationProfile:
    assert target.override is not None
    assert target.transaction is not None
    short = compressed(target.override, _plan_periods(capabilities), counted=target.visits)
    unit = unit_of(target.connector, capabilities)
    return StationProfile(
        profile_id=profile_id(target.connector.id, Layer.OVERRIDE),
        connector_id=target.connector.id,
        purpose=Purpose.TX,
        stack_level=capabilities.stack_level_floor,
        start=short.start,
        valid_from=short.start,
        duration_s=_seconds(short.start, short.end),
        valid_to=short.end,
        unit=unit,
        periods=_schedule(short.periods, target.connector, capabilities, unit),
        transaction_id=target.transaction.transaction_id,
    )


def _plan_periods(capabilities: Capabilities) -> int:
    """Periods for a plan: one fewer than a schedule may have.

    The composite schedule that is read back shows the floor after the plan, and is no longer either: some
    chargers cut it off silently.
    """
    return capabilities.max_periods - 1


def _schedule(
    periods: Sequence[Period], connector: Connector, capabilities: Capabilities, unit: RateUnit
) -> tuple[SchedulePeriod, ...]:
    result: list[SchedulePeriod] = []
    for period in periods:
        phases = connector.phases if unit == "A" else period.phases
        number_phases = None if connector.is_dc or capabilities.number_phases == "omit" else phases
        limit = _limit(period, connector, capabilities, unit)
        if result and (result[-1].limit, result[-1].number_phases) == (limit, number_phases):
            continue
        result.append(
            SchedulePeriod(
                start_s=_seconds(periods[0].start, period.start), limit=limit, number_phases=number_phases
            )
        )
    return tuple(result)


def _limit(period: Period, connector: Connector, capabilities: Capabilities, unit: RateUnit) -> float:
    if unit == "A":
        limit_a = floor_to_step(period.limit_a or 0.0, capabilities.limit_step_a)
        return limit_a if limit_a >= connector.min_current_a else 0.0
    grid_per_limit = connector.grid_per_limit if connector.is_dc else 1.0
    return floor_to_step(period.limit_kw * 1000.0 / grid_per_limit, 1.0)


def _seconds(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds())
