"""Writes the sample depots from the extracts in ``sources/``. It alone knows what in them is assumed.

    python data/make_depots.py [FOLDER]

writes ``parcel-12``, ``bus-60`` and ``last-mile-300`` into FOLDER (``data/`` itself by default), the same bytes
every time; it touches no other file there. Only the standard library is needed. MANIFEST.md has the sources.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
SAMPLE_DATE = date(2025, 11, 10)
"""The date of the fleets' source nights; other nights repeat their wall times."""
BERLIN = ZoneInfo("Europe/Berlin")
PARCEL_NIGHTS = (
    SAMPLE_DATE,
    date(2025, 3, 29),  # the clocks skip an hour: 92 quarters from noon to noon
    date(2025, 10, 25),  # the clocks show an hour twice: 100 quarters
    date(2025, 5, 11),  # a sunny Sunday: energy is paid for being taken, also with levies on it
)
BUS_NIGHTS = PARCEL_NIGHTS[:3]

PARCEL_BASE_LOAD_MWH = 20  # a year; assumed
BUS_BASE_LOAD_MWH = 300  # a year; assumed
BUS_CHARGING_MWH = 3480  # a year: 11.6 of the sample night, on 300 nights; assumed
AC_CURRENT_A = {3: 16, 1: 32}
"""Current per phase of the on-board chargers, by phases: 11 kW on three, 7.4 kW on one. [A]"""
DC_MIN_KW = 10  # SpiceEV's scenario of 100 kW chargers; assumed for all DC chargers
PHASES = ("L1", "L2", "L3")

Row = dict[str, str]
Files = dict[str, str]
"""Text of files by their path below the depot's folder."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The extracts, as read: decimals stay decimals, so that no digit is made or lost."""

    fleets: Mapping[str, Sequence[Row]]
    facts: Mapping[str, Any]
    network_charges: Mapping[str, Any]
    us_tariffs: Sequence[Mapping[str, Any]]
    day_ahead_per_mwh: Mapping[datetime, Decimal]
    profiles: Mapping[str, Row]


def read_sources(folder: Path) -> Sources:
    """All extracts below a folder."""
    fleets = {
        letter: _rows(folder / f"depot_{letter}_{SAMPLE_DATE}.csv")
        for letter in ("A_parcel12", "B_bus60", "C_lastmile300")
    }
    prices = _rows(folder / "smard_day_ahead_de_lu_2025_hourly.csv")
    profiles = _rows(folder / "bdew_g0_g1_2025_15min_kw_per_1000kwh.csv")
    return Sources(
        fleets=fleets,
        facts=_json(folder / "depots.json"),
        network_charges=_json(folder / "german_network_charges_2025.json"),
        us_tariffs=_json(folder / "us_tou_tariffs_acnportal.json"),
        day_ahead_per_mwh={
            datetime.fromisoformat(row["start_utc"]): Decimal(row["eur_per_mwh"]) for row in prices
        },
        profiles={row["start_local"]: row for row in profiles},
    )


def parcel_12(sources: Sources) -> Files:
    """Twelve vans on AC: day-ahead prices, a demand charge, a moving base load."""
    fleet = sources.fleets["A_parcel12"]
    names = [f"CP{number:02}" for number in range(1, len(fleet) + 1)]
    charge = sources.network_charges["bayernwerk_2025"]["NS_lt2500"]
    surcharge_ct = (charge["ct_kwh"] + _levies_ct(sources)).quantize(
        Decimal("0.01")
    )  # 12.26, as it is quoted
    files = {
        "depot.yaml": _depot_yaml(
            "parcel-12",
            chargers=[_ac_charger(name, number) for number, name in enumerate(names)],
            site_limit_kw=sources.facts["A_parcel12"]["grid"]["site_limit_kw"],
            base_load_max_kw=_base_load_max_kw(sources, profile="g1", year_mwh=PARCEL_BASE_LOAD_MWH),
            surcharge_ct=surcharge_ct,
            demand_charge_per_kw=charge["eur_kw_a"],
        ),
        "vehicles.csv": _vehicles(sources, fleet, tag_prefix="P12"),
    }
    for night in PARCEL_NIGHTS:
        files[f"nights/{night}/visits.csv"] = _visits(fleet, names, night)
        files[f"nights/{night}/prices.csv"] = _prices(sources, night, surcharge_ct=surcharge_ct)
        files[f"nights/{night}/base_load.csv"] = _base_load(
            sources, night, profile="g1", year_mwh=PARCEL_BASE_LOAD_MWH
        )
    return files


def bus_60(sources: Sources) -> Files:
    """Sixty buses on DC with taper, two bays below a main board, day-ahead prices, a demand charge."""
    fleet = sources.fleets["B_bus60"]
    bus = sources.facts["vehicle_types"]["bus_solo"]
    names = [f"DC{number:02}" for number in range(1, len(fleet) + 1)]
    classes = sources.network_charges["netze_odr_2025_preliminary"]["levels"]["MS"]
    charge_per_kw, charge_ct = classes["lt2500"]
    surcharge_ct = charge_ct + _levies_ct(sources)
    files = {
        "depot.yaml": _depot_yaml(
            "bus-60",
            chargers=[
                _dc_charger(
                    name, feeder="bay-a" if number < len(names) // 2 else "bay-b", max_kw=bus["dc_kw"]
                )
                for number, name in enumerate(names)
            ],
            site_limit_kw=sources.facts["B_bus60"]["grid"]["site_limit_kw"],
            base_load_max_kw=_base_load_max_kw(sources, profile="g0", year_mwh=BUS_BASE_LOAD_MWH),
            surcharge_ct=surcharge_ct,
            demand_charge_per_kw=charge_per_kw,
            annual_energy_kwh=1000 * (BUS_BASE_LOAD_MWH + BUS_CHARGING_MWH),
            below=_class_prices(classes["lt2500"]),
            above=_class_prices(classes["ge2500"]),
        ),
        "vehicles.csv": _vehicles(sources, fleet, tag_prefix="B60", charge_curve="bus-150"),
        "charge_curves.csv": _csv(
            ("curve_id", "soc_percent", "max_kw"),
            (("bus-150", _percent(str(soc)), max_kw) for soc, max_kw in bus["curve_soc_kw"]),
        ),
    }
    for night in BUS_NIGHTS:
        files[f"nights/{night}/visits.csv"] = _visits(fleet, names, night)
        files[f"nights/{night}/prices.csv"] = _prices(sources, night, surcharge_ct=surcharge_ct)
        files[f"nights/{night}/base_load.csv"] = _base_load(
            sources, night, profile="g0", year_mwh=BUS_BASE_LOAD_MWH
        )
    return files


def last_mile_300(sources: Sources) -> Files:
    """270 vans on AC and 30 trucks on DC below two transformers, time-of-use bands, a flat base load."""
    fleet = sources.fleets["C_lastmile300"]
    ac_count = sum(row["phases"] != "0" for row in fleet)  # the vans stand first
    names = [f"AC{n:03}" for n in range(1, ac_count + 1)]
    names += [f"DC{n:02}" for n in range(1, len(fleet) - ac_count + 1)]
    truck = sources.facts["vehicle_types"]["truck"]
    tariff = next(tariff for tariff in sources.us_tariffs if tariff["name"] == "PGE A-10 TOU")
    seasons = {season["id"]: season for season in tariff["schedule"]}
    winter = {"weekdays": seasons["Winter-Weekday"], "weekends": seasons["Winter-Weekend"]}
    return {
        "depot.yaml": _depot_yaml(
            "last-mile-300",
            chargers=[
                _ac_charger(name, number, feeder=row["feeder"])
                if row["phases"] != "0"
                else _dc_charger(name, feeder=row["feeder"], max_kw=truck["dc_kw"])
                for number, (name, row) in enumerate(zip(names, fleet, strict=True))
            ],
            site_limit_kw=sources.facts["C_lastmile300"]["grid"]["site_limit_kw"],
            bands="\n".join(line for days, season in winter.items() for line in _bands(days, season)),
            demand_charge_per_kw=winter["weekdays"]["demand_charge"],
        ),
        "vehicles.csv": _vehicles(sources, fleet, tag_prefix="LM300"),
        f"nights/{SAMPLE_DATE}/visits.csv": _visits(fleet, names, SAMPLE_DATE),
    }


def main(arguments: Sequence[str]) -> None:
    """Write the three depots below the folder given, or below this one."""
    folder = Path(arguments[0]) if arguments else HERE
    sources = read_sources(HERE / "sources")
    depots = {
        "parcel-12": parcel_12(sources),
        "bus-60": bus_60(sources),
        "last-mile-300": last_mile_300(sources),
    }
    for depot, files in depots.items():
        for name, text in files.items():
            path = folder / depot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())  # bytes: the same line ends on every system
        print(f"{folder / depot}: {len(files)} files")


def _depot_yaml(depot: str, *, chargers: Sequence[str], **values: object) -> str:
    templates = HERE / "templates"
    template = Template((templates / f"{depot}.yaml").read_text(encoding="utf-8"))
    common = (templates / "common.yaml").read_text(encoding="utf-8").rstrip()
    return template.substitute(values, chargers="\n".join(chargers), common=common)


def _ac_charger(name: str, number: int, *, feeder: str | None = None) -> str:
    first = number % len(PHASES)
    phase_map = ", ".join(PHASES[first:] + PHASES[:first])
    return _charger(
        name,
        feeder,
        f"phases: 3, max_current_a: 16, min_current_a: 6, current_step_a: 0.1, phase_map: [{phase_map}]",
    )


def _dc_charger(name: str, *, feeder: str, max_kw: int) -> str:
    return _charger(
        name,
        feeder,
        f"phases: 0, max_kw: {max_kw}, min_kw: {DC_MIN_KW}, conversion_efficiency: 1.0, limit_side: grid",
    )


def _charger(name: str, feeder: str | None, connector: str) -> str:
    where = f"feeder: {feeder}, " if feeder else ""
    return f'  - {{id: {name}, {where}ocpp: "1.6", connectors: [{{id: 1, {connector}}}]}}'


def _bands(days: str, season: Mapping[str, Any]) -> list[str]:
    clock = [f"{int(hour):02}:{int(hour % 1 * 60):02}" for hour in [*season["times"], 24]]
    return [
        f'    - {{days: {days}, from: "{start}", to: "{end}", price_per_kwh: {price}}}'
        for start, end, price in zip(clock, clock[1:], season["tariffs"], strict=False)
    ]


def _vehicles(
    sources: Sources, fleet: Sequence[Row], *, tag_prefix: str, charge_curve: str | None = None
) -> str:
    efficiency = sources.facts["charge_efficiency_assumed"]
    header = ["vehicle_id", "battery_kwh", "max_ac_current_a", "ac_phases", "max_dc_kw", "charge_efficiency"]
    header += ["id_tag"] + (["charge_curve"] if charge_curve else [])
    rows = []
    for row in fleet:
        phases = int(row["phases"])
        max_dc_kw = sources.facts["vehicle_types"][row["type"]]["dc_kw"]
        tag = f"{tag_prefix}-{row['vehicle'].upper()}"  # OCPP 1.6 has room for 20 characters, case ignored
        rows.append(
            [
                row["vehicle"],
                row["usable_kwh"],
                AC_CURRENT_A.get(phases, 0),
                phases,
                max_dc_kw,
                efficiency,
                tag,
            ]
            + ([charge_curve] if charge_curve else [])
        )
    return _csv(header, rows)


def _visits(fleet: Sequence[Row], chargers: Sequence[str], night: date) -> str:
    shift = night - SAMPLE_DATE

    # Where clocks change, no vehicle here comes or goes in the hour that is skipped or shown twice: every wall
    # time names one instant and needs no offset (tests/test_data.py holds this script to it).
    def moved(wall_time: str) -> str:
        return (datetime.fromisoformat(wall_time) + shift).isoformat(timespec="minutes")

    header = ["vehicle_id", "charger_id", "connector_id", "arrival", "arrival_soc_percent"]
    header += ["departure", "required_soc_percent"]
    rows: list[list[object]] = []
    for row, charger in zip(fleet, chargers, strict=True):
        arrival = [moved(row["arrival_local"]), _percent(row["soc_arrival"])]
        departure = [moved(row["departure_local"]), _percent(row["soc_target"])]
        rows.append([row["vehicle"], charger, 1, *arrival, *departure])
    return _csv(header, rows)


def _prices(sources: Sources, night: date, *, surcharge_ct: Decimal) -> str:
    """EUR/kWh of every hour: day-ahead EUR/MWh and what comes on top of it in ct/kWh."""
    return _csv(
        ("start", "import_price_per_kwh"),
        (
            (
                local.isoformat(timespec="minutes"),
                sources.day_ahead_per_mwh[instant] / 1000 + surcharge_ct / 100,
            )
            for instant, local in _instants(night, step=timedelta(hours=1))
        ),
    )


def _base_load(sources: Sources, night: date, *, profile: str, year_mwh: int) -> str:
    """KW of every quarter-hour. The profile follows the wall clock: what clocks skip or repeat, it does too."""
    return _csv(
        ("start", "base_load_kw"),
        (
            (
                local.isoformat(timespec="minutes"),
                _decimal(Decimal(sources.profiles[f"{local:%Y-%m-%dT%H:%M}"][profile]) * year_mwh),
            )
            for _, local in _instants(night, step=timedelta(minutes=15))
        ),
    )


def _base_load_max_kw(sources: Sources, *, profile: str, year_mwh: int) -> str:
    # The extract has the day of the year's maximum, 2025-01-02 for G0 and for G1.
    return _decimal(max(Decimal(row[profile]) for row in sources.profiles.values()) * year_mwh)


def _levies_ct(sources: Sources) -> Decimal:
    """Levies, electricity tax and concession fee, the same for every German site here. [ct/kWh]"""
    charges = sources.network_charges["bayernwerk_2025"]
    levies: Iterable[Decimal] = charges["levies_ct_kwh"].values()
    total: Decimal = sum(levies, charges["stromsteuer_ct_kwh"] + charges["konzession_ct_kwh"])
    return total


def _class_prices(prices: Sequence[Decimal]) -> str:
    """Capacity per kW and year and energy in ct/kWh, as a class of depot.yaml."""
    capacity_per_kw, energy_ct = prices
    return f"{{capacity_per_kw: {capacity_per_kw}, energy_per_kwh: {energy_ct / 100}}}"


def _instants(night: date, *, step: timedelta) -> list[tuple[datetime, datetime]]:
    """Every step from noon to noon, as an instant in UTC and on the wall clock of Berlin."""
    instant = datetime.combine(night, time(12), BERLIN).astimezone(UTC)
    end = datetime.combine(night + timedelta(days=1), time(12), BERLIN).astimezone(UTC)
    instants = []
    while instant < end:
        instants.append((instant, instant.astimezone(BERLIN)))
        instant += step
    return instants


def _percent(share: str) -> str:
    return _decimal(Decimal(share) * 100)


def _decimal(value: Decimal) -> str:
    """Plain digits without trailing zeros: 90, not 90.00 or 9E+1."""
    return f"{value.normalize():f}"


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


if __name__ == "__main__":
    main(sys.argv[1:])
