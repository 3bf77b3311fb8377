"""Meter values of OCPP 2.0.1 as readings: units, powers of ten and times brought to one form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from ocpp.v201.enums import LocationEnumType, MeasurandEnumType

from dispatch import samples
from dispatch.payload import LARGEST_NUMBER, Fields, read_instant, read_number
from dispatch.samples import Quantity, Sample
from dispatch.station import MeterReading

THOUSANDTHS = frozenset({"Wh", "W"})
"""Units that are divided by 1000 to come to kWh and kW."""
QUANTITIES: Mapping[str, tuple[Quantity, tuple[str, ...]]] = {
    # The first of the units is what a value without unit is in.
    MeasurandEnumType.energy_active_import_register.value: (Quantity.ENERGY_KWH, ("Wh", "kWh")),
    MeasurandEnumType.power_active_import.value: (Quantity.POWER_KW, ("W", "kW")),
    MeasurandEnumType.current_import.value: (Quantity.CURRENT_A, ("A",)),
    MeasurandEnumType.voltage.value: (Quantity.VOLTAGE_V, ("V",)),
    MeasurandEnumType.soc.value: (Quantity.SOC_PERCENT, ("Percent",)),
}
"""The measurands that say what an EVSE draws, and the units they may have. All others are passed over."""
LARGEST_EXPONENT = 15
"""Powers of ten beyond are no multiplier that a meter has."""


def readings(values: Iterable[Fields], *, received_at: datetime) -> tuple[MeterReading, ...]:
    """The readings in a list of MeterValueType objects, one for every instant at which something useful was measured.

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
    measurand = sampled.optional_text("measurand") or MeasurandEnumType.energy_active_import_register.value
    quantity, units = QUANTITIES.get(measurand, (None, ()))
    value = read_number(sampled.values["value"])
    if quantity is None or value is None or not _is_at_outlet(sampled, measurand):
        return None
    scale = sampled.optional_object("unitOfMeasure")
    exponent = 0 if scale is None else scale.optional_integer("multiplier") or 0
    given = (None if scale is None else scale.optional_text("unit")) or units[0]
    unit = next((unit for unit in units if unit.lower() == given.lower()), None)
    if unit is None or abs(exponent) > LARGEST_EXPONENT:
        return None
    value *= 10.0**exponent
    if abs(value) > LARGEST_NUMBER:
        return None
    phase = sampled.optional_text("phase")
    return Sample(
        quantity=quantity,
        phase=None if phase is None else phase.removesuffix("-N"),
        value=value / 1000.0 if unit in THOUSANDTHS else value,
    )


def _is_at_outlet(sampled: Fields, measurand: str) -> bool:
    """Whether a value is of the EVSE: what enters the station is not, where it has several."""
    location = sampled.optional_text("location")
    return measurand == MeasurandEnumType.soc.value or location in {
        None,
        LocationEnumType.outlet.value,
        LocationEnumType.cable.value,
    }
