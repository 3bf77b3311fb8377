"""Speaks with one charging station in OCPP 2.0.1: verbs to requests, its calls to events and answers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ocpp.v201.enums import Action

from dispatch.connection import OCPP_201, CallAnswer, CallRefusedError, Ending
from dispatch.dialect import (
    HEARTBEAT_S,
    TRIES,
    CallStation,
    Desk,
    Dialect,
    Request,
    not_sent,
    reply,
    reply_with,
    status_of,
)
from dispatch.events import StationEvent, StatusChanged
from dispatch.ocpp201 import SUBPROTOCOL, calls, profiles, requests, transactions, variables
from dispatch.ocpp201.reports import Reports
from dispatch.ocpp201.transactions import Known
from dispatch.station import (
    CompositeReply,
    InstalledReply,
    Outcome,
    ProfileFilter,
    RateUnit,
    Reply,
    StationProfile,
)

AVAILABLE = "Available"
"""Status of a socket that nobody uses."""
MOST_SOCKETS = 16
"""Sockets of one EVSE that are told apart."""
LARGEST_INTEGER = 2**31 - 1
"""Where ids of ours begin anew."""
NOT_YET = CallAnswer(
    ending=Ending.NO_ANSWER, description="not sent: it has not been accepted by us yet (B01.FR.10, B03.FR.03)"
)


class Speaker201:
    """Implements :class:`dispatch.dialect.Speaker`."""

    def __init__(self, desk: Desk, call: CallStation) -> None:
        self._desk = desk
        self._call_station = call
        self._accepted = asyncio.Event()
        if desk.has_booted():
            self._accepted.set()
        self._held: dict[int, StationProfile] = {}
        self._sockets: dict[int, dict[int, str]] = {}
        self._sessions: dict[str, Known] = {}
        self._reports = Reports()
        self._remote_start_ids = itertools.count(int(desk.now().timestamp()))
        self._answers: dict[str, Callable[[Any, datetime], Mapping[str, Any]]] = {
            Action.authorize.value: self._authorize,
            Action.boot_notification.value: self._boot,
            Action.cleared_charging_limit.value: self._recorded(calls.freed),
            Action.data_transfer.value: lambda payload, _: calls.data_transfer_answer(payload),
            Action.heartbeat.value: lambda payload, now: calls.heartbeat_answer(payload, now=now),
            Action.meter_values.value: self._meter_values,
            Action.notify_charging_limit.value: self._recorded(calls.limited),
            Action.notify_ev_charging_needs.value: self._recorded(calls.needs_told, calls.needs_answer),
            Action.notify_ev_charging_schedule.value: lambda _payload, _: calls.schedule_answer(),
            Action.notify_report.value: self._notify_report,
            Action.report_charging_profiles.value: self._report_profiles,
            Action.security_event_notification.value: self._recorded(calls.security_noticed),
            Action.sign_certificate.value: lambda _payload, _: calls.sign_answer(),
            Action.status_notification.value: self._status_notification,
            Action.transaction_event.value: self._transaction_event,
        }

    def on_call(self, action: str, payload: Any) -> Mapping[str, Any]:
        """Answer a call of the station's. Until it is accepted it may only boot (B01.FR.10, B02.FR.09)."""
        if not self._accepted.is_set() and action != Action.boot_notification.value:
            raise CallRefusedError("SecurityError", "BootNotification comes first (B01.FR.10)")
        answer = self._answers.get(action)
        if answer is not None:
            return answer(payload, self._desk.now())
        if action in calls.ACKNOWLEDGED:
            return {}
        code = "NotSupported" if action in calls.KNOWN else "NotImplemented"
        raise CallRefusedError(code, f"{action} is not served here")

    async def greet(self) -> None:
        """Have a station boot that was never accepted here, then ask what it can hold.

        One that refuses to boot was accepted before (F06.FR.17), by the journal that we have lost.
        """
        if not self._accepted.is_set():
            answer = await self._call_station(requests.trigger_boot())
            if answer.ending in {Ending.RESULT, Ending.ERROR} and (
                reply(answer, at=self._desk.now()).outcome is Outcome.REFUSED
            ):
                self._accepted.set()
        await self._accepted.wait()
        for _ in range(TRIES):
            answer = await self._call(variables.get_variables(variables.ASKED))
            if answer.ending is Ending.RESULT:
                self._desk.configured(variables.values(answer))
            if answer.ending is Ending.ERROR:
                await self._ask_one_by_one()
            if answer.ending is not Ending.NO_ANSWER:
                return

    # Verbs

    async def set_profile(self, profile: StationProfile) -> Reply:
        """Install a profile, unless one that the station has accepted in this session stands in its way."""
        request = profiles.set_charging_profile(profile)
        in_the_way = profiles.conflicts(profile, self._held.values())
        if in_the_way:
            return not_sent("; ".join(in_the_way), at=self._desk.now())
        result = reply(await self._call(request), at=self._desk.now())
        if result.outcome is Outcome.ACCEPTED:
            self._held[profile.profile_id] = profile
        return result

    async def clear_profile(self, profile_id: int) -> Reply:
        """Remove a profile by its id."""
        answer = await self._call(requests.clear_charging_profile(profile_id))
        return self._cleared(answer, [profile_id])

    async def clear_profiles(self, wanted: ProfileFilter) -> Reply:
        """Remove profiles by what they have in common."""
        meant = [number for number, profile in self._held.items() if _is_meant(profile, wanted)]
        return self._cleared(await self._call(requests.clear_charging_profiles(wanted)), meant)

    async def installed_profiles(self) -> InstalledReply:
        """Ask what the station holds, and wait for its reports until it says that there are no more."""
        with self._reports.expected() as report:
            answer = await self._call(requests.get_charging_profiles(report.request_id))
            result = reply_with(answer, at=self._desk.now(), also_accepted={requests.NO_PROFILES: ""})
            if result.outcome is not Outcome.ACCEPTED:
                return InstalledReply(reply=result)
            if status_of(answer).lower() == requests.NO_PROFILES.lower():
                return InstalledReply(reply=result, profiles=())
            is_whole = await report.is_whole_within(self._desk.answer_timeout_s)
        if is_whole:
            return InstalledReply(reply=result, profiles=tuple(report.profiles))
        reason = f"accepted, but its report was not whole within {self._desk.answer_timeout_s:g} s"
        late = result.model_copy(
            update={"outcome": Outcome.NO_ANSWER, "reason": reason, "at": self._desk.now()}
        )
        return InstalledReply(reply=late, profiles=tuple(report.profiles) or None)

    async def composite_schedule(
        self, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the station will allow from now on."""
        request = requests.get_composite_schedule(connector_id=connector_id, duration_s=duration_s, unit=unit)
        answer = await self._call(request)
        return requests.composite_reply(
            answer, at=self._desk.now(), connector_id=connector_id, duration_s=duration_s
        )

    async def configure(self, key: str, value: str) -> Reply:
        """Set a variable, by its neutral name."""
        answer = variables.set_answer(await self._call(variables.set_variable(key, value)))
        return reply_with(
            answer, at=self._desk.now(), also_accepted={variables.LATER: "it holds after a reboot"}
        )

    async def start_transaction(
        self, *, connector_id: int, id_tag: str, profile: StationProfile | None
    ) -> Reply:
        """Ask the station to begin a session."""
        request = profiles.request_start_transaction(
            connector_id=connector_id,
            id_token=requests.id_token(id_tag),
            remote_start_id=next(self._remote_start_ids) % LARGEST_INTEGER,
            profile=profile,
        )
        return reply(await self._call(request), at=self._desk.now())

    async def reset(self) -> Reply:
        """Ask the station to start anew."""
        return requests.reset_reply(await self._call(requests.reset()), at=self._desk.now())

    async def trigger_meter_values(self, connector_id: int) -> Reply:
        """Ask for a meter reading now."""
        return reply(await self._call(requests.trigger_meter_values(connector_id)), at=self._desk.now())

    # What the station says

    def _recorded(
        self, read: Callable[..., StationEvent], answer: Callable[[], dict[str, Any]] = dict
    ) -> Callable[[Any, datetime], dict[str, Any]]:
        """The answer to a notification that is one event."""

        def take(payload: Any, now: datetime) -> dict[str, Any]:
            self._desk.record(read(payload, charger_id=self._desk.charger_id, received_at=now))
            return answer()

        return take

    def _boot(self, payload: Any, now: datetime) -> dict[str, Any]:
        self._desk.record(calls.booted(payload, charger_id=self._desk.charger_id, received_at=now))
        self._accepted.set()
        return calls.boot_answer(now=now, heartbeat_s=HEARTBEAT_S)

    def _status_notification(self, payload: Any, now: datetime) -> dict[str, Any]:
        """An EVSE with several sockets is available only when all of them are."""
        event, socket = calls.status_changed(payload, charger_id=self._desk.charger_id, received_at=now)
        sockets = self._sockets.setdefault(event.connector_id, {})
        if len(sockets) < MOST_SOCKETS or socket in sockets:
            sockets[socket] = event.status
        in_use = [status for status in sockets.values() if status != AVAILABLE]
        status = event.status if event.status in in_use or not in_use else in_use[0]
        self._desk.record(_with_status(event, status))
        return {}

    def _authorize(self, payload: Any, _now: datetime) -> dict[str, Any]:
        fields = calls.fields_of(payload, Action.authorize)
        fields.require("idToken")
        tag = calls.id_tag(fields)
        return calls.authorize_answer(is_accepted=tag is None or self._desk.may_charge(tag))

    def _meter_values(self, payload: Any, now: datetime) -> dict[str, Any]:
        for event in calls.metered(payload, charger_id=self._desk.charger_id, received_at=now):
            self._desk.record(event)
        return {}

    def _transaction_event(self, payload: Any, now: datetime) -> dict[str, Any]:
        message = transactions.read(payload, received_at=now)
        answer = transactions.take(message, desk=self._desk, now=now, known=self._sessions)
        if message.is_end or self._desk.has_ended(message.transaction_id):
            # The station removes what was for this session alone (K02.FR.05).
            gone = [
                n for n, profile in self._held.items() if profile.transaction_id == message.transaction_id
            ]
            for number in gone:
                del self._held[number]
        return answer

    def _notify_report(self, payload: Any, _now: datetime) -> dict[str, Any]:
        self._desk.configured(variables.reported(calls.fields_of(payload, Action.notify_report)))
        return {}

    def _report_profiles(self, payload: Any, now: datetime) -> dict[str, Any]:
        self._reports.take(calls.fields_of(payload, Action.report_charging_profiles), received_at=now)
        return {}

    async def _call(self, request: Request) -> CallAnswer:
        return await self._call_station(request) if self._accepted.is_set() else NOT_YET

    async def _ask_one_by_one(self) -> None:
        """Ask for each variable by itself: some stations take only few at once (ItemsPerMessage)."""
        for variable in variables.ASKED:
            answer = await self._call(variables.get_variables([variable]))
            if answer.ending is Ending.RESULT:
                self._desk.configured(variables.values(answer))
            elif answer.ending is not Ending.ERROR:
                return

    def _cleared(self, answer: CallAnswer, meant: list[int]) -> Reply:
        result = requests.clear_reply(answer, at=self._desk.now())
        if result.outcome is Outcome.ACCEPTED:
            for number in meant:
                self._held.pop(number, None)
        return result


DIALECT = Dialect(
    ocpp="2.0.1",
    subprotocol=SUBPROTOCOL,
    framing=OCPP_201,
    set_profile=profiles.set_charging_profile,
    speaker=Speaker201,
)
"""OCPP 2.0.1."""


def _is_meant(profile: StationProfile, wanted: ProfileFilter) -> bool:
    return (
        wanted.connector_id in {None, profile.connector_id}
        and wanted.purpose in {None, profile.purpose}
        and wanted.stack_level in {None, profile.stack_level}
    )


def _with_status(event: StatusChanged, status: str) -> StatusChanged:
    return event.model_copy(update={"status": status})
