"""The sample depots: made again by their script, true to their sources, and possible."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimiser.horizon import Horizon, instant_from_local
from optimiser.inputs import load_folder

DATA = Path(__file__).resolve().parent.parent / "data"
FLEETS = {
    "parcel-12": "depot_A_parcel12_2025-11-10.csv",
    "bus-60": "depot_B_bus60_2025-11-10.csv",
    "last-mile-300": "depot_C_lastmile300_2025-11-10.csv",
}
NIGHTS = [
    ("parcel-12", "2025-03-29"),
    ("parcel-12", "2025-05-11"),
    ("parcel-12", "2025-10-25"),
    ("parcel-12", "2025-11-10"),
    ("bus-60", "2025-03-29"),
    ("bus-60", "2025-10-25"),
    ("bus-60", "2025-11-10"),
    ("last-mile-300", "2025-11-10"),
]
GERMAN_NIGHTS = [night for night in NIGHTS if night[0] != "last-mile-300"]
HOURS = {"2025-03-29": 23, "2025-10-25": 25}
MADE_ON_THE_SPOT = {"credentials.yaml", "api_token"}
"""What a gateway needs beside a depot; nobody ships it."""


def the_rows(*parts: str) -> list[dict[str, str]]:
    with DATA.joinpath(*parts).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def the_yaml(depot: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DATA / depot / "depot.yaml").read_text(encoding="utf-8"))
    return document


def the_files(folder: Path) -> dict[str, bytes]:
    """The bytes of a depot's text files by their path, without what a run leaves there."""
    files = [path for path in folder.rglob("*") if path.suffix in {".csv", ".yaml"}]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.name not in MADE_ON_THE_SPOT}


def the_horizon(depot: str, night: str) -> Horizon:
    timezone = the_yaml(depot)["timezone"]
    noon = time(12)
    return Horizon.for_night(
        date.fromisoformat(night), start=noon, end=noon, step_minutes=15, timezone=timezone
    )


def the_connectors(depot: str) -> dict[str, dict[str, Any]]:
    return {charger["id"]: charger["connectors"][0] for charger in the_yaml(depot)["chargers"]}


def max_power_kw(connector: dict[str, Any], vehicle: dict[str, str]) -> float:
    """Grid-side power of a vehicle on a connector. [kW]"""
    if connector["phases"] == 0:
        return min(float(connector["max_kw"]), float(vehicle["max_dc_kw"]))
    current_a = min(float(connector["max_current_a"]), float(vehicle["max_ac_current_a"]))
    phases = min(int(connector["phases"]), int(vehicle["ac_phases"]))
    return current_a * phases * 0.23


def charged_soc_percent(
    soc_percent: float,
    *,
    hours: float,
    power_kw: float,
    vehicle: dict[str, str],
    curve: Sequence[dict[str, str]],
) -> float:
    """SoC after charging at full power, in steps of a minute; the curve is straight between its points."""
    battery_kwh = float(vehicle["battery_kwh"])
    for _ in range(int(hours * 60)):
        battery_kw = power_kw * float(vehicle["charge_efficiency"])
        for low, high in pairwise(curve):
            start, end = float(low["soc_percent"]), float(high["soc_percent"])
            if start <= soc_percent <= end:
                part = (soc_percent - start) / (end - start)
                on_curve_kw = float(low["max_kw"]) * (1 - part) + float(high["max_kw"]) * part
                battery_kw = min(battery_kw, on_curve_kw)
        soc_percent = min(100.0, soc_percent + 100.0 * battery_kw / 60.0 / battery_kwh)
    return soc_percent


def test_the_script_writes_the_same_bytes_again(tmp_path: Path) -> None:
    script = [sys.executable, str(DATA / "make_depots.py"), str(tmp_path)]
    subprocess.run(script, check=True, capture_output=True, timeout=60)
    for depot in FLEETS:
        assert the_files(tmp_path / depot) == the_files(DATA / depot)
    assert {(path.parts[-3], path.name) for path in tmp_path.glob("*/nights/*")} == set(NIGHTS)


@pytest.mark.parametrize(("depot", "night"), NIGHTS)
def test_every_vehicle_of_the_source_has_its_visit_with_its_own_charger(depot: str, night: str) -> None:
    source = the_rows("sources", FLEETS[depot])
    visits = the_rows(depot, "nights", night, "visits.csv")
    assert [v["vehicle_id"] for v in visits] == [row["vehicle"] for row in source]
    assert [v["vehicle_id"] for v in visits] == [v["vehicle_id"] for v in the_rows(depot, "vehicles.csv")]
    assert [v["charger_id"] for v in visits] == list(the_connectors(depot))


@pytest.mark.parametrize(("depot", "night"), NIGHTS)
def test_energy_and_wall_times_are_those_of_the_source(depot: str, night: str) -> None:
    source = the_rows("sources", FLEETS[depot])
    visits = the_rows(depot, "nights", night, "visits.csv")
    batteries = {v["vehicle_id"]: float(v["battery_kwh"]) for v in the_rows(depot, "vehicles.csv")}
    needed_kwh = sum(
        batteries[v["vehicle_id"]]
        * (float(v["required_soc_percent"]) - float(v["arrival_soc_percent"]))
        / 100
        for v in visits
    )
    source_kwh = sum(
        float(r["usable_kwh"]) * (float(r["soc_target"]) - float(r["soc_arrival"])) for r in source
    )
    assert needed_kwh == pytest.approx(source_kwh, abs=1e-6)
    for visit, row in zip(visits, source, strict=True):
        assert visit["arrival"][11:] == row["arrival_local"][11:]
        assert visit["departure"][11:] == row["departure_local"][11:]


@pytest.mark.parametrize("depot", FLEETS)
def test_vehicles_and_connectors_take_what_the_source_says(depot: str) -> None:
    source = the_rows("sources", FLEETS[depot])
    vehicles = the_rows(depot, "vehicles.csv")
    for row, vehicle, connector in zip(source, vehicles, the_connectors(depot).values(), strict=True):
        assert vehicle["battery_kwh"] == row["usable_kwh"]
        assert vehicle["ac_phases"] == row["phases"]
        own_kw = float(vehicle["max_ac_current_a"]) * int(row["phases"]) * 0.23 or float(vehicle["max_dc_kw"])
        assert own_kw == pytest.approx(float(row["max_kw"]), rel=0.01)
        assert (connector["phases"] == 0) == (row["phases"] == "0")


@pytest.mark.parametrize(("depot", "night"), NIGHTS)
def test_every_vehicle_could_be_ready_if_it_were_alone(depot: str, night: str) -> None:
    horizon = the_horizon(depot, night)
    connectors = the_connectors(depot)
    vehicles = {v["vehicle_id"]: v for v in the_rows(depot, "vehicles.csv")}
    curve = the_rows(depot, "charge_curves.csv") if depot == "bus-60" else []
    for visit in the_rows(depot, "nights", night, "visits.csv"):
        vehicle = vehicles[visit["vehicle_id"]]
        arrival = instant_from_local(datetime.fromisoformat(visit["arrival"]), horizon.zone)
        departure = instant_from_local(datetime.fromisoformat(visit["departure"]), horizon.zone)
        stay = min(departure, horizon.end) - max(arrival, horizon.start)
        reached_percent = charged_soc_percent(
            float(visit["arrival_soc_percent"]),
            hours=stay.total_seconds() / 3600,
            power_kw=max_power_kw(connectors[visit["charger_id"]], vehicle),
            vehicle=vehicle,
            curve=curve,
        )
        assert reached_percent >= float(visit["required_soc_percent"]), visit


@pytest.mark.parametrize(("depot", "night"), GERMAN_NIGHTS)
@pytest.mark.parametrize(("series", "step"), [("prices.csv", 60), ("base_load.csv", 15)])
def test_a_series_covers_the_night_without_a_gap(depot: str, night: str, series: str, step: int) -> None:
    horizon = the_horizon(depot, night)
    starts = [datetime.fromisoformat(row["start"]) for row in the_rows(depot, "nights", night, series)]
    assert all(start.tzinfo for start in starts)
    assert len(starts) == HOURS.get(night, 24) * 60 // step
    assert starts[0] == horizon.start
    assert starts[-1] + timedelta(minutes=step) == horizon.end
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=step)}


@pytest.mark.parametrize(
    ("depot", "surcharge_per_kwh"), [("parcel-12", 0.1226), ("bus-60", 0.0859 + 0.02651 + 0.0205 + 0.0011)]
)
def test_prices_are_day_ahead_plus_network_charge_and_levies(depot: str, surcharge_per_kwh: float) -> None:
    day_ahead = {
        row["start_utc"]: float(row["eur_per_mwh"])
        for row in the_rows("sources", "smard_day_ahead_de_lu_2025_hourly.csv")
    }
    for night in (night for name, night in NIGHTS if name == depot):
        for row in the_rows(depot, "nights", night, "prices.csv"):
            start = datetime.fromisoformat(row["start"]).astimezone(UTC)
            expected = day_ahead[f"{start:%Y-%m-%dT%H:%M:%SZ}"] / 1000 + surcharge_per_kwh
            assert float(row["import_price_per_kwh"]) == pytest.approx(expected, abs=1e-9)


def test_one_night_pays_for_taking_energy() -> None:
    prices = [
        float(r["import_price_per_kwh"]) for r in the_rows("parcel-12", "nights", "2025-05-11", "prices.csv")
    ]
    assert sum(price < 0 for price in prices) == 3


@pytest.mark.parametrize(("depot", "profile", "year_mwh"), [("parcel-12", "g1", 20), ("bus-60", "g0", 300)])
def test_base_loads_are_the_profile_at_the_wall_clock(depot: str, profile: str, year_mwh: int) -> None:
    kw_per_mwh = {
        row["start_local"]: float(row[profile])
        for row in the_rows("sources", "bdew_g0_g1_2025_15min_kw_per_1000kwh.csv")
    }
    for night in (night for name, night in NIGHTS if name == depot):
        for row in the_rows(depot, "nights", night, "base_load.csv"):
            assert float(row["base_load_kw"]) == pytest.approx(kw_per_mwh[row["start"][:16]] * year_mwh)
    highest_kw = the_yaml(depot)["site"]["base_load_max_kw"]
    assert highest_kw == pytest.approx(max(kw_per_mwh.values()) * year_mwh)


def test_the_bands_price_every_minute_of_the_week_once() -> None:
    bands = the_yaml("last-mile-300")["tariff"]["bands"]
    for days in ("weekdays", "weekends"):
        spans = sorted((band["from"], band["to"]) for band in bands if band["days"] in {days, "all"})
        assert spans[0][0] == "00:00"
        assert spans[-1][1] == "24:00"
        assert all(earlier[1] == later[0] for earlier, later in pairwise(spans))


@pytest.mark.parametrize("depot", FLEETS)
def test_chargers_hang_on_the_feeder_of_the_source_or_half_on_each_bay(depot: str) -> None:
    feeders = [charger.get("feeder") for charger in the_yaml(depot)["chargers"]]
    expected = {
        "parcel-12": [None] * 12,
        "bus-60": ["bay-a"] * 30 + ["bay-b"] * 30,
        "last-mile-300": [row["feeder"] for row in the_rows("sources", FLEETS["last-mile-300"])],
    }
    assert feeders == expected[depot]


@pytest.mark.parametrize("depot", FLEETS)
def test_id_tags_fit_into_ocpp_and_tell_vehicles_apart(depot: str) -> None:
    tags = [vehicle["id_tag"] for vehicle in the_rows(depot, "vehicles.csv")]
    assert all(0 < len(tag) <= 20 for tag in tags)
    assert len({tag.lower() for tag in tags}) == len(tags)


def test_one_phase_vans_spread_over_the_phases() -> None:
    connectors = the_connectors("parcel-12")
    visits = the_rows("parcel-12", "nights", "2025-11-10", "visits.csv")
    first = [connectors[v["charger_id"]]["phase_map"][0] for v in visits if v["vehicle_id"].startswith("S")]
    assert sorted(first) == ["L1", "L2", "L3", "L3"]


def test_the_manifest_names_every_source_and_they_are_small() -> None:
    manifest = (DATA / "MANIFEST.md").read_text(encoding="utf-8")
    sources = [path for path in (DATA / "sources").rglob("*") if path.is_file()]
    assert [path.name for path in sources if f"`{path.name}`" not in manifest] == []
    assert sum(path.stat().st_size for path in sources) < 1_500_000


@pytest.mark.parametrize(("depot", "night"), NIGHTS)
def test_every_night_is_read_and_says_only_what_is_odd_about_it(depot: str, night: str) -> None:
    stays, tonight = load_folder(DATA / depot, night)
    assert len(stays.vehicles) == len(tonight.visits) == len(the_rows(depot, "vehicles.csv"))
    assert tonight.horizon == the_horizon(depot, night)
    early_trucks = [warning for warning in tonight.warnings if "trk016 arrived" in warning]
    assert list(tonight.warnings) == early_trucks
    assert len(early_trucks) == (1 if depot == "last-mile-300" else 0)
