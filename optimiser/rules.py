"""Fleet rules: what a depot has decided once for kinds of vehicles, groups, routes and departures. Pure.

What stands in visits.csv is tonight's word and wins; a rule fills in what is left blank there. Of the rules that fit a
visit the first that says something of a value decides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time

TIER_FACTOR = 100.0
"""How many times more a shortfall counts than one of the next tier, at equal priority: tiers are hardly ever weighed
against each other, and three of them are still numbers that a linear program can tell apart."""

DECIDABLE = ("required_soc_percent", "priority", "tier", "earliest_start", "may_be_overridden")
"""What a rule can say of a visit."""


@dataclass(frozen=True, kw_only=True)
class DepartureWindow:
    """Local times of day, from ``start`` until before ``end``; over midnight where the end is not after the start."""

    start: time
    end: time

    def holds(self, clock: time) -> bool:
        """Whether a time of day lies in it."""
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclass(frozen=True, kw_only=True)
class Rule:
    """For which visits it is (an empty condition fits all), and what it says of them (None: nothing).

    ``tier`` is one of ``policy.tiers``; before ``earliest_start``, a time of day, nothing is planned for the visit;
    one that may not be overridden keeps its powers when the night is planned again for the sake of others.
    """

    id: str
    vehicle_types: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    departs: DepartureWindow | None = None
    required_soc_percent: float | None = None
    priority: float | None = None
    tier: str | None = None
    earliest_start: time | None = None
    may_be_overridden: bool | None = None

    def fits(self, *, vehicle_type: str, group: str, route: str, departure: time) -> bool:
        """Whether it is for a visit; ``departure`` is the depot's time of day."""
        return (
            (not self.vehicle_types or vehicle_type in self.vehicle_types)
            and (not self.groups or group in self.groups)
            and (not self.routes or route in self.routes)
            and (self.departs is None or self.departs.holds(departure))
        )


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One value of a visit that a rule has decided; ``value`` as it stands in ``depot.yaml``."""

    what: str
    value: float | str | bool
    rule: str


def decided(
    rules: Sequence[Rule], *, vehicle_type: str, group: str, route: str, departure: time
) -> Iterator[Decided]:
    """What the rules say of a visit, each value once, by the first rule that fits and says something of it."""
    fitting = [
        rule
        for rule in rules
        if rule.fits(vehicle_type=vehicle_type, group=group, route=route, departure=departure)
    ]
    for what in DECIDABLE:
        for rule in fitting:
            value = getattr(rule, what)
            if value is not None:
                shown = f"{value:%H:%M}" if isinstance(value, time) else value
                yield Decided(what=what, value=shown, rule=rule.id)
                break


def tier_weight(tiers: Sequence[str], tier: str | None) -> float:
    """What a shortfall counts by its tier, the last of which counts once; who is in no tier counts with the last."""
    if tier is None or not tiers:
        return 1.0
    return float(TIER_FACTOR ** (len(tiers) - 1 - tiers.index(tier)))
