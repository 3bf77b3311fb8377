"""A simulated charging station that speaks OCPP 2.0.1. Every connector of the depot is an EVSE with one connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from dispatch.simulator.grammar import Grammar
from dispatch.simulator.machine import Handler, Machine, Outgoing
from dispatch.simulator.outlet import Outlet, Stay, Transaction
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import Installed, Rules
from dispatch.simulator.wire201 import events
from dispatch.simulator.wire201.profiles import RULES, Profiles, external, reports
from dispatch.simulator.wire201.requests import GRAMMAR
from dispatch.simulator.wire201.variables import Variables
from optimiser.depot import Charger

TOLD_OF_TAGS = frozenset({"Authorize", "TransactionEvent"})
"""What is answered with the state of a tag: nothing else says that a transaction is not authorised."""


class Machine201(Machine):
    """A charging station of OCPP 2.0.1. A transaction runs while a vehicle is plugged in and authorised."""

    subprotocol: ClassVar[str] = "ocpp2.0.1"
    grammar: ClassVar[Grammar] = GRAMMAR
    rules: ClassVar[Rules] = RULES
    keeps_samples_offline: ClassVar[bool] = True

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
        self._profiles = Profiles(self.smart, persona)
        self._variables = Variables(self.settings, charger=charger, persona=persona, smart=self.smart)
        self._told: dict[int, str] = {}
        self._begun = 0
        self._boot_reason = "PowerUp"
        self._resets_when_idle = False
        self._released_at: datetime | None = None

    def boot_payload(self) -> dict[str, Any]:
        """What the station says of itself (B01)."""
        return {
            "reason": self._boot_reason,
            "chargingStation": {
                "vendorName": (self.charger.vendor or "Depot Overnight")[:50],
                "model": (self.charger.model or "Simulated")[:20],
                "serialNumber": self.charger.id[:25],
                "firmwareVersion": "simulated",
            },
        }

    def payload(self, outgoing: Outgoing) -> dict[str, Any] | None:
        """What to put on the wire for a request, or None if there is no sense in sending it any more."""
        transaction = outgoing.transaction
        if transaction is None or outgoing.action == "Authorize":
            return dict(outgoing.payload)
        # Of a transaction that was refused before it was told of there is nothing to tell.
        return dict(outgoing.payload) if transaction.is_authorized or transaction.was_told else None

    def answered(self, outgoing: Outgoing, answer: Mapping[str, Any], now: datetime) -> None:
        """Take in what the gateway said to a request."""
        transaction = outgoing.transaction
        if transaction is None or outgoing.action not in TOLD_OF_TAGS:
            return
        transaction.was_told |= outgoing.action == "TransactionEvent"
        # An event is answered with the tag's state where it carried the tag, and may be without.
        default = {"status": "Accepted"} if outgoing.action == "TransactionEvent" else {}
        is_known = answer.get("idTokenInfo", default).get("status") == "Accepted"
        if not is_known and transaction.is_running:
            self._deauthorize(transaction, now)

    def start(self, now: datetime) -> None:
        """Begin, or begin again after a reboot; a limit that others hold is told first."""
        self._resets_when_idle = False
        self._boot_reason = "Unknown"
        limit = self.persona.external_limit
        if limit is not None and self._released_at is None:
            self._released_at = now + timedelta(seconds=limit.duration_s)
            held = external(limit, now=now)
            self.smart.install(held)
            payload = {
                "evseId": 0,
                "chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": False},
                "chargingSchedule": list(held.payload["chargingSchedule"]),
            }
            self.outbox.append(Outgoing(action="NotifyChargingLimit", payload=payload))
        super().start(now)

    def advance_to(self, now: datetime) -> None:
        """Let time pass; others let go of their limit when its time has come (K13)."""
        if self._released_at is not None and self._released_at <= now:
            released, self._released_at = self._released_at, None
            super().advance_to(released)
            if self.smart.clear(lambda entry: entry.purpose == "external"):
                payload = {"evseId": 0, "chargingLimitSource": "EMS"}
                self.outbox.append(Outgoing(action="ClearedChargingLimit", payload=payload))
                self._tell_rates_changed(released)
        super().advance_to(now)

    def stop_for_restart(self, now: datetime) -> None:
        """End all transactions, because the station is about to reboot."""
        super().stop_for_restart(now)
        self._boot_reason = "RemoteReset"

    def tell_statuses(self, now: datetime) -> None:
        """Tell the state of every connector, changed or not."""
        for outlet in self.outlets.values():
            self._tell_status(outlet, now)

    def _handlers(self) -> Mapping[str, Handler]:
        return {
            "SetChargingProfile": self._set_charging_profile,
            "ClearChargingProfile": lambda payload, _: self._profiles.clear(payload),
            "GetChargingProfiles": self._get_charging_profiles,
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetVariables": lambda payload, now: {
                "getVariableResult": self._variables.get(payload["getVariableData"], now=now)
            },
            "SetVariables": lambda payload, now: {
                "setVariableResult": self._variables.set(payload["setVariableData"], now=now)
            },
            "GetBaseReport": self._get_base_report,
            "TriggerMessage": self._trigger_message,
            "RequestStartTransaction": self._request_start,
            "RequestStopTransaction": self._request_stop,
            "Reset": self._reset,
        }

    # What it tells

    def _tell_state(self, outlet: Outlet, at: datetime) -> None:
        if self._told.get(outlet.connector.id) != events.connector_status(outlet.reported):
            self._tell_status(outlet, at)
        transaction = outlet.transaction
        if transaction is not None and transaction.is_running and transaction.messages:
            self._tell_event(outlet, transaction, at, trigger="ChargingStateChanged")

    def _tell_status(self, outlet: Outlet, at: datetime) -> None:
        self._told[outlet.connector.id] = events.connector_status(outlet.reported)
        payload = events.status(outlet.connector.id, outlet.reported, at=at)
        self.outbox.append(Outgoing(action="StatusNotification", payload=payload))

    def _tell_begun(self, outlet: Outlet, transaction: Transaction, at: datetime) -> None:
        self._begun += 1
        transaction.transaction_id = events.transaction_id(self.charger.id, transaction, number=self._begun)
        token = events.id_token(transaction.id_tag)
        self.outbox.append(Outgoing(action="Authorize", payload={"idToken": token}, transaction=transaction))
        by_remote = transaction.remote_start_id is not None
        self._tell_event(
            outlet,
            transaction,
            at,
            kind="Started",
            trigger="RemoteStart" if by_remote else "Authorized",
            context="Transaction.Begin",
            **({"remoteStartId": transaction.remote_start_id} if by_remote else {}),
        )
        if self.persona.announces_needs:
            most = self.persona.max_periods
            needs = events.charging_needs(outlet, voltage_v=self._voltage_v, max_tuples=most)
            self.outbox.append(
                Outgoing(action="NotifyEVChargingNeeds", payload=needs, transaction=transaction)
            )

    def _tell_ended(self, outlet: Outlet, transaction: Transaction, at: datetime, *, reason: str) -> None:
        self._tell_event(
            outlet,
            transaction,
            at,
            kind="Ended",
            trigger=events.ENDED_BY[reason],
            context="Transaction.End",
            chargingState="Idle" if reason == "EVDisconnected" else "EVConnected",
            stoppedReason=reason,
        )
        is_idle = not any(other.is_charging for other in self.outlets.values())
        if self._resets_when_idle and is_idle:
            self.restart_reason = "ImmediateReset"

    def _tell_sample(self, outlet: Outlet, at: datetime) -> None:
        if outlet.transaction is not None:
            self._tell_event(
                outlet, outlet.transaction, at, trigger="MeterValuePeriodic", context="Sample.Periodic"
            )

    def _tell_rates_changed(self, at: datetime) -> None:
        """Tell running transactions that a limit from outside has changed what they get (K13.FR.02)."""
        for outlet in self.outlets.values():
            if outlet.transaction is not None and outlet.is_charging:
                self._tell_event(outlet, outlet.transaction, at, trigger="ChargingRateChanged")

    def _tell_event(
        self,
        outlet: Outlet,
        transaction: Transaction,
        at: datetime,
        *,
        trigger: str,
        kind: str = "Updated",
        context: str | None = None,
        **info: Any,
    ) -> None:
        payload = events.transaction_event(
            outlet,
            transaction,
            kind=kind,
            trigger=trigger,
            at=at,
            offline=not self.is_online,
            context=context,
            **{"chargingState": events.CHARGING_STATES[outlet.reported], **info},
        )
        self.outbox.append(
            Outgoing(action="TransactionEvent", payload=payload, transaction=transaction, lasting=True)
        )

    def _foreign(
        self, outlet: Outlet, profile: dict[str, Any], schedule: dict[str, Any], *, profile_id: int
    ) -> Installed:
        written = {**profile, "id": profile_id, "chargingSchedule": [{"id": 1, **schedule}]}
        return self._profiles.read(outlet.connector.id, written)

    def _install_for(self, transaction: Transaction, profile: Installed) -> None:
        payload = {**profile.payload, "transactionId": transaction.transaction_id}
        self.smart.install(self._profiles.read(transaction.connector_id, payload))

    # What the gateway asks

    def _set_charging_profile(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        return self._profiles.set(payload, transactions=self._running())

    def _get_charging_profiles(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        found = self._profiles.found(payload)
        for report in reports(payload["requestId"], found):
            self.outbox.append(Outgoing(action="ReportChargingProfiles", payload=report))
        return {"status": "Accepted" if found else "NoProfiles"}

    def _get_composite_schedule(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        sessions = {evse_id: outlet.session(now) for evse_id, outlet in self.outlets.items()}
        return self._profiles.composite(payload, sessions=sessions, now=now)

    def _get_base_report(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        base = payload["reportBase"]
        if base == "SummaryInventory":
            return {"status": "NotSupported"}
        for report in self._variables.reports(payload["requestId"], base=base, now=now):
            self.outbox.append(Outgoing(action="NotifyReport", payload=report))
        return {"status": "Accepted"}

    def _trigger_message(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        wanted = payload["requestedMessage"]
        evse_id = payload.get("evse", {}).get("id")
        if evse_id is not None and not self.smart.has_connector(evse_id):
            return {"status": "Rejected"}
        if wanted in {"BootNotification", "Heartbeat"}:
            boot = {**self.boot_payload(), "reason": "Triggered"} if wanted == "BootNotification" else {}
            self.outbox.append(Outgoing(action=wanted, payload=boot))
            return {"status": "Accepted"}
        if wanted not in {"MeterValues", "StatusNotification", "TransactionEvent"}:
            return {"status": "NotImplemented"}
        if self._at is None:
            return {"status": "Rejected"}
        for outlet in [self.outlets[evse_id]] if evse_id else self.outlets.values():
            if wanted == "StatusNotification":
                self._tell_status(outlet, now)
            elif wanted == "MeterValues":
                value = events.meter_value(outlet, at=now, context="Trigger")
                meter = {"evseId": outlet.connector.id, "meterValue": [value]}
                self.outbox.append(Outgoing(action="MeterValues", payload=meter))
            elif outlet.transaction is not None and outlet.is_charging:
                self._tell_event(outlet, outlet.transaction, now, trigger="Trigger", context="Trigger")
        return {"status": "Accepted"}

    def _request_start(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        evse_id, profile = payload.get("evseId"), payload.get("chargingProfile")
        if profile is not None:
            objection = self._profiles.objection(evse_id or next(iter(self.outlets)), profile)
            if objection is not None:
                return {"status": "Rejected", "statusInfo": {"reasonCode": objection.reason}}
        begun = self._start_by_remote(
            evse_id,
            now,
            id_tag=payload["idToken"]["idToken"],
            remote_start_id=payload["remoteStartId"],
            profile=None if profile is None else self._profiles.read(evse_id or 0, profile),
        )
        if begun is None:
            return {"status": "Rejected"}
        return {"status": "Accepted", "transactionId": begun.transaction_id}

    def _request_stop(self, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
        for outlet in self.outlets.values():
            running = outlet.transaction if outlet.is_charging else None
            if running is not None and running.transaction_id == payload["transactionId"]:
                self._end(outlet, now, reason="Remote")
                return {"status": "Accepted"}
        return {"status": "Rejected"}

    def _reset(self, payload: dict[str, Any], _: datetime) -> dict[str, Any]:
        if "evseId" in payload:
            return {"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedParam"}}
        if payload["type"] == "OnIdle" and self._running():
            self._resets_when_idle = True
            return {"status": "Scheduled"}
        self.restart_reason = "ImmediateReset"
        return {"status": "Accepted"}

    def _running(self) -> dict[int, int | str | None]:
        """The transactions that run, by EVSE."""
        return {
            evse_id: outlet.transaction.transaction_id
            for evse_id, outlet in self.outlets.items()
            if outlet.transaction is not None and outlet.is_charging
        }
