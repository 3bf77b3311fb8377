"""Profiles of running sessions: lowered where a charger keeps its default, and rewritten with every new plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from dispatch.composite import effective_limit
from dispatch.evidence import Layer, Rung, Verdict
from dispatch.simulator.persona import Persona
from dispatch.station import StationProfile
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from tests.dispatch.overnight_builders import EVENING, Rehearsal, a_rehearsal, row_of, three_vans_tonight


def where_cp1(**levers: Any) -> tuple[Depot, Night, Plan]:
    """Three vans' night in which CP1 has capabilities of its own."""
    depot, night, plan = three_vans_tonight()
    chargers = tuple(replace(one, capabilities=levers if one.id == "CP1" else {}) for one in depot.chargers)
    return replace(depot, chargers=chargers), night, plan


def held(night: Rehearsal, charger_id: str) -> dict[Layer, StationProfile]:
    """What a charger has accepted last of every layer."""
    ledger = night.journal.ledger(since=EVENING)
    return {command.layer: command.profile for command in ledger.installed(charger_id)}


async def test_a_charger_that_keeps_its_default_in_a_session_draws_on_without_a_profile_of_the_session(
    tmp_path: Path,
) -> None:
    personas = {"CP1": Persona(ignores_default_in_session=True)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas) as night:
        row = row_of(await night.tick(), "CP1")
        assert row.rungs[Rung.METERED] is Verdict.CONTRADICTED
        assert row.needs_a_person


async def test_session_profile_always_lowers_a_charger_that_keeps_its_default_in_a_session(
    tmp_path: Path,
) -> None:
    personas = {"CP1": Persona(ignores_default_in_session=True)}
    made = where_cp1(session_profile="always")
    async with a_rehearsal(tmp_path, made, personas=personas) as night:
        row = row_of(await night.tick(), "CP1")
        assert row.has_override
        assert row.rungs[Rung.METERED] is Verdict.CONFIRMED
        assert not row.needs_a_person
        override = held(night, "CP1")[Layer.OVERRIDE]
        assert override.duration_s is not None
        assert override.transaction_id is not None


async def test_a_new_plan_rewrites_the_plan_and_every_session_profile_in_force(tmp_path: Path) -> None:
    made = where_cp1(session_profile="always")
    async with a_rehearsal(tmp_path, made, arrival_soc_percent={"V2": 8.0}) as night:
        await night.tick()
        before = {charger_id: held(night, charger_id) for charger_id in ("CP1", "CP2")}
        assert all(Layer.OVERRIDE in stack for stack in before.values())

        # The grid operator leaves two thirds of the power from midnight on.
        limit_kw = np.where(np.arange(96) < 48, 40.0, 26.0)
        night.night = replace(night.night, site_limit_kw=limit_kw)
        report = await night.tick()
        assert report.is_replanned
        after = {charger_id: held(night, charger_id) for charger_id in ("CP1", "CP2")}
        assert any(after[charger_id] != before[charger_id] for charger_id in after)
        for stack in after.values():
            plan, override = stack[Layer.PLAN], stack[Layer.OVERRIDE]
            end = override.start + timedelta(seconds=override.duration_s or 0)
            instant = EVENING + timedelta(minutes=5)
            while instant < end:
                of_plan = effective_limit([plan], transaction_id=None, instant=instant)
                of_session = effective_limit(
                    [override], transaction_id=override.transaction_id, instant=instant
                )
                assert of_plan == of_session
                instant += timedelta(minutes=15)
