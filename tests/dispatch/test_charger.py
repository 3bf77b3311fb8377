"""Where each capability comes from, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dispatch.charger import (
    Capabilities,
    CapabilityError,
    capabilities_of,
    learned_capabilities,
    reported_capabilities,
)
from dispatch.evidence import Command, Layer
from dispatch.station import Outcome, RateUnit
from optimiser.depot import Charger
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW, a_profile


def a_charger(capabilities: Mapping[str, Any] | None = None) -> Charger:
    return Charger(id="CP1", capabilities=capabilities or {})


def a_command(outcome: Outcome, *, periods: int = 1, unit: RateUnit = "A", command_id: int = 1) -> Command:
    limits = [(900 * i, 16.0 - i % 2) for i in range(periods)]
    profile = a_profile(limits=limits, unit=unit)
    return Command(
        id=command_id, night=NIGHT, at=NOW, charger_id="CP1", layer=Layer.PLAN, profile=profile, outcome=outcome
    )  # fmt: skip


def test_a_charger_of_which_nothing_is_known_gets_the_defaults() -> None:
    assert capabilities_of(a_charger()) == Capabilities()


def test_what_it_reports_goes_before_a_default_and_the_site_before_all() -> None:
    found = capabilities_of(
        a_charger({"max_periods": 10}),
        reported={"ChargingScheduleMaxPeriods": "40", "ChargeProfileMaxStackLevel": "0"},
        learned={"max_periods": 20, "unit": "W"},
    )
    assert (found.max_periods, found.max_stack_level, found.unit) == (10, 0, "W")


@pytest.mark.parametrize(
    ("text", "unit"),
    [("Current", "A"), ("Power", "W"), ("a", "A"), ("W", "W"), ("amp", "A"), ("power ", "W")],
)
def test_units_are_read_in_all_the_words_that_chargers_use(text: str, unit: str) -> None:
    assert reported_capabilities({"chargingscheduleallowedchargingrateunit": text}) == {"unit": unit}


@pytest.mark.parametrize("text", ["Current,Power", "", "both", "A, w"])
def test_a_charger_that_takes_both_units_or_does_not_say_leaves_the_choice_open(text: str) -> None:
    assert reported_capabilities({"ChargingScheduleAllowedChargingRateUnit": text}) == {}


def test_a_reported_number_that_is_none_says_nothing() -> None:
    assert (
        reported_capabilities({"ChargingScheduleMaxPeriods": "many", "ChargeProfileMaxStackLevel": ""}) == {}
    )


def test_all_wrong_keys_are_named_at_once_with_what_is_allowed() -> None:
    with pytest.raises(CapabilityError) as caught:
        capabilities_of(a_charger({"units": "A", "max_periods": 0}))
    unknown, wrong = sorted(caught.value.faults, key=lambda fault: len(fault.where))
    assert unknown.where == "depot.yaml chargers.CP1.capabilities"
    assert unknown.found == "unknown key units"
    assert "max_periods" in unknown.allowed
    assert (wrong.where, wrong.found) == ("depot.yaml chargers.CP1.capabilities.max_periods", "0")
    assert "greater than or equal to 2" in wrong.allowed


def test_a_charger_without_a_second_level_or_slot_is_degraded() -> None:
    assert Capabilities(max_stack_level=0).is_degraded(1)
    assert Capabilities(max_profiles=1).is_degraded(1)
    assert Capabilities(max_profiles=3).is_degraded(2)
    assert not Capabilities(max_profiles=4).is_degraded(2)


def test_what_is_taken_after_a_refusal_is_learned() -> None:
    taught = [a_command(Outcome.REFUSED, periods=20), a_command(Outcome.ACCEPTED, periods=10)]
    assert learned_capabilities(taught) == {"max_periods": 11}
    taught = [a_command(Outcome.REFUSED), a_command(Outcome.ACCEPTED, unit="W")]
    assert learned_capabilities(taught) == {"unit": "W"}


def test_nothing_is_learned_from_a_refusal_alone_or_from_silence() -> None:
    assert learned_capabilities([a_command(Outcome.REFUSED, periods=20)]) == {}
    silence = [a_command(Outcome.NO_ANSWER, periods=20), a_command(Outcome.ACCEPTED, periods=10)]
    assert learned_capabilities(silence) == {}


def test_every_capability_says_what_it_means() -> None:
    assert all(field.description for field in Capabilities.model_fields.values())
