"""What the journal may hold of a night, for the tests of the morning report; every argument can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from dispatch.events import (
    Booted,
    Connected,
    Disconnected,
    Metered,
    StationEvent,
    TransactionEnded,
    TransactionStarted,
)
from dispatch.evidence import Command, Evidence, Layer, Rung, Verdict
from dispatch.morning.facts import NightFacts, StoredPlan
from dispatch.morning.report import MorningReport, morning_report
from dispatch.station import MeterReading, Outcome, Purpose, StationProfile
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from tests.builders import NIGHT, a_depot, a_night, a_visit, at
from tests.dispatch.dispatch_builders import a_plan, a_profile

NOON = at("12:00")
NEXT_NOON = NOON + timedelta(days=1)
FULL_KW = 11.04


def a_quiet_night(depot: Depot, *, required_soc_percent: float = 60.0) -> Night:
    """Two vans from 17:50 to 07:42 that come with 40 %."""
    visits = [
        a_visit(f"V{number}", charger_id=f"CP{number}", required_soc_percent=required_soc_percent)
        for number in (1, 2)
    ]
    return a_night(depot, visits=visits)


def charging(*, start: str = "22:00", minutes: int = 90, kw: float = FULL_KW) -> dict[int, float]:
    """Power per step from a time on."""
    first = int((at(start) - NOON).total_seconds() // 900)
    return dict.fromkeys(range(first, first + minutes // 15), kw)


def a_planned_night(
    depot: Depot | None = None, *, power_kw: Mapping[str, Mapping[int, float]] | None = None
) -> Plan:
    """A plan by hand: V1 at 22:00 and V2 at midnight, 90 minutes each at full power."""
    depot = depot or a_depot()
    power_kw = power_kw or {"V1": charging(), "V2": charging(start="00:00")}
    return a_plan(depot, a_quiet_night(depot), power_kw=power_kw, created_at=NOON - timedelta(hours=2))


def facts_of(
    *versions: Plan,
    commands: Sequence[Command] = (),
    evidence: Sequence[Evidence] = (),
    events: Iterable[StationEvent] = (),
) -> NightFacts:
    """Facts with a first plan and its re-plans."""
    plans = versions or (a_planned_night(),)
    stored = [StoredPlan(kind="replan" if number else "plan", plan=plan) for number, plan in enumerate(plans)]
    ordered = sorted(events, key=lambda event: event.received_at)
    return NightFacts(
        versions=tuple(stored), commands=tuple(commands), evidence=tuple(evidence), events=tuple(ordered)
    )


def report_of(facts: NightFacts, *, depot: Depot | None = None, now: datetime = NEXT_NOON) -> MorningReport:
    return morning_report(depot or a_depot(), facts, now=now)


def a_session(
    charger_id: str = "CP1",
    *,
    vehicle_id: str | None = "V1",
    transaction_id: int = 1,
    start: str = "17:55",
    end: str | None = "07:40",
    meter_start_kwh: float | None = None,
    meter_stop_kwh: float | None = None,
) -> list[StationEvent]:
    """A session from its start to its end."""
    started = TransactionStarted(
        charger_id=charger_id,
        received_at=at(start),
        connector_id=1,
        transaction_id=transaction_id,
        id_tag=None if vehicle_id is None else f"TAG-{vehicle_id}",
        at=at(start),
        meter_start_kwh=meter_start_kwh,
    )
    if end is None:
        return [started]
    ended = TransactionEnded(
        charger_id=charger_id,
        received_at=at(end),
        transaction_id=transaction_id,
        at=at(end),
        meter_stop_kwh=meter_stop_kwh,
    )
    return [started, ended]


def a_reading(
    time: str,
    charger_id: str = "CP1",
    *,
    transaction_id: int | None = 1,
    energy_kwh: float | None = None,
    power_kw: float | None = None,
    soc_percent: float | None = None,
) -> Metered:
    return Metered(
        charger_id=charger_id,
        received_at=at(time),
        connector_id=1,
        transaction_id=transaction_id,
        reading=MeterReading(
            at=at(time),
            received_at=at(time),
            energy_kwh=energy_kwh,
            power_kw=power_kw,
            soc_percent=soc_percent,
        ),
    )


def a_metered_session(
    charger_id: str = "CP1",
    *,
    vehicle_id: str = "V1",
    transaction_id: int = 1,
    start: str = "22:00",
    minutes: int = 90,
    kw: float = FULL_KW,
    arrival_soc_percent: float | None = 40.0,
) -> list[StationEvent]:
    """A session whose register is told every quarter of an hour, with its SoC where that is told at all."""
    events = a_session(
        charger_id,
        vehicle_id=vehicle_id,
        transaction_id=transaction_id,
        meter_start_kwh=100.0,
        meter_stop_kwh=round(100.0 + kw * minutes / 60.0, 3),
    )
    first = at(start)
    moment, energy_kwh = at("18:00"), 100.0
    while moment < at("07:40"):
        soc_percent = None
        if arrival_soc_percent is not None:
            soc_percent = arrival_soc_percent + (energy_kwh - 100.0) * 0.9 / 64.0 * 100.0
        reading = MeterReading(
            at=moment, received_at=moment, energy_kwh=round(energy_kwh, 3), soc_percent=soc_percent
        )
        events.append(
            Metered(
                charger_id=charger_id,
                received_at=moment,
                connector_id=1,
                transaction_id=transaction_id,
                reading=reading,
            )
        )
        if first <= moment < first + timedelta(minutes=minutes):
            energy_kwh += kw / 4.0
        moment += timedelta(minutes=15)
    return events


def connected(charger_id: str = "CP1", *, time: str = "12:00") -> Connected:
    return Connected(charger_id=charger_id, received_at=at(time), subprotocol="ocpp1.6")


def disconnected(
    charger_id: str = "CP1", *, time: str, reason: str = "the socket was closed"
) -> Disconnected:
    return Disconnected(charger_id=charger_id, received_at=at(time), reason=reason)


def booted(charger_id: str = "CP1", *, time: str, firmware: str = "1.0") -> Booted:
    return Booted(charger_id=charger_id, received_at=at(time), vendor="ACME", model="One", firmware=firmware)


def a_command(
    charger_id: str = "CP1",
    *,
    number: int = 1,
    time: str = "17:00",
    layer: Layer = Layer.PLAN,
    outcome: Outcome | None = Outcome.ACCEPTED,
    reason: str = "",
    profile: StationProfile | None = None,
) -> Command:
    slots = {Layer.FLOOR: 11, Layer.PLAN: 12, Layer.OVERRIDE: 13}
    profile = profile or a_profile(profile_id=slots[layer], start=at("12:00"), limits=((0, 16.0),))
    return Command(
        id=number,
        night=NIGHT,
        at=at(time),
        charger_id=charger_id,
        layer=layer,
        profile=profile,
        outcome=outcome,
        reason=reason,
        answered_at=None if outcome is None else at(time) + timedelta(seconds=1),
    )


def an_override(charger_id: str = "CP1", *, time: str = "19:00", transaction_id: int = 1) -> Command:
    profile = a_profile(
        profile_id=13, purpose=Purpose.TX, start=at(time), valid_to=at("07:42"), transaction_id=transaction_id
    )
    return a_command(charger_id, time=time, layer=Layer.OVERRIDE, profile=profile)


def a_look(
    charger_id: str = "CP1",
    *,
    time: str = "17:01",
    rung: Rung = Rung.READ_BACK,
    verdict: Verdict = Verdict.CONFIRMED,
    detail: str = "",
) -> Evidence:
    return Evidence(
        night=NIGHT,
        at=at(time),
        charger_id=charger_id,
        connector_id=1,
        rung=rung,
        verdict=verdict,
        detail=detail,
    )


def a_good_night() -> NightFacts:
    """Two vans that charge as planned at chargers that do as they are told."""
    chargers = ("CP1", "CP2")
    return facts_of(
        commands=[a_command(charger, number=number) for number, charger in enumerate(chargers, start=1)],
        evidence=[a_look(charger) for charger in chargers],
        events=[
            *(connected(charger) for charger in chargers),
            *a_metered_session(),
            *a_metered_session("CP2", vehicle_id="V2", transaction_id=2, start="00:00"),
        ],
    )


def as_planned(plan: Plan, depot: Depot) -> Iterator[StationEvent]:
    """What chargers tell of a night in which every vehicle draws what was planned, in steps of the plan."""
    horizon = plan.horizon
    for number, visit in enumerate(plan.visits, start=1):
        vehicle = depot.vehicle(visit.vehicle_id)
        yield Connected(charger_id=visit.charger_id, received_at=horizon.start, subprotocol="ocpp1.6")
        yield TransactionStarted(
            charger_id=visit.charger_id,
            received_at=visit.arrival,
            connector_id=visit.connector_id,
            transaction_id=number,
            id_tag=vehicle.id_tag,
            at=visit.arrival,
            meter_start_kwh=0.0,
        )
        energy_kwh = 0.0
        shares = horizon.presence(visit.arrival, visit.departure)
        for step, start in enumerate(horizon.starts()):
            energy_kwh += visit.power_kw[step] * float(shares[step]) * horizon.step_h
            end = min(start + timedelta(seconds=horizon.step_s), visit.departure)
            if visit.arrival < end and start < visit.departure:
                gained_kwh = energy_kwh * vehicle.charge_efficiency
                reading = MeterReading(
                    at=end,
                    received_at=end,
                    energy_kwh=energy_kwh,
                    soc_percent=visit.arrival_soc_percent + 100.0 * gained_kwh / vehicle.battery_kwh,
                )
                yield Metered(
                    charger_id=visit.charger_id,
                    received_at=end,
                    connector_id=visit.connector_id,
                    transaction_id=number,
                    reading=reading,
                )
        yield TransactionEnded(
            charger_id=visit.charger_id,
            received_at=visit.departure,
            transaction_id=number,
            at=visit.departure,
            meter_stop_kwh=energy_kwh,
        )
