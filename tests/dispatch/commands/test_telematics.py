"""telematics.csv before ticks of real processes: its words arrive, and a half-written file costs nothing known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dispatch.api import Role, stations_of
from dispatch.station import VehicleReading
from tests.dispatch.kill_builders import Yard, a_yard, ended

HEADER = "vehicle_id,time,soc_percent\n"


async def ticked(yard: Yard) -> tuple[str, tuple[VehicleReading, ...]]:
    """What a run says, and what is known of vehicles after it."""
    process = yard.start_dispatcher()
    await ended(process)
    said = (yard.folder / "dispatch.err").read_text()
    assert process.exitcode in {0, 1}, said
    async with stations_of(yard.depot, yard.folder, role=Role.READ) as stations:
        return said, (await stations.live()).vehicles


async def test_words_of_the_file_are_known_after_a_tick_and_stay_while_it_is_half_written(
    tmp_path: Path,
) -> None:
    async with a_yard(tmp_path, seed=1) as yard:
        file = yard.folder / "telematics.csv"
        said_at = (yard.now() - timedelta(minutes=2)).replace(microsecond=0)
        file.write_text(f"{HEADER}V1,{said_at.isoformat()},51\nV2,{said_at.isoformat()},52\n")
        said, known = await ticked(yard)
        assert "telematics.csv" not in said
        assert {one.vehicle_id: (one.at, one.soc_percent) for one in known} == {
            "V1": (said_at, 51.0),
            "V2": (said_at, 52.0),
        }
        later = said_at + timedelta(minutes=1)
        file.write_text(f"{HEADER}V1,{later.isoformat()},60\nV2,{later.isoformat()},6")
        said, still = await ticked(yard)
        assert still == known
        assert "telematics.csv: found a last line without an end" in said
        assert "the last good words stay" in said
