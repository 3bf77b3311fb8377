"""A night in a depot whose chargers speak different OCPP versions; nothing above the dialects may notice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from dispatch.evidence import Layer, Rung, Verdict
from dispatch.report import NightReport
from dispatch.simulator.persona import Persona
from dispatch.station import ProfileFilter, Purpose
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from tests.dispatch.overnight_builders import Rehearsal, a_rehearsal, row_of, three_vans_tonight

ALL = {"CP1", "CP2", "CP3"}
NEW = {"CP1", "CP2"}


def confirmed(report: NightReport, rung: Rung) -> set[str]:
    return {row.place.charger_id for row in report.rows if row.rungs[rung] is Verdict.CONFIRMED}


def three_vans(new: set[str]) -> tuple[Depot, Night, Plan]:
    """Three vans on three chargers, of which some speak 2.0.1."""
    depot, night, plan = three_vans_tonight()

    def version(charger_id: str) -> Literal["1.6", "2.0.1"]:
        return "2.0.1" if charger_id in new else "1.6"

    chargers = tuple(replace(charger, ocpp=version(charger.id)) for charger in depot.chargers)
    return replace(depot, chargers=chargers), night, plan


@pytest.mark.parametrize("new", [NEW, ALL], ids=["mixed", "all of 2.0.1"])
async def test_a_night_climbs_every_rung_whatever_the_chargers_speak(tmp_path: Path, new: set[str]) -> None:
    async with a_rehearsal(tmp_path, three_vans(new)) as night:
        first = await night.tick()
        assert [row.sentences for row in first.rows] == [()] * 3
        assert first.sent == 6
        assert all(confirmed(first, rung) == ALL for rung in Rung)
        second = await night.tick()
        assert second.sent == 0


async def test_a_late_vehicle_gets_a_profile_of_its_own_for_its_session(tmp_path: Path) -> None:
    made = three_vans(ALL)
    async with a_rehearsal(tmp_path, made, arrival_soc_percent={"V1": 8.0}) as night:
        await night.tick()
        overrides = [c for c in night.journal.commands() if c.layer is Layer.OVERRIDE]
        assert overrides
        for override in overrides:
            assert override.profile.purpose is Purpose.TX
            assert isinstance(override.profile.transaction_id, str)
        row = row_of(await night.tick(), "CP1")
        assert row.rungs[Rung.READ_BACK] is Verdict.CONFIRMED


async def test_what_is_installed_can_be_asked_for_and_cleared(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans(NEW)) as night:
        await night.tick()
        for charger_id in sorted(NEW):
            assert await _installed(night, charger_id) == {
                profile.profile_id for profile, _ in night.journal.installed(charger_id)
            }
        wanted = ProfileFilter(purpose=Purpose.TX_DEFAULT)
        async with asyncio.timeout(10):
            await night.stations.clear_profiles("CP1", wanted)
        assert await _installed(night, "CP1") == set()
        old = await night.stations.installed_profiles("CP3")
        assert (old.profiles, old.reply.reason) == (
            None,
            "not sent: OCPP 1.6 has no way to ask what is installed",
        )


async def _installed(night: Rehearsal, charger_id: str) -> set[int]:
    found = await night.stations.installed_profiles(charger_id)
    assert found.profiles is not None, found.reply
    assert all(installed.profile is not None for installed in found.profiles)
    return {installed.profile_id for installed in found.profiles}


@pytest.mark.parametrize("new", [set(), ALL], ids=["1.6", "2.0.1"])
async def test_accepted_is_proof_of_a_charger_that_was_commissioned_and_tells_no_schedule(
    tmp_path: Path, new: set[str]
) -> None:
    depot, night_before, plan = three_vans(new)
    commissioned = {"accepted_is_proof": True, "proven_with_firmware": "simulated"}
    chargers = tuple(
        replace(charger, capabilities=commissioned if charger.id == "CP1" else {})
        for charger in depot.chargers
    )
    made = replace(depot, chargers=chargers), night_before, plan
    personas = {charger_id: Persona(composite="rejected") for charger_id in ("CP1", "CP2")}
    async with a_rehearsal(tmp_path, made, personas=personas) as night:
        report = await night.tick()
        one, two = (row_of(report, charger_id) for charger_id in ("CP1", "CP2"))
        assert one.rungs[Rung.READ_BACK] is two.rungs[Rung.READ_BACK] is Verdict.CANNOT_TELL
        assert one.sentences[-1] == "its Accepted is proof, as commissioned with firmware simulated"
        assert len(two.sentences) == 1
        again = await night.tick()
        assert not row_of(again, "CP1").needs_a_person
