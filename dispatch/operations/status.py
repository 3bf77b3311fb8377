"""How a depot stands now, for whoever is on duty: gateway, chargers, tonight's departures, power, alerts. Pure.

It judges nothing anew. A departure is at risk where the last plan says so, or where an open alert does; what is known of
its SoC is what the morning report would say of it now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dispatch.alert import Alert, Cause
from dispatch.events import StationEvent
from dispatch.morning.incidents import Incident
from dispatch.morning.readiness import Departure, State
from dispatch.morning.report import MorningReport
from dispatch.overnight.base_load import METERS_OLDEST, measured_base_load_kw
from dispatch.station import ChargerState, LiveState
from dispatch.store.leases import Lease
from dispatch.store.ticks import TickEnd
from optimiser.depot import Depot
from optimiser.plan import Plan

LATE_TICKS = 2.0
"""So many times ``policy.tick_minutes`` may pass without a tick before somebody has to look."""


class Course(StrEnum):
    """How a departure stands."""

    READY = "ready"
    ON_THE_WAY = "on the way"
    AT_RISK = "at risk"
    EXPECTED = "expected"
    NOT_THERE = "not there yet"
    LEFT = "has left"


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """One departure with how it stands. ``short_percent`` and ``short_kwh``: what it will leave without."""

    departure: Departure
    course: Course
    short_percent: float = 0.0
    short_kwh: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Power:
    """What the site draws now beside what it may, grid side. [kW]

    ``chargers_kw`` is the sum of the chargers' meters, of which ``silent`` with a session have told nothing lately.
    ``base_load_kw`` is by the site's meter, or as it was forecast where ``is_forecast``.
    """

    limit_kw: float
    chargers_kw: float
    base_load_kw: float
    is_forecast: bool
    silent: int = 0

    @property
    def site_kw(self) -> float:
        """All that the site draws."""
        return self.chargers_kw + self.base_load_kw


@dataclass(frozen=True, kw_only=True)
class Known:
    """What gateway and store have told. ``live`` is None where the gateway cannot be reached, for the reason ``away``.

    ``store_away`` says why the store cannot be read, where it cannot. ``last_words`` are those of chargers that are
    not connected.
    """

    live: LiveState | None = None
    away: str = ""
    store_away: str = ""
    report: MorningReport | None = None
    alerts: Sequence[Alert] = ()
    tick: TickEnd | None = None
    lease: Lease | None = None
    last_words: Mapping[str, StationEvent] | None = None

    @property
    def plan(self) -> Plan | None:
        """Tonight's last plan."""
        return None if self.report is None else self.report.plan


@dataclass(frozen=True, kw_only=True)
class Status:
    """The depot as it stands at ``now``; ``is_night`` where some night contains it."""

    depot: Depot
    now: datetime
    is_night: bool
    known: Known
    leaving: tuple[Leaving, ...]
    power: Power | None

    @property
    def connected(self) -> list[ChargerState]:
        """The chargers that are there."""
        return [state for state in self._chargers if state.connected_since is not None]

    @property
    def missing(self) -> list[str]:
        """The chargers that are not there, in the depot's order; none where nobody can tell."""
        return [state.charger_id for state in self._chargers if state.connected_since is None]

    @property
    def at_risk(self) -> list[Leaving]:
        """The departures at risk."""
        return [one for one in self.leaving if one.course is Course.AT_RISK]

    @property
    def plan(self) -> Plan | None:
        """Tonight's last plan."""
        return self.known.plan

    @property
    def incidents(self) -> list[Incident]:
        """What of the night still needs a person, by the store."""
        report = self.known.report
        return [] if report is None else [one for one in report.incidents if one.needs_a_person]

    @property
    def is_tick_late(self) -> bool:
        """Whether there should have been a tick: the night is planned, and somebody is still to leave."""
        plan = self.plan
        if plan is None or all(visit.departure <= self.now for visit in plan.visits):
            return False
        tick = self.known.tick
        last = plan.created_at if tick is None else max(tick.at, plan.created_at)
        return self.now - last > LATE_TICKS * timedelta(minutes=self.depot.policy.tick_minutes)

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to look."""
        tick = self.known.tick
        return bool(
            (self.is_night and self.plan is None)
            or self.missing
            or self.at_risk
            or self.is_tick_late
            or self.incidents
            or any(alert.acknowledged_at is None for alert in self.known.alerts)
            or (
                tick is not None
                and self.plan is not None
                and tick.night == self.plan.night
                and tick.exit_code
            )
        )

    @property
    def _chargers(self) -> list[ChargerState]:
        live = self.known.live
        return [] if live is None else [live.charger(charger.id) for charger in self.depot.chargers]


def status_of(depot: Depot, known: Known, *, now: datetime, is_night: bool) -> Status:
    """How a depot stands, by what is known."""
    return Status(
        depot=depot,
        now=now,
        is_night=is_night,
        known=known,
        leaving=tuple(_leaving(known, now)),
        power=None if known.live is None else power_of(depot, known.plan, known.live),
    )


def _leaving(known: Known, now: datetime) -> list[Leaving]:
    if known.report is None:
        return []
    told = {alert.condition.vehicle_id for alert in known.alerts if alert.condition.cause is Cause.DEPARTURE}
    return [
        _one(departure, now, is_told=departure.visit.vehicle_id in told)
        for departure in known.report.departures
    ]


def _one(departure: Departure, now: datetime, *, is_told: bool) -> Leaving:
    visit = departure.visit
    if visit.departure <= now:
        return Leaving(departure=departure, course=Course.LEFT)
    if departure.state is State.READY:
        return Leaving(departure=departure, course=Course.READY)
    if not visit.is_ready or is_told:
        return Leaving(
            departure=departure,
            course=Course.AT_RISK,
            short_percent=max(0.0, visit.required_soc_percent - visit.planned_soc_percent),
            short_kwh=visit.shortfall_kwh,
        )
    if not departure.sessions:
        course = Course.NOT_THERE if now >= visit.arrival else Course.EXPECTED
        return Leaving(departure=departure, course=course)
    return Leaving(departure=departure, course=Course.ON_THE_WAY)


def power_of(depot: Depot, plan: Plan | None, live: LiveState) -> Power:
    """What the site draws now, against tonight's plan where there is one."""
    now = live.now
    limit_kw, base_load_kw = depot.site.transformer_limit_kw, depot.site.base_load_kw
    if plan is not None:
        step = int(plan.horizon.position(now))
        if 0 <= step < plan.horizon.steps:
            limit_kw, base_load_kw = plan.site.limit_kw[step], plan.site.base_load_kw[step]
    measured_kw = measured_base_load_kw(live)
    chargers_kw, silent = _chargers_kw(depot, live, now)
    return Power(
        limit_kw=limit_kw,
        chargers_kw=chargers_kw,
        base_load_kw=base_load_kw if measured_kw is None else measured_kw,
        is_forecast=measured_kw is None,
        silent=silent,
    )


def _chargers_kw(depot: Depot, live: LiveState, now: datetime) -> tuple[float, int]:
    """The sum of the chargers' meters on the grid side [kW], and how many with a session have told nothing lately."""
    total_kw, silent = 0.0, 0
    for charger, connector in depot.connectors():
        state = live.charger(charger.id).connector(connector.id)
        if state.transaction is None:
            continue
        meter = state.meter
        if meter is None or meter.power_kw is None or now - meter.received_at > METERS_OLDEST:
            silent += 1
        else:
            total_kw += meter.power_kw * (connector.grid_per_limit if connector.is_dc else 1.0)
    return total_kw, silent
