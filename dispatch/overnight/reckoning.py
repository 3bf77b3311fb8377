"""How full vehicles are by now: the last reading of each, and what its limits have let it take since. Pure.

Meters come every quarter of an hour, and a bus takes a tenth of its battery in that time: whoever holds an old
reading against the plan of now sees everybody behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from dispatch.composite import Limit, Segment, effective
from dispatch.evidence import Command
from dispatch.layers import Target
from dispatch.occupants import Occupant
from dispatch.overnight.shares import taken_kw
from dispatch.safety import Place, Wiring
from dispatch.station import ConnectorState, LiveState, MeterReading
from optimiser.depot import power_range
from optimiser.plan import Plan

LONGEST = timedelta(minutes=30)
"""For no longer than this is a vehicle taken to have charged without a reading that shows it."""
PIECE = timedelta(minutes=3)
"""How long a battery is taken to accept the same power."""
TAKES_LESS = 0.9
"""Who draws less than this share of its limit is held back by something else, and may go on to be."""


def reckoned(
    live: LiveState,
    there: Mapping[Place, Occupant],
    wirings: Mapping[Place, Wiring],
    accepted: Mapping[Place, Sequence[Command]],
    *,
    settle_s: float,
    owed: Mapping[Place, float] | None = None,
) -> LiveState:
    """The live state with the SoC of now, in readings that tell nothing else.

    ``accepted`` are the commands whose profiles each connector holds; before the last of them was answered a
    vehicle is taken to have drawn no more than at the reading. ``owed``: SoC that is still to come beyond the plan. [%]
    """
    owed = owed or {}
    chargers = []
    for charger in live.chargers:
        states = []
        for state in charger.connectors:
            occupant = there.get(Place(charger.charger_id, state.connector_id))
            if occupant is not None and occupant.soc_percent is not None and state.meter is not None:
                place = occupant.place
                soc_percent = _soc_percent_by(
                    live.now,
                    occupant,
                    state.meter,
                    wirings[place],
                    accepted.get(place, ()),
                    settle=timedelta(seconds=settle_s),
                )
                states.append(_telling(state, soc_percent + owed.get(place, 0.0), live.now))
            else:
                states.append(state)
        chargers.append(charger.model_copy(update={"connectors": tuple(states)}))
    return live.model_copy(update={"chargers": tuple(chargers)})


def owed_percent(target: Target, occupant: Occupant, plan: Plan, now: datetime) -> float:
    """SoC that the rest of a visit's limits give beyond the rest of its plan, or less where it is negative. [%]

    An edge that was put off gives later what the plan has given by now (:mod:`dispatch.edges`).
    """
    visit, vehicle = occupant.visit, occupant.vehicle
    if visit is None or visit.departure <= now:
        return 0.0
    begin, end = max(now, plan.horizon.start), min(visit.departure, plan.horizon.end)
    planned_kwh = float(plan.horizon.presence(begin, end) @ np.array(visit.power_kw)) * plan.horizon.step_h
    allowed_kwh = sum(
        period.limit_kw * (min(end, period.end) - max(begin, period.start)).total_seconds() / 3600.0
        for period in target.plan.periods
        if period.start < end and period.end > begin
    )
    taken_kwh = visit.taken_share * (allowed_kwh - planned_kwh)
    return 100.0 * taken_kwh * vehicle.charge_efficiency / vehicle.battery_kwh


def _telling(state: ConnectorState, soc_percent: float, now: datetime) -> ConnectorState:
    reading = MeterReading(at=now, received_at=now, soc_percent=min(100.0, max(0.0, soc_percent)))
    return state.model_copy(update={"meter": reading})


def _soc_percent_by(
    now: datetime,
    occupant: Occupant,
    reading: MeterReading,
    wiring: Wiring,
    accepted: Sequence[Command],
    *,
    settle: timedelta,
) -> float:
    assert occupant.soc_percent is not None
    vehicle, begin = occupant.vehicle, reading.at
    share = 1.0 if occupant.visit is None else occupant.visit.taken_share
    end = min(now, begin + LONGEST)
    if begin >= end:
        return occupant.soc_percent
    stack = [command.profile for command in accepted]
    changed_at = max((command.answered_at or command.at for command in accepted), default=begin)
    transaction_id = occupant.transaction.transaction_id
    segments = effective(stack, transaction_id=transaction_id, start=begin - settle, end=end)
    most_kw = power_range(wiring.connector, vehicle, voltage_v=wiring.voltage_v).max_kw
    drawn_kw = _drawn_kw(reading, wiring)
    before = [
        share * taken_kw(segment.limit, wiring, vehicle) for segment in segments if segment.start <= begin
    ]
    if drawn_kw is not None and changed_at < begin - settle and drawn_kw < TAKES_LESS * min(before):
        most_kw = min(most_kw, drawn_kw)
    soc_percent = occupant.soc_percent
    for since, until, limit in _pieces(segments, begin, end, cut=changed_at):
        charging_kw = min(most_kw, share * taken_kw(limit, wiring, vehicle))
        if since < changed_at and drawn_kw is not None:
            charging_kw = min(charging_kw, drawn_kw)
        into_battery_kw = charging_kw * vehicle.charge_efficiency
        if vehicle.charge_curve is not None and wiring.connector.is_dc:
            curve = vehicle.charge_curve
            into_battery_kw = min(
                into_battery_kw, float(np.interp(soc_percent, curve.soc_percent, curve.max_kw))
            )
        hours = (until - since).total_seconds() / 3600.0
        soc_percent = min(100.0, soc_percent + 100.0 * into_battery_kw * hours / vehicle.battery_kwh)
    return soc_percent


def _pieces(
    segments: Sequence[Segment], begin: datetime, end: datetime, *, cut: datetime
) -> list[tuple[datetime, datetime, Limit | None]]:
    """What holds when between two instants, in pieces that are short enough; none goes beyond ``cut``."""
    pieces: list[tuple[datetime, datetime, Limit | None]] = []
    for segment in segments:
        since, until = max(begin, segment.start), min(end, segment.end or end)
        while since < until:
            following = min(until, since + PIECE, cut if since < cut else until)
            pieces.append((since, following, segment.limit))
            since = following
    return pieces


def _drawn_kw(reading: MeterReading, wiring: Wiring) -> float | None:
    """What a reading shows, on the side of the grid: a DC meter is where the charger's limits hold."""
    if reading.power_kw is None:
        return None
    return reading.power_kw * (wiring.connector.grid_per_limit if wiring.connector.is_dc else 1.0)
