"""What may stand in the CSV files: every column with its unit and range, as pydantic models of one row."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from optimiser.inputs.files import Folder, Row, Table
from optimiser.inputs.keys import Id, Kw, PerKwh
from optimiser.inputs.translate import problems_of

RowModel = TypeVar("RowModel", bound="CsvRow")
Percent = Annotated[float, Field(ge=0, le=100)]


class CsvRow(BaseModel):
    """A row of text cells. An empty cell is an absent one; times stay text until the time zone is known."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class VehicleRow(CsvRow):
    """vehicles.csv."""

    vehicle_id: Id = Field(description="Name of the vehicle, once in the depot")
    battery_kwh: Annotated[float, Field(gt=0, le=5000)] = Field(description="Usable battery [kWh]")
    max_ac_current_a: Annotated[float, Field(ge=0, le=2000)] = Field(
        description="Highest AC current per phase, 0 if it cannot [A]"
    )
    ac_phases: Annotated[int, Field(ge=0, le=3)] = Field(
        description="Phases of its AC charger, 0 if it has none"
    )
    max_dc_kw: Annotated[float, Field(ge=0, le=10_000)] = Field(
        description="Highest DC power at the plug, 0 if it cannot [kW]"
    )
    charge_efficiency: Annotated[float, Field(gt=0, le=1)] = Field(
        description="Energy into the battery over energy drawn, for example 0.9 [share]"
    )
    id_tag: Annotated[Id, Field(max_length=20)] = Field(
        description="RFID tag with which it authorises, at most 20 characters (OCPP 1.6)"
    )
    min_current_a: Annotated[float, Field(ge=0, le=2000)] = Field(
        default=0.0, description="Lowest current with which it charges [A]"
    )
    charge_curve: Id | None = Field(default=None, description="Its curve in charge_curves.csv")
    vehicle_type: Id | None = Field(default=None, description="Its type, for the rules of depot.yaml")
    group: Id | None = Field(default=None, description="The group it belongs to, for the rules of depot.yaml")


class CurveRow(CsvRow):
    """charge_curves.csv."""

    curve_id: Id = Field(description="Name of the curve")
    soc_percent: Percent = Field(description="State of charge, rising within a curve [%]")
    max_kw: Annotated[float, Field(ge=0, le=10_000)] = Field(
        description="Highest power into the battery, never rising within a curve [kW]"
    )


class VisitRow(CsvRow):
    """visits.csv."""

    vehicle_id: Id = Field(description="A vehicle of vehicles.csv")
    charger_id: Id = Field(description="A charger of depot.yaml")
    connector_id: Annotated[int, Field(ge=1, le=1000)] = Field(description="A connector of that charger")
    arrival: str = Field(description="Time of plug-in, for example 2025-11-10T17:50")
    arrival_soc_percent: Percent = Field(description="State of charge at arrival [%]")
    departure: str = Field(description="Time of departure, for example 2025-11-11T06:30")
    required_soc_percent: Percent = Field(description="State of charge to leave with [%]")
    priority: Annotated[float, Field(ge=0, le=1e6)] = Field(
        default=1.0, description="Weight, larger is more important"
    )
    arrival_sd_minutes: Annotated[float, Field(ge=0, le=1440)] = Field(
        default=0.0, description="Standard deviation of the arrival [min]"
    )
    arrival_soc_sd_percent: Percent = Field(
        default=0.0, description="Standard deviation of the SoC at arrival [%]"
    )
    precondition_kwh: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.0, description="What warming or cooling before departure takes out of the battery [kWh]"
    )
    route: Id | None = Field(default=None, description="Where it goes, for the rules of depot.yaml")
    earliest_start: str | None = Field(
        default=None, description="Time before which it is not charged, for example 2025-11-10T22:00"
    )


class RuledVisitRow(VisitRow):
    """visits.csv of a depot whose rules set what vehicles leave with."""

    required_soc_percent: Percent | None = Field(  # type: ignore[assignment]
        default=None, description="State of charge to leave with; a rule says it where it is empty [%]"
    )


class HistoryRow(CsvRow):
    """history.csv."""

    vehicle_id: Id = Field(description="The vehicle, also one that is gone")
    night: str = Field(description="The night's date, for example 2025-11-10")
    planned_arrival: str = Field(description="Time of plug-in as it was planned with")
    arrival: str = Field(description="Time of plug-in as it was")
    planned_soc_percent: Percent = Field(description="State of charge at arrival as it was planned with [%]")
    arrival_soc_percent: Percent | None = Field(
        default=None, description="State of charge at arrival as it was, where somebody told [%]"
    )


class PriceRow(CsvRow):
    """prices.csv."""

    start: str = Field(description="Time from which the row holds, for example 2025-11-10T17:00")
    import_price_per_kwh: PerKwh = Field(description="Price of a kWh from the grid [currency/kWh]")
    export_price_per_kwh: PerKwh | None = Field(
        default=None, description="Pay for a kWh to the grid [currency/kWh]"
    )


class BaseLoadRow(CsvRow):
    """base_load.csv."""

    start: str = Field(description="Time from which the row holds, for example 2025-11-10T17:00")
    base_load_kw: Kw = Field(description="What the site draws beside the chargers [kW]")


class SiteLimitRow(CsvRow):
    """site_limit.csv."""

    start: str = Field(description="Time from which the row holds, for example 2025-11-10T17:00")
    limit_kw: Kw = Field(description="The grid operator's cap [kW]")


class PvRow(CsvRow):
    """pv.csv."""

    start: str = Field(description="Time from which the row holds, for example 2025-11-10T17:00")
    pv_kw: Kw = Field(description="What the roof is expected to give [kW]")


class TelematicsRow(CsvRow):
    """telematics.csv."""

    vehicle_id: Id = Field(description="A vehicle of vehicles.csv")
    time: str = Field(description="When it was so, for example 2025-11-10T20:15")
    soc_percent: Percent = Field(description="State of charge [%]")


def table_of(folder: Folder, name: str, model: type[CsvRow]) -> Table | None:
    """The CSV file with the columns of a row model, or None with a problem noted."""
    fields = model.model_fields.items()
    return folder.table(
        name,
        required=[key for key, field in fields if field.is_required()],
        optional=[key for key, field in fields if not field.is_required()],
    )


def checked_rows(folder: Folder, table: Table, model: type[RowModel]) -> list[tuple[Row, RowModel]]:
    """The rows whose every cell is good; each bad cell of the others is a problem."""
    good = []
    for row in table.rows:
        try:
            good.append((row, model.model_validate(row.cells)))
        except ValidationError as error:
            place = partial(_place, table, row)
            folder.problems.extend(problems_of(error, model, place=place, known=table.columns))
    return good


def _place(table: Table, row: Row, loc: tuple[str | int, ...]) -> str:
    return table.place(row.line, str(loc[0]))
