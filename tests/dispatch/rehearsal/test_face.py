"""A planner rehearses a night from Python, in a notebook that has a loop of its own."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dispatch import load_morning, rehearse
from optimiser.inputs import InputError
from tests.optimiser.folder_builders import NIGHT, write_depot_folder


def a_folder(path: Path) -> Path:
    """A small depot's folder, with nothing said of a charger that no charger has."""
    said = ("depot.yaml", "    capabilities: {clears_on_boot: true}\n", "")
    return write_depot_folder(path / "depot", replace=[said])


async def test_a_night_is_rehearsed_within_a_running_loop_and_read_from_its_journal(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    before = sorted(folder.rglob("*"))
    store = f"sqlite:///{tmp_path}/night.db"
    verdict = rehearse(folder, NIGHT, store=store)
    morning = load_morning(folder, NIGHT, store=store)
    assert {one.vehicle_id for one in verdict.departures} == set(morning.departures()["vehicle"])
    assert sorted(folder.rglob("*")) == before
    assert logging.root.manager.disable == logging.NOTSET


def test_a_journal_that_is_there_is_not_rehearsed_into(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    there = tmp_path / "depot.db"
    there.write_bytes(b"a night that was")
    with pytest.raises(InputError, match="yet to be made"):
        rehearse(folder, NIGHT, store=f"sqlite:///{there}")
    assert there.read_bytes() == b"a night that was"


def test_a_night_that_was_never_planned_is_named(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    with pytest.raises(InputError, match="no stored plan for the night of 2025-11-10"):
        load_morning(folder, NIGHT)
