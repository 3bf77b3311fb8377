"""What a charger tells of itself, what leaves no room for a floor, and that every lever says what it does."""

from __future__ import annotations

import pytest

from dispatch.charger import Capabilities, reported_capabilities


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


def test_a_charger_without_a_second_level_or_slot_is_degraded() -> None:
    assert Capabilities(max_stack_level=0).is_degraded(1)
    assert Capabilities(stack_level_plan=0).is_degraded(1)
    assert Capabilities(max_profiles=1).is_degraded(1)
    assert Capabilities(max_profiles=3).is_degraded(2)
    assert not Capabilities(max_profiles=4).is_degraded(2)


def test_a_store_that_refuses_to_replace_when_full_keeps_one_place_free() -> None:
    assert not Capabilities(max_profiles=2).is_degraded(1)
    assert Capabilities(max_profiles=2, full_store_refuses=True).is_degraded(1)
    assert not Capabilities(max_profiles=3, full_store_refuses=True).is_degraded(1)


def test_every_lever_says_what_it_does() -> None:
    assert all(field.description for field in Capabilities.model_fields.values())
