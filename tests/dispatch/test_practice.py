"""A commissioning to practise on: it finds what it finds of a real one, also beside a loop that runs already."""

from __future__ import annotations

import pytest

from dispatch.commissioning.protocol import Check, Verdict
from dispatch.practice import practise


async def test_a_charger_that_keeps_to_the_standard_passes_every_check() -> None:
    found = practise("honest", ocpp="2.0.1")
    assert {one.verdict for one in found.protocol.results} == {Verdict.PASS}
    assert {one.check for one in found.protocol.results} == set(Check)


def test_one_without_vehicles_cannot_be_told() -> None:
    found = practise("honest", connectors=1, vehicles=0)
    assert found.protocol.verdict(Check.OBEYS) is Verdict.CANNOT_TELL


def test_a_character_that_nobody_knows_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="found 'grumpy', allowed honest, power-only"):
        practise("grumpy")
