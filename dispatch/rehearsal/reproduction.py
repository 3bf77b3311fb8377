"""As few faults as break a promise: the worst nights made small, each by so many trials at most."""

from __future__ import annotations

from collections.abc import Sequence

from dispatch.rehearsal.faults import Fault
from dispatch.rehearsal.faults.circumstances import Circumstance
from dispatch.rehearsal.trial import Setting, can_happen, tried

MOST_TRIALS = 12
"""How many nights are played at most to make one small; the same everywhere, however long they take."""


def smallest(
    setting: Setting, faults: Sequence[Fault], *, broken: frozenset[str] | None = None
) -> tuple[Fault, ...]:
    """As few of a night's faults as still break one of the promises that all of them together break.

    ``broken``: which ones those are, where that is known. Circumstances are tried last: they make nights short.
    """
    needed = list(faults)
    trials = MOST_TRIALS
    if broken is None:
        broken, trials = tried(setting, needed).broken, trials - 1
    for fault in sorted(faults, key=lambda fault: isinstance(fault, Circumstance)):
        fewer = [other for other in needed if other is not fault]
        if not can_happen(setting, fewer):
            continue  # somebody stands in a bay that is free only by this fault
        if trials == 0:
            break
        trials -= 1
        still = tried(setting, fewer).broken & broken
        if still:
            needed, broken = fewer, still
    return tuple(needed)
