"""Arrivals as they may come, as arrays beside those of the night as it is written; and what is to be covered of them.

Shapes: ``visits`` rows V, ``scenarios`` columns S, ``steps`` T. The last scenario is the night as it is written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from optimiser.depot import Depot
from optimiser.draws import Stream, certain, draws, has_spread, is_uncertain
from optimiser.horizon import FloatArray
from optimiser.night import Night

IntArray = npt.NDArray[np.int64]

FEWEST, MOST = 100, 1000
"""Scenarios of a plan: as many as the readiness asked for needs (:func:`scenario_count`), within these."""

MOST_OF_ITS_SHARE = 3
"""With a readiness of 98 % for all departures, none is planned for less than 94 %."""

TRIED = 500
"""Nights on which it is tried how many scenarios can be left out."""


@dataclass(frozen=True, kw_only=True)
class Scenarios:
    """What may arrive when and with what, all of shape (V, S).

    ``arrival_h`` counts from the start of the horizon; ``arrival_kwh`` is in the battery, ``need_kwh`` what is missing
    then (battery side). ``most_spare`` (V,) is how many may be left out of each visit. ``tried_h`` and ``tried_kwh``
    (V, N) are arrivals and needs of other nights, on which it is tried how many are: ``readiness`` is to be kept.
    """

    arrival_h: FloatArray
    arrival_kwh: FloatArray
    need_kwh: FloatArray
    most_spare: IntArray
    tried_h: FloatArray
    tried_kwh: FloatArray
    readiness: float
    step_h: float

    def of(self, rows: npt.NDArray[np.intp]) -> Scenarios:
        """Those of some visits."""
        return Scenarios(
            arrival_h=self.arrival_h[rows],
            arrival_kwh=self.arrival_kwh[rows],
            need_kwh=self.need_kwh[rows],
            most_spare=self.most_spare[rows],
            tried_h=self.tried_h[rows],
            tried_kwh=self.tried_kwh[rows],
            readiness=self.readiness,
            step_h=self.step_h,
        )

    def present(self, written: FloatArray, *, row: int, scenario: int) -> FloatArray:
        """Share of every step (T,) that a visit is there in one scenario; ``written`` is that of the night as written.

        Who comes earlier than written is given nothing before.
        """
        ends = 1.0 + np.arange(len(written)) - self.arrival_h[row, scenario] / self.step_h
        share: FloatArray = np.minimum(written, np.clip(ends, 0.0, 1.0))
        return share

    def still_drawing(self, written: FloatArray, energy_kwh: FloatArray, room_kwh: FloatArray) -> FloatArray:
        """How likely each visit is there and not yet full in each step (V, T), where ``energy_kwh`` (V, T) is allowed.

        ``room_kwh`` (V, S) is what its battery takes in each scenario.
        """
        shares = np.zeros_like(written)
        steps = written.shape[1]
        for row, of_row in enumerate(written):
            ends = 1.0 + np.arange(steps) - self.arrival_h[row][:, None] / self.step_h
            there = np.minimum(of_row, np.clip(ends, 0.0, 1.0))
            taken_kwh = np.divide(there, of_row, out=np.zeros_like(there), where=of_row > 0) * energy_kwh[row]
            before_kwh = np.cumsum(taken_kwh, axis=1) - taken_kwh
            shares[row] = (there * (before_kwh < room_kwh[row][:, None])).mean(axis=0)
        return shares


@dataclass(frozen=True, kw_only=True)
class Cover:
    """Energy that visits must be allowed although they come late: Σ_t η Δ present[r, t] p[visit[r], t] ≥ need_kwh[r].

    ``visit`` (R,) rises; of one visit the latest arrival comes first. ``present`` (R, T).
    """

    visit: IntArray
    present: FloatArray
    need_kwh: FloatArray

    def missing_kwh(self, energy_per_full_kw: FloatArray, power_kw: FloatArray) -> FloatArray:
        """What powers (V, T) leave of each row, below 0 where there is more, shape (R,)."""
        given: FloatArray = self.present * energy_per_full_kw[self.visit, None] * power_kw[self.visit]
        missing: FloatArray = self.need_kwh - given.sum(axis=1)
        return missing

    def raised(self, by_kwh: FloatArray, most_kwh: FloatArray) -> Cover:
        """The same with needs higher by ``by_kwh`` (V,), up to ``most_kwh`` (V,)."""
        raised_kwh = np.minimum(self.need_kwh + by_kwh[self.visit], most_kwh[self.visit])
        return replace(self, need_kwh=np.maximum(self.need_kwh, raised_kwh))


def scenario_count(readiness: float) -> int:
    """How many scenarios a readiness needs: so many that two of each visit are beside it."""
    return int(np.clip(np.ceil(2.0 / (1.0 - readiness)), FEWEST, MOST))


def scenarios_of(depot: Depot, night: Night) -> Scenarios | None:
    """The scenarios of a night; None where nothing is uncertain or ``policy.readiness`` asks for nothing.

    Of S scenarios of a visit (1 − readiness) S may be left out; where covering is dear more of one and less of another,
    but of none more than :data:`MOST_OF_ITS_SHARE` times that. How many are is decided on other nights.
    """
    readiness = depot.policy.readiness
    if readiness is None or not has_spread(night):
        return None
    count = scenario_count(readiness)
    uncertain = np.array([is_uncertain(visit) for visit in night.visits])
    share = math.floor((1.0 - readiness) * count + 1e-9)
    found = draws(night, count, stream=Stream.PLANNED_FOR)
    tried = draws(night, TRIED, stream=Stream.TRIED_ON)
    battery_kwh = np.array([[depot.vehicle(visit.vehicle_id).battery_kwh] for visit in night.visits])
    precondition_kwh = np.array([[visit.precondition_kwh] for visit in night.visits])
    required_percent = np.array([[visit.required_soc_percent] for visit in night.visits])

    def need_kwh(soc_percent: FloatArray) -> FloatArray:
        missing_kwh = battery_kwh * (required_percent - soc_percent) / 100.0 + precondition_kwh
        return np.asarray(np.clip(missing_kwh, 0.0, None))

    written = draws(
        replace(night, visits=tuple(certain(visit) for visit in night.visits)), 1, stream=Stream.FRESH
    )
    soc_percent = np.column_stack([found.soc_percent, written.soc_percent])
    return Scenarios(
        arrival_h=np.column_stack([found.arrival_s, written.arrival_s]) / 3600.0,
        arrival_kwh=battery_kwh * soc_percent / 100.0,
        need_kwh=need_kwh(soc_percent),
        most_spare=np.where(uncertain, MOST_OF_ITS_SHARE * share, 0),
        tried_h=tried.arrival_s / 3600.0,
        tried_kwh=need_kwh(tried.soc_percent),
        readiness=readiness,
        step_h=night.horizon.step_h,
    )
