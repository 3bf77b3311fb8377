"""Chargers of a depot folder are held against the models that are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispatch.checked import check_chargers, with_known_chargers
from optimiser.inputs import InputError
from tests.builders import a_depot


def test_all_that_cannot_be_is_named_at_once() -> None:
    depot = a_depot()
    chargers = tuple(
        replace(one, ocpp="2.0.1", capabilities={"ocpp_versions": ["1.6"]}) for one in depot.chargers
    )
    assert len(chargers) > 1
    with pytest.raises(InputError) as raised:
        check_chargers(replace(depot, chargers=chargers))
    assert [problem.where for problem in raised.value.problems] == [
        f"depot.yaml chargers.{one.id}.ocpp" for one in chargers
    ]


def test_a_charger_gets_the_periods_that_are_said_of_it() -> None:
    depot = a_depot()
    first, *others = depot.chargers
    said = replace(depot, chargers=(replace(first, capabilities={"max_periods": 7}), *others))
    assert with_known_chargers(said).chargers[0].max_periods == 7
