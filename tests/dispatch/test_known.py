"""Where each lever of a charger comes from, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dispatch.charger import Capabilities, CapabilityError
from dispatch.evidence import Lesson
from dispatch.identity import Identity
from dispatch.known import Known, Origin, capabilities_of, check_charger, identity_of, known_of
from dispatch.models import read_models
from dispatch.station import ChargerState
from optimiser.depot import Charger, Commissioned

MODELS = read_models(
    {
        "maker.yaml": """
vendor: ["Maker"]
models:
  - name: all models
    model: ["*"]
    levers:
      unit: {value: W, because: amperes have no effect, source: ["https://example.org/1"]}
      max_periods: {value: 6, because: it takes no more, source: ["https://example.org/2"]}
      kind: {value: relative, because: absolute ones are refused, source: ["https://example.org/3"]}
    notes:
      - {says: mind the step, source: ["https://example.org/4"]}
"""
    }
)


def a_charger(capabilities: Mapping[str, Any] | None = None, *, vendor: str = "Maker") -> Charger:
    return Charger(id="CP1", vendor=vendor, model="M1", capabilities=capabilities or {})


def known(
    capabilities: Mapping[str, Any] | None = None,
    *,
    vendor: str = "Maker",
    reported: Mapping[str, str] | None = None,
    learned: Mapping[str, Any] | None = None,
) -> Known:
    lessons = {lever: Lesson(value=value, because="it was seen") for lever, value in (learned or {}).items()}
    charger = a_charger(capabilities, vendor=vendor)
    return known_of(charger, reported=reported, learned=lessons, models=MODELS)


def test_a_charger_of_which_nothing_is_known_gets_the_defaults() -> None:
    found = known(vendor="")
    assert found.capabilities == Capabilities()
    assert {source.origin for source in found.sources.values()} == {Origin.DEFAULT}
    assert capabilities_of(a_charger(vendor="")) == Capabilities()


def test_each_value_goes_before_the_one_that_knows_less_and_says_where_it_is_from() -> None:
    reported = {"ChargingScheduleMaxPeriods": "40"}
    found = [
        known(vendor=""),
        known(),
        known(reported=reported),
        known(reported=reported, learned={"max_periods": 20}),
        known({"max_periods": 10}, reported=reported, learned={"max_periods": 20}),
    ]
    seen = [(one.capabilities.max_periods, one.sources["max_periods"].origin) for one in found]
    assert seen == [
        (24, Origin.DEFAULT),
        (6, Origin.MODEL),
        (40, Origin.REPORTED),
        (20, Origin.LEARNED),
        (10, Origin.SITE),
    ]


def test_a_value_of_a_model_file_is_told_with_its_reason_and_its_source() -> None:
    source = known().sources["unit"]
    assert source.detail == "all models (maker.yaml): amperes have no effect"
    assert source.urls == ("https://example.org/1",)
    assert [note.says for note in known().notes] == ["mind the step"]


def test_only_what_nobody_has_said_is_open_to_trying() -> None:
    found = known({"number_phases": "omit"}, learned={"limit_step_a": 0.5})
    assert found.is_settled("unit")
    assert found.is_settled("number_phases")
    assert not found.is_settled("limit_step_a")
    assert not found.is_settled("purpose")


def test_what_depot_yaml_calls_a_charger_goes_before_what_it_calls_itself() -> None:
    state = ChargerState(charger_id="CP1", vendor="white label", model="WL-1", firmware=" 2.0 ")
    assert identity_of(a_charger(), state) == Identity(vendor="Maker", model="M1", firmware="2.0")
    assert identity_of(Charger(id="CP1"), state) == Identity(
        vendor="white label", model="WL-1", firmware="2.0"
    )
    assert identity_of(Charger(id="CP1")) == Identity()


def test_all_wrong_keys_are_named_at_once_with_what_is_allowed() -> None:
    with pytest.raises(CapabilityError) as caught:
        capabilities_of(a_charger({"units": "A", "max_periods": 0}))
    unknown, wrong = sorted(caught.value.faults, key=lambda fault: len(fault.where))
    assert unknown.where == "depot.yaml chargers.CP1.capabilities"
    assert unknown.found == "unknown key units"
    assert "max_periods" in unknown.allowed
    assert (wrong.where, wrong.found) == ("depot.yaml chargers.CP1.capabilities.max_periods", "0")
    assert "greater than or equal to 2" in wrong.allowed


@pytest.mark.parametrize(
    ("firmware", "proven_with", "accepted_is_proof", "forgets"),
    [
        ("2.0", "2.0", True, "never"),
        ("2.1", "2.0", False, "unknown"),
        (None, "2.0", False, "unknown"),
        ("2.0", "", False, "never"),
    ],
)
def test_what_was_commissioned_counts_with_that_firmware_alone(
    firmware: str | None, proven_with: str, forgets: str, *, accepted_is_proof: bool
) -> None:
    identity = Identity(vendor="Maker", model="M1", firmware=firmware)
    learned = {"accepted_is_proof": True, "forgets": "never", "proven_with_firmware": proven_with}
    lessons = {lever: Lesson(value=value, because="commissioned") for lever, value in learned.items()}
    found = known_of(a_charger(), identity=identity, learned=lessons, models=MODELS).capabilities
    assert (found.accepted_is_proof, found.forgets) == (accepted_is_proof, forgets)


def test_accepted_is_no_proof_in_depot_yaml_without_the_firmware_that_was_commissioned() -> None:
    with pytest.raises(CapabilityError, match=r"accepted_is_proof: found true alone, .*proven_with_firmware"):
        capabilities_of(a_charger({"accepted_is_proof": True}))


def test_a_lesson_that_this_code_does_not_know_is_left_aside() -> None:
    assert known(learned={"colour": "red", "max_periods": 1, "unit": "A"}).capabilities.unit == "A"


def test_a_version_in_which_a_charger_takes_no_profiles_is_an_error_that_says_why() -> None:
    charger = Charger(id="CP1", ocpp="2.0.1", capabilities={"ocpp_versions": ["1.6"]})
    with pytest.raises(CapabilityError) as caught:
        check_charger(charger)
    (fault,) = caught.value.faults
    assert (fault.where, fault.found) == ("depot.yaml chargers.CP1.ocpp", '"2.0.1"')
    assert fault.allowed == '"1.6": depot.yaml chargers.CP1.capabilities'
    check_charger(Charger(id="CP1", ocpp="2.0.1"))


COMMISSIONED = Commissioned(
    on=date(2025, 11, 10),
    firmware="2.0",
    capabilities={"max_periods": 12, "settle_s": 40},
    because={"max_periods": "13 were refused"},
)


def commissioned(firmware: str | None, capabilities: Mapping[str, Any] | None = None) -> Known:
    charger = replace(a_charger(capabilities), commissioned=COMMISSIONED)
    identity = Identity(vendor="Maker", model="M1", firmware=firmware)
    learned = {"max_periods": Lesson(value=20, because="it was seen")}
    return known_of(charger, identity=identity, learned=learned, models=MODELS)


def test_what_was_commissioned_goes_before_what_was_learned_and_behind_depot_yaml() -> None:
    found = commissioned("2.0")
    assert (found.capabilities.max_periods, found.capabilities.settle_s) == (12, 40)
    assert found.unlearned.max_periods == 12
    assert found.sources["max_periods"].origin is Origin.COMMISSIONED
    assert found.sources["max_periods"].detail == "commissioned on 2025-11-10, firmware 2.0: 13 were refused"
    assert found.is_settled("settle_s")
    assert commissioned("2.0", {"max_periods": 10}).capabilities.max_periods == 10


@pytest.mark.parametrize(("firmware", "is_proof"), [("2.0", True), ("2.1", False), (None, False)])
def test_what_a_commissioning_has_proven_counts_only_where_its_firmware_is_told(
    firmware: str | None, *, is_proof: bool
) -> None:
    levers = {"accepted_is_proof": True, "forgets": "never"}
    proven = replace(a_charger(), commissioned=replace(COMMISSIONED, capabilities=levers))
    identity = Identity(vendor="Maker", model="M1", firmware=firmware)
    found = known_of(proven, identity=identity, models=MODELS).capabilities
    assert (found.accepted_is_proof, found.forgets == "never") == (is_proof, is_proof)


def test_what_was_commissioned_counts_no_more_with_another_firmware() -> None:
    assert commissioned("2.1").capabilities.max_periods == 20
    assert commissioned("2.1").capabilities.settle_s == 0
    assert commissioned(None).capabilities.max_periods == 12


def test_a_capability_file_that_says_what_cannot_be_is_named() -> None:
    charger = replace(
        a_charger(), commissioned=replace(COMMISSIONED, capabilities={"max_periods": 1, "colour": "red"})
    )
    with pytest.raises(CapabilityError) as caught:
        check_charger(charger)
    assert [fault.where for fault in caught.value.faults] == [
        "commissioned/CP1.yaml levers.max_periods",
        "commissioned/CP1.yaml levers",
    ]
