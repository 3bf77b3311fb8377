"""Random nights of the sample depots, drawn from one seed for ever: what may never break, whatever goes wrong in them.

Readiness and warnings are counted by ``depot rehearse --chaos``; limits, journal and crashes are asked for here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from dispatch.checked import with_known_chargers
from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.chaos import FEWEST, MOST, drawn_faults
from dispatch.rehearsal.dice.circumstances import FEWEST_VEHICLES
from dispatch.rehearsal.faults.circumstances import Circumstance
from dispatch.rehearsal.trial import Setting, tried
from optimiser.inputs import load_folder
from optimiser.planner import plan_night

DATA = Path(__file__).parents[2] / "data"
SEED = 1
AT_ONCE = 3
"""Nights in one test: few enough for its time-out on a busy machine, and they spread over all cores."""
NIGHTS = 48
"""Two seconds of processor time each, on a quiet machine."""


@cache
def setting(name: str) -> Setting:
    depot, night = load_folder(DATA / name, "2025-11-10")
    known = with_known_chargers(depot)
    return Setting(depot=known, night=night, plan=plan_night(known, night, created_at=night.horizon.start))


@pytest.mark.parametrize("first", range(0, NIGHTS, AT_ONCE))
def test_no_random_night_passes_a_limit_loses_an_entry_or_crashes(first: int) -> None:
    for number in range(first, first + AT_ONCE):
        verdict = tried(setting("parcel-12"), drawn_faults(setting("parcel-12"), seed=SEED, number=number))
        found = (verdict.violations, verdict.lost_entries, verdict.crashes)
        assert found == ((), 0, ()), f"night {number} of seed {SEED}"


def test_a_random_night_of_sixty_buses_has_twelve_to_sixty_of_them_and_three_faults_at_least() -> None:
    depot = setting("bus-60")
    sizes = set()
    for number in range(40):
        drawn = drawn_faults(depot, seed=SEED, number=number)
        circumstances = [fault for fault in drawn if isinstance(fault, Circumstance)]
        assert FEWEST <= len(drawn) - len(circumstances) <= MOST
        sizes.add(len(scene_of(depot.depot, depot.night, circumstances).guests))
    assert min(sizes) >= FEWEST_VEHICLES
    assert max(sizes) <= len(depot.night.visits)
    assert max(sizes) - min(sizes) > 24  # all sizes, not one
