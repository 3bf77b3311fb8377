"""What goes wrong with chargers: its line, what it makes true, and that it happens in the simulated depot."""

from __future__ import annotations

from datetime import time, timedelta
from functools import cache
from pathlib import Path

import pytest

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.faults import (
    Behaves,
    ClockOff,
    Fault,
    Foreign,
    HalfApplies,
    Ignores,
    KeepsSome,
    Misreads,
    Offline,
    Stale,
    Wake,
    load_faults,
)
from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.site import Plug
from dispatch.rehearsal.verdict import judge
from optimiser.depot import Charger
from optimiser.inputs import InputError
from optimiser.planned import READY_TOLERANCE_PERCENT
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_visit, at
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night, a_scene, energy_kwh, played

FULL_KW = 11.04
SLACK = timedelta(seconds=2)


@cache
def story(*faults: Fault) -> Happened:
    """A night that is played once for all who ask about it."""
    return played(*faults)


def read(line: str, folder: Path) -> Fault:
    path = folder / "faults.yaml"
    path.write_text(f"- {line}\n", "utf-8")
    (fault,) = load_faults(path)
    return fault


def power_kw(happened: Happened, charger_id: str, clock: str) -> float:
    after_s = (at(clock) - happened.begin).total_seconds()
    pieces = happened.record.pieces.get(Plug(charger_id, 1), ())
    return next((p.first_kw for p in pieces if p.start_s <= after_s < p.end_s), 0.0)


@pytest.mark.parametrize(
    "line",
    [
        "ignores: {charger: CP1}",
        "half-applies: {charger: CP1, periods: 2}",
        "keeps: {charger: CP1, which: last}",
        "misreads: {charger: CP1, how: amperes-as-total}",
        "clock: {charger: CP1, minutes: -10}",
        "stale: {charger: CP1, kw: 11}",
        "foreign: {charger: CP1, at: 20:00, kw: 11, level: 1}",
        "wake: {at: 02:00}",
        "wake: {at: 02:00, chargers: [CP1, CP2]}",
        "persona: {charger: CP1, name: refuses-tenths}",
        "offline: {charger: CP1, at: 22:00, minutes: 60}",
    ],
)
def test_a_line_prints_as_it_is_written(line: str, tmp_path: Path) -> None:
    assert str(read(line, tmp_path)) == line


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("persona: {charger: CP1, name: grumpy}", "one of honest, power-only"),
        ("misreads: {charger: CP1, how: backwards}", "'amperes-as-total', 'watts-per-phase'"),
        ("stale: {charger: CP1, kw: 11, level: 9}", "less than or equal to 8"),
        ("half-applies: {charger: CP1, periods: 0}", "greater than or equal to 1"),
        ("keeps: {charger: CP1, profiles: 0}", "greater than or equal to 1"),
        ("clock: {charger: CP1, minutes: 121}", "less than or equal to 120"),
    ],
)
def test_what_is_not_allowed_is_said_with_what_is(line: str, allowed: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read(line, tmp_path)
    assert allowed in raised.value.problems[0].allowed


def test_all_chargers_that_are_to_wake_are_looked_for() -> None:
    depot, night, _ = a_planned_night()
    with pytest.raises(InputError) as raised:
        scene_of(depot, night, [Wake(at=time(2), chargers=("CP1", "CP8", "CP9"))])
    assert [problem.found for problem in raised.value.problems] == ["CP8", "CP9"]


def test_direct_current_has_no_phases_to_misread() -> None:
    depot = a_depot(
        chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))],
        vehicles=[a_bus("B1")],
        transformer_limit_kw=500,
    )
    night = a_night(depot, visits=[a_visit("B1", charger_id="CP1")])
    with pytest.raises(InputError, match="alternating current"):
        scene_of(depot, night, [Misreads(charger="CP1", how="amperes-as-total")])


def test_a_charger_that_ignores_its_profiles_draws_what_it_wants_at_once() -> None:
    happened = story(Ignores(charger="CP1"))
    assert power_kw(happened, "CP1", "18:30") == pytest.approx(FULL_KW)
    assert power_kw(happened, "CP2", "18:30") == 0.0


@pytest.mark.parametrize("periods", [1, 2, 4])
def test_a_charger_that_keeps_the_first_periods_is_sent_what_comes_next_in_as_many(periods: int) -> None:
    """The plan is to wait until midnight and to charge in levels; what it keeps of that is its beginning."""
    happened = story(HalfApplies(charger="CP1", periods=periods))
    assert judge(happened).broken == frozenset()
    assert min(left.soc_percent for left in happened.departed) >= 80.0 - READY_TOLERANCE_PERCENT
    assert sum(told.sent for told in happened.told) > sum(told.sent for told in story().told)


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_charger_that_keeps_one_profile_of_two_breaks_no_limit(which: str) -> None:
    happened = story(KeepsSome.model_validate({"charger": "CP1", "which": which}))
    assert judge(happened).violations == ()
    assert happened.crashes == ()


def test_a_charger_that_shares_amperes_over_its_phases_is_sent_watts() -> None:
    """Of 16 A it makes 5.3, with which no vehicle begins."""
    happened = story(Misreads(charger="CP1", how="amperes-as-total"))
    assert judge(happened).broken == frozenset()
    first_s = [one.record.pieces[Plug("CP1", 1)][0].start_s for one in (story(), happened)]
    assert first_s[1] - first_s[0] >= 1800.0  # a tick has to see that nothing is drawn
    (left,) = (left for left in happened.departed if left.vehicle_id == "V1")
    assert left.soc_percent >= 80.0 - READY_TOLERANCE_PERCENT


def test_watts_taken_for_those_of_a_phase_are_thrice_the_power() -> None:
    """Where one vehicle is given 6.9 kW it draws all that it can take."""
    levels = {
        how: {round(piece.first_kw, 2) for piece in happened.record.pieces[Plug("CP1", 1)]}
        for how in ("watts-per-phase", "phases-as-one")
        for happened in [story(Misreads.model_validate({"charger": "CP1", "how": how}))]
    }
    assert levels == {"watts-per-phase": {FULL_KW}, "phases-as-one": {FULL_KW}}


@pytest.mark.parametrize("minutes", [-60, -3, 3, 60])
def test_a_charger_whose_clock_is_wrong_is_spoken_to_in_its_own_time(minutes: int) -> None:
    right, wrong = story(), story(ClockOff(charger="CP1", minutes=minutes))
    first_s = [happened.record.pieces[Plug("CP1", 1)][0].start_s for happened in (right, wrong)]
    assert first_s[0] == pytest.approx(first_s[1], abs=2.0)
    assert judge(wrong).broken == frozenset()


@pytest.mark.parametrize("minutes", [10, -10])
def test_vehicles_do_not_keep_to_a_clock_that_is_wrong(minutes: int) -> None:
    happened = story(ClockOff(charger="CP1", minutes=minutes))
    (left,) = (left for left in happened.departed if left.vehicle_id == "V1")
    assert abs(left.at - at("07:42")) <= SLACK


def test_a_stale_profile_on_a_high_level_governs_until_somebody_overrules_it() -> None:
    """A default of the highest level lets the vehicle charge as it comes, though the night is cheap from midnight."""
    stale = story(Stale(charger="CP1", kw=FULL_KW))
    assert power_kw(stale, "CP1", "17:51") == pytest.approx(FULL_KW)
    assert power_kw(story(Stale(charger="CP1", kw=FULL_KW, level=0)), "CP1", "17:51") == 0.0


def test_a_foreign_writer_is_obeyed_from_when_it_writes() -> None:
    happened = story(Foreign(charger="CP1", at=time(20, 10), kw=FULL_KW))
    first = happened.record.pieces[Plug("CP1", 1)][0]
    assert abs(happened.begin + timedelta(seconds=first.start_s) - at("20:10")) <= SLACK
    assert first.first_kw == pytest.approx(FULL_KW)


def test_what_a_foreign_writer_does_is_excused_until_it_can_be_seen() -> None:
    (excuse,) = a_scene(Foreign(charger="CP1", at=time(20), kw=FULL_KW)).excuses
    assert (excuse.span.start, excuse.span.end) == (at("20:00"), at("21:02"))  # ticks are an hour apart


def test_all_chargers_wake_at_one_instant_and_have_forgotten_everything() -> None:
    happened = story(Wake(at=time(20)))
    reached = {plug for plug, pieces in happened.record.pieces.items() if pieces[0].first_kw > 0}
    began_s = {round(pieces[0].start_s) for pieces in happened.record.pieces.values()}
    assert len(reached) == 3
    assert len(began_s) == 1  # at full power, hours before it is cheap
    assert power_kw(happened, "CP1", "23:00") == 0.0  # they have got their profiles again


@pytest.mark.parametrize("minutes", [1, 60, 900])
def test_a_charger_without_a_socket_goes_on_with_its_plan(minutes: int) -> None:
    """For a minute, an hour and the night: it has got its plan before."""
    happened = story(Offline(charger="CP1", at=time(17), minutes=minutes))
    assert judge(happened).broken == frozenset()
    assert energy_kwh(happened, "CP1") == pytest.approx(64 * 0.3 / 0.9, rel=0.02)


def test_a_persona_has_the_character_that_its_name_says() -> None:
    happened = story(Behaves(charger="CP1", name="refuses-all"))
    assert power_kw(happened, "CP1", "18:30") == pytest.approx(FULL_KW)


@pytest.mark.parametrize(
    ("name", "is_ungoverned"), [("refuses-tenths", False), ("does-nothing", True), ("phases-as-one", False)]
)
def test_of_a_persona_it_is_known_whether_it_obeys(name: str, is_ungoverned: bool) -> None:  # noqa: FBT001
    assert ("CP1" in a_scene(Behaves(charger="CP1", name=name)).ungoverned) == is_ungoverned


def test_who_misreads_watts_is_excused_from_when_a_meter_can_show_it() -> None:
    """While the plan is full power nothing can be seen: it draws what it may until it is to draw less."""
    happened = story(Misreads(charger="CP1", how="watts-per-phase"))
    (excuse,) = happened.scene.excuses
    first = happened.begin + timedelta(seconds=happened.record.pieces[Plug("CP1", 1)][0].start_s)
    assert excuse.span.start > first
    assert judge(happened).violations == ()
