"""In which form limits are put: unit, kind, phases, and which values a test uses on a connector. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from dispatch.station import MeterReading, ProfileKind, RateUnit
from optimiser.depot import Connector

TOLERANCE_A = 0.5
"""What a meter and a vehicle's regulation may be off. [A]"""
TOLERANCE_SHARE = 0.05
"""The same, where that is more."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a limit is put into a profile."""

    unit: RateUnit = "A"
    kind: ProfileKind = ProfileKind.ABSOLUTE
    sends_phases: bool = True

    def limit(self, value: float, connector: Connector, *, voltage_v: float) -> float:
        """A value of the test in this form's unit, with at most one decimal."""
        if connector.is_dc or self.unit == "A":
            return round(value, 1)
        return round(value * connector.phases * voltage_v, 1)


@dataclass(frozen=True, kw_only=True)
class Values:
    """The limits of a test, from the lowest that charges: A per phase on AC, W on DC."""

    low: float
    mid: float
    high: float
    step: float
    is_dc: bool

    @classmethod
    def of(cls, connector: Connector) -> Values:
        """Three limits that tell themselves apart, as low as they can be."""
        if connector.is_dc:
            low = connector.min_kw * 1000.0
            step = max(1000.0, round((connector.max_kw * 1000.0 - low) / 6.0, -2))
        else:
            low, step = connector.min_current_a, 1.0
            if connector.max_current_a >= low + 8:
                step = 2.0
        return cls(low=low, mid=low + step, high=low + 2 * step, step=step, is_dc=connector.is_dc)

    def drawn(self, reading: MeterReading, connector: Connector, *, voltage_v: float) -> float | None:
        """What a meter shows, in the unit of the values; None where it shows neither current nor power."""
        if self.is_dc:
            return None if reading.power_kw is None else reading.power_kw * 1000.0
        if reading.current_a is not None:
            return reading.current_a
        if reading.power_kw is None:
            return None
        return reading.power_kw * 1000.0 / (voltage_v * connector.phases)

    def tolerance(self, value: float) -> float:
        """By how much a meter may differ from a limit."""
        least = 500.0 if self.is_dc else TOLERANCE_A
        return max(least, TOLERANCE_SHARE * value)

    def text(self, value: float) -> str:
        """A value as people read it."""
        return f"{value / 1000.0:.1f} kW" if self.is_dc else f"{value:.1f} A"
