"""Who is planned ready and is warned of all the same, by what a connector is sure to let through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.composite import Limit
from dispatch.decide import HeldBack
from dispatch.floors import targets
from dispatch.known import identity_of, known_of
from dispatch.occupants import Occupant, wirings
from dispatch.overnight.risks import OCCUPIED, risks_of, told
from dispatch.report import Leaving, Risk, Wait
from dispatch.safety import Place
from dispatch.station import ChargerState, ConnectorState, LiveState, StationProfile, Transaction
from dispatch.tracks import Track
from dispatch.validate import Comparison, Difference, Grade
from tests.builders import a_depot, a_night, a_visit, at
from tests.dispatch.dispatch_builders import a_plan, a_profile

DEPOT = a_depot()
NIGHT = a_night(DEPOT, visits=[a_visit("V1", arrival_soc_percent=60, required_soc_percent=80)])
PLAN = a_plan(DEPOT, NIGHT, power_kw={"V1": dict.fromkeys(range(48, 56), 11.04)})  # from midnight to 02:00
NOW = at("23:07")
CP1 = Place("CP1", 1)
V1_LEAVES = ("V1", PLAN.visits[0].departure)
MATCH = Comparison(grade=Grade.MATCH)


def occupant(*, soc_percent: float | None = 60.0) -> Occupant:
    return Occupant(
        place=CP1,
        vehicle=DEPOT.vehicle("V1"),
        transaction=Transaction(transaction_id=1, id_tag=None, started_at=at("19:00")),
        visit=PLAN.visits[0],
        soc_percent=soc_percent,
    )


def a_track(
    *held: StationProfile,
    comparison: Comparison | None = MATCH,
    is_connected: bool = True,
    held_back: HeldBack | None = None,
    capabilities: Mapping[str, object] | None = None,
) -> Track:
    """The first connector, which holds what it should where nothing else is said."""
    charger = replace(DEPOT.chargers[0], capabilities=capabilities or {})
    track = Track(
        target=next(one for one in targets(DEPOT, PLAN) if one.place == CP1),
        charger=charger,
        wiring=wirings(DEPOT, {})[CP1],
        known=known_of(charger, identity=identity_of(charger, ChargerState(charger_id="CP1")), reported={}),
        at=NOW,
        is_connected=is_connected,
        transaction_id=1,
        comparison=comparison,
        held_back=held_back,
    )
    track.held = held or tuple(one.profile for one in track.wanted)
    return track


def found(track: Track, *, soc_percent: float | None = 60.0, now: datetime = NOW) -> tuple[Risk, ...]:
    there = {CP1: occupant(soc_percent=soc_percent)}
    return risks_of([track], there, PLAN, depot=DEPOT, live=LiveState(now=now, chargers=()), ended={})


def standing(
    status: str | None, *, now: datetime = NOW, is_charging: bool = False, ended: datetime | None = None
) -> tuple[Risk, ...]:
    """What is found where a connector tells a status and nobody is known to stand there."""
    transaction = Transaction(transaction_id=2, id_tag="a stranger", started_at=at("19:00"))
    state = ConnectorState(connector_id=1, status=status, transaction=transaction if is_charging else None)
    live = LiveState(now=now, chargers=(ChargerState(charger_id="CP1", connectors=(state,)),))
    ends = {} if ended is None else {CP1: ended}
    return risks_of([a_track()], {}, PLAN, depot=DEPOT, live=live, ended=ends)


def a_risk(wait: Wait) -> Risk:
    """A risk of somebody who leaves at 07:42."""
    return Risk(
        place=CP1,
        vehicle_id="V1",
        departure=PLAN.visits[0].departure,
        soc_percent=60.0,
        required_soc_percent=80.0,
        because="has not taken its plan",
        wait=wait,
    )


def is_told(wait: Wait, now: datetime, *, doubted: Mapping[Leaving, datetime] | None) -> bool:
    return bool(told([a_risk(wait)], doubted=doubted, now=now, every=timedelta(minutes=15)))


def shows(limit_a: float, begin: str, end: str) -> Comparison:
    """A read-back that shows less than it should between two times."""
    less = Difference(
        start=at(begin),
        end=at(end),
        sent=Limit(value=16.0, unit="A"),
        said=Limit(value=limit_a, unit="A"),
        is_higher=False,
    )
    return Comparison(grade=Grade.LOWER, sentence=f"from {begin} it shows {limit_a:g} A", differences=(less,))


def test_nobody_is_warned_of_whom_the_charger_serves_as_it_was_told() -> None:
    assert PLAN.visits[0].is_ready
    assert found(a_track()) == ()


def test_who_is_shown_less_than_planned_is_told_with_what_is_sure() -> None:
    (risk,) = found(a_track(comparison=shows(0.0, "01:00", "08:00")))
    planned, battery_kwh = PLAN.visits[0], DEPOT.vehicle("V1").battery_kwh
    lost_percent = 100.0 * 11.04 * DEPOT.vehicle("V1").charge_efficiency / battery_kwh
    assert abs(risk.soc_percent - (planned.planned_soc_percent - lost_percent)) < 0.05
    assert (risk.vehicle_id, risk.departure) == ("V1", planned.departure)
    assert risk.because == "allows less than it was told: from 01:00 it shows 0 A"


def test_less_where_nothing_is_planned_is_no_risk() -> None:
    assert found(a_track(comparison=shows(0.0, "03:00", "08:00"))) == ()


def test_who_waits_for_a_plan_that_is_held_back_is_told_why() -> None:
    floor = a_profile(start=at("12:00"), limits=[(0, 0.0)])
    (risk,) = found(a_track(floor, held_back=HeldBack(sentence="held back: no room")))
    assert risk.because == "held back: no room"
    assert abs(risk.soc_percent - 60.0) < 0.05


def test_who_stands_on_a_charger_that_takes_a_part_of_its_plan_alone_is_told_hours_ahead() -> None:
    (risk,) = found(a_track(capabilities={"limit_step_a": 9.0}))
    assert (risk.because, risk.wait) == ("takes its plan only in part", Wait.NOTHING)


def test_a_plan_that_is_sent_piece_by_piece_is_a_risk_only_near_the_departure() -> None:
    (risk,) = found(a_track(capabilities={"max_periods": 2}))
    assert (risk.because, risk.wait) == ("takes its plan only in part", Wait.DEPARTURE)
    assert abs(risk.soc_percent - 60.0) < 0.05


def test_what_a_charger_shows_is_told_at_once_and_what_is_held_back_at_a_second_look() -> None:
    (shown,) = found(a_track(comparison=shows(0.0, "01:00", "08:00")))
    floor = a_profile(start=at("12:00"), limits=[(0, 0.0)])
    (held_back,) = found(a_track(floor, held_back=HeldBack(sentence="held back: no room")))
    (not_taken,) = found(a_track(floor))
    assert (shown.wait, held_back.wait, not_taken.wait) == (
        Wait.NOTHING,
        Wait.SECOND_LOOK,
        Wait.SECOND_LOOK,
    )


def test_a_slight_shortfall_waits_until_the_departure_is_near() -> None:
    planned = PLAN.visits[0].planned_soc_percent
    needed = 79.75
    lost_kwh = (planned - needed + 0.3) / 100.0 * DEPOT.vehicle("V1").battery_kwh
    minutes = 60.0 * lost_kwh / (11.04 * DEPOT.vehicle("V1").charge_efficiency)
    begin = PLAN.horizon.local(at("02:00") - timedelta(minutes=minutes))
    (slight,) = found(a_track(comparison=shows(0.0, f"{begin:%H:%M}", "08:00")))
    assert needed - 0.5 < slight.soc_percent < needed
    assert slight.wait is Wait.DEPARTURE


def test_what_is_seen_at_one_look_alone_is_not_told() -> None:
    others = {("V2", at("07:42")): at("22:00"), ("V1", at("03:00")): at("22:00")}
    assert not is_told(Wait.SECOND_LOOK, at("23:07"), doubted={})
    assert not is_told(Wait.SECOND_LOOK, at("23:07"), doubted=others)
    assert not is_told(Wait.SECOND_LOOK, at("23:09"), doubted={V1_LEAVES: at("23:07")})
    assert is_told(Wait.SECOND_LOOK, at("23:22"), doubted={V1_LEAVES: at("23:07")})
    assert is_told(Wait.NOTHING, at("23:07"), doubted={})
    assert not is_told(Wait.DEPARTURE, at("23:22"), doubted={V1_LEAVES: at("23:07")})


def test_nothing_waits_so_near_the_departure_that_only_two_ticks_are_left_to_tell_it_in_time() -> None:
    for wait in Wait:
        assert is_told(wait, at("06:12"), doubted={})
    assert not is_told(Wait.SECOND_LOOK, at("06:11"), doubted={})
    assert not is_told(Wait.DEPARTURE, at("06:11"), doubted={})


def test_a_tick_that_stands_alone_waits_for_no_second_look() -> None:
    assert is_told(Wait.SECOND_LOOK, at("23:07"), doubted=None)
    assert not is_told(Wait.DEPARTURE, at("23:07"), doubted=None)


def test_who_stands_in_no_session_is_told_with_what_it_has_been_given() -> None:
    for status in sorted(OCCUPIED):
        (risk,) = standing(status)
        assert (risk.vehicle_id, risk.place, risk.wait) == ("V1", CP1, Wait.SECOND_LOOK)
        assert risk.because == "is occupied, and charges nobody: no session runs"
        assert abs(risk.soc_percent - 60.0) < 0.05
    (later,) = standing("Finishing", now=at("03:00"), ended=at("01:00"))
    planned = PLAN.visits[0].planned_soc_percent
    assert abs(later.soc_percent - (60.0 + planned) / 2.0) < 0.05


def test_nobody_is_missed_where_nobody_stands_or_somebody_charges_or_all_has_been_given() -> None:
    for status in ("Available", "Faulted", "Unavailable", None):
        assert standing(status) == ()
    assert standing("Charging", is_charging=True) == ()
    assert standing("Finishing", now=at("03:00"), ended=at("02:00")) == ()
    assert standing("Finishing", now=at("12:30")) == ()  # before it is due


def test_a_profile_that_is_about_now_says_nothing_of_later() -> None:
    assert found(a_track(capabilities={"kind": "relative"})) == ()


def test_a_charger_out_of_reach_goes_on_with_what_it_has() -> None:
    whole = tuple(a_track().held)
    assert found(a_track(*whole, comparison=None, is_connected=False)) == ()
    floor = a_profile(start=at("12:00"), limits=[(0, 6.0)])
    assert found(a_track(floor, comparison=None, is_connected=False), now=at("23:07")) == ()  # 6 A are enough
    nothing = a_profile(start=at("12:00"), limits=[(0, 0.0)])
    (risk,) = found(a_track(nothing, comparison=None, is_connected=False))
    assert risk.because == "is out of reach, and goes on with what it has"


def test_nothing_is_said_of_a_vehicle_of_which_nobody_knows_how_full_it_is() -> None:
    assert found(a_track(comparison=shows(0.0, "01:00", "08:00")), soc_percent=None) == ()
