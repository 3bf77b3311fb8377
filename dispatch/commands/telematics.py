"""telematics.csv on its way into the live state: read before a tick, and told as if it had come over the API.

The gateway keeps the last word of each vehicle. So a file that is broken or half-written costs its newest words and
no others, and never a tick.
"""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from dispatch.site import Site
from dispatch.telematics import trusted
from optimiser.depot import Depot
from optimiser.inputs import InputError, load_telematics

MOST_PROBLEMS = 3
"""How many of the mistakes of a file are told in a tick; ``depot check`` tells all."""


async def hear_telematics(site: Site, depot: Depot, night: date) -> tuple[str, ...]:
    """Tell the gateway what is new in the telematics files, and return what is to be said of them.

    Raises :class:`dispatch.station.StationsUnreachableError`.
    """
    try:
        readings = load_telematics(site.folder, depot, night)
    except InputError as error:
        said = [f"{problem}; the last good words stay" for problem in error.problems[:MOST_PROBLEMS]]
        more = len(error.problems) - len(said)
        return (*said, *([f"telematics.csv: {more} more mistakes; see depot check"] if more else []))
    if not readings:
        return ()
    zone = ZoneInfo(depot.timezone)
    words = trusted(readings, await site.stations.live(), local=lambda at: at.astimezone(zone))
    for reading in words.new:
        await site.stations.tell_vehicle(reading)
    return words.notes
