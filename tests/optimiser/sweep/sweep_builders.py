"""A depot whose fleet binds, nights of it, and a sweep without progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.sweep import Values, prepare
from tests.builders import NIGHT, a_depot, a_horizon, a_night, a_visit


def a_spread_night(
    depot: Depot,
    *,
    arrival_sd_minutes: float = 30.0,
    arrival_soc_sd_percent: float = 5.0,
    night: date = NIGHT,
) -> Night:
    """Both vans come about 17:50, about 40 % full."""
    visits = [
        replace(
            a_visit(f"V{n}", charger_id=f"CP{n}", night=night),
            arrival_sd_minutes=arrival_sd_minutes,
            arrival_soc_sd_percent=arrival_soc_sd_percent,
        )
        for n in (1, 2)
    ]
    return a_night(depot, visits=visits, horizon=a_horizon(night=night))


def swept(
    changes: Mapping[str, Values],
    *nights: Night,
    depot: Depot | None = None,
    seeds: int = 0,
    cache: Path | None = None,
    workers: int | None = 1,
) -> pd.DataFrame:
    depot = depot or a_depot()
    sweep = prepare(depot, nights or a_night(depot), changes, seeds=seeds)
    return sweep.solve(cache=cache, workers=workers, progress=lambda _: None)
