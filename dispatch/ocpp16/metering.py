"""Meter values of OCPP 1.6 as readings: units and times brought to one form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from ocpp.v16.enums import Location, Measurand, UnitOfMeasure, ValueFormat

from dispatch import samples
from dispatch.payload import Fields, read_instant, read_number
from dispatch.samples import Quantity, Sample
from dispatch.station import MeterReading

THOUSANDTHS = frozenset({UnitOfMeasure.wh, UnitOfMeasure.w})
"""Units that are divided by 1000 to come to kWh and kW."""
QUANTITIES: Mapping[str, tuple[Quantity, tuple[str, ...]]] = {
    # The first of the units is what a value without unit is in: Open OCPP sends power without unit, in W.
    Measurand.energy_active_import_register: (Quantity.ENERGY_KWH, (UnitOfMeasure.wh, UnitOfMeasure.kwh)),
    Measurand.power_active_import: (Quantity.POWER_KW, (UnitOfMeasure.w, UnitOfMeasure.kw)),
    Measurand.current_import: (Quantity.CURRENT_A, (UnitOfMeasure.a,)),
    Measurand.voltage: (Quantity.VOLTAGE_V, (UnitOfMeasure.v,)),
    Measurand.soc: (Quantity.SOC_PERCENT, (UnitOfMeasure.percent,)),
}
"""The measurands that say what a connector draws, and the units they may have. All others are passed over."""


def readings(values: Iterable[Fields], *, received_at: datetime) -> tuple[MeterReading, ...]:
    """The readings in a list of MeterValue objects, one for every instant at which something useful was measured.

    A value's own time counts; one without a time that can be read was measured when it was received.
    """
    return samples.readings(_samples(values, received_at), received_at=received_at)


def _samples(values: Iterable[Fields], received_at: datetime) -> Iterator[tuple[datetime, Sample]]:
    for value in values:
        at = read_instant(value.values.get("timestamp")) or received_at
        value.require("sampledValue")
        for sampled in value.objects("sampledValue"):
            sampled.require("value")
            sample = _sample(sampled)
            if sample is not None:
                yield at, sample


def _sample(sampled: Fields) -> Sample | None:
    measurand = sampled.optional_text("measurand") or Measurand.energy_active_import_register
    quantity, units = QUANTITIES.get(measurand, (None, ()))
    value = read_number(sampled.values["value"])
    is_signed = sampled.optional_text("format") == ValueFormat.signed_data
    if quantity is None or value is None or is_signed or not _is_at_outlet(sampled, measurand):
        return None
    given = (sampled.optional_text("unit") or units[0]).lower()
    unit = next((unit for unit in units if unit.lower() == given), None)
    if unit is None:
        return None
    phase = sampled.optional_text("phase")
    return Sample(
        quantity=quantity,
        phase=None if phase is None else phase.removesuffix("-N"),
        value=value / 1000.0 if unit in THOUSANDTHS else value,
    )


def _is_at_outlet(sampled: Fields, measurand: str) -> bool:
    """Whether a value is of the connector: what enters the charge point is not, where it has several."""
    location = sampled.optional_text("location")
    return measurand == Measurand.soc or location in {None, Location.outlet, Location.cable}
