from __future__ import annotations

from optimiser.changes import better_connectors, later, latest_departure, more_at
from optimiser.depot import Charger, Feeder
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector, at

FEEDERS = [Feeder(id="F1", limit_kw=20.0, limit_per_phase_a=32.0), Feeder(id="F2", limit_kw=10.0)]


def test_more_at_the_transformer_lifts_the_depot_and_the_night() -> None:
    depot, night = more_at(a_depot(), a_night(a_depot()), ["transformer"], 5.0)
    assert depot.site.transformer_limit_kw == 48.0
    assert set(night.site_limit_kw) == {48.0}


def test_more_at_a_feeder_is_for_that_feeder_and_that_limit_alone() -> None:
    depot = a_depot(feeders=FEEDERS)
    in_kw, _ = more_at(depot, a_night(depot), ["feeder F1"], 5.0)
    in_amperes, night = more_at(depot, a_night(depot), ["feeder F1 per phase"], 5.0)
    assert in_kw.feeders == (Feeder(id="F1", limit_kw=25.0, limit_per_phase_a=32.0), FEEDERS[1])
    assert in_amperes.feeders == (Feeder(id="F1", limit_kw=20.0, limit_per_phase_a=37.0), FEEDERS[1])
    assert set(night.site_limit_kw) == {43.0}


def test_a_visit_leaves_later() -> None:
    night = later(a_night(a_depot()), 1, 12)
    assert [visit.departure for visit in night.visits] == [at("07:42"), at("07:54")]


def test_a_visit_may_stay_until_its_connector_or_itself_is_wanted_or_the_night_ends() -> None:
    depot = a_depot()
    visits = [
        a_visit("V1", departure="22:00"),
        a_visit("V2", arrival="23:30", departure="02:00"),
        a_visit("V2", charger_id="CP2", arrival="03:30", departure="11:30"),
    ]
    night = a_night(depot, visits=visits)
    assert [latest_departure(night, row) for row in range(3)] == [
        at("23:30"),
        at("03:30"),
        at("12:00", night=night.horizon.end.date()),
    ]


def test_better_connectors_are_free_unlike_its_own_and_the_weakest_comes_first() -> None:
    kinds = {"CP1": (16.0, None), "CP2": (16.0, None), "CP3": (32.0, None), "CP4": (20.0, None), "CP5": (16.0, "F2"), "CP6": (32.0, None), "CP7": (25.0, None)}  # fmt: skip
    chargers = [
        Charger(id=name, feeder=feeder, connectors=(an_ac_connector(max_current_a=current_a),))
        for name, (current_a, feeder) in kinds.items()
    ]
    depot = a_depot(
        vehicles=[a_van("V1", max_ac_current_a=32.0), a_van("V2")], chargers=chargers, feeders=FEEDERS
    )
    night = a_night(depot, visits=[a_visit("V1"), a_visit("V2", charger_id="CP7")])
    offered = [visit.charger_id for visit in better_connectors(depot, night, 0)]
    assert offered == ["CP5", "CP4", "CP3"]
