"""Reading good folders, what is told of odd ones, and that nothing but InputError comes out of broken ones."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from optimiser.depot import ChargeCurve
from optimiser.inputs import (
    InputError,
    Problem,
    load_depot,
    load_folder,
    load_night,
    night_containing,
    nights_in,
)
from optimiser.inputs.schema import depot_schema
from optimiser.tariff import Band
from tests.optimiser.folder_builders import (
    DEPOT_YAML,
    FILES,
    NIGHT,
    PRICES_PATH,
    VEHICLES_CSV,
    VISITS_CSV,
    VISITS_PATH,
    series_csv,
    write_depot_folder,
)

ROOT = Path(__file__).resolve().parents[3]
SCHEMA_FILE = ROOT / "optimiser" / "depot.schema.json"


def problems_of(folder: Path) -> tuple[Problem, ...]:
    try:
        load_folder(folder, NIGHT)
    except InputError as error:
        return error.problems
    return ()


def test_a_folder_becomes_a_depot_with_the_defaults_of_the_contract(tmp_path: Path) -> None:
    depot = load_depot(write_depot_folder(tmp_path))
    assert (depot.name, depot.timezone, depot.currency) == ("two vans", "Europe/Berlin", "EUR")
    assert depot.site.base_load_max_kw == depot.site.base_load_kw == 5.0
    assert depot.feeder_path(depot.charger("CP01")) == ("row", "hall")
    ac, dc = depot.connector("CP01", 1), depot.connector("CP02", 1)
    assert (ac.min_current_a, ac.current_step_a, ac.phase_map) == (6.0, 1.0, ("L2", "L3", "L1"))
    assert (dc.is_dc, dc.conversion_efficiency, dc.limit_side) == (True, 0.95, "output")
    assert depot.charger("CP01").capabilities == {"clears_on_boot": True}
    assert depot.tariff.bands[0] == Band(days="weekdays", from_minute=0, to_minute=360, price_per_kwh=0.2)
    assert depot.policy.unknown_vehicle == "hold"
    assert depot.policy.secure_against_forgetful == 0
    assert depot.policy.precondition_minutes == 30
    assert depot.gateway.credentials == "credentials.yaml"
    assert depot.store == "sqlite:///depot.db"


def test_vehicles_come_with_their_curves(tmp_path: Path) -> None:
    depot = load_depot(write_depot_folder(tmp_path))
    curve = ChargeCurve(id="taper", soc_percent=(0.0, 80.0, 100.0), max_kw=(50.0, 50.0, 5.0))
    assert depot.vehicle("van1").charge_curve == curve
    assert depot.vehicle("van1").min_current_a == 0.0
    assert depot.vehicle("van2").charge_curve is None


def test_a_night_has_its_visits_in_utc_and_a_price_for_every_step(tmp_path: Path) -> None:
    night = load_night(write_depot_folder(tmp_path), NIGHT)
    first, second = night.visits
    assert first.arrival == datetime(2025, 11, 10, 16, 50, tzinfo=UTC)
    assert second.arrival == datetime(2025, 11, 10, 16, tzinfo=UTC)
    assert (first.priority, second.priority) == (2.0, 1.0)
    assert night.horizon.steps == 96
    assert night.import_price_per_kwh == pytest.approx(np.repeat([0.3, 0.2, 0.3], [48, 24, 24]))
    assert night.base_load_kw == pytest.approx(np.full(96, 5.0))
    assert night.site_limit_kw == pytest.approx(np.full(96, 43.0))
    assert night.warnings == ()


def test_a_visit_says_how_sure_its_arrival_is(tmp_path: Path) -> None:
    header, first, second = VISITS_CSV.splitlines()
    spread = f"{header},arrival_sd_minutes,arrival_soc_sd_percent\n{first},20,5\n{second},,\n"
    sure, unsure = load_night(write_depot_folder(tmp_path, files={VISITS_PATH: spread}), NIGHT).visits[::-1]
    assert (unsure.arrival_sd_minutes, unsure.arrival_soc_sd_percent) == (20.0, 5.0)
    assert (sure.arrival_sd_minutes, sure.arrival_soc_sd_percent) == (0.0, 0.0)


def test_a_night_is_named_by_a_date_or_by_its_text(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path)
    assert load_night(str(folder), NIGHT).date == load_night(folder, date(2025, 11, 10)).date


def test_a_charger_that_knows_few_currents_has_a_list_of_them(tmp_path: Path) -> None:
    listed = ("depot.yaml", "max_current_a: 16}", "max_current_a: 16, allowed_currents_a: [6, 10, 13.5, 16]}")
    depot = load_depot(write_depot_folder(tmp_path, replace=[listed]))
    assert depot.connector("CP02", 2).allowed_currents_a == (6.0, 10.0, 13.5, 16.0)
    assert depot.connector("CP01", 1).allowed_currents_a == ()


def test_preconditioning_is_read_with_how_long_it_takes(tmp_path: Path) -> None:
    visits = (
        f"{VISITS_CSV.splitlines()[0]},precondition_kwh\n"
        "van1,CP01,1,2025-11-10T17:50,30,2025-11-11T06:30,90,2,4.5\n"
        "van2,CP02,2,2025-11-10T16:00Z,40,2025-11-11T07:00+01:00,100,,\n"
    )
    minutes = ("depot.yaml", "tick_minutes: 15", "tick_minutes: 15, precondition_minutes: 45")
    depot, night = load_folder(
        write_depot_folder(tmp_path, files={VISITS_PATH: visits}, replace=[minutes]), NIGHT
    )
    assert [visit.precondition_kwh for visit in night.visits] == [4.5, 0.0]
    assert depot.policy.precondition_minutes == 45
    assert night.warnings == ()


@pytest.mark.parametrize("change", ["bom", "crlf", "blank lines", "spaces"])
def test_what_spreadsheets_do_to_a_file_is_read_all_the_same(change: str, tmp_path: Path) -> None:
    text = {
        "bom": "\ufeff" + VISITS_CSV,
        "crlf": VISITS_CSV.replace("\n", "\r\n"),
        "blank lines": VISITS_CSV.replace("\n", "\n\n") + ",,,,,,,\n",
        "spaces": VISITS_CSV.replace(",", " , "),
    }[change]
    changed = load_night(write_depot_folder(tmp_path / "a", files={VISITS_PATH: text}), NIGHT)
    assert changed.visits == load_night(write_depot_folder(tmp_path / "b"), NIGHT).visits


def test_line_numbers_count_blank_lines_too(tmp_path: Path) -> None:
    text = VISITS_CSV.replace("\n", "\r\n\r\n").replace("van2", "van9")
    with pytest.raises(InputError, match=r"visits.csv line 5, vehicle_id"):
        load_night(write_depot_folder(tmp_path, files={VISITS_PATH: text}), NIGHT)


def test_the_fingerprint_changes_with_every_file_and_with_nothing_else(tmp_path: Path) -> None:
    first = load_night(write_depot_folder(tmp_path / "a"), NIGHT).inputs_sha256
    assert (
        load_night(write_depot_folder(tmp_path / "b", files={"notes.txt": "x"}), NIGHT).inputs_sha256 == first
    )
    prints = {first}
    for name, text in FILES.items():
        changed = write_depot_folder(tmp_path / name.replace("/", "_"), files={name: text + "\n"})
        prints.add(load_night(changed, NIGHT).inputs_sha256)
    assert len(prints) == 1 + len(FILES)


def test_a_night_without_visits_is_a_night(tmp_path: Path) -> None:
    header = VISITS_CSV.splitlines()[0] + "\n"
    assert load_night(write_depot_folder(tmp_path, files={VISITS_PATH: header}), NIGHT).visits == ()


def test_a_night_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path)
    (folder / "nights" / "notes").mkdir()
    assert nights_in(folder) == [date(2025, 11, 10)]
    with pytest.raises(InputError) as caught:
        load_night(folder, "2025-11-11")
    assert caught.value.problems == (
        Problem(where="nights/2025-11-11", found="no such night", allowed="2025-11-10"),
    )


def test_a_night_that_is_no_date_is_told_with_the_problems_of_the_depot(tmp_path: Path) -> None:
    folder = write_depot_folder(tmp_path, replace=[("depot.yaml", "limit_kw: 43", "limit_kw: x")])
    with pytest.raises(InputError) as caught:
        load_folder(folder, "tonight")
    assert [problem.where for problem in caught.value.problems] == [
        "depot.yaml line 6, site.transformer_limit_kw",
        "night",
    ]


@pytest.mark.parametrize("load", [load_depot, nights_in])
def test_a_folder_that_is_not_there_is_told(load: object, tmp_path: Path) -> None:
    assert callable(load)
    with pytest.raises(InputError, match="found no such folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2025-11-10T11:00Z", "2025-11-10"),
        ("2025-11-11T10:59:59Z", "2025-11-10"),
        ("2025-11-11T11:00Z", "2025-11-11"),
        ("2025-10-26T10:59Z", "2025-10-25"),
    ],
)
def test_the_night_that_contains_now_starts_at_the_last_noon(now: str, night: str, tmp_path: Path) -> None:
    depot = load_depot(write_depot_folder(tmp_path))
    assert str(night_containing(depot, datetime.fromisoformat(now))) == night


def test_by_day_no_night_contains_now(tmp_path: Path) -> None:
    hours = [("depot.yaml", 'start: "12:00", end: "12:00"', 'start: "18:00", end: "08:00"')]
    depot = load_depot(write_depot_folder(tmp_path, replace=hours))
    with pytest.raises(
        InputError, match=r"no night that contains 2025-11-10T12:00Z, allowed .* 18:00 and 08:00"
    ):
        night_containing(depot, datetime(2025, 11, 10, 12, tzinfo=UTC))


def test_a_night_that_would_start_in_the_skipped_hour_is_told(tmp_path: Path) -> None:
    hours = ("depot.yaml", 'start: "12:00", end: "12:00"', 'start: "02:30", end: "02:30"')
    folder = write_depot_folder(tmp_path, replace=[hours], files={"nights/2025-03-29/visits.csv": VISITS_CSV})
    with pytest.raises(InputError, match=r"horizon.*2025-03-30T02:30:00 does not exist in Europe/Berlin"):
        load_night(folder, "2025-03-29")
    with pytest.raises(InputError, match="does not exist"):
        night_containing(load_depot(folder), datetime(2025, 3, 30, 5, tzinfo=UTC))


def test_all_keys_that_the_contract_names_are_read(tmp_path: Path) -> None:
    gateway = (
        'gateway: {listen: "[::1]:0", api: "localhost:9001", security_profile: 3, api_token_file: token,\n'
        "  tls: {certificate: a.pem, key: b.pem, client_ca: c.pem}}\n"
        "store: postgresql+psycopg://db.local/depot\n"
    )
    line = DEPOT_YAML[DEPOT_YAML.index("gateway:") :]
    depot = load_depot(write_depot_folder(tmp_path, replace=[("depot.yaml", line, gateway)]))
    assert depot.gateway.tls is not None
    assert depot.gateway.tls.client_ca == "c.pem"
    assert depot.gateway.listen == "[::1]:0"
    assert depot.store == "postgresql+psycopg://db.local/depot"


def test_an_alias_saves_writing_a_connector_twice(tmp_path: Path) -> None:
    plug = "- {id: 1, phases: 3"
    last = "- {id: 2, phases: 1, max_current_a: 16}\n"
    aliased = [
        ("depot.yaml", plug, plug.replace("- ", "- &plug ")),
        ("depot.yaml", last, f"{last}  - {{id: CP03, connectors: [*plug]}}\n"),
    ]
    depot = load_depot(write_depot_folder(tmp_path, replace=aliased))
    assert depot.connector("CP03", 1) == depot.connector("CP01", 1)


def test_the_schema_that_ships_is_up_to_date() -> None:
    shipped = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert shipped == depot_schema(), "run: python -m optimiser.inputs > optimiser/depot.schema.json"


def test_the_schema_accepts_the_sample_and_describes_every_key() -> None:
    schema = depot_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(DEPOT_YAML), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(DEPOT_YAML.replace("limit_kw", "limit_w")), schema)
    for model in [schema, *schema["$defs"].values()]:
        for key, node in model["properties"].items():
            assert node.get("description"), key


@pytest.mark.parametrize("depot", ["parcel-12", "bus-60", "last-mile-300"])
def test_the_sample_depots_load(depot: str) -> None:
    folder = ROOT / "data" / depot
    for night in nights_in(folder):
        loaded, read = load_folder(folder, night)
        assert loaded.name == depot
        assert read.visits


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_bytes_gone_wrong_raise_nothing_but_input_errors(data: st.DataObject) -> None:
    prices = series_csv("import_price_per_kwh,export_price_per_kwh", ["0.1,0.05"] * 24)
    files = {**FILES, PRICES_PATH: prices}
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name].encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 12))
        content[place : place + length] = data.draw(
            st.binary(max_size=6)
            | st.sampled_from([b"\n", b'"', b",", b": ", b"1e999", b"-", b"*", b"!!set "])
        )
    with tempfile.TemporaryDirectory() as folder:
        written = write_depot_folder(Path(folder), files={**files, name: bytes(content)})
        problems = problems_of(written)
        assert all(p.where and p.found and p.allowed and "\n" not in str(p) for p in problems)
        assert {path.name for path in written.iterdir()} == {name.partition("/")[0] for name in files}


def test_a_message_holds_nothing_that_a_terminal_would_obey() -> None:
    problem = Problem(where="a\nb", found="\x1b[2J\x07", allowed="c\ud800")
    assert str(problem) == "a b: found \\x1b[2J\\x07, allowed c\\ud800"


def test_a_vehicles_file_with_only_its_header_leaves_visits_unknown(tmp_path: Path) -> None:
    header = VEHICLES_CSV.splitlines()[0] + "\n"
    with pytest.raises(InputError, match="the unknown vehicle 'van1', allowed none"):
        load_night(write_depot_folder(tmp_path, files={"vehicles.csv": header}), NIGHT)
