from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from optimiser.inputs import load_folder
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.show_worth import with_worth

SAMPLE = Path(__file__).parents[2] / "data" / "parcel-12"
DEPOT, NIGHT = load_folder(SAMPLE, "2025-11-10")


def a_stored_plan() -> Plan:
    return plan_night(DEPOT, NIGHT, created_at=NIGHT.horizon.start)


def test_a_stored_plan_is_shown_with_its_worth() -> None:
    shown = with_worth(a_stored_plan(), DEPOT, SAMPLE)
    assert len(shown.worth().gains) == 25
    assert with_worth(shown, DEPOT, SAMPLE) is shown


def test_a_night_that_is_no_longer_what_was_planned_has_no_worth(tmp_path: Path) -> None:
    stored = a_stored_plan()
    other = replace(stored, inputs_sha256="0" * 64)
    assert with_worth(other, DEPOT, SAMPLE) is other
    assert with_worth(stored, DEPOT, tmp_path) is stored
