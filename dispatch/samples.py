"""From single measured values to readings: phases and totals brought together, the same for every OCPP version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dispatch.station import MeterReading

PHASES = ("L1", "L2", "L3")
LARGEST_SOC_PERCENT = 100.0


class Quantity(StrEnum):
    """What says what a connector draws, and the unit in which its values are."""

    ENERGY_KWH = "energy_kwh"
    POWER_KW = "power_kw"
    CURRENT_A = "current_a"
    VOLTAGE_V = "voltage_v"
    SOC_PERCENT = "soc_percent"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One measured value, in the unit of its quantity; ``phase`` is one of L1, L2, L3, or None for all of them."""

    quantity: Quantity
    phase: str | None
    value: float


def readings(
    samples: Iterable[tuple[datetime, Sample]], *, received_at: datetime
) -> tuple[MeterReading, ...]:
    """The readings in samples with their instants, one for every instant at which something useful was measured."""
    groups: dict[datetime, list[Sample]] = {}
    for at, sample in samples:
        groups.setdefault(at, []).append(sample)
    made = (_reading(group, at=at, received_at=received_at) for at, group in groups.items())
    return tuple(reading for reading in made if reading is not None)


def _reading(samples: list[Sample], *, at: datetime, received_at: datetime) -> MeterReading | None:
    by_quantity: dict[Quantity, dict[str | None, float]] = {}
    for sample in samples:
        by_quantity.setdefault(sample.quantity, {})[sample.phase] = sample.value
    energy = by_quantity.get(Quantity.ENERGY_KWH, {})
    power = by_quantity.get(Quantity.POWER_KW, {})
    currents = by_quantity.get(Quantity.CURRENT_A, {})
    soc_percent = by_quantity.get(Quantity.SOC_PERCENT, {}).get(None)
    if soc_percent is not None and not 0.0 <= soc_percent <= LARGEST_SOC_PERCENT:
        soc_percent = None
    power_kw = _total(power)
    if power_kw is None:
        power_kw = _power_kw(currents, by_quantity.get(Quantity.VOLTAGE_V, {}))
    reading = MeterReading(
        at=at,
        received_at=received_at,
        power_kw=power_kw,
        current_a=_over_phases(currents, max) if any(p in currents for p in PHASES) else currents.get(None),
        energy_kwh=_total(energy),
        soc_percent=soc_percent,
    )
    measured = (reading.power_kw, reading.current_a, reading.energy_kwh, reading.soc_percent)
    return None if all(value is None for value in measured) else reading


def _total(values: Mapping[str | None, float]) -> float | None:
    """The value for all phases: as given, else the sum of the phases. The two need not agree; the total counts."""
    return values[None] if None in values else _over_phases(values, sum)


def _over_phases(values: Mapping[str | None, float], combine: Callable[[list[float]], float]) -> float | None:
    phases = [values[phase] for phase in PHASES if phase in values]
    return combine(phases) if phases else None


def _power_kw(currents: Mapping[str | None, float], voltages: Mapping[str | None, float]) -> float | None:
    """Power from the currents of single phases and their voltages to neutral. [kW]

    None from a current without phase: nobody knows on how many phases it flows.
    """
    parts_w = []
    for phase in PHASES:
        if phase not in currents:
            continue
        voltage_v = voltages.get(phase, voltages.get(None))
        if voltage_v is None:
            return None
        parts_w.append(currents[phase] * voltage_v)
    return sum(parts_w) / 1000.0 if parts_w else None
