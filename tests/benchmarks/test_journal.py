"""How many of the chargers' messages the journal takes in a second of one core's time, on a disk that is a real one.

    python -m pytest tests/benchmarks/test_journal.py -s

A depot of 5,000 charge points with MeterValues every 60 s sends 83 a second: as many raw messages come in, as many
answers go out, and each has an event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispatch.events import Metered
from dispatch.gateway.intake import Intake
from dispatch.journal import Journal, open_journal
from dispatch.station import MeterReading
from dispatch.store.entries import Entry, Message

NOW = datetime(2025, 11, 10, 18, tzinfo=UTC)
NEEDED_PER_S = 5_000 / 60
MESSAGES = 3_000
FRAME = (
    '[2,"{id}","MeterValues",{{"connectorId":1,"transactionId":17,"meterValue":[{{"timestamp":"2025-11-10T18:00:00Z",'
    '"sampledValue":[{{"value":"1234567","measurand":"Energy.Active.Import.Register","unit":"Wh"}},'
    '{{"value":"7360.0","measurand":"Power.Active.Import","unit":"W"}},'
    '{{"value":"32.0","measurand":"Current.Import","unit":"A"}}]}}]}}]'
)


def entries(number: int) -> tuple[Entry, Entry, Entry]:
    """A frame, what it says, and its answer."""
    name = f"message-{number}"
    charger = f"CP{number % 5000:04d}"
    reading = MeterReading(at=NOW, received_at=NOW, power_kw=7.36, current_a=32.0, energy_kwh=1234.567)

    def raw(direction: str, frame: str) -> Message:
        return Message(
            at=NOW,
            charger_id=charger,
            direction="in" if direction == "in" else "out",
            action="MeterValues",
            message_id=name,
            frame=frame,
        )

    return (
        raw("in", FRAME.format(id=name)),
        Metered(charger_id=charger, received_at=NOW, connector_id=1, transaction_id=17, reading=reading),
        raw("out", f'[3,"{name}",{{}}]'),
    )


@pytest.fixture
def journal(store_url: str, tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal(store_url, tmp_path)
    yield journal
    journal.close()


@pytest.mark.parametrize("at_once", [1, 10, 100])
async def test_messages_per_second_of_a_core(journal: Journal, at_once: int) -> None:
    intake = Intake(journal)
    numbers = iter(range(MESSAGES))

    async def charger() -> None:
        for number in numbers:
            for entry in entries(number):
                intake.note(entry)
            await intake.written()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(charger() for _ in range(at_once)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert len(journal.frames_known()) == 2 * MESSAGES
    store = journal.engine.dialect.name
    print(
        f"\n{store}, {at_once} at once: {MESSAGES / cpu:,.0f} messages per CPU second, {MESSAGES / wall:,.0f} per second; "
        f"83 a second take {NEEDED_PER_S * cpu / MESSAGES:.1%} of a core"
    )
    assert MESSAGES / cpu > 5 * NEEDED_PER_S
