"""Every way to break a folder that we know of: where the message points, what it found, what it allows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from optimiser.inputs import InputError, load_folder
from tests.optimiser.folder_builders import (
    CURVES_CSV,
    NIGHT,
    PRICES_PATH,
    PV_PATH,
    VEHICLES_CSV,
    VISITS_CSV,
    VISITS_PATH,
    series_csv,
    write_depot_folder,
)

YAML = "depot.yaml"
VEHICLES = "vehicles.csv"
CURVES = "charge_curves.csv"
HEADER = VISITS_CSV.partition("\n")[0]


@dataclass(frozen=True)
class Mistake:
    """In a file, ``old`` becomes ``new``; the one message about it has these parts."""

    name: str
    old: str
    new: str
    where: str
    found: str
    allowed: str


MISTAKES = {
    # depot.yaml: keys and values
    "unknown_key": Mistake(YAML, "reserve_kw: 1", "spare: 1", "line 7, site.spare", "unknown key 'spare'", "reserve_kw"),
    "unknown_top_key": Mistake(YAML, "name:", "colour: red\nname:", "line 1, colour", "unknown key", "one of name"),
    "misspelt_key": Mistake(YAML, "timezone:", "timezon:", "line 2, timezon", "unknown key", "timezone (did you mean"),
    "wrong_unit_in_key": Mistake(
        YAML, "transformer_limit_kw: 43", "transformer_limit_w: 43000",
        "line 6, site.transformer_limit_w", "unknown key", "transformer_limit_kw (did you mean",
    ),
    "unit_in_value": Mistake(
        YAML, "limit_kw: 43", "limit_kw: 43 kW", "line 6, site.transformer_limit_kw", "'43 kW'", "write the number alone"
    ),
    "decimal_comma": Mistake(
        YAML, "limit_kw: 43", "limit_kw: 43,5", "line 6, site.transformer_limit_kw", "'43,5'", "a decimal point"
    ),
    "missing_key": Mistake(YAML, "currency: EUR\n", "", "depot.yaml line 1, currency", "nothing", "ISO 4217"),
    "negative_limit": Mistake(YAML, "limit_kw: 43", "limit_kw: -43", "site.transformer_limit_kw", "-43", "above 0"),
    "nan": Mistake(YAML, "limit_kw: 43", "limit_kw: .nan", "site.transformer_limit_kw", "nan", "a number above 0"),
    "infinite": Mistake(YAML, "limit_kw: 43", "limit_kw: .inf", "site.transformer_limit_kw", "inf", "up to 100000"),
    "true_as_number": Mistake(YAML, "limit_kw: 43", "limit_kw: yes", "site.transformer_limit_kw", "true", "a number"),
    "null": Mistake(YAML, "limit_kw: 43", "limit_kw:", "site.transformer_limit_kw", "nothing", "a number above 0"),
    "reserve_above_limit": Mistake(YAML, "reserve_kw: 1", "reserve_kw: 50", "line 5, site", "reserve_kw 50", "less than"),
    "base_load_max_below": Mistake(
        YAML, "base_load_kw: 5", "base_load_kw: 5\n  base_load_max_kw: 4", ", site", "base_load_max_kw 4", "at least"
    ),
    "line_to_line_voltage": Mistake(
        YAML, "reserve_kw: 1", "voltage_v: 400", "site.voltage_v", "400", "from 90 to 350 (Voltage of a phase"
    ),
    "unquoted_time": Mistake(
        YAML, 'start: "12:00"', "start: 12:00", "line 4, horizon.start", "12:00 without quotes", '"12:00"'
    ),
    "no_time": Mistake(YAML, 'start: "12:00"', 'start: "25:00"', "horizon.start", "'25:00'", "Local time"),
    "half_steps": Mistake(
        YAML, 'start: "12:00"', 'start: "12:05"', "line 4, horizon", "1435 minutes", "whole number of steps of 15"
    ),
    "odd_step": Mistake(YAML, "step_minutes: 15", "step_minutes: 7", "horizon.step_minutes", "7", "one of 1, 2, 3"),
    "unknown_zone": Mistake(YAML, "Europe/Berlin", "Europe/Berlim", "line 2, timezone", "'Europe/Berlim'", "Europe/Berlin"),
    "zone_folder": Mistake(YAML, "Europe/Berlin", "Europe", "line 2, timezone", "'Europe'", "an IANA time zone"),
    "currency_sign": Mistake(YAML, "EUR", "€", "line 3, currency", "'€'", "ISO 4217"),
    "bool_key": Mistake(YAML, "name:", "on: 1\nname:", "line 1, on", "the key 'on', which YAML reads as bool", "quotes"),
    "number_key": Mistake(YAML, "name:", "1: 1\nname:", "line 1, 1", "which YAML reads as int", "a key that is text"),
    "collection_key": Mistake(YAML, "name:", "? [a]\n: 1\nname:", "line 1", "a collection", "a key that is text"),
    "merge_key": Mistake(YAML, "name:", "<<: {a: 1}\nname:", "line 1, <<", "reads as merge", "a key that is text"),
    "duplicate_key": Mistake(YAML, "site:", "name: again\nsite:", "line 5, name", "second time (first on line 1)", "once"),
    "broken_yaml": Mistake(YAML, "site:", "site: [", "depot.yaml line", "broken YAML", "YAML 1.1"),
    "two_documents": Mistake(YAML, "site:", "---\nsite:", "depot.yaml line 5", "another document", "one document"),
    "python_object": Mistake(YAML, "two vans", "!!python/name:os.system", "line 1, name", "python/name:os.system", "text"),
    "wrong_date": Mistake(YAML, "two vans", "2025-13-45", "line 1, name", "month must be in 1..12", "text"),
    "number_as_name": Mistake(YAML, "two vans", "17", "line 1, name", "17", "text"),
    "unquoted_version": Mistake(YAML, '"1.6"', "1.6", "line 15, chargers[0].ocpp", "1.6", '"1.6", "2.0.1"'),
    "unknown_version": Mistake(YAML, '"1.6"', '"1.5"', "chargers[0].ocpp", "'1.5'", '"1.6", "2.0.1"'),
    "endless_alias": Mistake(
        YAML, "{clears_on_boot: true}", "&a {b: *a}", "chargers[0].capabilities.b", "repeats itself", "aliases of other"
    ),
    "lone_surrogate": Mistake(YAML, "two vans", '"\\uD800"', "line 1, name", "\\ud800", "text"),
    "not_a_mapping": Mistake(YAML, "policy: {tick_minutes: 15, unknown_vehicle: hold}", "policy: 3", "policy", "3", "a mapping"),
    "unknown_policy": Mistake(YAML, "hold", "stop", "policy.unknown_vehicle", "'stop'", '"floor", "hold"'),
    "certain_readiness": Mistake(YAML, "tick_minutes: 15", "readiness: 1.0", "policy.readiness", "1.0", "below 1"),
    "unknown_security": Mistake(YAML, "profile: 1", "profile: 4", "gateway.security_profile", "4", "0, 1, 2, 3"),
    "tls_missing": Mistake(YAML, "profile: 1", "profile: 2", "line 33, gateway", "without tls", "tls.certificate"),
    "client_ca_missing": Mistake(
        YAML, "profile: 1", "profile: 3, tls: {certificate: a, key: b}", ", gateway", "without tls.client_ca", "tls.client_ca"
    ),
    "address_without_port": Mistake(YAML, "127.0.0.1:9000", "127.0.0.1", "gateway.listen", "'127.0.0.1'", "host:port"),
    "impossible_port": Mistake(YAML, "127.0.0.1:9000", "127.0.0.1:90000", "gateway.listen", "port 90000", "65535"),
    "secret_in_store": Mistake(
        YAML, "name:", "store: postgresql://depot:hush@db/depot\nname:", "depot.yaml", "a password in store", "without password"
    ),
    "store_is_no_url": Mistake(YAML, "name:", "store: depot.db\nname:", "line 1, store", "'depot.db'", "SQLAlchemy URL"),
    # depot.yaml: feeders, chargers, connectors
    "duplicate_feeder": Mistake(YAML, "id: row", "id: hall", "line 11, feeders[1].id", "'hall' again", "each name once"),
    "unknown_parent": Mistake(YAML, "parent: hall", "parent: halle", "line 11, feeders[1].parent", "'halle'", "hall (did"),
    "unknown_feeder": Mistake(YAML, "feeder: row", "feeder: rows", "line 14, chargers[0].feeder", "'rows'", "row (did"),
    "feeder_circle": Mistake(
        YAML, "{id: hall,", "{id: hall, parent: row,", "feeders[0].parent", "circle 'hall' → 'row' → 'hall'", "a tree"
    ),
    "feeder_under_itself": Mistake(
        YAML, "{id: hall,", "{id: hall, parent: hall,", "feeders[0].parent", "circle 'hall' → 'hall'", "a tree"
    ),
    "duplicate_charger": Mistake(YAML, "id: CP02", "id: CP01", "line 19, chargers[1].id", "'CP01' again", "each name once"),
    "charger_id_with_slash": Mistake(YAML, "id: CP02", "id: CP/02", "chargers[1].id", "'CP/02'", "at most 48 letters"),
    "long_charger_id": Mistake(YAML, "id: CP02", f"id: {'C' * 49}", "chargers[1].id", "'CCC", "at most 48 letters"),
    "no_connectors": Mistake(
        YAML, "\n      - {id: 1, phases: 3, max_current_a: 32, phase_map: [L2, L3, L1]}", " []",
        "chargers[0].connectors", "a list of 0", "a list of at least 1",
    ),
    "duplicate_connector": Mistake(YAML, "{id: 2,", "{id: 1,", "line 24, chargers[1].connectors[1].id", "1 again", "once"),
    "connector_zero": Mistake(YAML, "{id: 2,", "{id: 0,", "chargers[1].connectors[1].id", "0", "from 1"),
    "two_phases": Mistake(
        YAML, "{id: 2, phases: 1", "{id: 2, phases: 2", "line 24, chargers[1].connectors[1].phases", "2", "one of 0, 1, 3"
    ),
    "dc_without_power": Mistake(
        YAML, "max_kw: 50, min_kw: 5", "min_kw: 5", "chargers[1].connectors[0]", "no max_kw", "max_kw on a DC connector"
    ),
    "ac_without_current": Mistake(
        YAML, "phases: 1, max_current_a: 16", "phases: 1", "chargers[1].connectors[1]", "no max_current_a", "AC connector"
    ),
    "dc_key_on_ac": Mistake(
        YAML, "phases: 1, max", "phases: 1, max_kw: 22, max", "chargers[1].connectors[1]", "max_kw with phases 1", "AC"
    ),
    "ac_key_on_dc": Mistake(
        YAML, "min_kw: 5}", "max_current_a: 5}", "chargers[1].connectors[0]", "max_current_a with phases 0", "DC"
    ),
    "dc_range": Mistake(YAML, "min_kw: 5", "min_kw: 55", "chargers[1].connectors[0]", "min_kw 55", "at most max_kw 50"),
    "ac_range": Mistake(
        YAML, "max_current_a: 16", "max_current_a: 5", "chargers[1].connectors[1]", "min_current_a 6", "max_current_a 5"
    ),
    "phase_map_too_short": Mistake(
        YAML, "[L2, L3, L1]", "[L2, L3]", "chargers[0].connectors[0]", "phase_map [L2, L3]", "3 different"
    ),
    "phase_map_twice": Mistake(YAML, "[L2, L3, L1]", "[L2, L2, L1]", "chargers[0].connectors[0]", "[L2, L2, L1]", "3 diff"),
    "list_and_step": Mistake(
        YAML, "max_current_a: 16}", "max_current_a: 16, current_step_a: 1, allowed_currents_a: [6, 16]}",
        "chargers[1].connectors[1]", "current_step_a beside allowed_currents_a", "one of the two",
    ),
    "list_that_falls": Mistake(
        YAML, "max_current_a: 16}", "max_current_a: 16, allowed_currents_a: [16, 10, 6]}",
        "chargers[1].connectors[1]", "allowed_currents_a [16, 10, 6]", "currents that rise",
    ),
    "unknown_phase": Mistake(YAML, "[L2, L3, L1]", "[N, L3, L1]", "phase_map[0]", "'N'", '"L1", "L2", "L3"'),
    "unknown_side": Mistake(YAML, "min_kw: 5", "limit_side: input", "limit_side", "'input'", '"output", "grid"'),
    # depot.yaml: tariff
    "band_over_midnight": Mistake(
        YAML, 'from: "06:00", to: "24:00"', 'from: "06:00", to: "02:00"', "tariff.bands[1]", "06:00 to 02:00", "as two"
    ),
    "overlapping_bands": Mistake(
        YAML, 'from: "06:00"', 'from: "05:00"', "tariff.bands[1]", "overlaps bands[0], 00:00 to 06:00", "one price"
    ),
    "hole_in_bands": Mistake(
        YAML, 'from: "06:00"', 'from: "06:30"', "tariff.bands", "no price on weekdays from 06:00 to 06:30", '"24:00"'
    ),
    "no_weekend": Mistake(
        YAML, '    - {days: weekends, from: "00:00", to: "24:00", price_per_kwh: 0.25}\n', "",
        "tariff.bands", "no price on weekends from 00:00 to 24:00", "on all days",
    ),
    "unknown_days": Mistake(YAML, "days: weekends", "days: sunday", "tariff.bands[2].days", "'sunday'", '"weekends"'),
    "odd_billing": Mistake(
        YAML, "peak_so_far_kw: 20", "billing_interval_minutes: 20", "tariff.billing_interval_minutes", "20 min", "divisor"
    ),
    # vehicles.csv and charge_curves.csv
    "misspelt_column": Mistake(VEHICLES, "battery_kwh", "batery_kwh", "line 1, batery_kwh", "unknown column", "battery_kwh (did"),
    "missing_column": Mistake(
        VEHICLES, VEHICLES_CSV, "vehicle_id\nvan1\nvan2\n", "vehicles.csv line 1, battery_kwh", "no such column", "id_tag"
    ),
    "duplicate_column": Mistake(VEHICLES, "max_dc_kw", "ac_phases", "line 1, ac_phases", "column 2 times", "each column once"),
    "empty_header": Mistake(VEHICLES, "charge_curve\n", "\n", "line 1, header", "unknown column ''", "charge_curve"),
    "semicolons": Mistake(VEHICLES, VEHICLES_CSV, VEHICLES_CSV.replace(",", ";"), "line 1", "separated by ';'", "','"),
    "tabs": Mistake(VEHICLES, VEHICLES_CSV, VEHICLES_CSV.replace(",", "\t"), "line 1", "separated by tabs", "','"),
    "extra_cell": Mistake(VEHICLES, "TAG2,6,", "TAG2,6,,", "vehicles.csv line 3", "10 cells", "9 cells"),
    "open_quote": Mistake(VEHICLES, "van2", '"van2', "vehicles.csv line 3", "broken CSV", "comma-separated"),
    "duplicate_vehicle": Mistake(VEHICLES, "van2", "van1", "line 3, vehicle_id", "'van1' again (first at", "each name once"),
    "duplicate_tag": Mistake(VEHICLES, "TAG2", "tag1", "line 3, id_tag", "'TAG1' again", "each name once"),
    "long_tag": Mistake(VEHICLES, "TAG2", "T" * 21, "line 3, id_tag", "'TTT", "at most 20 characters"),
    "control_character": Mistake(VEHICLES, "TAG2", "TA\x07G2", "line 3, id_tag", "'TA\\x07G2'", "without control characters"),
    "empty_battery": Mistake(VEHICLES, "van2,40", "van2,", "line 3, battery_kwh", "nothing", "Usable battery [kWh]"),
    "negative_battery": Mistake(VEHICLES, "van2,40", "van2,-40", "line 3, battery_kwh", "'-40'", "above 0"),
    "watt_hours": Mistake(VEHICLES, "van2,40", "van2,40000", "line 3, battery_kwh", "'40000'", "up to 5000"),
    "text_battery": Mistake(VEHICLES, "van2,40", "van2,40 kWh", "line 3, battery_kwh", "'40 kWh'", "number alone"),
    "nan_battery": Mistake(VEHICLES, "van2,40", "van2,nan", "line 3, battery_kwh", "'nan'", "above 0"),
    "efficiency_in_percent": Mistake(
        VEHICLES, "1,0,0.9", "1,0,90", "line 3, charge_efficiency", "'90'", "above 0 up to 1 (Energy into"
    ),
    "current_without_phases": Mistake(VEHICLES, "32,1,0", "32,0,0", "line 3, ac_phases", "0 with max_ac_current_a 32", "1, 2"),
    "unknown_curve": Mistake(VEHICLES, "taper", "tapir", "line 2, charge_curve", "'tapir'", "taper (did you mean"),
    "rising_curve": Mistake(CURVES, "80,50", "80,60", "charge_curves.csv line 3, max_kw", "60 after 50", "never rises"),
    "unsorted_curve": Mistake(CURVES, "taper,80", "taper,0", "line 3, soc_percent", "0 after 0", "rises within a curve"),
    "curve_beyond_full": Mistake(CURVES, "100,5", "140,5", "line 4, soc_percent", "'140'", "from 0 to 100"),
    # visits.csv
    "unknown_vehicle": Mistake(VISITS_PATH, "van2", "van3", f"{VISITS_PATH} line 3, vehicle_id", "'van3'", "van2"),
    "unknown_charger": Mistake(VISITS_PATH, "CP02", "XY", "line 3, charger_id", "unknown charger 'XY'", "one of CP01, CP02"),
    "unknown_connector": Mistake(
        VISITS_PATH, "CP02,2", "CP02,3", "line 3, connector_id", "unknown connector 3", "a connector of CP02: 1, 2"
    ),
    "unknown_connector_with_decimals": Mistake(
        VISITS_PATH, "CP02,2", "CP02,3.0", "line 3, connector_id", "unknown connector 3", "a connector of CP02: 1, 2"
    ),
    "connector_text": Mistake(VISITS_PATH, "CP02,2", "CP02,left", "line 3, connector_id", "'left'", "a whole number"),
    "departure_before_arrival": Mistake(
        VISITS_PATH, "2025-11-11T06:30", "2025-11-10T06:30", "line 2, departure",
        "2025-11-10T06:30, not after the arrival 2025-11-10T17:50", "after the arrival",
    ),
    "soc_of_140": Mistake(VISITS_PATH, "06:30,90", "06:30,140", "line 2, required_soc_percent", "'140'", "from 0 to 100"),
    "soc_with_sign": Mistake(VISITS_PATH, "06:30,90", "06:30,90%", "line 2, required_soc_percent", "'90%'", "number alone"),
    "negative_priority": Mistake(VISITS_PATH, "90,2", "90,-2", "line 2, priority", "'-2'", "from 0"),
    "no_timestamp": Mistake(VISITS_PATH, "2025-11-10T17:50", "ten to six", "line 2, arrival", "'ten to six'", "local one"),
    "date_only": Mistake(VISITS_PATH, "2025-11-10T17:50", "2025-11-10", "line 2, arrival", "without a time", "T17:50"),
    "skipped_time": Mistake(
        VISITS_PATH, "2025-11-11T06:30", "2026-03-29T02:30", "line 2, departure", "does not exist", "exists once"
    ),
    "doubled_time": Mistake(
        VISITS_PATH, "2025-11-10T17:50", "2025-10-26T02:30", "line 2, arrival", "exists twice in Europe/Berlin: write", "Z"
    ),
    "outside_the_calendar": Mistake(
        VISITS_PATH, "2025-11-10T17:50", "0001-01-01T00:00+14:00", "line 2, arrival", "outside the calendar", "a time"
    ),
    "visit_of_yesterday": Mistake(
        VISITS_PATH, "2025-11-10T17:50,30,2025-11-11T06:30", "2025-11-09T17:50,30,2025-11-10T12:00",
        "line 2, arrival", "wholly outside the night", "2025-11-10T12:00+01:00 and 2025-11-11T12:00+01:00",
    ),
    "vehicle_in_two_places": Mistake(
        VISITS_PATH, "van2", "van1", "line 2, vehicle_id", "van1 on CP01/1 from 2025-11-10T17:50+01:00", "one place at a time"
    ),
    "connector_with_two_vehicles": Mistake(
        VISITS_PATH, "van2,CP02,2,2025-11-10T16:00Z", "van2,CP01,1,2025-11-11T05:00Z",
        "line 3, connector_id", "(line 2)", "one vehicle at a time",
    ),
    "negative_preconditioning": Mistake(
        VISITS_PATH, VISITS_CSV, f"{HEADER},precondition_kwh\nvan1,CP01,1,2025-11-10T17:50,30,2025-11-11T06:30,90,2,-4\n",
        "line 2, precondition_kwh", "'-4'", "from 0 to 1000 (What warming or cooling before departure",
    ),
    "preconditioning_in_watt_hours": Mistake(
        VISITS_PATH, VISITS_CSV, f"{HEADER},precondition_kwh\nvan1,CP01,1,2025-11-10T17:50,30,2025-11-11T06:30,90,2,4000\n",
        "line 2, precondition_kwh", "'4000'", "from 0 to 1000",
    ),
    "preconditioning_in_no_time": Mistake(
        YAML, "tick_minutes: 15", "precondition_minutes: 0", "policy.precondition_minutes", "0", "from 5 to 240"
    ),
}  # fmt: skip


def the_problems(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_folder(folder, NIGHT)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_message_with_place_value_and_what_is_allowed(
    mistake: Mistake, tmp_path: Path
) -> None:
    folder = write_depot_folder(tmp_path, replace=[(mistake.name, mistake.old, mistake.new)])
    with pytest.raises(InputError) as caught:
        load_folder(folder, NIGHT)
    ours = [p for p in caught.value.problems if mistake.where in p.where and mistake.found in p.found]
    assert ours, str(caught.value)
    assert mistake.allowed in ours[0].allowed
    assert mistake.name in ours[0].where
    line = str(ours[0])
    assert "\n" not in line
    assert line.index(": found ") < line.index(", allowed ")


FOLLOW_UPS = {
    "missing_column",
    "duplicate_column",
    "duplicate_feeder",
    "duplicate_charger",
    "duplicate_vehicle",
    "charger_id_with_slash",
    "long_charger_id",
}
"""Mistakes that take a name or a column away which is needed elsewhere."""


@pytest.mark.parametrize("name", [name for name in MISTAKES if name not in FOLLOW_UPS])
def test_a_mistake_is_not_reported_twice(name: str, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    folder = write_depot_folder(tmp_path, replace=[(mistake.name, mistake.old, mistake.new)])
    assert len(the_problems(folder)) == 1, "\n".join(the_problems(folder))


FILES_AMISS: dict[str, tuple[dict[str, str | bytes | None], str]] = {
    "no_depot_yaml": ({YAML: None}, "depot.yaml: found no such file"),
    "no_vehicles": ({VEHICLES: None}, "vehicles.csv: found no such file"),
    "no_visits": ({VISITS_PATH: None}, f"{VISITS_PATH}: found no such file"),
    "empty_yaml": ({YAML: ""}, "depot.yaml: found an empty file"),
    "only_comments": ({YAML: "# nothing\n"}, "depot.yaml: found YAML that is no mapping"),
    "yaml_list": ({YAML: "- 1\n"}, "depot.yaml: found YAML that is no mapping"),
    "deep_yaml": ({YAML: "[" * 5000}, "depot.yaml: found YAML nested too deeply"),
    "abyss_of_yaml": ({YAML: "[" * 200_000}, "depot.yaml: found YAML nested too deeply"),
    "multiplying_aliases": (
        {YAML: "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
            f"{later}: &{later} [{','.join([f'*{earlier}'] * 9)}]\n" for earlier, later in pairwise("abcdefghi")
        )},
        "depot.yaml: found more than 200000 values",
    ),
    "empty_csv": ({VEHICLES: "\n"}, "vehicles.csv: found an empty file"),
    "latin_1": ({VEHICLES: "vehicle_id\nmüller\n".encode("latin-1")}, "vehicles.csv line 2: found byte 0xFC"),
    "utf_16": ({VEHICLES: VEHICLES_CSV.encode("utf-16")}, "vehicles.csv line 1: found byte 0xFF"),
    "stray_file": ({f"nights/{NIGHT}/price.csv": "a\n"}, f"nights/{NIGHT}/price.csv: found an unknown file"),
    "huge_cell": ({VEHICLES: VEHICLES_CSV + "x" * 200_000}, "vehicles.csv line 4: found broken CSV"),
    "empty_series": ({PRICES_PATH: "start,import_price_per_kwh\n"}, f"{PRICES_PATH}: found no rows"),
    "dear_export": (
        {
            PRICES_PATH: series_csv("import_price_per_kwh,export_price_per_kwh", ["0.2,0.1"] * 23 + ["0.2,0.3"]),
            PV_PATH: series_csv("pv_kw", [1] * 24),
        },
        f"{PRICES_PATH} line 25, export_price_per_kwh: found 0.3",
    ),
    "no_prices_at_all": (
        {YAML: "name: d\ntimezone: Europe/Berlin\ncurrency: EUR\nsite: {transformer_limit_kw: 9}\nchargers: []\n"},
        f"{PRICES_PATH}: found no such file, allowed prices.csv, or tariff.bands in depot.yaml",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "message"), FILES_AMISS.values(), ids=FILES_AMISS)
def test_a_file_that_is_amiss_is_named(
    files: dict[str, str | bytes | None], message: str, tmp_path: Path
) -> None:
    problems = the_problems(write_depot_folder(tmp_path, files=files))
    assert any(problem.startswith(message) for problem in problems), "\n".join(problems)


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path, files={VEHICLES: None})
    (folder / VEHICLES).mkdir()
    assert any(problem.startswith("vehicles.csv: found Is a directory") for problem in the_problems(folder))


def test_a_folder_with_twelve_mistakes_reports_all_twelve(tmp_path: Path) -> None:
    names = [
        "wrong_unit_in_key", "unquoted_time", "unknown_feeder", "dc_without_power", "overlapping_bands",
        "negative_battery", "unknown_curve", "rising_curve", "soc_of_140", "unknown_vehicle",
        "unknown_connector", "doubled_time",
    ]  # fmt: skip
    mistakes = [MISTAKES[name] for name in names]
    folder = write_depot_folder(tmp_path, replace=[(m.name, m.old, m.new) for m in mistakes])
    problems = the_problems(folder)
    for mistake in mistakes:
        assert any(mistake.where in problem and mistake.found in problem for problem in problems), mistake
    assert len(problems) == 12, "\n".join(problems)


def test_visits_are_checked_against_chargers_and_vehicles_that_are_wrong_themselves(tmp_path: Path) -> None:
    folder = write_depot_folder(
        tmp_path,
        files={CURVES: CURVES_CSV},
        replace=[(YAML, "max_current_a: 32", "max_current_a: -1"), (VEHICLES, "van1,60", "van1,-60")],
    )
    problems = the_problems(folder)
    assert len(problems) == 2, "\n".join(problems)
