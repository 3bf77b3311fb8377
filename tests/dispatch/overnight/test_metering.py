"""What a tick says of meters: by their own time, and also where nobody was told of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from dispatch.evidence import Layer, Verdict
from dispatch.floors import targets
from dispatch.journal import Journal, open_journal
from dispatch.occupants import wirings
from dispatch.overnight.metering import distrust_overdrawn, metered_now
from dispatch.push import Surroundings
from dispatch.station import ChargerState, ConnectorState, LiveState, MeterReading, Stations, Transaction
from dispatch.tracks import Track, begin_tracks
from dispatch.validate import Finding
from tests.builders import NIGHT, a_depot, a_van
from tests.dispatch.dispatch_builders import NOW, a_plan, a_profile, a_reply, seconds

HOUR_AGO = NOW - seconds(3600)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    yield journal
    journal.close()


def looked(
    journal: Journal,
    *,
    drawn_kw: float,
    read_s_ago: float = 60,
    held_s_ago: float = 3600,
    in_session: bool = True,
    status: str = "Charging",
) -> tuple[Finding | None, Track]:
    """A connector that has accepted 8 A (5.52 kW), and what is said of its meter's last reading."""
    profile, held_at = a_profile(start=HOUR_AGO, limits=[(0, 8.0)]), NOW - seconds(held_s_ago)
    command = journal.begin_command(
        night=NIGHT, at=held_at, charger_id="CP1", layer=Layer.PLAN, profile=profile
    )
    journal.finish_command(command, a_reply(at=held_at))
    meter = MeterReading(at=NOW - seconds(read_s_ago), received_at=NOW, power_kw=drawn_kw)
    session = Transaction(transaction_id=7, started_at=HOUR_AGO) if in_session else None
    plug = ConnectorState(connector_id=1, status=status, transaction=session, meter=meter)
    state = ChargerState(charger_id="CP1", connected_since=HOUR_AGO, connectors=(plug,))
    live = LiveState(now=NOW, chargers=(state,))
    depot = a_depot(vehicles=[a_van("V1")])
    plan = a_plan(depot)
    ledger = journal.ledger(since=HOUR_AGO)
    (track,) = begin_tracks(depot, ledger, targets(depot, plan), live, wirings(depot, {}))
    nobody = cast("Stations", cast("Any", None))  # no station is asked anything here
    around = Surroundings(depot=depot, plan=plan, journal=journal, stations=nobody, clock=lambda: NOW)
    distrust_overdrawn(around, [track], live)
    return metered_now(around, track, live), track


@pytest.mark.parametrize(
    ("drawn_kw", "verdict"),
    [(5.5, Verdict.CONFIRMED), (11.0, Verdict.CONTRADICTED), (0.0, Verdict.CONFIRMED)],
)
def test_a_session_is_held_to_its_limit(journal: Journal, drawn_kw: float, verdict: Verdict) -> None:
    finding, track = looked(journal, drawn_kw=drawn_kw)
    assert finding is not None
    assert finding.verdict is verdict
    assert track.is_overdrawn is (verdict is Verdict.CONTRADICTED)


def test_who_draws_without_a_session_that_anybody_knows_is_held_to_the_limit_too(journal: Journal) -> None:
    finding, track = looked(journal, drawn_kw=11.0, in_session=False)
    assert finding is not None
    assert finding.verdict is Verdict.CONTRADICTED
    assert "11.00 kW drawn" in finding.sentence
    assert finding.sentence.endswith("no session is known")
    assert track.is_overdrawn


def test_the_last_reading_of_a_session_that_is_over_says_nothing(journal: Journal) -> None:
    assert looked(journal, drawn_kw=11.0, in_session=False, status="Available")[0] is None


@pytest.mark.parametrize(("read_s_ago", "held_s_ago"), [(1200, 600), (590, 600)])
def test_a_reading_that_comes_late_is_judged_by_its_own_time(
    journal: Journal, read_s_ago: float, held_s_ago: float
) -> None:
    finding, track = looked(journal, drawn_kw=11.0, read_s_ago=read_s_ago, held_s_ago=held_s_ago)
    assert finding is not None
    assert finding.verdict is Verdict.CANNOT_TELL
    assert not track.is_overdrawn
