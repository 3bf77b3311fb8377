"""What is tried after a refusal: in which order, within which bounds, and never more than the plan allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.composite import limit_at
from dispatch.evidence import Layer, Lesson
from dispatch.floors import targets
from dispatch.known import Known, known_of
from dispatch.ladder import Rung, rungs
from dispatch.layers import LayerProfile, Target, layer_profiles
from dispatch.safety import Place, Wiring
from dispatch.station import StationProfile
from optimiser.depot import Charger, Connector
from tests.builders import a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector, at
from tests.dispatch.dispatch_builders import a_plan, a_profile


def known(capabilities: Mapping[str, Any] | None = None, reported: Mapping[str, str] | None = None) -> Known:
    return known_of(Charger(id="CP1", capabilities=capabilities or {}), reported=reported)


def refused(periods: int = 1, layer: Layer = Layer.PLAN) -> LayerProfile:
    profile = a_profile(limits=[(900 * i, 10.0 + i % 2) for i in range(periods)])
    return LayerProfile(layer=layer, profile=profile)


def climbed(
    what: LayerProfile | None = None,
    of: Known | None = None,
    *,
    connector: Connector | None = None,
    is_alone: bool = True,
    over_floor: bool = False,
) -> tuple[Rung, ...]:
    return rungs(
        what or refused(),
        of or known(),
        connector=connector or an_ac_connector(),
        is_alone=is_alone,
        over_floor=over_floor,
    )


def lessons(found: Sequence[Rung]) -> list[dict[str, Any]]:
    return [dict(rung.lesson) for rung in found]


def test_fewer_periods_come_first_then_one_other_thing_after_the_other() -> None:
    assert lessons(climbed(refused(periods=23))) == [
        {"max_periods": 12},
        {"max_periods": 6},
        {"unit": "W"},
        {"limit_step_a": 0.5},
        {"limit_step_a": 1.0},
        {"number_phases": "omit"},
        {"stack_level_plan": 0},
        {"kind": "relative"},
        {"purpose": "station_max"},
        {"purpose": "tx_default_0"},
    ]


def test_another_form_is_as_simple_as_those_before_it_and_teaches_only_what_is_new() -> None:
    in_watts = climbed(refused(periods=23))[2]
    assert (in_watts.words.unit, in_watts.words.max_periods) == ("W", 6)
    assert in_watts.is_simplified
    assert not climbed(refused(periods=23))[0].is_simplified


def test_a_floor_goes_one_level_up_where_there_is_room_for_the_plan_above_it() -> None:
    up = {"stack_level_floor": 1, "stack_level_plan": 2}
    floor = refused(layer=Layer.FLOOR)
    assert up not in lessons(climbed(floor))
    assert up in lessons(climbed(floor, known(reported={"ChargeProfileMaxStackLevel": "8"})))


def test_nobody_is_contradicted_who_knows_the_charger() -> None:
    site = {
        "unit": "A",
        "number_phases": "send",
        "stack_level_plan": 1,
        "kind": "absolute",
        "purpose": "tx_default",
    }
    assert lessons(climbed(of=known(site))) == [{"limit_step_a": 0.5}, {"limit_step_a": 1.0}]
    only_amperes = known(reported={"ChargingScheduleAllowedChargingRateUnit": "Current"})
    assert {"unit": "W"} not in lessons(climbed(of=only_amperes))


def test_station_max_off_keeps_the_ladder_from_a_purpose_that_is_accepted_without_effect() -> None:
    assert {"purpose": "station_max"} in lessons(climbed())
    assert {"purpose": "station_max"} not in lessons(climbed(of=known({"station_max": False})))


@pytest.mark.parametrize(
    "cannot",
    [{"is_alone": False}, {"over_floor": True}, {"what": refused(layer=Layer.OVERRIDE)}],
    ids=["two connectors", "floor accepted there", "session"],
)
def test_place_and_purpose_stay_where_they_cannot_be_the_reason(cannot: dict[str, Any]) -> None:
    assert not any("purpose" in lesson for lesson in lessons(climbed(**cannot)))


def test_on_dc_neither_unit_nor_steps_nor_phases_are_tried() -> None:
    found = lessons(climbed(connector=a_dc_connector()))
    assert not any({"unit", "limit_step_a", "number_phases"} & set(lesson) for lesson in found)


def test_the_longest_ladder_ends() -> None:
    everything = known(
        reported={"ChargeProfileMaxStackLevel": "99", "ChargingScheduleMaxPeriods": "2147483647"}
    )
    assert len(climbed(refused(periods=97, layer=Layer.FLOOR), everything)) == 13


def test_where_lessons_do_not_hold_the_ladder_is_climbed_once_more_without_them() -> None:
    taught = known_of(Charger(id="CP1"), learned={"kind": Lesson(value="relative", because="seen")})
    found = climbed(of=taught)
    plain = climbed()
    back = {"kind": "absolute"}
    index = lessons(found).index(back, len(plain) - 2)
    assert found[index].words == known().capabilities
    assert lessons(found)[index + 1 :] == [back | lesson for lesson in lessons(plain)]
    assert [rung.words for rung in found[index + 1 :]] == [rung.words for rung in plain]


# ── never more than the plan ─────────────────────────────────────────────────────────────────────────────

POWERS_KW = st.lists(st.sampled_from([0.0, 4.14, 4.83, 5.9, 6.9, 11.04]), min_size=40, max_size=40)
STEPS = range(24, 64)


def a_target(powers_kw: list[float]) -> Target:
    depot = a_depot(
        vehicles=[a_van("V1")],
        chargers=[Charger(id="CP1", connectors=(an_ac_connector(),))],
        transformer_limit_kw=15.0,
    )
    night = a_night(depot, visits=[a_visit("V1", arrival="18:00", departure="06:00")])
    powers = {"V1": dict(zip(STEPS, powers_kw, strict=True))}
    return targets(depot, a_plan(depot, night, power_kw=powers, created_at=at("15:00")))[0]


WIRING = Wiring(place=Place("CP1", 1), connector=an_ac_connector(), voltage_v=230.0)
QUARTER = at("12:15") - at("12:00")


def drawn_kw(profile: StationProfile, instant: datetime) -> float:
    limit = limit_at(profile, instant)
    return 0.0 if limit is None else WIRING.draw(limit).kw


@settings(max_examples=25, deadline=None)
@given(powers_kw=POWERS_KW, step=st.sampled_from(list(STEPS)), levels=st.sampled_from(["0", "1", "8"]))
def test_no_form_allows_more_than_the_plan_while_it_holds_and_more_than_the_floor_after_it(
    powers_kw: list[float], step: int, levels: str
) -> None:
    target = a_target(powers_kw)
    charger = known(reported={"ChargeProfileMaxStackLevel": levels})
    now = at("12:00") + QUARTER * step
    ahead = [period for period in target.plan.periods if period.end > now]
    for layer in (Layer.FLOOR, Layer.PLAN):
        for rung in climbed(refused(periods=40, layer=layer), charger):
            words = rung.words
            stack = layer_profiles(
                target, dict.fromkeys(Layer, words), is_degraded=words.is_degraded(1), at=now
            )
            for wanted in stack:
                profile = wanted.profile
                for period in ahead:
                    # A floor, and what is in its place, may hold at any time; a plan only what was planned.
                    is_floor = profile.valid_to is None
                    allowed_kw = max(target.floor.limit_kw if is_floor else 0.0, period.limit_kw)
                    found_kw = drawn_kw(profile, max(period.start, now))
                    assert found_kw <= allowed_kw + 0.001, (rung.lesson, wanted.layer, period)
