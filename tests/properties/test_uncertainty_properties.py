"""What holds for every plan of a night whose arrivals are uncertain."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from optimiser.depot import Depot
from optimiser.lp import covering
from optimiser.night import Night
from optimiser.planner import decide, plan_night
from optimiser.problem import build_problem
from optimiser.verify import violations
from tests.nights import depots, nights
from tests.uncertain import NOW, a_sure_depot, an_uncertain_night, asked_for, measured, with_spread

SOME = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),
)
MEASURED = 400


def drawn(data: st.DataObject) -> tuple[Depot, Night]:
    """Any depot and night, with any spread and any readiness."""
    depot = data.draw(depots())
    spread = {
        "arrival_sd_minutes": data.draw(st.sampled_from([0.0, 20.0, 90.0])),
        "arrival_soc_sd_percent": data.draw(st.sampled_from([1.0, 8.0, 30.0])),
    }
    night = with_spread(data.draw(nights(depot)), **spread)
    return asked_for(depot, data.draw(st.sampled_from([0.6, 0.9, 0.98]))), night


@SOME
@given(st.data())
def test_no_limit_is_passed_by_what_is_allowed_and_every_rule_is_kept(data: st.DataObject) -> None:
    depot, night = drawn(data)
    plan = plan_night(depot, night, created_at=NOW)
    allowed_kw = np.sum([visit.power_kw for visit in plan.visits], axis=0)
    room_kw = np.clip(night.site_limit_kw - night.base_load_kw - depot.site.reserve_kw, 0.0, None)
    assert (allowed_kw <= room_kw + 1e-4).all()
    assert list(violations(plan, depot, night)) == []
    assert plan.solver.gap >= 0.0


@SOME
@given(st.data())
def test_more_spread_never_lowers_the_energy_provided_for(data: st.DataObject) -> None:
    """Where there is room for it: SoC alone is uncertain, and everybody has the whole night."""
    depot = asked_for(
        a_sure_depot(vehicles=3, transformer_limit_kw=60.0), data.draw(st.sampled_from([0.8, 0.95]))
    )
    less, more = sorted(data.draw(st.tuples(*[st.floats(0.5, 15.0)] * 2)))
    provided_kwh = [
        covering(
            build_problem(
                depot, an_uncertain_night(depot, arrival_sd_minutes=0.0, arrival_soc_sd_percent=sd_percent)
            )
        ).need_kwh
        for sd_percent in (less, more)
    ]
    certain_kwh = build_problem(asked_for(depot, None), an_uncertain_night(depot)).need_kwh
    assert provided_kwh[1].sum() >= provided_kwh[0].sum() - 0.25
    assert (provided_kwh[0] >= certain_kwh - 1e-6).all()


@SOME
@given(st.data())
def test_as_many_are_ready_on_other_nights_as_were_asked_for(data: st.DataObject) -> None:
    readiness = data.draw(st.sampled_from([0.8, 0.95, 0.98]))
    depot = a_sure_depot(
        vehicles=data.draw(st.integers(2, 6)), readiness=readiness, transformer_limit_kw=60.0
    )
    night = an_uncertain_night(
        depot,
        arrival_sd_minutes=data.draw(st.floats(5.0, 90.0)),
        arrival_soc_sd_percent=data.draw(st.floats(1.0, 12.0)),
    )
    sure = measured(depot, night, decide(build_problem(depot, night)).power_kw, nights=MEASURED)
    error = math.sqrt(readiness * (1.0 - readiness) / (MEASURED * len(night.visits)))
    # Of the nights on which it is measured, and of those on which it was tried how much can be left out.
    assert sure >= readiness - 3.0 * math.sqrt(2.0) * error


@SOME
@given(st.data())
def test_without_a_spread_a_readiness_changes_nothing(data: st.DataObject) -> None:
    depot = data.draw(depots())
    night = data.draw(nights(depot))
    asked = plan_night(asked_for(depot, 0.98), night, created_at=NOW)
    unasked = plan_night(depot, night, created_at=NOW)
    assert replace(asked, solver=replace(asked.solver, seconds=0.0)) == replace(
        unasked, solver=replace(unasked.solver, seconds=0.0)
    )
