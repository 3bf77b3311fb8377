"""What may be sent now, with chargers that accept, refuse, keep silent, or lose everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.charger import Capabilities
from dispatch.composite import equivalent
from dispatch.evidence import Layer
from dispatch.layers import LayerProfile
from dispatch.safety import Place
from dispatch.station import Purpose, SchedulePeriod, StationProfile
from optimiser.depot import Depot
from optimiser.plan import Plan
from tests.builders import a_depot, a_horizon, a_night, a_van, a_visit
from tests.dispatch.dispatch_builders import a_plan, a_profile
from tests.dispatch.push_builders import Chargers, wanted_of

STEPS = 6
NOW = datetime(2025, 11, 10, 15, 0, tzinfo=UTC)
STEP_OF_NOW = 1
CP1, CP2, CP3 = Place("CP1", 1), Place("CP2", 1), Place("CP3", 1)


def three_vans(*, transformer_limit_kw: float = 20.0) -> Depot:
    vans = [a_van(f"V{number}") for number in (1, 2, 3)]
    return a_depot(vehicles=vans, transformer_limit_kw=transformer_limit_kw, base_load_max_kw=2.0)


def planned(depot: Depot, power_kw: Mapping[str, Mapping[int, float]]) -> Plan:
    """A night of six steps of four hours, in which everybody is there all the time."""
    visits = [
        a_visit(vehicle.id, charger_id=f"CP{number}", arrival="12:00", departure="11:59")
        for number, vehicle in enumerate(depot.vehicles, start=1)
    ]
    night = a_night(depot, visits=visits, horizon=a_horizon(step_minutes=240), base_load_kw=2.0)
    return a_plan(depot, night, power_kw=power_kw, created_at=datetime(2025, 11, 10, 10, 0, tzinfo=UTC))


def settle(chargers: Chargers, *, rounds: int = 12) -> None:
    """Everything is accepted and read back, until nothing more is to be sent."""
    for _ in range(rounds):
        decision = chargers.decide()
        if not decision.writes:
            return
        for write in decision.writes:
            for wanted in write.profiles:
                chargers.accept(write.place, wanted.profile)
            chargers.look(write.place)
    raise AssertionError("decisions do not come to an end")


def limits_from_now(profile: StationProfile) -> list[float]:
    return [period.limit for period in profile.periods]


def test_day_one_sends_floors_first_and_plans_once_those_are_proven() -> None:
    depot = three_vans()
    chargers = Chargers.on_day_one(depot, planned(depot, {"V1": {3: 11.04}}), now=NOW)
    first = chargers.decide()
    assert {wanted.layer for write in first.writes for wanted in write.profiles} == {Layer.FLOOR}
    assert [write.place for write in first.writes] == [CP1, CP2, CP3]
    for write in first.writes:
        chargers.accept(write.place, write.profiles[0].profile)
        chargers.look(write.place)
    second = chargers.decide()
    assert {wanted.layer for write in second.writes for wanted in write.profiles} == {Layer.PLAN}


def test_after_success_there_is_nothing_left_to_decide() -> None:
    depot = three_vans()
    plan = planned(depot, {"V1": {3: 11.04}, "V2": {3: 6.9, 4: 11.04}})
    chargers = Chargers.on_day_one(depot, plan, now=NOW)
    settle(chargers)
    decision = chargers.decide()
    assert decision.writes == ()
    assert decision.held_back == {}
    for holding in chargers.known.values():
        for wanted in holding.wanted:
            assert any(equivalent(held, wanted.profile, since=NOW) for held in holding.held)


def test_a_replan_that_swaps_power_at_the_limit_lowers_first() -> None:
    depot = three_vans(transformer_limit_kw=15.0)
    chargers = Chargers.on_day_one(depot, planned(depot, {"V1": {3: 11.04}, "V2": {4: 11.04}}), now=NOW)
    settle(chargers)
    chargers.want(planned(depot, {"V1": {4: 11.04}, "V2": {3: 11.04}}))
    decision = chargers.decide()
    assert all(write.is_clipped for write in decision.writes)
    assert [max(limits_from_now(write.profiles[0].profile)) for write in decision.writes] == [0.0, 0.0]
    settle(chargers)
    plan_of_cp1 = next(p for p in chargers.truth[CP1] if p.stack_level == 1)
    assert 16.0 in limits_from_now(plan_of_cp1)
    assert all(total.max() == 0 for total in chargers.overload(chargers.instants()).values())


def test_a_raise_that_does_not_fit_beside_an_unproven_connector_is_held_back_and_says_why() -> None:
    depot = three_vans()
    plan = planned(depot, {"V1": {3: 11.04}, "V2": {2: 11.04}})
    chargers = Chargers.on_day_one(depot, plan, now=NOW)
    for place in (CP1, CP2):
        chargers.accept(place, chargers.known[place].wanted[0].profile)
        chargers.look(place)
    chargers.known[CP3] = replace(chargers.known[CP3], is_proven=False, open_layers=frozenset())
    decision = chargers.decide()
    held_back = decision.held_back[CP1]
    assert held_back.unproven == (CP3,)
    assert held_back.sentence.startswith("held back: at 00:01 the transformer could reach ")
    assert held_back.sentence.endswith("of 18.0 kW for charging, as nothing is proven of CP3/1")


def test_as_much_of_a_plan_as_fits_is_sent() -> None:
    depot = three_vans(
        transformer_limit_kw=24.0
    )  # 22 for charging, 11 of them lost to CP3, 5.5 each to floors
    plan = planned(depot, {"V1": {3: 11.04, 4: 4.14}})
    chargers = Chargers.on_day_one(depot, plan, now=NOW)
    for place in (CP1, CP2):
        chargers.accept(place, chargers.known[place].wanted[0].profile)
        chargers.look(place)
    chargers.known[CP3] = replace(chargers.known[CP3], is_proven=False, open_layers=frozenset())
    for _ in range(4):
        for write in chargers.decide().writes:
            for wanted in write.profiles:
                chargers.accept(write.place, wanted.profile)
            chargers.look(write.place)
    held = next(p for p in chargers.truth[CP1] if p.stack_level == 1)
    limits = {(held.start.timestamp() + p.start_s): p.limit for p in held.periods}
    assert max(limits.values()) == 15.8  # 22 − 11.04 = 10.96 kW on three phases, cut down
    assert 6.0 in limits.values()
    assert chargers.decide().writes == ()


def test_a_connector_that_shows_more_than_it_accepted_is_written_again() -> None:
    depot = three_vans()
    chargers = Chargers.on_day_one(depot, planned(depot, {"V1": {3: 6.9}}), now=NOW)
    settle(chargers)
    chargers.truth[CP1] = ()
    chargers.look(CP1)
    decision = chargers.decide()
    assert [write.place for write in decision.writes] == [CP1]
    assert decision.writes[0].profiles[0].layer is Layer.FLOOR


def test_what_a_charger_took_and_then_showed_more_of_is_not_sent_again_at_once() -> None:
    depot = three_vans()
    chargers = Chargers.on_day_one(depot, planned(depot, {"V1": {3: 6.9}}), now=NOW)
    floor = next(wanted.profile for wanted in chargers.known[CP1].wanted if wanted.layer is Layer.FLOOR)
    assert CP1 in {write.place for write in chargers.decide().writes}
    chargers.known[CP1] = replace(chargers.known[CP1], in_vain=(floor,))
    sent = {write.place: write.profiles for write in chargers.decide().writes}
    assert floor not in {profile.profile for profile in sent.get(CP1, ())}


def test_a_degraded_charger_gets_one_profile_that_never_ends() -> None:
    depot = three_vans()
    capabilities = Capabilities(max_stack_level=0)
    chargers = Chargers.on_day_one(
        depot, planned(depot, {"V1": {3: 6.9}}), now=NOW, capabilities=capabilities
    )
    settle(chargers)
    assert all(len(stack) == 1 and stack[0].valid_to is None for stack in chargers.truth.values())


def test_a_plan_that_ends_sooner_is_not_sent_to_a_charger_that_may_have_lost_what_lies_beneath() -> None:
    depot, relative = three_vans(transformer_limit_kw=13.0), Capabilities(kind="relative")
    first = planned(depot, {"V2": {1: 6.9, 2: 6.9, 3: 6.9}})
    chargers = Chargers.on_day_one(depot, first, now=NOW, capabilities=relative)
    settle(chargers)
    # It has forgotten its floor and kept its plan, and nobody has been able to look since.
    chargers.truth[CP2] = tuple(p for p in chargers.truth[CP2] if p.stack_level == 1)
    chargers.known[CP2] = replace(chargers.known[CP2], is_proven=False)
    chargers.want(planned(depot, {"V2": {3: 4.14}}), relative)
    instants = chargers.instants()
    before = chargers.overload(instants)
    for write in chargers.decide().writes:
        for wanted in write.profiles:
            chargers.accept(write.place, wanted.profile)
    assert all(np.all(excess <= before[name] + 1e-6) for name, excess in chargers.overload(instants).items())


def never_lifts(chargers: Chargers) -> None:
    """Whatever is decided now, in any order: nothing lifts the depot above a limit, or further above it."""
    for write in chargers.decide().writes:
        for wanted in write.profiles:
            instants = chargers.instants()
            before = chargers.overload(instants)
            chargers.accept(write.place, wanted.profile)
            after = chargers.overload(instants)
            assert all(np.all(after[name] <= before[name] + 1e-6) for name in after), (write.place, wanted)


def test_what_a_charger_has_lost_is_not_put_back_beside_one_that_has_forgotten_everything() -> None:
    # 18 kW for charging: CP2's 11 fit beside CP1's floor, but not beside CP1 without any limit.
    depot = three_vans()
    chargers = Chargers.on_day_one(depot, planned(depot, {"V2": {3: 11.04}}), now=NOW)
    settle(chargers)
    chargers.truth[CP1] = ()
    chargers.truth[CP2] = tuple(p for p in chargers.truth[CP2] if p.stack_level == 0)
    chargers.known[CP1] = replace(chargers.known[CP1], is_proven=False, open_layers=frozenset())
    chargers.known[CP2] = replace(chargers.known[CP2], is_proven=False, rewrite=frozenset({Layer.PLAN}))
    never_lifts(chargers)


def test_a_charger_that_shows_less_than_it_has_accepted_counts_with_what_it_shows_before_it_is_raised() -> (
    None
):
    depot = three_vans()
    chargers = Chargers.on_day_one(depot, planned(depot, {"V2": {3: 11.04}}), now=NOW)
    settle(chargers)
    chargers.truth[CP1] = ()
    chargers.truth[CP2] = tuple(p for p in chargers.truth[CP2] if p.stack_level == 0)
    chargers.known[CP1] = replace(chargers.known[CP1], is_proven=False, open_layers=frozenset())
    chargers.known[CP2] = replace(chargers.known[CP2], may_hold_less=True)
    chargers.want(planned(depot, {"V2": {3: 6.9}}))
    never_lifts(chargers)


def test_what_begins_with_a_session_is_cut_to_the_least_that_fits_at_any_time() -> None:
    # Beside CP2 there is room for 11 kW now and for 6.9 later; a profile that begins with the session has no later.
    depot = three_vans()
    chargers = Chargers.on_day_one(depot, planned(depot, {"V2": {1: 6.9, 2: 11.04}}), now=NOW)
    settle(chargers)
    plan = planned(depot, {"V1": {1: 11.04, 2: 11.04}, "V2": {1: 6.9, 2: 11.04}})
    wanted = wanted_of(depot, plan, Capabilities(kind="relative"), now=NOW)[CP1]
    chargers.known[CP1] = replace(chargers.known[CP1], wanted=wanted)
    sent: list[StationProfile] = []
    for _ in range(6):
        for write in chargers.decide().writes:
            for one in write.profiles:
                chargers.accept(write.place, one.profile)
                sent += [one.profile] if write.place == CP1 else []
            chargers.look(write.place)
    assert [(p.start_s, p.limit) for p in sent[-1].periods] == [(0, 10.0)]
    assert all(len(profile.periods) == 1 for profile in sent)


def test_floor_and_plan_that_both_may_have_been_taken_count_together() -> None:
    depot = three_vans(transformer_limit_kw=13.0)
    plan = planned(depot, {"V1": {3: 4.14}})
    chargers = Chargers.on_day_one(depot, plan, now=NOW)
    settle(chargers)
    floor, night = sorted(chargers.truth[CP1], key=lambda profile: profile.stack_level)
    higher = floor.model_copy(update={"periods": (SchedulePeriod(start_s=0, limit=16.0),)})
    shorter = night.model_copy(update={"valid_to": NOW, "duration_s": None})
    held = replace(chargers.known[CP1], doubtful=(higher, shorter))
    instants = chargers.instants()
    # The higher floor comes to light where the plan ends sooner, which neither of the two does alone.
    assert max(held.most(instants).kw) == 11.04
    assert max(replace(held, doubtful=(shorter,)).most(instants).kw) < 11.04


def test_what_may_be_there_in_place_of_what_is_wanted_is_written_over() -> None:
    depot = three_vans(transformer_limit_kw=13.0)
    chargers = Chargers.on_day_one(depot, planned(depot, {}), now=NOW)
    settle(chargers)
    known = chargers.known
    (night,) = (one.profile for one in known[CP1].wanted if one.layer is Layer.PLAN)
    higher = night.model_copy(update={"periods": (SchedulePeriod(start_s=0, limit=10.0),)})
    chargers.known = {**known, CP1: replace(known[CP1], doubtful=(higher,))}
    assert [(w.place, [one.profile for one in w.profiles]) for w in chargers.decide().writes] == [
        (CP1, [night])
    ]
    chargers.known = {**known, CP1: replace(known[CP1], doubtful=(night,))}
    assert chargers.decide().writes == ()


def test_a_profile_that_takes_the_slot_of_another_uncovers_what_lies_beneath() -> None:
    # CP1's plan stands where its new floor is to stand: OCPP 1.6 drops it then, and the floor is higher.
    depot = three_vans(transformer_limit_kw=13.0)
    chargers = Chargers.on_day_one(depot, planned(depot, {}), now=NOW)
    settle(chargers)
    moved = Capabilities(stack_level_floor=1, stack_level_plan=2, max_stack_level=3)
    chargers.want(planned(depot, {"V2": dict.fromkeys(range(6), 11.04)}))
    settle(chargers)
    chargers.want(planned(depot, {"V2": dict.fromkeys(range(6), 11.04)}), moved)
    floors = [w for w in chargers.known[CP1].wanted if w.layer is Layer.FLOOR]
    holding = replace(chargers.known[CP1], wanted=tuple(floors))
    chargers.known = {**chargers.known, CP1: holding}
    assert CP1 not in {write.place for write in chargers.decide().writes}


def test_what_one_profile_lowers_another_does_not_raise_again_while_a_limit_is_passed() -> None:
    # All three are without limits; the session's 16 A are no more than that, but more than the floor before them.
    depot = three_vans(transformer_limit_kw=13.0)
    chargers = Chargers.on_day_one(
        depot, planned(depot, {}), now=NOW, capabilities=Capabilities(max_stack_level=0)
    )
    session = a_profile(
        profile_id=13, purpose=Purpose.TX, transaction_id=7, start=NOW, duration_s=3600, limits=[(0, 16.0)]
    )
    holding = chargers.known[CP1]
    wanted = (*holding.wanted, LayerProfile(layer=Layer.OVERRIDE, profile=session))
    chargers.known[CP1] = replace(holding, wanted=wanted, transaction_id=7)
    sent = next(write for write in chargers.decide().writes if write.place == CP1)
    assert sent.profiles == holding.wanted


POWERS = st.lists(
    st.lists(st.sampled_from([0.0, 4.14, 6.9, 11.04]), min_size=STEPS, max_size=STEPS), min_size=3, max_size=3
)
OUTCOMES = st.sampled_from(["accepted", "accepted", "refused", "silent, taken", "silent, not taken"])
SIGHTS = st.sampled_from(["readable", "readable", "readable", "unreadable", "lost everything"])


def within(depot: Depot, rows: list[list[float]]) -> dict[str, dict[int, float]]:
    """The powers as far as they fit under the transformer limit beside 2 kW of base load."""
    kept: dict[str, dict[int, float]] = {vehicle.id: {} for vehicle in depot.vehicles}
    for step in range(STEPS):
        left_kw = depot.site.transformer_limit_kw - 2.0
        for vehicle, row in zip(depot.vehicles, rows, strict=True):
            if row[step] <= left_kw:
                kept[vehicle.id][step] = row[step]
                left_kw -= row[step]
    return kept


def answer(chargers: Chargers, place: Place, profile: StationProfile, *, outcome: str) -> None:
    if outcome == "accepted":
        chargers.accept(place, profile)
    elif outcome != "refused":
        chargers.doubt(place, profile)
        if outcome == "silent, taken":
            chargers.apply(place, profile)


FORMS = st.sampled_from(
    [
        Capabilities(),
        Capabilities(unit="W"),
        Capabilities(kind="relative"),
        Capabilities(stack_level_plan=0),
        Capabilities(stack_level_plan=0, kind="relative"),
        Capabilities(purpose="station_max"),
        Capabilities(purpose="tx_default_0", limit_step_a=1.0),
    ]
)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), limit_kw=st.sampled_from([13.0, 20.0, 26.0]), first=POWERS, second=POWERS)
def test_no_order_of_outcomes_lets_a_write_lift_the_depot_above_a_limit(
    data: st.DataObject, limit_kw: float, first: list[list[float]], second: list[list[float]]
) -> None:
    depot = three_vans(transformer_limit_kw=limit_kw)
    plan = planned(depot, within(depot, first))
    chargers = Chargers.on_day_one(depot, plan, now=NOW, capabilities=data.draw(FORMS))
    for tick in range(2):
        if tick:
            chargers.want(planned(depot, within(depot, second)), data.draw(FORMS))
        for _ in range(6):
            writes = data.draw(st.permutations(chargers.decide().writes))
            for write in writes:
                for wanted in write.profiles:
                    instants = chargers.instants()
                    before = chargers.overload(instants)
                    answer(chargers, write.place, wanted.profile, outcome=data.draw(OUTCOMES))
                    for name, excess in chargers.overload(instants).items():
                        assert np.all(excess <= before[name] + 1e-6), (name, write)
            for write in writes:
                sight = data.draw(SIGHTS)
                if sight == "lost everything":
                    chargers.truth[write.place] = ()
                chargers.look(write.place, is_readable=sight == "readable")


@settings(max_examples=40, deadline=None)
@given(limit_kw=st.sampled_from([13.0, 20.0, 26.0]), first=POWERS, second=POWERS)
def test_with_chargers_that_obey_every_plan_arrives_whole(
    limit_kw: float, first: list[list[float]], second: list[list[float]]
) -> None:
    depot = three_vans(transformer_limit_kw=limit_kw)
    chargers = Chargers.on_day_one(depot, planned(depot, within(depot, first)), now=NOW)
    settle(chargers)
    chargers.want(planned(depot, within(depot, second)))
    settle(chargers)
    assert chargers.decide().held_back == {}
    for holding in chargers.known.values():
        for wanted in holding.wanted:
            assert any(equivalent(held, wanted.profile, since=NOW) for held in holding.held)
