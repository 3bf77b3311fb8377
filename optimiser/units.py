"""Amperes, kilowatts and the direction in which each of them is rounded.

The unit of a number stands in its name: ``limit_kw``, ``energy_kwh``, ``duration_s``, ``max_current_a``,
``soc_percent``. This module is the only place that converts between them.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

NOMINAL_VOLTAGE_V = 230.0
"""Line-to-neutral voltage of a European low-voltage grid (IEC 60038). [V]"""

ROUNDING_SLACK = 1e-7
"""What counts as floating-point noise when a number is rounded to a step, in steps.

Six orders of magnitude above the noise of a double at depot sizes, six below what a meter can show.
"""


def kw_from_current_a(current_a: float, *, phases: int, voltage_v: float = NOMINAL_VOLTAGE_V) -> float:
    """Power of a current per phase on a number of phases. [kW]

    Amperes are per phase (OCPP 2.0.1 Part 2, K01.FR.50/51; the same in OCPP 1.6).
    """
    return current_a * phases * voltage_v / 1000.0


def current_a_from_kw(power_kw: float, *, phases: int, voltage_v: float = NOMINAL_VOLTAGE_V) -> float:
    """Current per phase of a power on a number of phases. [A]"""
    return power_kw * 1000.0 / (phases * voltage_v)


def floor_to_step(value: float, step: float) -> float:
    """The largest multiple of ``step`` that is not above ``value``: how a limit is rounded."""
    return _to_step(value, step, rounding=ROUND_FLOOR, slack=ROUNDING_SLACK)


def ceil_to_step(value: float, step: float) -> float:
    """The smallest multiple of ``step`` that is not below ``value``: how a need is rounded."""
    return _to_step(value, step, rounding=ROUND_CEILING, slack=-ROUNDING_SLACK)


def _to_step(value: float, step: float, *, rounding: str, slack: float) -> float:
    # Decimal, so that 57 steps of 0.1 A are 5.7 and not 5.7000000000000002.
    count = Decimal(repr(value / step + slack)).to_integral_value(rounding=rounding)
    return float(count * Decimal(repr(step)))
