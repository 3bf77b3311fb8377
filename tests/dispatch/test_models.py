"""Model files: what is wrong with one is said, and who a model is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dispatch.charger import Capabilities
from dispatch.identity import Identity
from dispatch.models import ModelFileError, matching, read_models, shipped_models

CODE = Path(__file__).parents[2] / "dispatch"

MAKER = """
vendor: ["Maker*"]
models:
  - name: all models
    model: ["*"]
    levers:
      unit: {value: W, because: it is so, source: ["https://example.org/1"]}
  - name: old M1
    model: ["M1*"]
    firmware: "<2"
    levers:
      unit: {value: A, because: it is so, source: ["https://example.org/2"]}
    notes:
      - {says: mind the step, source: ["https://example.org/3"]}
"""


def names(identity: Identity) -> list[str]:
    return [model.entry.name for model in matching(read_models({"maker.yaml": MAKER}), identity)]


def test_a_charger_is_matched_by_vendor_model_and_firmware_in_any_case() -> None:
    assert names(Identity(vendor="MAKER Ltd", model="m1-22", firmware="1.9")) == ["all models", "old M1"]
    assert names(Identity(vendor="Maker", model="M1", firmware="2.0")) == ["all models"]
    assert names(Identity(vendor="Maker", model="M2", firmware="1.9")) == ["all models"]
    assert names(Identity(vendor="Other", model="M1", firmware="1.9")) == []
    assert names(Identity()) == []


def test_a_firmware_that_nobody_knows_is_in_every_range() -> None:
    assert names(Identity(vendor="Maker", model="M1")) == ["all models", "old M1"]


def faults(text: str) -> dict[str, tuple[str, str]]:
    with pytest.raises(ModelFileError) as caught:
        read_models({"maker.yaml": text})
    return {fault.where: (fault.found, fault.allowed) for fault in caught.value.faults}


def test_everything_that_is_wrong_with_levers_is_said_at_once() -> None:
    wrong = MAKER.replace("unit: {value: W", "units: {value: W").replace(
        "unit: {value: A", "max_periods: {value: 1"
    )
    found = faults(wrong)
    unknown = found["maker.yaml models.0.levers"]
    assert unknown[0] == "unknown key units"
    assert unknown[1].split(", ") == list(Capabilities.model_fields)
    assert found["maker.yaml models.1.levers.max_periods"][0] == "1"


@pytest.mark.parametrize(
    ("change", "where", "found", "allowed"),
    [
        (("vendor:", "maker:"), "maker.yaml", "unknown key maker", "vendor, models"),
        (("firmware:", "firmwares:"), "maker.yaml models.1", "unknown key firmwares", "firmware"),
        (("because: it is so, source", "why: it is so, source"), "maker.yaml models.0.levers.unit", "unknown key why", "because"),
        (('"<2"', '"2"'), "maker.yaml models.1.firmware", "'2'", "no range of firmware"),
        (("https://example.org/3", "a friend"), "maker.yaml models.1.notes.0.source.0", "'a friend'", "https"),
        (('source: ["https://example.org/2"]', "source: []"), "maker.yaml models.1.levers.unit.source", "[]", "at least 1"),
    ],
    ids=["file", "model", "lever", "firmware", "source", "no source"],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_with_what_is_allowed(
    change: tuple[str, str], where: str, found: str, allowed: str
) -> None:
    said = faults(MAKER.replace(*change))
    assert any(place == where and found in f and allowed in a for place, (f, a) in said.items()), said


def test_a_file_that_is_no_yaml_or_empty_is_named() -> None:
    assert faults("vendor: [")["maker.yaml"][1] == "YAML"
    assert list(faults("")) == ["maker.yaml.the file"]


def test_every_shipped_model_file_is_sound_and_no_vendor_has_two() -> None:
    models = shipped_models()
    assert len({model.file for model in models}) >= 40
    owner: dict[str, str] = {}
    for model in models:
        for pattern in model.vendor:
            assert owner.setdefault(pattern.lower().rstrip("*"), model.file) == model.file
    assert all(model.entry.levers or model.entry.notes for model in models)


def test_every_shipped_model_changes_or_explains_something_for_a_charger_that_it_matches() -> None:
    for model in shipped_models():
        some = Identity(
            vendor=model.vendor[0].replace("*", ""),
            model=model.entry.model[0].replace("*", " ").strip() or "X",
        )
        assert model in matching(shipped_models(), some), model


def test_no_code_names_a_vendor() -> None:
    vendors = {model.vendor[0].rstrip("*").lower() for model in shipped_models()}
    long_enough = {vendor for vendor in vendors if len(vendor) > 3}
    decides = re.compile(
        r"(==|in)\s*[\[({]?\s*[\"'](" + "|".join(map(re.escape, long_enough)) + ")", re.IGNORECASE
    )
    found = [
        f"{path.name}: {line.strip()}"
        for path in CODE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if decides.search(line)
    ]
    assert found == []
