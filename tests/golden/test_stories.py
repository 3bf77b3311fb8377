"""Rehearsed nights of random faults that once broke a promise: each a faults file, named after what happens in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch.checked import with_known_chargers
from dispatch.rehearsal.faults import load_faults
from dispatch.rehearsal.trial import Setting, tried
from optimiser.inputs import load_folder
from optimiser.planner import plan_night

DATA = Path(__file__).parents[2] / "data"
STORIES = Path(__file__).with_name("stories")


@pytest.fixture(scope="module")
def setting() -> Setting:
    depot, night = load_folder(DATA / "parcel-12", "2025-11-10")
    known = with_known_chargers(depot)
    return Setting(depot=known, night=night, plan=plan_night(known, night, created_at=night.horizon.start))


@pytest.mark.parametrize("story", sorted(path.stem for path in STORIES.glob("*.yaml")))
def test_a_night_that_once_broke_a_promise_keeps_every_limit_and_warns_of_whom_it_leaves(
    setting: Setting, story: str
) -> None:
    verdict = tried(setting, load_faults(STORIES / f"{story}.yaml"))
    assert verdict.violations == ()
    assert verdict.unannounced == 0
    assert verdict.lost_entries == 0
    assert verdict.crashes == ()
