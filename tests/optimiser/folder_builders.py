"""A small valid depot folder on disk, two vehicles and one night, which a test can break one way at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

NIGHT = "2025-11-10"
FIRST_NOON = datetime(2025, 11, 10, 12)  # noqa: DTZ001  # the depot's wall clock, as the files have it

DEPOT_YAML = """\
name: two vans
timezone: Europe/Berlin
currency: EUR
horizon: {start: "12:00", end: "12:00", step_minutes: 15}
site:
  transformer_limit_kw: 43
  reserve_kw: 1
  base_load_kw: 5
feeders:
  - {id: hall, limit_kw: 40}
  - {id: row, parent: hall, limit_kw: 30, limit_per_phase_a: 63}
chargers:
  - id: CP01
    feeder: row
    ocpp: "1.6"
    capabilities: {clears_on_boot: true}
    connectors:
      - {id: 1, phases: 3, max_current_a: 32, phase_map: [L2, L3, L1]}
  - id: CP02
    feeder: hall
    ocpp: "2.0.1"
    connectors:
      - {id: 1, phases: 0, max_kw: 50, min_kw: 5}
      - {id: 2, phases: 1, max_current_a: 16}
tariff:
  bands:
    - {days: weekdays, from: "00:00", to: "06:00", price_per_kwh: 0.2}
    - {days: weekdays, from: "06:00", to: "24:00", price_per_kwh: 0.3}
    - {days: weekends, from: "00:00", to: "24:00", price_per_kwh: 0.25}
  demand_charge_per_kw: 12
  peak_so_far_kw: 20
policy: {tick_minutes: 15, unknown_vehicle: hold}
gateway: {listen: "127.0.0.1:9000", security_profile: 1, credentials: credentials.yaml}
"""

VEHICLES_CSV = """\
vehicle_id,battery_kwh,max_ac_current_a,ac_phases,max_dc_kw,charge_efficiency,id_tag,min_current_a,charge_curve
van1,60,16,3,50,0.9,TAG1,,taper
van2,40,32,1,0,0.9,TAG2,6,
"""

CURVES_CSV = """\
curve_id,soc_percent,max_kw
taper,0,50
taper,80,50
taper,100,5
"""

VISITS_CSV = """\
vehicle_id,charger_id,connector_id,arrival,arrival_soc_percent,departure,required_soc_percent,priority
van1,CP01,1,2025-11-10T17:50,30,2025-11-11T06:30,90,2
van2,CP02,2,2025-11-10T16:00Z,40,2025-11-11T07:00+01:00,100,
"""

VISITS_PATH = f"nights/{NIGHT}/visits.csv"
PRICES_PATH = f"nights/{NIGHT}/prices.csv"
BASE_LOAD_PATH = f"nights/{NIGHT}/base_load.csv"
SITE_LIMIT_PATH = f"nights/{NIGHT}/site_limit.csv"
PV_PATH = f"nights/{NIGHT}/pv.csv"

FILES = {
    "depot.yaml": DEPOT_YAML,
    "vehicles.csv": VEHICLES_CSV,
    "charge_curves.csv": CURVES_CSV,
    VISITS_PATH: VISITS_CSV,
}


def series_csv(
    column: str, values: Sequence[object], *, minutes: int = 60, start: datetime = FIRST_NOON
) -> str:
    """A series with local times, one value after the other."""
    rows = [
        f"{(start + timedelta(minutes=minutes * place)).isoformat(timespec='minutes')},{value}"
        for place, value in enumerate(values)
    ]
    return "\n".join([f"start,{column}", *rows]) + "\n"


def write_depot_folder(
    path: Path,
    *,
    files: Mapping[str, str | bytes | None] | None = None,
    replace: Sequence[tuple[str, str, str]] = (),
) -> Path:
    """Writes the folder. ``files`` are other contents by name, None leaves one out; ``replace`` are
    (name, old text, new text), and the old text has to be there.
    """
    contents: dict[str, str | bytes | None] = {**FILES, **(files or {})}
    for name, old, new in replace:
        text = contents[name]
        assert isinstance(text, str)
        assert old in text, f"{old!r} is not in {name}"
        contents[name] = text.replace(old, new, 1)
    for name, content in contents.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            file.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
