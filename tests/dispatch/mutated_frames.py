"""Frames as a broken or malicious charger might send them: real ones with something wrong, from one seed."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections.abc import Iterable, Iterator
from typing import Any

from dispatch.station import Outcome
from tests.dispatch.desk_builders import Spoken

STATION_201 = {"chargingStation": {"model": "M", "vendorName": "V"}, "reason": "PowerUp"}
SAMPLE = {"value": "1.5", "measurand": "Power.Active.Import", "unit": "W", "unitOfMeasure": {"unit": "W"}}
METER = [{"timestamp": "2025-11-10T19:00:00Z", "sampledValue": [SAMPLE]}]
EVENT = {
    "eventType": "Updated",
    "timestamp": "2025-11-10T19:00:00Z",
    "triggerReason": "Trigger",
    "seqNo": 1,
    "transactionInfo": {"transactionId": "t", "chargingState": "Charging"},
    "evse": {"id": 1},
    "idToken": {"idToken": "TAG", "type": "ISO14443"},
    "meterValue": METER,
}
SCHEDULE = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]}
PROFILE = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [SCHEDULE],
}
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"} | STATION_201),
    ("Heartbeat", {}),
    ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
    ("StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": "x"}),
    ("MeterValues", {"connectorId": 1, "evseId": 1, "transactionId": 1, "meterValue": METER}),
    (
        "StartTransaction",
        {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "2025-11-10T19:00:00Z"},
    ),
    ("StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": "2025-11-10T19:00:00Z"}),
    ("TransactionEvent", EVENT),
    ("Authorize", {"idTag": "T", "idToken": {"idToken": "T", "type": "Central"}}),
    ("NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "SO"}, "evseId": 1}),
    ("ClearedChargingLimit", {"chargingLimitSource": "SO"}),
    ("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": {"dcChargingParameters": {"stateOfCharge": 5}}}),
    ("ReportChargingProfiles", {"requestId": 1, "evseId": 1, "chargingProfile": [PROFILE]}),
    (
        "NotifyReport",
        {
            "reportData": [
                {
                    "component": {"name": "C"},
                    "variable": {"name": "V"},
                    "variableAttribute": [{"value": "1"}],
                    "variableCharacteristics": {"maxLimit": 1},
                }
            ]
        },
    ),
    ("SecurityEventNotification", {"type": "x", "timestamp": "2025-11-10T19:00:00Z"}),
    ("DataTransfer", {"vendorId": "x"}),
    ("FirmwareStatusNotification", {"status": "Idle"}),
)
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 10**400, 1e308, float("inf"), float("nan"), "", "x" * 5000, "\x00", "\ud800", "-1", [],
    {}, [[]], [None] * 50, {"a": {"b": []}}, "2025-11-10T19:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
)  # fmt: skip
NOISE = '[]{}",:0123456789eE+-.\\u\x00nulltruefalse é電\ud800'


def mutated_frames(seed: int) -> Iterator[str | bytes]:
    """An endless stream of frames, the same for the same seed."""
    source = random.Random(seed)
    for number in range(2**62):
        yield _frame(source, number)


def _frame(source: random.Random, number: int) -> str | bytes:
    kind = source.choice((2, 2, 2, 2, 2, 2, 3, 4, 5, 6, "2", -1))
    action, original = source.choice(CALLS)
    payload = copy.deepcopy(original)
    message_id: Any = (
        f"m{number}" if source.random() < 0.8 else copy.deepcopy(source.choice(("same", "", "-1", *ODD)))
    )
    document: list[Any] = [kind, message_id, action, payload]
    if kind in {3, 4}:
        document = [kind, message_id, *source.choice(([payload], ["GenericError", "", {}], []))]
    for _ in range(source.choice((0, 1, 1, 1, 2, 5))):
        # Mostly in the payload: what is wrong around it is found at once.
        _change(source, payload if payload and source.random() < 0.8 else document)
    text = json.dumps(document)
    if source.random() < 0.2:
        text = _garbled(source, text)
    if source.random() < 0.02:
        text = "[" * source.choice((10, 900, 1100, 50_000)) + text
    if source.random() < 0.02:
        depth = source.choice((10, 500, 990))
        text = f'[2,"d{number}","{action}",' + '{"a":' * depth + "1" + "}" * depth + "]"
    if source.random() < 0.02:
        return text.encode("utf-8", "surrogatepass")
    return text.encode("utf-8", "replace").decode()  # a WebSocket text is UTF-8


def _change(source: random.Random, document: Any) -> None:
    """Change one thing somewhere in a document."""
    place: Any = document
    while True:
        keys = list(place.keys()) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = source.choice(keys)
        deeper = place[key]
        if isinstance(deeper, (dict, list)) and deeper and source.random() < 0.7:
            place = deeper
            continue
        match source.randrange(4):
            case 0:
                place[key] = copy.deepcopy(source.choice(ODD))
            case 1:
                del place[key]
            case 2 if isinstance(place, dict):
                place[source.choice(("extra", "status", "value", "evseId"))] = copy.deepcopy(
                    source.choice(ODD)
                )
            case _:
                place[key] = [deeper]
        return


def _garbled(source: random.Random, text: str) -> str:
    begin = source.randrange(len(text) + 1)
    end = min(len(text), begin + source.randrange(8))
    noise = "".join(source.choice(NOISE) for _ in range(source.randrange(6)))
    return (text[:begin] + noise + text[end:]) if source.random() < 0.8 else text[:begin]


async def survive(spoken: Spoken, frames: Iterable[str | bytes]) -> int:
    """Send frames while a call is pending; everything has to go on as before. Returns the number of answers."""
    pending = asyncio.create_task(spoken.speaker.reset())
    call = json.loads(await spoken.charger.recv())

    async def count_answers() -> int:
        answers = 0
        while (answer := json.loads(await spoken.charger.recv()))[1] != "after":
            assert answer[0] in {3, 4}
            answers += 1
        assert answer[0] == 3
        return answers

    counting = asyncio.create_task(count_answers())
    for frame in frames:
        await spoken.charger.send(frame)
    assert not pending.done()
    await spoken.charger.send(json.dumps([2, "after", "Heartbeat", {}]))
    answers = await counting
    await spoken.charger.send(json.dumps([3, call[1], {"status": "Accepted"}]))
    assert (await pending).outcome is Outcome.ACCEPTED
    return answers
