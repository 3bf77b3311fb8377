"""Who is planned ready and is warned of all the same, by what a connector is sure to let through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from dispatch.composite import Limit
from dispatch.decide import HeldBack
from dispatch.floors import targets
from dispatch.known import identity_of, known_of
from dispatch.occupants import Occupant, wirings
from dispatch.overnight.risks import risks_of
from dispatch.report import Risk
from dispatch.safety import Place
from dispatch.station import ChargerState, StationProfile, Transaction
from dispatch.tracks import Track
from dispatch.validate import Comparison, Difference, Grade
from tests.builders import a_depot, a_night, a_visit, at
from tests.dispatch.dispatch_builders import a_plan, a_profile

DEPOT = a_depot()
NIGHT = a_night(DEPOT, visits=[a_visit("V1", arrival_soc_percent=60, required_soc_percent=80)])
PLAN = a_plan(DEPOT, NIGHT, power_kw={"V1": dict.fromkeys(range(48, 56), 11.04)})  # from midnight to 02:00
NOW = at("23:07")
CP1 = Place("CP1", 1)
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
    return risks_of([track], {CP1: occupant(soc_percent=soc_percent)}, PLAN, now=now)


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
    (risk,) = found(a_track(capabilities={"max_periods": 2}))
    assert risk.because == "takes its plan only in part"
    assert abs(risk.soc_percent - 60.0) < 0.05


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
