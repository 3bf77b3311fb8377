"""What chargers send by mistake or by malice crashes nothing and loses no pending call, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.connection import Ending
from dispatch.dialects import DIALECTS
from dispatch.station import Outcome
from tests.dispatch.desk_builders import a_spoken_wire
from tests.dispatch.gateway.station201_builders import a_mixed_depot
from tests.dispatch.gateway_builders import ChargePoint, a_charge_point, a_gateway, a_profile
from tests.dispatch.mutated_frames import mutated_frames, survive
from tests.dispatch.wire_builders import a_wire

FRAMES = 2500
FRAMES_JOURNALLED = 150


async def a_call_is_answered(charger: ChargePoint, message_id: str) -> None:
    """A call that any charger makes is answered, whatever came before it."""
    await charger.send([2, message_id, "Heartbeat", {}])
    answer = await charger.receive(lambda message: message[0] in {3, 4} and message[1] == message_id)
    assert answer[0] == 3


@pytest.mark.parametrize("ocpp", sorted(DIALECTS))
async def test_some_thousand_mutated_frames_are_survived(ocpp: str) -> None:
    async with a_spoken_wire(DIALECTS[ocpp]) as spoken:
        answers = await survive(spoken, itertools.islice(mutated_frames(11), FRAMES))
        assert answers > FRAMES / 5
        assert len(spoken.desk.events) > FRAMES / 40


@pytest.mark.parametrize(("charger_id", "ocpp"), [("CP1", "2.0.1"), ("CP2", "1.6")])
async def test_mutated_frames_do_not_crash_a_gateway_and_lose_no_pending_call(
    tmp_path: Path, charger_id: str, ocpp: str
) -> None:
    async with (
        a_gateway(tmp_path, a_mixed_depot()) as gateway,
        a_charge_point(gateway, charger_id, subprotocols=[DIALECTS[ocpp].subprotocol]) as charger,
        asyncio.TaskGroup() as tasks,
    ):
        await (charger.boot_201() if ocpp == "2.0.1" else charger.boot())
        await a_call_is_answered(charger, "before")
        pending = tasks.create_task(gateway.stations.set_profile(charger_id, a_profile()))
        call = await charger.receive(lambda message: message[0] == 2)
        reading = tasks.create_task(charger.receive(lambda message: message[1] == "after"))
        for frame in itertools.islice(mutated_frames(7), FRAMES_JOURNALLED):
            await charger.socket.send(frame)
        assert not pending.done()
        await charger.send([2, "after", "Heartbeat", {}])
        assert (await reading)[0] == 3
        await charger.send([3, call[1], {"status": "Accepted"}])
        assert (await pending).outcome is Outcome.ACCEPTED


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    frames=st.lists(
        st.binary(max_size=50)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
        | st.lists(anything, max_size=6).map(json.dumps)
        | st.tuples(st.sampled_from([2, 3, 4, 5, 6]), anything, anything, anything).map(json.dumps),
        max_size=50,
    )
)
def test_whatever_is_sent_the_next_call_is_answered_and_the_pending_one_ends(
    frames: list[str | bytes],
) -> None:
    def answer(action: str, _payload: Any) -> dict[str, Any]:
        return {"action": action}

    async def converse() -> None:
        async with a_wire(answer) as wire, asyncio.TaskGroup() as tasks:
            pending = tasks.create_task(wire.connection.call("Reset", {}))
            message_id = (await wire.receive())[1]
            for frame in frames:
                await wire.peer.send(frame)
            await wire.send([2, "after", "Ping", {}])
            while (last := await wire.receive())[1] != "after":
                assert last[0] in {3, 4}
            assert last == [3, "after", {"action": "Ping"}]
            await wire.send([3, message_id, {}])
            assert (await pending).ending is Ending.RESULT

    asyncio.run(converse())


def test_the_mutated_frames_are_the_same_for_the_same_seed_and_many_of_them_can_be_read() -> None:
    def some(seed: int) -> list[Any]:
        return list(itertools.islice(mutated_frames(seed), 300))

    assert some(1) == some(1) != some(2)
    readable = 0
    for frame in some(3):
        try:
            readable += isinstance(json.loads(frame), list)
        except (ValueError, RecursionError):
            continue
    assert readable > 150
