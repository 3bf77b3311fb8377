from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from optimiser.cost import Cost, PaidPeak
from optimiser.tariff import ClassPrice, TariffClasses

PEAK = PaidPeak(name="evening", charge_per_kw=8.0, so_far_kw=10.0, peak_kw=15.0, money=40.0)
CLASSES = TariffClasses(
    annual_energy_kwh=2.5e6,
    annual_peak_kw=900.0,
    below=ClassPrice(capacity_per_kw=16.53, energy_per_kwh=0.0859),
    above=ClassPrice(capacity_per_kw=191.79, energy_per_kwh=0.0158),
)


@pytest.mark.parametrize(("peaks", "classes"), [((), None), ((PEAK,), None), ((PEAK, PEAK), CLASSES)])
def test_a_cost_survives_its_document(peaks: tuple[PaidPeak, ...], classes: TariffClasses | None) -> None:
    cost = Cost(energy=36.0, demand=40.0, total=76.0, currency="EUR", peaks=peaks, classes=classes)
    assert Cost.from_document(json.loads(json.dumps(asdict(cost)))) == cost


def test_a_cost_stored_before_peaks_were_told_apart_is_read() -> None:
    document = {"energy": 36.0, "demand": 40.0, "total": 76.0, "currency": "EUR"}
    assert Cost.from_document(document) == Cost(**document)  # type: ignore[arg-type]
