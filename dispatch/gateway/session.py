"""One charger's socket: what its calls do and are answered with, for as long as it is open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.connection import CallRefusedError, Connection, Ending, Frame, Socket
from dispatch.events import Connected, Disconnected, Metered, TransactionEnded, TransactionStarted
from dispatch.gateway.live import Clock, LiveDepot
from dispatch.journal import Journal
from dispatch.ocpp16 import SUBPROTOCOL, calls, requests
from optimiser.depot import Depot

log = logging.getLogger(__name__)

HEARTBEAT_S = 300
"""How often a charger is asked to send a heartbeat, which also sets its clock. [s]"""
CONFIGURATION_TRIES = 2
"""A question that comes at once after a boot is sometimes not answered (SAP's simulator)."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all sessions share."""

    depot: Depot
    journal: Journal
    live: LiveDepot
    clock: Clock
    call_timeout_s: float

    def may_charge(self, id_tag: str) -> bool:
        """Whether a tag is accepted: those of the depot's vehicles always, strangers where they get a floor.

        Under ``policy.unknown_vehicle: hold`` a stranger is answered Invalid. Tags are compared without case
        (they are CiString20 in 1.6).
        """
        if self.depot.policy.unknown_vehicle == "floor":
            return True
        return id_tag.lower() in {vehicle.id_tag.lower() for vehicle in self.depot.vehicles}


class Session:
    """A charger that is connected. ``connection`` is the way to call it."""

    def __init__(self, charger_id: str, socket: Socket, *, surroundings: Surroundings) -> None:
        self.charger_id = charger_id
        self.connection = Connection(
            socket,
            on_call=self._on_call,
            on_frame=self._on_frame,
            call_timeout_s=surroundings.call_timeout_s,
        )
        self._around = surroundings
        self._has_spoken = asyncio.Event()
        self._is_over = False
        self._answers: dict[str, Callable[[Any, datetime], dict[str, Any]]] = {
            "Authorize": self._authorize,
            "BootNotification": self._boot,
            "DataTransfer": lambda payload, _: calls.data_transfer_answer(payload),
            "Heartbeat": lambda _, now: calls.heartbeat_answer(now=now),
            "MeterValues": self._meter_values,
            "StartTransaction": self._start_transaction,
            "StatusNotification": self._status_notification,
            "StopTransaction": self._stop_transaction,
        }

    async def run(self, *, replaces: Session | None = None) -> None:
        """Serve the charger until its socket is closed. An older socket of it is closed: the newest one wins."""
        if replaces is not None:
            replaces.end("replaced by a newer socket")
        self._around.live.record(
            Connected(charger_id=self.charger_id, received_at=self._around.clock(), subprotocol=SUBPROTOCOL)
        )
        log.info("%s has connected", self.charger_id)
        try:
            async with asyncio.TaskGroup() as tasks:
                if replaces is not None:
                    tasks.create_task(replaces.connection.close(1000, "replaced by a newer socket"))
                asking = tasks.create_task(self._ask_configuration())
                await self.connection.run()
                asking.cancel()
        finally:
            self.end("the socket was closed")

    def end(self, reason: str) -> None:
        """Record, once, that the charger is away."""
        if self._is_over:
            return
        self._is_over = True
        log.info("%s has disconnected: %s", self.charger_id, reason)
        self._around.live.record(
            Disconnected(charger_id=self.charger_id, received_at=self._around.clock(), reason=reason)
        )

    def _on_frame(self, frame: Frame) -> None:
        self._around.journal.record_message(
            at=self._around.clock(),
            charger_id=self.charger_id,
            direction=frame.direction,
            action=frame.action,
            message_id=frame.message_id,
            frame=frame.text.replace("\x00", "\ufffd"),  # PostgreSQL stores no NUL
        )

    async def _on_call(self, action: str, payload: Any) -> Mapping[str, Any]:
        now = self._around.clock()
        answer = self._answers.get(action)
        if answer is None and action not in calls.ACKNOWLEDGED:
            raise CallRefusedError("NotImplemented", f"{action} is not known here")
        result = {} if answer is None else answer(payload, now)
        self._has_spoken.set()
        return result

    async def _ask_configuration(self) -> None:
        """Ask once a session what the charger can hold, after its first call.

        A charger that has booted speaks first and must not be asked before (1.6 §4.2); one that reconnects
        need not boot at all. What it does not answer stays unknown.
        """
        await self._has_spoken.wait()
        request = requests.get_configuration(requests.SMART_CHARGING_KEYS)
        for _ in range(CONFIGURATION_TRIES):
            answer = await self.connection.call(request.action, request.payload)
            if answer.ending is Ending.RESULT:
                self._around.live.configured(self.charger_id, requests.configuration(answer))
            if answer.ending is not Ending.NO_ANSWER:
                return

    # What the charger says

    def _boot(self, payload: Any, now: datetime) -> dict[str, Any]:
        self._around.live.record(calls.booted(payload, charger_id=self.charger_id, received_at=now))
        return calls.boot_answer(now=now, heartbeat_s=HEARTBEAT_S)

    def _status_notification(self, payload: Any, now: datetime) -> dict[str, Any]:
        self._around.live.record(calls.status_changed(payload, charger_id=self.charger_id, received_at=now))
        return {}

    def _authorize(self, payload: Any, _now: datetime) -> dict[str, Any]:
        return calls.authorize_answer(is_accepted=self._around.may_charge(calls.id_tag(payload)))

    def _meter_values(self, payload: Any, now: datetime) -> dict[str, Any]:
        for event in calls.metered(payload, charger_id=self.charger_id, received_at=now):
            self._around.live.record(event)
        return {}

    def _start_transaction(self, payload: Any, now: datetime) -> dict[str, Any]:
        """A start that comes again, with the same facts, is the same transaction."""
        request = calls.start_request(payload)
        started = self._around.journal.find_transaction(
            charger_id=self.charger_id,
            connector_id=request.connector_id,
            id_tag=request.id_tag,
            at=request.at,
            meter_start_kwh=request.meter_start_kwh,
        )
        if started is None:
            started = TransactionStarted(
                charger_id=self.charger_id,
                received_at=now,
                connector_id=request.connector_id,
                transaction_id=self._around.journal.next_transaction_id(),
                id_tag=request.id_tag,
                at=request.at,
                meter_start_kwh=request.meter_start_kwh,
            )
            self._around.live.record(started)
        return calls.start_answer(
            transaction_id=int(started.transaction_id),
            is_accepted=self._around.may_charge(request.id_tag),
        )

    def _stop_transaction(self, payload: Any, now: datetime) -> dict[str, Any]:
        request = calls.stop_request(payload, received_at=now)
        started = self._started(request.transaction_id)
        if started is None and self._around.live.has_ended(self.charger_id, request.transaction_id):
            return {}  # it is told again
        if started is not None:
            for reading in request.readings:
                self._around.live.record(
                    Metered(
                        charger_id=self.charger_id,
                        received_at=now,
                        connector_id=started.connector_id,
                        transaction_id=started.transaction_id,
                        reading=reading,
                    )
                )
        self._around.live.record(
            TransactionEnded(
                charger_id=self.charger_id,
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
        ours = [t for t in self._around.journal.open_transactions() if t.charger_id == self.charger_id]
        if transaction_id <= 0 and len(ours) == 1:
            return ours[0]
        return next((started for started in ours if started.transaction_id == transaction_id), None)
