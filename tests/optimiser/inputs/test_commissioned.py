"""Capability files: what commissioning wrote is read with the depot, and what is wrong with one is said."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from optimiser.depot import Commissioned
from optimiser.inputs import InputError, load_depot
from optimiser.inputs.commissioned import capability_file, file_name
from tests.optimiser.folder_builders import write_depot_folder

FOUND = Commissioned(
    on=date(2025, 11, 10),
    firmware="1.2.3",
    capabilities={"unit": "W", "limit_values_a": [6.0, 10.0]},
    because={"unit": "amperes had no effect", "limit_values_a": ""},
)


def test_what_is_written_of_a_charger_is_read_with_its_depot(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path, files={file_name("CP01"): capability_file("CP01", FOUND)})
    depot = load_depot(folder)
    assert {charger.id: charger.commissioned for charger in depot.chargers}["CP01"] == FOUND
    assert all(charger.commissioned is None for charger in depot.chargers if charger.id != "CP01")


def test_all_that_is_wrong_with_a_capability_file_is_said_with_its_line(tmp_path: Path) -> None:
    text = capability_file("CP01", FOUND).replace("firmware:", "firmwares:").replace("value: W", "values: W")
    with pytest.raises(InputError) as caught:
        load_depot(write_depot_folder(tmp_path, files={file_name("CP01"): text}))
    assert all(problem.where.startswith("commissioned/CP01.yaml line ") for problem in caught.value.problems)
    assert "firmwares" in str(caught.value)
    assert "values" in str(caught.value)


def test_the_file_of_another_charger_is_no_capability_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file of a charger has its name"):
        load_depot(write_depot_folder(tmp_path, files={file_name("CP01"): capability_file("CP09", FOUND)}))


def test_the_file_of_a_charger_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path, files={file_name("CP09"): capability_file("CP09", FOUND)})
    assert all(charger.commissioned is None for charger in load_depot(folder).chargers)
