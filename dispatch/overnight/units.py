"""Chargers on which nothing is drawn although they allow it: perhaps they share amperes over the phases. Pure.

Such a charger makes 5.3 A of 16, below what a vehicle begins to charge with. In W there is nothing to share, so that is
tried once; a vehicle that sleeps is none the worse for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dispatch.evidence import Lesson
from dispatch.layers import unit_of
from dispatch.safety import Place
from dispatch.tracks import Track


def tries_watts(tracks: Sequence[Track], idle: Collection[Place]) -> dict[str, Lesson]:
    """By charger, that its limits are to be in W: it takes both units as far as is known, and was sent amperes.

    ``idle``: connectors whose vehicle draws nothing although it may.
    """
    return {
        track.charger.id: Lesson(
            value="W",
            because=f"nothing was drawn at {track.place}, which allowed it in A on {track.at:%Y-%m-%d}",
        )
        for track in tracks
        if track.place in idle and _is_open(track)
    }


def _is_open(track: Track) -> bool:
    """Whether nobody has said, and nothing has taught, in which unit it wants its limits."""
    connector = track.wiring.connector
    is_shared = not connector.is_dc and connector.phases > 1
    return is_shared and track.base.unit == "auto" and unit_of(connector, track.base) == "A"
