from __future__ import annotations

from pathlib import Path

import pytest

from optimiser.inputs import InputError, load_history, load_night
from tests.optimiser.folder_builders import NIGHT, VISITS_CSV, VISITS_PATH, write_depot_folder

HEADER = "vehicle_id,night,planned_arrival,arrival,planned_soc_percent,arrival_soc_percent\n"
ROWS = "".join(
    f"van1,2025-10-{day:02},2025-10-{day:02}T18:00,2025-10-{day:02}T{'17:30' if day % 2 else '18:30'},40,{34 + day % 2 * 12}\n"
    for day in range(1, 21)
)
ASKED = ("depot.yaml", "tick_minutes: 15", "readiness: 0.9")


def test_visits_get_the_spread_that_past_nights_teach(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path, files={"history.csv": HEADER + ROWS}, replace=[ASKED])
    visit = load_night(folder, NIGHT).visits[0]
    assert visit.arrival_sd_minutes == pytest.approx(30.0)
    assert visit.arrival_soc_sd_percent == pytest.approx(6.0)


def test_a_spread_that_is_written_is_kept(tmp_path: Path) -> None:
    first, *rows = VISITS_CSV.splitlines()
    visits = "\n".join([f"{first},arrival_sd_minutes", *(f"{row},7" for row in rows)])
    files = {"history.csv": HEADER + ROWS, VISITS_PATH: visits}
    visit = load_night(write_depot_folder(tmp_path, files=files, replace=[ASKED]), NIGHT).visits[0]
    assert visit.arrival_sd_minutes == 7.0
    assert visit.arrival_soc_sd_percent == pytest.approx(6.0)


def test_without_a_readiness_the_night_does_not_depend_on_history(tmp_path: Path) -> None:
    night = load_night(write_depot_folder(tmp_path / "one", files={"history.csv": HEADER + ROWS}), NIGHT)
    other = load_night(write_depot_folder(tmp_path / "two"), NIGHT)
    assert night.visits == other.visits
    assert night.inputs_sha256 == other.inputs_sha256


def test_the_night_itself_and_later_ones_teach_nothing(tmp_path: Path) -> None:
    rows = ROWS.replace("2025-10", "2025-12")
    folder = write_depot_folder(tmp_path, files={"history.csv": HEADER + rows}, replace=[ASKED])
    assert load_night(folder, NIGHT).visits[0].arrival_sd_minutes == 0.0


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    rows = (
        "van1,yesterday,2025-10-01T18:00,2025-10-01T18:30,40,\nvan1,2025-10-02,2025-10-02T18:00,soon,140,\n"
    )
    folder = write_depot_folder(tmp_path, files={"history.csv": HEADER + rows})
    with pytest.raises(InputError) as caught:
        load_history(folder)
    places = [problem.where for problem in caught.value.problems]
    assert sorted(places) == [
        "history.csv line 2, night",
        "history.csv line 3, arrival",
        "history.csv line 3, planned_soc_percent",
    ]


def test_a_folder_without_one_has_an_empty_history(tmp_path: Path) -> None:
    assert load_history(write_depot_folder(tmp_path)).visits == ()
