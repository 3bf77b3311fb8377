"""A night holds values and nothing else: it cannot be changed after it was read."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path

import pytest

from optimiser.inputs import load_night
from tests.optimiser.folder_builders import NIGHT, write_depot_folder


def test_every_array_of_a_night_has_one_value_per_step(tmp_path: Path) -> None:
    night = load_night(write_depot_folder(tmp_path), NIGHT)
    for values in (
        night.import_price_per_kwh,
        night.export_price_per_kwh,
        night.base_load_kw,
        night.site_limit_kw,
        night.pv_kw,
    ):
        assert values.shape == (night.horizon.steps,)


def test_a_night_and_its_visits_are_frozen(tmp_path: Path) -> None:
    night = load_night(write_depot_folder(tmp_path), NIGHT)
    with pytest.raises(FrozenInstanceError):
        night.date = date(2025, 1, 1)  # type: ignore[misc]  # what is tested
    with pytest.raises(FrozenInstanceError):
        night.visits[0].priority = 9.0  # type: ignore[misc]  # what is tested
