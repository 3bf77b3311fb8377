"""What a vehicle draws of what it is allowed, where its meter has shown that it is clearly less. Pure.

A van that is said to charge on three phases and draws on one takes a third of every limit. Its limits count in full
all the same: only what reaches the battery is reckoned with what it was seen to take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dispatch.composite import Limit, Segment, effective
from dispatch.evidence import Command
from dispatch.occupants import Occupant
from dispatch.safety import Place, Wiring
from dispatch.station import LiveState, MeterReading, Outcome, StationProfile
from dispatch.tracks import Track
from dispatch.validate import Grade
from optimiser.depot import Depot, Vehicle, power_range

CLEARLY_LESS = 0.9
"""Who draws more than this share of what it may takes all of it, but for what meters and currents differ."""
LEAST = 0.1
"""Who draws less than this share of what it may is no slow one: it has stopped, or is about to."""
ALIKE = 0.1
"""By how much of themselves two shares may differ and still be the same."""
TAPERS_PERCENT = 90.0
"""A battery that is as full as this may take less for that reason. [%]"""
APART = timedelta(minutes=10)
"""How far apart readings must be to bear each other out: a SoC in whole percent shows then what was charged."""
OLDEST = timedelta(minutes=40)
"""How long ago the first of two readings may be; meters come every quarter of an hour."""
FRESH = timedelta(minutes=20)
"""How old the last reading may be."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""Meters are read at the quarter of an hour, when limits change, by clocks that are not quite the same."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A vehicle whose last reading shows another share of its limit than it is planned with. ``settle``: of its charger."""

    occupant: Occupant
    wiring: Wiring
    held: tuple[StationProfile, ...]
    reading: MeterReading
    settle: timedelta

    @property
    def place(self) -> Place:
        """The connector."""
        return self.occupant.place


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What vehicles were seen to draw of what they may, by vehicle id, 1 for all; and what is to be said of that."""

    of: Mapping[str, float] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()


def taken_kw(limit: Limit | None, wiring: Wiring, vehicle: Vehicle) -> float:
    """What a vehicle can take under a limit, from the grid; nothing below the least that it charges with."""
    reach = power_range(wiring.connector, vehicle, voltage_v=wiring.voltage_v)
    allowed_kw = min(wiring.draw(limit).kw, reach.max_kw)
    return allowed_kw if allowed_kw >= reach.min_kw - 1e-9 else 0.0


def planned_shares(there: Mapping[Place, Occupant]) -> dict[str, float]:
    """The shares that the plan has of those who are there and draw less than they may, by vehicle id."""
    return {
        one.vehicle.id: one.visit.taken_share
        for one in there.values()
        if one.visit is not None and one.visit.taken_share < 1.0
    }


def taking(depot: Depot, shares: Mapping[str, float]) -> Depot:
    """The depot in which only a share of what these vehicles are allowed comes to their batteries."""
    if not shares:
        return depot
    return replace(
        depot,
        vehicles=tuple(
            replace(one, charge_efficiency=one.charge_efficiency * shares.get(one.id, 1.0))
            for one in depot.vehicles
        ),
    )


def suspects(
    tracks: Sequence[Track], there: Mapping[Place, Occupant], live: LiveState, *, settle_s: float
) -> list[Suspect]:
    """Who seems to draw another share of its limit than it is planned with, where its charger does as it was told.

    On AC alone: on DC charger and battery have many reasons to give less for a while.
    """
    found = []
    for track in tracks:
        occupant, grade = there.get(track.place), track.comparison and track.comparison.grade
        reading = live.charger(track.place.charger_id).connector(track.place.connector_id).meter
        if occupant is None or occupant.visit is None or reading is None or track.wiring.connector.is_dc:
            continue
        is_known = occupant.is_sure and occupant.transaction.transaction_id == track.transaction_id
        is_obeying = track.is_proven and grade is Grade.MATCH and not track.doubtful
        if not (is_known and is_obeying) or reading.at < live.now - FRESH:
            continue
        one = Suspect(
            occupant=occupant,
            wiring=track.wiring,
            held=track.held,
            reading=reading,
            settle=timedelta(seconds=max(settle_s, track.base.settle_s)),
        )
        share = _share(one, one.held, reading)
        if share is not None and _is_news(one, share, known=occupant.visit.taken_share):
            found.append(one)
    return found


def seen_share(
    suspect: Suspect, readings: Sequence[MeterReading], commands: Sequence[Command]
) -> float | None:
    """The share that two readings and what was charged between them agree on, 1 for all; None where they do not.

    ``readings`` are those of the session, ``commands`` all that were sent to the charger since long before it.
    """
    later = suspect.reading
    earlier = max(
        (one for one in readings if later.at - OLDEST <= one.at <= later.at - APART),
        key=lambda one: one.at,
        default=None,
    )
    if earlier is None or earlier.at < suspect.occupant.transaction.started_at:
        return None
    begin = earlier.at - suspect.settle - CLOCKS_DIFFER
    changes = [begin, *(at for at in map(_answered_at, commands) if begin < at <= later.at), later.at]
    stacks = [_stack(suspect, commands, at) for at in changes]
    before, now = _share(suspect, stacks[0], earlier), _share(suspect, suspect.held, later)
    if before is None or now is None or not _alike(before, now):
        return None
    vehicle = suspect.occupant.vehicle
    lowest_kw = min(
        taken_kw(segment.limit, suspect.wiring, vehicle)
        for stack in stacks
        for segment in _in_force(suspect, stack, begin, later.at)
    )
    if now >= CLEARLY_LESS:
        return 1.0
    drawn_kw = max(reading.power_kw or 0.0 for reading in (earlier, later))
    if drawn_kw >= CLEARLY_LESS * lowest_kw:
        return None
    assert earlier.soc_percent is not None
    assert later.soc_percent is not None
    hours = (later.at - earlier.at).total_seconds() / 3600.0
    charged_kwh = (later.soc_percent - earlier.soc_percent) / 100.0 * vehicle.battery_kwh
    charged_kw = charged_kwh / vehicle.charge_efficiency / hours
    # A meter that shows too little does not make the battery fill more slowly.
    return now if charged_kw < (drawn_kw + lowest_kw) / 2.0 else None


def sentence(suspect: Suspect, share: float) -> str:
    """What was seen, for people."""
    vehicle_id = suspect.occupant.vehicle.id
    if share >= 1.0:
        return f"{vehicle_id} draws again what it may"
    drawn_kw = suspect.reading.power_kw or 0.0
    return (
        f"{vehicle_id} draws {drawn_kw:.1f} of the {drawn_kw / share:.1f} kW that it may: "
        "planned again with that, and counted in full at the limits"
    )


def _share(suspect: Suspect, stack: Sequence[StationProfile], reading: MeterReading) -> float | None:
    """The share that one reading shows, where one limit has held long enough, and nothing else explains it."""
    if reading.power_kw is None or reading.soc_percent is None or reading.soc_percent >= TAPERS_PERCENT:
        return None
    begin, end = reading.at - suspect.settle - CLOCKS_DIFFER, reading.at + CLOCKS_DIFFER
    vehicle = suspect.occupant.vehicle
    allowed_kw = {
        taken_kw(one.limit, suspect.wiring, vehicle) for one in _in_force(suspect, stack, begin, end)
    }
    if len(allowed_kw) != 1 or 0.0 in allowed_kw:
        return None
    share = reading.power_kw / allowed_kw.pop()
    return min(1.0, share) if share >= LEAST else None


def _is_news(suspect: Suspect, share: float, *, known: float) -> bool:
    """Whether a share is another one than is known. Who can draw only so much draws all of a low limit."""
    if _alike(share, known):
        return False
    wiring = suspect.wiring
    full_kw = power_range(wiring.connector, suspect.occupant.vehicle, voltage_v=wiring.voltage_v).max_kw
    return share < known or (suspect.reading.power_kw or 0.0) > (1.0 + ALIKE) * known * full_kw


def _alike(one: float, other: float) -> bool:
    both = min(one, other), max(one, other)
    return both[1] - both[0] <= ALIKE * both[1]


def _in_force(
    suspect: Suspect, stack: Sequence[StationProfile], begin: datetime, end: datetime
) -> Sequence[Segment]:
    transaction_id = suspect.occupant.transaction.transaction_id
    return effective(stack, transaction_id=transaction_id, start=begin, end=end)


def _stack(suspect: Suspect, commands: Sequence[Command], at: datetime) -> list[StationProfile]:
    """What the connector held at an instant: of every profile the last that it had accepted by then."""
    held: dict[int, StationProfile] = {}
    for command in commands:
        profile = command.profile
        is_here = profile.connector_id in {0, suspect.place.connector_id}
        is_mine = profile.transaction_id in {None, suspect.occupant.transaction.transaction_id}
        if command.outcome is Outcome.ACCEPTED and _answered_at(command) <= at and is_here and is_mine:
            held[profile.profile_id] = profile
    return list(held.values())


def _answered_at(command: Command) -> datetime:
    return command.answered_at or command.at
