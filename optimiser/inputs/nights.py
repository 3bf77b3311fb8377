"""What is true of one night of a depot folder: its visits, prices, loads and limits, on its horizon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np

from optimiser.depot import Depot
from optimiser.history import History, learned
from optimiser.horizon import FloatArray, Horizon, TimeError
from optimiser.inputs.depots import KnownDepot
from optimiser.inputs.files import Folder
from optimiser.inputs.history import read_history
from optimiser.inputs.oddities import oddities
from optimiser.inputs.rows import (
    BaseLoadRow,
    CsvRow,
    PriceRow,
    PvRow,
    SiteLimitRow,
    checked_rows,
    table_of,
)
from optimiser.inputs.series import Point, TimeSeries, checked_series
from optimiser.inputs.visits import ReadVisit, read_instant, read_visits
from optimiser.night import Night

NIGHT_FILES = ("visits.csv", "prices.csv", "base_load.csv", "site_limit.csv", "pv.csv", "telematics.csv")
SHOWN_NIGHTS = 10
"""How many of the nights that exist are named when one does not."""


@dataclass(frozen=True, kw_only=True)
class NightSeries:
    """The series of a night; None for a file that is not there."""

    prices: TimeSeries | None
    base_load: TimeSeries | None
    site_limit: TimeSeries | None
    pv: TimeSeries | None


def nights_of(folder: Folder) -> list[date]:
    """The nights that a folder has, in their order."""
    nights = []
    for name in folder.entries("nights"):
        try:
            nights.append(date.fromisoformat(name))
        except ValueError:
            continue  # something else that somebody keeps beside the nights
    return sorted(night for night in nights if folder.has(_path(night)))


def read_night(folder: Folder, known: KnownDepot, night: date) -> Night | None:
    """The night, or None; every problem is noted in the folder."""
    if not folder.has(_path(night)):
        nights = [str(n) for n in nights_of(folder)]
        near = sorted(sorted(nights, key=lambda n: abs(date.fromisoformat(n) - night))[:SHOWN_NIGHTS])
        more = f" and {len(nights) - len(near)} more" if len(nights) > len(near) else ""
        folder.complain(
            _path(night), found="no such night", allowed=(", ".join(near) or "none: nights/ is empty") + more
        )
        return None
    for name in folder.entries(_path(night)):
        if name not in NIGHT_FILES:
            folder.complain(
                f"{_path(night)}/{name}", found="an unknown file", allowed=f"only {', '.join(NIGHT_FILES)}"
            )
    horizon = _horizon(folder, known, night)
    visits = read_visits(folder, f"{_path(night)}/visits.csv", known=known, horizon=horizon)
    series = _read_series(folder, night, known=known, horizon=horizon)
    if known.depot is not None and known.depot.policy.readiness is not None:
        visits = _with_learned_spreads(read_history(folder, known), visits, night)
    if known.depot is None or horizon is None or folder.problems:
        return None
    return _night(folder, known.depot, horizon, night=night, visits=visits, series=series)


def _with_learned_spreads(
    history: History | None, visits: tuple[ReadVisit, ...], night: date
) -> tuple[ReadVisit, ...]:
    """The visits with what the nights before this one teach, where visits.csv gives no spread."""
    if history is None:
        return visits
    past = history.before(night)
    return tuple(
        replace(read, visit=learned(read.visit, past, given=read.cells.model_fields_set)) for read in visits
    )


def _path(night: date) -> str:
    return f"nights/{night}"


def _horizon(folder: Folder, known: KnownDepot, night: date) -> Horizon | None:
    times = known.horizon
    if known.timezone is None or times is None:
        return None
    try:
        return Horizon.for_night(
            night, start=times.start, end=times.end, step_minutes=times.step_minutes, timezone=known.timezone
        )
    except TimeError as error:
        folder.complain(
            "depot.yaml horizon", found=str(error), allowed="times that exist once, in whole steps"
        )
        return None


def _read_series(folder: Folder, night: date, *, known: KnownDepot, horizon: Horizon | None) -> NightSeries:
    def read(name: str, model: type[CsvRow]) -> TimeSeries | None:
        path = f"{_path(night)}/{name}"
        if not folder.has(path):
            return None
        return _series(folder, path, model, timezone=known.timezone, horizon=horizon)

    prices_name = f"{_path(night)}/prices.csv"
    if not known.has_bands and not folder.has(prices_name):
        folder.complain(
            prices_name, found="no such file", allowed="prices.csv, or tariff.bands in depot.yaml"
        )
    series = NightSeries(
        prices=read("prices.csv", PriceRow),
        base_load=read("base_load.csv", BaseLoadRow),
        site_limit=read("site_limit.csv", SiteLimitRow),
        pv=read("pv.csv", PvRow),
    )
    if series.prices is not None and folder.has(f"{_path(night)}/pv.csv"):
        _check_export(folder, series.prices)
    return series


def _series(
    folder: Folder, name: str, model: type[CsvRow], *, timezone: str | None, horizon: Horizon | None
) -> TimeSeries | None:
    table = table_of(folder, name, model)
    if table is None:
        return None
    starts = {row.line: read_instant(folder, table, row, "start", timezone) for row in table.rows}
    points = []
    for row, cells in checked_rows(folder, table, model):
        start = starts[row.line]
        for column in [column for column in table.columns if column not in row.cells]:
            folder.complain(
                table.place(row.line, column), found="nothing", allowed="a number in every row of the column"
            )
            start = None
        if start is not None:
            values = cells.model_dump(exclude={"start"}, exclude_unset=True)
            points.append(Point(line=row.line, start=start, values=values))
    if not table.rows:
        folder.complain(name, found="no rows", allowed="rows that cover the night")
    if horizon is None or len(points) < len(table.rows) or not points:
        return None  # a row that is wrong would look like a gap
    return checked_series(folder, name, points, horizon)


def _check_export(folder: Folder, prices: TimeSeries) -> None:
    for point in prices.points:
        bought = point.values["import_price_per_kwh"]
        sold = point.values.get("export_price_per_kwh", bought)
        if sold > bought:
            folder.complain(
                f"{prices.name} line {point.line}, export_price_per_kwh",
                found=f"{sold:g}",
                allowed=f"at most import_price_per_kwh {bought:g}, else buying to sell would pay",
            )


def _night(
    folder: Folder,
    depot: Depot,
    horizon: Horizon,
    *,
    night: date,
    visits: tuple[ReadVisit, ...],
    series: NightSeries,
) -> Night:
    def on_steps(
        rows: TimeSeries | None, column: str, *, how: Literal["mean", "max", "min"], otherwise: float
    ) -> FloatArray:
        if rows is None or column not in rows.points[0].values:
            return np.full(horizon.steps, otherwise)
        return rows.on(horizon, column, how=how)

    site, prices = depot.site, series.prices
    limit_kw = on_steps(series.site_limit, "limit_kw", how="min", otherwise=site.transformer_limit_kw)
    result = Night(
        date=night,
        horizon=horizon,
        visits=tuple(read.visit for read in visits),
        import_price_per_kwh=depot.tariff.prices_per_kwh(horizon)
        if prices is None
        else prices.on(horizon, "import_price_per_kwh", how="mean"),
        export_price_per_kwh=on_steps(prices, "export_price_per_kwh", how="mean", otherwise=0.0),
        base_load_kw=on_steps(series.base_load, "base_load_kw", how="max", otherwise=site.base_load_kw),
        site_limit_kw=np.minimum(limit_kw, site.transformer_limit_kw),
        pv_kw=on_steps(series.pv, "pv_kw", how="mean", otherwise=0.0),
        site_cap_kw=None if series.site_limit is None else limit_kw,
        inputs_sha256=folder.sha256(),
    )
    priced = "depot.yaml tariff.bands" if prices is None else prices.name
    return replace(result, warnings=tuple(oddities(depot, result, visits, prices=priced)))
