"""A simulated charge point without its network: connectors, profiles and configuration, driven by time and requests.

It answers requests and puts what it has to say into its outbox; :mod:`dispatch.simulator.charge_point` carries
both over a socket.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.connection import CallRefusedError
from dispatch.simulator.configuration import Configuration
from dispatch.simulator.outlet import Outlet, Status, Stay, Transaction
from dispatch.simulator.persona import Persona
from dispatch.simulator.smart_charging import SmartCharging
from dispatch.simulator.wire import check_request
from optimiser.depot import Charger
from optimiser.horizon import format_instant

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A request to the gateway; the id of its transaction is filled in when it is sent, for it may come late."""

    action: str
    payload: Mapping[str, Any]
    transaction: Transaction | None = None


class Machine:
    """The state of one charge point; ``stays`` are the vehicles of the night by connector."""

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
        self.smart = SmartCharging(charger=charger, voltage_v=voltage_v, persona=persona)
        self.outlets = {
            connector.id: Outlet.with_stays(connector, stays.get(connector.id, ()), voltage_v=voltage_v)
            for connector in charger.connectors
        }
        self.configuration = Configuration(
            persona=persona,
            units=self.smart.units,
            connectors=len(self.outlets),
            meter_interval_s=meter_interval_s,
        )
        self._at: datetime | None = None
        self._handlers: dict[str, Callable[[dict[str, Any], datetime], dict[str, Any]]] = {
            "SetChargingProfile": self._set_charging_profile,
            "ClearChargingProfile": lambda payload, _: self.smart.clear_profile(payload),
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetConfiguration": lambda payload, _: self.configuration.get(payload.get("key", [])),
            "ChangeConfiguration": self._change_configuration,
            "TriggerMessage": self._trigger_message,
            "Reset": self._reset,
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
        }

    def handle(self, action: str, payload: object, now: datetime) -> dict[str, Any]:
        """The answer to a request of the gateway.

        Raises :class:`dispatch.connection.CallRefusedError` where the answer is a CALLERROR.
        """
        request = check_request(action, payload)
        if self._at is not None:
            self.advance_to(now)
        answer = self._handlers[action](request, now)
        if self._at is not None:
            self._apply_limits(now)
        return answer

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
        self.tell_statuses(now)
        for outlet in self.outlets.values():
            if outlet.stay is not None and not outlet.is_charging:
                self._begin(outlet, now, id_tag=outlet.stay.vehicle.id_tag)
        self.advance_to(now)

    def advance_to(self, now: datetime) -> None:
        """Let time pass: vehicles come, charge and go, each at its instant, and connectors change their state."""
        while True:
            changes = [
                (change, outlet) for outlet in self.outlets.values() if (change := outlet.next_change())
            ]
            at, outlet = min(changes, key=lambda change: change[0], default=(None, None))
            if at is None or outlet is None or at > now:
                break
            self._charge_until(at)
            self._change(outlet, max(at, self._at or at))
        self._charge_until(now)
        self._apply_limits(now)

    def tell_statuses(self, now: datetime) -> None:
        """Tell the state of the charge point and of every connector, changed or not."""
        self._tell_status(0, "Available", now)
        for connector_id, outlet in self.outlets.items():
            self._tell_status(connector_id, outlet.reported, now)

    def sample_meters(self, now: datetime) -> None:
        """Send what the meters of all running transactions show."""
        for outlet in self.outlets.values():
            if outlet.is_charging:
                self._send_meter_values(outlet, now, context="Sample.Periodic")

    def stop_for_restart(self, now: datetime) -> None:
        """End all transactions, because the charge point is about to reboot."""
        for outlet in self.outlets.values():
            self._end(outlet, now, reason=self.restart_reason or "Other")

    def payload(self, outgoing: Outgoing) -> dict[str, Any] | None:
        """What to put on the wire for a request, or None if there is no sense in sending it any more."""
        transaction = outgoing.transaction
        if transaction is None or outgoing.action == "Authorize":
            return dict(outgoing.payload)
        if outgoing.action == "StartTransaction":
            return dict(outgoing.payload) if transaction.is_authorized else None
        if transaction.transaction_id is None:
            return None
        return {**outgoing.payload, "transactionId": transaction.transaction_id}

    def answered(self, outgoing: Outgoing, answer: Mapping[str, Any], now: datetime) -> None:
        """Take in what the gateway said to a request."""
        transaction = outgoing.transaction
        if transaction is None or outgoing.action not in {"Authorize", "StartTransaction"}:
            return
        if outgoing.action == "StartTransaction":
            transaction.transaction_id = answer.get("transactionId")
        if answer.get("idTagInfo", {}).get("status") == "Accepted":
            return
        transaction.is_authorized = False
        log.info("%s %s is not authorised", self.charger.id, transaction.id_tag)
        outlet = self.outlets[transaction.connector_id]
        if outlet.transaction is transaction:
            self._end(outlet, now, reason="DeAuthorized")
            self._apply_limits(now)

    # How a night goes

    def _charge_until(self, now: datetime) -> None:
        if self._at is None or now <= self._at:
            return
        sharers = self._sharers()
        for outlet in self.outlets.values():
            session = outlet.session(self._at)
            for seconds, limit in self.smart.limits(session, start=self._at, end=now, sharers=sharers):
                outlet.charge(seconds, limit)
        self._at = now

    def _apply_limits(self, now: datetime) -> None:
        """Put the limits of this instant in force, and tell the states that follow from them."""
        sharers = self._sharers()
        for connector_id, outlet in self.outlets.items():
            outlet.limit = self.smart.limit_at(outlet.session(now), now, sharers=sharers)
            if outlet.status != outlet.reported:
                outlet.reported = outlet.status
                self._tell_status(connector_id, outlet.reported, now)

    def _sharers(self) -> int:
        return max(1, sum(outlet.is_charging for outlet in self.outlets.values()))

    def _change(self, outlet: Outlet, at: datetime) -> None:
        """The next vehicle comes, or the present one goes."""
        if outlet.stay is None:
            stay = outlet.plug_in()
            vehicle, soc_percent = stay.vehicle, stay.arrival_soc_percent
            log.info("%s %s plugged in at %.0f %%", self.charger.id, vehicle.id, soc_percent)
            self._begin(outlet, at, id_tag=vehicle.id_tag)
            return
        if outlet.plugged is not None:
            soc_percent = outlet.plugged.soc_percent
            log.info("%s %s left at %.0f %%", self.charger.id, outlet.stay.vehicle.id, soc_percent)
        self._end(outlet, at, reason="EVDisconnected")
        outlet.unplug()

    def _begin(self, outlet: Outlet, at: datetime, *, id_tag: str) -> None:
        outlet.reported = "Preparing"
        self._tell_status(outlet.connector.id, outlet.reported, at)
        transaction = outlet.start(id_tag=id_tag, at=at)
        self.outbox.append(Outgoing(action="Authorize", payload={"idTag": id_tag}, transaction=transaction))
        payload = {
            "connectorId": outlet.connector.id,
            "idTag": id_tag,
            "meterStart": outlet.register_wh,
            "timestamp": format_instant(at),
        }
        self.outbox.append(Outgoing(action="StartTransaction", payload=payload, transaction=transaction))

    def _end(self, outlet: Outlet, at: datetime, *, reason: str) -> None:
        transaction = outlet.transaction
        if transaction is None or not transaction.is_running:
            return
        transaction.is_running = False
        self.smart.transaction_ended(outlet.connector.id)
        payload = {
            "idTag": transaction.id_tag,
            "meterStop": outlet.register_wh,
            "timestamp": format_instant(at),
            "reason": reason,
        }
        self.outbox.append(Outgoing(action="StopTransaction", payload=payload, transaction=transaction))
        outlet.reported = "Finishing"
        self._tell_status(outlet.connector.id, outlet.reported, at)

    def _tell_status(self, connector_id: int, status: Status, at: datetime) -> None:
        payload = {
            "connectorId": connector_id,
            "errorCode": "NoError",
            "status": status,
            "timestamp": format_instant(at),
        }
        self.outbox.append(Outgoing(action="StatusNotification", payload=payload))

    def _send_meter_values(self, outlet: Outlet, at: datetime, *, context: str) -> None:
        payload = {
            "connectorId": outlet.connector.id,
            "meterValue": [outlet.meter_value(at=at, context=context)],
        }
        transaction = outlet.transaction if outlet.is_charging else None
        self.outbox.append(Outgoing(action="MeterValues", payload=payload, transaction=transaction))

    # What the gateway asks

    def _set_charging_profile(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        running = {
            connector_id: outlet.transaction.transaction_id
            for connector_id, outlet in self.outlets.items()
            if outlet.transaction is not None and outlet.is_charging
        }
        return self.smart.set_profile(payload, transactions=running)

    def _get_composite_schedule(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        sessions = {connector_id: outlet.session(now) for connector_id, outlet in self.outlets.items()}
        return self.smart.composite_schedule(payload, sessions=sessions, now=now)

    def _change_configuration(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        return {"status": self.configuration.change(payload["key"], payload["value"])}

    def _trigger_message(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        wanted = payload["requestedMessage"]
        connector_id = payload.get("connectorId")
        if connector_id is not None and connector_id != 0 and connector_id not in self.outlets:
            raise CallRefusedError("PropertyConstraintViolation", f"there is no connector {connector_id}")
        if self._at is None and wanted != "BootNotification":
            return {"status": "Rejected"}
        outlets = [self.outlets[connector_id]] if connector_id else list(self.outlets.values())
        if wanted == "MeterValues":
            for outlet in outlets:
                self._send_meter_values(outlet, now, context="Trigger")
        elif wanted == "StatusNotification":
            for outlet in outlets:
                self._tell_status(outlet.connector.id, outlet.reported, now)
        elif wanted == "BootNotification":
            self.outbox.append(Outgoing(action=wanted, payload=self.boot_payload()))
        elif wanted == "Heartbeat":
            self.outbox.append(Outgoing(action=wanted, payload={}))
        else:
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    def boot_payload(self) -> dict[str, Any]:
        """What the charge point says of itself; OCPP 1.6 allows 20 characters of vendor and of model."""
        return {
            "chargePointVendor": (self.charger.vendor or "Depot Overnight")[:20],
            "chargePointModel": (self.charger.model or "Simulated")[:20],
            "chargePointSerialNumber": self.charger.id[:25],
            "firmwareVersion": "simulated",
        }

    def _reset(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        self.restart_reason = "HardReset" if payload["type"] == "Hard" else "SoftReset"
        return {"status": "Accepted"}

    def _remote_start(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        # A profile in the request is not taken up, so the whole request is not either.
        waiting = [
            outlet
            for connector_id, outlet in self.outlets.items()
            if outlet.plugged is not None
            and not outlet.is_charging
            and payload.get("connectorId", connector_id) == connector_id
        ]
        if not waiting or "chargingProfile" in payload:
            return {"status": "Rejected"}
        self._begin(waiting[0], now, id_tag=payload["idTag"])
        return {"status": "Accepted"}

    def _remote_stop(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        for outlet in self.outlets.values():
            running = outlet.transaction if outlet.is_charging else None
            if running is not None and running.transaction_id == payload["transactionId"]:
                self._end(outlet, now, reason="Remote")
                return {"status": "Accepted"}
        return {"status": "Rejected"}
