"""When each visit may draw: while it is there, alone on its connector, and not before a rule lets it."""

from __future__ import annotations

import numpy as np

from optimiser.accounting import presence
from optimiser.horizon import FloatArray
from optimiser.night import Night


def drawing_shares(night: Night) -> FloatArray:
    """Share of every step in which each visit may draw, shape (V, T)."""
    return _started(night) * _undivided(night, presence(night))


def _undivided(night: Night, shares: FloatArray) -> FloatArray:
    """Gives a step that two visits of one connector share to the one that has more of it.

    A connector holds one limit per step, so the power of the one would be open to the other as well.
    """
    by_connector: dict[tuple[str, int], list[int]] = {}
    for row, visit in enumerate(night.visits):
        by_connector.setdefault((visit.charger_id, visit.connector_id), []).append(row)
    for rows in by_connector.values():
        if len(rows) > 1:
            winners = np.argmax(shares[rows], axis=0)
            for position, row in enumerate(rows):
                shares[row] = np.where(winners == position, shares[row], 0.0)
    return shares


def _started(night: Night) -> FloatArray:
    """1 for steps that begin when a visit may be charged, 0 for those before; shape (V, T)."""
    starts = [visit.earliest_start for visit in night.visits]
    positions = [-np.inf if start is None else night.horizon.position(start) for start in starts]
    steps = np.arange(night.horizon.steps, dtype=float)
    return np.array(steps >= np.array(positions)[:, None] - 1e-9, dtype=float)
