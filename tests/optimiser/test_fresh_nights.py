from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimiser.draws import Draws
from optimiser.fresh_nights import NIGHTS, assured, lived, ready
from optimiser.planner import plan_night
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_visit
from tests.builders import a_van as a_64_kwh_van
from tests.uncertain import NOW, a_sure_depot, an_uncertain_night, asked_for

HOUR_S = 3600.0


def test_a_vehicle_draws_what_it_may_from_its_arrival_on() -> None:
    depot = a_depot(vehicles=[a_64_kwh_van()])
    night = a_night(depot, visits=[a_visit(arrival="12:00", departure="18:00", required_soc_percent=50.0)])
    power_kw = np.zeros((1, 96))
    power_kw[0, :8] = 8.0  # two hours from noon on

    found = lived(depot, night, power_kw, arrivals_at(0.0, 0.5, 1.9, soc_percent=40.0))

    gained_kwh = np.array([16.0, 12.0, 0.8]) * 0.9
    assert found.final_percent[0] == pytest.approx(40.0 + 100.0 * gained_kwh / 64.0)
    assert found.drawn_kw.sum(axis=0) * 0.25 == pytest.approx([16.0, 12.0, 0.8])
    assert ready(night, found).tolist() == [[1.0, 1.0, 0.0]]


def test_a_vehicle_stops_when_it_is_full() -> None:
    depot = a_depot(vehicles=[a_64_kwh_van()])
    night = a_night(depot, visits=[a_visit(arrival="12:00", departure="18:00")])
    power_kw = np.full((1, 96), 10.0)

    found = lived(depot, night, power_kw, arrivals_at(0.0, soc_percent=90.0))

    assert found.final_percent[0, 0] == pytest.approx(100.0)
    assert found.drawn_kw[:, 0].sum() * 0.25 == pytest.approx(6.4 / 0.9)


def test_warming_makes_room_and_takes_charge() -> None:
    depot = a_depot(vehicles=[a_64_kwh_van()])
    visit = a_visit(arrival="12:00", departure="18:00", precondition_kwh=4.0)
    night = a_night(depot, visits=[visit])

    found = lived(depot, night, np.full((1, 96), 10.0), arrivals_at(0.0, soc_percent=99.0))
    nothing = lived(depot, night, np.zeros((1, 96)), arrivals_at(0.0, soc_percent=99.0))

    assert found.final_percent[0, 0] == pytest.approx(100.0)
    assert nothing.final_percent[0, 0] == pytest.approx(99.0 - 100.0 * 4.0 / 64.0)


def test_a_falling_charge_curve_holds_its_vehicle_down() -> None:
    depot = a_depot(vehicles=[a_bus()], chargers=None)
    charger = replace(depot.chargers[0], connectors=(a_dc_connector(),))
    depot = replace(depot, chargers=(charger,))
    night = a_night(depot, visits=[a_visit("B1", arrival="12:00", departure="18:00")])

    found = lived(depot, night, np.full((1, 96), 100.0), arrivals_at(0.0, soc_percent=79.0))
    drawn_kw = found.drawn_kw[:, 0]

    assert drawn_kw[0] > drawn_kw[2] > drawn_kw[4] > 15.0
    assert found.final_percent[0, 0] <= 100.0


def test_a_plan_says_how_sure_it_is_of_each_and_of_all() -> None:
    depot = a_sure_depot(readiness=0.95)
    night = an_uncertain_night(depot)

    plan = plan_night(depot, night, created_at=NOW)

    assert plan.assurance is not None
    assert plan.assurance.nights == NIGHTS
    assert plan.assurance.readiness == pytest.approx(np.mean([v.readiness for v in plan.visits]), abs=1e-5)
    assert plan.assurance.all_ready <= min(visit.readiness or 0.0 for visit in plan.visits)
    assert plan.readiness()["readiness"].is_monotonic_increasing


def test_a_plan_that_nothing_is_asked_of_says_nothing() -> None:
    depot = a_sure_depot(readiness=0.95)
    plan = plan_night(asked_for(depot, None), an_uncertain_night(depot), created_at=NOW)

    assert assured(plan, asked_for(depot, None), an_uncertain_night(depot)) is plan
    assert plan.readiness().empty
    assert "readiness" not in plan.to_document()


def arrivals_at(*hours: float, soc_percent: float) -> Draws:
    arrival_s = HOUR_S * np.array([hours])
    return Draws(arrival_s=arrival_s, soc_percent=np.full_like(arrival_s, soc_percent))
