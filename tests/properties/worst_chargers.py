"""Chargers that do with every request the worst they may, and what they could truly make a depot draw.

What they make of their profiles is read by the simulated charge point's own resolver, which shares nothing with what
decides here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from dispatch.safety import Place
from dispatch.simulator.resolver import (
    EARLIEST,
    LATEST,
    Allowance,
    Installed,
    Kind,
    Period,
    Purpose,
    Rules,
    Session,
    after_transaction,
    allowances_at,
    install,
    schedule,
)
from dispatch.station import (
    ChargerState,
    CompositeReply,
    CompositeSchedule,
    ConnectorState,
    LiveState,
    Outcome,
    RateUnit,
    Reply,
    SchedulePeriod,
    StationProfile,
    Transaction,
)
from optimiser.depot import Charger, Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan

RULES = Rules(
    slot_replaces=True, defaults_are_one_stack=False, fewest_phases_convert=False, tells_full_power=False
)
KINDS: Mapping[str, Kind] = {"absolute": "Absolute", "relative": "Relative", "daily": "Recurring"}
PURPOSES: Mapping[str, Purpose] = {
    "tx_default": "default",
    "tx": "transaction",
    "station_max": "station_max",
}
VOLTAGE_V = 230.0
NOISE = 1e-6
FOREVER_S = 14 * 24 * 3600
"""As far as anybody looks. [s]"""


class Killed(BaseException):
    """The dispatcher is no more: nothing it would still do is done."""


@dataclass(kw_only=True)
class WorstCharger:
    """A charger with one connector, and what is on it. ``keeps_with``: the firmware with which it loses nothing."""

    charger: Charger
    firmware: str = "1"
    keeps_with: frozenset[str] = frozenset()
    connected_since: datetime | None
    booted_at: datetime | None = None
    installed: tuple[Installed, ...] = ()
    transaction: Transaction | None = None

    def session(self, now: datetime, *, runs: bool) -> Session:
        began = now if self.transaction is None else self.transaction.started_at
        return Session(connector_id=1, in_transaction=runs, charging_since=began)

    def edges(self, now: datetime) -> set[datetime]:
        """When what it lets pass may change, from now on."""
        found = {now}
        for runs in self.endings():
            session = self.session(now, runs=runs)
            stretches = schedule(self.installed, session, start=now, duration_s=FOREVER_S, rules=RULES)
            found |= {now + timedelta(seconds=stretch.start_s) for stretch in stretches}
        return found

    def endings(self) -> tuple[bool, ...]:
        """With its transaction, if one runs, and without."""
        return (False,) if self.transaction is None else (True, False)

    def worst_kw(self, instants: Sequence[datetime]) -> FloatArray:
        """The most that it can draw at instants, whether its transaction goes on or ends."""
        found: FloatArray = np.max([self._draws_kw(instants, runs=runs) for runs in self.endings()], axis=0)
        return found

    def _draws_kw(self, instants: Sequence[datetime], *, runs: bool) -> list[float]:
        session = self.session(instants[0], runs=runs)
        return [self._drawn_kw(allowances_at(self.installed, session, at, rules=RULES)) for at in instants]

    def _drawn_kw(self, allowances: Iterable[Allowance]) -> float:
        full_kw = self.charger.connectors[0].full_power_kw(VOLTAGE_V)
        return min([full_kw, *(_kw(allowance) for allowance in allowances)])


@dataclass(kw_only=True)
class WorstStations:
    """All chargers of a depot. What comes of the next requests stands in ``outcomes`` and ``sights``, in order; what
    happens before the next question for the live state in ``happenings``. When those are used up, all goes well.
    """

    depot: Depot
    plan: Plan
    now: datetime
    chargers: dict[str, WorstCharger]
    outcomes: deque[str] = field(default_factory=deque)
    sights: deque[str] = field(default_factory=deque)
    happenings: deque[Callable[[], None]] = field(default_factory=deque)
    writes: int = 0

    @classmethod
    def of(cls, depot: Depot, plan: Plan, *, now: datetime) -> WorstStations:
        chargers = {c.id: WorstCharger(charger=c, connected_since=now) for c in depot.chargers}
        return cls(depot=depot, plan=plan, now=now, chargers=chargers)

    # ── the verbs of a push ──────────────────────────────────────────────────────────────────────────────

    async def live(self) -> LiveState:
        if self.happenings:
            self.happenings.popleft()()
        states = tuple(
            ChargerState(
                charger_id=charger_id,
                connected_since=one.connected_since,
                booted_at=one.booted_at,
                firmware=one.firmware,
                connectors=(ConnectorState(connector_id=1, transaction=one.transaction),),
            )
            for charger_id, one in self.chargers.items()
        )
        return LiveState(now=self.now, chargers=states)

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        charger = self.chargers[charger_id]
        word = self.outcomes.popleft() if self.outcomes else "accepted"
        await asyncio.sleep(0)
        if charger.connected_since is None:
            return Reply(outcome=Outcome.NOT_CONNECTED, at=self.now)
        if word == "killed before":
            raise Killed
        if not self._may_take(charger, profile) or word == "refused":
            return Reply(outcome=Outcome.REFUSED, at=self.now)
        if word != "silent, not taken":
            self._take(charger, profile)
        if word == "killed after":
            raise Killed
        await asyncio.sleep(0)
        if word == "line cut, taken":
            charger.connected_since = None
            return Reply(outcome=Outcome.NO_ANSWER, at=self.now)
        is_silent = word.startswith("silent")
        return Reply(outcome=Outcome.NO_ANSWER if is_silent else Outcome.ACCEPTED, at=self.now)

    async def composite_schedule(
        self, charger_id: str, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        charger = self.chargers[charger_id]
        word = self.sights.popleft() if self.sights else "readable"
        await asyncio.sleep(0)
        if charger.connected_since is None:
            return CompositeReply(reply=Reply(outcome=Outcome.NOT_CONNECTED, at=self.now))
        if word != "readable":
            outcome = Outcome.NO_ANSWER if word == "silent" else Outcome.REFUSED
            return CompositeReply(reply=Reply(outcome=outcome, at=self.now))
        session = charger.session(self.now, runs=charger.transaction is not None)
        stretches = schedule(charger.installed, session, start=self.now, duration_s=duration_s, rules=RULES)
        told = CompositeSchedule(
            connector_id=connector_id,
            start=self.now,
            duration_s=duration_s,
            unit=unit,
            periods=tuple(
                SchedulePeriod(start_s=s.start_s, limit=_told(s.allowances, unit), number_phases=3)
                for s in stretches
            ),
        )
        return CompositeReply(reply=Reply(outcome=Outcome.ACCEPTED, at=self.now), schedule=told)

    # ── what happens beside it ───────────────────────────────────────────────────────────────────────────

    def boot(self, charger_id: str, *, loses: str, firmware: str | None = None) -> None:
        """A charger starts anew, perhaps with new firmware: its transaction ends, and it has lost what it loses."""
        charger = self.chargers[charger_id]
        charger.firmware = firmware or charger.firmware
        charger.booted_at = charger.connected_since = self.now
        self._lose(charger, loses)
        self.end_transaction(charger_id)

    def connect(self, charger_id: str, *, loses: str = "nothing") -> None:
        charger = self.chargers[charger_id]
        charger.connected_since = self.now
        self._lose(charger, loses)

    def disconnect(self, charger_id: str) -> None:
        self.chargers[charger_id].connected_since = None

    def begin_transaction(self, charger_id: str, transaction: Transaction) -> None:
        self.end_transaction(charger_id)
        self.chargers[charger_id].transaction = transaction

    def end_transaction(self, charger_id: str) -> None:
        charger = self.chargers[charger_id]
        charger.transaction = None
        charger.installed = after_transaction(charger.installed, 1)

    # ── what is true ─────────────────────────────────────────────────────────────────────────────────────

    def overload_kw(self, instants: Sequence[datetime]) -> FloatArray:
        """What could truly be drawn above the transformer's limit; 0 where that is kept."""
        drawn_kw = np.sum([one.worst_kw(instants) for one in self.chargers.values()], axis=0)
        excess: FloatArray = np.maximum(0.0, drawn_kw - self._allowed_kw(instants))
        return excess

    def instants(self) -> list[datetime]:
        edges = {edge for one in self.chargers.values() for edge in one.edges(self.now)}
        horizon = self.plan.horizon
        return sorted(edges | {at for at in (*horizon.starts(), horizon.end) if at > self.now})

    def _allowed_kw(self, instants: Sequence[datetime]) -> FloatArray:
        site, plan = self.depot.site, self.plan
        steps = [int(np.floor(plan.horizon.position(at))) for at in instants]
        base_kw = [
            plan.site.base_load_kw[step] if 0 <= step < plan.horizon.steps else site.base_load_max_kw
            for step in steps
        ]
        return np.asarray(site.transformer_limit_kw - site.reserve_kw - np.array(base_kw))

    def _may_take(self, charger: WorstCharger, profile: StationProfile) -> bool:
        """A TxProfile is taken for the transaction that runs alone (OCPP 1.6 §3.13.1)."""
        if profile.transaction_id is None:
            return True
        runs = charger.transaction
        return runs is not None and runs.transaction_id == profile.transaction_id

    def _take(self, charger: WorstCharger, profile: StationProfile) -> None:
        """The charger takes a profile, which must lift nothing above the limit, nor further above it."""
        before = charger.installed
        after = install(before, installed_of(profile), rules=RULES)
        charger.installed = after
        instants = self.instants()
        excess_after = self.overload_kw(instants)
        charger.installed = before
        instants_before = self.instants()
        both = sorted({*instants, *instants_before})
        excess_before = self.overload_kw(both)
        charger.installed = after
        excess_after = self.overload_kw(both)
        self.writes += 1
        worse = np.flatnonzero(excess_after > excess_before + NOISE)
        assert not len(worse), (
            f"{charger.charger.id} at {both[worse[0]]}: {excess_before[worse[0]]:.2f} kW above the limit became "
            f"{excess_after[worse[0]]:.2f} by {profile}"
        )

    @staticmethod
    def _lose(charger: WorstCharger, loses: str) -> None:
        if charger.firmware in charger.keeps_with:
            return
        keeps: Callable[[Installed], bool] = {
            "nothing": lambda _: True,
            "everything": lambda _: False,
            "session": lambda one: one.purpose != "transaction",
            "floor": lambda one: one.profile_id % 10 != 1,
            "plan": lambda one: one.profile_id % 10 not in {2, 3},
            "ceiling": lambda one: one.profile_id % 10 != 4,
            "all but the ceiling": lambda one: one.profile_id % 10 == 4,
        }[loses]
        charger.installed = tuple(one for one in charger.installed if keeps(one))


def installed_of(profile: StationProfile) -> Installed:
    """A profile as a charge point holds it."""
    is_relative = profile.kind == "relative"
    return Installed(
        profile_id=profile.profile_id,
        connector_id=profile.connector_id,
        purpose=PURPOSES[profile.purpose],
        level=profile.stack_level,
        kind=KINDS[profile.kind],
        unit=profile.unit,
        periods=tuple(
            Period(start_s=p.start_s, limit=p.limit, number_phases=p.number_phases) for p in profile.periods
        ),
        start=None if is_relative else profile.start,
        duration_s=profile.duration_s,
        recurrence_s=24 * 3600 if profile.kind == "daily" else None,
        valid_from=profile.valid_from or EARLIEST,
        valid_to=profile.valid_to or LATEST,
        transaction_id=profile.transaction_id,
    )


def drawn_by(
    wanted: Sequence[StationProfile], charger: WorstCharger, instants: Sequence[datetime]
) -> FloatArray:
    """The most that a charger would draw if it held just these profiles. [kW]"""
    return replace(charger, installed=tuple(map(installed_of, wanted))).worst_kw(instants)


def place_of(charger_id: str) -> Place:
    return Place(charger_id, 1)


def _kw(allowance: Allowance) -> float:
    if allowance.unit == "W":
        return allowance.limit / 1000.0
    return allowance.limit * 3 * VOLTAGE_V / 1000.0


def _told(allowances: Sequence[Allowance], unit: RateUnit) -> float:
    """The lowest in a unit, as a charger tells it; −1 is no limit."""
    return min(_in_unit(allowances, unit), default=-1.0)


def _in_unit(allowances: Sequence[Allowance], unit: RateUnit) -> Iterator[float]:
    for allowance in allowances:
        kw = _kw(allowance)
        yield kw * 1000.0 if unit == "W" else kw * 1000.0 / (3 * VOLTAGE_V)
