"""The smart charging of a simulated charge point: which profiles it takes, and what it lets pass by them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from dispatch.connection import CallRefusedError
from dispatch.simulator.composite_schedule import (
    LONGEST_SCHEDULE_S,
    Level,
    Told,
    Wiring,
    as_sent,
    levels_of,
    rebased,
    told_schedule,
)
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import (
    Allowance,
    Installed,
    RateUnit,
    Rules,
    Session,
    after_transaction,
    install,
    replaces_any,
)
from dispatch.simulator.timeline import Timeline, Timelines
from dispatch.simulator.vehicle import UNLIMITED, Limit
from optimiser.depot import Charger, Connector

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Objection:
    """Why a profile is not taken: a reason of OCPP 2.0.1 (part 2, appendix 5), and a text for people."""

    reason: str
    text: str


class SmartCharging:
    """The profiles on one charge point. They outlive a lost connection and a reboot, TxProfiles no transaction."""

    def __init__(self, *, charger: Charger, voltage_v: float, persona: Persona, rules: Rules) -> None:
        self.installed: tuple[Installed, ...] = ()
        self.connectors = {connector.id: connector for connector in charger.connectors}
        self._charger = charger
        self._voltage_v = voltage_v
        self._persona = persona
        self._rules = rules
        # Amperes per phase mean nothing to a charger that gives direct current.
        has_dc = any(connector.is_dc for connector in charger.connectors)
        self.units = ("W",) if has_dc else persona.units
        self._followed: tuple[Installed, ...] = ()
        self._noted: tuple[Installed, ...] = ()
        self._changes: deque[tuple[datetime, tuple[Installed, ...]]] = deque()
        self._defaults: dict[int, tuple[Installed, ...]] = {}
        self._in_force, self._to_tell = Timelines(rules), Timelines(rules)
        self._told: dict[tuple[int, RateUnit], tuple[Timeline, tuple[Level, ...]]] = {}

    # What is installed

    def has_connector(self, connector_id: int) -> bool:
        """Whether there is such a connector; 0 is all of them."""
        return connector_id == 0 or connector_id in self.connectors

    def objection(self, new: Installed) -> Objection | None:
        """Why a strict charge point of either version does not take a profile; None where it does."""
        found = self._objection_to_content(new) or self._objection_by_character(new)
        if found:
            log.info("%s refused profile %s: %s", self._charger.id, new.profile_id, found.text)
        return found

    def refusal(self, objection: Objection, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer that says no.

        Raises :class:`dispatch.connection.CallRefusedError` for a charge point that says it by CALLERROR.
        """
        if self._persona.refuses_by_error:
            raise CallRefusedError("PropertyConstraintViolation", objection.text)
        return answer

    def install(self, new: Installed) -> None:
        """Take a profile, or what the persona keeps of it."""
        kept = replace(new, periods=new.periods[: self._persona.kept_periods])
        self.installed = self._kept(install(self.installed, kept, rules=self._rules), new=kept)

    def _kept(self, whole: tuple[Installed, ...], *, new: Installed) -> tuple[Installed, ...]:
        """Which of all profiles that it should hold it keeps; one that takes another's place is always kept."""
        most = self._persona.kept_profiles
        if most is None or len(whole) <= max(most, len(self.installed)):
            return whole
        return whole[-most:] if self._persona.keeps_newest else tuple(e for e in whole if e is not new)

    def clear(self, fits: Callable[[Installed], bool]) -> bool:
        """Forget the profiles that fit; whether there were any."""
        left = tuple(entry for entry in self.installed if not fits(entry))
        is_changed = len(left) < len(self.installed)
        self.installed = left
        return is_changed

    def transaction_began(self, connector_id: int) -> None:
        """Remember the defaults with which a transaction begins."""
        self._defaults[connector_id] = tuple(e for e in self.installed if e.purpose == "default")

    def transaction_ended(self, connector_id: int) -> None:
        """Forget the TxProfiles of a connector."""
        self._defaults.pop(connector_id, None)
        self.installed = after_transaction(self.installed, connector_id)

    # What is in force

    def composite(
        self, connector_id: int, *, sessions: list[Session], unit: str | None, now: datetime, duration_s: int
    ) -> Told | None:
        """What is told of a connector or, for 0, of all of them from ``now`` on; None where it cannot be told.

        ``unit`` is the one asked for, None for the first that the charge point offers.
        """
        wanted = unit or self.units[0]
        known = self.has_connector(connector_id)
        if self._persona.composite == "rejected" or not known or wanted not in self.units or duration_s <= 0:
            return None
        start, duration_s = now.replace(microsecond=0), min(duration_s, LONGEST_SCHEDULE_S)
        wiring = Wiring(voltage_v=self._voltage_v, unit="A" if wanted == "A" else "W", rules=self._rules)
        return told_schedule(
            self._levels(sessions, wiring, start=start, end=start + timedelta(seconds=duration_s)),
            as_sent(self.installed, sessions) if self._persona.composite == "not_rebased" else (),
            connectors=[self.connectors[session.connector_id] for session in sessions],
            persona=self._persona,
            wiring=wiring,
            start=start,
            duration_s=duration_s,
        )

    def _levels(
        self, sessions: list[Session], wiring: Wiring, *, start: datetime, end: datetime
    ) -> tuple[Level, ...]:
        """The levels of one connector, or of all together, from start to end.

        Those of one are worked out for as long as its timeline is, for it is asked for many times in a night.
        """
        timelines = [self._to_tell.of(self.installed, session, start=start, end=end) for session in sessions]
        if len(timelines) != 1:
            resolved = [
                (self.connectors[session.connector_id], timeline.stretches(start, end))
                for session, timeline in zip(sessions, timelines, strict=True)
            ]
            return levels_of(resolved, wiring)
        (timeline,), place = timelines, (sessions[0].connector_id, wiring.unit)
        known = self._told.get(place)
        if known is None or known[0] is not timeline:
            connector = self.connectors[sessions[0].connector_id]
            known = (
                timeline,
                levels_of([(connector, timeline.stretches(timeline.start, timeline.end))], wiring),
            )
            self._told[place] = known
        begin_s = int((start - timeline.start).total_seconds())
        return rebased(known[1], begin_s=begin_s, duration_s=int((end - start).total_seconds()))

    def next_change(self) -> datetime | None:
        """When something that was installed or cleared begins to be followed, for one that is slow to."""
        return self._changes[0][0] if self._changes else None

    def follow(self, now: datetime) -> None:
        """Notice what has been installed and cleared, and follow what has had time to settle."""
        if self.installed is not self._noted:
            self._noted = self.installed
            self._changes.append((now + timedelta(seconds=self._persona.settle_s), self.installed))
        while self._changes and self._changes[0][0] <= now:
            self._followed = self._changes.popleft()[1]

    def limit_at(self, session: Session, at: datetime, *, sharers: int) -> Limit:
        """The limit in force on a connector at an instant; see :meth:`limits`."""
        if self._persona.ignores_profiles:
            return UNLIMITED
        timeline = self._in_force.of(self._stack(session), session, start=at, end=at)
        connector = self.connectors[session.connector_id]
        return self._limit(timeline.at(at), connector, sharers=sharers, persona=self._persona)

    def told_at(self, session: Session, at: datetime) -> Limit:
        """What a vehicle alone on the station would be let have at an instant, by what the charge point tells."""
        timeline = self._to_tell.of(self.installed, session, start=at, end=at)
        return self._limit(
            timeline.at(at), self.connectors[session.connector_id], sharers=1, persona=Persona()
        )

    def limits(
        self, session: Session, *, start: datetime, end: datetime, sharers: int
    ) -> Iterator[tuple[float, Limit]]:
        """How long, in seconds, which limit is in force on a connector, from start to end.

        The station's maximum is for all connectors together: each of the ``sharers`` gets an equal share of it.
        """
        if self._persona.ignores_profiles:
            yield (end - start).total_seconds(), UNLIMITED
            return
        connector = self.connectors[session.connector_id]
        timeline = self._in_force.of(self._stack(session), session, start=start, end=end)
        for begin, finish, allowances in timeline.spans(start, end):
            limit = self._limit(allowances, connector, sharers=sharers, persona=self._persona)
            yield (finish - begin).total_seconds(), limit

    def _stack(self, session: Session) -> tuple[Installed, ...]:
        """The profiles that govern the power on a connector."""
        began_with = self._defaults.get(session.connector_id)
        if not self._persona.ignores_default_in_session or not session.in_transaction or began_with is None:
            return self._followed
        return (*began_with, *(entry for entry in self._followed if entry.purpose != "default"))

    def _limit(
        self, allowances: tuple[Allowance, ...], connector: Connector, *, sharers: int, persona: Persona
    ) -> Limit:
        """What some limits let a connector have, as somebody reads them."""
        currents_a: list[float] = []
        powers_kw: list[float] = []
        for allowance in allowances:
            is_shared = allowance.whole_station and not persona.station_max_per_connector
            share = allowance.limit / (sharers if is_shared else 1)
            if allowance.unit == "A":
                is_total = persona.reads_amperes_as_total and connector.phases > 0
                currents_a.append(share / connector.phases if is_total else share)
            elif (persona.reads_phases_as_one or persona.reads_watts_per_phase) and not connector.is_dc:
                currents_a.append(share / self._voltage_v)
            else:
                powers_kw.append(share / 1000.0)
        return Limit(current_a=min(currents_a, default=None), power_kw=min(powers_kw, default=None))

    # What is not taken

    def _objection_to_content(self, new: Installed) -> Objection | None:
        persona, count = self._persona, len(new.periods)
        starts = [period.start_s for period in new.periods]
        most = persona.max_stack_level if persona.counts_periods_by_stack_level else persona.max_periods
        is_replacement = replaces_any(self.installed, new, rules=self._rules)
        is_full = len(self.installed) >= persona.max_profiles
        takes_replacement = is_replacement and not persona.full_refuses_replacement
        found = (
            ("UnsupportedRateUnit", f"unit {new.unit}, {self.units} allowed", new.unit not in self.units),
            ("InvalidSchedule", f"{count} periods, 1 to {most} allowed", not 1 <= count <= most),
            (
                "InvalidStackLevel",
                f"stack level {new.level}, 0 to {persona.max_stack_level} allowed",
                not 0 <= new.level <= persona.max_stack_level,
            ),
            (
                "OutOfStorage",
                f"{persona.max_profiles} profiles are installed already",
                is_full and not takes_replacement,
            ),
            (
                "InvalidSchedule",
                "periods begin at 0 and ascend",
                starts[:1] != [0] or starts != sorted(set(starts)),
            ),
            ("InvalidSchedule", "a limit is negative", any(period.limit < 0 for period in new.periods)),
            (
                "InvalidSchedule",
                "numberPhases is 1 to 3",
                any(period.number_phases not in {None, 1, 2, 3} for period in new.periods),
            ),
            ("InvalidSchedule", "duration is positive", new.duration_s is not None and new.duration_s <= 0),
            (
                "InvalidSchedule",
                "recurring needs startSchedule and recurrencyKind",
                new.kind == "Recurring" and (new.start is None or new.recurrence_s is None),
            ),
        )
        return next((Objection(reason=reason, text=text) for reason, text, applies in found if applies), None)

    def _objection_by_character(self, new: Installed) -> Objection | None:
        """What only some charge points mind."""
        persona = self._persona
        limits = [self._per_phase_a(period.limit, new) for period in new.periods]
        least = min((connector.min_current_a for connector in self.connectors.values()), default=0.0)
        refused = {
            "it refuses all profiles": persona.refuses_profiles,
            f"it knows no {new.purpose} profiles": new.purpose in persona.refused_purposes,
            f"it knows no {new.kind} profiles": new.kind in persona.refused_kinds,
            "a limit is 0": persona.refused_limits == "zero" and 0 in limits,
            "a limit is below the minimum": persona.refused_limits == "below_minimum"
            and any(0 < limit < least for limit in limits),
            "a limit is no multiple of 0.1": persona.refuses_tenths
            and any(not (period.limit / 0.1).is_integer() for period in new.periods),
        }
        text = next((text for text, applies in refused.items() if applies), None)
        return None if text is None else Objection(reason="InvalidProfile", text=text)

    def _per_phase_a(self, limit: float, profile: Installed) -> float:
        phases = max(1, *(connector.phases for connector in self.connectors.values()))
        return limit if profile.unit == "A" else limit / (self._voltage_v * phases)
