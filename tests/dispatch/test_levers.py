"""Every lever changes what is sent or how it is judged: here is where it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.charger import Capabilities, CapabilityError
from dispatch.commands.chargers import example_payloads
from dispatch.composite import Limit, Segment
from dispatch.decide import SPARED, decide
from dispatch.evidence import Layer
from dispatch.floors import floors, targets
from dispatch.journal import Journal, open_journal
from dispatch.known import check_charger
from dispatch.layers import LayerProfile, Target, layer_profiles, with_override
from dispatch.occupants import wirings
from dispatch.safety import Place, Wiring
from dispatch.station import (
    ChargerState,
    CompositeReply,
    LiveState,
    ProfileKind,
    Purpose,
    StationProfile,
    Transaction,
)
from dispatch.tracks import Track, begin_tracks, ends_pause
from dispatch.validate import Comparison, Grade, compare
from optimiser.depot import Charger, Depot
from optimiser.plan import Plan
from tests.builders import NIGHT, a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector, at
from tests.dispatch.dispatch_builders import NOW, a_composite_reply, a_plan, a_profile, a_reply, seconds
from tests.dispatch.test_validate import ZONE

POWERS = {36: 11.04, 37: 6.9, 38: 4.83}
"""16 A at 21:00, 10 A at 21:15, 7 A at 21:30."""
TRANSACTION = Transaction(transaction_id=7, id_tag="TAG-V1", started_at=NOW)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal("sqlite:///depot.db", tmp_path)
    yield journal
    journal.close()


# ── what is sent, and in which form ──────────────────────────────────────────────────────────────────────


def a_site(powers_kw: Mapping[int, float] = POWERS, *, connectors: int = 1) -> tuple[Depot, Plan]:
    wired = tuple(an_ac_connector(number) for number in range(1, connectors + 1))
    depot = a_depot(
        vehicles=[a_van("V1")],
        chargers=[Charger(id="CP1", connectors=wired)],
        transformer_limit_kw=400.0,
    )
    night = a_night(depot, visits=[a_visit("V1", arrival="18:00", departure="06:00")])
    return depot, a_plan(depot, night, power_kw={"V1": dict(powers_kw)}, created_at=at("15:00"))


def a_target(powers_kw: Mapping[int, float] = POWERS, *, connectors: int = 1) -> Target:
    return targets(*a_site(powers_kw, connectors=connectors))[0]


def sent(
    target: Target | None = None, *, when: datetime | None = None, **levers: Any
) -> dict[Layer, StationProfile]:
    words = Capabilities.model_validate(levers)
    stack: tuple[LayerProfile, ...] = layer_profiles(
        target or a_target(), dict.fromkeys(Layer, words), is_degraded=words.is_degraded(1), at=when
    )
    return {wanted.layer: wanted.profile for wanted in stack}


def limits(profile: StationProfile) -> list[float]:
    return [period.limit for period in profile.periods if period.limit > 0]


def with_session(target: Target) -> Target:
    _, plan = a_site()
    return with_override(target, plan, plan.visits[0], TRANSACTION)


def test_unit_is_that_of_the_limits() -> None:
    assert limits(sent(unit="A")[Layer.PLAN])[1:-1] == [16.0, 10.0, 7.0]
    assert limits(sent(unit="W")[Layer.PLAN])[1:-1] == [11040.0, 6900.0, 4830.0]


def test_max_periods_bounds_the_schedule() -> None:
    assert len(sent(max_periods=4)[Layer.PLAN].periods) <= 3 < len(sent()[Layer.PLAN].periods)


@pytest.mark.parametrize(
    "levers",
    [
        {"max_stack_level": 0},
        {"max_profiles": 1},
        {"max_profiles": 2, "full_store_refuses": True},
        {"stack_level_plan": 0},
        {"stack_level_floor": 1},
    ],
    ids=str,
)
def test_where_there_is_no_room_for_two_one_profile_takes_the_floors_place(levers: dict[str, Any]) -> None:
    both, single = sent(), sent(**levers)
    assert set(both) == {Layer.FLOOR, Layer.PLAN}
    assert set(single) == {Layer.PLAN}
    assert single[Layer.PLAN].profile_id == both[Layer.FLOOR].profile_id
    assert single[Layer.PLAN].valid_to is None
    assert single[Layer.PLAN].periods[-1].limit == both[Layer.FLOOR].periods[0].limit


def test_stack_levels_are_those_of_floor_and_plan() -> None:
    found = sent(max_stack_level=8, stack_level_floor=1, stack_level_plan=2)
    assert [profile.stack_level for profile in found.values()] == [1, 2]


def test_limit_step_a_cuts_down_to_its_multiples() -> None:
    target = a_target({36: 5.9, 37: 4.83})
    assert limits(sent(target)[Layer.PLAN])[1:-1] == [8.5, 7.0]
    assert limits(sent(target, limit_step_a=1.0)[Layer.PLAN])[1:-1] == [8.0, 7.0]


def test_limit_values_a_are_the_only_currents_that_are_sent() -> None:
    found = sent(limit_values_a=[6, 8, 13, 16])
    assert limits(found[Layer.PLAN])[1:-1] == [16.0, 8.0, 6.0]


def test_below_min_current_a_nothing_is_allowed_in_either_unit() -> None:
    assert limits(sent(min_current_a=8.0)[Layer.PLAN])[1:-1] == [16.0, 10.0]
    assert limits(sent(min_current_a=8.0, unit="W")[Layer.PLAN])[1:-1] == [11040.0, 6900.0]


def test_number_phases_is_sent_always_never_or_in_sessions_alone() -> None:
    target = with_session(a_target())

    def told(choice: str) -> list[int | None]:
        return [profile.periods[0].number_phases for profile in sent(target, number_phases=choice).values()]

    assert told("send") == [3, 3, 3]
    assert told("omit") == [None, None, None]
    assert told("tx_only") == [None, None, 3]


def test_a_relative_profile_holds_one_limit_until_the_plan_next_changes_and_then_the_floor() -> None:
    found = sent(kind="relative", when=at("21:20"))
    floor, plan = found[Layer.FLOOR], found[Layer.PLAN]
    assert {floor.kind, plan.kind} == {ProfileKind.RELATIVE}
    assert (len(floor.periods), limits(plan)) == (1, [10.0])
    assert (plan.valid_from, plan.valid_to) == (at("21:15") - seconds(60), at("21:30"))
    assert {floor.duration_s, plan.duration_s, floor.valid_to} == {None}


def test_a_single_relative_profile_is_never_above_floor_or_plan() -> None:
    (single,) = sent(kind="relative", stack_level_plan=0, when=at("21:35")).values()
    assert (limits(single), single.valid_to) == ([7.0], None)
    (single,) = sent(kind="relative", stack_level_plan=0, when=at("03:00")).values()
    assert limits(single) == []


def test_an_override_is_relative_too() -> None:
    override = sent(with_session(a_target()), kind="relative", when=at("21:20"))[Layer.OVERRIDE]
    assert (override.kind, limits(override), override.valid_to) == (ProfileKind.RELATIVE, [10.0], at("21:30"))


@pytest.mark.parametrize(
    ("purpose", "installed"),
    [
        ("tx_default", (Purpose.TX_DEFAULT, 1)),
        ("tx_default_0", (Purpose.TX_DEFAULT, 0)),
        ("station_max", (Purpose.STATION_MAX, 0)),
    ],
)
def test_purpose_is_that_of_floor_and_plan(purpose: str, installed: tuple[Purpose, int]) -> None:
    found = sent(purpose=purpose).values()
    assert {(profile.purpose, profile.connector_id) for profile in found} == {installed}


def test_a_limit_for_the_whole_charger_is_not_for_one_with_two_connectors() -> None:
    found = sent(a_target(connectors=2), purpose="station_max").values()
    assert {(profile.purpose, profile.connector_id) for profile in found} == {(Purpose.TX_DEFAULT, 1)}


def test_a_station_maximum_is_never_relative() -> None:
    found = sent(purpose="station_max", kind="relative")
    assert {profile.kind for profile in found.values()} == {ProfileKind.ABSOLUTE}
    assert len(found[Layer.PLAN].periods) > 2


def test_session_profile_never_leaves_the_session_to_the_plan() -> None:
    target = with_session(a_target())
    assert Layer.OVERRIDE in sent(target)
    assert Layer.OVERRIDE not in sent(target, session_profile="never")


@pytest.mark.parametrize(
    ("levers", "has_one"),
    [
        ({"max_profiles": 1}, False),
        ({"max_profiles": 2}, False),
        ({"max_profiles": 3}, True),
        ({"max_stack_level": 0, "max_profiles": 2}, True),
        ({"max_stack_level": 0, "max_profiles": 2, "full_store_refuses": True}, False),
    ],
)
def test_a_session_gets_a_profile_of_its_own_only_where_there_is_room_for_one_more(
    levers: dict[str, Any], *, has_one: bool
) -> None:
    assert (Layer.OVERRIDE in sent(with_session(a_target()), **levers)) is has_one


def test_smart_charging_off_sends_nothing(journal: Journal) -> None:
    assert example_payloads(Capabilities(smart_charging=False)) == []
    assert a_track(journal).holding.open_layers == frozenset(Layer)
    assert a_track(journal, smart_charging=False).holding.open_layers == frozenset()


def test_ocpp_versions_refuses_another_one_in_depot_yaml() -> None:
    check_charger(Charger(id="CP1", ocpp="2.0.1"))
    with pytest.raises(CapabilityError, match="ocpp: found"):
        check_charger(Charger(id="CP1", ocpp="2.0.1", capabilities={"ocpp_versions": ["1.6"]}))


# ── in which order, and how often ────────────────────────────────────────────────────────────────────────


def a_track(
    journal: Journal,
    *,
    connected_after_s: float | None = -60,
    booted_after_s: float = -60,
    firmware: str | None = None,
    **levers: Any,
) -> Track:
    charger = Charger(id="CP1", capabilities=levers, connectors=(an_ac_connector(),))
    depot = a_depot(vehicles=[a_van("V1")], chargers=[charger])
    state = ChargerState(
        charger_id="CP1",
        connected_since=None if connected_after_s is None else NOW + seconds(connected_after_s),
        booted_at=NOW + seconds(booted_after_s),
        firmware=firmware,
    )
    live = LiveState(now=NOW, chargers=(state,))
    ledger = journal.ledger(since=NOW - timedelta(hours=1), away=["CP1"] if connected_after_s is None else [])
    (track,) = begin_tracks(depot, ledger, targets(depot, a_plan(depot)), live, wirings(depot, {}))
    return track


def install(journal: Journal, profile: StationProfile, *, at: datetime = NOW) -> None:
    command_id = journal.begin_command(
        night=NIGHT, at=at, charger_id="CP1", layer=Layer.PLAN, profile=profile
    )
    journal.finish_command(command_id, a_reply(at=at))


def test_quiet_after_connect_s_counts_from_the_later_of_connect_and_boot(journal: Journal) -> None:
    track = a_track(journal, quiet_after_connect_s=20.0, connected_after_s=-30, booted_after_s=-10)
    assert track.quiet_until == NOW + seconds(10)


def test_repeat_after_pause_is_for_a_profile_that_lifts_a_limit_of_nothing(journal: Journal) -> None:
    install(journal, a_profile(limits=[(0, 0.0)]))
    track = a_track(journal)
    assert ends_pause(track, a_profile(limits=[(0, 8.0)]), now=NOW)
    assert not ends_pause(track, a_profile(limits=[(0, 0.0), (900, 8.0)]), now=NOW)
    install(journal, a_profile(limits=[(0, 6.0)]))
    assert not ends_pause(a_track(journal), a_profile(limits=[(0, 8.0)]), now=NOW)


def test_writes_per_hour_holds_back_what_raises_and_never_what_lowers(journal: Journal) -> None:
    install(journal, a_profile(), at=NOW - timedelta(minutes=70))
    install(journal, a_profile(), at=NOW - timedelta(minutes=50))
    assert not a_track(journal, writes_per_hour=2).holding.is_spared
    track = a_track(journal, writes_per_hour=1)
    assert track.holding.is_spared

    def decided(*, held_a: float, wanted_a: float) -> tuple[bool, bool]:
        def floor(limit_a: float) -> StationProfile:
            return a_profile(limits=[(0, limit_a)])

        holding = replace(
            track.holding,
            held=(floor(held_a),),
            wanted=(LayerProfile(layer=Layer.FLOOR, profile=floor(wanted_a)),),
        )
        decision = decide([holding], [], instants=[NOW], zone=ZONE)
        return bool(decision.writes), any(h.sentence == SPARED for h in decision.held_back.values())

    assert decided(held_a=8.0, wanted_a=10.0) == (False, True)
    assert decided(held_a=10.0, wanted_a=8.0) == (True, False)


# ── how answers are judged ───────────────────────────────────────────────────────────────────────────────


def graded(
    answer: CompositeReply, *, expected_w: float = 95_000.0, is_dc: bool = True, **levers: Any
) -> Grade:
    connector = a_dc_connector() if is_dc else an_ac_connector()
    limit = Limit(value=expected_w, unit="W")
    found: Comparison = compare(
        [Segment(start=NOW, end=NOW + seconds(3600), limit=limit)],
        answer,
        wiring=Wiring(place=Place("CP1", 1), connector=connector, voltage_v=230.0),
        zone=ZONE,
        habits=Capabilities.model_validate(levers),
    )
    return found.grade


def test_read_back_empty_is_unreadable_or_no_limit() -> None:
    empty = a_composite_reply([])
    assert graded(empty) is Grade.UNUSABLE
    assert graded(empty, read_back_empty="no_limit") is Grade.HIGHER


def test_read_back_unit_is_doubted_only_where_the_other_one_fits_exactly() -> None:
    wrong = a_composite_reply([(0, 95_000.0)], unit="A", number_phases=None)
    assert graded(wrong) is Grade.HIGHER
    assert graded(wrong, read_back_unit="either") is Grade.MATCH
    sixteen = a_composite_reply([(0, 16.0)], unit="A")
    assert graded(sixteen, expected_w=6_900.0, is_dc=False, read_back_unit="either") is Grade.HIGHER


def test_read_back_span_as_told_says_nothing_of_the_rest() -> None:
    short = a_composite_reply([(0, 95_000.0)], unit="W", number_phases=None, duration_s=1200)
    assert graded(short) is Grade.HIGHER
    assert graded(short, read_back_span="as_told") is Grade.MATCH
    later = a_composite_reply([(0, 95_000.0)], unit="W", start=NOW + seconds(7200))
    assert graded(later, read_back_span="as_told") is Grade.UNUSABLE


def test_settle_s_puts_rising_edges_off_for_the_slowest_charger() -> None:
    def rises(settle_s: int) -> datetime:
        vans = [a_van("V1"), a_van("V2")]
        chargers = [
            Charger(id="CP1", connectors=(an_ac_connector(),), capabilities={"settle_s": settle_s}),
            Charger(id="CP2", connectors=(an_ac_connector(),)),
        ]
        depot = a_depot(vehicles=vans, chargers=chargers, transformer_limit_kw=17.0)
        visits = [
            a_visit(van.id, charger_id=f"CP{number}", arrival="18:00", departure="06:00")
            for number, van in enumerate(vans, start=1)
        ]
        night = a_night(depot, visits=visits)
        plan = a_plan(depot, night, power_kw={"V1": {36: 11.04}, "V2": {37: 11.04}}, created_at=at("15:00"))
        second = targets(depot, plan)[1]
        return next(period.start for period in second.plan.periods if period.limit_kw == 11.04)

    assert rises(120) - rises(0) == timedelta(seconds=120 - 30)


def test_zero_ends_session_is_first_to_get_a_floor() -> None:
    def has_floor(capabilities: Mapping[str, Any]) -> list[str]:
        chargers = [
            Charger(id="CP1", connectors=(an_ac_connector(),)),
            Charger(id="CP2", connectors=(an_ac_connector(),), capabilities=capabilities),
        ]
        depot = a_depot(chargers=chargers, transformer_limit_kw=5 + 5.0)
        return [place.charger_id for place, kw in floors(depot).items() if kw > 0]

    assert has_floor({}) == ["CP1"]
    assert has_floor({"zero_ends_session": True}) == ["CP2"]


def test_a_floor_is_at_least_what_a_charger_can_hold() -> None:
    charger = Charger(id="CP1", connectors=(an_ac_connector(),), capabilities={"min_current_a": 8.0})
    depot = a_depot(vehicles=[a_bus("B1")], chargers=[charger], transformer_limit_kw=5 + 5.0)
    assert floors(depot) == {Place("CP1", 1): 0.0}


SHOWN_OVER_THE_WIRE = {
    "read_back",
    "repeat_after_pause",
    "remedy",
    "session_profile",
    "quiet_after_connect_s",
}
"""See ``test_levers_on_the_wire.py``."""
SHOWN_BY_THE_LADDER = {"station_max"}
"""See ``test_ladder.py``."""
SHOWN_ELSEWHERE = {"ceiling", "takes_turns"}
"""See ``test_ceiling.py`` and ``test_turns.py``."""
SHOWN_AS_PROOF = {"accepted_is_proof", "forgets", "proof", "proven_with_firmware"}
"""See ``test_levers_of_proof.py``."""


def test_every_lever_is_shown_in_this_file_or_where_it_says() -> None:
    text = Path(__file__).read_text(encoding="utf-8").partition("SHOWN_OVER_THE_WIRE")[0]
    shown = {lever for lever in Capabilities.model_fields if f"{lever}=" in text or f'"{lever}"' in text}
    elsewhere = SHOWN_OVER_THE_WIRE | SHOWN_BY_THE_LADDER | SHOWN_ELSEWHERE | SHOWN_AS_PROOF
    assert shown | elsewhere == set(Capabilities.model_fields)
