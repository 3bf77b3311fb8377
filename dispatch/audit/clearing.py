"""Which foreign and stale profiles may be removed, and whether a limit could break by it. Pure.

Removing a profile can raise a limit, so it is counted like every other raise: at its worst outcome, beside the
worst case of everybody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from dispatch.audit.facts import ChargerFacts, Found, Kind, Look, stack_on
from dispatch.audit.words import hours
from dispatch.composite import Segment, effective, profile_edges
from dispatch.decide import Room
from dispatch.safety import SLACK, Draw, Exposure, Place, exposure, worst_case
from dispatch.station import InstalledProfile, ProfileFilter, Purpose, StationProfile
from dispatch.validate import shown_segments

HIGHEST_LEVEL = 8
"""Stack level up to which is looked on a charger that does not say what its highest is."""


@dataclass(frozen=True, kw_only=True)
class Clearing:
    """One request to remove: a profile by its id, or all that a filter means. ``place`` is where it was found."""

    place: Place
    profile_id: int | None = None
    wanted: ProfileFilter | None = None

    def __str__(self) -> str:
        if self.wanted is None:
            return f"profile {self.profile_id}"
        level = "" if self.wanted.stack_level is None else f" of stack level {self.wanted.stack_level}"
        return f"every {self.wanted.purpose} profile{level}"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a connector is sure to be allowed before a request, and the most that it may be allowed after it."""

    lowest: Exposure
    after: Exposure


def clearable(facts: ChargerFacts, found: Sequence[Found]) -> tuple[Clearing, ...]:
    """What may be removed of what an audit has found, in this order.

    By id where the id is known, unless it is one that a wanted or accepted profile of ours has: that is replaced in
    place by the next dispatch and never cleared. Limits from outside are not ours to clear (2.0.1 K10.FR.06). Where
    only an effect is seen, by what ours do not have, from the bottom up, so that what leads goes last and nothing
    is laid bare on the way.
    """
    kept = {p.profile_id for look in facts.looks for p in look.held}
    kept |= {w.profile.profile_id for look in facts.looks for w in look.wanted}
    result: list[Clearing] = []
    for one in found:
        is_unseen = facts.listed is None and (
            one.may_be_covered or (one.kind is Kind.FOREIGN and one.profile_id is None)
        )
        if is_unseen:
            look = next(look for look in facts.looks if look.place == one.place)
            result += [Clearing(place=one.place, wanted=wanted) for wanted in _filters(facts, look)]
        elif (
            one.kind in {Kind.FOREIGN, Kind.STALE} and one.installed is not None and facts.listed is not None
        ):
            profile = one.installed.profile
            is_outside = profile is not None and profile.purpose is Purpose.EXTERNAL
            is_counted = one.place.connector_id == 0 or one.place in {look.place for look in facts.looks}
            if one.installed.profile_id not in kept and is_counted and not is_outside:
                result.append(Clearing(place=one.place, profile_id=one.installed.profile_id))
    return tuple(dict.fromkeys(result))


def _filters(facts: ChargerFacts, look: Look) -> Iterator[ProfileFilter]:
    """What may stand over or beside ours on a connector and cannot be one of ours, what leads last."""
    connector_id = look.place.connector_id
    ours = [p for other in facts.looks for p in (*other.held, *other.doubtful)]
    ours += [w.profile for other in facts.looks for w in other.wanted]
    defaults = [p.stack_level for p in ours if p.purpose is Purpose.TX_DEFAULT]
    highest = look.habits.max_stack_level if look.tells_highest_level else HIGHEST_LEVEL
    for level in range(max(highest, *defaults, 0) + 1):
        if level not in defaults:
            yield ProfileFilter(connector_id=connector_id, purpose=Purpose.TX_DEFAULT, stack_level=level)
    if not any(p.purpose is Purpose.TX for p in ours):
        yield ProfileFilter(connector_id=connector_id, purpose=Purpose.TX)
    if not any(p.purpose is Purpose.STATION_MAX for p in ours):
        yield ProfileFilter(connector_id=0, purpose=Purpose.STATION_MAX)


def counted(
    exposures: Mapping[Place, Exposure], chargers: Iterable[ChargerFacts], instants: Sequence[datetime]
) -> dict[Place, Exposure]:
    """The worst case of every connector, with what chargers say they hold beside what we know of them."""
    result = dict(exposures)
    for facts in chargers:
        for look in facts.looks:
            stack = stack_on(facts.listed or (), look.place.connector_id)
            if facts.listed is not None and stack is not None:
                result[look.place] = result[look.place].at_least(_exposure(look, stack, instants))
    return result


def edges(facts: ChargerFacts) -> set[datetime]:
    """The instants at which anything may change that is installed on a charger."""
    listed = [one.profile for one in facts.listed or () if one.profile is not None]
    found = {edge for profile in listed for edge in profile_edges(profile)}
    for look in facts.looks:
        found |= {segment.start for segment in _shown(look)}
    return found


def changes(facts: ChargerFacts, clearing: Clearing, instants: Sequence[datetime]) -> dict[Place, Change]:
    """What a request may change, by connector.

    Of a charger that lists all that it holds: what is left then. Of one that does not: anything, for nobody has seen
    what lies beneath, so it counts at full power.
    """
    is_for_all = clearing.place.connector_id == 0 or (
        clearing.wanted is not None and clearing.wanted.connector_id == 0
    )
    concerned = [look for look in facts.looks if is_for_all or look.place == clearing.place]
    if facts.listed is None or not facts.lists_all:
        return {look.place: _unseen(look, instants) for look in concerned}
    left = [one for one in facts.listed if one.profile_id != clearing.profile_id]
    gone = [one for one in facts.listed if one.profile_id == clearing.profile_id]
    return {look.place: _seen(look, facts.listed, left, gone, instants) for look in concerned}


def obstacle(
    changed: Mapping[Place, Change],
    exposures: Mapping[Place, Exposure],
    rooms: Sequence[Room],
    *,
    instants: Sequence[datetime],
    zone: ZoneInfo,
) -> str:
    """Which limit could break by a change, and when; empty where none can.

    ``exposures`` is the worst case of every connector as it is counted now.
    """
    after = dict(exposures) | {
        place: exposures[place].at_least(change.after) for place, change in changed.items()
    }
    for room in rooms:
        concerned = [change for place, change in changed.items() if place in room.bottleneck.places]
        if not concerned:
            continue
        rises = np.any([change.after.exceeds(change.lowest) for change in concerned], axis=0)
        total = worst_case(room.bottleneck, after)
        misfit = rises & (total > room.allowed + SLACK)
        if misfit.any():
            index = int(np.argmax(misfit))
            unit = "kW" if room.bottleneck.measure == "kw" else "A"
            return (
                f"at {hours(instants[index], at=instants[0], zone=zone)} the {room.bottleneck.name} could reach "
                f"{total[index]:.1f} of {room.allowed[index]:.1f} {unit} for charging"
            )
    return ""


def _seen(
    look: Look,
    listed: Sequence[InstalledProfile],
    left: Sequence[InstalledProfile],
    gone: Sequence[InstalledProfile],
    instants: Sequence[datetime],
) -> Change:
    connector_id = look.place.connector_id
    stack, rest = stack_on(listed, connector_id), stack_on(left, connector_id)
    nothing = Exposure.constant(Draw(kw=0.0, phase_a=0.0), len(instants))
    # A maximum of the whole station is shared in ways that only the station knows.
    is_shared = any(one.profile is None or one.profile.purpose is Purpose.STATION_MAX for one in gone)
    full = Exposure.constant(look.wiring.full, len(instants))
    return Change(
        lowest=nothing if stack is None or is_shared else _lowest(look, stack, instants),
        after=full if rest is None else _exposure(look, rest, instants),
    )


def _unseen(look: Look, instants: Sequence[datetime]) -> Change:
    """What is shown is sure as far as it is shown."""
    shown = [segment for segment in _shown(look) if segment.end is not None]
    return Change(
        lowest=_along(look, shown, instants), after=Exposure.constant(look.wiring.full, len(instants))
    )


def _shown(look: Look) -> Sequence[Segment]:
    schedule = None if look.read_back is None else look.read_back.schedule
    return () if schedule is None else shown_segments(schedule)


def _exposure(look: Look, stack: Sequence[StationProfile], instants: Sequence[datetime]) -> Exposure:
    return exposure(look.wiring, stack, transaction_id=look.transaction_id, instants=instants)


def _lowest(look: Look, stack: Sequence[StationProfile], instants: Sequence[datetime]) -> Exposure:
    """What is allowed with and without the transaction, whichever is less."""
    with_it, without = (
        _along(look, effective(stack, transaction_id=transaction, start=instants[0]), instants)
        for transaction in (look.transaction_id, None)
    )
    return with_it.at_most(without)


def _along(look: Look, segments: Sequence[Segment], instants: Sequence[datetime]) -> Exposure:
    """What segments allow at instants, nothing where there are none."""
    draws = [
        next(
            (
                look.wiring.draw(segment.limit)
                for segment in segments
                if segment.start <= instant and (segment.end is None or instant < segment.end)
            ),
            Draw(kw=0.0, phase_a=0.0),
        )
        for instant in instants
    ]
    return Exposure(
        kw=np.array([draw.kw for draw in draws]), phase_a=np.array([draw.phase_a for draw in draws])
    )
