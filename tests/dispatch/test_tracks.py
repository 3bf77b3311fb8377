"""What is tried after a refusal, and what a connector is known to hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.charger import Capabilities
from dispatch.evidence import Layer
from dispatch.floors import targets
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
from dispatch.tracks import Track, begin_tracks, easier_words
from dispatch.validate import Comparison, Grade
from tests.builders import NIGHT, a_depot, a_van
from tests.dispatch.dispatch_builders import NOW, a_plan, a_profile, a_reply, seconds


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    yield journal
    journal.close()


def refused(periods: int) -> StationProfile:
    return a_profile(limits=[(900 * i, 10.0 + i % 2) for i in range(periods)])


def test_after_a_refusal_half_as_many_periods_are_tried_and_then_the_other_unit() -> None:
    base = used = Capabilities(max_periods=24)
    tried = [(24, "A")]
    for periods in (23, 11, 5):
        words = easier_words(refused(periods), used=used, base=base, is_dc=False)
        assert words is not None
        used = words
        tried.append((used.max_periods, used.unit))
    assert tried == [(24, "A"), (12, "auto"), (6, "auto"), (24, "W")]


@pytest.mark.parametrize(
    ("words", "is_dc"), [({"unit": "W"}, False), ({"unit": "A"}, False), ({}, True)], ids=["W", "A", "DC"]
)
def test_there_is_no_other_unit_where_it_is_settled(words: dict[str, str], *, is_dc: bool) -> None:
    used = Capabilities.model_validate(words)
    assert easier_words(refused(1), used=used, base=used, is_dc=is_dc) is None


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
    (track,) = begin_tracks(depot, journal, targets(depot, a_plan(depot)), live, wirings(depot, {}))
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
