"""Lines in memory are lines: in order, in both directions, until they are cut."""

from __future__ import annotations

import asyncio

import pytest

from dispatch.rehearsal.lines import LineCutError, MemoryLine


async def test_messages_arrive_in_order_at_the_other_end() -> None:
    near, far = MemoryLine.pair("ocpp1.6")
    await near.send("one")
    await near.send("two")
    await far.send("three")
    assert [await far.recv(), await far.recv(), await near.recv()] == ["one", "two", "three"]
    assert near.subprotocol == far.subprotocol == "ocpp1.6"


async def test_who_listens_hears_that_the_line_is_cut() -> None:
    near, far = MemoryLine.pair("ocpp1.6")
    listening = asyncio.create_task(far.recv())
    await asyncio.sleep(0)
    near.cut()
    with pytest.raises(LineCutError):
        await listening


async def test_nothing_can_be_sent_on_a_line_that_is_cut() -> None:
    near, far = MemoryLine.pair("ocpp1.6")
    await far.close()
    with pytest.raises(LineCutError):
        await near.send("too late")


async def test_what_was_sent_before_the_cut_still_arrives() -> None:
    near, far = MemoryLine.pair("ocpp1.6")
    await near.send("last words")
    near.cut()
    assert await far.recv() == "last words"
    with pytest.raises(LineCutError):
        await far.recv()
