"""Two readings of OCPP held against each other on random stacks: the dispatcher's engine and the charge point's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dispatch.simulator.wire16.profiles as wire16
import dispatch.simulator.wire201.profiles as wire201
from dispatch.composite import CompositePeriod
from dispatch.simulator.resolver import Allowance, Installed, Rules, Session, Stretch, schedule
from optimiser.horizon import format_instant
from tests.dispatch.preview_builders import NOON, a_profile, a_question, read

START = datetime(2025, 11, 10, 12, tzinfo=UTC)
VOLTAGE_V = 230
SPAN_S = 26 * 3600
"""A day and a bit of the next, so that days come again."""
PURPOSES = {
    "1.6": ["StationMax", "TxDefaultProfile", "TxProfile"],
    "2.0.1": ["StationMax", "ChargingStationExternalConstraints", "TxDefaultProfile", "TxProfile"],
}
READERS: Mapping[str, tuple[Callable[..., Installed], Rules]] = {
    "1.6": (wire16.read, wire16.RULES),
    "2.0.1": (wire201.read, wire201.RULES),
}

INSTANTS = st.integers(-9 * 24 * 60, 30 * 60).map(
    lambda minutes: format_instant(START + timedelta(minutes=minutes))
)
NEAR = st.integers(-24 * 60, 26 * 60).map(lambda minutes: format_instant(START + timedelta(minutes=minutes)))
STEPS_S = st.sampled_from([60, 600, 3600, 6 * 3600, 20 * 3600, 30 * 3600])


@st.composite
def entries(draw: st.DrawFn, *, ocpp: str, evses: list[int], phases: list[int | None]) -> dict[str, Any]:
    purpose = draw(st.sampled_from(PURPOSES[ocpp]))
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    is_for_all = purpose in {"TxDefaultProfile", "ChargingStationExternalConstraints"}
    starts = [0, *sorted(draw(st.sets(st.integers(1, 30 * 60), max_size=4)))]
    return a_profile(
        purpose,
        ocpp=ocpp,
        evse=draw(st.sampled_from([0, *evses] if is_for_all else evses)),
        level=draw(st.integers(0, 3)),
        kind="Absolute" if purpose == "StationMax" and kind == "Relative" else kind,
        recurrency=draw(st.sampled_from(["Daily", "Weekly"])) if kind == "Recurring" else None,
        start=draw(INSTANTS),
        limits=[(60 * minute, draw(st.integers(0, 640)) / 10) for minute in starts],
        phases=draw(st.sampled_from(phases)),
        unit=draw(st.sampled_from(["A", "W"])),
        duration=draw(st.none() | STEPS_S),
        valid=(draw(st.none() | NEAR), draw(st.none() | NEAR)),
        transaction=draw(st.sampled_from([None, "t1"])) if purpose == "TxProfile" else None,
    )


def stacks(
    *, ocpp: str, evses: list[int], phases: list[int | None]
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Installed profiles as a charge point may hold them: none has the place of another."""

    def place(entry: dict[str, Any]) -> tuple[object, ...]:
        profile = entry["profile"]
        # In 2.0.1 a level of TxDefaultProfile may not be used on EVSE 0 and on another one (K01.FR.52/53).
        is_default = profile["chargingProfilePurpose"] == "TxDefaultProfile"
        where = None if is_default and ocpp == "2.0.1" else entry.get("connectorId", entry.get("evseId"))
        return where, profile["chargingProfilePurpose"], profile["stackLevel"]

    return st.lists(entries(ocpp=ocpp, evses=evses, phases=phases), max_size=8, unique_by=place)


def installed(stack: list[dict[str, Any]], ocpp: str) -> tuple[Installed, ...]:
    reader, _ = READERS[ocpp]
    return tuple(reader(entry.get("connectorId", entry.get("evseId")), entry["profile"]) for entry in stack)


def at(second: int, stretches: tuple[Stretch, ...]) -> tuple[Allowance, ...]:
    return [stretch.allowances for stretch in stretches if stretch.start_s <= second][-1]


def period_at(second: int, periods: tuple[CompositePeriod, ...]) -> CompositePeriod:
    return [period for period in periods if period.start_s <= second][-1]


def fewest(allowances: tuple[Allowance, ...]) -> int | None:
    return min((a.number_phases for a in allowances if a.number_phases is not None), default=None)


def lowest(allowances: tuple[Allowance, ...], unit: str, *, phases: int | None) -> float | None:
    """The lowest of what holds, in a unit, by the rule of the preview: converted by the fewest phases."""
    per_ampere_w = VOLTAGE_V * (phases or 3)
    factors = {("A", "W"): per_ampere_w, ("W", "A"): 1 / per_ampere_w}
    return min((a.limit * factors.get((a.unit, unit), 1.0) for a in allowances), default=None)


def almost(limit: Decimal | None) -> Any:
    return None if limit is None else pytest.approx(float(limit), rel=1e-12)


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
@given(
    data=st.data(), runs=st.booleans(), since_minutes=st.integers(-600, 0), unit=st.sampled_from(["A", "W"])
)
def test_both_find_the_same_limit_of_an_evse_at_every_instant(
    ocpp: str, data: st.DataObject, *, runs: bool, since_minutes: int, unit: str
) -> None:
    stack = data.draw(stacks(ocpp=ocpp, evses=[1, 2], phases=[None, 1, 2, 3]))
    since = START + timedelta(minutes=since_minutes)
    transactions = [{"evseId": 1, "id": "t1", "start": format_instant(since)}] if runs else []
    question = read(
        a_question(*stack, ocpp=ocpp, start=NOON, duration=SPAN_S, unit=unit, transactions=transactions)
    )
    if not runs:
        # An imagined transaction listens to TxProfiles, a charge point without one holds none (K02.FR.05).
        stack = [e for e in stack if e["profile"]["chargingProfilePurpose"] != "TxProfile"]
        question = read(a_question(*stack, ocpp=ocpp, start=NOON, duration=SPAN_S, unit=unit))
    session = Session(connector_id=1, in_transaction=runs, charging_since=since if runs else START)
    theirs = schedule(installed(stack, ocpp), session, start=START, duration_s=SPAN_S, rules=READERS[ocpp][1])
    ours = question.answer().periods
    for second in sorted({s.start_s for s in theirs} | {period.start_s for period in ours}):
        allowances, period = at(second, theirs), period_at(second, ours)
        phases = fewest(allowances)
        assert lowest(allowances, unit, phases=phases) == almost(period.limit)
        assert phases == period.number_phases


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
@given(data=st.data(), default=st.none() | st.integers(6, 63))
def test_the_station_gets_the_sum_of_what_both_find_for_its_evses(
    ocpp: str, data: st.DataObject, default: int | None
) -> None:
    stack = data.draw(stacks(ocpp=ocpp, evses=[1, 2], phases=[3]))
    transactions = [{"evseId": evse, "id": "t1", "start": NOON} for evse in (1, 2)]
    station = {"nrOfEvses": 2} | ({} if default is None else {"defaultLimitA": default})
    question = read(
        a_question(*stack, ocpp=ocpp, evse=0, duration=SPAN_S, transactions=transactions, station=station)
    )
    reader = installed(stack, ocpp)
    per_evse = [
        schedule(
            reader,
            Session(connector_id=evse, in_transaction=True, charging_since=START),
            start=START,
            duration_s=SPAN_S,
            rules=READERS[ocpp][1],
        )
        for evse in (1, 2)
    ]
    ours = question.answer().periods
    edges = {stretch.start_s for stretches in per_evse for stretch in stretches}
    for second in sorted(edges | {period.start_s for period in ours}):
        held = [at(second, stretches) for stretches in per_evse]
        own = [lowest(tuple(a for a in held_by if not a.whole_station), "A", phases=3) for held_by in held]
        ceiling = lowest(tuple(a for a in held[0] if a.whole_station), "A", phases=3)
        parts = [default if part is None and ceiling is None else part for part in own]
        total = None if None in parts else sum(part for part in parts if part is not None)
        expected = min((value for value in (total, ceiling) if value is not None), default=None)
        assert expected == almost(period_at(second, ours).limit)
