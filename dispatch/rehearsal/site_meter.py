"""The building's meter in a rehearsed night: it tells the gateway every minute what is drawn beside the chargers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from dispatch.rehearsal.scene import Scene, site_reading_kw
from dispatch.station import Listener, SiteReading, StationsUnreachableError

EVERY_S = 60.0
"""From one reading to the next. [s]"""


async def tell_readings(scene: Scene, listener: Listener, *, begin: datetime) -> None:
    """Tell until cancelled, while the meter is not lost; what nobody is there to hear is not told again.

    ``begin`` is what the clock shows at the running loop's 0.
    """
    loop = asyncio.get_running_loop()
    while True:
        now = begin + timedelta(seconds=loop.time())
        base_load_kw = site_reading_kw(scene, now)
        if base_load_kw is not None:
            with suppress(StationsUnreachableError):
                await listener.tell_site(SiteReading(at=now, base_load_kw=base_load_kw))
        await asyncio.sleep(EVERY_S - loop.time() % EVERY_S)
