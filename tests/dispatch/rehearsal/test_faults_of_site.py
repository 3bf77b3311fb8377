"""What the building, its meter and the depot's clocks do: lines, what they make true, and that it happens."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.faults import BaseLoad, Cut, Fault, MeterLost, Offline, load_faults
from dispatch.rehearsal.scene import REACTION, Excuse, Scene, Span, site_reading_kw
from dispatch.rehearsal.site import Piece, Plug
from dispatch.rehearsal.verdict import judge
from optimiser.depot import Depot, Policy
from optimiser.inputs import InputError
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from tests.builders import a_depot, a_horizon, a_night, a_visit, at
from tests.dispatch.rehearsal.rehearsal_builders import a_scene, happened_by_hand, level, played

SPRING, AUTUMN = date(2025, 3, 29), date(2025, 10, 25)


def a_night_of(day: date) -> tuple[Depot, Night, Plan]:
    """Two vans from 17:50 to 07:42 by the clock, on a night in which it changes."""
    depot = a_depot(policy=Policy(tick_minutes=60))
    visits = [
        a_visit(f"V{n}", charger_id=f"CP{n}", arrival_soc_percent=50, required_soc_percent=80, night=day)
        for n in (1, 2)
    ]
    night = a_night(depot, visits=visits, horizon=a_horizon(night=day))
    return depot, night, plan_night(depot, night, created_at=night.horizon.start)


def minutes_of(scene: Scene) -> list[tuple[float, float, float]]:
    """Every excuse of the site: from when to when, in minutes after 20:00, and for how many kW."""
    begin = at("20:00")
    return [
        (
            (one.span.start - begin) / timedelta(minutes=1),
            (one.span.end - begin) / timedelta(minutes=1),
            one.kw,
        )
        for one in scene.excuses
    ]


JUMP = BaseLoad(at=time(20), kw=20, minutes=60)


@pytest.mark.parametrize(
    "line",
    [
        "meter-lost: {at: 22:00, minutes: 120}",
        "base-load: {at: 20:00, kw: 20, minutes: 60}",
        "base-load: {at: 02:30+01:00, kw: 20, minutes: 60}",
    ],
)
def test_a_line_prints_as_it_is_written(line: str, tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(f"- {line}\n", "utf-8")
    assert [str(fault) for fault in load_faults(path)] == [line]


def test_the_sites_meter_shows_the_building_and_what_is_charged_beside_it() -> None:
    scene = a_scene(JUMP)
    assert site_reading_kw(scene, at("19:59"), charging_kw=11.0) == 13.0
    assert site_reading_kw(scene, at("20:00"), charging_kw=11.0) == 33.0
    assert site_reading_kw(scene, at("21:00")) == 2.0


def test_a_meter_that_is_lost_shows_nothing_until_it_is_found() -> None:
    scene = a_scene(MeterLost(at=time(22), minutes=120))
    shown = [site_reading_kw(scene, at(clock)) for clock in ("21:59", "22:00", "23:59", "00:00")]
    assert shown == [2.0, None, None, 2.0]


def test_a_jump_that_a_meter_sees_is_excused_for_as_long_as_the_answer_takes() -> None:
    assert minutes_of(a_scene(JUMP)) == [(0, 2, 20)]


def test_who_is_blind_already_has_no_excuse_for_what_the_building_is_known_for() -> None:
    """The depot names 5 kW as the building's most: of 22 kW nobody could have heard of 17, until the meter is back."""
    blind = a_scene(MeterLost(at=time(19), minutes=90), JUMP)
    assert minutes_of(blind) == [(0, 32, 17)]
    small = a_scene(MeterLost(at=time(19), minutes=90), BaseLoad(at=time(20), kw=3, minutes=60))
    assert small.excuses == ()


def test_a_jump_in_the_minute_in_which_the_meter_is_lost_is_excused_until_one_is_careful() -> None:
    assert minutes_of(a_scene(MeterLost(at=time(20), minutes=30), JUMP)) == [(0, 2, 20), (2, 32, 17)]


def test_a_limit_that_only_the_unheard_of_breaks_is_kept() -> None:
    """25 kW: beside 5 kW of building 20 are left. 18 kW are within that; 21 kW are not, for half an hour."""
    story: list[Fault] = [MeterLost(at=time(19), minutes=90), JUMP]
    for kw, violations in ((18.0, 0), (21.0, 1)):
        scene = a_scene(*story)
        pieces = {"CP1": [level(scene, at("20:05"), 0.25, kw)]}
        assert len(judge(happened_by_hand(scene, pieces=pieces)).violations) == violations


def test_a_cut_counts_from_the_turn_of_cron_after_it_was_told() -> None:
    """Told at 19:45 with a tick every hour it can be in force at 20:47; 17 of 25 kW are taken away until then."""
    scene = a_scene(Cut(at=time(20), to_kw=8, minutes=120, notice_minutes=15))
    told = Span(start=at("20:00"), end=at("20:45") + REACTION)
    assert scene.excuses == (Excuse(span=told, kw=17.0),)


def test_a_time_that_the_clocks_skip_is_none_of_the_night() -> None:
    depot, night, _ = a_night_of(SPRING)
    with pytest.raises(InputError) as raised:
        scene_of(depot, night, [BaseLoad(at=time(2, 30), kw=1, minutes=5)])
    (problem,) = raised.value.problems
    assert (problem.found, "never show 02:30" in problem.allowed) == ("02:30", True)


@pytest.mark.parametrize(
    ("clock", "instant"),
    [
        ("02:30", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
        ("02:30+02:00", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
        ("02:30+01:00", datetime(2025, 10, 26, 1, 30, tzinfo=UTC)),
        ("03:00", datetime(2025, 10, 26, 2, 0, tzinfo=UTC)),
    ],
)
def test_a_time_that_the_clocks_show_twice_is_the_first_one_unless_it_says_which(
    clock: str, instant: datetime
) -> None:
    depot, night, _ = a_night_of(AUTUMN)
    scene = scene_of(depot, night, [MeterLost(at=time.fromisoformat(clock), minutes=60)])
    assert scene.unmetered == (Span(start=instant, end=instant + timedelta(hours=1)),)


@pytest.mark.parametrize("clock", ["02:30+00:00", "01:30+01:00"])
def test_an_offset_that_the_clocks_do_not_have_is_none_of_the_night(clock: str) -> None:
    depot, night, _ = a_night_of(AUTUMN)
    with pytest.raises(InputError):
        scene_of(depot, night, [MeterLost(at=time.fromisoformat(clock), minutes=60)])


def test_a_time_after_the_end_of_the_night_is_none_of_it() -> None:
    depot = a_depot()
    night = a_night(depot, horizon=a_horizon(start="17:00", end="09:00"))
    with pytest.raises(InputError) as raised:
        scene_of(depot, night, [MeterLost(at=time(16), minutes=60)])
    assert raised.value.problems[0].allowed == "a time of this night: the night ends at 09:00 on 2025-11-11"


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 12 + 52 / 60), (AUTUMN, 14 + 52 / 60)])
def test_a_night_in_which_the_clocks_change_is_as_long_as_it_is(day: date, hours: float) -> None:
    """From 17:50 to 07:42 by the clock; a socket that is lost at 02:00 or 03:00 comes back by time that passed."""
    made = a_night_of(day)
    happened = played(Offline(charger="CP1", at=time(3), minutes=90), made=made)
    assert judge(happened).broken == frozenset()
    came = min(visit.arrival for visit in made[1].visits)
    assert {round((left.at - came).total_seconds() / 3600.0, 2) for left in happened.departed} == {
        round(hours, 2)
    }


def test_a_charger_draws_on_while_the_sites_meter_is_lost() -> None:
    happened = played(MeterLost(at=time(18), minutes=720))
    pieces: tuple[Piece, ...] = happened.record.pieces[Plug("CP1", 1)]
    assert sum(piece.end_s - piece.start_s for piece in pieces) > 3600.0
    assert judge(happened).broken == frozenset()
