"""A push with everything that may come between: whatever chargers do, no write lifts the depot above its limit.

Chargers refuse, keep silent, take without saying so, vanish, start anew and forget; the dispatcher dies between any
two steps, and the next one begins with what the journal says. In the end, when all faults are over, every plan arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dispatch.floors import targets
from dispatch.journal import Journal, open_journal
from dispatch.occupants import occupants, wirings, with_overrides
from dispatch.push import Surroundings, ledger_at, push, read_back
from dispatch.safety import Place
from dispatch.station import StationProfile, Transaction
from dispatch.tracks import Track, begin_tracks
from optimiser.depot import Charger, Depot
from optimiser.plan import Plan
from tests.builders import a_depot, a_horizon, a_night, a_van, a_visit, an_ac_connector
from tests.dispatch.dispatch_builders import a_plan
from tests.properties.worst_chargers import Killed, WorstStations, drawn_by, place_of

STEPS = 6
NOW = datetime(2025, 11, 10, 15, 0, tzinfo=UTC)
CHARGERS = ["CP1", "CP2", "CP3"]
ROUNDS_TO_WANTED = 4
"""Ticks after the last fault in which every plan has arrived."""

POWERS = st.lists(
    st.lists(st.sampled_from([0.0, 4.14, 6.9, 11.04]), min_size=STEPS, max_size=STEPS), min_size=3, max_size=3
)
OUTCOMES = st.lists(
    st.sampled_from(
        [
            "accepted",
            "accepted",
            "accepted",
            "refused",
            "silent, taken",
            "silent, not taken",
            "line cut, taken",
            "killed before",
            "killed after",
        ]
    ),
    max_size=8,
)
SIGHTS = st.lists(st.sampled_from(["readable", "readable", "silent", "unreadable"]), max_size=6)
LOSSES = st.sampled_from(
    ["nothing", "everything", "session", "floor", "plan", "ceiling", "all but the ceiling"]
)
FORMS: Sequence[Mapping[str, object]] = [
    {},
    {"unit": "W"},
    {"kind": "relative"},
    {"stack_level_plan": 0},
    {"stack_level_plan": 0, "kind": "relative"},
    {"stack_level_floor": 1, "stack_level_plan": 2},
    {"purpose": "station_max"},
    {"purpose": "tx_default_0", "limit_step_a": 1.0},
    {"session_profile": "always"},
    {"max_periods": 3},
    {"ceiling": True},
    {"takes_turns": True},
    {"ceiling": True, "kind": "relative"},
    {"ceiling": True, "unit": "W", "stack_level_plan": 0},
]
PROVEN: Sequence[Mapping[str, object]] = [
    {},
    {"forgets": "never"},
    {"forgets": "never", "proven_with_firmware": "1"},
    {"accepted_is_proof": True, "proven_with_firmware": "1"},
    {"accepted_is_proof": True, "forgets": "never", "proven_with_firmware": "1"},
]
"""What is proven of a charger for good; all of it is true in this world."""


def a_small_depot(limit_kw: float, forms: Sequence[int], proven: Sequence[int] = (0, 0, 0)) -> Depot:
    """Three vans at chargers of different habits."""
    chargers = [
        Charger(
            id=charger_id,
            connectors=(an_ac_connector(),),
            capabilities={"max_stack_level": 3, **FORMS[form], **PROVEN[known]},
        )
        for charger_id, form, known in zip(CHARGERS, forms, proven, strict=True)
    ]
    vans = [a_van(f"V{number}") for number in (1, 2, 3)]
    return a_depot(vehicles=vans, chargers=chargers, transformer_limit_kw=limit_kw, base_load_max_kw=2.0)


def planned(depot: Depot, rows: Sequence[Sequence[float]]) -> Plan:
    """A night of six steps of four hours with everybody there, and powers as far as they fit."""
    powers: dict[str, dict[int, float]] = {vehicle.id: {} for vehicle in depot.vehicles}
    for step in range(STEPS):
        left_kw = depot.site.transformer_limit_kw - 2.0
        for vehicle, row in zip(depot.vehicles, rows, strict=True):
            if row[step] <= left_kw:
                powers[vehicle.id][step] = row[step]
                left_kw -= row[step]
    visits = [
        a_visit(vehicle.id, charger_id=f"CP{number}", arrival="12:00", departure="11:59")
        for number, vehicle in enumerate(depot.vehicles, start=1)
    ]
    night = a_night(depot, visits=visits, horizon=a_horizon(step_minutes=240), base_load_kw=2.0)
    return a_plan(depot, night, power_kw=powers, created_at=datetime(2025, 11, 10, 10, 0, tzinfo=UTC))


class PushUnderFaults(RuleBasedStateMachine):
    """A depot's chargers, its journal, and ticks that begin anew with nothing but the two."""

    depot: Depot
    plan: Plan
    base: Plan
    stations: WorstStations
    journal: Journal
    proven: Mapping[str, Mapping[str, object]]

    def __init__(self) -> None:
        super().__init__()
        self.sessions = 0
        self.loop = asyncio.new_event_loop()
        self.may_end_elsewhere = False

    @initialize(
        limit_kw=st.sampled_from([13.0, 20.0, 26.0, 36.0]),
        rows=POWERS,
        forms=st.lists(st.integers(0, len(FORMS) - 1), min_size=3, max_size=3),
        proven=st.lists(st.integers(0, len(PROVEN) - 1), min_size=3, max_size=3),
    )
    def open(self, limit_kw: float, rows: list[list[float]], forms: list[int], proven: list[int]) -> None:
        self.journal = open_journal("sqlite://", Path())
        self.depot = a_small_depot(limit_kw, forms, proven)
        self.proven = dict(zip(CHARGERS, (PROVEN[known] for known in proven), strict=True))
        self.may_end_elsewhere = any("kind" in FORMS[form] for form in forms)
        self.plan = self.base = planned(self.depot, rows)
        self.stations = WorstStations.of(self.depot, self.plan, now=NOW)
        for charger_id, known in self.proven.items():
            if known.get("forgets") == "never":
                with_firmware = {"1"} if "proven_with_firmware" in known else {"1", "2"}
                self.stations.chargers[charger_id].keeps_with = frozenset(with_firmware)

    @rule(outcomes=OUTCOMES, sights=SIGHTS)
    def tick(self, outcomes: list[str], sights: list[str]) -> None:
        self.stations.outcomes.extend(outcomes)
        self.stations.sights.extend(sights)
        self.run_tick()
        self.stations.outcomes.clear()
        self.stations.sights.clear()
        self.stations.happenings.clear()

    @rule(rows=POWERS)
    def plan_anew(self, rows: list[list[float]]) -> None:
        self.plan = self.stations.plan = planned(self.depot, rows)

    @rule(charger_id=st.sampled_from(CHARGERS), form=st.integers(0, len(FORMS) - 1))
    def say_other_things_of_a_charger(self, charger_id: str, form: int) -> None:
        chargers = tuple(
            replace(one, capabilities={"max_stack_level": 3, **FORMS[form], **self.proven[charger_id]})
            if one.id == charger_id
            else one
            for one in self.depot.chargers
        )
        self.depot = replace(self.depot, chargers=chargers)
        self.may_end_elsewhere = True

    @rule(minutes=st.sampled_from([1, 15, 120]))
    def wait(self, minutes: int) -> None:
        if self.stations.now + timedelta(minutes=minutes) < self.plan.horizon.end:
            self.stations.now += timedelta(minutes=minutes)

    @rule(charger_id=st.sampled_from(CHARGERS), loses=LOSSES)
    def boot(self, charger_id: str, loses: str) -> None:
        self.stations.now += timedelta(seconds=1)
        self.stations.boot(charger_id, loses=loses)

    @rule(charger_id=st.sampled_from(CHARGERS), loses=LOSSES)
    def boot_with_other_firmware(self, charger_id: str, loses: str) -> None:
        self.stations.now += timedelta(seconds=1)
        other = "2" if self.stations.chargers[charger_id].firmware == "1" else "1"
        self.stations.boot(charger_id, loses=loses, firmware=other)

    @rule(charger_id=st.sampled_from(CHARGERS))
    def lose_the_line(self, charger_id: str) -> None:
        self.stations.disconnect(charger_id)

    @rule(charger_id=st.sampled_from(CHARGERS), loses=LOSSES)
    def find_the_line(self, charger_id: str, loses: str) -> None:
        self.stations.now += timedelta(seconds=1)
        self.stations.connect(charger_id, loses=loses)

    @rule(charger_id=st.sampled_from(CHARGERS))
    def plug_in(self, charger_id: str) -> None:
        self.stations.now += timedelta(seconds=1)
        self.sessions += 1
        transaction = Transaction(transaction_id=self.sessions, id_tag=None, started_at=self.stations.now)
        self.stations.begin_transaction(charger_id, transaction)

    @rule(charger_id=st.sampled_from(CHARGERS))
    def unplug(self, charger_id: str) -> None:
        self.stations.end_transaction(charger_id)

    @rule(charger_id=st.sampled_from(CHARGERS), loses=LOSSES, after=st.integers(0, 3), outcomes=OUTCOMES)
    def tick_in_which_a_charger_boots(
        self, charger_id: str, loses: str, after: int, outcomes: list[str]
    ) -> None:
        def boots() -> None:
            self.stations.now += timedelta(seconds=1)
            self.stations.boot(charger_id, loses=loses)

        self.stations.happenings.extend([lambda: None] * after + [boots])
        self.tick(outcomes, [])

    def teardown(self) -> None:
        if not hasattr(self, "stations"):
            return
        self.stations.now += timedelta(seconds=1)
        for charger_id in CHARGERS:  # what they have refused they are asked for again
            self.stations.connect(charger_id)
        for _ in range(ROUNDS_TO_WANTED):
            self.stations.now += timedelta(seconds=1)
            tracks = self.run_tick()
        self.journal.close()
        self.loop.close()
        has_learned = any(track.known.lessons_taken_back() for track in tracks)
        if (
            self.may_end_elsewhere or has_learned
        ):  # in other words what is wanted may have to wait for the night's end
            return
        for track in tracks:
            assert track.held_back is None, f"{track.place}: {track.held_back}"
            wanted = [one.profile for one in track.wanted]
            charger = self.stations.chargers[track.place.charger_id]
            instants = sorted({*self.stations.instants(), *charger.edges(self.stations.now)})
            truly = charger.worst_kw(instants)
            assert np.allclose(truly, drawn_by(wanted, charger, instants)), track.place

    def run_tick(self) -> list[Track]:
        try:
            return self.loop.run_until_complete(self._tick())
        except BaseExceptionGroup as errors:
            if errors.split(Killed)[1] is not None:
                raise
            return []

    async def _tick(self) -> list[Track]:
        live = await self.stations.live()
        around = Surroundings(
            depot=self.depot,
            plan=self.plan,
            journal=self.journal,
            stations=self.stations,  # type: ignore[arg-type]
            clock=lambda: self.stations.now,
        )
        away = [state.charger_id for state in live.chargers if state.connected_since is None]
        ledger = ledger_at(self.journal, self.stations.now, away=away)
        there = occupants(self.depot, self.plan, live)
        held: dict[Place, list[StationProfile]] = {
            place_of(charger_id): [
                command.profile for command in (*ledger.installed(charger_id), *ledger.unanswered(charger_id))
            ]
            for charger_id in CHARGERS
        }
        always = [
            place_of(charger.id)
            for charger in self.depot.chargers
            if charger.capabilities.get("session_profile") == "always"
        ]
        wanted = with_overrides(
            targets(self.depot, self.plan),
            there,
            held,
            depot=self.depot,
            plan=self.plan,
            base=self.base,
            always=always,
        )
        tracks = begin_tracks(self.depot, ledger, wanted, live, wirings(self.depot, there))
        await read_back(around, tracks)
        await push(around, tracks, live)
        return tracks


@pytest.mark.parametrize("times", [2, 4, 8])
@pytest.mark.parametrize("word", ["silent, taken", "silent, not taken"])
def test_plans_that_nobody_answered_hold_nobody_up_for_ever(word: str, times: int) -> None:
    # Room for one charger at a time: whoever may have taken a plan must not stand in everybody's way.
    machine = PushUnderFaults()
    machine.open(
        limit_kw=13.0, rows=[[11.04] * STEPS, [0.0] * STEPS, [0.0] * STEPS], forms=[0, 0, 0], proven=[0, 0, 0]
    )
    for charger_id in CHARGERS:
        machine.plug_in(charger_id)
    machine.tick([], [])
    for turn in range(times):
        rows = [[0.0] * STEPS for _ in CHARGERS]
        rows[turn % 3] = [11.04 if (step + turn) % 2 else 6.9 for step in range(STEPS)]
        machine.plan_anew(rows)
        machine.tick([word] * 60, [])
        machine.wait(1)
    machine.teardown()


TestPushUnderFaults = PushUnderFaults.TestCase
TestPushUnderFaults.settings = settings(
    max_examples=150,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
