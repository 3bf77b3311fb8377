"""Targets in the words of chargers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.charger import Capabilities
from dispatch.composite import limit_at
from dispatch.evidence import Layer
from dispatch.floors import targets
from dispatch.layers import LayerProfile, Target, layer_profiles, lost_kwh, shortened, with_override
from dispatch.station import Purpose, StationProfile, Transaction
from optimiser.depot import Charger, Connector, Depot, Vehicle
from optimiser.plan import Plan
from tests.builders import a_bus, a_depot, a_horizon, a_night, a_van, a_visit, an_ac_connector, at
from tests.dispatch.dispatch_builders import a_plan, a_profile, seconds

POWERS = {36: 11.04, 37: 6.9, 38: 4.83}
"""21:00, 21:15 and 21:30."""


def a_target(
    *,
    vehicle: Vehicle | None = None,
    connector: Connector | None = None,
    power_kw: dict[int, float] | None = None,
) -> tuple[Target, Plan, Depot]:
    vehicle = vehicle or a_van("V1")
    depot = a_depot(
        vehicles=[vehicle],
        chargers=[Charger(id="CP1", connectors=(connector or an_ac_connector(),))],
        transformer_limit_kw=400.0,
    )
    night = a_night(depot, visits=[a_visit(vehicle.id, arrival="18:00", departure="06:00")])
    plan = a_plan(
        depot, night, power_kw={vehicle.id: POWERS if power_kw is None else power_kw}, created_at=at("15:00")
    )
    return targets(depot, plan)[0], plan, depot


def in_words(target: Target, capabilities: Capabilities | None = None) -> tuple[LayerProfile, ...]:
    words = capabilities or Capabilities()
    return layer_profiles(target, dict.fromkeys(Layer, words), is_degraded=words.is_degraded(1))


def value_at(profile: StationProfile, instant: datetime) -> float | None:
    limit = limit_at(profile, instant)
    return None if limit is None else limit.value


def test_a_connector_gets_a_floor_without_end_and_the_plan_one_level_above() -> None:
    floor, plan = (wanted.profile for wanted in in_words(a_target()[0]))
    assert (floor.purpose, floor.stack_level, floor.duration_s, floor.valid_to) == (
        Purpose.TX_DEFAULT,
        0,
        None,
        None,
    )
    assert (plan.purpose, plan.stack_level) == (Purpose.TX_DEFAULT, 1)
    assert plan.start == plan.valid_from == at("12:00") - seconds(60)
    assert plan.valid_to == at("12:00", night=a_horizon().end.date())
    assert plan.duration_s == 86_400 + 60


def test_ids_are_the_same_every_night_and_differ_by_layer_and_connector() -> None:
    one = in_words(a_target()[0])
    other = in_words(a_target(connector=an_ac_connector(2))[0])
    assert [wanted.profile.profile_id for wanted in (*one, *other)] == [11, 12, 21, 22]


def test_a_limit_in_amperes_is_per_phase_on_the_wired_phases() -> None:
    plan = in_words(a_target(vehicle=a_van("V1", ac_phases=1), power_kw={36: 3.68})[0])[1].profile
    assert value_at(plan, at("21:00")) == 16.0
    assert {period.number_phases for period in plan.periods} == {3}


def test_a_limit_in_watts_is_the_total_on_the_phases_of_the_planned_vehicle() -> None:
    target = a_target(vehicle=a_van("V1", ac_phases=1), power_kw={36: 3.68})[0]
    plan = in_words(target, Capabilities(unit="W"))[1].profile
    limit = limit_at(plan, at("21:00"))
    assert limit is not None
    assert (limit.value, limit.unit, limit.number_phases) == (3680.0, "W", 1)


def test_a_dc_limit_is_in_watts_at_the_side_where_it_holds_and_names_no_phases() -> None:
    output = Connector(
        id=1, phases=0, max_kw=150.0, min_kw=10.0, conversion_efficiency=0.95, limit_side="output"
    )
    plan = in_words(a_target(vehicle=a_bus("B1"), connector=output, power_kw={36: 100.0})[0])[1].profile
    assert plan.unit == "W"
    assert value_at(plan, at("21:00")) == 95_000.0
    assert {period.number_phases for period in plan.periods} == {None}


def test_phases_are_left_out_for_chargers_that_do_not_take_them() -> None:
    plan = in_words(a_target()[0], Capabilities(number_phases="omit"))[1].profile
    assert {period.number_phases for period in plan.periods} == {None}


def test_limits_are_cut_down_to_the_chargers_step_and_to_nothing_below_the_minimum() -> None:
    target = a_target(power_kw={36: 5.9, 37: 4.2})[0]
    fine = in_words(target)[1].profile
    coarse = in_words(target, Capabilities(limit_step_a=1.0))[1].profile
    assert (value_at(fine, at("21:00")), value_at(fine, at("21:15"))) == (8.5, 6.0)
    assert (value_at(coarse, at("21:00")), value_at(coarse, at("21:15"))) == (8.0, 6.0)


def test_a_plan_leaves_one_period_for_the_floor_that_a_read_back_shows_after_it() -> None:
    target = a_target(power_kw={step: 4.83 + 0.69 * (step % 5) for step in range(26, 70)})[0]
    plan = in_words(target, Capabilities(max_periods=10))[1].profile
    assert len(plan.periods) <= 9
    assert lost_kwh(target, Capabilities(max_periods=10)) > 0
    assert lost_kwh(target, Capabilities(max_periods=99)) == 0


def test_where_periods_are_scarce_those_of_planned_vehicles_come_before_floors_for_nobody() -> None:
    powers = {step: 4.83 + 0.69 * (step % 5) for step in range(26, 70)}
    target, plan, _ = a_target(power_kw=powers)
    assert target.floor.limit_kw > max(powers.values())
    sent = in_words(target, Capabilities(max_periods=8))[1].profile
    allowed_kwh = sum(
        (value_at(sent, plan.horizon.start + step * seconds(900)) or 0.0) * 0.69 * 0.25 for step in powers
    )
    lost = lost_kwh(target, Capabilities(max_periods=8))
    assert lost == pytest.approx(sum(powers.values()) * 0.25 - allowed_kwh)
    assert lost <= 0.25 * sum(kw - 4.83 for kw in powers.values()) * 0.9


def test_a_degraded_charger_gets_one_profile_that_begins_and_ends_at_its_floor_and_never_expires() -> None:
    target = a_target()[0]
    (only,) = (wanted.profile for wanted in in_words(target, Capabilities(max_stack_level=0)))
    assert (only.stack_level, only.duration_s, only.valid_to) == (0, None, None)
    assert value_at(only, only.start) == value_at(only, target.plan.end + seconds(86_400 * 300)) == 16.0
    assert value_at(only, at("21:15")) == 10.0


def a_transaction() -> Transaction:
    return Transaction(transaction_id=7, id_tag="TAG-V1", started_at=at("18:05"))


def test_an_override_is_the_plan_for_one_transaction_until_its_departure() -> None:
    target, plan, _ = a_target()
    (visit,) = plan.visits
    override = in_words(with_override(target, plan, visit, a_transaction()))[2].profile
    assert (override.purpose, override.transaction_id, override.profile_id) == (Purpose.TX, 7, 13)
    assert value_at(override, at("21:15")) == 10.0
    assert override.valid_to == visit.departure
    assert override.start + seconds(override.duration_s or 0) == visit.departure
    assert override.valid_from == override.start == at("15:00") - seconds(60)


def test_an_override_is_the_same_whenever_it_is_made() -> None:
    target, plan, depot = a_target()
    stored = Plan.from_document(replace(plan, created_at=plan.created_at + seconds(0.7)).to_document())
    again = with_override(targets(depot, stored)[0], stored, stored.visits[0], a_transaction())
    first = with_override(target, plan, plan.visits[0], a_transaction())
    assert in_words(first) == in_words(again)


def test_an_override_ends_with_the_night_where_the_departure_is_later() -> None:
    target, plan, _ = a_target()
    late = replace(plan.visits[0], departure=plan.horizon.end + seconds(7200))
    override = in_words(with_override(target, plan, late, a_transaction()))[2].profile
    assert override.valid_to == plan.horizon.end


def test_layers_may_be_said_in_different_words() -> None:
    words = {**dict.fromkeys(Layer, Capabilities()), Layer.PLAN: Capabilities(unit="W")}
    floor, plan = layer_profiles(a_target()[0], words, is_degraded=False)
    assert (floor.profile.unit, plan.profile.unit) == ("A", "W")


@given(
    limits=st.lists(st.floats(0, 32).map(lambda value: round(value, 1)), min_size=1, max_size=40),
    max_periods=st.integers(1, 12),
    probe=st.integers(0, 40 * 900),
)
def test_a_shortened_profile_is_never_above_the_original(
    limits: list[float], max_periods: int, probe: int
) -> None:
    whole = a_profile(
        limits=[(900 * i, limit) for i, limit in enumerate(limits)], duration_s=900 * len(limits)
    )
    short = shortened(whole, max_periods)
    assert len(short.periods) <= max_periods
    before, after = (
        value_at(whole, whole.start + seconds(probe)),
        value_at(short, whole.start + seconds(probe)),
    )
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after <= before


@given(
    powers=st.lists(st.sampled_from([0.0, 4.2, 5.9, 8.3, 11.04]), min_size=48, max_size=48),
    max_periods=st.integers(2, 30),
    unit=st.sampled_from(["A", "W"]),
)
def test_what_is_sent_during_a_visit_is_never_more_than_the_plan(
    powers: list[float], max_periods: int, unit: str
) -> None:
    target, plan, _ = a_target(power_kw={24 + i: power for i, power in enumerate(powers)})
    words = Capabilities.model_validate({"unit": unit, "max_periods": max_periods})
    sent = in_words(target, words)[1].profile
    for step, start in enumerate(plan.horizon.starts()):
        if at("18:00") <= start < at("06:00"):
            limit = limit_at(sent, start)
            assert limit is not None
            assert limit.watts() <= plan.visits[0].power_kw[step] * 1000.0 + 1e-6


def test_a_target_without_override_has_two_layers() -> None:
    assert [wanted.layer for wanted in in_words(a_target()[0])] == [Layer.FLOOR, Layer.PLAN]
    assert pytest.approx(16.0) == in_words(a_target()[0])[0].profile.periods[0].limit
