"""Connectors that do not do what is planned for them."""

from __future__ import annotations

from dispatch.evidence import Layer
from dispatch.floors import targets
from dispatch.known import identity_of, known_of
from dispatch.occupants import wirings
from dispatch.overnight.burdens import burdens_of, known_to_fail
from dispatch.safety import Place
from dispatch.station import ChargerState, Outcome
from dispatch.store.ledger import Ledger
from dispatch.tracks import Track
from dispatch.validate import Comparison, Grade
from optimiser.depot import Depot
from tests.builders import a_depot, a_night, at
from tests.dispatch.dispatch_builders import a_plan, a_profile, a_reply

DEPOT = a_depot()
PLAN = a_plan(DEPOT, a_night(DEPOT))
NOW = at("20:07")
CP1 = Place("CP1", 1)
FULL_KW = 11.04
STEP = 32


def a_track(depot: Depot = DEPOT, *, grade: Grade = Grade.MATCH, is_connected: bool = True) -> Track:
    """The first connector, which has accepted 8 A and was read back."""
    charger = depot.chargers[0]
    target = next(one for one in targets(depot, PLAN) if one.place == CP1)
    return Track(
        target=target,
        charger=charger,
        wiring=wirings(depot, {})[CP1],
        known=known_of(charger, identity=identity_of(charger, ChargerState(charger_id="CP1")), reported={}),
        at=NOW,
        is_connected=is_connected,
        transaction_id=None,
        held=(a_profile(start=at("12:00"), limits=[(0, 8.0)]),),
        comparison=Comparison(grade=grade, sentence=""),
    )


def test_a_connector_that_is_proven_is_no_burden() -> None:
    assert burdens_of(PLAN, [a_track()], Ledger(), now=NOW).most_kw == {}


def test_one_that_is_away_and_forgets_nothing_is_a_burden_only_where_something_else_is_wanted_of_it() -> None:
    track = a_track(is_connected=False)
    track.comparison, track.is_remembered = None, True
    found = burdens_of(PLAN, [track], Ledger(), now=NOW)
    assert set(found.most_kw[CP1][STEP:].round(2)) == {5.52}
    track.held = tuple(one.profile for one in track.wanted)
    assert burdens_of(PLAN, [track], Ledger(), now=NOW).most_kw == {}


def test_one_that_shows_more_than_it_has_accepted_counts_in_full_and_surely_gives_that() -> None:
    found = burdens_of(PLAN, [a_track(grade=Grade.HIGHER)], Ledger(), now=NOW)
    assert (found.most_kw[CP1][STEP:] == FULL_KW).all()
    assert not found.most_kw[CP1][:STEP].any()
    assert set(found.surely_kw[CP1][STEP:].round(2)) == {5.52}


def test_one_that_has_refused_everything_gives_full_power() -> None:
    track = a_track(grade=Grade.HIGHER)
    track.held = ()
    track.failures[Layer.FLOOR] = a_reply(Outcome.REFUSED)
    assert (burdens_of(PLAN, [track], Ledger(), now=NOW).surely_kw[CP1] == FULL_KW).all()


def test_of_one_that_nothing_is_known_of_nothing_is_sure() -> None:
    track = a_track(grade=Grade.HIGHER)
    track.held = ()
    assert CP1 not in burdens_of(PLAN, [track], Ledger(), now=NOW).surely_kw


def test_one_that_is_about_to_be_written_to_is_not_given_up_beforehand() -> None:
    assert known_to_fail([a_track(grade=Grade.HIGHER)], Ledger()) == set()
    assert known_to_fail([a_track(is_connected=False)], Ledger()) == {CP1}
