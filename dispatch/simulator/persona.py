"""How a simulated charge point behaves where real ones differ. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dispatch.simulator.resolver import RateUnit


@dataclass(frozen=True, kw_only=True)
class Persona:
    """What a charge point takes and how honest it is; the default is one that keeps to OCPP 1.6.

    ``refuses_profiles`` answers Rejected, ``never_answers_profiles`` nothing at all; ``ignores_profiles``
    accepts, keeps and shows them and lets the vehicle draw what it wants. ``composite`` "rejected" never tells
    a schedule, "wrong" tells full power all the time. ``units`` are those it takes limits in (on DC only W).
    """

    refuses_profiles: bool = False
    never_answers_profiles: bool = False
    ignores_profiles: bool = False
    units: tuple[RateUnit, ...] = ("A", "W")
    max_periods: int = 24
    max_stack_level: int = 8
    max_profiles: int = 10
    composite: Literal["ok", "rejected", "wrong"] = "ok"
