"""Which limit keeps a visit from drawing more, step by step, as a plan leaves it. No solver in it.

In a plan of least harm no short visit has a step in which it could simply draw a set-point more: whatever stands
in the way of that is told here by its name.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.problem import BoolArray, Problem

SLACK_KW = 1e-4
"""Less room than this is none: the decimals of a plan, added up. [kW]"""

FORGETFUL = "the reserve for forgetful chargers"
THE_VEHICLE = "the vehicle itself"
FULL = "its full battery"
CURVE = "its charge curve"
PERIODS = "the steps and periods its charger can be set to"


def binding_limits(
    depot: Depot, night: Night, problem: Problem, power_kw: FloatArray, row: int
) -> dict[str, BoolArray]:
    """Name of each limit that stands in the way of a visit, and where, shape (T,): most time first."""
    there = problem.drawable[row] > 0
    levels_kw = problem.levels_kw[row]
    own = own_limit(depot, night, row)
    if not there.any() or not levels_kw.size:
        return {own: there} if there.any() else {}
    now_kw = power_kw[row]
    place = np.searchsorted(levels_kw, now_kw + SLACK_KW, side="right")
    at_most = there & (place >= len(levels_kw))
    more_kw = levels_kw[np.minimum(place, len(levels_kw) - 1)] - now_kw
    found = {own: at_most}
    rest = there & ~at_most
    for name, fits in _elsewhere(problem, power_kw, row, more_kw):
        found[name] = rest & ~fits
    explained = np.logical_or.reduce(list(found.values()))
    found[PERIODS] = there & ~explained
    bound = {name: where for name, where in found.items() if where.any()}
    return dict(sorted(bound.items(), key=lambda each: -int(each[1].sum())))


def own_limit(depot: Depot, night: Night, row: int) -> str:
    """The name of what gives a visit its highest power: the connector, or the vehicle where that takes less."""
    visit = night.visits[row]
    connector = depot.connector(visit.charger_id, visit.connector_id)
    vehicle = depot.vehicle(visit.vehicle_id)
    if connector.is_dc:
        is_connector = connector.max_kw * connector.grid_per_limit <= (
            vehicle.max_dc_kw / connector.conversion_efficiency + SLACK_KW
        )
    else:
        is_connector = (
            connector.max_current_a <= vehicle.max_ac_current_a and connector.phases <= vehicle.ac_phases
        )
    return f"connector {visit.charger_id}/{visit.connector_id}" if is_connector else THE_VEHICLE


def _elsewhere(
    problem: Problem, power_kw: FloatArray, row: int, more_kw: FloatArray
) -> Iterator[tuple[str, BoolArray]]:
    """Every limit beside the visit's own power, and the steps in which it leaves room for so much more."""
    for capacity in problem.capacities:
        if capacity.weight[row] > 0:
            left_kw = (capacity.limit - capacity.weight @ power_kw) / capacity.weight[row]
            yield capacity.name, left_kw >= more_kw - SLACK_KW
    if problem.security is not None:
        secured = problem.security
        left_kw = secured.headroom_kw(secured.drawn_kw(power_kw), int(secured.charger[row]))
        yield FORGETFUL, left_kw >= more_kw - SLACK_KW
    more_kwh = problem.energy_per_kw()[row] * more_kw
    charged_kwh = np.cumsum(problem.energy_per_kw()[row] * power_kw[row])
    yield FULL, charged_kwh + more_kwh <= problem.battery_room_kwh[row] + problem.consumed_kwh[row] + 1e-6
    curve = problem.curves[row]
    if curve is not None:
        held_kwh = problem.arrival_kwh[row] + charged_kwh + more_kwh - problem.consumed_kwh[row]
        takes_kw = np.interp(100.0 * held_kwh / problem.battery_kwh[row], curve.soc_percent, curve.max_kw)
        yield CURVE, problem.efficiency[row] * (power_kw[row] + more_kw) <= takes_kw + SLACK_KW
