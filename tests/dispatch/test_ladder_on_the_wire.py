"""Chargers that refuse are served in another form, over real WebSockets, and their like are spared the refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dispatch.evidence import Layer, Rung, Verdict
from dispatch.simulator.persona import Persona
from dispatch.station import Outcome, ProfileKind, Purpose
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from tests.dispatch.overnight_builders import EVENING, Rehearsal, a_rehearsal, row_of, three_vans_tonight


def of_one_make(*charger_ids: str) -> tuple[Depot, Night, Plan]:
    """Three vans' night in which some chargers are of the same make."""
    depot, night, plan = three_vans_tonight()
    chargers = tuple(
        replace(charger, vendor="Maker", model="M1") if charger.id in charger_ids else charger
        for charger in depot.chargers
    )
    return replace(depot, chargers=chargers), night, plan


def refusals(night: Rehearsal, charger_id: str) -> int:
    commands = night.journal.commands(charger_id=charger_id)
    return sum(command.outcome is Outcome.REFUSED for command in commands)


async def test_a_charger_is_served_in_the_form_that_it_takes(tmp_path: Path) -> None:
    personas = {
        "CP1": Persona(refused_kinds=frozenset({"Absolute"})),
        "CP2": Persona(refused_purposes=frozenset({"default"})),
        "CP3": Persona(refuses_tenths=True, counts_periods_by_stack_level=True, max_stack_level=5),
    }
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas) as night:
        report = await night.tick()
        for charger_id in personas:
            row = row_of(report, charger_id)
            assert row.rungs[Rung.ACCEPTED] is Verdict.CONFIRMED, (charger_id, row.sentences)
            assert row.rungs[Rung.READ_BACK] is Verdict.CONFIRMED, (charger_id, row.sentences)
        installed = {
            charger_id: [profile for profile, _ in night.journal.installed(charger_id)]
            for charger_id in personas
        }
        assert {profile.kind for profile in installed["CP1"]} == {ProfileKind.RELATIVE}
        assert {(p.purpose, p.connector_id) for p in installed["CP2"]} == {(Purpose.STATION_MAX, 0)}
        assert max(len(profile.periods) for profile in installed["CP3"]) <= 5
        count = len(night.journal.commands())
        assert (await night.tick()).sent == 0
        assert len(night.journal.commands()) == count


async def test_what_one_charger_has_taught_is_used_first_with_the_next_of_its_make(tmp_path: Path) -> None:
    made = of_one_make("CP1", "CP2")
    personas = {name: Persona(refused_kinds=frozenset({"Absolute"})) for name in ("CP1", "CP2")}
    async with a_rehearsal(tmp_path, made, personas=personas, charger_ids=["CP1"]) as night:
        await night.tick()
        assert refusals(night, "CP1") > 0
    later = EVENING + timedelta(hours=1)
    async with a_rehearsal(tmp_path, made, personas=personas, charger_ids=["CP2"], begin=later) as night:
        report = await night.tick()
        assert refusals(night, "CP2") == 0
        assert row_of(report, "CP2").rungs[Rung.ACCEPTED] is Verdict.CONFIRMED
        layers = {command.layer for command in night.journal.commands(charger_id="CP2")}
        assert layers == {Layer.FLOOR, Layer.PLAN}
