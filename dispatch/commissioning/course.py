"""The course of a commissioning: which trial comes after which, on which connector, and what follows from all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from dispatch.charger import Capabilities
from dispatch.commissioning import driven, parted, sessions, shown, takes
from dispatch.commissioning.bearing import Others, WouldBreakError, seen_of
from dispatch.commissioning.bench import Bench
from dispatch.commissioning.driven import Load
from dispatch.commissioning.protocol import Check, Protocol, Verdict
from dispatch.composite import effective
from dispatch.identity import Identity
from dispatch.journal import Journal
from dispatch.known import identity_of, known_of
from dispatch.safety import Place, Standing, Wiring
from dispatch.station import LiveState, MeterReading, Stations
from dispatch.validate import Grade, compare
from optimiser.depot import Charger, Commissioned, Connector, Depot
from optimiser.horizon import Horizon
from optimiser.plan import Plan

LOOK_AHEAD = timedelta(days=1)
"""How far ahead the other chargers are asked what they will allow."""
DRAWS_KW = 0.3
"""Below this a vehicle is not charging. [kW]"""
LOAD_CHECKS = (
    Check.OBEYS, Check.WATTS, Check.PHASES, Check.STEP, Check.PATTERN, Check.SESSION, Check.PAUSE, Check.SCOPE,
    Check.CEILING,
)  # fmt: skip
"""What only a vehicle that charges can show."""

Found = TypeVar("Found")
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a commissioning came to. ``left``: what could not be put back as it was."""

    charger_id: str
    identity: Identity
    begun: datetime
    ended: datetime
    protocol: Protocol
    connector_id: int
    left: tuple[str, ...] = ()

    @property
    def has_passed(self) -> bool:
        """Whether every check passed."""
        return not self.left and all(one.verdict is Verdict.PASS for one in self.protocol.results)

    def commissioned(self, depot: Depot) -> Commissioned:
        """What goes into the capability file: the levers that the dispatcher knows."""
        levers = {
            name: lesson for name, lesson in self.protocol.levers.items() if name in Capabilities.model_fields
        }
        zone = Horizon(start=self.begun, step_s=1, steps=1, timezone=depot.timezone)
        return Commissioned(
            on=zone.local(self.begun).date(),
            firmware=self.identity.firmware or "",
            capabilities={name: lesson.value for name, lesson in levers.items()},
            because={name: lesson.because for name, lesson in levers.items()},
        )


async def commission(
    depot: Depot,
    charger: Charger,
    *,
    plan: Plan | None,
    journal: Journal,
    stations: Stations,
    folder: Path,
    wait_s: float,
    say: Say,
) -> Outcome:
    """Test a charger that is connected, and leave it as it was found whatever happens.

    ``journal`` is one to write under a lease. ``wait_s``: how long it is waited for a vehicle that charges.
    Raises :class:`dispatch.station.StationsUnreachableError` and :class:`dispatch.station.LeaseLostError`.
    """
    protocol = Protocol()
    begun = (await stations.live()).now
    connector = await _vehicle(charger, stations, wait_s=wait_s, say=say)
    live = await stations.live()
    bench = Bench(
        depot=depot,
        plan=plan,
        charger=charger,
        connector=connector or charger.connectors[0],
        stations=stations,
        journal=journal,
        folder=folder,
        others=await look_at_others(depot, charger, live, journal=journal, stations=stations),
        zone=ZoneInfo(depot.timezone),
    )
    left: list[str] = []
    try:
        await _Course(bench=bench, protocol=protocol, say=say).run(has_vehicle=connector is not None)
    finally:
        left = await bench.put_back()
    _conclude(protocol)
    return Outcome(
        charger_id=charger.id,
        identity=identity_of(charger, await bench.state()),
        begun=begun,
        ended=(await stations.live()).now,
        protocol=protocol,
        connector_id=bench.connector.id,
        left=tuple(left),
    )


@dataclass(frozen=True, kw_only=True)
class _Course:
    bench: Bench
    protocol: Protocol
    say: Say

    async def run(self, *, has_vehicle: bool) -> None:
        """All trials that what was found before leaves a sense to."""
        bench, protocol = self.bench, self.protocol
        self.say("what it takes and shows")
        before = await bench.read_back()
        await self._try(Check.SET, takes.levels(bench, protocol))
        if not await self._try(Check.SET, takes.find_form(bench, protocol)):
            self._leave_out("it takes no charging profile")
            return
        await self._try(Check.SET, bench.lift_overrides())
        reads_back = bool(await self._try(Check.READ_BACK, shown.read_back(bench, protocol)))
        await shown.alone(bench, protocol, before, reads_back=reads_back)
        await self._try(Check.CLEAR, shown.clear(bench, protocol))
        await self._try(Check.DECIMALS, takes.decimals(bench, protocol))
        await self._try(Check.BELOW_MINIMUM, takes.below_minimum(bench, protocol))
        await self._try(Check.PERIODS, takes.periods(bench, protocol, reads_back=reads_back))
        await self._try(Check.PURPOSES, takes.station_max(bench, protocol))
        if reads_back:
            await self._try(Check.STACK, shown.stack(bench, protocol))
            await self._try(Check.BOUNDARIES, shown.boundaries(bench, protocol))
            await self._try(Check.RECURRENCE, shown.recurrence(bench, protocol))
        else:
            for check in (Check.STACK, Check.BOUNDARIES, Check.RECURRENCE):
                protocol.note(check, Verdict.CANNOT_TELL, "its composite schedule does not tell")
        await self._try(Check.STORE, takes.store(bench, protocol))
        free = await self._try(Check.OBEYS, driven.free(bench, protocol)) if has_vehicle else None
        load = None
        if free is None:
            await self._try(Check.ZERO, takes.zero(bench, protocol))
            for check in LOAD_CHECKS:
                protocol.note(
                    check, Verdict.CANNOT_TELL, "no vehicle charges, or no meter shows what it draws"
                )
        else:
            self.say("what a vehicle draws under its limits")
            load = await self._under_load(Load(bench=bench, protocol=protocol, free=free))
        if "smart_charging" in protocol.levers:
            self._leave_out("no limit has an effect on it")
            return
        self.say("what it does without a link, and after a restart")
        await self._alone(load, reads_back=reads_back)

    async def _under_load(self, load: Load) -> Load | None:
        bench, protocol = self.bench, self.protocol
        if not await self._try(Check.OBEYS, driven.obeys(load)):
            why = "limits are not obeyed, or it cannot be seen whether they are"
            await self._try(Check.ZERO, takes.zero(bench, protocol))
            for check in LOAD_CHECKS:
                if protocol.verdict(check) is None:
                    protocol.note(check, Verdict.CANNOT_TELL, why)
            return load if protocol.verdict(Check.OBEYS) is not Verdict.FAIL else None
        await bench.trust()
        takes_watts = protocol.levers.get("unit") is None or protocol.levers["unit"].value == "W"
        await self._try(Check.WATTS, driven.watts(load, takes=takes_watts))
        if "smart_charging" in protocol.levers:
            return None
        await self._try(Check.STEP, driven.step(load))
        await self._try(Check.PATTERN, driven.pattern(load))
        await self._try(Check.SESSION, sessions.session(load))
        others = await parted.charging_beside(bench)
        await self._try(Check.SCOPE, parted.scope(load, others))
        await self._try(Check.CEILING, parted.ceiling(load, others))
        await self._try(Check.PAUSE, sessions.pause(load))
        return None if load.is_over else load

    async def _alone(self, load: Load | None, *, reads_back: bool) -> None:
        bench, protocol = self.bench, self.protocol
        linked = await self._try(Check.LINK, parted.link_lost(bench, protocol, load, reads_back=reads_back))
        booted = await self._try(Check.REBOOT, parted.reboot(bench, protocol, load, reads_back=reads_back))
        if linked is False:
            protocol.find("forgets", "on_reconnect", "it forgot its limit while the link was lost")
        elif booted is False:
            protocol.find("forgets", "on_boot", "it forgot its limit over a restart")
        elif linked and booted:
            protocol.find("forgets", "never", "its limit held while the link was lost and over a restart")

    async def _try(self, check: Check, trial: Awaitable[Found]) -> Found | None:
        """A trial, left where the site cannot bear it."""
        try:
            return await trial
        except WouldBreakError as error:
            self.protocol.note(check, Verdict.CANNOT_TELL, f"not tried: {error}")
            self.protocol.refused.append(str(error))
            return None

    def _leave_out(self, why: str) -> None:
        for check in Check:
            if self.protocol.verdict(check) is None:
                self.protocol.note(check, Verdict.CANNOT_TELL, f"not tried: {why}")


def _conclude(protocol: Protocol) -> None:
    """What follows from several checks together."""
    obeys = protocol.verdict(Check.OBEYS) is Verdict.PASS
    trusted = obeys and Verdict.FAIL not in {protocol.verdict(Check.PATTERN), protocol.verdict(Check.PAUSE)}
    if protocol.verdict(Check.OBEYS) is not Verdict.CANNOT_TELL:
        words = (
            "its meter showed that what it accepts it does"
            if trusted
            else "its meter showed other than it accepted"
        )
        protocol.find("accepted_is_proof", trusted, words)
    if not obeys and protocol.verdict(Check.READ_BACK) is Verdict.FAIL:
        # What it shows may be true, and what it accepts not: only a meter tells these two apart.
        protocol.levers.pop("read_back", None)


async def _vehicle(charger: Charger, stations: Stations, *, wait_s: float, say: Say) -> Connector | None:
    """The connector on which a session runs, rather one on which something is drawn; none where nobody comes in time."""
    live = await stations.live()
    until = live.now + timedelta(seconds=wait_s)
    has_said = False
    while True:
        state = live.charger(charger.id)
        there = [one for one in charger.connectors if state.connector(one.id).transaction is not None]
        drawing = [one for one in there if _draws(state.connector(one.id).meter)]
        if there:
            return (drawing or there)[0]
        left_s = (until - live.now).total_seconds()
        if left_s <= 0:
            return None
        if not has_said:
            say(
                f"no vehicle charges on {charger.id}: plug one in that is not full; waiting {left_s / 60.0:.0f} minutes"
            )
            has_said = True
        live = await stations.wait_for_change(after=live.now, timeout_s=left_s)


def _draws(meter: MeterReading | None) -> bool:
    return meter is not None and ((meter.power_kw or 0.0) >= DRAWS_KW or (meter.current_a or 0.0) >= 1.0)


async def look_at_others(
    depot: Depot, charger: Charger, live: LiveState, *, journal: Journal, stations: Stations
) -> Others:
    """Every other connector as it is proven now: read back, or accepted by one that was commissioned as obeying."""
    ledger = journal.ledger(since=live.now - timedelta(hours=1))
    standings: dict[Place, Standing] = {}
    for other in depot.chargers:
        state = live.charger(other.id)
        identity = identity_of(other, state)
        known = known_of(
            other,
            identity=identity,
            reported=state.configuration,
            learned=ledger.learned(identity, charger_id=other.id),
        )
        for connector in other.connectors if other.id != charger.id else ():
            running = state.connector(connector.id).transaction
            held = tuple(
                command.profile
                for command in ledger.installed(other.id)
                if command.profile.connector_id in {0, connector.id}
            )
            standing = Standing(
                wiring=Wiring(
                    place=Place(other.id, connector.id), connector=connector, voltage_v=depot.site.voltage_v
                ),
                held=held,
                transaction_id=None if running is None else running.transaction_id,
            )
            is_proven = bool(held) and state.connected_since is not None
            is_proven = is_proven and await _is_proven(
                depot, standing, known.capabilities, stations, now=live.now
            )
            standings[standing.place] = Standing(**(vars(standing) | {"is_proven": is_proven}))
    return Others(standings=standings, seen={one.id: seen_of(live.charger(one.id)) for one in depot.chargers})


async def _is_proven(
    depot: Depot, standing: Standing, habits: Capabilities, stations: Stations, *, now: datetime
) -> bool:
    if not habits.smart_charging:
        return False
    if habits.read_back == "skip":
        return habits.accepted_is_proof
    seconds = round(LOOK_AHEAD.total_seconds())
    place = standing.place
    answer = await stations.composite_schedule(
        place.charger_id,
        connector_id=place.connector_id,
        duration_s=seconds,
        unit=standing.held[-1].unit,
    )
    expected = effective(
        standing.held, transaction_id=standing.transaction_id, start=now, end=now + LOOK_AHEAD
    )
    comparison = compare(
        expected, answer, wiring=standing.wiring, zone=ZoneInfo(depot.timezone), habits=habits
    )
    return comparison.grade in {Grade.MATCH, Grade.LOWER}
