"""Random nights: the same for a seed, and the worst of them with as few faults as break them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import time

import pytest

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.chaos import FEWEST, MOST, drawn_faults, worst_of
from dispatch.rehearsal.faults import KINDS, Absent, BaseLoad, Fault, Fleet, Late, OtherSoc, Speaks, WrongBay
from dispatch.rehearsal.faults.circumstances import Circumstance
from dispatch.rehearsal.limits import Violation
from dispatch.rehearsal.reproduction import MOST_TRIALS, smallest
from dispatch.rehearsal.trial import Judged, Setting, can_happen, plan_of, tried
from dispatch.rehearsal.verdict import Departure, Verdict
from optimiser.lp import SolverError
from tests.builders import at
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night

MANY = range(100)


def a_setting() -> Setting:
    """Fourteen vans: a random night may have as few as twelve of them."""
    depot, night, plan = a_planned_night(vans=14, transformer_limit_kw=80.0, free_chargers=2)
    return Setting(depot=depot, night=night, plan=plan)


def a_verdict(*, excess_kw: float = 0.0, is_ready: bool = True) -> Verdict:
    above = Violation(limit="transformer", start=at("20:00"), end=at("21:00"), excess_kw=excess_kw)
    left = Departure(
        vehicle_id="V1",
        at=at("07:42"),
        soc_percent=80 if is_ready else 60,
        required_soc_percent=80,
        possible=True,
        ready=is_ready,
        announced=True,
    )
    return Verdict(violations=(above,) if excess_kw else (), lost_entries=0, departures=(left,))


def test_a_seed_draws_the_same_faults_for_ever() -> None:
    """Written down, because a failing night that is told by its seed must be found again on every machine."""
    told = [str(fault) for fault in drawn_faults(a_setting(), seed=7, number=0)]
    assert told == [str(fault) for fault in drawn_faults(a_setting(), seed=7, number=0)]
    assert told != [str(fault) for fault in drawn_faults(a_setting(), seed=8, number=0)]


def test_every_night_has_some_faults_and_nobody_has_two() -> None:
    for number in MANY:
        drawn = drawn_faults(a_setting(), seed=1, number=number)
        faults = [fault for fault in drawn if not isinstance(fault, Circumstance)]
        assert FEWEST <= len(faults) <= MOST
        facts = [{"word": fault.word, **fault.model_dump()} for fault in faults]
        vehicles = [fact[key] for fact in facts for key in ("vehicle", "other") if key in fact]
        rest = [fact.get("charger", fact["word"]) for fact in facts if "vehicle" not in fact]
        assert len({*vehicles, *rest}) == len(vehicles) + len(rest)


def test_a_random_night_has_twelve_vehicles_to_all() -> None:
    setting = a_setting()
    scenes = [scene_of(setting.depot, setting.night, drawn_faults(setting, seed=1, number=n)) for n in MANY]
    assert {len(scene.guests) for scene in scenes} == {12, 13, 14}
    assert all({g.visit for g in scene.guests} == set(scene.night.visits) for scene in scenes)


def test_every_other_night_has_chargers_of_both_versions() -> None:
    setting = a_setting()
    speaking = [
        {charger.ocpp for charger in scene_of(setting.depot, setting.night, faults).depot.chargers}
        for faults in (drawn_faults(setting, seed=1, number=n) for n in MANY)
    ]
    assert 0.25 < sum(versions == {"1.6", "2.0.1"} for versions in speaking) / len(speaking) < 0.75


def test_a_charger_whose_model_speaks_one_version_keeps_to_it() -> None:
    depot, night, plan = a_planned_night(vans=3)
    chargers = tuple(replace(charger, capabilities={"ocpp_versions": ["1.6"]}) for charger in depot.chargers)
    setting = Setting(depot=replace(depot, chargers=chargers), night=night, plan=plan)
    drawn = [fault for n in MANY for fault in drawn_faults(setting, seed=1, number=n)]
    assert not [fault for fault in drawn if isinstance(fault, Speaks)]


def test_whoever_has_a_fault_in_every_night_comes_in_every_night() -> None:
    late = Late(vehicle="V1", minutes=10)
    setting = replace(a_setting(), always=(late,))
    for number in MANY:
        faults = drawn_faults(setting, seed=1, number=number)
        assert late in faults
        assert can_happen(setting, faults)


def test_a_night_of_other_circumstances_is_planned_for_them() -> None:
    setting = a_setting()
    few = scene_of(setting.depot, setting.night, [Fleet(vehicles=("V1", "V2"))])
    assert [visit.vehicle_id for visit in plan_of(setting, few).visits] == ["V1", "V2"]
    same = scene_of(setting.depot, setting.night, [Late(vehicle="V1", minutes=10)])
    assert plan_of(setting, same) is setting.plan


def test_both_versions_play_one_night() -> None:
    depot, night, plan = a_planned_night()
    setting = Setting(depot=depot, night=night, plan=plan)
    verdict = tried(setting, [Speaks(chargers=("CP2",), ocpp="2.0.1")])
    assert (verdict.broken, verdict.ready) == (frozenset(), 3)


def test_a_night_that_cannot_be_planned_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_plan(*_: object, **__: object) -> None:
        raise SolverError("no proved optimum")

    with monkeypatch.context() as patched:
        patched.setattr("dispatch.rehearsal.trial.plan_night", no_plan)
        verdict = tried(a_setting(), [Fleet(vehicles=("V1",))])
    (crash,) = verdict.crashes
    assert crash.startswith("the plan of the night: SolverError: no proved optimum")
    assert verdict.broken == {"crash"}


def test_every_kind_of_fault_is_drawn() -> None:
    words = {fault.word for n in MANY for fault in drawn_faults(a_setting(), seed=1, number=n)}
    assert words == set(KINDS)


def test_no_night_has_a_fault_that_cannot_happen_in_it() -> None:
    setting = a_setting()
    assert all(can_happen(setting, drawn_faults(setting, seed=2, number=n)) for n in MANY)


def test_a_fault_that_another_one_makes_room_for_stays_with_it() -> None:
    """V1 can stand in V3's bay because V3 does not come: without that there is no such night."""
    setting = a_setting()
    faults = [Absent(vehicle="V3"), WrongBay(vehicle="V1", charger="CP3")]
    assert can_happen(setting, faults)
    assert can_happen(setting, faults[::-1])
    assert not can_happen(setting, faults[1:])


def test_the_worst_night_comes_first_and_a_kept_promise_not_at_all() -> None:
    verdicts = [a_verdict(), a_verdict(is_ready=False), a_verdict(excess_kw=1.0), a_verdict(excess_kw=9.0)]
    judged = [Judged(number=n, faults=(), verdict=verdict) for n, verdict in enumerate(verdicts)]
    assert [night.number for night in worst_of(judged)] == [3, 2, 1]


def test_a_reproduction_has_only_the_faults_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The building's jump passes the limit; who is late or absent has no part in it."""
    depot, night, plan = a_planned_night()
    jump = BaseLoad(at=time(0, 15), kw=20, minutes=400)
    faults = [Absent(vehicle="V3"), jump, Late(vehicle="V1", minutes=10)]

    def tried_by_hand(_: Setting, faults: Sequence[Fault]) -> Verdict:
        return a_verdict(excess_kw=1.0 if jump in faults else 0.0)

    with monkeypatch.context() as patched:
        patched.setattr("dispatch.rehearsal.reproduction.tried", tried_by_hand)
        assert smallest(Setting(depot=depot, night=night, plan=plan), faults) == (jump,)


def test_a_night_is_made_small_by_so_many_trials_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is left out, the night stays broken: the first twelve are left out, and the rest is not tried."""
    tries: list[int] = []

    def tried_by_hand(_: Setting, faults: Sequence[Fault]) -> Verdict:
        tries.append(len(faults))
        return a_verdict(excess_kw=1.0)

    with monkeypatch.context() as patched:
        patched.setattr("dispatch.rehearsal.reproduction.tried", tried_by_hand)
        faults = [OtherSoc(vehicle=f"V{n}", percent=percent) for n in range(1, 15) for percent in (10, 20)]
        small = smallest(a_setting(), faults, broken=frozenset({"limit"}))
    assert len(tries) == MOST_TRIALS
    assert len(small) == len(faults) - MOST_TRIALS
