"""Chargers that keep only the first periods of what they accept: found out at the first look, and served as they are."""

from __future__ import annotations

from pathlib import Path

from dispatch.simulator.persona import Persona
from tests.dispatch.overnight_builders import a_rehearsal, row_of, three_vans_tonight
from tests.dispatch.test_sparing_on_the_wire import WRITES, asked


async def test_a_charger_that_keeps_the_first_periods_is_sent_no_more_of_them_from_then_on(
    tmp_path: Path,
) -> None:
    personas = {"CP1": Persona(kept_periods=1)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas) as night:
        report = await night.tick()
        assert not row_of(report, "CP1").needs_a_person, row_of(report, "CP1").sentences
        before = asked(night, "CP1")[WRITES]
        assert before <= 4  # a floor, a plan that is cut, and what it can hold instead
        await night.tick()
        assert asked(night, "CP1")[WRITES] == before
