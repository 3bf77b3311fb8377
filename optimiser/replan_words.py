"""What is said of a plan that was made again: what has changed, who will leave short of what, why, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from optimiser.depot import Depot
from optimiser.expected import Expected, gain_percent
from optimiser.horizon import FloatArray
from optimiser.plan import Plan
from optimiser.planned import READY_TOLERANCE_PERCENT
from optimiser.rest import UNREACHABLE_KWH, Rest, Solved

WORTH_SAYING_PERCENT = 1.0
"""How much less a vehicle that is short anyway must leave with for that to be said again. [%]"""

WORTH_SAYING_KW = 0.1
"""By how much limits must have changed for that to be said. [kW]"""


def sentences(
    depot: Depot,
    plan: Plan,
    rest: Rest,
    solved: Solved,
    final_percent: FloatArray,
    *,
    now: datetime,
    above: bool,
) -> list[str]:
    """One sentence per cause, then one for everybody who is short and was not, or is short of more.

    ``plan`` is the one that was left, ``final_percent`` (V,) the SoC at departure that is expected now. [%] ``above``: it
    would have passed a limit.
    """
    said = [
        *_moves(rest),
        *_behind(depot, plan, rest, solved, now=now),
        *_limits(plan, rest, now=now, above=above),
        *_shortfalls(depot, plan, rest, solved, final_percent),
    ]
    return [sentence for sentence in dict.fromkeys(said) if sentence not in plan.warnings]


def _moves(rest: Rest) -> Iterator[str]:
    for one in rest.visits:
        if one.planned is None:
            yield f"{one.visit.vehicle_id} is new tonight, on {_named(one)}"
            continue
        was = f"{one.planned.charger_id}/{one.planned.connector_id}"
        if was != _named(one):
            verb = "is expected" if one.live is None else "stands"
            yield f"{one.visit.vehicle_id} {verb} on {_named(one)} instead of {was}"


def _behind(depot: Depot, plan: Plan, rest: Rest, solved: Solved, *, now: datetime) -> Iterator[str]:
    begins = plan.horizon.local(rest.night.horizon.start)
    for row, one in enumerate(rest.visits):
        planned, live = one.planned, one.live
        if planned is None or live is None or live.soc_percent is None:
            continue
        expected = planned.arrival_soc_percent + gain_percent(
            depot, one.visit, one.power_kw, plan.horizon, after=planned.arrival, before=now
        )
        if live.soc_percent < expected - depot.policy.soc_tolerance_percent and solved.free[row]:
            said = max(begins, plan.horizon.local(now))
            yield (
                f"{planned.vehicle_id} had {live.soc_percent:.0f} % instead of {max(0.0, expected):.0f} % at "
                f"{plan.horizon.local(now):%H:%M}: planned again from {said:%H:%M}"
            )


def _limits(plan: Plan, rest: Rest, *, now: datetime, above: bool) -> Iterator[str]:
    night, site, first = rest.night, plan.site, rest.first
    before_kw = np.array(site.limit_kw)[first:], np.array(site.base_load_kw)[first:]
    burden_kw = np.array(site.burden_kw)[first:] if site.burden_kw else np.zeros(night.horizon.steps)
    more = (
        ("the site's limit is {:.1f} kW lower than planned with", before_kw[0] - night.site_limit_kw),
        ("the base load is {:.1f} kW higher than planned with", night.base_load_kw - before_kw[1]),
        ("{} may draw {:.1f} kW more than planned whatever {} told", night.burdens_kw - burden_kw),
    )
    who = " and ".join(f"{charger_id}/{plug}" for charger_id, plug in sorted(night.burden_kw))
    are = "it is" if len(night.burden_kw) == 1 else "they are"
    for words, difference_kw in more:
        step = int(np.argmax(difference_kw > WORTH_SAYING_KW))
        if difference_kw[step] > WORTH_SAYING_KW:
            values = (who, difference_kw.max(), are) if words.startswith("{}") else (difference_kw.max(),)
            at = max(now, night.horizon.starts()[step])
            effect = ": planned again" if above else ""
            yield f"{words.format(*values)} from {night.horizon.local(at):%H:%M} on{effect}"


def _shortfalls(
    depot: Depot, plan: Plan, rest: Rest, solved: Solved, final_percent: FloatArray
) -> Iterator[str]:
    unreachable_kwh = rest.problem.unreachable_kwh()
    for row, one in enumerate(rest.visits):
        required = one.visit.required_soc_percent
        if final_percent[row] >= required - READY_TOLERANCE_PERCENT:
            continue
        before = one.planned
        was_short = before is not None and not before.is_ready
        if was_short and before and final_percent[row] > before.planned_soc_percent - WORTH_SAYING_PERCENT:
            continue
        missing_kwh = rest.problem.shortfall_kwh(solved.power_kw)[row]
        why, fix = _why(depot, rest, row, is_out_of_time=unreachable_kwh[row] > missing_kwh - UNREACHABLE_KWH)
        yield (
            f"{one.visit.vehicle_id} will leave at {plan.horizon.local(one.visit.departure):%H:%M} with "
            f"{final_percent[row]:.0f} % instead of {required:.0f} %: {why}; {fix}"
        )


def _why(depot: Depot, rest: Rest, row: int, *, is_out_of_time: bool) -> tuple[str, str]:
    """Why a vehicle is short, and what would fix it."""
    one, problem = rest.visits[row], rest.problem
    if row in rest.fixed:
        free = _free_connector(depot, rest)
        elsewhere = f"plug it in on {free}" if free else "it needs another connector"
        return f"nobody governs {_named(one)} now", elsewhere
    if one.is_asleep:
        return "it draws nothing although it may", "unplug it and plug it in again"
    if is_out_of_time:
        most_kw = problem.max_kw[row] * problem.efficiency[row]
        if most_kw <= 0:
            return f"it cannot charge on {_named(one)}", "it needs another connector"
        lacks_h = problem.unreachable_kwh()[row] / most_kw
        late = " even if it came now" if one.is_missing else ""
        why = f"full power until then is not enough{late}"
        return why, f"let it leave {max(1, round(lacks_h * 60))} minutes later, or charge it faster elsewhere"
    return (
        "the site's limits leave no more for it",
        "let it leave later, or free power at a vehicle that can wait",
    )


def _free_connector(depot: Depot, rest: Rest) -> str | None:
    """A connector on which nobody stands or is expected, and which is no burden."""
    taken = {one.place for one in rest.visits} | set(rest.night.burden_kw)
    free = ((charger.id, plug.id) for charger, plug in depot.connectors())
    return next((f"{place[0]}/{place[1]}" for place in free if place not in taken), None)


def _named(one: Expected) -> str:
    return f"{one.visit.charger_id}/{one.visit.connector_id}"
