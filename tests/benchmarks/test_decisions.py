"""How long a tick decides for a thousand connectors: ``python -m pytest tests/benchmarks/test_decisions.py -s``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from dispatch.charger import Capabilities
from dispatch.decide import Holding, Room, decide, edges_of, pending
from dispatch.evidence import Layer
from dispatch.floors import targets
from dispatch.layers import LayerProfile, layer_profiles
from dispatch.safety import Place, Wiring, bottlenecks, room
from dispatch.station import StationProfile
from optimiser.depot import Charger, Depot, Feeder
from optimiser.plan import Plan
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector
from tests.dispatch.dispatch_builders import a_plan

CONNECTORS = 1000
ON_A_FEEDER = 25
LIMIT_S = 1.0
NOW = datetime(2025, 11, 10, 18, tzinfo=UTC)
ALL_LAYERS = frozenset(Layer)


def a_large_depot() -> Depot:
    """Forty feeders, each with a limit in kW and one on every phase."""
    feeders = [
        Feeder(id=f"F{number}", limit_kw=6.0 * ON_A_FEEDER, limit_per_phase_a=400.0)
        for number in range(CONNECTORS // ON_A_FEEDER)
    ]
    chargers = [
        Charger(id=f"CP{number}", feeder=f"F{(number - 1) // ON_A_FEEDER}", connectors=(an_ac_connector(),))
        for number in range(1, CONNECTORS + 1)
    ]
    return a_depot(
        vehicles=[a_van(f"V{number}") for number in range(1, CONNECTORS + 1)],
        chargers=chargers,
        feeders=feeders,
        transformer_limit_kw=6.0 * CONNECTORS,
        base_load_max_kw=2.0,
    )


def planned(depot: Depot, *, seed: int) -> Plan:
    """Everybody charges for three hours of the night at one of two powers."""
    dice = np.random.default_rng(seed)
    powers: dict[str, dict[int, float]] = {}
    for vehicle in depot.vehicles:
        first = int(dice.integers(0, 84))
        powers[vehicle.id] = {step: float(dice.choice([4.14, 6.9])) for step in range(first, first + 12)}
    visits = [
        a_visit(vehicle.id, charger_id=f"CP{number}", arrival="12:00", departure="11:59")
        for number, vehicle in enumerate(depot.vehicles, start=1)
    ]
    night = a_night(depot, visits=visits, base_load_kw=2.0)
    return a_plan(depot, night, power_kw=powers, created_at=datetime(2025, 11, 10, 10, tzinfo=UTC))


def wanted(depot: Depot, plan: Plan) -> Mapping[Place, tuple[LayerProfile, ...]]:
    words = dict.fromkeys(Layer, Capabilities())
    return {t.place: layer_profiles(t, words, is_degraded=False) for t in targets(depot, plan)}


def decided(depot: Depot, plan: Plan, holdings: Sequence[Holding]) -> tuple[list[Holding], int, float]:
    """The holdings after every write was accepted and proven, in how many rounds, in how much time. [s]"""
    spent_s, rounds = 0.0, 0
    while True:
        begun = time.process_time()
        is_done = not any(pending(holding, now=NOW) for holding in holdings)
        if not is_done:
            instants = edges_of(holdings, now=NOW, others=[*plan.horizon.starts(), plan.horizon.end])
            rooms = [
                Room(bottleneck=limit, allowed=room(limit, depot, plan, instants))
                for limit in bottlenecks(depot)
            ]
            writes = decide(holdings, rooms, instants=instants, zone=plan.horizon.zone).writes
        spent_s += time.process_time() - begun
        if is_done or not writes:
            return list(holdings), rounds, spent_s
        rounds += 1
        sent = {write.place: tuple(one.profile for one in write.profiles) for write in writes}
        holdings = [with_profiles(holding, sent.get(holding.place, ())) for holding in holdings]


def with_profiles(holding: Holding, sent: Sequence[StationProfile]) -> Holding:
    ids = {profile.profile_id for profile in sent}
    return replace(holding, held=(*(p for p in holding.held if p.profile_id not in ids), *sent))


def test_a_tick_decides_for_a_thousand_connectors_within_a_second() -> None:
    depot = a_large_depot()
    first, other = (planned(depot, seed=seed) for seed in (1, 2))
    connectors = {Place(charger.id, connector.id): connector for charger, connector in depot.connectors()}
    new = [
        Holding(
            wiring=Wiring(place=place, connector=connectors[place], voltage_v=depot.site.voltage_v),
            is_proven=True,
            wanted=profiles,
            open_layers=ALL_LAYERS,
        )
        for place, profiles in wanted(depot, first).items()
    ]
    held, rounds, day_one_s = decided(depot, first, new)
    print(f"\nday one: {rounds} rounds, {day_one_s:.2f} s of CPU")
    _, rounds, quiet_s = decided(depot, first, held)
    print(f"nothing to do: {rounds} rounds, {quiet_s * 1000:.1f} ms of CPU")
    profiles = wanted(depot, other)
    anew = [replace(holding, wanted=profiles[holding.place]) for holding in held]
    _, rounds, replan_s = decided(depot, other, anew)
    print(f"another plan for everybody: {rounds} rounds, {replan_s:.2f} s of CPU")
    assert max(day_one_s, quiet_s, replan_s) <= LIMIT_S
