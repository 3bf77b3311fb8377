"""What a gateway tells Prometheus: what it has counted, and how the depot stands by live state and store.

Everything is worked out when somebody asks, in a thread of its own, and what the store has is asked for no more often
than every :data:`STORE_FRESH_S`: who scrapes too often costs nobody an answer. Labels are ids of the depot and fixed
words, so that their number is bounded by ``depot.yaml``.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import PrivateAttr

from dispatch.alert import Cause
from dispatch.evidence import Rung, Verdict
from dispatch.floors import targets
from dispatch.gateway.metrics import GatewayMetrics
from dispatch.journal import Journal, JournalError
from dispatch.occupants import occupants, wirings
from dispatch.operations.status import power_of
from dispatch.safety import bottlenecks, room, worst_case_kw
from dispatch.station import ChargerState, LiveState
from dispatch.store.alerts import AlertBook
from dispatch.store.standing import latest_verdicts
from dispatch.store.ticks import TickBook, TickEnd
from dispatch.tracks import begin_tracks
from optimiser.depot import Depot
from optimiser.horizon import Horizon
from optimiser.plan import Plan

log = logging.getLogger(__name__)

STORE_FRESH_S = 15.0
"""For so long what was read of the store is told again, [s]"""
STORE_SHARE = 60.0
"""and for so many times as long as it took: a depot of 5,000 chargers takes four seconds of a core, a usual one none."""
RUNGS = {rung: number for number, rung in enumerate(Rung, start=1)}
"""How high a rung is: 1 planned, 2 sent, 3 accepted, 4 read back, 5 metered."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the store has for the moment; ``worst_kw`` and ``room_kw`` are what chargers may draw, and may be given."""

    plan: Plan | None
    tick: TickEnd | None
    ticks: Mapping[int, int]
    alerts: Mapping[Cause, int]
    verdicts: Mapping[tuple[str, int], Mapping[Rung, Verdict]]
    worst_kw: Mapping[str, float]
    room_kw: Mapping[str, float]


@dataclass(kw_only=True)
class Exporter:
    """Tells all metrics of one gateway as text. Safe to be called from several threads."""

    depot: Depot
    journal: Journal
    counted: GatewayMetrics
    seconds: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stale_at_s: float = -math.inf
    _stored: Stored | None = None

    def __call__(self, live: LiveState) -> bytes:
        """The metrics of a live state, in Prometheus' text format."""
        live = _Indexed.of(live)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(list(families(self.depot, live, self._read(live)))))
        return generate_latest(self.counted.registry) + generate_latest(registry)

    def _read(self, live: LiveState) -> Stored | None:
        """What the store has, None where it cannot be read."""
        with self._lock:
            begun_s = self.seconds()
            if begun_s >= self._stale_at_s:
                try:
                    self._stored = read_store(self.depot, self.journal, live)
                except JournalError as error:
                    log.warning("the store cannot be read: %s", error, extra={"event": "store_failed"})
                    self._stored = None
                took_s = self.seconds() - begun_s
                self._stale_at_s = begun_s + max(STORE_FRESH_S, STORE_SHARE * took_s)
            return self._stored


def read_store(depot: Depot, journal: Journal, live: LiveState) -> Stored:
    """What the store has of now. Raises :class:`dispatch.journal.JournalError`."""
    plan = _plan_now(depot, journal, live.now)
    alerts = AlertBook(engine=journal.engine).open()
    book = TickBook(engine=journal.engine)
    worst_kw: Mapping[str, float] = {}
    room_kw: Mapping[str, float] = {}
    if plan is not None:
        worst_kw, room_kw = worst_and_room_kw(depot, plan, journal, live)
    return Stored(
        plan=plan,
        tick=book.latest(),
        ticks=book.counts(),
        alerts={cause: sum(alert.condition.cause is cause for alert in alerts) for cause in Cause},
        verdicts={} if plan is None else latest_verdicts(journal.engine, plan.night),
        worst_kw=worst_kw,
        room_kw=room_kw,
    )


def worst_and_room_kw(
    depot: Depot, plan: Plan, journal: Journal, live: LiveState
) -> tuple[dict[str, float], dict[str, float]]:
    """What chargers may draw now at worst, and what they may be given, at every limit in kW. [kW]

    As a tick counts: full power where nothing is proven. A look counts until two ticks later, for the next one comes a
    little late.
    """
    patient = replace(depot, policy=replace(depot.policy, tick_minutes=2 * depot.policy.tick_minutes))
    ledger = journal.ledger(since=live.now - timedelta(hours=1))
    wired = wirings(depot, occupants(depot, plan, live))
    tracks = begin_tracks(patient, ledger, targets(depot, plan), live, wired)
    for track in tracks:
        if track.seen_before is not None:
            track.take_read_back(track.seen_before)
    limits = [limit for limit in bottlenecks(depot) if limit.measure == "kw"]
    instants = (live.now,)
    worst = worst_case_kw([track.holding for track in tracks], limits, instants)
    return (
        {name: float(values[0]) for name, values in worst.items()},
        {limit.name: float(room(limit, depot, plan, instants)[0]) for limit in limits},
    )


def families(depot: Depot, live: LiveState, stored: Stored | None) -> Iterator[Metric]:
    """Every metric of the depot's state."""
    yield from _of_chargers(depot, live)
    yield from _of_power(depot, live, None if stored is None else stored.plan)
    yield _gauge("depot_store_up", "Whether the store can be read.", float(stored is not None))
    if stored is not None:
        yield from _of_night(depot, stored)
        yield from _of_ticks(stored, live.now)


def _of_chargers(depot: Depot, live: LiveState) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        "depot_charger_connected", "Whether a charger is connected.", labels=["charger_id"]
    )
    count = 0
    for charger in depot.chargers:
        is_there = live.charger(charger.id).connected_since is not None
        count += is_there
        connected.add_metric([charger.id], float(is_there))
    sessions = sum(one.transaction is not None for state in live.chargers for one in state.connectors)
    yield connected
    yield _gauge("depot_chargers", "Chargers of the depot.", float(len(depot.chargers)))
    yield _gauge("depot_chargers_connected", "Chargers that are connected.", float(count))
    yield _gauge("depot_sessions", "Sessions that run.", float(sessions))


def _of_power(depot: Depot, live: LiveState, plan: Plan | None) -> Iterator[Metric]:
    power = power_of(depot, plan, live)
    yield _gauge(
        "depot_site_power_kilowatts", "What the site draws, chargers by their meters.", power.site_kw
    )
    yield _gauge("depot_site_limit_kilowatts", "What the site may draw now.", power.limit_kw)
    yield _gauge(
        "depot_charging_power_kilowatts", "What the chargers draw by their meters.", power.chargers_kw
    )
    base = "What the building draws, by its meter or else as forecast."
    yield _gauge("depot_base_load_kilowatts", base, power.base_load_kw)
    yield _gauge(
        "depot_base_load_is_forecast", "Whether no meter tells the base load.", float(power.is_forecast)
    )
    silent = "Sessions of which no meter has told lately."
    yield _gauge("depot_sessions_without_meter", silent, float(power.silent))


def _of_night(depot: Depot, stored: Stored) -> Iterator[Metric]:
    plan = stored.plan
    worst = GaugeMetricFamily(
        "depot_worst_case_kilowatts",
        "The most that the chargers below a limit may draw now; full power where nothing is proven.",
        labels=["limit"],
    )
    given = GaugeMetricFamily(
        "depot_worst_case_limit_kilowatts", "What the chargers below a limit may draw now.", labels=["limit"]
    )
    for name, value in stored.worst_kw.items():
        worst.add_metric([name], value)
        given.add_metric([name], stored.room_kw[name])
    rung = GaugeMetricFamily(
        "depot_connector_rung",
        "The highest confirmed rung: 0 none, 1 planned, 2 sent, 3 accepted, 4 read back, 5 metered.",
        labels=["charger_id", "connector_id"],
    )
    contradicted = GaugeMetricFamily(
        "depot_connector_contradicted",
        "Whether the last read-back or meter shows more than the connector may draw.",
        labels=["charger_id", "connector_id"],
    )
    for charger, connector in depot.connectors():
        verdicts = stored.verdicts.get((charger.id, connector.id), {})
        labels = [charger.id, str(connector.id)]
        confirmed = [RUNGS[one] for one, verdict in verdicts.items() if verdict is Verdict.CONFIRMED]
        rung.add_metric(labels, float(max(confirmed, default=RUNGS[Rung.PLANNED] if plan else 0)))
        looks = (verdicts.get(Rung.READ_BACK), verdicts.get(Rung.METERED))
        contradicted.add_metric(labels, float(Verdict.CONTRADICTED in looks))
    yield from (worst, given, rung, contradicted)
    short = [] if plan is None else [visit for visit in plan.visits if not visit.is_ready]
    yield _gauge(
        "depot_night_planned", "Whether a plan of the night that is now is stored.", float(plan is not None)
    )
    departures = 0 if plan is None else len(plan.visits)
    yield _gauge("depot_departures", "Departures of the night.", float(departures))
    yield _gauge("depot_departures_short", "Departures that the last plan leaves short.", float(len(short)))
    missing_kwh = sum(visit.shortfall_kwh for visit in short)
    yield _gauge("depot_shortfall_kilowatthours", "What the last plan leaves vehicles without.", missing_kwh)
    alerts = GaugeMetricFamily("depot_alerts_open", "Alerts that are not over.", labels=["cause"])
    for cause, count in stored.alerts.items():
        alerts.add_metric([cause.value], float(count))
    yield alerts


def _of_ticks(stored: Stored, now: datetime) -> Iterator[Metric]:
    ticks = CounterMetricFamily(
        "depot_ticks", "Ticks that have ended, by what cron was told.", labels=["exit_code"]
    )
    for exit_code in range(5):
        ticks.add_metric([str(exit_code)], float(stored.ticks.get(exit_code, 0)))
    yield ticks
    if stored.tick is not None:
        age_s = (now - stored.tick.at).total_seconds()
        yield _gauge("depot_last_tick_age_seconds", "How long ago the last tick has ended.", age_s)
        code = float(stored.tick.exit_code)
        yield _gauge("depot_last_tick_exit_code", "What cron was told by the last tick.", code)


class _Indexed(LiveState):
    """A live state that finds a charger at once: of 5,000 every one is asked for, several times."""

    _by_id: dict[str, ChargerState] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, live: LiveState) -> _Indexed:
        """The same state."""
        found = cls.model_construct(
            now=live.now, chargers=live.chargers, site=live.site, vehicles=live.vehicles
        )
        found._by_id.update({state.charger_id: state for state in live.chargers})  # noqa: SLF001
        return found

    def charger(self, charger_id: str) -> ChargerState:
        """The state of a charger; an absent one if it was never seen."""
        return self._by_id.get(charger_id) or ChargerState(charger_id=charger_id)


class _Families(Collector):
    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)


def _plan_now(depot: Depot, journal: Journal, now: datetime) -> Plan | None:
    """The last plan of the night that contains an instant."""
    today = Horizon(start=now, step_s=1, steps=1, timezone=depot.timezone).local(now).date()
    for night in (today, today - timedelta(days=1)):
        plan = journal.latest_plan(night)
        if plan is not None and plan.horizon.start <= now < plan.horizon.end:
            return plan
    return None
