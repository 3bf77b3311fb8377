"""What many tasks want written at the same time, written in one transaction: a crowd waits for the disk once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from dispatch.journal import Journal

Result = TypeVar("Result")


class Together:
    """Writes into a journal what comes while the event loop goes round once: all of it or, where it fails, none.

    What was asked for is written also for those who are cancelled while they wait.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: list[Callable[[Journal], Any]] = []
        self._writing: asyncio.Task[list[Any]] | None = None

    async def write(self, act: Callable[[Journal], Result]) -> Result:
        """Do something with the journal beside what others do, and return what comes of it when it is written.

        Raises what the journal raises, for whichever of them.
        """
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        writing, place = self._writing, len(self._waiting)
        self._waiting.append(act)
        result: Result = (await asyncio.shield(writing))[place]
        return result

    async def _write(self) -> list[Any]:
        waiting, self._waiting, self._writing = self._waiting, [], None
        with self._journal.transaction() as journal:
            return [act(journal) for act in waiting]
