"""telematics.csv: what vehicles say of themselves, strictly, and half-written files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispatch.cli import app
from optimiser.inputs import InputError, load_depot, load_folder, load_telematics
from optimiser.night import SocReading
from tests.optimiser.folder_builders import NIGHT, write_depot_folder

HEADER = "vehicle_id,time,soc_percent\n"


def read(path: Path, files: dict[str, str]) -> tuple[SocReading, ...]:
    folder = write_depot_folder(path, files=dict(files))
    return load_telematics(folder, load_depot(folder), datetime.fromisoformat(NIGHT).date())


def test_a_depot_without_telematics_has_no_words(tmp_path: Path) -> None:
    assert read(tmp_path, {}) == ()


def test_words_of_the_depot_and_of_the_night_are_read_and_times_are_local_or_have_an_offset(
    tmp_path: Path,
) -> None:
    found = read(
        tmp_path,
        {
            "telematics.csv": HEADER + "van1,2025-11-10T20:15,41.5\n",
            f"nights/{NIGHT}/telematics.csv": HEADER
            + "van1,2025-11-10T19:20:00Z,42\nvan2,2025-11-10T19:00:00Z,80\n",
        },
    )
    assert found == (
        SocReading(vehicle_id="van1", at=datetime(2025, 11, 10, 19, 15, tzinfo=UTC), soc_percent=41.5),
        SocReading(vehicle_id="van1", at=datetime(2025, 11, 10, 19, 20, tzinfo=UTC), soc_percent=42.0),
        SocReading(vehicle_id="van2", at=datetime(2025, 11, 10, 19, tzinfo=UTC), soc_percent=80.0),
    )


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    rows = "V99,2025-11-10T20:15,41\nvan1,soon,41\nvan2,2025-11-10T20:15,141\nvan2,2025-11-10T20:15\n"
    with pytest.raises(InputError) as caught:
        read(tmp_path, {"telematics.csv": HEADER + rows})
    said = [str(problem) for problem in caught.value.problems]
    assert len(said) == 4
    for line, part in [(2, "unknown vehicle 'V99'"), (3, "soon"), (4, "'141'"), (5, "2 cells")]:
        assert any(one.startswith(f"telematics.csv line {line}") and part in one for one in said), said


@pytest.mark.parametrize(
    "content",
    [
        "",
        "vehicle_id,ti",
        HEADER + "van1,2025-11-10T20:15,8",
        HEADER + "van1,2025-11-",
        HEADER + 'van1,"2025',
    ],
)
def test_a_file_that_is_half_written_is_noticed(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match="telematics"):
        read(tmp_path, {"telematics.csv": content})


def test_no_plan_depends_on_telematics_and_none_is_kept_from_being_read_by_them(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path)
    before = load_folder(folder, NIGHT)[1].inputs_sha256
    for name in ("telematics.csv", f"nights/{NIGHT}/telematics.csv"):
        (folder / name).write_text("half a li")
    assert load_folder(folder, NIGHT)[1].inputs_sha256 == before


def test_a_check_tells_of_telematics_together_with_everything_else(tmp_path: Path) -> None:
    folder = write_depot_folder(
        tmp_path,
        files={"telematics.csv": HEADER + "V99,2025-11-10T20:15,41\n"},
        replace=[(f"nights/{NIGHT}/visits.csv", "van2", "van22")],
    )
    found = CliRunner().invoke(app, ["check", str(folder)])
    assert found.exit_code == 2
    said = " ".join((found.stdout + found.stderr).split())
    assert "telematics.csv line 2, vehicle_id: found the unknown vehicle 'V99'" in said
    assert "unknown vehicle 'van22'" in said
