"""A depot and its night in memory, written as a depot folder: of 1000 vans there is none to be had otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from optimiser.depot import Charger, Depot, Feeder
from optimiser.horizon import FloatArray
from optimiser.night import Night
from tests.optimiser.folder_builders import FILES, write_depot_folder


def write_synthetic_folder(path: Path, depot: Depot, night: Night) -> Path:
    """The folder of vans on AC chargers, with prices and base load of the night's steps."""
    starts = [night.horizon.local(start).isoformat() for start in night.horizon.starts()]
    files: dict[str, str | bytes | None] = dict.fromkeys(FILES)
    nights = f"nights/{night.date}"
    return write_depot_folder(
        path,
        files=files
        | {
            "depot.yaml": _depot_yaml(depot),
            "vehicles.csv": _csv(
                "vehicle_id,battery_kwh,max_ac_current_a,ac_phases,max_dc_kw,charge_efficiency,id_tag",
                (
                    (v.id, v.battery_kwh, v.max_ac_current_a, v.ac_phases, 0, v.charge_efficiency, v.id_tag)
                    for v in depot.vehicles
                ),
            ),
            f"{nights}/visits.csv": _csv(
                "vehicle_id,charger_id,connector_id,arrival,arrival_soc_percent,departure,required_soc_percent",
                (
                    (
                        visit.vehicle_id,
                        visit.charger_id,
                        visit.connector_id,
                        night.horizon.local(visit.arrival).isoformat(),
                        visit.arrival_soc_percent,
                        night.horizon.local(visit.departure).isoformat(),
                        visit.required_soc_percent,
                    )
                    for visit in night.visits
                ),
            ),
            f"{nights}/prices.csv": _series("import_price_per_kwh", starts, night.import_price_per_kwh),
            f"{nights}/base_load.csv": _series("base_load_kw", starts, night.base_load_kw),
        },
    )


def _depot_yaml(depot: Depot) -> str:
    site, tariff = depot.site, depot.tariff
    return "\n".join(
        [
            f"name: {depot.name}",
            f"timezone: {depot.timezone}",
            f"currency: {depot.currency}",
            'horizon: {start: "12:00", end: "12:00", step_minutes: 15}',
            "site:",
            f"  transformer_limit_kw: {site.transformer_limit_kw}",
            f"  base_load_max_kw: {site.base_load_max_kw}",
            "feeders:",
            *(_feeder_line(feeder) for feeder in depot.feeders),
            "chargers:",
            *(_charger_line(charger) for charger in depot.chargers),
            "tariff:",
            f"  demand_charge_per_kw: {tariff.demand_charge_per_kw}",
            f"  peak_so_far_kw: {tariff.peak_so_far_kw}",
            "",
        ]
    )


def _feeder_line(feeder: Feeder) -> str:
    parent = f", parent: {feeder.parent}" if feeder.parent else ""
    limit = f", limit_kw: {feeder.limit_kw}" if feeder.limit_kw is not None else ""
    return f"  - {{id: {feeder.id}{parent}{limit}}}"


def _charger_line(charger: Charger) -> str:
    connectors = ", ".join(
        f"{{id: {c.id}, phases: {c.phases}, max_current_a: {c.max_current_a}, "
        f"min_current_a: {c.min_current_a}, current_step_a: {c.current_step_a}}}"
        for c in charger.connectors
    )
    return f'  - {{id: {charger.id}, feeder: {charger.feeder}, ocpp: "1.6", connectors: [{connectors}]}}'


def _series(column: str, starts: Sequence[str], values: FloatArray) -> str:
    return _csv(f"start,{column}", zip(starts, values.tolist(), strict=True))


def _csv(header: str, rows: Iterable[Sequence[object]]) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"
