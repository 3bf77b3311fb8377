"""What ticks in a loop leave unasked: what was refused, who is silent, and what was seen a moment ago."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dispatch.overnight import tick
from dispatch.report import NightReport
from dispatch.simulator.persona import Persona
from tests.builders import NIGHT
from tests.dispatch.overnight_builders import Rehearsal, a_rehearsal, row_of, three_vans_tonight

LOOKS, WRITES = "GetCompositeSchedule", "SetChargingProfile"


async def again(night: Rehearsal) -> NightReport:
    """A tick as it comes in a loop, for an event."""
    plan = night.journal.latest_plan(NIGHT)
    assert plan is not None
    return await tick(
        night.depot, night.night, plan, journal=night.journal, stations=night.stations, looks_anew=False
    )


def asked(night: Rehearsal, charger_id: str) -> Counter[str]:
    """How often a charger was asked what."""
    query = "select charger_id, action from messages where direction = 'out' and action is not null"
    with night.journal.engine.connect() as connection:
        rows = connection.exec_driver_sql(query).all()
    return Counter(action for charger, action in rows if charger == charger_id)


async def test_a_charger_that_was_looked_at_a_moment_ago_is_believed_and_only_then(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight()) as night:
        await night.tick()
        before = asked(night, "CP1")[LOOKS]
        report = await again(night)
        assert asked(night, "CP1")[LOOKS] == before
        assert (report.sent, report.needs_a_person) == (0, False)
        await night.tick()
        assert asked(night, "CP1")[LOOKS] == before + 1


async def test_a_charger_that_refuses_everything_is_not_asked_for_the_same_again(tmp_path: Path) -> None:
    personas = {"CP1": Persona(refuses_profiles=True)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas) as night:
        await night.tick()
        before = asked(night, "CP1")[WRITES]
        assert before > 0
        for report in (await again(night), await night.tick()):
            row = row_of(report, "CP1")
            assert row.sentences[0] == "refuses its profile: Rejected"
            assert any("asked again from" in sentence for sentence in row.sentences)
            assert row.needs_a_person
        assert asked(night, "CP1")[WRITES] == before


async def test_a_charger_that_is_silent_is_asked_once_by_the_clock_and_never_for_an_event(
    tmp_path: Path,
) -> None:
    personas = {"CP1": Persona(never_answers_profiles=True)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas, call_timeout_s=0.5) as night:
        await night.tick()
        before = asked(night, "CP1")
        report = await again(night)
        assert asked(night, "CP1") == before
        assert row_of(report, "CP1").needs_a_person
        assert any("does not answer" in sentence for sentence in row_of(report, "CP1").sentences)
        await night.tick()
        assert asked(night, "CP1")[WRITES] == before[WRITES] + 1
