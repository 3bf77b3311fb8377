"""A night of the site and of its feeders as rows of numbers, one value per step. Knows no vehicle and no plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LIMIT_SLACK_KW = 1e-3
"""A watt: what the rounding of a thousand powers in a plan may add up to is no passing of a limit. [kW]"""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Limit and charging power of a feeder, one value per step. [kW] Without a limit, ``limit_kw`` is None."""

    limit_kw: tuple[float, ...] | None
    charging_kw: tuple[float, ...]

    def to_document(self) -> dict[str, Any]:
        """Both as lists, as they stand in a plan's document."""
        limit = None if self.limit_kw is None else list(self.limit_kw)
        return {"limit_kw": limit, "charging_kw": list(self.charging_kw)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Series:
        """That of a plan's document. Raises :class:`KeyError` and :class:`TypeError` for any other."""
        limit = document["limit_kw"]
        return cls(
            limit_kw=None if limit is None else tuple(limit), charging_kw=tuple(document["charging_kw"])
        )


@dataclass(frozen=True, kw_only=True)
class SiteSeries:
    """The site's night, one value per step. [kW] ``limit_kw`` is what base load and charging may reach.

    ``burden_kw``: what chargers may draw at most that nobody governed when the plan was made; empty where all obeyed.
    """

    limit_kw: tuple[float, ...]
    base_load_kw: tuple[float, ...]
    charging_kw: tuple[float, ...]
    pv_kw: tuple[float, ...] = ()
    import_price_per_kwh: tuple[float, ...] = ()
    burden_kw: tuple[float, ...] = ()

    @property
    def load_kw(self) -> tuple[float, ...]:
        """Base load and charging together, which the limit holds down. [kW]"""
        return tuple(
            base + charging for base, charging in zip(self.base_load_kw, self.charging_kw, strict=True)
        )

    @property
    def headroom_kw(self) -> float:
        """How near the night comes to its limit; below 0 where it passes it. [kW]"""
        return min(limit - load for limit, load in zip(self.limit_kw, self.load_kw, strict=True))
