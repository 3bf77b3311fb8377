"""telematics.csv: how full vehicles say that they are, in the depot's folder or in that of a night.

It is written again and again while the night is on, so that it may be met half-written: its last line has to have an
end. It says nothing of what is planned, and is no part of a plan's fingerprint.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from optimiser.depot import Depot
from optimiser.inputs.files import Folder, Table, closest, did_you_mean, shown_value
from optimiser.inputs.rows import TelematicsRow, checked_rows, table_of
from optimiser.inputs.visits import read_instant
from optimiser.night import SocReading

FILE = "telematics.csv"


def read_telematics(folder: Folder, depot: Depot, night: date | None) -> tuple[SocReading, ...]:
    """All rows of the files that there are; everything that is wrong with them is noted in the folder."""
    names = [FILE] if night is None else [FILE, f"nights/{night}/{FILE}"]
    vehicle_ids = [vehicle.id for vehicle in depot.vehicles]
    return tuple(
        reading
        for name in names
        if folder.has(name)
        for reading in _read(folder, name, timezone=depot.timezone, vehicle_ids=vehicle_ids)
    )


def _read(folder: Folder, name: str, *, timezone: str, vehicle_ids: Collection[str]) -> list[SocReading]:
    table = table_of(folder, name, TelematicsRow)
    if not folder.has_whole_lines(name):
        folder.complain(
            name,
            found="a last line without an end",
            allowed="a line feed at the end, else it is half-written",
        )
    if table is None:
        return []
    times = {row.line: read_instant(folder, table, row, "time", timezone) for row in table.rows}
    _check_vehicles(folder, table, vehicle_ids)
    found = []
    for row, cells in checked_rows(folder, table, TelematicsRow):
        at = times[row.line]
        if at is not None and cells.vehicle_id in vehicle_ids:
            found.append(SocReading(vehicle_id=cells.vehicle_id, at=at, soc_percent=cells.soc_percent))
    return found


def _check_vehicles(folder: Folder, table: Table, vehicle_ids: Collection[str]) -> None:
    for row in table.rows:
        named = row.cells.get("vehicle_id")
        if named is not None and named not in vehicle_ids:
            in_order = sorted(vehicle_ids)
            folder.complain(
                table.place(row.line, "vehicle_id"),
                found=f"the unknown vehicle {shown_value(named)}",
                allowed=did_you_mean(closest(named, in_order), in_order),
            )
