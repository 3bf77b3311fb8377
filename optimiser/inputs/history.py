"""history.csv: how arrivals of past nights went against what was planned with. Optional; read where it is of use."""

from __future__ import annotations

from datetime import date

from optimiser.history import History, PastVisit
from optimiser.inputs.depots import KnownDepot
from optimiser.inputs.files import Folder, shown_value
from optimiser.inputs.rows import HistoryRow, checked_rows, table_of
from optimiser.inputs.visits import read_instant

NAME = "history.csv"


def read_history(folder: Folder, known: KnownDepot) -> History | None:
    """The history of a folder, None where it has none; everything that is wrong is noted in the folder.

    A vehicle that the depot has no longer is no mistake: it came in its time, and the fleet learns from it.
    """
    if not folder.has(NAME):
        return None
    table = table_of(folder, NAME, HistoryRow)
    if table is None:
        return None
    times = {
        row.line: (
            read_instant(folder, table, row, "planned_arrival", known.timezone),
            read_instant(folder, table, row, "arrival", known.timezone),
        )
        for row in table.rows
    }
    found = []
    for row, cells in checked_rows(folder, table, HistoryRow):
        planned, arrival = times[row.line]
        try:
            night = date.fromisoformat(cells.night)
        except ValueError:
            folder.complain(
                table.place(row.line, "night"),
                found=shown_value(cells.night),
                allowed="a date such as 2025-11-10",
            )
            continue
        if planned is not None and arrival is not None:
            found.append(
                PastVisit(
                    vehicle_id=cells.vehicle_id,
                    night=night,
                    planned_arrival=planned,
                    arrival=arrival,
                    planned_soc_percent=cells.planned_soc_percent,
                    arrival_soc_percent=cells.arrival_soc_percent,
                )
            )
    return History(visits=tuple(found))
