"""What many tasks want written at the same time is written in one transaction, on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dispatch.evidence import Layer
from dispatch.journal import Journal
from dispatch.station import LeaseLostError, Outcome
from dispatch.together import Together
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW, a_profile, a_reply
from tests.dispatch.gateway_builders import a_journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = a_journal(tmp_path)
    yield journal
    journal.close()


def begin(journal: Journal, charger_id: str = "CP1") -> int:
    return journal.begin_command(
        night=NIGHT, at=NOW, charger_id=charger_id, layer=Layer.PLAN, profile=a_profile()
    )


def commits(journal: Journal) -> list[object]:
    """Grows with every transaction that is written."""
    seen: list[object] = []
    sa.event.listen(journal.engine, "commit", seen.append)
    return seen


async def test_a_crowd_shares_one_transaction_and_everybody_gets_what_came_of_his_own(
    journal: Journal,
) -> None:
    together, written = Together(journal), commits(journal)

    async def send(charger_id: str) -> int:
        command_id = await together.write(lambda joined: begin(joined, charger_id))
        await together.write(lambda joined: joined.finish_command(command_id, a_reply()))
        return command_id

    names = [f"CP{number}" for number in range(30)]
    ids = await asyncio.gather(*map(send, names))
    assert len(written) == 2
    commands = journal.commands()
    assert [(c.id, c.charger_id, c.outcome) for c in commands] == [
        (command_id, name, Outcome.ACCEPTED) for command_id, name in zip(ids, names, strict=True)
    ]


async def test_what_cannot_be_written_is_told_to_all_of_a_crowd_and_nothing_of_it_is_kept(
    journal: Journal,
) -> None:
    together = Together(journal)

    def lost(_joined: Journal) -> int:
        raise LeaseLostError("the lease 1 was lost")

    results = await asyncio.gather(
        together.write(begin), together.write(lost), together.write(begin), return_exceptions=True
    )
    assert [type(result) for result in results] == [LeaseLostError] * 3
    assert journal.commands() == []
    assert await together.write(begin) == 1


async def test_what_somebody_asked_for_who_is_cancelled_is_written(journal: Journal) -> None:
    together = Together(journal)
    waiting = asyncio.create_task(together.write(begin))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    await together.write(lambda joined: begin(joined, "CP2"))
    assert [command.charger_id for command in journal.commands()] == ["CP1", "CP2"]
