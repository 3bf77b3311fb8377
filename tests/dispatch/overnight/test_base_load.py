"""What the building is taken to draw, with and without a meter that shows it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from dispatch.overnight.base_load import STALE, SiteWatch, believed_base_load_kw
from dispatch.station import (
    ChargerState,
    ConnectorState,
    LiveState,
    MeterReading,
    SiteReading,
    Transaction,
)
from optimiser.horizon import FloatArray
from tests.builders import a_depot, a_night, at
from tests.dispatch.dispatch_builders import a_plan

NOW = at("22:07")
STEP = 40
DEPOT = a_depot(base_load_max_kw=9.0)
NIGHT = a_night(DEPOT, base_load_kw=2.0)


def a_live_state(
    *,
    base_load_kw: float | None = None,
    site_kw: float | None = None,
    age_s: float = 10.0,
    charging_kw: float | None = None,
    now: datetime = NOW,
) -> LiveState:
    site = None
    if base_load_kw is not None or site_kw is not None:
        site = SiteReading(at=now - timedelta(seconds=age_s), base_load_kw=base_load_kw, site_kw=site_kw)
    meter = None
    if charging_kw is not None:
        meter = MeterReading(at=now, received_at=now, power_kw=charging_kw)
    transaction = Transaction(transaction_id=1, started_at=now - timedelta(hours=2))
    plug = ConnectorState(connector_id=1, transaction=transaction, meter=meter)
    charger = ChargerState(charger_id="CP1", connected_since=now, connectors=(plug,))
    return LiveState(now=now, chargers=(charger,), site=site)


def believed(live: LiveState) -> FloatArray:
    return believed_base_load_kw(DEPOT, NIGHT, live)


def test_without_a_meter_the_forecast_holds() -> None:
    assert (believed(a_live_state()) == NIGHT.base_load_kw).all()


def test_an_excess_is_believed_for_an_hour_and_then_fades() -> None:
    kw = believed(a_live_state(base_load_kw=6.0))
    assert (kw[:STEP] == 2.0).all()
    assert kw[STEP : STEP + 5] == pytest.approx([6.0] * 5)
    assert (np.diff(kw[STEP + 4 : STEP + 13]) < 0).all()
    assert (kw[STEP + 13 :] == 2.0).all()


def test_less_than_the_forecast_lifts_no_limit() -> None:
    assert (believed(a_live_state(base_load_kw=0.5)) == NIGHT.base_load_kw).all()


def test_what_the_chargers_draw_is_no_base_load() -> None:
    assert believed(a_live_state(site_kw=15.0, charging_kw=11.0))[STEP] == pytest.approx(4.0)
    assert believed(a_live_state(site_kw=12.0, charging_kw=11.0))[STEP] == 2.0


@pytest.mark.parametrize(
    "blind",
    [
        a_live_state(base_load_kw=1.0, age_s=STALE.total_seconds() + 1),
        a_live_state(site_kw=12.0),
    ],
)
def test_who_is_blind_counts_the_most_that_the_building_is_known_for(blind: LiveState) -> None:
    assert believed(blind)[STEP] == 9.0


def test_the_last_reading_counts_where_it_was_more_than_was_ever_known() -> None:
    assert believed(a_live_state(base_load_kw=14.0, age_s=600.0))[STEP] == pytest.approx(14.0)


def test_a_reading_is_held_against_the_forecast_of_its_own_time() -> None:
    falling = a_night(DEPOT, base_load_kw=np.where(np.arange(96) < STEP, 6.0, 2.0))
    live = a_live_state(base_load_kw=6.0, age_s=60.0, now=at("22:00") + timedelta(seconds=1))
    assert (believed_base_load_kw(DEPOT, falling, live) == falling.base_load_kw).all()
    assert SiteWatch().looked(live, a_plan(DEPOT, falling))[1] is None


def test_a_flicker_of_the_meter_changes_nothing() -> None:
    first, second = (believed(a_live_state(base_load_kw=kw)) for kw in (5.91, 5.98))
    assert (first == second).all()


def test_a_reading_above_the_plan_calls_for_a_tick_once() -> None:
    watch, plan = SiteWatch(), a_plan(DEPOT, NIGHT)
    quiet = watch.looked(a_live_state(base_load_kw=2.0), plan)
    alarmed = watch.looked(a_live_state(base_load_kw=5.0), plan)
    assert alarmed != quiet
    followed = a_plan(DEPOT, a_night(DEPOT, base_load_kw=5.0))
    assert watch.looked(a_live_state(base_load_kw=5.0), followed) == alarmed
    assert watch.looked(a_live_state(base_load_kw=4.0), followed) == alarmed
    later = a_live_state(base_load_kw=6.0, now=NOW + timedelta(minutes=1))
    assert watch.looked(later, followed) != alarmed


def test_a_meter_that_falls_silent_calls_for_a_tick() -> None:
    watch, plan = SiteWatch(), a_plan(DEPOT, NIGHT)
    fresh = watch.looked(a_live_state(base_load_kw=2.0), plan)
    assert watch.looked(a_live_state(base_load_kw=2.0, age_s=200.0), plan) != fresh
