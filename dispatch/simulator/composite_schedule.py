"""What a simulated charge point tells of the limits to come, in one unit: rightly, or as its persona lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import Allowance, Installed, RateUnit, Rules, Session, Stretch
from optimiser.depot import Connector
from optimiser.units import floor_to_step

LONGEST_SCHEDULE_S = 7 * 24 * 3600
"""A composite schedule is worked out for a week at most; the answer says for how long it is. [s]"""
WIRE_STEP = 0.1
"""One decimal is what OCPP lets a limit have. [A or W]"""
DEFAULT_PHASES = 3
"""What ``numberPhases`` is where it is not given (1.6 §7.13, 2.0.1 K01.FR.49)."""
NO_LIMIT = -1.0
"""What some firmware tells where there is none."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """A limit from ``start_s`` on; None where there is none."""

    start_s: int
    limit: float | None
    number_phases: int | None = None

    def same_as(self, other: Level) -> bool:
        """Whether both say the same, at whatever time."""
        return (self.limit, self.number_phases) == (other.limit, other.number_phases)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A composite schedule that is told."""

    start: datetime
    duration_s: int
    unit: RateUnit
    levels: tuple[Level, ...]

    def periods(self) -> list[dict[str, Any]]:
        """The ``chargingSchedulePeriod`` of both versions."""
        return [
            {"startPeriod": level.start_s, "limit": level.limit}
            | ({} if level.number_phases is None else {"numberPhases": level.number_phases})
            for level in self.levels
        ]


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What a limit is worth on the hardware of a charge point."""

    voltage_v: float
    unit: RateUnit
    rules: Rules

    def level(self, held: Sequence[tuple[Connector, tuple[Allowance, ...]]], *, start_s: int) -> Level:
        """The limit of one connector, or the sum of several under the station's maximum."""
        if not any(allowances for _, allowances in held):
            return Level(start_s=start_s, limit=None)
        total = 0.0
        ceilings: list[float] = []
        phases: set[int | None] = set()
        for connector, allowances in held:
            fewest = min((a.number_phases or DEFAULT_PHASES for a in allowances), default=DEFAULT_PHASES)
            values = [(self._worth(a, connector, fewest=fewest, is_sum=len(held) > 1), a) for a in allowances]
            lowest = min((value for value, a in values if not a.whole_station), default=None)
            # In a sum a connector without a limit of its own counts with what its hardware gives.
            unlimited = self.full(connector) if len(held) > 1 else math.inf
            total += unlimited if lowest is None else lowest
            ceilings += [value for value, a in values if a.whole_station]
            phases.update(
                {fewest}
                if self.rules.fewest_phases_convert and allowances
                else {a.number_phases for _, a in values}
            )
        limit = floor_to_step(min([total, *ceilings]), WIRE_STEP)
        # Phases are told where all that hold agree about them.
        agreed = phases.pop() if len(phases) == 1 else None
        return Level(start_s=start_s, limit=limit, number_phases=agreed)

    def _worth(self, allowance: Allowance, connector: Connector, *, fewest: int, is_sum: bool) -> float:
        """A limit in the unit asked for. In a sum the station's maximum is not bound to the phases of one of many."""
        own = not self.rules.fewest_phases_convert or (is_sum and allowance.whole_station)
        return self.converted(allowance, connector, fewest=None if own else fewest)

    def converted(self, allowance: Allowance, connector: Connector, *, fewest: int | None) -> float:
        """A limit in the unit asked for, on so many phases at most."""
        if allowance.unit == self.unit:
            return allowance.limit
        phases = min(fewest or allowance.number_phases or DEFAULT_PHASES, connector.phases)
        per_ampere_w = self.voltage_v * phases
        return allowance.limit * per_ampere_w if self.unit == "W" else allowance.limit / per_ampere_w

    def full(self, connector: Connector) -> float:
        """The hardware's maximum where a limit holds. [A per phase or W]"""
        if connector.is_dc:
            return connector.max_kw * 1000.0
        per_ampere = self.voltage_v * connector.phases if self.unit == "W" else 1.0
        return connector.max_current_a * per_ampere


def told_schedule(
    levels: Sequence[Level],
    sent: Sequence[Level],
    *,
    connectors: Sequence[Connector],
    persona: Persona,
    wiring: Wiring,
    start: datetime,
    duration_s: int,
) -> Told | None:
    """The schedule of some connectors from ``start`` on as a persona tells it; None where there is nothing to tell.

    ``sent`` is told instead of the ``levels``, where there is something. Where no profile says anything while others
    do, the hardware's maximum is the limit. Where more periods are needed than fit, the schedule is cut short and says
    so by its duration.
    """
    if all(level.limit is None for level in levels) and not wiring.rules.tells_full_power:
        return None
    if persona.composite == "wrong":
        levels = [Level(start_s=0, limit=None)]
    levels = sent or levels
    if len(levels) > persona.max_periods:
        duration_s = levels[persona.max_periods].start_s
        levels = levels[: persona.max_periods]
    full = floor_to_step(sum(wiring.full(connector) for connector in connectors), WIRE_STEP)
    absent = NO_LIMIT if persona.composite == "negative" else full
    filled = tuple(
        Level(
            start_s=level.start_s,
            limit=absent if level.limit is None else level.limit,
            number_phases=1 if persona.reads_phases_as_one and level.number_phases else level.number_phases,
        )
        for level in levels
    )
    return Told(start=start, duration_s=duration_s, unit=wiring.unit, levels=filled)


def levels_of(resolved: Sequence[tuple[Connector, tuple[Stretch, ...]]], wiring: Wiring) -> tuple[Level, ...]:
    """The limit of one connector, or the sum of several, as few levels as there are changes."""
    starts = sorted({stretch.start_s for _, stretches in resolved for stretch in stretches})
    levels: list[Level] = []
    for start_s in starts:
        held = [
            (connector, next(s.allowances for s in reversed(stretches) if s.start_s <= start_s))
            for connector, stretches in resolved
        ]
        level = wiring.level(held, start_s=start_s)
        if not levels or not levels[-1].same_as(level):
            levels.append(level)
    return tuple(levels)


def rebased(levels: Sequence[Level], *, begin_s: int, duration_s: int) -> tuple[Level, ...]:
    """The part of some levels from ``begin_s`` on, with its seconds counted from there."""
    later = [
        Level(start_s=level.start_s - begin_s, limit=level.limit, number_phases=level.number_phases)
        for level in levels
        if begin_s < level.start_s < begin_s + duration_s
    ]
    first = [level for level in levels if level.start_s <= begin_s][-1]
    return Level(start_s=0, limit=first.limit, number_phases=first.number_phases), *later


def as_sent(installed: tuple[Installed, ...], sessions: Sequence[Session]) -> tuple[Level, ...]:
    """The periods of the profile that was sent last, as if its schedule began when it is asked for."""
    places = {0, *(session.connector_id for session in sessions)}
    sent = [entry for entry in installed if entry.connector_id in places and entry.purpose != "station_max"]
    return tuple(
        Level(start_s=period.start_s, limit=period.limit, number_phases=period.number_phases)
        for period in (sent[-1].periods if sent else ())
    )
