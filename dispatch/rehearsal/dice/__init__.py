"""Random faults: what draws each kind of them for a night. All are equally likely."""

from __future__ import annotations

from collections.abc import Sequence

from dispatch.rehearsal.dice import chargers, processes, site, vehicles
from dispatch.rehearsal.dice.base import Die

DICE: Sequence[Die] = (*vehicles.DICE, *chargers.DICE, *processes.DICE, *site.DICE)
"""What draws each kind of fault."""
