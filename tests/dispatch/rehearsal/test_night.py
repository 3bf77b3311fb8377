"""Whole nights, gateway and dispatcher included: one story for every kind of fault, and both gears alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from dispatch.rehearsal.faults import (
    Absent,
    BaseLoad,
    Cut,
    Early,
    Fault,
    Late,
    Offline,
    OtherSoc,
    Reboot,
    Refuses,
    Silent,
)
from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.site import Plug
from dispatch.rehearsal.verdict import judge
from optimiser.planned import READY_TOLERANCE_PERCENT
from tests.builders import at
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night, energy_kwh, played

SLACK = timedelta(seconds=2)
"""Chargers set their clocks by the gateway's whole seconds."""


def first_drawn(happened: Happened, charger_id: str) -> timedelta:
    """After the beginning of the night."""
    return timedelta(seconds=happened.record.pieces[Plug(charger_id, 1)][0].start_s)


def power_kw(happened: Happened, charger_id: str, clock: str) -> float:
    after_s = (at(clock) - happened.begin).total_seconds()
    pieces = happened.record.pieces.get(Plug(charger_id, 1), ())
    return next((p.first_kw for p in pieces if p.start_s <= after_s < p.end_s), 0.0)


def ticks_between(happened: Happened, begin: str, end: str) -> int:
    return sum(at(begin) <= told.at < at(end) for told in happened.told)


def test_a_night_as_planned_breaks_nothing() -> None:
    happened = played()
    assert judge(happened).broken == frozenset()
    assert happened.told[0].at - happened.begin < timedelta(minutes=1)
    assert sum(told.sent for told in happened.told) >= 6  # a plan and a floor for each


def test_both_gears_play_the_same_night() -> None:
    faults: list[Fault] = [
        OtherSoc(vehicle="V1", percent=20),
        Offline(charger="CP2", at=time(23), minutes=60),
        Reboot(charger="CP3", at=time(1), forgets=True),
    ]
    memory, sockets = played(*faults, gear="memory"), played(*faults, gear="sockets")
    assert [told.at for told in memory.told] == [told.at for told in sockets.told]
    assert judge(memory).broken == judge(sockets).broken
    for plug, pieces in memory.record.pieces.items():
        assert list(pieces) == [pytest.approx(piece, abs=1e-6) for piece in sockets.record.pieces[plug]]


def test_one_night_played_twice_is_the_same_to_the_last_digit() -> None:
    story = (Reboot(charger="CP1", at=time(22), forgets=True), Late(vehicle="V2", minutes=100))
    first, second = played(*story), played(*story)
    assert first.record == second.record
    assert (first.departed, first.told) == (second.departed, second.told)


def test_who_is_late_draws_nothing_until_it_is_there() -> None:
    happened = played(Late(vehicle="V1", minutes=600))
    came = at("17:50") + timedelta(minutes=600)
    assert happened.begin + first_drawn(happened, "CP1") >= came - SLACK


def test_who_leaves_early_is_gone() -> None:
    happened = played(Early(vehicle="V1", minutes=400))
    (left,) = (left for left in happened.departed if left.vehicle_id == "V1")
    assert abs(left.at - (at("07:42") - timedelta(minutes=400))) <= SLACK


def test_who_does_not_come_is_no_departure() -> None:
    assert judge(played(Absent(vehicle="V1"))).ready_possible == 2


def test_who_comes_emptier_is_seen_and_served() -> None:
    happened = played(OtherSoc(vehicle="V1", percent=30))
    # 50 instead of 30 % of 64 kWh are missing to 80 %: with a loss of a tenth 35.6 kWh from the grid.
    assert energy_kwh(happened, "CP1") >= 64 * (0.5 - READY_TOLERANCE_PERCENT / 100.0) / 0.9
    assert judge(happened).broken == frozenset()


def test_a_charger_that_forgets_is_given_its_profiles_again() -> None:
    reboot = Reboot(charger="CP1", at=time(20), forgets=True)
    remembers, forgets = played(reboot.model_copy(update={"forgets": False})), played(reboot)
    sent = [sum(told.sent for told in happened.told) for happened in (remembers, forgets)]
    assert sent[1] > sent[0]


def test_a_charger_without_a_socket_goes_on_with_its_plan() -> None:
    happened = played(Offline(charger="CP1", at=time(22), minutes=600))
    assert judge(happened).broken == frozenset()


def test_a_charger_that_refuses_draws_what_it_wants() -> None:
    happened = played(Refuses(charger="CP1"))
    assert power_kw(happened, "CP1", "18:30") == pytest.approx(11.04)


def test_nobody_ticks_while_cron_is_silent() -> None:
    happened = played(Silent(at=time(1), ticks=3))
    assert ticks_between(happened, "01:00", "04:00") == 0
    assert ticks_between(happened, "04:00", "07:00") >= 3


def test_a_jump_of_the_building_is_seen_by_the_meter_and_answered() -> None:
    """Beside 22 of 25 kW no van can charge: those that do at 01:00 are lowered before it is anybody's fault."""
    happened = played(BaseLoad(at=time(1), kw=20, minutes=180))
    chargers = ("CP1", "CP2", "CP3")
    before, after = (
        sum(power_kw(happened, name, clock) for name in chargers) for clock in ("00:59", "01:05")
    )
    assert before > 4.0
    assert after == 0.0
    assert judge(happened).violations == ()


def test_a_cut_is_in_the_folder_when_it_is_announced() -> None:
    depot, night, plan = a_planned_night()
    happened = played(Cut(at=time(2), to_kw=10, minutes=60), made=(depot, night, plan))
    told_at, told = happened.scene.told[-1]
    assert told_at == at("01:30")
    assert told.site_limit_kw.min() == 10
    assert replace(told, site_limit_kw=night.site_limit_kw, inputs_sha256=night.inputs_sha256) == night


def test_who_forgets_nothing_counts_while_it_is_away_at_what_it_holds_and_nobody_makes_room_for_it() -> None:
    depot, night, plan = a_planned_night()
    away = Offline(charger="CP2", at=time(22), minutes=90)

    def sent(**capabilities: object) -> int:
        chargers = tuple(
            replace(charger, capabilities=capabilities) if charger.id == "CP2" else charger
            for charger in depot.chargers
        )
        happened = played(away, made=(replace(depot, chargers=chargers), night, plan))
        assert judge(happened).broken == frozenset()
        return sum(told.sent for told in happened.told)

    undisturbed = sum(told.sent for told in played().told)
    assert sent(forgets="never") == undisturbed < sent()
