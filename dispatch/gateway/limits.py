"""How often something may happen: token buckets, and the rates that the gateway grants. Pure but for its buckets.

A bucket holds ``burst`` at first and is filled at ``per_s``, never beyond. Times are seconds of any steady clock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many at once, and then so many per second."""

    burst: int
    per_s: float


LOGINS = Rate(burst=10, per_s=0.1)
"""Wrong passwords from one address for one charger. Guessing 119 bits is hopeless at any rate: this spares the
processor, and the log."""
SOCKETS = Rate(burst=20, per_s=0.2)
"""New sockets of one charger. Real ones come back within 1 to 60 s, some three times within ten; a flapping line gets
one each 5 s."""
FRAMES = Rate(burst=200, per_s=5.0)
"""Frames that are taken from one charger, each counted as 1 and 1 more for every :data:`BYTES_PER_FRAME`. A charger
that comes back replays the readings of hours: 200 are taken at once, the rest as fast as ten chargers speak. A hundred
that flood the gateway at once cost it eight seconds of a core, and then a fifth of one."""
BYTES_PER_FRAME = 16 * 1024
ALARMS = Rate(burst=1, per_s=1 / 60)
"""Events of one kind about one charger that the gateway itself puts into the journal."""
UNKNOWN = Rate(burst=20, per_s=0.2)
"""Lines in the log about chargers that nobody knows."""

MOST_KEPT = 10_000
"""Buckets that are kept of one rate; the one that was asked longest ago goes first, and begins anew, full."""


@dataclass(kw_only=True)
class Bucket:
    """What is left of a rate. It may be overdrawn, which is how frames are paced: they are there already."""

    rate: Rate
    at_s: float
    level: int | float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.rate.burst

    def spend(self, amount: int, *, now_s: float) -> float:
        """Take an amount, also where it is not there; returns how long to wait until it would have been. [s]"""
        self._fill(now_s)
        self.level -= amount
        return max(0.0, -self.level / self.rate.per_s)

    def wait_s(self, *, now_s: float) -> float:
        """How long until one more may happen. [s]"""
        self._fill(now_s)
        return max(0.0, (1 - self.level) / self.rate.per_s)

    def _fill(self, now_s: float) -> None:
        self.level = min(self.rate.burst, self.level + (now_s - self.at_s) * self.rate.per_s)
        self.at_s = now_s


class Buckets:
    """One bucket of a rate for every key, and no more than :data:`MOST_KEPT` of them."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._kept: OrderedDict[Hashable, Bucket] = OrderedDict()

    def of(self, key: Hashable, *, now_s: float) -> Bucket:
        """The bucket of a key."""
        bucket = self._kept.get(key)
        if bucket is None:
            bucket = self._kept[key] = Bucket(rate=self._rate, at_s=now_s)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return bucket

    def allows(self, key: Hashable, *, now_s: float) -> bool:
        """Whether one more may happen now; it is counted if so."""
        bucket = self.of(key, now_s=now_s)
        if bucket.wait_s(now_s=now_s) > 0:
            return False
        bucket.spend(1, now_s=now_s)
        return True
