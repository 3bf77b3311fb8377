"""Which of the departures that were missed could have been ready, judged from the moment a fault could be known.

Whenever something could be known that could not be known before, the rest of the night is charged by hand twice, from
how the vehicles truly stood: once as if it had not happened, once as it did. Who could be ready the first time and not
the second was made late by the fault. Who could not be ready even the first time, although it could a moment of
knowledge earlier, was not charged when it should have been. Nobody is asked to make one vehicle ready at the expense
of another that was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from dispatch.rehearsal.applied import as_known
from dispatch.rehearsal.byhand import (
    Charged,
    Course,
    Stand,
    charge_by_hand,
    is_out_of_reach,
    reached_again_at,
)
from dispatch.rehearsal.faults import Fault, OtherPhases, Sleeps
from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.scene import METER_INTERVAL, REACTION, Guest, Scene, instant_of
from dispatch.simulator.vehicle import UNLIMITED, PluggedVehicle, advance
from optimiser.planned import READY_TOLERANCE_PERCENT

WORST_SHARE = 2
"""Of those for whom there is no room, one in so many is left out at once, those that miss most."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """Whether a missed departure could have been ready; ``lost_at``: when it could be known that it could not."""

    possible: bool
    lost_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class _News:
    """A fault, since when it has been at work, and when it could be known."""

    fault: Fault
    began: datetime
    learnt: datetime

    @property
    def named(self) -> frozenset[str]:
        """The vehicles and the charger that it is of; none for one of the site."""
        facts = self.fault.model_dump()
        return frozenset(str(facts[key]) for key in ("vehicle", "other", "charger") if key in facts)


def fates(happened: Happened, missed: Collection[int]) -> dict[int, Fate]:
    """What is to be said of every guest (by number) that left short."""
    if not missed:
        return {}
    return _Judge(happened, missed).fates()


class _Judge:
    """The night from one moment of knowledge to the next."""

    def __init__(self, happened: Happened, missed: Collection[int]) -> None:
        self._happened, self._scene = happened, happened.scene
        self._missed = frozenset(missed)
        guests = enumerate(self._scene.guests)
        self._sure = frozenset(n for n, guest in guests if not guest.is_absent and n not in self._missed)
        self._news = _news(happened)
        # Whoever cannot be reached goes on with what it has: that is what it truly did.
        self._held = {n: _true_course(happened, guest) for n, guest in enumerate(self._scene.guests)}

    def fates(self) -> dict[int, Fate]:
        """Go through the night."""
        begin = self._happened.begin
        known = self._known(begin)
        can = self._could(known, begin, self._missed)
        lost_at = {number: begin for number in self._missed if number not in can}
        neglected: set[int] = set()
        for at in sorted({at for one in self._news for at in (one.began, one.learnt) if begin < at}):
            still = self._present(self._missed - neglected, at)
            if not still:
                break
            neglected |= self._neglected(known, at, can & still)
            known, left = self._known(at), still - neglected
            # An answer takes its time where the news is of the vehicle itself; what others do changes nothing for it.
            concerned = {n for n in left if any(one.learnt == at for one in self._news_of(n))}
            after = self._could(known, at, left) - concerned
            after |= self._could(known, at + REACTION, left) & concerned if concerned else frozenset()
            for number in left - after:
                lost_at.setdefault(number, at)
            for number in after:
                lost_at.pop(number, None)
            can = (can - still) | after
        possible = can | neglected
        return {n: Fate(possible=n in possible, lost_at=lost_at.get(n)) for n in sorted(self._missed)}

    def _neglected(self, known: Scene, at: datetime, could: frozenset[int]) -> set[int]:
        """Who could have been ready a moment of knowledge ago and cannot be any more, for no news at all.

        While a fault of its own is at work that nobody can know of, nothing is said of a vehicle.
        """
        hidden = {
            n for n in could if any(one.named and one.began < at <= one.learnt for one in self._news_of(n))
        }
        before = self._could(known, at, could)
        too_late = {n for n in could - before - hidden if not self._could_alone(known, at, n)}
        return too_late | {n for n in before if self._is_left_without_a_plan(known, at, n)}

    def _news_of(self, number: int) -> list[_News]:
        """The faults of a vehicle, of its charger, and of the site that all of them share."""
        guest = self._scene.guests[number]
        mine = {guest.visit.vehicle_id, guest.plug.charger_id}
        return [one for one in self._news if not one.named or one.named & mine]

    def _known(self, at: datetime) -> Scene:
        """The night as it could be known at an instant."""
        return as_known(self._scene, [one.fault for one in self._news if one.learnt <= at])

    def _could(self, known: Scene, start: datetime, wanted: Collection[int]) -> frozenset[int]:
        """Those of the wanted that can be ready beside all who truly were.

        Where there is no room for all of them, those that miss most are left out first.
        """
        stands = self._stands(known, start)
        sure, left = self._present(self._sure, start), set(wanted)

        def charged_with(numbers: Collection[int]) -> Charged:
            who = {*sure, *self._present(numbers, start)}
            return charge_by_hand(known, start=start, stands=stands, who=who, held=self._held)

        charged = charged_with(left)
        if not charged.ready >= sure:
            sure &= charged_with(()).ready  # who cannot be made ready by hand anyway is no reason
        while left:
            failing = left - charged.ready
            if not failing and charged.ready >= sure:
                break
            candidates = sorted(failing or left, key=lambda n: (-charged.missing_kwh.get(n, 0.0), n))
            left -= set(candidates[: max(1, len(candidates) // WORST_SHARE)])
            charged = charged_with(left)
        return frozenset(left)

    def _could_alone(self, known: Scene, start: datetime, number: int) -> bool:
        """Whether a vehicle could be ready if it came before all others; if not even then, it is too late for it."""
        charged = charge_by_hand(
            known,
            start=start,
            stands=self._stands(known, start),
            who=self._present({*self._sure, number}, start),
            held=self._held,
            first=number,
        )
        return number in charged.ready

    def _present(self, numbers: Collection[int], at: datetime) -> frozenset[int]:
        """Those that have not left before an instant."""
        return frozenset(n for n in numbers if self._scene.guests[n].departure >= at)

    def _is_left_without_a_plan(self, known: Scene, at: datetime, number: int) -> bool:
        """Whether a vehicle's charger gets out of reach now, and what it goes on with gets nobody ready.

        It is enough if that leaves time for the rest when the charger can be reached again, as far as was known.
        """
        guest, believed = self._scene.guests[number], known.guests[number]
        charger_id = guest.plug.charger_id
        was_out = is_out_of_reach(self._scene, charger_id, at - timedelta(seconds=1))
        if was_out or not is_out_of_reach(self._scene, charger_id, at):
            return False
        end = min(guest.departure, reached_again_at(self._scene, charger_id, at))
        soc_percent = guest.soc_percent if guest.arrival < at else believed.soc_percent
        stand = _stand(self._happened, replace(guest, soc_percent=soc_percent), end)
        state = PluggedVehicle.arriving(
            believed.vehicle,
            self._scene.depot.connector(*guest.plug),
            soc_percent=100.0 * stand.stored_kwh / believed.vehicle.battery_kwh,
            voltage_v=self._scene.depot.site.voltage_v,
        )
        left_s = max(0.0, (believed.departure - end).total_seconds())
        soc_percent = advance(state, UNLIMITED, left_s).soc_percent
        return soc_percent < guest.visit.required_soc_percent - READY_TOLERANCE_PERCENT

    def _stands(self, known: Scene, at: datetime) -> dict[int, Stand]:
        """How those truly stand at an instant that are there."""
        return {
            number: _stand(self._happened, guest, at)
            for number, guest in enumerate(self._scene.guests)
            if not guest.is_absent
            and guest.arrival < at <= guest.departure
            and not known.guests[number].is_absent
        }


def _stand(happened: Happened, guest: Guest, at: datetime) -> Stand:
    """How full a vehicle truly was at an instant: as it came, what was charged, less what warmed it."""
    begin_s, at_s = ((instant - happened.begin).total_seconds() for instant in (guest.arrival, at))
    charged_kwh = happened.record.energy_kwh(guest.plug, (begin_s, at_s)) * guest.vehicle.charge_efficiency
    lead = timedelta(minutes=happened.scene.depot.policy.precondition_minutes)
    warmed_from = max(guest.arrival, guest.departure - lead)
    warmed = min(1.0, max(0.0, (at - warmed_from) / (guest.departure - warmed_from)))
    stored_kwh = guest.vehicle.battery_kwh * guest.soc_percent / 100.0 + charged_kwh
    stored_kwh -= guest.visit.precondition_kwh * warmed
    slept_at = _slept_at(happened, guest)
    return Stand(
        stored_kwh=min(guest.vehicle.battery_kwh, max(0.0, stored_kwh)),
        is_asleep=slept_at is not None and slept_at < at,
    )


def _news(happened: Happened) -> list[_News]:
    """The faults in the order in which they were made true; some show only in how a vehicle charges."""
    news: list[_News] = []
    for known_at, fault in happened.scene.faults:
        if not isinstance(fault, OtherPhases | Sleeps):
            at = fault.model_dump().get("at")
            happens = instant_of(happened.scene.night.horizon, at) if isinstance(at, time) else known_at
            news.append(_News(fault=fault, began=min(happens, known_at), learnt=known_at))
            continue
        for guest in happened.scene.guests:
            if guest.visit.vehicle_id != fault.vehicle or guest.is_absent:
                continue
            is_phases = isinstance(fault, OtherPhases)
            shown = _drawn_at(happened, guest) if is_phases else _slept_at(happened, guest)
            began = min(shown or guest.departure, guest.departure)
            # How much it draws is seen at the next reading of a meter, that it draws nothing at once.
            learnt = min(began + METER_INTERVAL, guest.departure) if is_phases else began
            news.append(_News(fault=fault, began=began, learnt=learnt))
    return news


def _drawn_at(happened: Happened, guest: Guest) -> datetime | None:
    """When a vehicle drew for the first time; None if it never did."""
    begin_s = (guest.arrival - happened.begin).total_seconds()
    drawn = [p.start_s for p in happened.record.pieces.get(guest.plug, ()) if p.end_s > begin_s]
    return happened.begin + timedelta(seconds=max(begin_s, drawn[0])) if drawn else None


def _slept_at(happened: Happened, guest: Guest) -> datetime | None:
    """When a vehicle was offered power in its sleep; None if it never was."""
    found = (
        one.offered_at
        for one in happened.slept
        if (one.plug, one.vehicle_id) == (guest.plug, guest.vehicle.id)
    )
    return next(found, None)


def _true_course(happened: Happened, guest: Guest) -> Course:
    """What a connector truly drew."""
    course: list[tuple[datetime, float]] = [(happened.begin, 0.0)]
    for piece in happened.record.pieces.get(guest.plug, ()):
        course.append((happened.begin + timedelta(seconds=piece.start_s), piece.first_kw))
        course.append((happened.begin + timedelta(seconds=piece.end_s), 0.0))
    return course
