"""``depot chargers``: the list, and the page of one model."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from dispatch.charger import Capabilities
from dispatch.cli import app
from optimiser.depot import Commissioned
from optimiser.inputs.commissioned import capability_file, file_name


def depot(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def document(*arguments: str) -> dict[str, Any]:
    result = depot(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_all_known_models_are_listed_with_what_differs() -> None:
    result = depot("chargers")
    assert result.exit_code == 0
    assert "limit_values_a [6, 8, 10, 13, 16]" in result.stdout
    listed = document("chargers")["models"]
    assert len(listed) > 40
    assert all(
        cited["sources"] and cited["because"] for model in listed for cited in model["levers"].values()
    )


def test_a_model_is_explained_lever_by_lever_with_reason_and_source() -> None:
    shown = document("chargers", "show", "gl_eviq", "GL-EVIQ07WRS")
    levers = {entry["lever"]: entry for entry in shown["levers"]}
    assert list(levers) == list(Capabilities.model_fields)
    assert (levers["unit"]["value"], levers["unit"]["origin"]) == ("W", "model file")
    assert "ChargingScheduleAllowedChargingRateUnit is Power" in levers["unit"]["because"]
    assert levers["unit"]["sources"]
    assert levers["settle_s"]["origin"] == "default"


def test_the_page_shows_what_goes_out() -> None:
    (call,) = document("chargers", "show", "gl_eviq", "GL-EVIQ07WRS")["example"]
    schedule = call["payload"]["csChargingProfiles"]["chargingSchedule"]
    assert (call["action"], schedule["chargingRateUnit"]) == ("SetChargingProfile", "W")
    assert "duration" not in schedule
    text = depot("chargers", "show", "GL_EVIQ", "GL-EVIQ07WRS").stdout
    assert 'unit: "W", because EVIQ07WRS (gl_eviq.yaml)' in text
    assert "plan: SetChargingProfile {" in text


def test_firmware_narrows_the_page_down() -> None:
    def names(*firmware: str) -> list[str]:
        shown = document("chargers", "show", "EVerest", "any", *firmware)
        return [model["name"] for model in shown["models"]]

    assert len(names()) == len(names("--firmware", "2024.9")) == 2
    assert len(names("--firmware", "2025.4.0")) == 1


def test_a_model_that_is_not_known_gets_the_defaults_and_says_so() -> None:
    result = depot("chargers", "show", "Nobody", "N1")
    assert result.exit_code == 0
    assert "No model file knows it" in result.stdout
    assert document("chargers", "show", "Nobody", "N1")["models"] == []


def test_nothing_goes_out_to_a_model_that_takes_no_profiles() -> None:
    assert document("chargers", "show", "Heidelberg", "connect.business")["example"] == []
    assert "Nothing is sent to it" in depot("chargers", "show", "Heidelberg", "connect.business").stdout


def test_what_a_charger_of_a_depot_was_commissioned_as_is_shown_with_its_date(tmp_path: Path) -> None:
    found = Commissioned(
        on=date(2025, 11, 10),
        firmware="1.2",
        capabilities={"unit": "W", "forgets": "never"},
        because={"unit": "no amperes"},
    )
    folder = Path(shutil.copytree("data/parcel-12", tmp_path / "parcel-12"))
    (folder / "commissioned").mkdir()
    (folder / file_name("CP01")).write_text(capability_file("CP01", found), encoding="utf-8")
    result = depot("chargers", "site", str(folder))
    assert result.exit_code == 0, result.stderr
    assert "commissioned on 2025-11-10, firmware 1.2: no amperes" in " ".join(result.stdout.split())
    levers = document("chargers", "site", str(folder), "--charger", "CP01")["chargers"]["CP01"]["levers"]
    assert {one["lever"]: one["origin"] for one in levers if one["origin"] != "default"}[
        "unit"
    ] == "commissioned"
    assert {one["lever"]: one["value"] for one in levers}["forgets"] == "never"


def test_a_charger_that_the_depot_has_not_is_bad_input() -> None:
    result = depot("chargers", "site", "data/parcel-12", "--charger", "CP77")
    assert result.exit_code == 2
    assert "CP77" in result.stderr
