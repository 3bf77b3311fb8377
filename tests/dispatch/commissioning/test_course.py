"""A commissioning on a site that holds other things: what it bears, what it leaves, and what it says without a vehicle."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dispatch import leftovers
from dispatch.commissioning.course import Outcome
from dispatch.commissioning.protocol import Check, Verdict
from dispatch.evidence import Layer
from dispatch.known import Origin, identity_of, known_of
from dispatch.layers import profile_id
from dispatch.lease import Writer, holding, this_process
from dispatch.station import Outcome as Ending
from dispatch.station import Purpose, SchedulePeriod, StationProfile
from tests.builders import NIGHT
from tests.dispatch.commissioning.commission_builders import BEGIN, Rig, a_yard, commissioned, run_rig


def a_floor(limit_a: float) -> StationProfile:
    return StationProfile(
        profile_id=profile_id(1, Layer.FLOOR),
        connector_id=1,
        purpose=Purpose.TX_DEFAULT,
        stack_level=0,
        start=BEGIN - timedelta(hours=1),
        unit="A",
        periods=(SchedulePeriod(start_s=0, limit=limit_a, number_phases=3),),
    )


async def install_floor(rig: Rig, charger_id: str) -> None:
    await install(rig, charger_id, a_floor(6.0), layer=Layer.FLOOR)


async def install(rig: Rig, charger_id: str, profile: StationProfile, *, layer: Layer) -> None:
    """As a dispatcher does it: begun in the journal, sent, answered in the journal."""
    command_id = rig.journal.begin_command(
        night=NIGHT, at=(await rig.live()).now, charger_id=charger_id, layer=layer, profile=profile
    )
    reply = await rig.stations.set_profile(charger_id, profile)
    assert reply.outcome is Ending.ACCEPTED
    rig.journal.finish_command(command_id, reply)


def verdicts(outcome: Outcome) -> dict[Check, Verdict]:
    return {one.check: one.verdict for one in outcome.protocol.results}


def test_without_a_vehicle_nothing_that_needs_one_has_passed(tmp_path: Path) -> None:
    outcome, left = commissioned(tmp_path, "honest", "1.6", charging=())
    found = verdicts(outcome)
    needs_one = {
        Check.OBEYS,
        Check.WATTS,
        Check.PATTERN,
        Check.PAUSE,
        Check.CEILING,
        Check.LINK,
        Check.REBOOT,
    }
    assert {found[check] for check in needs_one} == {Verdict.CANNOT_TELL}
    assert {found[check] for check in (Check.SET, Check.READ_BACK, Check.STACK, Check.RECURRENCE)} == {
        Verdict.PASS
    }
    assert not outcome.has_passed
    assert "accepted_is_proof" not in outcome.protocol.levers
    assert left == set()
    assert outcome.ended - outcome.begun >= timedelta(minutes=1)


def test_a_charger_is_left_with_the_floor_that_it_was_found_with(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await install_floor(rig, "CP1")
        outcome = await rig.commission()
        assert outcome.has_passed
        assert rig.held() == {profile_id(1, Layer.FLOOR)}
        assert leftovers.noted(tmp_path) == {}
        schedule = (
            await rig.stations.composite_schedule("CP1", connector_id=1, duration_s=86400, unit="A")
        ).schedule
        assert schedule is not None
        assert [period.limit for period in schedule.periods] == [6.0]

    run_rig(tmp_path, work, depot=a_yard("1.6", connectors=1))


def test_a_session_that_was_planned_anew_hides_nothing_from_the_test(tmp_path: Path) -> None:
    """Its own TxProfile would lead over every default."""

    async def work(rig: Rig) -> None:
        await install_floor(rig, "CP1")
        running = (await rig.live()).charger("CP1").connector(1).transaction
        assert running is not None
        override = a_floor(16.0).model_copy(
            update={
                "profile_id": profile_id(1, Layer.OVERRIDE),
                "purpose": Purpose.TX,
                "stack_level": 1,
                "transaction_id": running.transaction_id,
            }
        )
        await install(rig, "CP1", override, layer=Layer.OVERRIDE)
        outcome = await rig.commission()
        assert {one.check for one in outcome.protocol.results if one.verdict is not Verdict.PASS} == set()
        assert rig.held() == {profile_id(1, Layer.FLOOR)}  # the session has ended with the restart

    run_rig(tmp_path, work, depot=a_yard("1.6", connectors=1))


def test_a_site_that_cannot_bear_the_test_is_not_tested_under_load(tmp_path: Path) -> None:
    """The other charger holds nothing: it counts at 11 kW, of 15 that are there for both; 4.14 kW are 6 A."""
    drawn_kw: list[float] = []

    async def work(rig: Rig) -> None:
        for charger_id in ("CP1", "CP2"):
            await install_floor(rig, charger_id)

        async def watch() -> None:
            while True:
                outlets = [one.outlets[1] for one in rig.machines.values()]
                drawn_kw.append(sum(outlet.drawn.power_kw for outlet in outlets))
                await asyncio.sleep(1.0)

        watching = asyncio.create_task(watch())
        outcome = await rig.commission()
        watching.cancel()
        assert outcome.protocol.refused
        assert "transformer could be passed by" in outcome.protocol.refused[0]
        assert not outcome.has_passed
        assert rig.held() == {profile_id(1, Layer.FLOOR)}

    # Two at 6 A are 8.3 kW, and there are 10 but no 11: nothing above 6 A fits, nor that a watt is misread.
    depot = a_yard("1.6", connectors=1, chargers=2, transformer_limit_kw=15.0)
    run_rig(tmp_path, work, depot=depot)
    assert max(drawn_kw) <= 10.0


def test_others_that_come_anew_have_nothing_proven_any_more(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        for charger_id in ("CP1", "CP2"):
            await install_floor(rig, charger_id)

        async def restart_the_other() -> None:
            tested = rig.machines["CP1"].outlets[1]
            while not 6.5 < tested.drawn.power_kw < 7.0:  # noqa: ASYNC110 - the machine tells nobody
                await asyncio.sleep(0.5)
            await rig.stations.reset("CP2")

        restarting = asyncio.create_task(restart_the_other())
        outcome = await rig.commission()
        await restarting
        assert "while it was tested, transformer could be passed by" in outcome.protocol.refused[0]
        assert rig.held() == {profile_id(1, Layer.FLOOR)}

    # Beside 6 A of the other one this one may draw 10 A; beside 16 A it may not.
    run_rig(tmp_path, work, depot=a_yard("1.6", connectors=1, chargers=2, transformer_limit_kw=22.0))


def test_a_cancelled_test_leaves_the_charger_as_it_was_found(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await install_floor(rig, "CP1")
        testing = asyncio.create_task(rig.commission())
        while not rig.held() - {profile_id(1, Layer.FLOOR)}:  # noqa: ASYNC110 - the machine tells nobody
            await asyncio.sleep(1.0)
        await asyncio.sleep(30.0)
        testing.cancel()
        with suppress(asyncio.CancelledError):
            await testing
        assert rig.held() == {profile_id(1, Layer.FLOOR)}
        assert leftovers.noted(tmp_path) == {}

    run_rig(tmp_path, work, depot=a_yard("2.0.1", connectors=1))


def test_what_a_killed_test_has_left_is_taken_away_by_whoever_writes_next(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await install_floor(rig, "CP1")
        left = a_floor(16.0).model_copy(update={"profile_id": leftovers.FIRST_TEST_ID, "stack_level": 8})
        leftovers.note(tmp_path, "CP1", [left.profile_id])
        await rig.stations.set_profile("CP1", left)
        async with holding(
            rig.journal, this_process(Writer.DISPATCHER, "a test"), lasting=timedelta(days=1)
        ) as leased:
            said = await leftovers.take_away(
                tmp_path, await rig.live(), journal=leased, stations=rig.stations
            )
        assert said == ["CP1: what an unfinished commissioning had left was removed"]
        assert rig.held() == {profile_id(1, Layer.FLOOR)}
        assert leftovers.noted(tmp_path) == {}

    run_rig(tmp_path, work, depot=a_yard("1.6", connectors=1))


def test_a_note_of_a_charger_that_is_away_stays_until_it_comes(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        leftovers.note(tmp_path, "CP1", [leftovers.FIRST_TEST_ID])
        live = await rig.live()
        away = live.model_copy(
            update={"chargers": (live.charger("CP1").model_copy(update={"connected_since": None}),)}
        )
        said = await leftovers.take_away(tmp_path, away, journal=rig.journal, stations=rig.stations)
        assert said == ["CP1: a commissioning was not finished, and it is not connected"]
        assert leftovers.noted(tmp_path) == {"CP1": [leftovers.FIRST_TEST_ID]}

    run_rig(tmp_path, work, depot=a_yard("1.6", connectors=1))


def test_what_is_written_down_counts_for_the_charger_from_then_on(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        outcome = await rig.commission()
        found = outcome.commissioned(rig.depot)
        assert found.on == NIGHT
        assert found.firmware == "simulated"
        assert found.capabilities["forgets"] == "never"
        assert set(found.because) == set(found.capabilities)
        charger = replace(rig.depot.charger("CP1"), commissioned=found)
        state = (await rig.live()).charger("CP1")
        known = known_of(charger, identity=identity_of(charger, state))
        assert known.capabilities.accepted_is_proof
        assert known.capabilities.forgets == "never"
        assert known.sources["forgets"].origin is Origin.COMMISSIONED

    run_rig(tmp_path, work, depot=a_yard("2.0.1", connectors=1))
