"""What ``make night`` shows: a whole night of ``parcel-12`` with three faults in it, rehearsed, and its morning page."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dispatch.cli import app

ROOT = Path(__file__).parents[1]
NIGHT = ("--night", "2025-11-10")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where the system has such: on a disk most of the night is spent waiting for it."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def test_the_night_keeps_its_promises_and_its_page_tells_all_three_faults(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands are those of the Makefile, one after the other."""
    monkeypatch.chdir(folder)
    (folder / "data").symlink_to(ROOT / "data")
    (folder / ".night").mkdir()
    shutil.copytree(ROOT / "data" / "parcel-12", ".night/parcel-12")
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("$(NIGHT)", ".night/parcel-12")
    makefile = makefile.replace("$(DATE)", NIGHT[1])
    rehearse, report = re.findall(r"\$\(BIN\)/depot ((?:rehearse|report) .*?)(?: \|\||\n)", makefile)
    rehearsed = CliRunner().invoke(app, rehearse.split())
    assert rehearsed.exit_code == 0, rehearsed.output
    assert "0 times above a limit that could have been kept, 12 of 12 departures" in rehearsed.output
    Path(".night/parcel-12/rehearsal.db").rename(".night/parcel-12/depot.db")
    said = CliRunner().invoke(app, report.split())
    assert said.exit_code == 1, said.output  # of CP08 nothing can be proven
    assert "All 12 departures were ready." in said.output
    assert "override: V003 at CP03/1: sent at 16:03" in said.output
    assert "CP05: said that it has started anew while a vehicle was plugged in" in said.output
    assert "CP08/1: ▲ refused its plan" in said.output
    assert "11 of 12 connectors are proven; not CP08/1." in said.output
    assert Path(".night/parcel-12/plans/2025-11-10/morning.html").exists()
