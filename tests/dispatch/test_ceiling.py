"""The ceiling: what it is, when it counts and when it does not, and that an old one never stands in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given

from dispatch.charger import Capabilities
from dispatch.evidence import Layer, Rung, Verdict
from dispatch.floors import targets
from dispatch.journal import Journal, open_journal
from dispatch.layers import LayerProfile, layer_profiles
from dispatch.occupants import wirings
from dispatch.push import Surroundings, push, read_back
from dispatch.station import ProfileKind, Purpose
from dispatch.tracks import Track, begin_tracks
from optimiser.depot import Charger, Depot
from optimiser.plan import Plan
from tests.builders import a_dc_connector, an_ac_connector
from tests.dispatch.overnight_builders import a_rehearsal, row_of, three_vans_tonight
from tests.dispatch.test_layers import a_target, in_words
from tests.properties.test_push_machine import POWERS, a_small_depot, planned
from tests.properties.worst_chargers import WorstStations

NOW = datetime(2025, 11, 10, 15, 0, tzinfo=UTC)
FULL_A, CEILING_A = 16.0, 9.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    yield journal
    journal.close()


def ceiling_of(stack: tuple[LayerProfile, ...]) -> LayerProfile | None:
    return next((one for one in stack if one.layer is Layer.CEILING), None)


def test_it_is_the_whole_chargers_maximum_without_end_and_comes_first() -> None:
    target, _, _ = a_target(power_kw={36: 6.9, 37: 4.83})
    stack = in_words(target, Capabilities(ceiling=True, kind="relative"))
    profile = stack[0].profile
    assert stack[0].layer is Layer.CEILING
    assert (profile.purpose, profile.connector_id, profile.profile_id) == (Purpose.STATION_MAX, 0, 14)
    assert (profile.kind, profile.duration_s, profile.valid_to) == (ProfileKind.ABSOLUTE, None, None)


@given(rows=POWERS)
def test_it_is_the_most_that_the_night_allows_and_clearly_above_its_floor(rows: list[list[float]]) -> None:
    depot = a_small_depot(20.0, (0, 0, 0))
    least = {"A": CEILING_A, "W": 5520.0 + 1000.0}
    for target in targets(depot, planned(depot, rows)):
        for levers in ({}, {"unit": "W"}, {"stack_level_plan": 0}):
            words = Capabilities.model_validate({"ceiling": True, **levers})
            ceiling, *others = (one.profile for one in in_words(target, words))
            highest = max(period.limit for profile in others for period in profile.periods)
            assert [period.limit for period in ceiling.periods] == [max(highest, least[ceiling.unit])]


def test_above_a_floor_of_nothing_it_lets_a_vehicle_charge_and_it_is_a_current_that_the_charger_can_hold() -> (
    None
):
    target = a_target(power_kw={})[0]
    for floor_a, values, expected in (
        (0.0, (), 6.0),
        (8.0, (6.0, 8.0, 13.0), 13.0),
        (16.0, (6.0, 16.0), 16.0),
    ):
        floor = replace(target.floor, limit_a=floor_a, limit_kw=floor_a * 0.69)
        low = replace(target, floor=floor, plan=replace(target.plan, periods=(floor,)))
        ceiling = ceiling_of(in_words(low, Capabilities(ceiling=True, limit_values_a=values)))
        assert ceiling is not None
        assert [period.limit for period in ceiling.profile.periods] == [expected]


def test_a_dc_ceiling_is_in_watts_where_the_limits_hold() -> None:
    target, _, _ = a_target(connector=a_dc_connector(), power_kw={})
    ceiling = ceiling_of(in_words(target, Capabilities(ceiling=True)))
    assert ceiling is not None
    assert ceiling.profile.unit == "W"


@pytest.mark.parametrize(
    "levers",
    [
        {},
        {"ceiling": True, "max_profiles": 3},
        {"ceiling": True, "max_profiles": 4, "full_store_refuses": True},
        {"ceiling": True, "purpose": "station_max"},
    ],
)
def test_who_is_not_known_to_keep_to_it_or_has_no_room_gets_none(levers: Mapping[str, Any]) -> None:
    assert ceiling_of(in_words(a_target()[0], Capabilities.model_validate(levers))) is None


def test_a_charger_with_two_connectors_gets_none_as_both_would_share_it() -> None:
    target = replace(a_target()[0], is_alone=False)
    words = dict.fromkeys(Layer, Capabilities(ceiling=True))
    assert ceiling_of(layer_profiles(target, words, is_degraded=False)) is None


# ── a push in which it counts ────────────────────────────────────────────────────────────────────────────


def a_site(**levers: object) -> tuple[Depot, Plan]:
    """Three vans at 6 A all night over floors of 8 A, CP1 with a ceiling."""
    depot = a_small_depot(20.0, (0, 0, 0))
    first = replace(depot.chargers[0], capabilities={"ceiling": True, **levers})
    depot = replace(depot, chargers=(first, *depot.chargers[1:]))
    return depot, planned(depot, [[4.14] * 6] * 3)


def pushed(journal: Journal, stations: WorstStations, *, sends: bool = True) -> Track:
    """CP1 after a tick."""

    async def tick() -> Track:
        live = await stations.live()
        around = Surroundings(
            depot=stations.depot,
            plan=stations.plan,
            journal=journal,
            stations=stations,  # type: ignore[arg-type]
            clock=lambda: stations.now,
        )
        wanted = targets(stations.depot, stations.plan)
        tracks = begin_tracks(stations.depot, around.ledger(), wanted, live, wirings(stations.depot, {}))
        await read_back(around, tracks)
        if sends:
            await push(around, tracks, live)
        return tracks[0]

    stations.now += timedelta(minutes=1)
    return asyncio.run(tick())


def test_a_charger_that_has_lost_all_but_its_ceiling_counts_at_that(journal: Journal) -> None:
    stations = WorstStations.of(*a_site(), now=NOW)
    assert len(pushed(journal, stations).held) == 3
    stations.boot("CP1", loses="all but the ceiling")
    capped = pushed(journal, stations, sends=False)
    assert not capped.is_proven
    assert capped.holding.most((stations.now,)).phase_a.tolist() == [CEILING_A]
    assert len(pushed(journal, stations).held) == 3
    stations.boot("CP1", loses="everything")
    bare = pushed(journal, stations, sends=False)
    assert bare.holding.most((stations.now,)).phase_a.tolist() == [FULL_A]


def test_one_that_nobody_has_seen_counts_for_nothing(journal: Journal) -> None:
    depot, plan = a_site()
    stations = WorstStations.of(depot, plan, now=NOW)
    pushed(journal, stations)
    stations.boot("CP1", loses="ceiling")
    track = pushed(journal, stations, sends=False)
    assert track.is_proven, "what it holds beside hides that it is gone"
    ceiling_alone = replace(track.holding, held=track.ceiling)
    assert ceiling_alone.most((stations.now,)).phase_a.tolist() == [FULL_A]


def test_an_old_one_is_lifted_out_of_the_way_where_none_is_wanted_any_more(journal: Journal) -> None:
    depot, plan = a_site()
    stations = WorstStations.of(depot, plan, now=NOW)
    pushed(journal, stations)
    stations.depot = a_small_depot(20.0, (0, 0, 0))
    (ceiling,) = pushed(journal, stations).ceiling
    assert [period.limit for period in ceiling.periods] == [FULL_A]
    writes = stations.writes
    pushed(journal, stations)
    assert stations.writes == writes


def test_a_refused_ceiling_is_no_failure(journal: Journal) -> None:
    depot, plan = a_site()
    stations = WorstStations.of(depot, plan, now=NOW)
    stations.outcomes.append("refused")
    track = pushed(journal, stations)
    assert Layer.CEILING in track.failures
    assert (track.failure, track.missing(stations.now)) == (None, ())


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_it_costs_one_profile_and_is_in_force_in_both_versions(
    tmp_path: Path, ocpp: Literal["1.6", "2.0.1"]
) -> None:
    depot, night_before, plan = three_vans_tonight()
    chargers = tuple(
        Charger(id=one.id, connectors=(an_ac_connector(),), ocpp=ocpp, capabilities={"ceiling": True})
        for one in depot.chargers
    )
    made = replace(depot, chargers=chargers), night_before, plan
    async with a_rehearsal(tmp_path, made) as night:
        report = await night.tick()
        assert report.sent == 9
        assert [row.sentences for row in report.rows] == [()] * 3
        assert row_of(report, "CP1").rungs[Rung.READ_BACK] is Verdict.CONFIRMED
        shown = await night.stations.composite_schedule("CP1", connector_id=0, duration_s=3600, unit="A")
        assert shown.schedule is not None
        assert (await night.tick()).sent == 0
