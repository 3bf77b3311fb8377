"""Which words of a telematics file are trusted: the freshest of each vehicle, if it is of now. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.occupants import TELEMATICS_OLDEST
from dispatch.station import LiveState, VehicleReading
from optimiser.night import SocReading

AHEAD = timedelta(minutes=1)
"""How far a word may be ahead of our clock to be of now; what is further ahead is of a clock gone wrong."""
NAMED_AT_MOST = 5


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a file tells that is not known yet, and what is to be said of the rest of it."""

    new: tuple[VehicleReading, ...] = ()
    notes: tuple[str, ...] = ()


def trusted(
    readings: Sequence[SocReading], live: LiveState, *, local: Callable[[datetime], datetime]
) -> Words:
    """The words of a file that are fresher than what is known, and no older than half an hour.

    What was said by the API or by MQTT is held against them: the freshest word of a vehicle wins, whoever has told it.
    """
    ahead = [one for one in readings if one.at > live.now + AHEAD]
    latest: dict[str, SocReading] = {}
    for one in readings:
        known = latest.get(one.vehicle_id)
        if one.at <= live.now + AHEAD and (known is None or one.at >= known.at):
            latest[one.vehicle_id] = one
    told_at = {one.vehicle_id: one.at for one in live.vehicles if one.soc_percent is not None}
    new = tuple(
        VehicleReading(vehicle_id=one.vehicle_id, at=min(one.at, live.now), soc_percent=one.soc_percent)
        for one in latest.values()
        if live.now - one.at <= TELEMATICS_OLDEST
        and (one.vehicle_id not in told_at or min(one.at, live.now) > told_at[one.vehicle_id])
    )
    return Words(new=new, notes=tuple(_notes(ahead, latest.values(), live, local=local)))


def _notes(
    ahead: Sequence[SocReading],
    latest: Collection[SocReading],
    live: LiveState,
    *,
    local: Callable[[datetime], datetime],
) -> Iterator[str]:
    if ahead:
        names = list(dict.fromkeys(one.vehicle_id for one in ahead))
        shown = ", ".join(names[:NAMED_AT_MOST]) + (", …" if len(names) > NAMED_AT_MOST else "")
        yield f"telematics.csv: words of a time to come are not used ({shown}): look at the clock of who writes it"
    newest = max((one.at for one in latest), default=None)
    if newest is not None and live.now - newest > TELEMATICS_OLDEST:
        yield f"telematics.csv: nothing in it is newer than {local(newest):%Y-%m-%d %H:%M}, so it is not used"
