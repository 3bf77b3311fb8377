from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from optimiser.depot import Charger, Depot, Feeder
from optimiser.night import Night
from optimiser.sweep.changes import changed, read_changes
from optimiser.sweep.values import Value, Values
from tests.builders import a_dc_connector, a_depot, a_night, an_ac_connector

FEEDERS = (Feeder(id="hall 1.5", limit_kw=30.0), Feeder(id="yard"))


def a_mixed_depot() -> Depot:
    chargers = [
        Charger(id="CP1", feeder="yard", connectors=(an_ac_connector(),)),
        Charger(id="CP2", feeder="yard", connectors=(an_ac_connector(), a_dc_connector(2))),
    ]
    return a_depot(chargers=chargers, feeders=FEEDERS)


def after(depot: Depot, night: Night, **chosen: Value) -> tuple[Depot, Night]:
    return with_changes(depot, night, {key.replace("__", "."): value for key, value in chosen.items()})


def with_changes(depot: Depot, night: Night, chosen: dict[str, Value]) -> tuple[Depot, Night]:
    read, problems = read_changes(chosen, depot, [night])
    assert problems == []
    return changed(depot, night, read, [change.choices[0] for change in read])


def said(changes: dict[str, Values]) -> list[str]:
    depot = a_mixed_depot()
    return [str(problem) for problem in read_changes(changes, depot, [a_night(depot)])[1]]


def test_the_limit_of_a_night_follows_the_transformer() -> None:
    depot = a_depot(transformer_limit_kw=43.0)

    other, night = after(depot, a_night(depot), site__transformer_limit_kw=100)

    assert other.site.transformer_limit_kw == 100.0
    assert set(night.site_limit_kw) == {100.0}


def test_a_lower_cap_of_tonight_stays_below_a_larger_transformer() -> None:
    depot = a_depot(transformer_limit_kw=43.0)
    limit_kw = np.full(96, 43.0)
    limit_kw[:10] = 20.0

    _, night = after(depot, a_night(depot, site_limit_kw=limit_kw), site__transformer_limit_kw=100)

    assert night.site_limit_kw[:11].tolist() == [20.0] * 10 + [100.0]


def test_a_cap_that_was_above_the_old_limit_comes_back_below_the_new_one() -> None:
    depot = a_depot(transformer_limit_kw=43.0)
    capped = replace(a_night(depot), site_cap_kw=np.full(96, 60.0))

    assert set(after(depot, capped, site__transformer_limit_kw=100)[1].site_limit_kw) == {60.0}
    assert set(after(depot, capped, site__transformer_limit_kw=50)[1].site_limit_kw) == {50.0}


def test_tariff_policy_and_reserve_are_changed_and_the_depot_asked_is_not() -> None:
    depot = a_depot()

    other, _ = after(
        depot,
        a_night(depot),
        tariff__demand_charge_per_kw=21.93,
        tariff__peak_so_far_kw=8,
        policy__secure_against_forgetful=2,
        site__reserve_kw=5,
    )

    assert (other.tariff.demand_charge_per_kw, other.tariff.peak_so_far_kw) == (21.93, 8.0)
    assert (other.policy.secure_against_forgetful, other.site.reserve_kw) == (2, 5.0)
    assert depot == a_depot()


def test_a_name_may_have_dots_and_a_star_is_all_of_them() -> None:
    depot = a_mixed_depot()
    chosen: dict[str, Value] = {"feeders.hall 1.5.limit_kw": 10, "feeders.*.limit_per_phase_a": 63}

    feeders = with_changes(depot, a_night(depot), chosen)[0].feeders

    assert [feeder.limit_kw for feeder in feeders] == [10.0, None]
    assert [feeder.limit_per_phase_a for feeder in feeders] == [63.0, 63.0]


def test_currents_are_of_ac_connectors_and_powers_of_dc_ones() -> None:
    depot = a_mixed_depot()
    chosen: dict[str, Value] = {"chargers.*.max_current_a": 10, "chargers.CP2.max_kw": 50}

    first, second = with_changes(depot, a_night(depot), chosen)[0].chargers

    assert first.connectors[0].max_current_a == second.connectors[0].max_current_a == 10.0
    assert second.connectors[1].max_kw == 50.0
    assert second.connectors[1].max_current_a == 0.0


def test_one_counts_after_all_and_a_drop_after_both() -> None:
    depot = a_depot()
    chosen: dict[str, Value] = {
        "chargers.CP2": "drop",
        "chargers.CP1.max_current_a": 8,
        "chargers.CP2.max_current_a": 9,
        "chargers.*.max_current_a": 10,
    }

    chargers = with_changes(depot, a_night(depot), chosen)[0].chargers

    assert [charger.connectors[0].max_current_a for charger in chargers] == [8.0, 0.0]


def test_a_dropped_vehicle_is_away_with_its_visits_and_a_kept_one_is_not() -> None:
    depot = a_depot()

    other, night = after(
        depot, a_night(depot), vehicles__V1="drop", vehicles__V2="keep", chargers__CP1="keep"
    )

    assert [vehicle.id for vehicle in other.vehicles] == ["V2"]
    assert [visit.vehicle_id for visit in night.visits] == ["V2"]
    assert other.chargers == depot.chargers


def test_of_a_smaller_fleet_the_last_ones_stay_away() -> None:
    depot = a_depot()

    other, night = after(depot, a_night(depot), vehicles=1)

    assert (
        [vehicle.id for vehicle in other.vehicles] == [visit.vehicle_id for visit in night.visits] == ["V1"]
    )


def test_more_vehicles_are_the_first_ones_again_on_chargers_of_their_own() -> None:
    depot = a_mixed_depot()

    other, night = after(depot, a_night(depot), vehicles=5)

    assert [vehicle.id for vehicle in other.vehicles] == ["V1", "V2", "V1+1", "V2+1", "V1+2"]
    assert [visit.charger_id for visit in night.visits] == ["CP1", "CP2", "CP1+1", "CP2+1", "CP1+2"]
    assert other.charger("CP1+2").feeder == "yard"
    assert len({vehicle.id_tag for vehicle in other.vehicles}) == 5


def test_a_late_vehicle_comes_at_the_latest_a_minute_before_it_leaves() -> None:
    depot = a_depot()
    night = a_night(depot)

    _, late = after(depot, night, visits__V1__late_minutes=60)
    _, too_late = after(depot, night, visits__V1__late_minutes=1440)

    assert late.visits[0].arrival == night.visits[0].arrival + timedelta(minutes=60)
    assert late.visits[1] == night.visits[1]
    assert too_late.visits[0].arrival == night.visits[0].departure - timedelta(minutes=1)


def test_a_vehicle_comes_emptier_and_leaves_fuller() -> None:
    depot = a_depot()
    chosen: dict[str, Value] = {"visits.*.arrival_soc_percent": 20, "visits.V2.required_soc_percent": 100}

    _, night = with_changes(depot, a_night(depot), chosen)

    assert [visit.arrival_soc_percent for visit in night.visits] == [20.0, 20.0]
    assert [visit.required_soc_percent for visit in night.visits] == [90.0, 100.0]


@pytest.mark.parametrize(
    ("key", "suggested"),
    [
        ("site.transformer_limit", "site.transformer_limit_kw"),
        ("charger.CP1", "chargers.CP1"),
        ("chargers.CP2.max_curent_a", "chargers.CP2.max_current_a"),
        ("feeders.hall_1.5.limit_kw", "feeders.hall 1.5.limit_kw"),
    ],
)
def test_an_unknown_key_is_met_with_the_near_one(key: str, suggested: str) -> None:
    assert said({key: 1}) == [
        f"change {key}: found the unknown key '{key}', allowed {suggested} (did you mean that?)"
    ]


def test_a_key_like_no_other_is_met_with_all_of_them() -> None:
    (problem,) = said({"colour": 1})

    assert "one of vehicles, site.transformer_limit_kw, " in problem
    assert "chargers.ID.max_current_a" in problem


def test_everything_wrong_is_said_at_once() -> None:
    problems = said(
        {
            "site.transformer_limit_kw": -1,
            "vehicles": [1.5, 2],
            "vehicles.V1": 3,
            "chargers.CP1.max_kw": 50,
            "site.reserve_kw": "drop",
            "policy.secure_against_forgetful": "1:2",
        }
    )

    assert [problem.partition(", allowed")[0] for problem in problems] == [
        "change site.transformer_limit_kw: found -1.0",
        "change vehicles: found 1.5",
        "change vehicles.V1: found 3.0",
        "change chargers.CP1.max_kw: found no max_kw at CP1",
        "change site.reserve_kw: found 'drop'",
        "change policy.secure_against_forgetful: found '1:2'",
    ]


def test_a_change_of_a_vehicle_that_never_comes_is_a_mistake() -> None:
    depot = a_depot()
    night = replace(a_night(depot), visits=a_night(depot).visits[:1])

    _, problems = read_changes({"visits.V2.late_minutes": 10}, depot, [night])

    assert problems[0].found == "no visit of V2 in any of the nights"


def test_changes_travel_to_other_processes() -> None:
    depot = a_depot()
    read, _ = read_changes({"vehicles": "1:3:1", "feeders.*.limit_kw": 3}, a_mixed_depot(), [a_night(depot)])

    assert pickle.loads(pickle.dumps(read)) == read
