"""At which connectors a tick looks, and when: not at all of them whenever somebody comes home. Owns that order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dispatch.push import Surroundings, push, read_back
from dispatch.remembered import JITTER, came_at, is_silent
from dispatch.station import LiveState
from dispatch.store.ledger import Ledger
from dispatch.tracks import Track
from dispatch.validate import Grade


def silent_chargers(live: LiveState, ledger: Ledger) -> set[str]:
    """Chargers that have left unanswered what they were last asked, and have not come anew since."""
    return {
        state.charger_id
        for state in live.chargers
        if is_silent(ledger.unanswered(state.charger_id), None, came=came_at(state))
    }


def is_time_to_look(tracks: Sequence[Track], now: datetime, *, every: timedelta) -> bool:
    """Whether it is long ago that all connectors were looked at; ``every``: from one tick to the next."""
    before = now - every + JITTER
    return any(t.is_connected and t.seen_at is not None and t.seen_at <= before for t in tracks)


async def look(around: Surroundings, tracks: Sequence[Track], *, is_whole: bool) -> None:
    """Read back all connectors or, where it is not time to look at all, those of which nothing is known.

    Chargers that were silent, or could not be read back, are left for :func:`look_last`: all others would wait.
    """
    for track in tracks:
        if not is_whole and track.seen_before is not None:
            track.take_read_back(track.seen_before)
        track.is_left_alone = track.is_silent
    await read_back(around, [t for t in tracks if (is_whole or t.seen_before is None) and not _is_slow(t)])


async def look_last(
    around: Surroundings, tracks: Sequence[Track], live: LiveState, *, is_whole: bool
) -> None:
    """Look at those that others do not wait for, and send what they need; when it is time to look at all."""
    last = [track for track in tracks if is_whole and _is_slow(track)]
    if not last:
        return
    for track in last:
        track.is_left_alone = False
    await read_back(around, last)
    await push(around, tracks, live)


def _is_slow(track: Track) -> bool:
    return track.is_silent or (track.seen_before is not None and track.seen_before.grade is Grade.UNUSABLE)
