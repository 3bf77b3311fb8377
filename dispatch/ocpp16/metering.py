"""Meter values of OCPP 1.6 as readings: units, phases and times brought to one form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ocpp.v16.enums import Location, Measurand, UnitOfMeasure, ValueFormat

from dispatch.ocpp16.fields import Fields, read_instant, read_number
from dispatch.station import MeterReading

PHASES = ("L1", "L2", "L3")
LARGEST_SOC_PERCENT = 100.0

THOUSANDTHS = frozenset({UnitOfMeasure.wh, UnitOfMeasure.w})
"""Units that are divided by 1000 to come to kWh and kW."""
UNITS: Mapping[str, tuple[str, ...]] = {
    # The first of each is what a value without unit is in: Open OCPP sends power without unit, in W.
    Measurand.energy_active_import_register: (UnitOfMeasure.wh, UnitOfMeasure.kwh),
    Measurand.power_active_import: (UnitOfMeasure.w, UnitOfMeasure.kw),
    Measurand.current_import: (UnitOfMeasure.a,),
    Measurand.voltage: (UnitOfMeasure.v,),
    Measurand.soc: (UnitOfMeasure.percent,),
}
"""The measurands that say what a connector draws, and the units they may have. All others are passed over."""


@dataclass(frozen=True, kw_only=True)
class _Sample:
    measurand: str
    phase: str | None
    value: float


def readings(values: Iterable[Fields], *, received_at: datetime) -> tuple[MeterReading, ...]:
    """The readings in a list of MeterValue objects, one for every instant at which something useful was measured.

    A value's own time counts; one without a time that can be read was measured when it was received.
    """
    samples: dict[datetime, list[_Sample]] = {}
    for value in values:
        at = read_instant(value.values.get("timestamp")) or received_at
        value.require("sampledValue")
        for sampled in value.objects("sampledValue"):
            sampled.require("value")
            sample = _sample(sampled)
            if sample is not None:
                samples.setdefault(at, []).append(sample)
    made = (_reading(group, at=at, received_at=received_at) for at, group in samples.items())
    return tuple(reading for reading in made if reading is not None)


def _sample(sampled: Fields) -> _Sample | None:
    measurand = sampled.optional_text("measurand") or Measurand.energy_active_import_register
    units = UNITS.get(measurand)
    value = read_number(sampled.values["value"])
    is_signed = sampled.optional_text("format") == ValueFormat.signed_data
    if units is None or value is None or is_signed or not _is_at_outlet(sampled, measurand):
        return None
    given = (sampled.optional_text("unit") or units[0]).lower()
    unit = next((unit for unit in units if unit.lower() == given), None)
    if unit is None:
        return None
    phase = sampled.optional_text("phase")
    return _Sample(
        measurand=measurand,
        phase=None if phase is None else phase.removesuffix("-N"),
        value=value / 1000.0 if unit in THOUSANDTHS else value,
    )


def _is_at_outlet(sampled: Fields, measurand: str) -> bool:
    """Whether a value is of the connector: what enters the charge point is not, where it has several."""
    location = sampled.optional_text("location")
    return measurand == Measurand.soc or location in {None, Location.outlet, Location.cable}


def _reading(samples: list[_Sample], *, at: datetime, received_at: datetime) -> MeterReading | None:
    by_measurand: dict[str, dict[str | None, float]] = {}
    for sample in samples:
        by_measurand.setdefault(sample.measurand, {})[sample.phase] = sample.value
    energy = by_measurand.get(Measurand.energy_active_import_register, {})
    power = by_measurand.get(Measurand.power_active_import, {})
    currents = by_measurand.get(Measurand.current_import, {})
    soc_percent = by_measurand.get(Measurand.soc, {}).get(None)
    if soc_percent is not None and not 0.0 <= soc_percent <= LARGEST_SOC_PERCENT:
        soc_percent = None
    power_kw = _total(power)
    if power_kw is None:
        power_kw = _power_kw(currents, by_measurand.get(Measurand.voltage, {}))
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
