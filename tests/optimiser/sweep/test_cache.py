from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optimiser.sweep.cache import FILE, code_version, fingerprint, opened
from optimiser.sweep.outcome import Outcome
from tests.builders import a_depot, a_night, an_ac_connector

OUTCOME = Outcome(
    ready=1, departures=2, energy=0.1 + 0.2, demand=0.0, total=0.1 + 0.2, peak_kw=1 / 3, shortfall_kwh=5.0
)


def test_what_was_added_is_found_again_to_the_last_digit(tmp_path: Path) -> None:
    with opened(tmp_path / "new") as cache:
        cache.add("a", OUTCOME)

    with opened(tmp_path / "new") as cache:
        assert cache.known == {"a": OUTCOME}


def test_a_line_that_was_not_finished_is_forgotten_and_spoils_no_other(tmp_path: Path) -> None:
    with opened(tmp_path) as cache:
        cache.add("a", OUTCOME)
    with (tmp_path / FILE).open("a", encoding="utf-8") as file:
        file.write('[1]\n{"key": "old", "ready": 1}\n{"key": "b", "rea')

    with opened(tmp_path) as cache:
        assert set(cache.known) == {"a"}
        cache.add("c", OUTCOME)
    with opened(tmp_path) as cache:
        assert set(cache.known) == {"a", "c"}


def test_without_a_folder_nothing_is_kept() -> None:
    with opened(None) as cache:
        cache.add("a", OUTCOME)
        assert cache.known == {}


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"), opened(tmp_path / "file"):
        pass


def test_equal_depots_and_nights_have_one_fingerprint() -> None:
    assert fingerprint(a_depot(), a_night(a_depot())) == fingerprint(a_depot(), a_night(a_depot()))


def test_anything_that_decides_a_plan_changes_the_fingerprint() -> None:
    depot = a_depot()
    night = a_night(depot)
    charger = replace(depot.chargers[0], connectors=(an_ac_connector(current_step_a=0.1),))
    others = [
        replace(depot, chargers=(charger, *depot.chargers[1:])),
        replace(depot, site=replace(depot.site, reserve_kw=1.0)),
        replace(night, pv_kw=np.ones(96)),
        replace(night, visits=night.visits[::-1]),
        replace(night, visits=(replace(night.visits[0], priority=2.0), night.visits[1])),
    ]

    found = {fingerprint(value) for value in [depot, night, *others]}

    assert len(found) == 7


def test_what_decides_nothing_changes_nothing() -> None:
    night = a_night(a_depot())

    assert fingerprint(night) == fingerprint(replace(night, inputs_sha256="x", warnings=("odd",)))


def test_values_do_not_run_into_each_other() -> None:
    found = {
        fingerprint(*value) for value in [("ab", "c"), ("a", "bc"), (["a", "b"], "c"), (1,), (1.0,), ("1",)]
    }

    assert len(found) == 6


def test_the_version_of_the_code_is_one() -> None:
    assert code_version() == code_version()
