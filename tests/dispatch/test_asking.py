"""What is tried after a refusal, and what answers teach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.asking import MAX_REFUSALS, take_outcome
from dispatch.evidence import Layer, Lesson
from dispatch.journal import Journal, open_journal
from dispatch.layers import LayerProfile
from dispatch.station import Outcome
from dispatch.tracks import Track
from tests.dispatch.dispatch_builders import NOW, a_reply
from tests.dispatch.test_tracks import a_track


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    yield journal
    journal.close()


def wanted(track: Track, layer: Layer) -> LayerProfile:
    return next(found for found in track.wanted if found.layer is layer)


def test_a_charger_that_refuses_everything_is_given_up_with_its_first_answer(journal: Journal) -> None:
    track = a_track(journal)
    count = 0
    while Layer.FLOOR in track.holding.open_layers:
        count += 1
        take_outcome(track, wanted(track, Layer.FLOOR), a_reply(Outcome.REFUSED, reason=f"answer {count}"))
    assert 1 < count <= MAX_REFUSALS
    assert track.failures[Layer.FLOOR].reason == "answer 1"
    assert wanted(track, Layer.FLOOR) == wanted(a_track(journal), Layer.FLOOR)


def test_what_is_taken_after_refusals_is_a_lesson_with_its_reason(journal: Journal) -> None:
    track = a_track(journal)
    lessons: dict[str, Lesson] = {}
    while not lessons:
        floor = wanted(track, Layer.FLOOR)
        takes = floor.profile.unit == "W"
        outcome = Outcome.ACCEPTED if takes else Outcome.REFUSED
        lessons = take_outcome(track, floor, a_reply(outcome, reason="" if takes else "no amperes"))
    assert lessons["unit"].value == "W"
    assert lessons["unit"].because == (
        "CP1 took it on 2025-11-10 after it had refused another form (no amperes)"
    )
    journal.learn(track.known.identity, lessons, charger_id="CP1", at=NOW)
    assert wanted(a_track(journal), Layer.FLOOR).profile.unit == "W"


def test_nothing_is_learned_from_silence(journal: Journal) -> None:
    track = a_track(journal)
    assert take_outcome(track, wanted(track, Layer.FLOOR), a_reply(Outcome.NO_ANSWER)) == {}
    assert take_outcome(track, wanted(track, Layer.FLOOR), a_reply()) == {}
