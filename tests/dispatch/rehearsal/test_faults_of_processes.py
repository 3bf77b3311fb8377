"""Gateway, dispatcher and cron can end: their lines, and that a night goes on with those that come after them."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any

import pytest

from dispatch.journal import open_journal
from dispatch.ocpp16.speaker import Speaker16
from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.faults import DispatcherDies, Fault, GatewayDies, load_faults
from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.keeper import Gear
from dispatch.rehearsal.night import play
from dispatch.rehearsal.verdict import judge
from dispatch.store.leases import Leases, Writer
from tests.builders import at
from tests.dispatch.rehearsal.rehearsal_builders import a_planned_night, played


def read(line: str, folder: Path) -> Fault:
    path = folder / "faults.yaml"
    path.write_text(f"- {line}\n", "utf-8")
    (fault,) = load_faults(path)
    return fault


@pytest.mark.parametrize(
    "line",
    [
        "gateway-killed: {at: 01:00}",
        "gateway-killed: {at: 01:00, minutes: 30}",
        "dispatcher-killed: {at: 22:00, request: 17}",
        "silent: {at: 01:00, ticks: 5}",
    ],
)
def test_a_line_prints_as_it_is_written(line: str, tmp_path: Path) -> None:
    assert str(read(line, tmp_path)) == line


def told_between(happened: Happened, begin: str, end: str) -> list[str]:
    return [f"{told.at:%H:%M}" for told in happened.told if at(begin) <= told.at < at(end)]


@pytest.mark.parametrize("gear", ["memory", "sockets"])
def test_a_night_goes_on_with_the_gateway_that_comes_after_a_killed_one(gear: Gear) -> None:
    happened = played(GatewayDies(at=time(1), minutes=30), gear=gear)
    assert told_between(happened, "01:00", "01:30") == []
    assert told_between(happened, "01:30", "01:35")  # who connects anew is looked at
    assert judge(happened).broken == frozenset()


def test_nothing_that_was_answered_is_lost_with_a_gateway() -> None:
    happened = played(GatewayDies(at=time(2, 15)))  # with what is sampled just then
    assert happened.lost_entries == 0
    assert judge(happened).broken == frozenset()


def test_a_dispatcher_that_dies_in_a_request_says_nothing_and_the_next_one_goes_on() -> None:
    """Its first tick asks three chargers what they hold and writes to them: it dies before that, and in the middle."""
    for request in (1, 8):
        happened = played(DispatcherDies(at=time(17), request=request))
        assert judge(happened).broken == frozenset()


def test_a_tick_that_was_killed_has_said_nothing_and_the_next_one_speaks() -> None:
    undisturbed, killed = played(), played(DispatcherDies(at=time(22, 30), request=1))
    (missing,) = {told.at for told in undisturbed.told} - {told.at for told in killed.told}
    assert f"{missing:%H:%M}" == "22:00"  # 23:00 in the depot's time
    assert any(told.at > missing for told in killed.told)


def test_a_crash_is_told_with_its_words_and_the_night_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crashes(*_: object, **__: object) -> None:
        raise KeyError("CP9")

    with monkeypatch.context() as patched:
        patched.setattr("dispatch.rehearsal.cron.tick", crashes)
        happened = played()
    assert happened.crashes[0].startswith("the tick of ")
    assert "KeyError: 'CP9' (test_faults_of_processes.py, crashes)" in happened.crashes[0]
    assert "crash" in judge(happened).broken


@pytest.mark.parametrize("gear", ["memory", "sockets"])
def test_a_session_that_crashes_is_told_and_its_charger_connects_anew(
    monkeypatch: pytest.MonkeyPatch, gear: Gear
) -> None:
    meter_values, defects = Speaker16._meter_values, [ValueError("a defect")]

    def crashes_once(*args: Any) -> dict[str, Any]:
        if defects:
            raise defects.pop()
        return meter_values(*args)

    with monkeypatch.context() as patched:
        patched.setattr(Speaker16, "_meter_values", crashes_once)
        happened = played(gear=gear)
    (crash,) = happened.crashes
    assert crash.startswith("the gateway, serving CP")
    assert "ValueError: a defect" in crash
    assert judge(happened).broken == {"crash"}


def test_every_dispatcher_of_a_night_writes_under_a_lease_of_its_own(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'night.db'}"
    depot, night, plan = a_planned_night()
    play(scene_of(depot, night, [DispatcherDies(at=time(17), request=1)]), plan, gear="memory", store=store)
    journal = open_journal(store, tmp_path)
    try:
        newest = Leases(engine=journal.engine).newest()
    finally:
        journal.close()
    assert newest is not None
    assert (newest.token, newest.holder.writer) == (2, Writer.DISPATCHER)
