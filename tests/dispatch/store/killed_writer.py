"""Children that write as a gateway does and say what was acknowledged, until somebody kills them.

    python -m tests.dispatch.store.killed_writer STORE_URL FOLDER

For every line on standard input there is a new child. To standard output go its process id, the word that it has opened
the store, what it acknowledges, and the word that it is dead.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from dispatch.events import Booted
from dispatch.gateway.intake import Intake
from dispatch.journal import open_journal
from dispatch.store.entries import Message
from tests.dispatch.dispatch_builders import NOW

AT_ONCE = 4
"""Chargers that speak at the same time."""


async def write(store_url: str, folder: Path, life: int) -> None:
    journal = open_journal(store_url, folder)
    intake = Intake(journal)
    os.write(1, b"open\n")

    async def speak(charger: int) -> None:
        for number in count():
            name = f"{life}-{charger}-{number}"
            frames = [
                Message(
                    at=NOW, charger_id="CP1", direction=way, action=None, message_id=name, frame="[]" * 50
                )
                for way in ("in", "out")
            ]
            intake.note(frames[0])
            intake.note(Booted(charger_id="CP1", received_at=NOW, vendor="ACME", model=name))
            intake.note(frames[1])
            await intake.written()
            os.write(1, f"{name}\n".encode())  # at once, in one piece: the answer to the charger

    await asyncio.gather(*map(speak, range(AT_ONCE)))


def main() -> None:
    store_url, folder = sys.argv[1], Path(sys.argv[2])
    for life, _ in enumerate(sys.stdin):
        child = os.fork()
        if child == 0:
            os.write(1, f"{os.getpid()}\n".encode())
            asyncio.run(write(store_url, folder, life))
        os.waitpid(child, 0)
        os.write(1, b"dead\n")


if __name__ == "__main__":
    main()
