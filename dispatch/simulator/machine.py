"""A simulated charge point without its network: connectors, vehicles and profiles, driven by time and requests.

What is the same in every OCPP version. :mod:`dispatch.simulator.wire16` and :mod:`dispatch.simulator.wire201` put it
into words; :mod:`dispatch.simulator.charge_point` carries those over a socket.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from dispatch.connection import CallRefusedError
from dispatch.simulator.grammar import Grammar, check_request
from dispatch.simulator.outlet import Outlet, Stay, Transaction
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import Installed, Rules
from dispatch.simulator.smart_charging import SmartCharging
from dispatch.simulator.vehicle import Limit, PluggedVehicle
from optimiser.depot import Charger, Connector
from optimiser.horizon import format_instant

log = logging.getLogger(__name__)

ABOUT_PROFILES = frozenset(
    {"SetChargingProfile", "ClearChargingProfile", "GetChargingProfiles", "GetCompositeSchedule"}
)
"""The requests of smart charging, in any version."""
MOST_REPLAYED = 200
"""How many samples of a meter are kept while there is no connection."""

FOREIGN_ID = 900_000
"""Profile ids of another system begin here, far from any gateway's."""

Handler = Callable[[dict[str, Any], datetime], dict[str, Any]]
OnCharge = Callable[[int, datetime, float, PluggedVehicle | None, Limit], None]
"""Sees what happens on a connector: from when (the charge point's clock), for how many seconds, which vehicle, as
full as it was then (None: nothing is charged), under which limit."""
OnLeave = Callable[[Stay, PluggedVehicle], None]
"""Sees who leaves, as full as it is then."""


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A request to the gateway; what must not be lost with a connection is ``lasting``.

    The id of its ``transaction`` may be filled in when it is sent, for in 1.6 it comes late.
    """

    action: str
    payload: Mapping[str, Any]
    transaction: Transaction | None = None
    lasting: bool = False


@dataclass(kw_only=True)
class Settings:
    """What the gateway may change. [s]; a meter interval of 0 is no samples."""

    meter_interval_s: float
    heartbeat_interval_s: float = 0.0


class Machine(ABC):
    """The state of one charge point; ``stays`` are the vehicles of the night by connector."""

    subprotocol: ClassVar[str]
    grammar: ClassVar[Grammar]
    rules: ClassVar[Rules]
    keeps_samples_offline: ClassVar[bool]

    def __init__(
        self,
        *,
        charger: Charger,
        stays: Mapping[int, Sequence[Stay]],
        voltage_v: float,
        persona: Persona,
        meter_interval_s: float,
    ) -> None:
        self.charger = charger
        self.persona = persona
        self.outbox: deque[Outgoing] = deque()
        self.restart_reason: str | None = None
        self.is_online = True
        self.settings = Settings(meter_interval_s=meter_interval_s)
        self.smart = SmartCharging(charger=charger, voltage_v=voltage_v, persona=persona, rules=self.rules)
        self.outlets = {
            connector.id: Outlet.with_stays(connector, stays.get(connector.id, ()), voltage_v=voltage_v)
            for connector in charger.connectors
        }
        self.on_charge: OnCharge | None = None
        self.on_leave: OnLeave | None = None
        self._voltage_v = voltage_v
        self._at: datetime | None = None
        self._sampled_at: datetime | None = None

    # What the gateway hears and says

    def is_silent_to(self, action: str) -> bool:
        """Whether a request gets no answer at all."""
        is_known = action in self.grammar.requests and (
            self.persona.smart_charging or action not in ABOUT_PROFILES
        )
        if not is_known:
            return self.persona.never_answers_unknown_actions
        return action == "SetChargingProfile" and self.persona.never_answers_profiles

    def handle(self, action: str, payload: object, now: datetime) -> dict[str, Any]:
        """The answer to a request of the gateway.

        Raises :class:`dispatch.connection.CallRefusedError` where the answer is a CALLERROR.
        """
        if action in ABOUT_PROFILES & self.grammar.requests.keys():
            if not self.persona.smart_charging:
                raise CallRefusedError("NotSupported", f"{action} is not supported here")
            if self.persona.accepts_everything:
                return {"status": "Accepted"}
        request = check_request(self.grammar, action, payload)
        if self._at is not None:
            self.advance_to(now)
        answer = self._handlers()[action](request, now)
        if self._at is not None:
            self._apply_limits(now)
        return answer

    @abstractmethod
    def boot_payload(self) -> dict[str, Any]:
        """What the charge point says of itself."""

    @abstractmethod
    def payload(self, outgoing: Outgoing) -> dict[str, Any] | None:
        """What to put on the wire for a request, or None if there is no sense in sending it any more."""

    @abstractmethod
    def answered(self, outgoing: Outgoing, answer: Mapping[str, Any], now: datetime) -> None:
        """Take in what the gateway said to a request."""

    # How a night goes

    def start(self, now: datetime) -> None:
        """Begin, or begin again after a reboot: who is here is plugged in, and every connector is told.

        A vehicle that came before is plugged in as full as it came: nothing charged it before the charge point
        was there.
        """
        if self._at is None:
            self._at = now
            for outlet in self.outlets.values():
                while outlet.stays and outlet.stays[0].departure <= now:
                    outlet.stays.popleft()
        self.restart_reason = None
        self._charge_until(now)  # nobody was charged while it was away: no transaction ran
        self.tell_statuses(now)
        for outlet in self.outlets.values():
            if outlet.stay is not None and not outlet.is_charging:
                self._begin(outlet, now, id_tag=outlet.stay.vehicle.id_tag)
        self.advance_to(now)

    def advance_to(self, now: datetime) -> None:
        """Let time pass: vehicles come, charge and go, each at its instant, and connectors change their state."""
        self.smart.follow(self._at or now)
        while True:
            changes = [(at, outlet) for outlet in self.outlets.values() if (at := outlet.next_change())]
            at, outlet = min(changes, key=lambda change: change[0], default=(None, None))
            settled = self.smart.next_change()
            if settled is not None and settled <= now and (at is None or settled <= at):
                self._charge_until(settled)
                self.smart.follow(settled)
                continue
            if at is None or outlet is None or at > now:
                break
            self._charge_until(at)
            self._change(outlet, max(at, self._at or at))
            self.smart.follow(at)
        self._charge_until(now)
        self._apply_limits(now)

    def next_change(self) -> datetime | None:
        """When the next vehicle comes or goes, or a limit begins to be followed, if that is known."""
        changes = [outlet.next_change() for outlet in self.outlets.values()]
        return min((at for at in (*changes, self.smart.next_change()) if at is not None), default=None)

    def sample_meters(self, now: datetime) -> None:
        """Send what the meters of all running transactions show."""
        self._sampled_at = now
        for outlet in self.outlets.values():
            if outlet.is_charging:
                self._tell_sample(outlet, now)

    def disconnected(self) -> None:
        """The connection is lost: whatever happens from now on is told later."""
        self.is_online = False
        if self.persona.loses_profiles_on_disconnect:
            self.smart.clear(lambda entry: entry.purpose != "external")

    def reconnected(self, now: datetime) -> None:
        """The gateway is there again, and is told what happened meanwhile."""
        if self.keeps_samples_offline or self.persona.replays_meter_values:
            for at in self._missed_samples(now):
                self.advance_to(at)
                self.sample_meters(at)
        self.advance_to(now)
        self.is_online = True
        if not self.persona.silent_on_reconnect:
            self.tell_statuses(now)

    def stop_for_restart(self, now: datetime) -> None:
        """End all transactions, because the charge point is about to reboot."""
        for outlet in self.outlets.values():
            self._end(outlet, now, reason=self.restart_reason or "Other")
        if self.persona.loses_profiles_on_reboot:
            self.smart.clear(lambda entry: entry.purpose != "external")

    def meddle(self, *, level: int, limit_kw: float, now: datetime) -> None:
        """Take a default profile of another system for every connector: one limit in total, from now on without end."""
        if self._at is not None:
            self.advance_to(now)
        for outlet in self.outlets.values():
            unit, per_kw = _worth_of_kw(outlet.connector, self.smart.units, voltage_v=self._voltage_v)
            schedule = {
                "startSchedule": format_instant(now),
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": round(limit_kw * per_kw, 1)}],
            }
            profile = {
                "stackLevel": level,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute",
            }
            foreign_id = FOREIGN_ID + outlet.connector.id
            self.smart.install(self._foreign(outlet, profile, schedule, profile_id=foreign_id))
        if self._at is not None:
            self._apply_limits(now)

    def _charge_until(self, now: datetime) -> None:
        if self._at is None or now <= self._at:
            return
        sharers = self._sharers()
        for outlet in (taken for taken in self.outlets.values() if taken.plugged is not None):
            session, begin = outlet.session(self._at), self._at
            for seconds, limit in self.smart.limits(session, start=self._at, end=now, sharers=sharers):
                if self.on_charge is not None:
                    charged = outlet.plugged if outlet.is_charging else None
                    self.on_charge(outlet.connector.id, begin, seconds, charged, limit)
                    begin += timedelta(seconds=seconds)
                outlet.charge(seconds, limit)
        self._at = now

    def _apply_limits(self, now: datetime) -> None:
        """Put the limits of this instant in force, and tell the states that follow from them."""
        self.smart.follow(now)
        sharers = self._sharers()
        for outlet in self.outlets.values():
            outlet.limit = self.smart.limit_at(outlet.session(now), now, sharers=sharers)
            if self.persona.zero_ends_transaction and outlet.limit.is_zero:
                self._end(outlet, now, reason="Other")
            self._show_state(outlet, now)

    def _show_state(self, outlet: Outlet, at: datetime) -> None:
        if outlet.state != outlet.reported:
            outlet.reported = outlet.state
            self._tell_state(outlet, at)

    def _sharers(self) -> int:
        return max(1, sum(outlet.is_charging for outlet in self.outlets.values()))

    def _missed_samples(self, now: datetime) -> list[datetime]:
        """When the meters would have been sampled since they last were."""
        interval_s = self.settings.meter_interval_s
        if self._sampled_at is None or interval_s <= 0:
            return []
        count = int((now - self._sampled_at).total_seconds() / interval_s)
        first = max(1, count - MOST_REPLAYED + 1)
        return [self._sampled_at + timedelta(seconds=interval_s * n) for n in range(first, count + 1)]

    def _change(self, outlet: Outlet, at: datetime) -> None:
        """The next vehicle comes, or the present one begins to be preconditioned or goes."""
        if outlet.is_to_be_preconditioned:
            outlet.precondition()
            return
        if outlet.stay is None:
            stay = outlet.plug_in()
            vehicle, soc_percent = stay.vehicle, stay.arrival_soc_percent
            log.info("%s %s plugged in at %.0f %%", self.charger.id, vehicle.id, soc_percent)
            self._begin(outlet, at, id_tag=vehicle.id_tag)
            return
        if outlet.plugged is not None:
            soc_percent = outlet.plugged.soc_percent
            log.info("%s %s left at %.0f %%", self.charger.id, outlet.stay.vehicle.id, soc_percent)
            if self.on_leave is not None:
                self.on_leave(outlet.stay, outlet.plugged)
        self._end(outlet, at, reason="EVDisconnected")
        outlet.unplug()

    def _begin(
        self, outlet: Outlet, at: datetime, *, id_tag: str, remote_start_id: int | None = None
    ) -> Transaction:
        outlet.reported = "Preparing"
        self._tell_state(outlet, at)
        transaction = outlet.start(id_tag=id_tag, at=at, remote_start_id=remote_start_id)
        self.smart.transaction_began(outlet.connector.id)
        self._tell_begun(outlet, transaction, at)
        return transaction

    def _end(self, outlet: Outlet, at: datetime, *, reason: str) -> None:
        transaction = outlet.transaction
        if transaction is None or not transaction.is_running:
            return
        transaction.is_running = False
        self.smart.transaction_ended(outlet.connector.id)
        self._tell_ended(outlet, transaction, at, reason=reason)
        outlet.reported = "Finishing"
        self._tell_state(outlet, at)

    def _deauthorize(self, transaction: Transaction, now: datetime) -> None:
        """The gateway does not know the tag of a transaction."""
        transaction.is_authorized = False
        log.info("%s %s is not authorised", self.charger.id, transaction.id_tag)
        outlet = self.outlets[transaction.connector_id]
        if outlet.transaction is transaction:
            self._end(outlet, now, reason="DeAuthorized")
            self._apply_limits(now)

    def _start_by_remote(
        self,
        connector_id: int | None,
        now: datetime,
        *,
        id_tag: str,
        remote_start_id: int | None = None,
        profile: Installed | None = None,
    ) -> Transaction | None:
        """Begin where a vehicle waits, with a profile for the transaction; None where none waits or it is refused."""
        waiting = [
            outlet
            for outlet in self.outlets.values()
            if outlet.plugged is not None
            and not outlet.is_charging
            and connector_id in {None, outlet.connector.id}
        ]
        if not waiting or (profile is not None and self._minds(profile)):
            return None
        transaction = self._begin(waiting[0], now, id_tag=id_tag, remote_start_id=remote_start_id)
        if profile is not None:
            self._install_for(transaction, profile)
        return transaction

    def _minds(self, profile: Installed) -> bool:
        """Whether a profile that comes with a remote start is refused (1.6 §5.16.2, 2.0.1 K05.FR.02)."""
        is_right = profile.purpose == "transaction" and profile.transaction_id is None
        refused = self.persona.refuses_start_with_profile or self.smart.objection(profile) is not None
        return refused or not is_right

    # What a version puts into words

    @abstractmethod
    def tell_statuses(self, now: datetime) -> None:
        """Tell the state of the charge point and of every connector, changed or not."""

    @abstractmethod
    def _handlers(self) -> Mapping[str, Handler]:
        """What answers a request, by action."""

    @abstractmethod
    def _tell_state(self, outlet: Outlet, at: datetime) -> None:
        """A connector has another state."""

    @abstractmethod
    def _tell_begun(self, outlet: Outlet, transaction: Transaction, at: datetime) -> None:
        """A transaction has begun, if its tag is authorised."""

    @abstractmethod
    def _tell_ended(self, outlet: Outlet, transaction: Transaction, at: datetime, *, reason: str) -> None:
        """A transaction has ended."""

    @abstractmethod
    def _tell_sample(self, outlet: Outlet, at: datetime) -> None:
        """It is time for a reading of the meter during a transaction."""

    @abstractmethod
    def _foreign(
        self, outlet: Outlet, profile: dict[str, Any], schedule: dict[str, Any], *, profile_id: int
    ) -> Installed:
        """A profile of another system, given its parts that both versions call by the same names."""

    @abstractmethod
    def _install_for(self, transaction: Transaction, profile: Installed) -> None:
        """Take the profile that a transaction was begun with."""


def _worth_of_kw(connector: Connector, units: tuple[str, ...], *, voltage_v: float) -> tuple[str, float]:
    """A unit that a charge point takes, and what a kW at a connector is in it."""
    if connector.is_dc or units[0] == "W":
        return "W", 1000.0
    return "A", 1000.0 / (voltage_v * connector.phases)
