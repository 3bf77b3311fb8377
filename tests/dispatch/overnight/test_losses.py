"""What is said of energy that a charger's ways cost a plan."""

from __future__ import annotations

from typing import Any

from dispatch.floors import targets
from dispatch.known import known_of
from dispatch.layers import Target
from dispatch.overnight.losses import losses_of
from optimiser.depot import Charger
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector
from tests.dispatch.dispatch_builders import a_plan

POWERS = {step: 4.5 if step % 2 else 8.2 for step in range(30, 60)}
"""6.5 A and 11.8 A by turns, on three phases."""


def said(**levers: Any) -> list[str]:
    charger = Charger(id="CP1", capabilities=levers, connectors=(an_ac_connector(),))
    return list(losses_of(a_target(charger), known_of(charger)))


def a_target(charger: Charger) -> Target:
    depot = a_depot(vehicles=[a_van("V1")], chargers=[charger])
    night = a_night(depot, visits=[a_visit("V1")])
    return targets(depot, a_plan(depot, night, power_kw={"V1": POWERS}))[0]


def test_nothing_is_said_where_nothing_is_lost() -> None:
    assert said(max_periods=99) == []


def test_too_few_periods_are_named_with_their_number_and_who_says_so() -> None:
    (sentence,) = said(max_periods=6)
    assert "do not fit into the 5 periods that it is sent" in sentence
    assert sentence.endswith("depot.yaml chargers.CP1.capabilities")


def test_whole_amperes_are_named_and_not_periods() -> None:
    (sentence,) = said(max_periods=99, limit_step_a=1.0)
    assert "are lost, as it takes only steps of 1 A" in sentence
    assert "periods" not in sentence


def test_listed_currents_and_a_least_current_are_named() -> None:
    assert "only some currents" in said(max_periods=99, limit_values_a=[6.0, 10.0])[0]
    assert "only 8 A and more" in said(max_periods=99, min_current_a=8.0)[0]
