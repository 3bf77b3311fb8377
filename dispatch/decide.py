"""Which profiles may be sent now: lower first, prove, then raise, and never a raise that does not fit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, reduce
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from dispatch.charger import Capabilities
from dispatch.composite import equivalent, limit_at, profile_edges
from dispatch.evidence import Layer
from dispatch.layers import LayerProfile, shortened
from dispatch.safety import SLACK, Bottleneck, Draw, Exposure, Place, Stack, Standing, after, worst_case
from dispatch.station import ProfileKind, SchedulePeriod, StationProfile
from optimiser.horizon import FloatArray

BoolArray = npt.NDArray[np.bool_]

_WHOLE = frozenset({Layer.CEILING, Layer.FLOOR})
SPARED = "held back: it was written to as often as its memory is to bear in an hour"


@dataclass(frozen=True, kw_only=True)
class Holding(Standing):
    """What one connector holds, as far as is known, and what it should hold.

    ``open_layers``: those that may be written now. ``rewrite``: those to be written although ``held`` has them,
    because the charger shows that it does not. ``in_vain``: what it has accepted just now, and then shown more.
    ``is_spared``: it was written to so often that only what lowers it is sent. ``words``: in which a limit is cut.
    """

    wanted: tuple[LayerProfile, ...] = ()
    open_layers: frozenset[Layer] = frozenset()
    rewrite: frozenset[Layer] = frozenset()
    in_vain: tuple[StationProfile, ...] = ()
    words: Capabilities = field(default_factory=Capabilities)
    is_spared: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all of what it has accepted is sure to be there."""
        return super().is_whole and not self.rewrite


@dataclass(frozen=True, kw_only=True)
class Room:
    """A bottleneck and what chargers may take there, in its measure, at each of the instants."""

    bottleneck: Bottleneck
    allowed: FloatArray


@dataclass(frozen=True, kw_only=True)
class Write:
    """Profiles to send to one connector, in this order. ``is_clipped``: less than wanted, for want of room."""

    place: Place
    profiles: tuple[LayerProfile, ...]
    is_clipped: bool = False


@dataclass(frozen=True, kw_only=True)
class HeldBack:
    """Why a connector does not get what is wanted. ``unproven``: connectors that stand in the way by that."""

    sentence: str
    unproven: tuple[Place, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What may be sent at once, all of it in any order and with any outcome, and what has to wait and why."""

    writes: tuple[Write, ...] = ()
    held_back: Mapping[Place, HeldBack] = field(default_factory=dict)


def edges_of(
    holdings: Sequence[Holding], *, now: datetime, others: Sequence[datetime] = ()
) -> list[datetime]:
    """Now and every later instant at which anything may change."""
    edges = {now} | {edge for edge in others if edge > now}
    for holding in holdings:
        for profile in (*holding.held, *holding.doubtful, *(w.profile for w in holding.wanted)):
            edges |= {edge for edge in profile_edges(profile) if edge > now}
    return sorted(edges)


def pending(holding: Holding, *, now: datetime) -> tuple[LayerProfile, ...]:
    """What is wanted on a connector and not there, lowest layer first; the floor goes with nothing but its ceiling.

    The plan over a floor that nobody has proven yet would be a raise without a net.
    """
    missing = tuple(
        wanted
        for wanted in holding.wanted
        if wanted.layer in holding.open_layers and not _is_held(holding, wanted, now=now)
    )
    if any(wanted.layer is Layer.FLOOR for wanted in missing):
        return tuple(wanted for wanted in missing if wanted.layer in _WHOLE)
    return missing


def exposures(holdings: Sequence[Holding], instants: Sequence[datetime]) -> dict[Place, Exposure]:
    """The most that every connector may draw: what it holds where that is proven, else full power."""
    return {holding.place: holding.most(instants) for holding in holdings}


def decide(
    holdings: Sequence[Holding],
    rooms: Sequence[Room],
    *,
    instants: Sequence[datetime],
    zone: ZoneInfo,
) -> Decision:
    """What may be sent now.

    First everything that only lowers. Then, on connectors whose new limits fit beside the worst case of all
    others, the raises. If none fits whole, as much of each as fits, so that they make room for each other.
    Sending, reading back and deciding again ends when nothing is left that may be sent.
    """
    instants = tuple(instants)
    views = {holding.place: _View(holding, instants) for holding in holdings}
    waiting = {place: view.waiting for place, view in views.items() if view.waiting}
    lowered = {place: views[place].that_only_lower(profiles) for place, profiles in waiting.items()}
    lowering = tuple(Write(place=place, profiles=profiles) for place, profiles in lowered.items() if profiles)
    if lowering:
        return Decision(writes=lowering)
    held_back = {place: HeldBack(sentence=SPARED) for place in waiting if views[place].holding.is_spared}
    waiting = {place: profiles for place, profiles in waiting.items() if place not in held_back}
    load = _Load(views, rooms)
    raises = tuple(
        Write(place=place, profiles=profiles)
        for place, profiles in waiting.items()
        if load.take(views[place], profiles)
    )
    if raises:
        return Decision(writes=raises, held_back=held_back)
    writes: list[Write] = []
    for place, profiles in waiting.items():
        view = views[place]
        held_back[place] = load.obstacle(view, profiles, zone=zone)
        clipped = tuple(load.clipped(view, profile) for profile in profiles)
        unsent = tuple(c for c in clipped if not _is_held(view.holding, c, now=instants[0]))
        if unsent and load.take(view, unsent):
            writes.append(Write(place=place, profiles=unsent, is_clipped=True))
    return Decision(writes=tuple(writes), held_back=held_back)


@dataclass(frozen=True, kw_only=True)
class _Effect:
    """What profiles may do to a connector, whichever of them arrive and whatever of all that may be there is.

    ``highest``: the most that may be drawn then, at least what may be drawn now. ``rises``: where one of them may allow
    more than was allowed just before it: what one lowers another must not raise again beside a limit that is passed.
    """

    profiles: tuple[LayerProfile, ...]
    highest: Exposure
    rises: BoolArray


class _View:
    """What a connector may draw at the instants: now, at least, and with new profiles on it."""

    def __init__(self, holding: Holding, instants: Sequence[datetime]) -> None:
        self.holding = holding
        self.instants = instants
        self.waiting = pending(holding, now=instants[0])
        self.now = holding.most(instants)
        self._effects: dict[tuple[int, ...], _Effect] = {}

    @cached_property
    def stacks(self) -> tuple[Stack, ...] | None:
        """Every stack that it may hold, or None.

        What it shows bears out what it has accepted, or no more than that; it may have lost what makes no difference.
        """
        found = self.holding.stacks(with_losses=True)
        accepted = self.holding.stacks(with_losses=False)
        if found is None or accepted is None or not self.holding.is_proven:
            return found
        if not self.holding.is_whole:
            return tuple(stack for stack in found if not self._exposure(stack).exceeds(self.now).any())
        shown = [self._exposure(stack) for stack in accepted]
        return tuple(stack for stack in found if any(map(self._exposure(stack).is_same, shown)))

    @cached_property
    def lowest(self) -> Exposure:
        """What it is sure to be allowed already."""
        if self.stacks is None:
            return Exposure.constant(Draw(kw=0.0, phase_a=0.0), len(self.instants))
        exposures = [self._exposure(stack) for stack in self.stacks]
        return reduce(Exposure.at_most, exposures)

    def that_only_lower(self, profiles: tuple[LayerProfile, ...]) -> tuple[LayerProfile, ...]:
        """Those that allow nowhere more than before, neither alone nor one after the other."""
        found = tuple(new for new in profiles if not self.effect((new,)).rises.any())
        while self.effect(found).rises.any():
            found = found[:-1]
        return found

    def effect(self, profiles: Sequence[LayerProfile]) -> _Effect:
        """What the profiles may do, worked out once for all who ask."""
        key = tuple([id(new.profile) for new in profiles])
        known = self._effects.get(key)
        if known is None:
            known = self._effects[key] = self._worked_out(profiles)
        return known

    def _worked_out(self, profiles: Sequence[LayerProfile]) -> _Effect:
        holding, count = self.holding, len(self.instants)
        if self.stacks is None:
            full = Exposure.constant(holding.wiring.full, count)
            return _Effect(profiles=tuple(profiles), highest=full, rises=np.ones(count, dtype=np.bool_))
        highest = self.now
        rises = np.zeros(count, dtype=np.bool_)
        for stack in self.stacks:
            reached = [stack]
            for new in profiles:
                for before in tuple(reached):
                    for following in after(before, new.profile):
                        later = self._exposure(following)
                        rises |= later.exceeds(self._exposure(before))
                        highest = highest.at_least(later)
                        reached.append(following)
        return _Effect(profiles=tuple(profiles), highest=highest, rises=rises)

    def _exposure(self, stack: Stack) -> Exposure:
        return self.holding.exposure(stack, self.instants)


class _Load:
    """The worst case at every bottleneck, kept up as raises are taken into it."""

    def __init__(self, views: Mapping[Place, _View], rooms: Sequence[Room]) -> None:
        self._views = views
        self._rooms = rooms
        self._exposures = {place: view.now for place, view in views.items()}
        self._totals = [worst_case(room.bottleneck, self._exposures) for room in rooms]
        self._above: dict[Place, list[int]] = {place: [] for place in views}
        for number, room in enumerate(rooms):
            for place in room.bottleneck.places:
                self._above[place].append(number)

    def take(self, view: _View, profiles: Sequence[LayerProfile]) -> bool:
        """Count new profiles in, if they raise nothing above a limit with any outcome; else change nothing."""
        if any(misfit.any() for _, _, misfit in self._misfits(view, profiles)):
            return False
        place = view.holding.place
        before = self._exposures[place]
        later = self._exposures[place] = before.at_least(view.effect(profiles).highest)
        for number in self._above[place]:
            measure = self._rooms[number].bottleneck.measure
            self._totals[number] = self._totals[number] + later.measured(measure) - before.measured(measure)
        return True

    def obstacle(self, view: _View, profiles: Sequence[LayerProfile], *, zone: ZoneInfo) -> HeldBack:
        """Why new profiles cannot be taken whole."""
        room, total, misfit = next(m for m in self._misfits(view, profiles) if m[2].any())
        index = int(np.argmax(misfit))
        unproven = tuple(
            place
            for place in sorted(room.bottleneck.places)
            if not self._views[place].holding.is_proven and place != view.holding.place
        )
        unit = "kW" if room.bottleneck.measure == "kw" else "A"
        sentence = (
            f"held back: at {view.instants[index].astimezone(zone):%H:%M} the {room.bottleneck.name} could "
            f"reach {total[index]:.1f} of {room.allowed[index]:.1f} {unit} for charging"
        )
        if unproven:
            sentence += f", as nothing is proven of {_listed([str(place) for place in unproven])}"
        else:
            sentence += ", if vehicles that are not known yet draw on all phases"
        return HeldBack(sentence=sentence, unproven=unproven)

    def clipped(self, view: _View, wanted: LayerProfile) -> LayerProfile:
        """As much of a profile as fits beside the worst case of all others; floor and ceiling are whole or nothing."""
        if wanted.layer in _WHOLE:
            return wanted
        allowed = self._allowed(view)
        profile, wiring = wanted.profile, view.holding.wiring
        periods: list[SchedulePeriod] = []
        for index, instant in enumerate(view.instants):
            limit = limit_at(profile, instant)
            if limit is None:
                continue
            draw = Draw(kw=float(allowed.kw[index]), phase_a=float(allowed.phase_a[index]))
            words = view.holding.words
            value = wiring.within(limit, draw, step_a=words.limit_step_a).value
            value = words.current_a_within(value) if limit.unit == "A" else value
            if periods and (periods[-1].limit, periods[-1].number_phases) == (value, limit.number_phases):
                continue
            start_s = round((instant - profile.start) / timedelta(seconds=1)) if periods else 0
            periods.append(SchedulePeriod(start_s=start_s, limit=value, number_phases=limit.number_phases))
        if profile.kind is ProfileKind.RELATIVE:  # nobody knows when it begins: the least that it says is all
            periods = [
                period.model_copy(update={"start_s": 0})
                for period in sorted(periods, key=lambda period: period.limit)[:1]
            ]
        if not periods:
            return wanted
        whole = profile.model_copy(update={"periods": tuple(periods)})
        return replace(wanted, profile=shortened(whole, view.holding.words.max_periods - 1))

    def _allowed(self, view: _View) -> Exposure:
        """What a connector may be given: all that the others leave, and never less than it surely has."""
        allowed = {"kw": np.full(len(view.instants), np.inf), "a": np.full(len(view.instants), np.inf)}
        place = view.holding.place
        for number in self._above[place]:
            room, total = self._rooms[number], self._totals[number]
            measure = room.bottleneck.measure
            left = room.allowed - (total - self._exposures[place].measured(measure))
            if not view.holding.is_proven:  # it counts at full power before and after: all or nothing
                left = np.where(total <= room.allowed + SLACK, np.inf, 0.0)
            allowed[measure] = np.minimum(allowed[measure], np.maximum(left, view.lowest.measured(measure)))
        return Exposure(kw=allowed["kw"], phase_a=allowed["a"])

    def _misfits(
        self, view: _View, profiles: Sequence[LayerProfile]
    ) -> Iterator[tuple[Room, FloatArray, BoolArray]]:
        """For each bottleneck of a connector its worst case with new profiles, and where they lift it too high."""
        place = view.holding.place
        before = self._exposures[place]
        effect = view.effect(profiles)
        later = before.at_least(effect.highest)
        for number in self._above[place]:
            room = self._rooms[number]
            measure = room.bottleneck.measure
            new_total = self._totals[number] - before.measured(measure) + later.measured(measure)
            yield room, new_total, effect.rises & (new_total > room.allowed + SLACK)


def _is_held(holding: Holding, wanted: LayerProfile, *, now: datetime) -> bool:
    """Whether it has accepted a profile, or nothing would come of sending it once more.

    Something else that was not answered may be there in its place: that counts, and would be in the way of others for
    as long as nobody writes over it.
    """
    profile = wanted.profile

    def is_among(others: Iterable[StationProfile]) -> bool:
        return any(equivalent(other, profile, since=now) for other in others)

    others = [one for one in holding.doubtful if one.profile_id == profile.profile_id]
    is_alone = all(equivalent(other, profile, since=now) for other in others)
    return is_among(holding.in_vain) or (
        wanted.layer not in holding.rewrite and is_among(holding.held) and is_alone
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
