"""A simulated charge point that speaks OCPP 1.6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from dispatch.connection import CallRefusedError
from dispatch.simulator.grammar import Grammar
from dispatch.simulator.machine import Handler, Machine, Outgoing
from dispatch.simulator.outlet import Measured, Outlet, State, Stay, Transaction
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import Installed, Rules
from dispatch.simulator.wire16.configuration import Configuration
from dispatch.simulator.wire16.profiles import RULES, Profiles
from dispatch.simulator.wire16.requests import GRAMMAR
from optimiser.depot import Charger
from optimiser.horizon import format_instant


class Machine16(Machine):
    """A charge point of OCPP 1.6."""

    subprotocol: ClassVar[str] = "ocpp1.6"
    grammar: ClassVar[Grammar] = GRAMMAR
    rules: ClassVar[Rules] = RULES
    keeps_samples_offline: ClassVar[bool] = False

    def __init__(
        self,
        *,
        charger: Charger,
        stays: Mapping[int, Sequence[Stay]],
        voltage_v: float,
        persona: Persona,
        meter_interval_s: float,
    ) -> None:
        super().__init__(
            charger=charger,
            stays=stays,
            voltage_v=voltage_v,
            persona=persona,
            meter_interval_s=meter_interval_s,
        )
        self.configuration = Configuration(
            self.settings, persona=persona, units=self.smart.units, connectors=len(self.outlets)
        )
        self._profiles = Profiles(self.smart, persona)

    def boot_payload(self) -> dict[str, Any]:
        """What the charge point says of itself; OCPP 1.6 allows 20 characters of vendor and of model."""
        return {
            "chargePointVendor": (self.charger.vendor or "Depot Overnight")[:20],
            "chargePointModel": (self.charger.model or "Simulated")[:20],
            "chargePointSerialNumber": self.charger.id[:25],
            "firmwareVersion": "simulated",
        }

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
        if answer.get("idTagInfo", {}).get("status") != "Accepted":
            self._deauthorize(transaction, now)

    def tell_statuses(self, now: datetime) -> None:
        """Tell the state of the charge point and of every connector, changed or not."""
        self._tell_status(0, "Available", now)
        for outlet in self.outlets.values():
            self._tell_state(outlet, now)

    def _handlers(self) -> Mapping[str, Handler]:
        return {
            "SetChargingProfile": self._set_charging_profile,
            "ClearChargingProfile": lambda payload, _: self._profiles.clear(payload),
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetConfiguration": lambda payload, _: self.configuration.get(payload.get("key", [])),
            "ChangeConfiguration": self._change_configuration,
            "TriggerMessage": self._trigger_message,
            "Reset": self._reset,
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
        }

    # What it tells

    def _tell_state(self, outlet: Outlet, at: datetime) -> None:
        self._tell_status(outlet.connector.id, outlet.reported, at)

    def _tell_status(self, connector_id: int, state: State, at: datetime) -> None:
        payload = {
            "connectorId": connector_id,
            "errorCode": "NoError",
            "status": state,
            "timestamp": format_instant(at),
        }
        self.outbox.append(Outgoing(action="StatusNotification", payload=payload))

    def _tell_begun(self, outlet: Outlet, transaction: Transaction, at: datetime) -> None:
        id_tag = transaction.id_tag
        self.outbox.append(Outgoing(action="Authorize", payload={"idTag": id_tag}, transaction=transaction))
        payload = {
            "connectorId": outlet.connector.id,
            "idTag": id_tag,
            "meterStart": outlet.register_wh,
            "timestamp": format_instant(at),
        }
        self.outbox.append(
            Outgoing(action="StartTransaction", payload=payload, transaction=transaction, lasting=True)
        )

    def _tell_ended(self, outlet: Outlet, transaction: Transaction, at: datetime, *, reason: str) -> None:
        payload = {
            "idTag": transaction.id_tag,
            "meterStop": outlet.register_wh,
            "timestamp": format_instant(at),
            "reason": reason,
        }
        self.outbox.append(
            Outgoing(action="StopTransaction", payload=payload, transaction=transaction, lasting=True)
        )

    def _tell_sample(self, outlet: Outlet, at: datetime) -> None:
        self._send_meter_values(outlet, at, context="Sample.Periodic")

    def _send_meter_values(self, outlet: Outlet, at: datetime, *, context: str) -> None:
        samples = [_sampled(value, context=context) for value in outlet.measured()]
        payload = {
            "connectorId": outlet.connector.id,
            "meterValue": [{"timestamp": format_instant(at), "sampledValue": samples}],
        }
        transaction = outlet.transaction if outlet.is_charging else None
        self.outbox.append(Outgoing(action="MeterValues", payload=payload, transaction=transaction))

    def _foreign(
        self, outlet: Outlet, profile: dict[str, Any], schedule: dict[str, Any], *, profile_id: int
    ) -> Installed:
        written = {**profile, "chargingProfileId": profile_id, "chargingSchedule": schedule}
        return self._profiles.read(outlet.connector.id, written)

    def _install_for(self, transaction: Transaction, profile: Installed) -> None:
        # The transaction's id is not known yet: the profile belongs to whatever runs on the connector.
        self.smart.install(self._profiles.read(transaction.connector_id, profile.payload))

    # What the gateway asks

    def _set_charging_profile(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        running = {
            connector_id: outlet.transaction.transaction_id
            for connector_id, outlet in self.outlets.items()
            if outlet.transaction is not None and outlet.is_charging
        }
        return self._profiles.set(payload, transactions=running)

    def _get_composite_schedule(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        sessions = {connector_id: outlet.session(now) for connector_id, outlet in self.outlets.items()}
        return self._profiles.composite(payload, sessions=sessions, now=now)

    def _change_configuration(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        return {"status": self.configuration.change(payload["key"], payload["value"])}

    def _trigger_message(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        wanted = payload["requestedMessage"]
        connector_id = payload.get("connectorId")
        if connector_id is not None and not self.smart.has_connector(connector_id):
            raise CallRefusedError("PropertyConstraintViolation", f"there is no connector {connector_id}")
        if self._at is None and wanted != "BootNotification":
            return {"status": "Rejected"}
        outlets = [self.outlets[connector_id]] if connector_id else list(self.outlets.values())
        if wanted == "MeterValues":
            for outlet in outlets:
                self._send_meter_values(outlet, now, context="Trigger")
        elif wanted == "StatusNotification":
            for outlet in outlets:
                self._tell_state(outlet, now)
        elif wanted == "BootNotification":
            self.outbox.append(Outgoing(action=wanted, payload=self.boot_payload()))
        elif wanted == "Heartbeat":
            self.outbox.append(Outgoing(action=wanted, payload={}))
        else:
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    def _reset(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        self.restart_reason = "HardReset" if payload["type"] == "Hard" else "SoftReset"
        return {"status": "Accepted"}

    def _remote_start(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        connector_id = payload.get("connectorId")
        profile = payload.get("chargingProfile")
        begun = self._start_by_remote(
            connector_id,
            now,
            id_tag=payload["idTag"],
            profile=None if profile is None else self._profiles.read(connector_id or 0, profile),
        )
        return {"status": "Rejected" if begun is None else "Accepted"}

    def _remote_stop(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        for outlet in self.outlets.values():
            running = outlet.transaction if outlet.is_charging else None
            if running is not None and running.transaction_id == payload["transactionId"]:
                self._end(outlet, now, reason="Remote")
                return {"status": "Accepted"}
        return {"status": "Rejected"}


def _sampled(value: Measured, *, context: str) -> dict[str, str]:
    """A ``sampledValue`` of OCPP 1.6, where every value is a text; a register counts whole Wh."""
    digits = 0 if value.unit == "Wh" else 1
    sampled = {
        "value": f"{value.value:.{digits}f}",
        "context": context,
        "measurand": value.measurand,
        "unit": value.unit,
    }
    places = {"phase": value.phase, "location": value.location}
    return sampled | {key: text for key, text in places.items() if text is not None}
