"""Speaks with one charge point in OCPP 1.6: verbs to requests, its calls to events and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dispatch.connection import OCPP_16, CallRefusedError, Ending
from dispatch.dialect import HEARTBEAT_S, TRIES, CallStation, Desk, Dialect, not_sent, reply
from dispatch.events import Metered, TransactionEnded, TransactionStarted
from dispatch.ocpp16 import SUBPROTOCOL, calls, requests
from dispatch.station import CompositeReply, InstalledReply, ProfileFilter, RateUnit, Reply, StationProfile


class Speaker16:
    """Implements :class:`dispatch.dialect.Speaker`."""

    def __init__(self, desk: Desk, call: CallStation) -> None:
        self._desk = desk
        self._call = call
        self._answers: dict[str, Callable[[Any, datetime], dict[str, Any]]] = {
            "Authorize": self._authorize,
            "BootNotification": self._boot,
            "DataTransfer": lambda payload, _: calls.data_transfer_answer(payload),
            "Heartbeat": lambda payload, now: calls.heartbeat_answer(payload, now=now),
            "MeterValues": self._meter_values,
            "SecurityEventNotification": self._security_event,
            "StartTransaction": self._start_transaction,
            "StatusNotification": self._status_notification,
            "StopTransaction": self._stop_transaction,
        }

    def on_call(self, action: str, payload: Any) -> Mapping[str, Any]:
        """Answer a call of the charge point's."""
        answer = self._answers.get(action)
        if answer is None and action not in calls.ACKNOWLEDGED:
            raise CallRefusedError("NotImplemented", f"{action} is not known here")
        return {} if answer is None else answer(payload, self._desk.now())

    async def greet(self) -> None:
        """Ask what the charge point can hold. What it does not answer stays unknown.

        It comes after the first call: a charge point that has booted speaks first and must not be asked before
        (1.6 §4.2); one that reconnects need not boot at all.
        """
        for _ in range(TRIES):
            answer = await self._call(requests.get_configuration(requests.SMART_CHARGING_KEYS))
            if answer.ending is Ending.RESULT:
                self._desk.configured(requests.configuration(answer))
            if answer.ending is not Ending.NO_ANSWER:
                return

    # Verbs

    async def set_profile(self, profile: StationProfile) -> Reply:
        """Install a profile."""
        answer = await self._call(requests.set_charging_profile(profile))
        return reply(answer, at=self._desk.now())

    async def clear_profile(self, profile_id: int) -> Reply:
        """Remove a profile by its id."""
        answer = await self._call(requests.clear_charging_profile(profile_id))
        return requests.clear_reply(answer, at=self._desk.now())

    async def clear_profiles(self, wanted: ProfileFilter) -> Reply:
        """Remove profiles by what they have in common; all of them with nothing given."""
        answer = await self._call(requests.clear_charging_profiles(wanted))
        return requests.clear_reply(answer, at=self._desk.now())

    async def installed_profiles(self) -> InstalledReply:
        """1.6 has no such question."""
        return InstalledReply(
            reply=not_sent("OCPP 1.6 has no way to ask what is installed", at=self._desk.now())
        )

    async def composite_schedule(
        self, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the charge point will allow from now on."""
        answer = await self._call(
            requests.get_composite_schedule(connector_id=connector_id, duration_s=duration_s, unit=unit)
        )
        return requests.composite_reply(
            answer, at=self._desk.now(), connector_id=connector_id, duration_s=duration_s
        )

    async def configure(self, key: str, value: str) -> Reply:
        """Set a configuration key."""
        answer = await self._call(requests.change_configuration(key, value))
        return requests.configuration_reply(answer, at=self._desk.now())

    async def start_transaction(
        self, *, connector_id: int, id_tag: str, profile: StationProfile | None
    ) -> Reply:
        """Ask the charge point to begin a session."""
        request = requests.remote_start_transaction(connector_id=connector_id, id_tag=id_tag, profile=profile)
        return reply(await self._call(request), at=self._desk.now())

    async def reset(self) -> Reply:
        """Ask the charge point to start anew."""
        return reply(await self._call(requests.reset()), at=self._desk.now())

    async def trigger_meter_values(self, connector_id: int) -> Reply:
        """Ask for a meter reading now."""
        return reply(await self._call(requests.trigger_meter_values(connector_id)), at=self._desk.now())

    # What the charge point says

    def _boot(self, payload: Any, now: datetime) -> dict[str, Any]:
        self._desk.record(calls.booted(payload, charger_id=self._desk.charger_id, received_at=now))
        return calls.boot_answer(now=now, heartbeat_s=HEARTBEAT_S)

    def _status_notification(self, payload: Any, now: datetime) -> dict[str, Any]:
        self._desk.record(calls.status_changed(payload, charger_id=self._desk.charger_id, received_at=now))
        return {}

    def _security_event(self, payload: Any, now: datetime) -> dict[str, Any]:
        self._desk.record(calls.security_noticed(payload, charger_id=self._desk.charger_id, received_at=now))
        return {}

    def _authorize(self, payload: Any, _now: datetime) -> dict[str, Any]:
        return calls.authorize_answer(is_accepted=self._desk.may_charge(calls.id_tag(payload)))

    def _meter_values(self, payload: Any, now: datetime) -> dict[str, Any]:
        for event in calls.metered(payload, charger_id=self._desk.charger_id, received_at=now):
            self._desk.record(event)
        return {}

    def _start_transaction(self, payload: Any, _now: datetime) -> dict[str, Any]:
        request = calls.start_request(payload)
        started = self._desk.begin_transaction(
            connector_id=request.connector_id,
            id_tag=request.id_tag,
            at=request.at,
            meter_start_kwh=request.meter_start_kwh,
        )
        return calls.start_answer(
            transaction_id=int(started.transaction_id), is_accepted=self._desk.may_charge(request.id_tag)
        )

    def _stop_transaction(self, payload: Any, now: datetime) -> dict[str, Any]:
        request = calls.stop_request(payload, received_at=now)
        started = self._started(request.transaction_id)
        if started is None and self._desk.has_ended(request.transaction_id):
            return {}  # it is told again
        if started is not None:
            for reading in request.readings:
                self._desk.record(
                    Metered(
                        charger_id=self._desk.charger_id,
                        received_at=now,
                        connector_id=started.connector_id,
                        transaction_id=started.transaction_id,
                        reading=reading,
                    )
                )
        self._desk.record(
            TransactionEnded(
                charger_id=self._desk.charger_id,
                received_at=now,
                connector_id=started.connector_id if started else None,
                transaction_id=started.transaction_id if started else request.transaction_id,
                at=request.at,
                meter_stop_kwh=request.meter_stop_kwh,
                reason=request.reason,
            )
        )
        return {}

    def _started(self, transaction_id: int) -> TransactionStarted | None:
        """The open transaction that is meant. Some chargers stop transaction 0: it is the only one there is."""
        ours = self._desk.open_transactions()
        if transaction_id <= 0 and len(ours) == 1:
            return ours[0]
        return next((started for started in ours if started.transaction_id == transaction_id), None)


DIALECT = Dialect(
    ocpp="1.6",
    subprotocol=SUBPROTOCOL,
    framing=OCPP_16,
    set_profile=requests.set_charging_profile,
    speaker=Speaker16,
)
"""OCPP 1.6."""
