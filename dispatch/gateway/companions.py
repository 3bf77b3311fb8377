"""What runs beside the sockets for as long as the gateway does, and may fail without harming them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from dispatch.station import Listener

log = logging.getLogger(__name__)

PAUSE_S = 60.0
"""How long one that has failed is left alone before it is begun again. [s]"""

Companion = Callable[[Listener], Coroutine[Any, Any, None]]
"""Runs until it is cancelled; what it hears it tells the listener."""


@asynccontextmanager
async def accompanied(
    listener: Listener, companions: Sequence[Companion], *, pause_s: float = PAUSE_S
) -> AsyncIterator[None]:
    """Let companions run for as long as the block lasts."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_kept(listener, one, pause_s=pause_s)) for one in companions]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def _kept(listener: Listener, companion: Companion, *, pause_s: float) -> None:
    while True:
        try:
            await companion(listener)
        except Exception:  # the sockets of the chargers matter more than an error in here
            log.exception("what runs beside the gateway has failed and is begun again in %g s", pause_s)
        await asyncio.sleep(pause_s)
