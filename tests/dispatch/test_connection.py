from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from dispatch import connection as framing
from dispatch.connection import CallRefusedError, Ending
from dispatch.frames import printable
from tests.dispatch.wire_builders import SOON_S, Wire, a_wire

JUNK = (
    "",
    "junk",
    "{}",
    "[]",
    "null",
    "[2]",
    '[2,"id"',
    "[[2]]",
    '[{"2":2}]',
    '[2,5,"Heartbeat",{}]',
    '[2,null,"Heartbeat",{}]',
    '[2,"\\ud800","Heartbeat",{}]',
    '[2,"' + "x" * 300 + '","Heartbeat",{}]',
    '[3,"",{}]',
    '[4,"","ProtocolError","",{}]',
    "[4]",
    '[5,"id","GenericError","",{}]',
    '[6,"id","Stream",{}]',
    "[" * 100_000,
    "[2," + "9" * 10_000 + "]",
)


async def echo(action: str, payload: Any) -> Mapping[str, Any]:
    return {"action": action, "payload": payload}


async def a_call_comes_and_is_answered(wire: Wire, message_id: str = "still-here") -> None:
    await wire.send([2, message_id, "Ping", {}])
    assert await wire.receive() == [3, message_id, {"action": "Ping", "payload": {}}]


# ── calls of ours ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_gets_the_answer_with_its_id() -> None:
    async with a_wire() as wire, asyncio.TaskGroup() as tasks:
        call = tasks.create_task(wire.connection.call("Reset", {"type": "Soft"}))
        kind, message_id, action, payload = await wire.receive()
        assert (kind, action, payload) == (2, "Reset", {"type": "Soft"})
        assert len(message_id) <= 36
        await wire.send([3, message_id, {"status": "Accepted"}])
        answer = await call
        assert (answer.ending, answer.message_id) == (Ending.RESULT, message_id)
        assert answer.payload == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("tail", "code", "description"),
    [
        (
            ["PropertyConstraintViolation", "no such connector", {}],
            "PropertyConstraintViolation",
            "no such connector",
        ),
        (["SomeCodeNobodyKnows", "", {"detail": 1}], "SomeCodeNobodyKnows", ""),
        (["GenericError"], "GenericError", ""),
        ([None, 5], "", ""),
        ([], "", ""),
    ],
)
async def test_a_callerror_of_any_spelling_is_an_ending_and_not_an_exception(
    tail: list[Any], code: str, description: str
) -> None:
    async with a_wire() as wire, asyncio.TaskGroup() as tasks:
        call = tasks.create_task(wire.connection.call("Reset", {}))
        message_id = (await wire.receive())[1]
        await wire.send([4, message_id, *tail])
        answer = await call
        assert (answer.ending, answer.code, answer.description) == (Ending.ERROR, code, description)


async def test_a_result_without_payload_ends_the_call() -> None:
    async with a_wire() as wire, asyncio.TaskGroup() as tasks:
        call = tasks.create_task(wire.connection.call("Reset", {}))
        await wire.send([3, (await wire.receive())[1]])
        assert (await call).payload is None


async def test_only_one_call_is_outstanding_and_the_next_goes_out_when_it_has_ended() -> None:
    async with a_wire(echo) as wire, asyncio.TaskGroup() as tasks:
        tasks.create_task(wire.connection.call("First", {}))
        second = tasks.create_task(wire.connection.call("Second", {}))
        first_id = (await wire.receive())[1]
        await wire.says_nothing_but([3, "marker", {"action": "Marker", "payload": {}}])
        await wire.send([3, first_id, {}])
        _, second_id, action, _ = await wire.receive()
        assert action == "Second"
        await wire.send([3, second_id, {"n": 2}])
        assert (await second).payload == {"n": 2}


async def test_a_call_that_is_not_answered_times_out_and_frees_the_line() -> None:
    async with a_wire(call_timeout_s=0.05) as wire:
        answer = await wire.connection.call("Reset", {})
        assert (answer.ending, answer.description) == (Ending.NO_ANSWER, "no answer within 0.05 s")
        assert answer.message_id == (await wire.receive())[1]


async def test_the_time_of_a_call_counts_from_when_it_is_sent() -> None:
    async with a_wire(call_timeout_s=0.5) as wire, asyncio.TaskGroup() as tasks:
        tasks.create_task(wire.connection.call("Never answered", {}))
        second = tasks.create_task(wire.connection.call("Second", {}))
        await wire.receive()
        # The second goes out when the first has timed out; its own time starts only then.
        await wire.send([3, (await wire.receive())[1], {}])
        assert (await second).ending is Ending.RESULT


async def test_a_late_answer_is_ignored_and_does_not_answer_the_next_call() -> None:
    async with a_wire(call_timeout_s=0.2) as wire, asyncio.TaskGroup() as tasks:
        assert (await wire.connection.call("First", {})).ending is Ending.NO_ANSWER
        first_id = (await wire.receive())[1]
        call = tasks.create_task(wire.connection.call("Second", {}))
        second_id = (await wire.receive())[1]
        await wire.send([3, first_id, {"late": True}])
        await wire.send([3, second_id, {"late": False}])
        assert (await call).payload == {"late": False}


@pytest.mark.parametrize("unknown_id", ["", "-1", "never-used", None, 7, ["x"]])
async def test_answers_with_unknown_ids_do_not_disturb_the_pending_call(unknown_id: Any) -> None:
    async with a_wire() as wire, asyncio.TaskGroup() as tasks:
        call = tasks.create_task(wire.connection.call("Reset", {}))
        message_id = (await wire.receive())[1]
        await wire.send([4, unknown_id, "GenericError", "", {}])
        await wire.send([3, unknown_id, {"status": "Rejected"}])
        await wire.send([3, message_id, {"status": "Accepted"}])
        assert (await call).payload == {"status": "Accepted"}


async def test_a_pending_call_ends_at_once_when_the_socket_dies() -> None:
    async with a_wire(call_timeout_s=60.0) as wire:
        call = asyncio.create_task(wire.connection.call("Reset", {}))
        waiting = asyncio.create_task(wire.connection.call("Waiting", {}))
        await wire.receive()
        wire.peer.transport.abort()
        async with asyncio.timeout(SOON_S):
            assert (await call).ending is Ending.NO_ANSWER
            never_sent = await waiting
        assert (never_sent.ending, never_sent.message_id) == (Ending.NOT_CONNECTED, None)


async def test_a_call_on_a_closed_connection_is_an_ending_and_not_an_exception() -> None:
    async with a_wire() as wire:
        await wire.connection.close()
        assert (await wire.connection.call("Reset", {})).ending is Ending.NOT_CONNECTED


async def test_calls_do_not_pile_up_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_CALLS_WAITING", 2)
    async with a_wire(call_timeout_s=60.0) as wire:
        calls = [asyncio.create_task(wire.connection.call(f"Call {n}", {})) for n in range(4)]
        async with asyncio.timeout(SOON_S):
            refused = await calls[-1]
        assert (refused.ending, refused.message_id) == (Ending.NO_ANSWER, None)
        await wire.connection.close()
        await asyncio.gather(*calls)


# ── calls of the peer ────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_of_the_peer_is_answered_at_once_while_our_call_waits() -> None:
    async with a_wire(echo) as wire, asyncio.TaskGroup() as tasks:
        ours = tasks.create_task(wire.connection.call("SetChargingProfile", {}))
        our_id = (await wire.receive())[1]
        await wire.send([2, "theirs", "StartTransaction", {"connectorId": 1}])
        assert (await wire.receive())[:2] == [3, "theirs"]
        assert not ours.done()
        await wire.send([3, our_id, {}])


async def test_a_slow_call_of_the_peer_holds_up_neither_the_next_one_nor_ours() -> None:
    release = asyncio.Event()

    async def slow_first(action: str, _payload: Any) -> Mapping[str, Any]:
        if action == "Slow":
            await release.wait()
        return {"action": action}

    async with a_wire(slow_first) as wire, asyncio.TaskGroup() as tasks:
        await wire.send([2, "1", "Slow", {}])
        await wire.send([2, "2", "Quick", {}])
        assert await wire.receive() == [3, "2", {"action": "Quick"}]
        ours = tasks.create_task(wire.connection.call("Reset", {}))
        await wire.send([3, (await wire.receive())[1], {}])
        assert (await ours).ending is Ending.RESULT
        release.set()
        assert await wire.receive() == [3, "1", {"action": "Slow"}]


async def test_a_call_of_ours_can_be_made_while_answering_one_of_the_peer() -> None:
    endings: list[Ending] = []

    async def calls_back(_action: str, _payload: Any) -> Mapping[str, Any]:
        endings.append((await wire.connection.call("TriggerMessage", {})).ending)
        return {}

    async with a_wire(calls_back) as wire:
        await wire.send([2, "theirs", "BootNotification", {}])
        await wire.send([3, (await wire.receive())[1], {}])
        assert await wire.receive() == [3, "theirs", {}]
        assert endings == [Ending.RESULT]


async def test_a_call_that_is_sent_again_is_carried_out_once_and_gets_the_same_answer() -> None:
    count = 0

    async def counting(_action: str, _payload: Any) -> Mapping[str, Any]:
        nonlocal count
        count += 1
        return {"transactionId": count}

    async with a_wire(counting) as wire:
        for _ in range(3):
            await wire.send([2, "same", "StartTransaction", {"connectorId": 1}])
            assert await wire.receive() == [3, "same", {"transactionId": 1}]
        assert count == 1


async def test_a_call_that_is_sent_again_while_it_is_worked_on_is_answered_once() -> None:
    release = asyncio.Event()

    async def slow(action: str, _payload: Any) -> Mapping[str, Any]:
        if action == "StartTransaction":
            await release.wait()
        return {"action": action}

    async with a_wire(slow) as wire:
        await wire.send([2, "same", "StartTransaction", {}])
        await wire.send([2, "same", "StartTransaction", {}])
        await wire.says_nothing_but([3, "marker", {"action": "Marker"}])
        release.set()
        assert await wire.receive() == [3, "same", {"action": "StartTransaction"}]
        await wire.send([2, "marker-2", "Marker", {}])
        assert await wire.receive() == [3, "marker-2", {"action": "Marker"}]


async def test_an_id_that_is_used_again_for_another_call_is_another_call() -> None:
    async with a_wire(echo) as wire:
        for n in (1, 2):
            await wire.send([2, "same", "Ping", {"n": n}])
            assert await wire.receive() == [3, "same", {"action": "Ping", "payload": {"n": n}}]


async def test_answers_are_forgotten_when_there_are_many_newer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "ANSWERS_KEPT", 2)
    count = 0

    async def counting(_action: str, _payload: Any) -> Mapping[str, Any]:
        nonlocal count
        count += 1
        return {"n": count}

    async with a_wire(counting) as wire:
        for message_id, n in (("a", 1), ("b", 2), ("a", 1), ("c", 3), ("a", 4)):
            await wire.send([2, message_id, "Ping", {}])
            assert await wire.receive() == [3, message_id, {"n": n}]


async def test_an_answer_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A charger that numbers every heartbeat the same must not be told the same time for ever."""
    monkeypatch.setattr(framing, "ANSWERS_KEPT_S", 0.0)
    times = iter(range(2))

    async def clock(_action: str, _payload: Any) -> Mapping[str, Any]:
        return {"currentTime": next(times)}

    async with a_wire(clock) as wire:
        for time in range(2):
            await wire.send([2, "1", "Heartbeat", {}])
            assert await wire.receive() == [3, "1", {"currentTime": time}]


async def test_a_refusal_is_a_callerror() -> None:
    async def refuse(_action: str, _payload: Any) -> Mapping[str, Any]:
        raise CallRefusedError("NotImplemented", "unknown here " + "x" * 300)

    async with a_wire(refuse) as wire:
        await wire.send([2, "1", "Unheard", {}])
        kind, message_id, code, description, details = await wire.receive()
        assert (kind, message_id, code, details) == (4, "1", "NotImplemented", {})
        assert len(description) == 255


async def test_many_calls_at_once_are_all_answered() -> None:
    async with a_wire(echo) as wire:
        for n in range(200):
            await wire.send([2, f"n{n}", "Ping", {}])
        answers = {(await wire.receive())[1] for _ in range(200)}
        assert answers == {f"n{n}" for n in range(200)}


async def test_an_error_in_our_own_program_ends_the_connection_and_is_not_swallowed() -> None:
    async def broken(_action: str, _payload: Any) -> Mapping[str, Any]:
        raise ZeroDivisionError

    async with a_wire(broken) as wire:
        await wire.send([2, "1", "Ping", {}])
        await asyncio.wait([wire.running], timeout=SOON_S)
        with pytest.RaisesGroup(ZeroDivisionError):
            wire.running.result()


# ── what is no message ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("junk", JUNK, ids=[text[:30] for text in JUNK])
async def test_junk_is_not_answered_and_not_fatal(junk: str) -> None:
    async with a_wire(echo) as wire:
        await wire.send(junk)
        await a_call_comes_and_is_answered(wire)
        assert wire.frames[0].text == junk


async def test_a_binary_frame_is_not_fatal() -> None:
    async with a_wire(echo) as wire:
        await wire.peer.send(b'[2,"1","Ping",{}]')
        await wire.peer.send(b"\xff\x00")
        await a_call_comes_and_is_answered(wire)


@pytest.mark.parametrize(
    "call",
    [
        [2, "1", "Heartbeat"],
        [2, "1"],
        [2, "1", "Heartbeat", {}, "fifth"],
        [2, "1", ["Heartbeat"], {}],
        [2, "1", {"a": 1}, {}],
        [2, "1", 5, {}],
        [2, "1", "\ud800", {}],
    ],
    ids=lambda call: json.dumps(call)[:40],
)
async def test_a_call_of_the_wrong_shape_gets_an_error_and_is_not_fatal(call: list[Any]) -> None:
    async with a_wire(echo) as wire:
        await wire.send(call)
        assert (await wire.receive())[:3] == [4, "1", "ProtocolError"]
        await a_call_comes_and_is_answered(wire)


async def test_a_five_element_call_is_answered_with_an_error_and_not_fatal() -> None:
    async with a_wire(echo) as wire:
        await wire.send([2, "5", "Ping", {}, {}])
        assert (await wire.receive())[:3] == [4, "5", "ProtocolError"]
        await a_call_comes_and_is_answered(wire)


async def test_every_frame_is_reported_with_its_action() -> None:
    async with a_wire(echo) as wire, asyncio.TaskGroup() as tasks:
        await a_call_comes_and_is_answered(wire, "theirs")
        call = tasks.create_task(wire.connection.call("Reset", {}))
        our_id = (await wire.receive())[1]
        await wire.send([3, our_id, {}])
        await call
        assert [(frame.direction, frame.message_id, frame.action) for frame in wire.frames] == [
            ("in", "theirs", "Ping"),
            ("out", "theirs", "Ping"),
            ("out", our_id, "Reset"),
            ("in", our_id, "Reset"),
        ]
        assert wire.frames[0].text == '[2, "theirs", "Ping", {}]'


async def test_nothing_is_taken_from_a_peer_after_closing() -> None:
    taken: list[str] = []

    async def take(action: str, _payload: Any) -> Mapping[str, Any]:
        taken.append(action)
        return {}

    async with a_wire(take) as wire:
        await wire.connection.close(1000, "replaced")
        await wire.running
        assert taken == []


def test_text_for_the_store_has_no_control_characters_and_no_lone_surrogates() -> None:
    assert printable("a\x00b\ud800c\nd é 電") == "a?b?c?d é 電"
