"""What chargers lose is put back by the gateway, over real WebSockets: after a boot, a cut line, beside a dispatcher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dispatch.address import parse_address
from dispatch.evidence import Command, Evidence, Layer, Rung, Verdict
from dispatch.gateway.reinstall import Held, Looked, Reinstaller, reinstalling
from dispatch.gateway.server import serve
from dispatch.gateway.sockets import SocketStations
from dispatch.lease import Writer, holding, is_gone, this_process, utc_now
from dispatch.simulator.persona import Persona
from dispatch.station import (
    ChargerState,
    CompositeReply,
    ConnectorState,
    Outcome,
    Reply,
    StationProfile,
    Transaction,
)
from dispatch.store.leases import Leases
from dispatch.store.ledger import Ledger
from dispatch.validate import Comparison, Grade
from optimiser.depot import Charger
from tests.builders import NIGHT, an_ac_connector
from tests.dispatch.dispatch_builders import NOW, a_profile
from tests.dispatch.gateway_builders import TOKENS, a_journal, a_listening_depot, an_entrance
from tests.dispatch.overnight_builders import (
    EVENING,
    PATIENCE_S,
    Rehearsal,
    a_clock,
    a_free_address,
    a_gateway_for,
    a_rehearsal,
    charge_points,
    three_vans_tonight,
)

WIRED = an_ac_connector()
FORGETS_AT_BOOT = Persona(loses_profiles_on_reboot=True)
FORGETS_WHEN_CUT = Persona(loses_profiles_on_disconnect=True)
DISPATCHER = this_process(Writer.DISPATCHER, "a dispatcher of the tests")


@asynccontextmanager
async def an_evening(folder: Path, *, personas: Mapping[str, Persona]) -> AsyncIterator[Rehearsal]:
    """Three vans on chargers that have been dispatched once, and a gateway that looks after them."""
    async with a_rehearsal(folder, three_vans_tonight(), personas=personas) as night:
        await night.tick()
        sockets = sockets_of(night)
        keeper = Reinstaller(
            depot=night.depot, journal=night.journal, stations=sockets, clock=sockets.clock, debounce_s=0.1
        )
        async with reinstalling(keeper):
            await asyncio.sleep(0)
            yield night


def sockets_of(night: Rehearsal) -> SocketStations:
    stations = night.gateway.stations
    assert isinstance(stations, SocketStations)
    return stations


async def shown(night: Rehearsal, charger_id: str = "CP1") -> CompositeReply:
    """What a charger will allow in the next minute."""
    return await night.stations.composite_schedule(charger_id, connector_id=1, duration_s=60, unit="A")


async def comes_again(night: Rehearsal, charger_id: str = "CP1") -> None:
    before = (await night.stations.live()).charger(charger_id).connected_since
    await night.until(lambda live: live.charger(charger_id).connected_since not in {None, before})


def again(night: Rehearsal, before: list[Command]) -> list[Command]:
    """What was sent since."""
    return night.journal.commands()[len(before) :]


def looks_at(night: Rehearsal, charger_id: str) -> list[Evidence]:
    """Read-backs of a charger so far."""
    evidence = night.journal.evidence(NIGHT)
    return [e for e in evidence if e.charger_id == charger_id and e.rung is Rung.READ_BACK]


async def until_proven(night: Rehearsal, charger_id: str = "CP1") -> None:
    """Wait for a read-back that confirms, later than the last command."""

    def is_proven() -> bool:
        evidence = [e for e in night.journal.evidence(NIGHT) if e.charger_id == charger_id]
        return (evidence[-1].rung, evidence[-1].verdict) == (Rung.READ_BACK, Verdict.CONFIRMED)

    await night.until(lambda _: is_proven())


def profiles(commands: list[Command]) -> list[StationProfile]:
    return [command.profile for command in commands]


async def test_after_a_reboot_a_charger_that_forgets_has_its_profiles_back_and_one_that_remembers_is_sent_nothing(
    tmp_path: Path,
) -> None:
    async with an_evening(tmp_path, personas={"CP1": FORGETS_AT_BOOT}) as night:
        before, held = night.journal.commands(), await shown(night)
        looks = len(looks_at(night, "CP2"))
        for charger_id in ("CP1", "CP2"):
            came = asyncio.create_task(comes_again(night, charger_id))
            await asyncio.sleep(0)
            await sockets_of(night).reset(charger_id)
            await came
        await night.until(lambda _: len(looks_at(night, "CP2")) > looks and len(again(night, before)) == 2)
        await until_proven(night)
        assert profiles(again(night, before)) == profiles([c for c in before if c.charger_id == "CP1"])
        now = await shown(night)
        assert now.schedule is not None
        assert held.schedule is not None
        assert now.schedule.periods == held.schedule.periods


async def test_a_charger_that_forgets_with_its_line_and_does_not_boot_has_its_profiles_back_from_any_gateway(
    tmp_path: Path,
) -> None:
    depot, read, plan = three_vans_tonight()
    depot, clock = a_listening_depot(depot, listen=str(a_free_address())), a_clock(EVENING)
    where = parse_address(depot.gateway.listen)
    async with charge_points(depot, read, where, personas={"CP1": FORGETS_WHEN_CUT}):
        async with a_gateway_for(tmp_path, (depot, read, plan), clock=clock) as night:
            await night.until_all_are_metered()
            await night.tick()
        journal, ready = a_journal(tmp_path), asyncio.Event()
        before, boots = journal.commands(), len(journal.events(kinds=("booted",)))
        serving = asyncio.create_task(
            serve(
                depot,
                journal,
                entrance=an_entrance(tmp_path, depot),
                api_tokens=TOKENS,
                clock=clock,
                ready=ready,
            )
        )
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()
            while [c.outcome for c in journal.commands()[len(before) :]] != [Outcome.ACCEPTED] * 2:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert profiles(journal.commands()[len(before) :]) == profiles(
            [c for c in before if c.charger_id == "CP1"]
        )
        assert len(journal.events(kinds=("booted",))) == boots
        serving.cancel()
        await asyncio.wait({serving})
        journal.close()


async def test_a_charger_is_left_to_a_dispatcher_at_work_and_served_when_that_one_is_done(
    tmp_path: Path,
) -> None:
    async with an_evening(tmp_path, personas={"CP1": FORGETS_AT_BOOT}) as night:
        before = night.journal.commands()
        async with holding(night.journal, DISPATCHER):
            came = asyncio.create_task(comes_again(night))
            await asyncio.sleep(0)
            await sockets_of(night).reset("CP1")
            await came
            await asyncio.sleep(0.5)
            assert again(night, before) == []
        await night.until(lambda _: len(again(night, before)) == 2)
        await until_proven(night)


async def test_a_dispatcher_begins_at_once_and_a_gateway_that_was_at_work_sends_nothing_more(
    tmp_path: Path,
) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas={"CP1": FORGETS_AT_BOOT}) as night:
        await night.tick()
        before = night.journal.commands()
        came = asyncio.create_task(comes_again(night))
        await asyncio.sleep(0)
        await sockets_of(night).reset("CP1")
        await came
        sockets, leases = sockets_of(night), Leases(engine=night.journal.engine)
        keeper = Reinstaller(
            depot=night.depot,
            journal=night.journal,
            clock=sockets.clock,
            stations=Interrupted(
                sessions=sockets.sessions,
                live_depot=sockets.live_depot,
                clock=sockets.clock,
                meanwhile=lambda: leases.take(
                    DISPATCHER, now=utc_now(), lasting=timedelta(minutes=1), is_gone=is_gone
                ),
            ),
            due={"CP1"},
        )
        await keeper.put_back([(await night.stations.live()).charger("CP1")])
        assert len(again(night, before)) == 1
        assert keeper.due == {"CP1"}


@dataclass(frozen=True, kw_only=True)
class Interrupted(SocketStations):
    """Sockets with something that happens whenever a profile is about to be sent over one."""

    meanwhile: Callable[[], object]

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        self.meanwhile()
        return await super().set_profile(charger_id, profile)


@pytest.mark.parametrize(
    ("grade", "was_away", "is_spared", "has_lost"),
    [
        (Grade.MATCH, True, False, False),
        (Grade.HIGHER, False, False, True),
        (Grade.HIGHER, False, True, True),  # it lowers
        (Grade.LOWER, True, False, True),  # the floor has survived, the plan has not
        (Grade.LOWER, False, False, False),
        (Grade.LOWER, True, True, False),
        (Grade.UNUSABLE, True, False, True),  # many say nothing where they have nothing
        (Grade.UNUSABLE, False, False, False),
    ],
)
def test_what_was_away_and_shows_anything_else_has_lost_it_of_others_only_what_allows_more(
    grade: Grade, *, was_away: bool, is_spared: bool, has_lost: bool
) -> None:
    state = ChargerState(charger_id="CP1", connected_since=NOW)
    held = Held.of(Charger(id="CP1", connectors=(WIRED,)), WIRED, state, Ledger(), now=NOW)
    looked = Looked(
        held=replace(held, was_away=was_away), comparison=Comparison(grade=grade), is_spared=is_spared
    )
    assert looked.has_lost is has_lost


def test_what_belongs_on_a_connector_is_what_it_accepted_last_and_what_is_not_over_lowest_first() -> None:
    later, earlier = NOW + timedelta(hours=8), NOW - timedelta(hours=8)
    state = ChargerState(
        charger_id="CP1",
        connected_since=NOW,
        connectors=(
            ConnectorState(connector_id=1, transaction=Transaction(transaction_id=7, started_at=NOW)),
        ),
    )
    accepted = [
        a_command(13, Layer.OVERRIDE, transaction_id=7, valid_to=later),
        a_command(23, Layer.OVERRIDE, transaction_id=6, valid_to=later),  # of a session that is over
        a_command(12, Layer.PLAN, valid_to=later),
        a_command(22, Layer.PLAN, valid_to=earlier),  # of a night that is over
        a_command(32, Layer.PLAN, connector_id=2),
        a_command(11, Layer.FLOOR, connector_id=0),  # of one that is alone, in its other form
    ]
    held = Held.of(
        Charger(id="CP1", connectors=(WIRED,)), WIRED, state, Ledger(_installed={"CP1": accepted}), now=NOW
    )
    assert [profile.profile_id for profile in held.profiles] == [11, 12, 13]
    assert held.was_away


def a_command(
    profile_id: int,
    layer: Layer,
    *,
    connector_id: int = 1,
    transaction_id: int | None = None,
    valid_to: datetime | None = None,
) -> Command:
    profile = a_profile(
        profile_id=profile_id, connector_id=connector_id, transaction_id=transaction_id, valid_to=valid_to
    )
    at = NOW - timedelta(minutes=5)
    return Command(
        id=profile_id,
        night=NIGHT,
        at=at,
        charger_id="CP1",
        layer=layer,
        profile=profile,
        outcome=Outcome.ACCEPTED,
        answered_at=at,
    )
