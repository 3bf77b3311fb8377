"""The seam between a charger's OCPP version and everything above it.

A :class:`Dialect` is one version. Its :class:`Speaker` speaks with one charger over one socket: neutral verbs in
one direction, neutral events in the other. What it needs to know of the depot it asks of a :class:`Desk`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dispatch.connection import CallAnswer, Ending, Framing
from dispatch.events import StationEvent, TransactionStarted
from dispatch.frames import JsonText, json_text, printable
from dispatch.station import (
    CompositeReply,
    InstalledReply,
    Outcome,
    ProfileFilter,
    RateUnit,
    Reply,
    StationProfile,
    TransactionId,
)

HEARTBEAT_S = 300
"""How often a charger is asked to send a heartbeat, which also sets its clock. [s]"""
TRIES = 2
"""A question that comes at once after a boot is sometimes not answered (SAP's simulator)."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A call of ours: its action, and its payload as the text that is sent."""

    action: str
    text: JsonText

    @classmethod
    def of(cls, action: str, payload: Mapping[str, Any]) -> Request:
        """A request with this payload."""
        return cls(action=action, text=json_text(payload))

    @property
    def payload(self) -> dict[str, Any]:
        """What the text says, read anew."""
        return dict(json.loads(self.text))


CallStation = Callable[[Request], Awaitable[CallAnswer]]


class Desk(Protocol):
    """What a dialect may ask of whoever holds the socket of one charger."""

    @property
    def charger_id(self) -> str:
        """Whose socket it is."""

    @property
    def answer_timeout_s(self) -> float:
        """How long the charger may take for what it sends after an answer. [s]"""

    def now(self) -> datetime:
        """The clock that the chargers share."""

    def record(self, event: StationEvent) -> None:
        """Write an event down before its message is answered, then take it in."""

    def configured(self, configuration: Mapping[str, str]) -> None:
        """Take in what the charger says of its configuration, beside what it has said before."""

    def may_charge(self, id_tag: str) -> bool:
        """Whether a tag is accepted."""

    def has_booted(self) -> bool:
        """Whether the charger was ever accepted here."""

    def open_transactions(self) -> Sequence[TransactionStarted]:
        """The charger's sessions that have begun and not ended."""

    def has_ended(self, transaction_id: TransactionId) -> bool:
        """Whether a session is known to be over."""

    def begin_transaction(
        self, *, connector_id: int, id_tag: str, at: datetime, meter_start_kwh: float
    ) -> TransactionStarted:
        """Give a session an id and record it; one that is told again with the same facts keeps the id it has."""


class Speaker(Protocol):
    """One charger in its own language. What it does or fails to do is a reply, never raised.

    The verbs are those of :class:`dispatch.station.Stations`. They raise
    :class:`dispatch.station.UnsendableError` for what must not be sent to any charger of this version.
    """

    def on_call(self, action: str, payload: Any) -> Mapping[str, Any]:
        """Answer a call of the charger's. Raises :class:`dispatch.connection.CallRefusedError`."""

    async def greet(self) -> None:
        """What is asked once a session, after the charger's first call."""

    async def set_profile(self, profile: StationProfile) -> Reply:
        """Install a profile."""

    async def clear_profile(self, profile_id: int) -> Reply:
        """Remove a profile by its id."""

    async def clear_profiles(self, wanted: ProfileFilter) -> Reply:
        """Remove profiles by what they have in common."""

    async def installed_profiles(self) -> InstalledReply:
        """Ask what the charger holds."""

    async def composite_schedule(
        self, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the charger will allow from now on."""

    async def configure(self, key: str, value: str) -> Reply:
        """Set a configuration key."""

    async def start_transaction(
        self, *, connector_id: int, id_tag: str, profile: StationProfile | None
    ) -> Reply:
        """Ask the charger to begin a session."""

    async def reset(self) -> Reply:
        """Ask the charger to start anew."""

    async def trigger_meter_values(self, connector_id: int) -> Reply:
        """Ask for a meter reading now."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """An OCPP version; ``ocpp`` is its name in ``depot.yaml``, ``subprotocol`` that in the WebSocket handshake.

    ``set_profile`` writes the request that installs a profile and raises UnsendableError for one that must not be sent.
    """

    ocpp: str
    subprotocol: str
    framing: Framing
    set_profile: Callable[[StationProfile], Request]
    speaker: Callable[[Desk, CallStation], Speaker]


def reply(answer: CallAnswer, *, at: datetime) -> Reply:
    """What came of a request that is answered with a status. Only "Accepted" is accepted, in any case."""
    if answer.ending is Ending.NOT_CONNECTED:
        outcome, reason = Outcome.NOT_CONNECTED, answer.description
    elif answer.ending is Ending.NO_ANSWER:
        outcome, reason = Outcome.NO_ANSWER, answer.description
    elif answer.ending is Ending.ERROR:
        outcome, reason = Outcome.REFUSED, _joined(answer.code, answer.description)
    else:
        status = status_of(answer)
        is_accepted = status.lower() == "accepted"
        outcome = Outcome.ACCEPTED if is_accepted else Outcome.REFUSED
        reason = "" if is_accepted else _joined(status or "answered without a status", *_status_info(answer))
    return Reply(outcome=outcome, reason=printable(reason), message_id=answer.message_id, at=at)


def reply_with(answer: CallAnswer, *, at: datetime, also_accepted: Mapping[str, str]) -> Reply:
    """As :func:`reply`, with further statuses that mean that it is done, each with its reason."""
    result = reply(answer, at=at)
    by_status = {status.lower(): reason for status, reason in also_accepted.items()}
    reason = by_status.get(status_of(answer).lower())
    if reason is None or answer.ending is not Ending.RESULT:
        return result
    return result.model_copy(update={"outcome": Outcome.ACCEPTED, "reason": reason})


def not_sent(reason: str, *, at: datetime, outcome: Outcome = Outcome.REFUSED) -> Reply:
    """The reply to what was never sent, because of what the charger holds or is."""
    return Reply(outcome=outcome, reason=f"not sent: {reason}", at=at)


def status_of(answer: CallAnswer) -> str:
    """The status in an answer, empty where there is none."""
    status = answer.payload.get("status") if isinstance(answer.payload, dict) else None
    return status.strip() if isinstance(status, str) else ""


def _status_info(answer: CallAnswer) -> list[str]:
    """Why, where a charger says so (``statusInfo``, 2.0.1)."""
    info = answer.payload.get("statusInfo") if isinstance(answer.payload, dict) else None
    words = [info.get("reasonCode"), info.get("additionalInfo")] if isinstance(info, dict) else []
    return [word for word in words if isinstance(word, str)]


def _joined(*words: str) -> str:
    return ": ".join(word for word in words if word)
