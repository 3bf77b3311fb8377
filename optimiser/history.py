"""How arrivals went against what was expected of them, and what that teaches of those to come.

A spread is the root mean square of (true − planned): who is always an hour late has a spread of an hour, until
somebody writes the hour into the plan. A vehicle of few nights leans on the fleet, as if it had :data:`FLEET_NIGHTS`
nights of the fleet's beside its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from optimiser.display import Card, Printed, counted
from optimiser.night import Visit

if TYPE_CHECKING:
    import pandas as pd

FLEET_NIGHTS = 5
"""With so many nights of its own a vehicle counts as much as the fleet."""

FEWEST_NIGHTS = 10
"""Arrivals of the whole fleet below which nothing is learned."""


@dataclass(frozen=True, kw_only=True)
class PastVisit:
    """One arrival of a past night: what was planned with, and what came. A SoC that nobody told is None."""

    vehicle_id: str
    night: date
    planned_arrival: datetime
    arrival: datetime
    planned_soc_percent: float
    arrival_soc_percent: float | None = None

    @property
    def late_minutes(self) -> float:
        """By how much it came later than planned, below 0 earlier."""
        return (self.arrival - self.planned_arrival).total_seconds() / 60.0

    @property
    def fuller_percent(self) -> float | None:
        """By how much its SoC was higher than planned, below 0 lower; None where it is not known."""
        return (
            None if self.arrival_soc_percent is None else self.arrival_soc_percent - self.planned_soc_percent
        )


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What is to be expected of an arrival, as standard deviations, and from how many nights of its own."""

    arrival_sd_minutes: float
    arrival_soc_sd_percent: float
    nights: int


@dataclass(frozen=True, kw_only=True, repr=False)
class History(Printed):
    """The arrivals of a depot's past nights, from ``history.csv``.

    >>> from datetime import UTC, date, datetime, timedelta
    >>> came = [
    ...     PastVisit(
    ...         vehicle_id="V1",
    ...         night=date(2025, 11, day),
    ...         planned_arrival=datetime(2025, 11, day, 18, tzinfo=UTC),
    ...         arrival=datetime(2025, 11, day, 18, tzinfo=UTC) + timedelta(minutes=30 * (-1) ** day),
    ...         planned_soc_percent=40.0,
    ...         arrival_soc_percent=44.0,
    ...     )
    ...     for day in range(1, 13)
    ... ]
    >>> history = History(visits=tuple(came))
    >>> history
    History of 12 arrivals on 12 nights
      late   -30 to 30 min, spread 30 min
      fuller  4 to 4 %, spread 4 %
    >>> history.spread("V1")
    Spread(arrival_sd_minutes=30.0, arrival_soc_sd_percent=4.0, nights=12)
    """

    visits: tuple[PastVisit, ...]

    def before(self, night: date) -> History:
        """What was known when a night was planned: the nights before it."""
        return replace(self, visits=tuple(visit for visit in self.visits if visit.night < night))

    def spread(self, vehicle_id: str) -> Spread | None:
        """What is to be expected of a vehicle; None where the fleet has fewer than :data:`FEWEST_NIGHTS` arrivals."""
        if len(self.visits) < FEWEST_NIGHTS:
            return None
        own = [visit for visit in self.visits if visit.vehicle_id == vehicle_id]
        return Spread(
            arrival_sd_minutes=_leaning(_late(own), _late(self.visits)),
            arrival_soc_sd_percent=_leaning(_fuller(own), _fuller(self.visits)),
            nights=len(own),
        )

    def spreads(self) -> pd.DataFrame:
        """The spread of every vehicle that has come: one row each, widest arrivals first."""
        import pandas as pd  # noqa: PLC0415 half a second that only those who want a frame wait for

        rows = []
        for vehicle_id in sorted({visit.vehicle_id for visit in self.visits}):
            spread = self.spread(vehicle_id)
            if spread is not None:
                rows.append({"vehicle": vehicle_id, **vars(spread)})
        columns = ["vehicle", "nights", "arrival_sd_minutes", "arrival_soc_sd_percent"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.sort_values("arrival_sd_minutes", ascending=False, kind="stable", ignore_index=True)

    def to_frame(self) -> pd.DataFrame:
        """One row per arrival: how late it was and how much fuller than planned."""
        import pandas as pd  # noqa: PLC0415 as above

        rows = [(v.night, v.vehicle_id, v.late_minutes, v.fuller_percent) for v in self.visits]
        return pd.DataFrame(rows, columns=["night", "vehicle", "late_minutes", "fuller_percent"])

    def _card(self) -> Card:
        nights = len({visit.night for visit in self.visits})
        late, fuller = _late(self.visits), _fuller(self.visits)
        facts = []
        if late:
            facts.append(("late", f"{min(late):.0f} to {max(late):.0f} min, spread {_rms(late):.0f} min"))
        if fuller:
            facts.append(("fuller", f"{min(fuller):.0f} to {max(fuller):.0f} %, spread {_rms(fuller):.0f} %"))
        return Card(
            title=f"History of {counted(len(self.visits), 'arrival')} on {counted(nights, 'night')}",
            facts=tuple(facts),
            more="to_frame() has all",
        )


def learned(visit: Visit, history: History, *, given: Iterable[str]) -> Visit:
    """A visit with the spreads that history teaches, where ``given`` does not name them as written already."""
    spread = history.spread(visit.vehicle_id)
    if spread is None:
        return visit
    wanted: Mapping[str, float] = {
        "arrival_sd_minutes": spread.arrival_sd_minutes,
        "arrival_soc_sd_percent": spread.arrival_soc_sd_percent,
    }
    known = set(given)
    return replace(visit, **{name: value for name, value in wanted.items() if name not in known})  # type: ignore[arg-type]


def _late(visits: Sequence[PastVisit]) -> list[float]:
    return [visit.late_minutes for visit in visits]


def _fuller(visits: Sequence[PastVisit]) -> list[float]:
    return [visit.fuller_percent for visit in visits if visit.fuller_percent is not None]


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values)) if values else 0.0


def _leaning(own: Sequence[float], fleet: Sequence[float]) -> float:
    """The root mean square of a vehicle's own values beside so many of the fleet's."""
    square = (len(own) * _rms(own) ** 2 + FLEET_NIGHTS * _rms(fleet) ** 2) / (len(own) + FLEET_NIGHTS)
    return math.sqrt(square)
