"""What a vehicle is seen to draw of what it may, and what does not show that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from dispatch.evidence import Command, Layer
from dispatch.floors import targets
from dispatch.known import identity_of, known_of
from dispatch.occupants import Occupant, occupants, wirings
from dispatch.overnight.shares import planned_shares, seen_share, suspects, taking
from dispatch.safety import Place
from dispatch.station import (
    ChargerState,
    ConnectorState,
    LiveState,
    MeterReading,
    Outcome,
    StationProfile,
    Transaction,
)
from dispatch.tracks import Track
from dispatch.validate import Comparison, Grade
from optimiser.depot import Charger, Depot
from optimiser.plan import Plan
from tests.builders import NIGHT, a_bus, a_dc_connector, a_depot, a_night, a_van, at
from tests.dispatch.dispatch_builders import a_plan, a_profile

VAN = a_van(battery_kwh=64.0)
"""Three phases of 16 A: 11.04 kW."""
DEPOT = a_depot(vehicles=[VAN])
PLAN = a_plan(DEPOT, a_night(DEPOT))
CP1 = Place("CP1", 1)
PLUGGED_IN, NOW = at("18:05"), at("20:01")
QUARTERS = at("19:45"), at("20:00")
FULL = a_profile(start=at("12:00"), limits=[(0, 16.0)])
FEW_PERCENT = 1.3
"""What a van of 64 kWh gains within a quarter of an hour on one phase."""
MANY_PERCENT = 3.9


def a_command(profile: StationProfile = FULL, *, command_id: int = 1, when: str = "18:00") -> Command:
    return Command(
        id=command_id,
        night=NIGHT,
        at=at(when),
        charger_id="CP1",
        layer=Layer.PLAN,
        profile=profile,
        outcome=Outcome.ACCEPTED,
        answered_at=at(when),
    )


def seen(
    powers_kw: tuple[float | None, float | None] = (3.68, 3.68),
    *,
    gained_percent: float | None = FEW_PERCENT,
    first_percent: float = 50.0,
    readings_after: float = 0.0,
    commands: Sequence[Command] = (a_command(),),
    grade: Grade = Grade.MATCH,
    known_share: float = 1.0,
    depot: Depot = DEPOT,
    plan: Plan = PLAN,
) -> float | None:
    """The share that is learnt from readings at 19:45 and 20:00, later by ``readings_after`` seconds."""
    percents = (None, None) if gained_percent is None else (first_percent, first_percent + gained_percent)
    moved = timedelta(seconds=readings_after)
    readings = [
        MeterReading(at=when + moved, received_at=when + moved, power_kw=kw, soc_percent=percent)
        for when, kw, percent in zip(QUARTERS, powers_kw, percents, strict=True)
    ]
    live = _live(readings[-1])
    plan = replace(plan, visits=tuple(replace(one, taken_share=known_share) for one in plan.visits))
    there = occupants(depot, plan, live)
    held = {command.profile.profile_id: command.profile for command in commands}
    found = suspects([_track(depot, plan, there, tuple(held.values()), grade)], there, live, settle_s=30.0)
    return seen_share(found[0], readings[:1], commands) if found else None


def _live(reading: MeterReading) -> LiveState:
    transaction = Transaction(transaction_id=1, started_at=PLUGGED_IN)
    state = ConnectorState(connector_id=1, transaction=transaction, meter=reading)
    return LiveState(now=NOW, chargers=(ChargerState(charger_id="CP1", connectors=(state,)),))


def _track(
    depot: Depot,
    plan: Plan,
    there: Mapping[Place, Occupant],
    held: tuple[StationProfile, ...],
    grade: Grade,
) -> Track:
    charger = depot.charger("CP1")
    return Track(
        target=next(one for one in targets(depot, plan) if one.place == CP1),
        charger=charger,
        wiring=wirings(depot, there)[CP1],
        known=known_of(charger, identity=identity_of(charger, ChargerState(charger_id="CP1")), reported={}),
        at=NOW,
        is_connected=True,
        transaction_id=1,
        held=held,
        comparison=Comparison(grade=grade, sentence=""),
    )


def test_who_draws_on_one_phase_is_seen_to_take_a_third() -> None:
    assert seen() == pytest.approx(1 / 3)


def test_who_draws_on_two_phases_is_seen_to_take_two_thirds() -> None:
    assert seen((7.36, 7.36), gained_percent=2.6) == pytest.approx(2 / 3)


def test_who_draws_what_it_may_is_not_asked_about() -> None:
    assert seen((11.04, 10.4), gained_percent=MANY_PERCENT) is None


def test_one_odd_reading_teaches_nothing() -> None:
    assert seen((11.04, 3.68), gained_percent=2.6) is None


def test_a_meter_that_shows_too_little_teaches_nothing_while_the_battery_fills() -> None:
    assert seen(gained_percent=MANY_PERCENT) is None


@pytest.mark.parametrize("powers_kw", [(None, 3.68), (3.68, None)])
def test_a_reading_without_power_teaches_nothing(powers_kw: tuple[float | None, float | None]) -> None:
    assert seen(powers_kw) is None


def test_without_a_state_of_charge_nothing_is_learnt() -> None:
    assert seen(gained_percent=None) is None


def test_a_battery_that_is_nearly_full_may_take_less() -> None:
    assert seen(first_percent=89.0) is None


def test_who_draws_next_to_nothing_is_no_slow_one() -> None:
    assert seen((0.4, 0.4), gained_percent=0.0) is None


def test_stale_readings_teach_nothing() -> None:
    assert seen(readings_after=-30 * 60.0) is None


def test_a_pause_between_the_readings_teaches_nothing() -> None:
    begin, pause_s = at("12:00"), int((at("19:50") - at("12:00")).total_seconds())
    paused = a_profile(start=begin, limits=[(0, 16.0), (pause_s, 0.0), (pause_s + 300, 16.0)])
    assert seen(commands=[a_command(paused)]) is None


def test_a_lower_limit_that_was_in_force_between_the_readings_explains_less() -> None:
    lower = a_profile(start=at("12:00"), limits=[(0, 6.0)])
    commands = [
        a_command(),
        a_command(lower, command_id=2, when="19:48"),
        a_command(command_id=3, when="19:57"),
    ]
    assert seen((3.9, 3.9), commands=commands) is None


def test_a_limit_that_was_rewritten_between_the_readings_still_teaches() -> None:
    assert seen(commands=[a_command(), a_command(command_id=2, when="19:50")]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("when", ["19:45", "20:00"])
def test_a_limit_that_has_just_changed_teaches_nothing(when: str) -> None:
    lower = a_profile(start=at("12:00"), limits=[(0, 6.0)])
    assert seen(commands=[a_command(lower), a_command(command_id=2, when=when)]) is None


@pytest.mark.parametrize("grade", [Grade.LOWER, Grade.HIGHER, Grade.UNUSABLE])
def test_a_charger_that_shows_something_else_than_it_was_sent_teaches_nothing(grade: Grade) -> None:
    assert seen(grade=grade) is None


def test_on_direct_current_nothing_is_learnt() -> None:
    charger = Charger(id="CP1", connectors=(a_dc_connector(),))
    depot = a_depot(vehicles=[a_bus("V1")], chargers=[charger])
    assert seen(depot=depot, plan=a_plan(depot, a_night(depot))) is None


def test_what_is_known_already_is_not_looked_into_again() -> None:
    assert seen(known_share=1 / 3) is None


def test_who_draws_more_than_it_was_thought_to_be_able_to_draws_all_again() -> None:
    assert seen((11.04, 11.04), gained_percent=MANY_PERCENT, known_share=1 / 3) == 1.0


def test_who_draws_all_of_a_low_limit_may_have_its_ceiling_all_the_same() -> None:
    low = a_command(a_profile(start=at("12:00"), limits=[(0, 6.0)]))
    assert seen((4.14, 4.14), gained_percent=1.5, commands=[low], known_share=0.5) is None


def test_a_share_goes_to_the_battery_and_not_to_the_limits() -> None:
    depot = taking(DEPOT, {VAN.id: 1 / 3})
    vehicle = depot.vehicle(VAN.id)
    assert vehicle.charge_efficiency == pytest.approx(VAN.charge_efficiency / 3)
    assert replace(vehicle, charge_efficiency=VAN.charge_efficiency) == VAN
    assert depot.chargers == DEPOT.chargers


def test_the_plan_keeps_what_was_learnt_for_the_visit() -> None:
    plan = replace(PLAN, visits=tuple(replace(one, taken_share=0.5) for one in PLAN.visits))
    again = Plan.from_document(plan.to_document())
    there = occupants(DEPOT, again, _live(MeterReading(at=NOW, received_at=NOW)))
    assert planned_shares(there) == {VAN.id: 0.5}
