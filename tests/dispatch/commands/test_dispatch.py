"""``depot dispatch`` as a process beside a gateway and charge points: one at a time, once, and again and again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from dispatch.lease import Writer, holding, this_process
from dispatch.store.leases import Leases
from tests.dispatch.kill_builders import SOON_S, Yard, a_yard, ended

WHO = this_process(Writer.DISPATCHER, "another one")


def said(yard: Yard, name: str = "dispatch") -> str:
    words = yard.folder / f"{name}.err"
    return words.read_text() if words.exists() else ""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.02)


async def stopped(yard: Yard, process: BaseProcess) -> dict[str, object]:
    """What a loop has to say for itself after SIGTERM."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    await ended(process)
    document: dict[str, object] = json.loads((yard.folder / "loop.out").read_text())
    assert document["exit_code"] == process.exitcode
    return document


async def test_one_dispatcher_at_a_time_and_a_run_says_in_one_line_what_came_of_it(tmp_path: Path) -> None:
    async with a_yard(tmp_path, seed=1) as yard:
        async with holding(yard.journal, WHO):
            second = yard.start_dispatcher()
            await ended(second)
            assert second.exitcode == 3
            assert f"{WHO.words} writes to the chargers since 20" in said(yard)
            commands = yard.journal.commands()
        document = await yard.dispatch()
        line = said(yard).splitlines()[-1]
        assert line.startswith("four vans: good; night of 2025-11-10, 2025-11-10 21:0")
        assert line.endswith("0 profiles sent, 4 of 4 connectors read back as they should be")
        assert document["summary"] == line
        assert yard.journal.commands() == commands


async def test_a_loop_ticks_for_events_waits_for_its_gateway_and_stops_when_asked(tmp_path: Path) -> None:
    async with a_yard(tmp_path, seed=1) as yard:
        process = yard.start("dispatch", "--loop", "--json", name="loop")
        await until(lambda: "0 profiles sent, 4 of 4" in said(yard, "loop"))
        refused = yard.start_dispatcher()
        await ended(refused)
        assert refused.exitcode == 3
        assert "depot dispatch --loop (process" in said(yard)
        before = yard.journal.commands()
        yard.plan_for_others()
        assert yard.gateway is not None
        yard.gateway.kill()
        await until(lambda: "waiting for it for at most 15 minutes" in said(yard, "loop"))
        await ended(yard.gateway)
        yard.start_gateway()
        await until(lambda: "it is there again after" in said(yard, "loop"))
        # The gateway comes before its chargers do: their coming calls for the tick that sends the new plan.
        await until(
            lambda: said(yard, "loop").rstrip().endswith("4 of 4 connectors read back as they should be")
        )
        document = await stopped(yard, process)
        assert document["crashes"] == 0
        last = document["last"]
        assert isinstance(last, dict)
        assert (last["exit_code"], last["needs_a_person"]) == (0, False)
        newest = Leases(engine=yard.journal.engine).newest()
        assert newest is not None
        assert newest.ended_at is not None
        assert len(yard.journal.commands()) > len(before)
