"""What meters tell holds for every meter: no energy is lost or invented, and no minute is more than it can be."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.morning.meters import Minutes, metering
from dispatch.station import MeterReading
from tests.builders import a_horizon
from tests.dispatch.morning_builders import FULL_KW, NEXT_NOON, NOON

HORIZON = a_horizon()
MINUTES = Minutes.of(HORIZON, until=NEXT_NOON)

gaps_s = st.lists(st.integers(1, 3600), min_size=1, max_size=30)
shares = st.lists(st.floats(0.0, 1.0), min_size=30, max_size=30)
allowances = st.lists(st.sampled_from([0.0, 4.14, FULL_KW]), min_size=96, max_size=96)


def a_register(gaps: list[int], drawn: list[float]) -> list[MeterReading]:
    """Readings at some distances [s], each with a share of full power drawn since the one before."""
    at, energy_kwh = NOON, 0.0
    readings = [MeterReading(at=at, received_at=at, energy_kwh=0.0)]
    for gap_s, share in zip(gaps, drawn, strict=False):
        at += timedelta(seconds=gap_s)
        energy_kwh += share * FULL_KW * gap_s / 3600.0
        readings.append(MeterReading(at=at, received_at=at, energy_kwh=energy_kwh))
    return readings


@settings(max_examples=60, deadline=None)
@given(gaps=gaps_s, drawn=shares, allowed=allowances)
def test_the_energy_of_all_minutes_is_that_of_the_register(
    gaps: list[int], drawn: list[float], allowed: list[float]
) -> None:
    readings = a_register(gaps, drawn)
    meter = metering(readings, (), start=NOON, full_kw=FULL_KW)
    allowed_kw = np.repeat(allowed, 15)
    per_minute = meter.per_minute_kwh(MINUTES, allowed_kw=allowed_kw)
    last_s = min((readings[-1].at - NOON).total_seconds(), 86400.0)
    if readings[-1].at <= NEXT_NOON:
        assert per_minute.sum() == pytest.approx(readings[-1].energy_kwh, abs=1e-6)
    assert per_minute.min() >= -1e-9
    gained_kwh, unknown_s = meter.gained_kwh(0.0, last_s)
    assert gained_kwh == pytest.approx(per_minute.sum(), abs=1e-6)
    assert unknown_s == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(gaps=gaps_s, allowed=allowances)
def test_a_vehicle_that_obeys_is_never_shown_above_what_it_was_allowed(
    gaps: list[int], allowed: list[float]
) -> None:
    allowed_kw = np.repeat(allowed, 15)
    edges_s = np.cumsum([0, *gaps]).astype(float)
    energies = np.interp(edges_s, MINUTES.edges(), np.concatenate([[0.0], np.cumsum(allowed_kw) / 60.0]))
    readings = [
        MeterReading(
            at=NOON + timedelta(seconds=at_s), received_at=NOON + timedelta(seconds=at_s), energy_kwh=energy
        )
        for at_s, energy in zip(edges_s.tolist(), energies.tolist(), strict=True)
    ]
    meter = metering(readings, (), start=NOON, full_kw=FULL_KW)
    shown_kw = meter.per_minute_kwh(MINUTES, allowed_kw=allowed_kw) * 60.0
    assert (shown_kw <= allowed_kw + 1e-6).all()
