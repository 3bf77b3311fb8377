"""What a battery takes over its state of charge, as straight pieces that a linear program can hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimiser.depot import ChargeCurve


@dataclass(frozen=True, kw_only=True)
class TaperPiece:
    """Battery-side power ≤ ``intercept_kw`` + ``slope_kw_per_kwh`` × energy in the battery; slope < 0."""

    intercept_kw: float
    slope_kw_per_kwh: float


def concave_points(curve: ChargeCurve) -> list[tuple[float, float]]:
    """Corners (SoC in percent, kW) of the smallest concave curve above a charge curve, from 0 to 100 %."""
    known = dict(zip(curve.soc_percent, curve.max_kw, strict=True))
    points = sorted({0.0: curve.max_kw[0], 100.0: curve.max_kw[-1]} | known)
    hull: list[tuple[float, float]] = []
    for soc_percent in points:
        point = (soc_percent, float(np.interp(soc_percent, curve.soc_percent, curve.max_kw)))
        while len(hull) >= 2 and _turns_up(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _turns_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[1] - a[1]) * (c[0] - b[0]) <= (c[1] - b[1]) * (b[0] - a[0])
