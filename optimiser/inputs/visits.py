"""visits.csv: who comes when, checked against the depot, the horizon and every other visit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from optimiser.depot import Depot
from optimiser.horizon import Horizon, TimeError, parse_instant
from optimiser.inputs.depots import KnownDepot
from optimiser.inputs.files import Folder, Row, Table, closest, did_you_mean, shown_value
from optimiser.inputs.rows import RuledVisitRow, VisitRow, checked_rows, table_of
from optimiser.night import Visit
from optimiser.rules import Decided, decided, tier_weight

WHOLE_NUMBER = TypeAdapter(int)


@dataclass(frozen=True, kw_only=True)
class ReadVisit:
    """A visit, the line on which it stands, and what its row says beyond what is planned with."""

    line: int
    cells: VisitRow
    visit: Visit


def read_visits(
    folder: Folder, name: str, *, known: KnownDepot, horizon: Horizon | None
) -> tuple[ReadVisit, ...]:
    """The visits whose rows are good; everything that is wrong is noted in the folder."""
    row_model = RuledVisitRow if known.rules_say_soc else VisitRow
    table = table_of(folder, name, row_model)
    if table is None:
        return ()
    times = {
        row.line: (
            read_instant(folder, table, row, "arrival", known.timezone),
            read_instant(folder, table, row, "departure", known.timezone),
        )
        for row in table.rows
    }
    for row in table.rows:
        _check_references(folder, table, row, known)
        _check_times(folder, table, row, times[row.line], horizon)
    starts = {
        row.line: read_instant(folder, table, row, "earliest_start", known.timezone) for row in table.rows
    }
    visits = []
    for row, cells in checked_rows(folder, table, row_model):
        arrival, departure = times[row.line]
        if arrival is None or departure is None or arrival >= departure:
            continue
        said = _said(known.depot, cells, departure, horizon)
        if (
            known.depot is not None
            and cells.required_soc_percent is None
            and "required_soc_percent" not in said
        ):
            folder.complain(
                table.place(row.line, "required_soc_percent"),
                found="nothing",
                allowed="a number from 0 to 100, or a rule in depot.yaml that fits and says it",
            )
        visit = _visit(cells, arrival, departure, said=said, depot=known.depot)
        start = starts[row.line] or _earliest_start(said, horizon)
        visits.append(ReadVisit(line=row.line, cells=cells, visit=replace(visit, earliest_start=start)))
    _check_overlaps(folder, table, visits, horizon)
    return tuple(visits)


def read_instant(
    folder: Folder, table: Table, row: Row, column: str, timezone: str | None
) -> datetime | None:
    """The instant in a cell, or None with a problem noted. An empty cell is not noted here.

    Without a known time zone only the form is checked, as in UTC, and there is no instant.
    """
    text = row.cells.get(column)
    if text is None:
        return None
    place = table.place(row.line, column)
    try:
        instant = parse_instant(text, ZoneInfo(timezone) if timezone else ZoneInfo("UTC"))
    except TimeError as error:
        folder.complain(
            place, found=str(error), allowed="a time with offset or Z, or a local one that exists once"
        )
        return None
    if ":" not in text and "T" not in text.upper():
        folder.complain(
            place, found=f"{shown_value(text)} without a time of day", allowed="such as 2025-11-10T17:50"
        )
        return None
    return instant if timezone else None


def _said(
    depot: Depot | None, cells: VisitRow, departure: datetime, horizon: Horizon | None
) -> dict[str, Decided]:
    """What fleet rules say of a visit where its own row is silent; nothing while the depot itself is wrong."""
    if depot is None or horizon is None:
        return {}
    vehicle = next((one for one in depot.vehicles if one.id == cells.vehicle_id), None)
    if vehicle is None:
        return {}
    own = {column for column in cells.model_fields_set if getattr(cells, column) is not None}
    found = decided(
        depot.rules,
        vehicle_type=vehicle.vehicle_type,
        group=vehicle.group,
        route=cells.route or "",
        departure=horizon.local(departure).time(),
    )
    return {one.what: one for one in found if one.what not in own}


def _earliest_start(said: Mapping[str, Decided], horizon: Horizon | None) -> datetime | None:
    """The instant within the night at which the depot's clock shows the time that a rule says."""
    if "earliest_start" not in said or horizon is None:
        return None
    clock = time.fromisoformat(str(said["earliest_start"].value))
    day = horizon.local(horizon.start)
    at = day.replace(hour=clock.hour, minute=clock.minute, second=0)
    # Of a time that clocks show twice the later, of one that they skip the instant after: later is what was asked for.
    at = (at if at >= day else at + timedelta(days=1)).replace(fold=1)
    return at.astimezone(UTC)


def _visit(
    cells: VisitRow,
    arrival: datetime,
    departure: datetime,
    *,
    said: Mapping[str, Decided],
    depot: Depot | None,
) -> Visit:
    def value(what: str, otherwise: Any) -> Any:
        return said[what].value if what in said else otherwise

    tiers = () if depot is None else depot.policy.tiers
    weight = tier_weight(tiers, value("tier", None))
    return Visit(
        vehicle_id=cells.vehicle_id,
        charger_id=cells.charger_id,
        connector_id=cells.connector_id,
        arrival=arrival,
        arrival_soc_percent=cells.arrival_soc_percent,
        departure=departure,
        required_soc_percent=value("required_soc_percent", cells.required_soc_percent or 0.0),
        priority=weight * value("priority", cells.priority),
        precondition_kwh=cells.precondition_kwh,
        arrival_sd_minutes=cells.arrival_sd_minutes,
        arrival_soc_sd_percent=cells.arrival_soc_sd_percent,
        may_be_overridden=value("may_be_overridden", otherwise=True),
        decided=tuple(said.values()),
    )


def _check_references(folder: Folder, table: Table, row: Row, known: KnownDepot) -> None:
    def check(column: str, what: str, names: Collection[str]) -> bool:
        name = row.cells.get(column)
        if name is None or name in names:
            return name is not None
        in_order = sorted(names) if isinstance(names, frozenset) else list(names)
        folder.complain(
            table.place(row.line, column),
            found=f"the unknown {what} {shown_value(name)}",
            allowed=did_you_mean(closest(name, in_order), in_order),
        )
        return False

    if known.vehicle_ids is not None:
        check("vehicle_id", "vehicle", known.vehicle_ids)
    if known.connectors is not None and check("charger_id", "charger", known.connectors):
        ids = known.connectors[row.cells["charger_id"]]
        connector_id = _whole_number(row.cells.get("connector_id"))
        if connector_id is not None and connector_id not in ids and ids:
            folder.complain(
                table.place(row.line, "connector_id"),
                found=f"the unknown connector {connector_id}",
                allowed=f"a connector of {row.cells['charger_id']}: {', '.join(map(str, sorted(ids)))}",
            )


def _whole_number(text: str | None) -> int | None:
    """As the row reads it; what is no whole number has been noted with the row."""
    try:
        return WHOLE_NUMBER.validate_python(text)
    except ValidationError:
        return None


def _check_times(
    folder: Folder,
    table: Table,
    row: Row,
    times: tuple[datetime | None, datetime | None],
    horizon: Horizon | None,
) -> None:
    arrival, departure = times
    if arrival is None or departure is None:
        return
    if departure <= arrival:
        folder.complain(
            table.place(row.line, "departure"),
            found=f"{row.cells['departure']}, not after the arrival {row.cells['arrival']}",
            allowed="a departure after the arrival",
        )
    elif horizon is not None and (departure <= horizon.start or arrival >= horizon.end):
        folder.complain(
            table.place(row.line, "arrival"),
            found=f"a visit from {row.cells['arrival']} to {row.cells['departure']}, wholly outside the night",
            allowed=f"some part between {shown_local(horizon, horizon.start)} and {shown_local(horizon, horizon.end)}",
        )


def _check_overlaps(
    folder: Folder, table: Table, visits: Sequence[ReadVisit], horizon: Horizon | None
) -> None:
    """One place at a time for a vehicle, one vehicle at a time on a connector."""

    def check(key: Callable[[Visit], object], column: str, allowed: str) -> set[int]:
        noted = set()
        latest: dict[object, ReadVisit] = {}
        for read in sorted(visits, key=lambda r: (r.visit.arrival, r.line)):
            earlier = latest.get(key(read.visit))
            if earlier is not None and read.visit.arrival < earlier.visit.departure:
                if read.line not in skipped:
                    folder.complain(
                        table.place(read.line, column),
                        found=f"{_shown(read.visit, horizon)} while {_shown(earlier.visit, horizon)} "
                        f"(line {earlier.line})",
                        allowed=allowed,
                    )
                noted.add(read.line)
            if earlier is None or read.visit.departure > earlier.visit.departure:
                latest[key(read.visit)] = read
        return noted

    skipped: set[int] = set()
    skipped = check(lambda v: v.vehicle_id, "vehicle_id", "one place at a time for a vehicle")
    check(lambda v: (v.charger_id, v.connector_id), "connector_id", "one vehicle at a time on a connector")


def _shown(visit: Visit, horizon: Horizon | None) -> str:
    return (
        f"{visit.vehicle_id} on {visit.charger_id}/{visit.connector_id} from "
        f"{shown_local(horizon, visit.arrival)} to {shown_local(horizon, visit.departure)}"
    )


def shown_local(horizon: Horizon | None, instant: datetime) -> str:
    """An instant as the depot's clock shows it, with its offset."""
    local = instant.astimezone(UTC) if horizon is None else horizon.local(instant)
    return local.isoformat(timespec="minutes")
