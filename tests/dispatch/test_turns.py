"""Taking turns: where floors are too scarce for all, chargers that are proven to may have one each in turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.charger import Capabilities
from dispatch.composite import limit_at
from dispatch.evidence import Layer, Rung, Verdict
from dispatch.floors import PAUSE_S, SHORTEST_TURN_S, floors, shared, targets
from dispatch.layers import layer_profiles
from dispatch.safety import Place
from dispatch.station import ProfileKind, StationProfile
from optimiser.depot import Charger, Commissioned, Depot, Feeder
from tests.builders import NIGHT, a_depot, an_ac_connector
from tests.dispatch.dispatch_builders import a_plan
from tests.dispatch.overnight_builders import a_rehearsal, row_of, three_vans_tonight

PROVEN = {"takes_turns": True}
LEAST_KW = 4.14


def a_site(
    count: int, *, limit_kw: float, proven: int | None = None, feeder_kw: float | None = None
) -> Depot:
    """Chargers of 16 A, so many of them proven, behind a limit with 5 kW of base load."""
    chargers = [
        Charger(
            id=f"CP{number}",
            connectors=(an_ac_connector(),),
            feeder=None if feeder_kw is None or number > 2 else "F1",
            capabilities=PROVEN if number <= (count if proven is None else proven) else {},
        )
        for number in range(1, count + 1)
    ]
    feeders = [] if feeder_kw is None else [Feeder(id="F1", limit_kw=feeder_kw)]
    return a_depot(chargers=chargers, feeders=feeders, transformer_limit_kw=limit_kw, base_load_max_kw=5.0)


def floor_profiles(depot: Depot, words: Capabilities | None = None) -> list[StationProfile]:
    spoken = dict.fromkeys(Layer, words or Capabilities(takes_turns=True))
    found = []
    for target in targets(depot, a_plan(depot)):
        stack = layer_profiles(target, spoken, is_degraded=False)
        found.append(next(one.profile for one in stack if one.layer is Layer.FLOOR))
    return found


def test_who_is_not_proven_to_shares_as_ever() -> None:
    depot = a_site(3, limit_kw=5 + 9.0, proven=0)
    assert shared(depot).in_turn == {}
    assert sorted(floors(depot).values()) == pytest.approx([0.0, LEAST_KW, LEAST_KW])
    assert shared(a_site(3, limit_kw=5 + 30.0)).in_turn == {}, "there is enough for all at once"


def test_everybody_has_turns_of_an_hour_or_more_with_a_pause_between() -> None:
    found = shared(a_site(5, limit_kw=5 + 9.0))
    assert set(found.in_turn) == {Place(f"CP{number}", 1) for number in range(1, 6)}
    assert set(found.always_kw.values()) == {0.0}
    spans = sorted({span for _, spans in found.in_turn.values() for span in spans})
    assert all(end_s - begin_s >= SHORTEST_TURN_S for begin_s, end_s in spans)
    assert all(after[0] - before[1] >= PAUSE_S for before, after in pairwise(spans))
    assert spans[0][0] + 24 * 3600 - spans[-1][1] >= PAUSE_S, "over midnight too"
    assert len(next(iter(found.in_turn.values()))[1]) > 1, "more than one turn a day"


def test_who_is_not_proven_keeps_a_steady_floor_beside_those_who_take_turns() -> None:
    depot = a_site(4, limit_kw=5 + 9.0)
    steady = replace(depot.chargers[0], capabilities={})
    found = shared(replace(depot, chargers=(steady, *depot.chargers[1:])))
    assert found.always_kw[Place("CP1", 1)] == pytest.approx(LEAST_KW)
    assert {place.charger_id for place in found.in_turn} == {"CP2", "CP3", "CP4"}


def test_turns_fit_into_the_periods_of_whoever_has_the_fewest() -> None:
    depot = a_site(3, limit_kw=5 + 9.0)
    first = replace(depot.chargers[0], capabilities={**PROVEN, "max_periods": 6})
    few = replace(depot, chargers=(first, *depot.chargers[1:]))
    assert all(len(spans) == 2 for _, spans in shared(few).in_turn.values())
    assert all(len(profile.periods) <= 5 for profile in floor_profiles(few))


@settings(max_examples=40, deadline=None)
@given(
    depot=st.builds(
        a_site,
        st.integers(2, 7),
        limit_kw=st.floats(9.5, 25.0),
        proven=st.integers(0, 7),
        feeder_kw=st.none() | st.floats(4.0, 9.0),
    ),
    clocks_s=st.lists(st.integers(-120, 120), min_size=7, max_size=7),
    probes=st.lists(st.integers(0, 14 * 24 * 3600 - 1), min_size=5, max_size=5),
)
def test_floors_fit_at_every_instant_whatever_clocks_show_also_when_they_are_changed(
    depot: Depot, clocks_s: list[int], probes: list[int]
) -> None:
    room_kw = depot.site.transformer_limit_kw - 5.0
    feeder_kw = depot.feeders[0].limit_kw if depot.feeders else None
    profiles = floor_profiles(depot)
    begin = datetime(2026, 3, 22, tzinfo=UTC)  # the clocks of Europe go forward on the 29th
    edges = {
        begin + timedelta(seconds=period.start_s - clock_s + around_s + days * 86400)
        for profile, clock_s in zip(profiles, clocks_s, strict=False)
        for period in profile.periods
        for around_s in (-1, 0, 1)
        for days in (1, 7)
    } | {begin + timedelta(seconds=probe) for probe in probes}
    for instant in edges:
        drawn_kw = []
        for profile, clock_s in zip(profiles, clocks_s, strict=False):
            limit = limit_at(profile, instant + timedelta(seconds=clock_s))
            assert limit is not None, "a floor has no end and no gap"
            drawn_kw.append(limit.value * 0.69)
        assert sum(drawn_kw) <= room_kw + 1e-6
        assert feeder_kw is None or sum(drawn_kw[:2]) <= feeder_kw + 1e-6


def test_a_charger_with_other_firmware_than_was_commissioned_holds_nothing_until_its_plan() -> None:
    commissioned = Commissioned(on=NIGHT, firmware="2.0", capabilities=PROVEN, because={})
    depot = a_site(3, limit_kw=5 + 9.0, proven=0)
    chargers = tuple(replace(one, commissioned=commissioned) for one in depot.chargers)
    depot = replace(depot, chargers=chargers)
    assert len(shared(depot).in_turn) == 3
    assert {profile.kind for profile in floor_profiles(depot)} == {ProfileKind.DAILY}
    for profile in floor_profiles(depot, Capabilities()):
        assert (profile.kind, [period.limit for period in profile.periods]) == (ProfileKind.ABSOLUTE, [0.0])


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_turns_are_taken_and_proven_in_both_versions(
    tmp_path: Path, ocpp: Literal["1.6", "2.0.1"]
) -> None:
    depot, night_before, plan = three_vans_tonight()
    chargers = tuple(replace(one, ocpp=ocpp, capabilities=PROVEN) for one in depot.chargers)
    site = replace(depot.site, base_load_max_kw=depot.site.transformer_limit_kw - 9.0)
    made = replace(depot, chargers=chargers, site=site), night_before, plan
    async with a_rehearsal(tmp_path, made) as night:
        report = await night.tick()
        kinds = {c.profile.kind for c in night.journal.commands() if c.layer is Layer.FLOOR}
        assert kinds == {ProfileKind.DAILY}
        assert row_of(report, "CP1").rungs[Rung.READ_BACK] is Verdict.CONFIRMED
        assert [row.sentences for row in report.rows] == [()] * 3
        assert (await night.tick()).sent == 0
