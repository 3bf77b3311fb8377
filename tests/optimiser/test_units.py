"""Amperes and kilowatts, and the direction of every rounding."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimiser.units import ceil_to_step, current_a_from_kw, floor_to_step, kw_from_current_a

CURRENTS = st.floats(0, 2000)
STEPS = st.sampled_from([0.1, 0.5, 1.0, 2.0, 0.069, 0.23])
PHASES = st.integers(1, 3)


def test_amperes_are_per_phase() -> None:
    assert kw_from_current_a(16, phases=1) == pytest.approx(3.68)
    assert kw_from_current_a(16, phases=3) == pytest.approx(11.04)
    assert kw_from_current_a(16, phases=3, voltage_v=120) == pytest.approx(5.76)


@given(current_a=CURRENTS, phases=PHASES, voltage_v=st.floats(90, 350))
def test_a_current_comes_back_from_its_power(current_a: float, phases: int, voltage_v: float) -> None:
    power_kw = kw_from_current_a(current_a, phases=phases, voltage_v=voltage_v)
    assert current_a_from_kw(power_kw, phases=phases, voltage_v=voltage_v) == pytest.approx(current_a)


@given(value=CURRENTS, step=STEPS)
def test_a_limit_is_rounded_down(value: float, step: float) -> None:
    rounded = floor_to_step(value, step)
    assert rounded <= value + 1e-6 * step + 1e-12 * value
    assert value - rounded < step * (1 + 1e-6)


@given(value=CURRENTS, step=STEPS)
def test_a_need_is_rounded_up(value: float, step: float) -> None:
    rounded = ceil_to_step(value, step)
    assert rounded >= value - 1e-6 * step - 1e-12 * value
    assert rounded - value < step * (1 + 1e-6)


@given(count=st.integers(0, 20_000), step=STEPS)
def test_what_lies_on_a_step_stays_there_in_both_directions(count: int, step: float) -> None:
    value = count * step
    assert floor_to_step(value, step) == pytest.approx(value)
    assert ceil_to_step(value, step) == pytest.approx(value)


@given(count=st.integers(0, 20_000))
def test_a_limit_in_tenths_has_one_decimal(count: int) -> None:
    rounded = floor_to_step(count * 0.1, 0.1)
    assert rounded == round(rounded, 1)
    assert len(repr(rounded).partition(".")[2]) == 1


@given(value=CURRENTS, step=STEPS)
def test_rounding_twice_is_rounding_once(value: float, step: float) -> None:
    once = floor_to_step(value, step)
    assert math.isclose(floor_to_step(once, step), once)
