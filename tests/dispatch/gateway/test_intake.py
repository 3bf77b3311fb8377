"""What chargers say is written before it is answered, and not answered where it cannot be written."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from dispatch.events import Connected, Disconnected
from dispatch.gateway import Gateway
from dispatch.gateway.intake import Intake
from dispatch.journal import Journal, StoreAwayError, open_journal
from dispatch.station import ChargerState, Outcome
from dispatch.store import opening
from dispatch.store.entries import Entry, Message
from tests.dispatch.gateway_builders import (
    NOW,
    SOON_S,
    START,
    a_charge_point,
    a_gateway,
    a_journal,
    a_profile,
)


def a_message(number: int) -> Message:
    return Message(at=NOW, charger_id="CP1", direction="in", action=None, message_id=str(number), frame="[]")


def commits(journal: Journal) -> list[int]:
    """Grows by one with every transaction that is written."""
    seen: list[int] = []
    sa.event.listen(journal.engine, "commit", lambda _: seen.append(1))
    return seen


@contextmanager
def a_full_disk(journal: Journal) -> Iterator[None]:
    """The store cannot grow by a single page."""

    def limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    sa.event.listen(journal.engine, "begin", limit)
    yield
    sa.event.remove(journal.engine, "begin", limit)
    with journal.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 4294967294")


@contextmanager
def another_writer(folder: Path) -> Iterator[None]:
    with closing(sqlite3.connect(folder / "depot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def until(gateway: Gateway, condition: Callable[[ChargerState], bool]) -> None:
    """Wait for something to be so of CP1."""
    async with asyncio.timeout(SOON_S):
        state = await gateway.stations.live()
        while not condition(state.charger("CP1")):
            state = await gateway.stations.wait_for_change(after=state.now, timeout_s=0.05)


async def test_what_comes_in_one_turn_of_the_loop_is_written_at_once_and_in_order(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    seen = commits(journal)
    intake = Intake(journal)
    done: list[int] = []

    async def say(number: int) -> None:
        intake.note(a_message(number), then=lambda: done.append(number))
        await intake.written()
        assert number in done

    await asyncio.gather(*map(say, range(20)))
    assert len(seen) == 1
    assert done == list(range(20))
    assert journal.frames_known() == {("CP1", "in", str(number)) for number in range(20)}
    journal.close()


class Broken:
    """A journal with an error in its program."""

    def record(self, _entries: Sequence[Entry]) -> None:
        raise ZeroDivisionError


async def test_an_error_in_the_program_lets_nobody_wait_for_ever() -> None:
    broken: object = Broken()
    intake = Intake(broken)  # type: ignore[arg-type]
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    intake.note(a_message(1))
    with pytest.raises(opening.JournalError, match="was not written"):
        await intake.written()
    assert isinstance(told[0], ZeroDivisionError)


async def test_what_a_full_disk_does_not_take_is_not_answered_and_comes_again(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    async with a_gateway(tmp_path, journal=journal) as gateway:
        async with a_charge_point(gateway) as charge_point:
            await charge_point.boot()
            with a_full_disk(journal):
                heard = len(charge_point.sent_by_gateway)
                await charge_point.send([2, "1", "StartTransaction", START | {"idTag": "x" * 20_000}])
                assert await charge_point.until_closed() == 1011
                assert [m for m in charge_point.sent_by_gateway[heard:] if m[0] != 2] == []
                await until(gateway, lambda charger: charger.connected_since is None)
            assert journal.open_transactions() == []
        async with a_charge_point(gateway) as charge_point:
            started = await charge_point.start()
            (open_one,) = journal.open_transactions()
            assert open_one.transaction_id == started["transactionId"]
    journal.close()


async def test_a_store_that_another_process_holds_lets_nobody_in_and_forgets_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_S", 0.02)
    journal = open_journal("sqlite:///depot.db", tmp_path)
    async with a_gateway(tmp_path, journal=journal) as gateway, a_charge_point(gateway) as charge_point:
        await until(gateway, lambda charger: charger.connected_since is not None)
        with another_writer(tmp_path):
            reply = await gateway.stations.set_profile("CP1", a_profile())
            assert reply.outcome is Outcome.NOT_CONNECTED
            assert "never sent: store" in reply.reason
            assert "database is locked" in reply.reason
            async with a_charge_point(gateway, "CP2") as other:
                assert await other.until_closed() == 1011
        assert (await charge_point.call("Heartbeat", {}))["currentTime"]
        assert "SetChargingProfile" not in json.dumps(charge_point.sent_by_gateway)
    kinds = [(event.charger_id, type(event)) for event in journal.events(kinds=("connected", "disconnected"))]
    assert kinds == [("CP1", Connected), ("CP1", Disconnected)]
    journal.close()


async def test_a_fault_of_the_store_is_told_to_whoever_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_S", 0.02)
    journal = open_journal("sqlite:///depot.db", tmp_path)
    intake = Intake(journal)
    done: list[str] = []
    with another_writer(tmp_path):
        intake.note(a_message(1), then=lambda: done.append("written"))
        intake.note(a_message(2), then=lambda: done.append("away"), in_any_case=True)
        with pytest.raises(StoreAwayError, match="locked"):
            await intake.written()
    assert done == ["away"]
    assert journal.frames_known() == set()
    journal.close()
