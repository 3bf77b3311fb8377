"""A process that holds the lease of a store and begins one command for every line that it is sent.

``python -m tests.dispatch.lease_process FOLDER SECONDS``: for how long a lease lasts that is not renewed.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from dispatch.evidence import Layer
from dispatch.journal import open_journal
from dispatch.lease import LeaseHeldError, Writer, holding, this_process
from dispatch.station import LeaseLostError
from tests.builders import NIGHT
from tests.dispatch.dispatch_builders import NOW, a_profile


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def work(folder: Path, lasting: timedelta) -> None:
    journal = open_journal("sqlite:///depot.db", folder)
    try:
        async with holding(journal, this_process(Writer.DISPATCHER, "a test"), lasting=lasting) as leased:
            tell("holds")
            while await asyncio.to_thread(sys.stdin.readline):
                leased.begin_command(
                    night=NIGHT, at=NOW, charger_id="CP1", layer=Layer.PLAN, profile=a_profile()
                )
                tell("wrote")
    except LeaseHeldError as error:
        tell(f"refused: {error}")
    except LeaseLostError as error:
        tell(f"lost: {error}")
    journal.close()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), timedelta(seconds=float(sys.argv[2]))))
