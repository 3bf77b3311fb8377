from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from optimiser.depot import Policy
from optimiser.forgetful import excess_kw
from optimiser.planner import plan_night
from tests.builders import a_depot, a_night, a_van

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)


def test_the_worst_charger_is_the_one_with_the_most_to_gain() -> None:
    depot = a_depot(transformer_limit_kw=20.0, reserve_kw=1.0)
    night = a_night(depot, base_load_kw=3.0)
    power_kw = np.zeros((2, 96))
    power_kw[:, 40] = 11.04, 4.14
    excess = excess_kw(depot, night, power_kw, forgetful=1)
    assert excess[40] == pytest.approx(11.04 + 4.14 + 3.0 + 1.0 + (11.04 - 4.14) - 20.0)
    assert excess[0] == 0.0
    assert excess_kw(depot, night, power_kw, forgetful=2)[0] == pytest.approx(2 * 11.04 + 4.0 - 20.0)


def test_a_plan_that_one_forgetful_charger_could_break_says_so_and_when() -> None:
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")], transformer_limit_kw=12.0)
    (warning,) = plan_night(depot, a_night(depot), created_at=NOW).warnings
    assert "a charger that forgets its limit would bring the site" in warning
    assert "above its limit at" in warning


def test_a_plan_that_stands_it_or_is_not_asked_to_says_nothing() -> None:
    roomy = a_depot(transformer_limit_kw=100.0)
    assert plan_night(roomy, a_night(roomy), created_at=NOW).warnings == ()
    unasked = replace(a_depot(transformer_limit_kw=12.0), policy=Policy(secure_against_forgetful=0))
    assert plan_night(unasked, a_night(unasked), created_at=NOW).warnings == ()
