from __future__ import annotations

import pytest

from optimiser.series import SiteSeries


def test_headroom_is_the_least_distance_to_the_limit_and_below_nothing_above_it() -> None:
    site = SiteSeries(limit_kw=(40.0, 20.0), base_load_kw=(2.0, 3.0), charging_kw=(30.0, 11.0))
    assert site.load_kw == pytest.approx((32.0, 14.0))
    assert site.headroom_kw == pytest.approx(6.0)
    above = SiteSeries(limit_kw=(10.0,), base_load_kw=(2.0,), charging_kw=(11.0,))
    assert above.headroom_kw == pytest.approx(-3.0)
