"""Levers that say what proves a limit, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.evidence import Evidence, Layer, Rung, Verdict
from dispatch.journal import Journal, open_journal
from dispatch.validate import Comparison, Grade
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW, a_profile, seconds
from tests.dispatch.test_levers import a_track, install


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    yield journal
    journal.close()


def test_proof_by_meter_believes_no_read_back_alone(journal: Journal) -> None:
    for proof, is_proven in (("read_back", True), ("meter", False)):
        track = a_track(journal, proof=proof)
        track.take_read_back(Comparison(grade=Grade.MATCH))
        assert track.is_proven is is_proven
        track.is_metered = True
        assert track.is_proven


@pytest.mark.parametrize(
    ("forgets", "after_reconnect", "after_boot"),
    [
        ("unknown", False, False),
        ("never", False, False),
        ("on_boot", False, True),
        ("on_reconnect", True, True),
    ],
)
def test_forgets_sends_all_again_without_a_look(
    journal: Journal, forgets: str, *, after_reconnect: bool, after_boot: bool
) -> None:
    install(journal, a_profile())
    assert a_track(journal, forgets=forgets).has_lost is False
    reconnected = a_track(journal, forgets=forgets, connected_after_s=30)
    assert reconnected.has_lost is after_reconnect
    assert reconnected.holding.rewrite == (frozenset(Layer) if after_reconnect else frozenset())
    booted = a_track(journal, forgets=forgets, connected_after_s=30, booted_after_s=30)
    assert booted.has_lost is after_boot


def looked_at(journal: Journal, *, at: datetime, verdict: Verdict = Verdict.CONFIRMED) -> None:
    journal.add_evidence(
        Evidence(night=NIGHT, at=at, charger_id="CP1", connector_id=1, rung=Rung.READ_BACK, verdict=verdict)
    )


@pytest.mark.parametrize(
    ("levers", "seen", "is_proven"),
    [
        ({}, Verdict.CONFIRMED, False),
        ({"forgets": "on_boot"}, Verdict.CONFIRMED, False),
        ({"forgets": "never"}, Verdict.CONFIRMED, True),
        ({"forgets": "never"}, Verdict.CONTRADICTED, False),
        ({"forgets": "never"}, Verdict.CANNOT_TELL, False),
        ({"forgets": "never", "proof": "meter"}, Verdict.CONFIRMED, False),
        ({"forgets": "never", "proven_with_firmware": "1.0"}, Verdict.CONFIRMED, True),
        ({"forgets": "never", "proven_with_firmware": "0.9"}, Verdict.CONFIRMED, False),
    ],
)
def test_forgets_never_counts_a_charger_that_is_away_at_what_it_was_last_proven_to_hold(
    journal: Journal, levers: dict[str, Any], seen: Verdict, *, is_proven: bool
) -> None:
    install(journal, a_profile(limits=[(0, 8.0)]), at=NOW - timedelta(hours=6))
    looked_at(journal, at=NOW - timedelta(hours=5), verdict=seen)
    long_ago = -8 * 3600.0
    track = a_track(journal, connected_after_s=None, booted_after_s=long_ago, firmware="1.0", **levers)
    assert track.is_proven is is_proven
    assert not a_track(journal, connected_after_s=None, firmware="1.0", **levers).is_proven, "it has started"
    most = track.holding.most((NOW,))
    assert most.phase_a[0] == (8.0 if is_proven else 16.0)


def test_who_is_away_counts_on_every_phase_since_nobody_knows_who_stands_there_now(journal: Journal) -> None:
    track = a_track(journal, connected_after_s=None)
    track.wiring = replace(track.wiring, vehicle_phases=1)
    assert track.holding.wiring.counted_phases == 3
    track.is_connected = True
    assert track.holding.wiring.counted_phases == 1


def test_a_look_proves_nothing_of_what_was_accepted_after_it(journal: Journal) -> None:
    looked_at(journal, at=NOW - timedelta(minutes=2))
    install(journal, a_profile(limits=[(0, 8.0)]), at=NOW - timedelta(minutes=1))
    assert not a_track(journal, connected_after_s=None, forgets="never").is_proven


@pytest.mark.parametrize(
    ("accepted_after_s", "firmware", "is_proven"),
    [(10, "1.0", True), (-90, "1.0", False), (10, "1.1", False)],
)
def test_accepted_is_proof_since_a_charger_came_and_with_its_firmware_alone(
    journal: Journal, accepted_after_s: float, firmware: str, *, is_proven: bool
) -> None:
    install(journal, a_profile(limits=[(0, 8.0)]), at=NOW + seconds(accepted_after_s))
    commissioned: dict[str, Any] = {"accepted_is_proof": True, "proven_with_firmware": "1.0"}
    track = a_track(journal, firmware=firmware, **commissioned)
    for grade in (None, Grade.UNUSABLE):
        track.comparison = None if grade is None else Comparison(grade=grade)
        assert track.is_proven is is_proven
        assert track.holding.is_whole is is_proven
    track.take_read_back(Comparison(grade=Grade.HIGHER))
    assert not track.is_proven
    track.take_read_back(Comparison(grade=Grade.UNUSABLE))
    assert not track.is_proven


def test_accepted_is_proof_no_more_while_a_charger_is_away_unless_it_forgets_nothing(
    journal: Journal,
) -> None:
    install(journal, a_profile(), at=NOW)
    commissioned: dict[str, Any] = {"accepted_is_proof": True, "proven_with_firmware": "1.0"}
    for forgets, is_proven in (("unknown", False), ("never", True)):
        away = a_track(journal, connected_after_s=None, firmware="1.0", forgets=forgets, **commissioned)
        assert away.is_proven is is_proven
