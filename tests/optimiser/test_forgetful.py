from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from optimiser.depot import Charger, Depot, Policy
from optimiser.forgetful import Security, security
from optimiser.night import Night
from optimiser.planner import plan_night
from tests.builders import a_dc_connector, a_depot, a_night, a_van, an_ac_connector

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)


def secured(depot: Depot, night: Night, forgetful: int) -> Security:
    found = security(replace(depot, policy=Policy(secure_against_forgetful=forgetful)), night)
    assert found is not None
    return found


def test_the_worst_charger_is_the_one_with_the_most_to_gain() -> None:
    depot = a_depot(transformer_limit_kw=20.0, reserve_kw=1.0)
    night = a_night(depot, base_load_kw=3.0)
    power_kw = np.zeros((2, 96))
    power_kw[:, 40] = 11.04, 4.14
    worst_kw = secured(depot, night, 1).worst_kw(power_kw)
    assert worst_kw[40] == pytest.approx(11.04 + 4.14 + (11.04 - 4.14))
    assert worst_kw[0] == pytest.approx(11.04)
    assert secured(depot, night, 2).worst_kw(power_kw)[0] == pytest.approx(2 * 11.04)
    assert secured(depot, night, 1).limit_kw[0] == pytest.approx(20.0 - 1.0 - 3.0)


def test_headroom_is_what_may_be_added_before_the_worst_case_passes_the_limit() -> None:
    depot = a_depot(
        vehicles=[a_van("V1"), a_van("V2"), a_van("V3")],
        chargers=[
            Charger(id="CP1", connectors=(an_ac_connector(),)),
            Charger(id="CP2", connectors=(an_ac_connector(),)),
            Charger(id="CP3", connectors=(a_dc_connector(max_kw=40.0),)),
        ],
        transformer_limit_kw=80.0,
    )
    night = a_night(depot)
    wanted = secured(depot, night, 1)
    drawn_kw = np.zeros((3, 96))
    drawn_kw[2] = 20.0
    full_dc_kw = float(wanted.full_kw[2, 0])
    # The DC charger may wake: what the others draw counts beside its full power.
    assert wanted.headroom_kw(drawn_kw, 0)[0] == pytest.approx(wanted.limit_kw[0] - full_dc_kw)
    # Its own power adds nothing to that; the next worst are the two at rest.
    assert wanted.headroom_kw(drawn_kw, 2)[0] == pytest.approx(wanted.limit_kw[0] - 20.0 - 11.04)


@pytest.mark.parametrize("forgetful", [1, 2])
def test_a_secured_plan_holds_its_limit_whoever_wakes(forgetful: int) -> None:
    depot = replace(
        a_depot(vehicles=[a_van("V1"), a_van("V2"), a_van("V3")], transformer_limit_kw=29.0),
        policy=Policy(secure_against_forgetful=forgetful),
    )
    night = a_night(depot, base_load_kw=2.0)
    plan = plan_night(depot, night, created_at=NOW)
    drawn_kw = np.array([visit.power_kw for visit in plan.visits])
    more_kw = np.sort(11.04 - drawn_kw, axis=0)[::-1][:forgetful].sum(axis=0)
    assert (drawn_kw.sum(axis=0) + more_kw + 2.0 <= 29.0 + 1e-6).all()
    assert plan.shortfall_kwh == pytest.approx(0.0, abs=1e-6)
    assert not any("secured" in warning for warning in plan.warnings)


def test_a_night_that_cannot_be_secured_says_by_how_much_and_is_planned_all_the_same() -> None:
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")], transformer_limit_kw=10.0)
    plan = plan_night(
        replace(depot, policy=Policy(secure_against_forgetful=1)), a_night(depot), created_at=NOW
    )
    assert any("a charger that forgets its limit would bring the site" in each for each in plan.warnings)
    assert sum(visit.delivered_kwh for visit in plan.visits) > 0


def test_a_depot_that_does_not_ask_for_security_gets_none() -> None:
    depot = a_depot(transformer_limit_kw=12.0)
    assert security(depot, a_night(depot)) is None
    assert plan_night(depot, a_night(depot), created_at=NOW).warnings == ()


def test_a_night_that_can_hardly_be_secured_is_planned_all_the_same() -> None:
    """Below the limit less one step of 0.69 kW not even chargers at rest would be secure."""
    depot = replace(a_depot(transformer_limit_kw=11.5), policy=Policy(secure_against_forgetful=1))
    night = a_night(depot, base_load_kw=0.0)
    plan = plan_night(depot, night, created_at=NOW)
    drawn_kw = np.array([visit.power_kw for visit in plan.visits])
    assert (secured(depot, night, 1).worst_kw(drawn_kw) <= 11.5 + 1e-6).all()
