"""The bench on which a charger is tested: sends what the site can bear, reads back, looks at the meter, tidies up.

Owns what is on the charger during a test, and every wait. Nothing here judges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dispatch import leftovers
from dispatch.commissioning.bearing import Others, WouldBreakError, is_lowering, obstacle, seen_of
from dispatch.commissioning.forms import Form, Values
from dispatch.composite import effective
from dispatch.journal import Journal
from dispatch.safety import Place, Standing, Wiring
from dispatch.station import (
    ChargerState,
    CompositeReply,
    LiveState,
    MeterReading,
    Outcome,
    ProfileKind,
    Purpose,
    RateUnit,
    Reply,
    SchedulePeriod,
    StationProfile,
    Stations,
    TransactionId,
    UnsendableError,
)
from dispatch.validate import Comparison, Grade, compare
from optimiser.depot import Charger, Connector, Depot
from optimiser.plan import Plan

HEAD_START_S = 300
"""How long before it is sent a profile of the test begins: no clock that is some minutes behind matters. [s]"""
READING_S = 150.0
"""How long a reading is waited for: twice the usual interval of a charger that sends none when it is asked. [s]"""
WATCH_S = 5.0
"""How often it is looked whether the site still bears what holds. [s]"""
READ_BACK_S = 900
"""How far ahead it is asked what it will allow. [s]"""

Periods = Sequence[tuple[float, float]]
"""From how many seconds after now on, which limit: A per phase on AC, W on DC."""


@dataclass(kw_only=True)
class Bench:
    """One charger under test, on one connector; ``held`` are the profiles of the test that it has accepted.

    ``level`` is the stack level of what is tested, ``lower_level`` that beneath it, the same where there is but one.
    """

    depot: Depot
    plan: Plan | None
    charger: Charger
    connector: Connector
    stations: Stations
    journal: Journal
    folder: Path
    others: Others
    zone: ZoneInfo
    level: int = 1
    lower_level: int = 0
    form: Form = field(default_factory=Form)
    held: dict[int, StationProfile] = field(default_factory=dict)
    is_proven: bool = False
    by_session: bool = False
    lifted: set[int] = field(default_factory=set)
    _proven_as: object = None
    _ids: dict[tuple[object, ...], int] = field(default_factory=dict)

    # ── what is there ────────────────────────────────────────────────────────────────────────────────────

    @property
    def values(self) -> Values:
        """The limits that are used in the test, as the connector understands them."""
        return Values.of(self.connector)

    async def state(self) -> ChargerState:
        """What is known of the charger now."""
        return (await self.stations.live()).charger(self.charger.id)

    async def transaction_id(self, connector_id: int | None = None) -> TransactionId | None:
        """The session that runs on the connector."""
        transaction = (await self.state()).connector(connector_id or self.connector.id).transaction
        return None if transaction is None else transaction.transaction_id

    def ledger(self) -> list[StationProfile]:
        """What the charger holds of ours, by the ledger, without what was lifted for the test."""
        held = [profile for profile, _ in self.journal.installed(self.charger.id)]
        return [profile for profile in held if profile.profile_id not in self.lifted]

    # ── what is sent ─────────────────────────────────────────────────────────────────────────────────────

    def profile(
        self,
        periods: Periods,
        *,
        now: datetime,
        form: Form | None = None,
        purpose: Purpose = Purpose.TX_DEFAULT,
        level: int | None = None,
        connector_id: int | None = None,
        transaction_id: TransactionId | None = None,
        valid_from_s: float | None = None,
        valid_to_s: float | None = None,
        kind: ProfileKind | None = None,
        begins_s: float = -HEAD_START_S,
        duration_s: int | None = None,
    ) -> StationProfile:
        """A profile of the test; the first of its periods holds from its start on."""
        form = form or self.form
        level = self.level if level is None else level
        place = self.connector.id if connector_id is None else connector_id
        start = (now + timedelta(seconds=begins_s)).replace(microsecond=0)
        phases = self.connector.phases if form.sends_phases and not self.connector.is_dc else None

        def at(seconds: float | None) -> datetime | None:
            return None if seconds is None else (now + timedelta(seconds=seconds)).replace(microsecond=0)

        kind = kind or form.kind
        return StationProfile(
            profile_id=self._id(purpose, place, level),
            connector_id=place,
            purpose=purpose,
            stack_level=level,
            kind=kind,
            start=start,
            duration_s=duration_s,
            valid_from=at(valid_from_s),
            valid_to=at(valid_to_s),
            unit=form.unit,
            periods=tuple(
                SchedulePeriod(
                    start_s=0 if index == 0 else round(offset_s - begins_s),
                    limit=form.limit(value, self.connector, voltage_v=self.depot.site.voltage_v),
                    number_phases=phases,
                )
                for index, (offset_s, value) in enumerate(periods)
            ),
            transaction_id=transaction_id,
        )

    async def send(self, profile: StationProfile, *, counts_as: StationProfile | None = None) -> Reply:
        """Install a profile. Raises :class:`WouldBreakError` where the site could not bear it.

        ``counts_as``: the most that it may be misread as, where that is just what is asked.
        """
        live = await self.stations.live()
        self._require(counts_as or profile, live)
        noted = set(leftovers.noted(self.folder).get(self.charger.id, ()))
        later = noted | ({profile.profile_id} & set(leftovers.TEST_IDS))
        # Before the first request, whatever it is about: what is in our own profiles' places has to be put back as well.
        if later != noted or not leftovers.note_file(self.folder, self.charger.id).exists():
            leftovers.note(self.folder, self.charger.id, later)
        try:
            reply = await self.stations.set_profile(self.charger.id, profile)
        except UnsendableError as error:
            reply = Reply(outcome=Outcome.REFUSED, reason=f"not sent: {error}", at=live.now)
        if reply.outcome is Outcome.ACCEPTED:
            self.held[profile.profile_id] = profile
        elif reply.outcome is Outcome.REFUSED and later != noted:
            leftovers.note(self.folder, self.charger.id, noted)
        return reply

    async def hold(self, value: float, *, form: Form | None = None, upper: float | None = None) -> Reply:
        """Let one limit hold on the connector, for the running session too where that takes a profile of its own.

        ``upper``: the most that it may be misread as.
        """
        now = (await self.stations.live()).now
        made = self.profile([(0, value)], now=now, form=form)
        worst = None if upper is None else self.profile([(0, upper)], now=now, form=form)
        reply = await self.send(made, counts_as=worst)
        running = await self.transaction_id()
        if not self.by_session or running is None:
            return reply
        return await self.hold_session(value, form=form)

    async def hold_session(self, value: float, *, form: Form | None = None) -> Reply:
        """Let one limit hold for the running session."""
        now = (await self.stations.live()).now
        running = await self.transaction_id()
        return await self.send(
            self.profile([(0, value)], now=now, form=form, purpose=Purpose.TX, transaction_id=running)
        )

    async def clear(self, profile: StationProfile) -> Reply:
        """Remove a profile of the test. Raises :class:`WouldBreakError` where the site could not bear that."""
        live = await self.stations.live()
        rest = {number: one for number, one in self.held.items() if number != profile.profile_id}
        self._check(self._standings(rest, live), live, before=self._standings(self.held, live))
        reply = await self.stations.clear_profile(self.charger.id, profile.profile_id)
        if reply.outcome is Outcome.ACCEPTED:
            self.held = rest
        return reply

    async def lift_overrides(self) -> None:
        """Remove our own profiles of the running session, under which no default can be seen; they are put back.

        Raises :class:`WouldBreakError` where the site could not bear what then holds.
        """
        live = await self.stations.live()
        overrides = [
            one
            for one in self.ledger()
            if one.purpose is Purpose.TX and one.connector_id == self.connector.id
        ]
        before = self._standings(self.held, live)
        self.lifted |= {one.profile_id for one in overrides}
        try:
            self._check(self._standings(self.held, live), live, before=before)
        except WouldBreakError:
            self.lifted.clear()
            raise
        for profile in overrides:
            await self.stations.clear_profile(self.charger.id, profile.profile_id)

    async def put_back(self) -> list[str]:
        """Leave the charger as it was found; returns what has failed."""
        live = await self.stations.live()
        state = live.charger(self.charger.id)
        ids = leftovers.noted(self.folder).get(self.charger.id, [])
        failed = await leftovers.put_back(
            self.charger.id,
            ids,
            running=[one.transaction.transaction_id for one in state.connectors if one.transaction],
            now=live.now,
            journal=self.journal,
            stations=self.stations,
        )
        if not failed:
            leftovers.note_file(self.folder, self.charger.id).unlink(missing_ok=True)
        return failed

    # ── what is seen ─────────────────────────────────────────────────────────────────────────────────────

    async def read_back(
        self, *, connector: Connector | None = None, duration_s: int = READ_BACK_S
    ) -> tuple[CompositeReply, Comparison]:
        """What the charger says that it will allow, beside what it should."""
        connector = connector or self.connector
        live = await self.stations.live()
        running = await self.transaction_id(connector.id)
        unit: RateUnit = self.form.unit
        answer = await self.stations.composite_schedule(
            self.charger.id, connector_id=connector.id, duration_s=duration_s, unit=unit
        )
        stack = self._stack(self.held, connector)
        now = live.now
        expected = effective(
            stack, transaction_id=running, start=now, end=now + timedelta(seconds=duration_s)
        )
        comparison = compare(expected, answer, wiring=self._wiring(connector), zone=self.zone)
        return answer, comparison

    async def prove(self) -> tuple[CompositeReply, Comparison]:
        """Read back; what it shows rightly is proven until it comes anew."""
        answer, comparison = await self.read_back()
        self.is_proven = comparison.grade in {Grade.MATCH, Grade.LOWER}
        self._proven_as = seen_of(await self.state())
        return answer, comparison

    async def trust(self) -> None:
        """Count it at what it holds, until it comes anew: its meter has shown that it obeys."""
        self.is_proven, self._proven_as = True, seen_of(await self.state())

    async def reading(
        self, *, connector_id: int | None = None, patience_s: float = READING_S
    ) -> MeterReading | None:
        """A reading of the meter from now; None where none comes."""
        place = connector_id or self.connector.id
        live = await self.stations.live()
        before = live.charger(self.charger.id).connector(place).meter
        await self.stations.trigger_meter_values(self.charger.id, connector_id=place)
        until = live.now + timedelta(seconds=patience_s)
        while True:
            live = await self.stations.live()
            meter = live.charger(self.charger.id).connector(place).meter
            if (
                meter is not None
                and meter != before
                and meter.received_at >= (before.received_at if before else meter.received_at)
            ):
                return meter
            left_s = (until - live.now).total_seconds()
            if left_s <= 0:
                return None
            await self.stations.wait_for_change(after=live.now, timeout_s=left_s)

    async def pause(self, seconds: float) -> None:
        """Let time pass. Raises :class:`WouldBreakError`, after having lowered, where the site can bear no more what holds."""
        while seconds > 0:
            await asyncio.sleep(min(seconds, WATCH_S))
            seconds -= WATCH_S
            await self._watch()

    async def _watch(self) -> None:
        live = await self.stations.live()
        holds = self._standings(self.held, live)
        broken = obstacle(self.depot, self.plan, [*holds, *self.others.now(live)], live) if self.held else ""
        if not broken:
            return
        low = self.profile([(0, self.values.low)], now=live.now)
        lowest = self._standings({**self.held, low.profile_id: low}, live)
        if not is_lowering(lowest, holds, now=live.now):
            await self.hold(self.values.low)
            raise WouldBreakError(f"while it was tested, {broken}")

    # ── what the site can bear ───────────────────────────────────────────────────────────────────────────

    async def bears(self, value: float) -> str:
        """What would break if the connector held a limit, empty where the site can bear it."""
        live = await self.stations.live()
        profile = self.profile([(0, value)], now=live.now)
        later = {**self.held, profile.profile_id: profile}
        try:
            self._check(self._standings(later, live), live, before=self._standings(self.held, live))
        except WouldBreakError as error:
            return str(error)
        return ""

    def _require(self, new: StationProfile, live: LiveState) -> None:
        later = {**self.held, new.profile_id: new}
        before = self._standings(self.held, live)
        self._check(self._standings(later, live), live, before=before)

    def _check(self, after: Sequence[Standing], live: LiveState, *, before: Sequence[Standing]) -> None:
        broken = obstacle(self.depot, self.plan, [*after, *self.others.now(live)], live)
        if broken and not is_lowering(before, after, now=live.now):
            raise WouldBreakError(broken)

    def _standings(self, held: dict[int, StationProfile], live: LiveState) -> list[Standing]:
        state = live.charger(self.charger.id)
        is_proven = self.is_proven and self._proven_as == seen_of(state)
        found: list[Standing] = []
        for connector in self.charger.connectors:
            running = state.connector(connector.id).transaction
            found.append(
                Standing(
                    wiring=self._wiring(connector),
                    held=self._stack(held, connector),
                    is_proven=is_proven and connector.id == self.connector.id,
                    transaction_id=None if running is None else running.transaction_id,
                )
            )
        return found

    def _stack(self, held: dict[int, StationProfile], connector: Connector) -> tuple[StationProfile, ...]:
        """What a connector holds: ours beneath, and the test's, which is in the place of ours where both have one."""
        slots = {(one.connector_id, one.purpose, one.stack_level) for one in held.values()}
        below = [
            one
            for one in self.ledger()
            if one.profile_id not in held and (one.connector_id, one.purpose, one.stack_level) not in slots
        ]
        places = {0, connector.id}
        return tuple(one for one in (*below, *held.values()) if one.connector_id in places)

    def _wiring(self, connector: Connector) -> Wiring:
        place = Place(self.charger.id, connector.id)
        return Wiring(place=place, connector=connector, voltage_v=self.depot.site.voltage_v)

    def _id(self, purpose: Purpose, connector_id: int, level: int) -> int:
        """The id of a place on the charger: that of our own profile where there is one, so that it is replaced."""
        place = (connector_id, purpose, level)
        if purpose is not Purpose.TX:
            for profile in self.ledger():
                if (profile.connector_id, profile.purpose, profile.stack_level) == place:
                    return profile.profile_id
        return self._ids.setdefault(place, leftovers.FIRST_TEST_ID + len(self._ids))


def on_connector(bench: Bench, connector: Connector) -> Bench:
    """The same bench on another connector, with what is held in common."""
    return replace(bench, connector=connector)
