"""Two readings of the standards held against each other over whole stacks as they stand on the wire.

``depot preview`` asks the dispatcher's engine; a simulated station answers GetCompositeSchedule by its resolver.
They share no code, so where both are of one mind the standard has most likely been read rightly.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.preview import Question, read_questions
from dispatch.simulator.machine import Machine
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import Installed, install
from dispatch.simulator.wire16 import profiles as profiles16
from dispatch.simulator.wire201 import profiles as profiles201
from tests.builders import a_van, an_ac_connector
from tests.dispatch.simulator.simulator_builders import (
    a_machine,
    a_profile,
    a_profile_201,
    a_station,
    a_stay,
    after,
    sent,
    stamp,
)

DAY_S = 24 * 3600
BUILD = {"1.6": a_machine, "2.0.1": a_station}
READ = {"1.6": profiles16.read, "2.0.1": profiles201.read}
WRITE = {"1.6": a_profile, "2.0.1": a_profile_201}
STATION_MAX = {"1.6": "ChargePointMaxProfile", "2.0.1": "ChargingStationMaxProfile"}
SECONDS = st.integers(-2 * DAY_S, DAY_S)
PERIODS = st.dictionaries(st.integers(1, DAY_S), st.integers(0, 320), max_size=4).map(
    lambda later: [(0, 16.0), *((start, tenths / 10) for start, tenths in sorted(later.items()))]
)


@st.composite
def profiles(draw: st.DrawFn, version: str, *, of_all_phases: bool) -> tuple[int, dict[str, Any]]:
    """A profile and the EVSE it is for; transactions run on EVSE 1 only."""
    purposes = [STATION_MAX[version], "TxDefaultProfile", "TxProfile"]
    if version == "2.0.1":
        purposes.append("ChargingStationExternalConstraints")
    purpose = draw(st.sampled_from(purposes))
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    if kind == "Relative" and not purpose.startswith("Tx"):
        kind = "Absolute"  # what holds for many has no start of charging
    rest: dict[str, Any] = (
        {"recurrencyKind": draw(st.sampled_from(["Daily", "Weekly"]))} if kind == "Recurring" else {}
    )
    if purpose == "TxProfile":
        place = 1
    elif purpose == STATION_MAX[version]:
        place = 0
    else:
        place = draw(st.integers(0, 2))
    for key in ("validFrom", "validTo"):
        if draw(st.booleans()):
            rest[key] = stamp(draw(SECONDS))
    unit = draw(st.sampled_from(["A", "W"]))
    per_unit = 1.0 if unit == "A" else 700.0
    return place, WRITE[version](
        [(start, round(limit * per_unit, 1)) for start, limit in draw(PERIODS)],
        profile_id=draw(st.integers(1, 50)),
        level=draw(st.integers(1, 8)),
        purpose=purpose,
        kind=kind,
        start_s=None if kind == "Relative" else draw(SECONDS),
        duration_s=draw(st.none() | st.integers(1, 2 * DAY_S)),
        unit=unit,
        number_phases=3 if of_all_phases else draw(st.sampled_from([1, 2, 3, None])),
        **rest,
    )


def a_charge_point(version: str) -> Machine:
    """Two connectors, on the first a transaction that has begun at the start of all times here."""
    wired = [an_ac_connector(1), an_ac_connector(2)]
    machine = BUILD[version](a_stay(a_van("V1")), connectors=wired, persona=Persona(max_periods=10_000))
    sent(machine)
    return machine


def stacked(machine: Machine, version: str, found: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Put profiles on a charge point as it would take them one by one; no two of one slot and of both EVSE 0 and n."""
    transaction = machine.outlets[1].transaction
    assert transaction is not None
    stack: tuple[Installed, ...] = ()
    for place, profile in found:
        if profile["chargingProfilePurpose"] == "TxProfile":
            profile["transactionId"] = transaction.transaction_id
        new = READ[version](place, profile)
        taken = [
            old
            for old in stack
            if (old.purpose, old.level) == (new.purpose, new.level) and old.profile_id != new.profile_id
        ]
        if version == "1.6" or not taken:
            stack = install(stack, new, rules=machine.rules)
    machine.smart.installed = stack


def asked_of_the_engine(
    machine: Machine, version: str, *, place: int, at_s: int, duration_s: int, unit: str
) -> Question:
    transaction = machine.outlets[1].transaction
    assert transaction is not None
    key = "connectorId" if version == "1.6" else "evseId"
    document = {
        "ocpp": version,
        "station": {"nrOfEvses": 2, "defaultLimitA": 16, "defaultNumberPhases": 3, "supplyVoltage": 230},
        "profiles": [{key: e.connector_id, "profile": e.payload} for e in machine.smart.installed],
        "transactions": [{"evseId": 1, "id": transaction.transaction_id, "start": stamp(0)}],
        "simulateTransaction": True,
        "request": {"connectorOrEvseId": place, "start": stamp(at_s), "duration": duration_s, "unit": unit},
    }
    question = read_questions(json.dumps(document))
    assert isinstance(question, Question), question
    return question


def told_by_the_station(
    machine: Machine, version: str, *, place: int, at_s: int, duration_s: int, unit: str
) -> list[tuple[int, float]] | None:
    key = "connectorId" if version == "1.6" else "evseId"
    request = {key: place, "duration": duration_s, "chargingRateUnit": unit}
    answer = machine.handle("GetCompositeSchedule", request, after(at_s))
    told = answer.get("chargingSchedule" if version == "1.6" else "schedule")
    if told is None:
        return None
    return [(period["startPeriod"], period["limit"]) for period in told["chargingSchedulePeriod"]]


def at(steps: Sequence[tuple[int, float]], seconds: int) -> float:
    return [limit for start, limit in steps if start <= seconds][-1]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@given(data=st.data())
def test_both_tell_the_same_schedule(version: str, data: st.DataObject) -> None:
    machine = a_charge_point(version)
    place = data.draw(st.integers(0, 2))
    # A sum is the engine's own only where every EVSE has a limit: a charge point adds up what its hardware gives.
    floor = (
        [(0, WRITE[version]([(0, 6.0)], profile_id=99, level=0, start_s=-3.0 * DAY_S))] if place == 0 else []
    )
    # Amperes of different phases cannot be added up, and 1.6 does not say whose phases make watts of amperes.
    of_all_phases = place == 0 or version == "1.6"
    stack = data.draw(st.lists(profiles(version, of_all_phases=of_all_phases), min_size=1, max_size=8))
    stacked(machine, version, [*floor, *stack])
    request: dict[str, Any] = {
        "place": place,
        "at_s": data.draw(st.integers(0, 9 * 3600)),
        "duration_s": data.draw(st.integers(1, 2 * DAY_S)),
        "unit": data.draw(st.sampled_from(["A", "W"])),
    }
    told = told_by_the_station(machine, version, **request)
    periods = asked_of_the_engine(machine, version, **request).document()["periods"]
    expected = [(period["startPeriod"], period["limit"]) for period in periods]
    if told is None:
        # In 1.6 a charge point without any limit to tell tells none; the engine fills in the station's default.
        assert version == "1.6"
        assert {limit for _, limit in expected} == {16.0 if request["unit"] == "A" else 11040.0}
        return
    for seconds in sorted({start for start, _ in [*told, *expected]}):
        # A station tells one decimal and rounds down.
        assert -1e-6 <= at(expected, seconds) - at(told, seconds) < 0.1 + 1e-6, (seconds, told, expected)
