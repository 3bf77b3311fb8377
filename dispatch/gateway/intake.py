"""What chargers say on its way into the journal: it alone knows how many words share one transaction.

What comes while the event loop goes round once is written together, so that a crowd waits for the disk once and
not once each. Nobody is answered before the words are written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from dispatch.journal import Journal, JournalError
from dispatch.store.entries import Entry

log = logging.getLogger(__name__)

Consequence = Callable[[], None]


def _nobody_counts() -> None:
    """For those who count no failures."""


@dataclass(kw_only=True)
class _Batch:
    """What is written together; ``is_over`` when that was tried, ``error`` is None where it is written."""

    entries: list[Entry] = field(default_factory=list)
    consequences: list[tuple[Consequence, bool]] = field(default_factory=list)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    error: JournalError | None = field(default_factory=lambda: JournalError("it was not written"))


class Intake:
    """The only way in which the gateway writes the journal, but for transaction ids. ``failed``: called when it cannot."""

    def __init__(self, journal: Journal, *, failed: Consequence = _nobody_counts) -> None:
        self._journal = journal
        self._failed = failed
        self._batch: _Batch | None = None

    def note(self, entry: Entry, *, then: Consequence | None = None, in_any_case: bool = False) -> None:
        """Write something down soon; ``then`` is done once it is written, or in any case once that was tried."""
        if self._batch is None:
            self._batch = _Batch()
            asyncio.get_running_loop().call_soon(self._write)
        self._batch.entries.append(entry)
        if then is not None:
            self._batch.consequences.append((then, in_any_case))

    async def written(self) -> None:
        """Wait until what was noted since the caller last waited is written.

        Raises :class:`dispatch.journal.JournalError` where it cannot be: then nothing has come of it.
        """
        batch = self._batch
        if batch is None:
            return
        await batch.is_over.wait()
        if batch.error is not None:
            raise batch.error

    def _write(self) -> None:
        batch, self._batch = self._batch, None
        assert batch is not None, "a batch is written once"
        try:
            self._journal.record(batch.entries)
            batch.error = None
        except JournalError as error:
            log.error(  # noqa: TRY400 - the store's fault
                "%d messages and events are lost and not answered: %s",
                len(batch.entries),
                error,
                extra={"event": "store_failed"},
            )
            batch.error = error
            self._failed()
        finally:  # also after an error in this program: nobody is to wait for ever
            for then, in_any_case in batch.consequences:
                if in_any_case or batch.error is None:
                    then()
            batch.is_over.set()
