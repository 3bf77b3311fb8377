"""What a planner calls from Python: a night planned, plans side by side, what the connectors will be allowed.

The names of ``import optimiser as opt``. Everything else is told from here to the street below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import overload

import pandas as pd

from optimiser import baselines, profiles
from optimiser.depot import Depot
from optimiser.display import Card, Printed, counted
from optimiser.explain import explained
from optimiser.horizon import Horizon
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.profiles import ChargingProfile
from optimiser.sweep import Client, Values, prepare
from optimiser.terminal import Terminal
from optimiser.valuation import worth


def plan(depot: Depot, night: Night, *, created_at: datetime | None = None) -> Plan:
    """The cheapest plan of a night that leaves the least behind, in set-points that the chargers can take.

    Energy first (least priority-weighted shortfall), then money, then early rather than late. No night is
    "infeasible": what cannot be delivered is ``shortfall_kwh`` of the visits, and ``explain()`` of the plan says
    why and what would help; its ``worth()``, asked for, what more of anything would be worth. ``baseline`` of the
    plan holds what plug-and-charge would have done. ``created_at`` is now unless given.

    Raises :class:`~optimiser.verify.PlanRefusedError` if the plan does not stand up to the independent check,
    and :class:`~optimiser.lp.SolverError` if no optimum was found in time.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> night = opt.load_night("data/parcel-12", "2025-11-10")
    >>> tonight = opt.plan(depot, night)
    >>> tonight
    Plan of parcel-12, night of 2025-11-10: 12 visits
      departures  12 of 12 ready
      cost        36.0... EUR energy + 0.00 EUR demand charge, at most ... above the cheapest possible
      peak        24.0 kW, 19.0 kW or more below the limit
      made by     HiGHS ... UTC
    >>> tonight.shortfall_kwh
    0.0
    """
    planned = explained(plan_night(depot, night, created_at=created_at or datetime.now(UTC)), depot, night)
    return replace(
        planned,
        baseline=baselines.compare(planned, baselines.plug_and_charge(depot, night)),
        asked=partial(worth, depot, night),
    )


def compare(*plans: Plan, **named: Plan) -> pd.DataFrame:
    """Plans side by side, one row each: what they cost, how high they go, who leaves ready.

    Keywords name their rows; the others are named after what made them. Costs in ``currency``; ``peak_kw``
    counts for the demand charge; ``headroom_kw`` is the least distance of base load and charging to the limit,
    below 0 where they pass it for ``minutes_above_limit``; ``*_kwh`` are battery side; ``ready`` counts
    departures.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> night = opt.load_night("data/parcel-12", "2025-11-10")
    >>> table = opt.compare(opt.plan(depot, night), opt.plug_and_charge(depot, night))
    >>> table[["peak_kw", "minutes_above_limit", "ready"]].round(1)
                     peak_kw  minutes_above_limit  ready
    plan                24.0                    0     12
    plug-and-charge     50.3                   90     12
    """
    for shown in (*plans, *named.values()):
        if not isinstance(shown, Plan):
            raise TypeError(f"compare takes plans, compare(one, other): found a {type(shown).__name__}")
    rows = [*((_name(shown), shown) for shown in plans), *named.items()]
    names = Counter(name for name, _ in rows)
    seen: Counter[str] = Counter()
    labels = []
    for name, _ in rows:
        seen[name] += 1
        labels.append(name if names[name] == 1 else f"{name} {seen[name]}")
    return pd.DataFrame([_figures(shown) for _, shown in rows], index=pd.Index(labels))


@dataclass(frozen=True, kw_only=True, repr=False)
class ChargingProfiles(Printed, Sequence[ChargingProfile]):
    """What every connector is allowed over a night: a sequence of charging profiles, in the depot's order.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> tonight = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
    >>> allowed = opt.charging_profiles(tonight)
    >>> len(allowed), allowed[0].charger_id, allowed[0].periods[0].limit_kw
    (12, 'CP01', 0.0)
    """

    horizon: Horizon
    profiles: tuple[ChargingProfile, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per period, local time: ``limit_kw`` on the grid side [kW], ``limit_a`` per phase [A].

        ``limit_a`` is missing and ``phases`` 0 on DC. Periods are half-open: ``end`` is not in them.

        >>> import optimiser as opt
        >>> depot = opt.load_depot("data/parcel-12")
        >>> tonight = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
        >>> opt.charging_profiles(tonight).to_frame().columns.tolist()
        ['charger', 'connector', 'start', 'end', 'limit_kw', 'limit_a', 'phases']
        """
        local = self.horizon.local
        rows = [
            (
                profile.charger_id,
                profile.connector_id,
                local(period.start),
                local(period.end),
                period.limit_kw,
                period.limit_a,
                period.phases,
            )
            for profile in self.profiles
            for period in profile.periods
        ]
        return pd.DataFrame(
            rows, columns=["charger", "connector", "start", "end", "limit_kw", "limit_a", "phases"]
        )

    def __len__(self) -> int:
        return len(self.profiles)

    def __iter__(self) -> Iterator[ChargingProfile]:
        return iter(self.profiles)

    @overload
    def __getitem__(self, index: int) -> ChargingProfile: ...
    @overload
    def __getitem__(self, index: slice) -> ChargingProfiles: ...
    def __getitem__(self, index: int | slice) -> ChargingProfile | ChargingProfiles:
        if isinstance(index, slice):
            return replace(self, profiles=self.profiles[index])
        return self.profiles[index]

    def _card(self) -> Card:
        counts = sorted(len(profile.periods) for profile in self.profiles)
        drawing = sum(any(period.limit_kw > 0 for period in profile.periods) for profile in self.profiles)
        facts = [("connectors", f"{len(counts)}, {drawing} of them may draw")]
        if counts:
            facts.append(("periods", f"{counts[len(counts) // 2]} in the middle, {counts[-1]} at most"))
        return Card(
            title=f"{counted(len(counts), 'charging profile')} ({self.horizon.timezone})",
            facts=tuple(facts),
            headers=("connector", "from", "to", "limit", "per phase"),
            rows=tuple(self._rows()),
            numbers=frozenset({3}),
            more="to_frame() has all",
        )

    def _rows(self) -> Iterator[tuple[str, ...]]:
        """The periods in which something may be drawn, as a person reads them."""
        for profile in self.profiles:
            for period in profile.periods:
                if period.limit_kw > 0:
                    start, end = (f"{self.horizon.local(t):%a %H:%M}" for t in (period.start, period.end))
                    amperes = "" if period.limit_a is None else f"{period.limit_a:g} A × {period.phases}"
                    connector = f"{profile.charger_id}/{profile.connector_id}"
                    yield connector, start, end, f"{period.limit_kw:,.1f} kW", amperes


def charging_profiles(plan: Plan) -> ChargingProfiles:
    """What every connector of the depot is allowed over the plan's horizon, as few periods as say it.

    Limits are cut down to what OCPP can carry, never above the plan; connectors that nobody visits are allowed
    nothing. From a plan stored before plans named their connectors come those visited, in kW alone.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> tonight = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
    >>> frame = opt.charging_profiles(tonight).to_frame()
    >>> bool(frame["limit_a"].max() <= 16)
    True
    """
    return ChargingProfiles(horizon=plan.horizon, profiles=profiles.charging_profiles(plan))


def what_if(
    depot: Depot,
    nights: Night | Iterable[Night],
    changes: Mapping[str, Values],
    *,
    seeds: int = 0,
    cache: str | Path | None = None,
    workers: int | None = None,
    client: Client | None = None,
) -> pd.DataFrame:
    """Plans nights under every combination of changes, on all cores: one row for each.

    ``changes`` are keys of the depot with their values: numbers, lists, ranges ``"100:400:25"`` with both ends,
    ``"drop"`` and ``"keep"``. They are ``site.transformer_limit_kw``, ``site.reserve_kw``,
    ``tariff.demand_charge_per_kw``, ``tariff.peak_so_far_kw``, ``policy.secure_against_forgetful``, ``policy.readiness``; with an id or
    ``*`` for ID ``feeders.ID.limit_kw`` and ``.limit_per_phase_a``, ``chargers.ID`` (drop: out of order, who stands
    there is not ready), ``chargers.ID.max_current_a`` and ``.max_kw``, ``vehicles.ID`` (drop: away),
    ``vehicles.ID.battery_kwh``, ``.max_ac_current_a`` and ``.max_dc_kw``, ``visits.ID.late_minutes``,
    ``.arrival_soc_percent`` and ``.required_soc_percent`` of the vehicle ID; and ``vehicles``, how many there are:
    beyond those of the depot they come once more, on copies of their chargers below the same feeders.

    The columns are the changes, then ``night``, ``seed``, ``ready``, ``departures``, ``readiness`` (the share that
    is ready), ``cost`` of ``energy`` and ``demand`` in the depot's currency, ``peak_kw`` and ``shortfall_kwh``
    (battery side). ``demand`` is that of each night alone: nights of one billing period share one, so do not add it.

    With ``seeds`` each night whose visits have a spread is drawn so often (``seed`` 1, 2, …), else it is planned as
    it is written (``seed`` 0). A draw is planned by who knows it: its readiness is the best that was possible.
    With ``policy.readiness`` the night is planned before it is known, and each draw is lived through under that plan.

    ``cache`` is a folder in which outcomes are kept; what is there for the same depot, night, changes and version of
    the code is not worked out again. ``workers`` are processes, as many as pay off unless given; the table is the
    same for any number. A script calls this below ``if __name__ == "__main__":``. ``client`` is one of a Dask cluster
    (``pip install depot-overnight[dask]``) whose workers have this version of the package: it plans there instead.

    Pictures of the table are in :mod:`optimiser.study_charts`. Raises :class:`InputError` with all that is wrong
    with the changes, and what :func:`plan` raises.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> night = opt.load_night("data/parcel-12", "2025-11-10")
    >>> table = opt.what_if(depot, night, {"site.transformer_limit_kw": [15, 43], "vehicles": [12, 15]})
    >>> table[["site.transformer_limit_kw", "vehicles", "ready", "departures", "peak_kw"]].round(1)
       site.transformer_limit_kw  vehicles  ready  departures  peak_kw
    0                       15.0        12     12          12     15.0
    1                       15.0        15     14          15     15.0
    2                       43.0        12     12          12     24.0
    3                       43.0        15     15          15     24.0
    """
    sweep = prepare(depot, nights, changes, seeds=seeds)
    with Terminal(as_json=False).counting("planning nights", len(sweep.combinations)) as progress:
        folder = None if cache is None else Path(cache)
        return sweep.solve(cache=folder, workers=workers, progress=progress, client=client)


def _name(shown: Plan) -> str:
    return shown.solver.name if shown.solver.name == baselines.PLUG_AND_CHARGE else "plan"


def _figures(shown: Plan) -> dict[str, object]:
    return {
        "depot": shown.depot,
        "night": shown.night,
        "energy_cost": shown.cost.energy,
        "demand_cost": shown.cost.demand,
        "total_cost": shown.cost.total,
        "currency": shown.cost.currency,
        "peak_kw": shown.peak_kw,
        "headroom_kw": shown.site.headroom_kw,
        "minutes_above_limit": baselines.minutes_above_limit(shown),
        "delivered_kwh": sum(visit.delivered_kwh for visit in shown.visits),
        "shortfall_kwh": shown.shortfall_kwh,
        "departures": len(shown.visits),
        "ready": sum(visit.is_ready for visit in shown.visits),
    }
