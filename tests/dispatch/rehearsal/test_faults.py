"""Faults as planners write them."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from dispatch.rehearsal.applied import applied, scene_of
from dispatch.rehearsal.faults import KINDS, Cut, Early, Fault, Late, Reboot, load_faults
from optimiser.inputs import InputError
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night

STORY = """
- late: {vehicle: V1, minutes: 90}
- early: {vehicle: V2, minutes: 30, known: 05:00}
- reboot: {charger: CP1, at: 1:30, forgets: true}
- cut: {at: 22:00, to_kw: 20, minutes: 60}
"""


def faults_in(text: str, folder: Path) -> tuple[Fault, ...]:
    path = folder / "faults.yaml"
    path.write_text(text, "utf-8")
    return load_faults(path)


def test_every_line_is_a_fault(tmp_path: Path) -> None:
    assert faults_in(STORY, tmp_path) == (
        Late(vehicle="V1", minutes=90),
        Early(vehicle="V2", minutes=30, known=time(5)),
        Reboot(charger="CP1", at=time(1, 30), forgets=True),
        Cut(at=time(22), to_kw=20, minutes=60),
    )


def test_a_fault_prints_as_it_is_written(tmp_path: Path) -> None:
    faults = faults_in(STORY, tmp_path)
    again = faults_in("\n".join(f"- {fault}" for fault in faults), tmp_path)
    assert again == faults
    assert str(faults[2]) == "reboot: {charger: CP1, at: 01:30, forgets: true}"


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = "- late: {vehicle: V1, minutes: 90, hours: 2}\n- absent: {}\n- reeboot: {charger: CP1}\n- nonsense"
    with pytest.raises(InputError) as raised:
        faults_in(text, tmp_path)
    where = [problem.where.removeprefix(str(tmp_path)) for problem in raised.value.problems]
    assert where == [
        "/faults.yaml fault 1 late.hours",
        "/faults.yaml fault 2 absent.vehicle",
        "/faults.yaml fault 3",
        "/faults.yaml fault 4",
    ]
    assert "one of fleet, speaks, late, early" in raised.value.problems[2].allowed


@pytest.mark.parametrize("text", ["late: {vehicle: V1}", "- [", ""])
def test_what_is_no_list_of_faults_is_an_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        faults_in(text, tmp_path)


def test_a_fault_that_cannot_happen_is_an_error() -> None:
    depot, night, _ = a_planned_night()
    with pytest.raises(InputError) as raised:
        scene_of(depot, night, [Late(vehicle="V9", minutes=5), Reboot(charger="CP9", at=time(1))])
    assert [problem.found for problem in raised.value.problems] == ["V9", "CP9"]


@pytest.mark.parametrize("kind", KINDS.values())
def test_of_every_kind_it_is_known_what_it_makes_true(kind: type[Fault]) -> None:
    assert applied.dispatch(kind) is not applied.dispatch(Fault)
