"""What a connector is known to hold, what is proven of it, and what its like have taught."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dispatch.evidence import Layer, Lesson
from dispatch.floors import targets
from dispatch.identity import Identity
from dispatch.journal import Journal, open_journal
from dispatch.occupants import wirings
from dispatch.station import (
    ChargerState,
    ConnectorState,
    LiveState,
    Outcome,
    Purpose,
    StationProfile,
    Transaction,
)
from dispatch.tracks import Track, begin_tracks, notice
from dispatch.validate import Comparison, Grade
from tests.builders import NIGHT, a_depot, a_van
from tests.dispatch.dispatch_builders import NOW, a_plan, a_profile, a_reply, seconds


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    yield journal
    journal.close()


def send(journal: Journal, profile: StationProfile, outcome: Outcome = Outcome.ACCEPTED) -> None:
    command_id = journal.begin_command(
        night=NIGHT, at=NOW, charger_id="CP1", layer=Layer.PLAN, profile=profile
    )
    journal.finish_command(command_id, a_reply(outcome, at=NOW))


def a_track(journal: Journal, *, transaction_id: int | None = None, connected_after_s: float = -60) -> Track:
    depot = a_depot(vehicles=[a_van("V1")])
    transaction = None
    if transaction_id is not None:
        transaction = Transaction(transaction_id=transaction_id, id_tag="TAG-V1", started_at=NOW)
    state = ChargerState(
        charger_id="CP1",
        connected_since=NOW + seconds(connected_after_s),
        connectors=(ConnectorState(connector_id=1, transaction=transaction),),
    )
    live = LiveState(now=NOW, chargers=(state,))
    ledger = journal.ledger(since=NOW - timedelta(hours=1))
    (track,) = begin_tracks(depot, ledger, targets(depot, a_plan(depot)), live, wirings(depot, {}))
    return track


def test_an_override_is_gone_with_its_transaction(journal: Journal) -> None:
    override = a_profile(profile_id=13, purpose=Purpose.TX, transaction_id=7)
    send(journal, override)
    assert a_track(journal, transaction_id=7).held == (override,)
    assert a_track(journal, transaction_id=8).held == ()
    assert a_track(journal).held == ()


def test_what_was_not_answered_may_be_held(journal: Journal) -> None:
    send(journal, a_profile(limits=[(0, 16.0)]), Outcome.NO_ANSWER)
    track = a_track(journal)
    assert track.held == ()
    assert len(track.doubtful) == 1


@pytest.mark.parametrize(
    ("grade", "connected_after_s", "has_lost"),
    [
        (Grade.HIGHER, -60, True),
        (Grade.UNUSABLE, -60, False),
        (Grade.UNUSABLE, 60, True),
        (Grade.LOWER, 60, True),
        (Grade.LOWER, -60, False),
        (Grade.MATCH, 60, False),
    ],
)
def test_a_charger_has_lost_its_profiles_if_it_shows_more_or_was_away_and_does_not_show_them(
    journal: Journal, grade: Grade, connected_after_s: float, *, has_lost: bool
) -> None:
    send(journal, a_profile())
    track = a_track(journal, connected_after_s=connected_after_s)
    track.take_read_back(Comparison(grade=grade))
    assert track.has_lost is has_lost
    assert track.holding.rewrite == (frozenset(Layer) if has_lost else frozenset())


def test_nothing_is_proven_of_a_charger_that_draws_too_much_or_is_away(journal: Journal) -> None:
    track = a_track(journal)
    track.take_read_back(Comparison(grade=Grade.MATCH))
    assert track.is_proven
    track.is_overdrawn = True
    assert not track.is_proven
    track.is_overdrawn, track.is_connected = False, False
    assert not track.is_proven


def test_what_one_charger_has_taught_is_known_of_its_like_and_of_no_other(journal: Journal) -> None:
    maker = Identity(vendor="Maker", model="M1", firmware="2.0")
    journal.learn(maker, {"unit": Lesson(value="W", because="seen")}, charger_id="CP1", at=NOW)
    journal.learn(maker, {"unit": Lesson(value="A", because="seen again")}, charger_id="CP2", at=NOW)
    same = Identity(vendor="MAKER", model="m1", firmware="2.0")
    assert journal.ledger(since=NOW).learned(same, charger_id="CP9") == {
        "unit": Lesson(value="A", because="seen again")
    }
    assert (
        journal.ledger(since=NOW).learned(
            Identity(vendor="Maker", model="M1", firmware="2.1"), charger_id="CP1"
        )
        == {}
    )
    assert journal.ledger(since=NOW).learned(Identity(vendor="Maker", model="M1"), charger_id="CP1") == {}


def test_a_charger_that_is_served_is_taught_nothing_by_others(journal: Journal) -> None:
    maker = Identity(vendor="Maker", model="M1")
    journal.learn(maker, {"unit": Lesson(value="W", because="1")}, charger_id="CP2", at=NOW - seconds(60))
    send(journal, a_profile())
    journal.learn(
        maker, {"kind": Lesson(value="relative", because="2")}, charger_id="CP2", at=NOW + seconds(1)
    )
    assert set(journal.ledger(since=NOW).learned(maker, charger_id="CP1")) == {"unit"}
    journal.learn(maker, {"unit": Lesson(value="A", because="3")}, charger_id="CP1", at=NOW + seconds(2))
    journal.learn(maker, {"unit": Lesson(value="W", because="4")}, charger_id="CP2", at=NOW + seconds(3))
    assert journal.ledger(since=NOW).learned(maker, charger_id="CP1") == {
        "unit": Lesson(value="A", because="3")
    }


def test_what_a_charger_without_a_name_has_taught_is_known_of_it_alone(journal: Journal) -> None:
    journal.learn(Identity(), {"kind": Lesson(value="relative", because="seen")}, charger_id="CP1", at=NOW)
    assert set(journal.ledger(since=NOW).learned(Identity(), charger_id="CP1")) == {"kind"}
    assert journal.ledger(since=NOW).learned(Identity(), charger_id="CP2") == {}


@pytest.mark.parametrize("booted_after_s", [None, 5.0])
@pytest.mark.parametrize("connected_after_s", [None, -60.0, 5.0])
def test_what_was_proven_of_a_charger_that_has_gone_or_come_since_is_proven_no_more(
    journal: Journal, booted_after_s: float | None, connected_after_s: float | None
) -> None:
    track = a_track(journal)
    track.comparison = Comparison(grade=Grade.MATCH)
    booted, connected = (
        None if after_s is None else NOW + seconds(after_s) for after_s in (booted_after_s, connected_after_s)
    )
    state = ChargerState(charger_id="CP1", booted_at=booted, connected_since=connected)
    notice([track], LiveState(now=NOW, chargers=(state,)))
    is_the_same = (booted_after_s, connected_after_s) == (None, -60.0)
    assert track.is_proven is is_the_same
    assert track.is_connected is (connected_after_s is not None)
