"""What a night costs: its energy, each peak that is paid for, and the classes of full-load hours beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optimiser.tariff import ClassPrice, TariffClasses


@dataclass(frozen=True, kw_only=True)
class PaidPeak:
    """A peak with a demand charge: its mean over a billing interval, and the money for what passes ``so_far_kw``."""

    name: str
    charge_per_kw: float
    so_far_kw: float
    peak_kw: float
    money: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Money for the night: the chargers' energy, the demand charges on the site's peaks, and their sum.

    ``peaks`` are those that ``demand`` is the sum of; ``classes`` are the tariff's, for comparison.
    """

    energy: float
    demand: float
    total: float
    currency: str
    peaks: tuple[PaidPeak, ...] = ()
    classes: TariffClasses | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Cost:
        """The cost in a ``depot-plan/1`` document. Raises :class:`KeyError` and :class:`TypeError` for any other."""
        classes = document.get("classes")
        if classes is not None:
            prices = {name: ClassPrice(**classes[name]) for name in ("below", "above")}
            classes = TariffClasses(**classes | prices)
        peaks = tuple(PaidPeak(**peak) for peak in document.get("peaks", ()))
        return cls(**{**document, "peaks": peaks, "classes": classes})
