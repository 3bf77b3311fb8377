"""Fleet rules of a folder: what they decide of its visits, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from optimiser.inputs import InputError, load_folder
from optimiser.inputs.rules import ThenKeys, WhenKeys
from optimiser.night import Visit
from tests.builders import at
from tests.optimiser.folder_builders import NIGHT, VEHICLES_CSV, VISITS_CSV, VISITS_PATH, write_depot_folder

TYPED = (
    VEHICLES_CSV.replace("charge_curve\n", "charge_curve,vehicle_type,group\n")
    .replace("taper\n", "taper,van,early\n")
    .replace("TAG2,6,\n", "TAG2,6,,car,\n")
)
OPEN_SOC = VISITS_CSV.replace(",90,2", ",,").replace(",100,", ",,")
"""The same visits without what they are to leave with, and without priorities."""

PAGE = Path(__file__).parents[3] / "optimiser" / "handbook" / "fleet-rules.md"
RULES = """\
policy: {tick_minutes: 15, tiers: [guaranteed, usual]}
rules:
  - id: early
    when: {groups: [early], departs: {from: "06:00", to: "07:00"}}
    then: {required_soc_percent: 95, tier: guaranteed, may_be_overridden: false}
  - id: everybody
    then: {required_soc_percent: 80, priority: 3, tier: usual, earliest_start: "22:00"}
"""


def with_rules(path: Path, rules: str = RULES, *, visits: str = OPEN_SOC, vehicles: str = TYPED) -> Path:
    return write_depot_folder(
        path,
        files={VISITS_PATH: visits, "vehicles.csv": vehicles},
        replace=[("depot.yaml", "policy: {tick_minutes: 15, unknown_vehicle: hold}\n", rules)],
    )


def visits_of(folder: Path) -> tuple[Visit, ...]:
    return load_folder(folder, NIGHT)[1].visits


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_folder(folder, NIGHT)
    return [str(problem) for problem in caught.value.problems]


def test_rules_fill_in_what_a_visit_leaves_blank_and_say_that_it_was_them(tmp_path: Path) -> None:
    early, other = visits_of(with_rules(tmp_path))
    assert (early.required_soc_percent, early.priority, early.may_be_overridden) == (95.0, 300.0, False)
    assert (other.required_soc_percent, other.priority, other.may_be_overridden) == (80.0, 3.0, True)
    assert early.earliest_start == other.earliest_start == at("22:00")
    assert {one.what: one.rule for one in early.decided} == {
        "required_soc_percent": "early",
        "priority": "everybody",
        "tier": "early",
        "earliest_start": "everybody",
        "may_be_overridden": "early",
    }


def test_the_word_of_tonight_wins(tmp_path: Path) -> None:
    own = (
        OPEN_SOC.replace("priority\n", "priority,earliest_start\n")
        .replace("2025-11-11T06:30,,\n", "2025-11-11T06:30,70,5,2025-11-10T20:15\n")
        .replace("+01:00,,\n", "+01:00,,,\n")
    )
    early, _ = visits_of(with_rules(tmp_path, visits=own))
    assert (early.required_soc_percent, early.priority) == (70.0, 500.0)  # a tier weighs it all the same
    assert early.earliest_start == at("20:15")
    assert {one.what for one in early.decided} == {"tier", "may_be_overridden"}


def test_a_route_of_tonight_brings_its_rule(tmp_path: Path) -> None:
    rules = """\
rules:
  - {id: mountains, when: {routes: [mountains]}, then: {required_soc_percent: 100}}
  - {id: rest, then: {required_soc_percent: 60}}
"""
    routed = (
        OPEN_SOC.replace("priority\n", "priority,route\n")
        .replace("06:30,,", "06:30,,,mountains")
        .replace("+01:00,,\n", "+01:00,,,\n")
    )
    assert [visit.required_soc_percent for visit in visits_of(with_rules(tmp_path, rules, visits=routed))] == [
        100.0, 60.0,
    ]  # fmt: skip


def test_without_rules_of_soc_every_visit_has_to_say_it(tmp_path: Path) -> None:
    rules = "rules:\n  - {id: all, then: {priority: 2}}\n"
    found = problems_of(with_rules(tmp_path, rules))
    assert [problem.split(":")[0] for problem in found] == [
        f"{VISITS_PATH} line {line}, required_soc_percent" for line in (2, 3)
    ]


def test_a_visit_for_which_no_rule_has_a_soc_is_an_error(tmp_path: Path) -> None:
    rules = "rules:\n  - {id: vans, when: {vehicle_types: [van]}, then: {required_soc_percent: 90}}\n"
    (found,) = problems_of(with_rules(tmp_path, rules))
    assert found.startswith(f"{VISITS_PATH} line 3, required_soc_percent: found nothing")
    assert found.endswith("a number from 0 to 100, or a rule in depot.yaml that fits and says it")


def test_everything_that_is_wrong_with_rules_is_told_at_once(tmp_path: Path) -> None:
    rules = """\
horizon: {start: "18:00", end: "08:00"}
policy: {tiers: [gold, gold]}
rules:
  - {id: one, when: {vehicle_types: [vam], groups: [erly]}, then: {tier: silver}}
  - {id: two, when: {departs: {from: "06:00", to: "06:00"}}, then: {earliest_start: "12:00", colour: red}}
  - {id: three, then: {}}
  - {id: three, then: {required_soc_percent: 120}}
"""
    folder = with_rules(tmp_path, rules)
    text = (
        (folder / "depot.yaml")
        .read_text()
        .replace('horizon: {start: "12:00", end: "12:00", step_minutes: 15}\n', "")
    )
    (folder / "depot.yaml").write_text(text)
    found = "\n".join(problems_of(folder))
    for part in (
        "policy: found tiers [gold, gold]",
        "rules[0].when.vehicle_types[0]: found the unknown vehicle type 'vam', allowed one of car, van",
        "rules[0].when.groups[0]: found the unknown group 'erly', allowed early",
        "rules[0].then.tier: found the unknown tier 'silver'",
        "rules[1].when.departs: found from and to 06:00",
        "rules[1].then.earliest_start: found 12:00, which no night has",
        "rules[1].then.colour: found the unknown key 'colour'",
        "rules[2].then: found nothing",
        "rules[3].id: found 'three' again",
        "rules[3].then.required_soc_percent: found 120",
    ):
        assert part in found, found


def test_of_an_hour_that_clocks_show_twice_the_later_is_meant(tmp_path: Path) -> None:
    rules = 'rules:\n  - {id: all, then: {required_soc_percent: 80, earliest_start: "02:30"}}\n'
    visits = OPEN_SOC.replace("2025-11-10", "2025-10-25").replace("2025-11-11", "2025-10-26")
    folder = with_rules(tmp_path, rules)
    path = folder / "nights/2025-10-25/visits.csv"
    path.parent.mkdir()
    path.write_text(visits)
    night = load_folder(folder, "2025-10-25")[1]
    start = night.visits[0].earliest_start
    assert start is not None
    assert night.horizon.local(start).isoformat() == "2025-10-26T02:30:00+01:00"


def test_the_rules_of_the_handbook_are_read_and_every_key_is_explained_there(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    early, other = visits_of(with_rules(tmp_path, shown))
    # The van leaves at 06:30, which is no longer early.
    assert (early.required_soc_percent, early.priority, early.earliest_start) == (80.0, 100.0, None)
    assert (other.required_soc_percent, other.priority, other.earliest_start) == (80.0, 1.0, at("23:00"))
    keys = {
        f"{part}.{key}"
        for rule in yaml.safe_load(shown)["rules"]
        for part in ("when", "then")
        for key in rule.get(part, {})
    }
    schema = {f"when.{key}" for key in WhenKeys.model_fields} | {
        f"then.{key}" for key in ThenKeys.model_fields
    }
    assert keys <= schema
    assert all(f"`{key}`" in page for key in schema)
