"""How a depot stands: what calls for a person, and that it fits on the screen it is read on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.alert import Alert, Cause, Condition
from dispatch.morning.report import MorningReport
from dispatch.operations.status import Course, Known, Status, status_of
from dispatch.operations.status_document import document
from dispatch.operations.status_words import lines
from dispatch.station import ChargerState, ConnectorState, LiveState, MeterReading, SiteReading, Transaction
from dispatch.store.leases import Holder, Lease, Writer
from dispatch.store.ticks import TickEnd
from optimiser.depot import Depot
from tests.builders import NIGHT, a_depot, at
from tests.dispatch.morning_builders import (
    a_metered_session,
    a_planned_night,
    charging,
    connected,
    disconnected,
    facts_of,
    report_of,
)

NOW = at("23:00")


def a_charger(
    charger_id: str = "CP1", *, is_there: bool = True, power_kw: float | None = None, now: datetime = NOW
) -> ChargerState:
    """A charger with a session where it shows a power."""
    transaction = Transaction(transaction_id=1, started_at=now - timedelta(hours=3))
    meter = MeterReading(at=now, received_at=now, power_kw=power_kw, soc_percent=50.0)
    return ChargerState(
        charger_id=charger_id,
        connected_since=now - timedelta(hours=5) if is_there else None,
        connectors=(
            ConnectorState(
                connector_id=1,
                status="Charging" if power_kw else "Available",
                transaction=transaction if power_kw is not None else None,
                meter=meter if power_kw is not None else None,
            ),
        ),
    )


def a_live_state(*chargers: ChargerState, site: SiteReading | None = None) -> LiveState:
    return LiveState(now=NOW, chargers=chargers or (a_charger("CP1"), a_charger("CP2")), site=site)


def a_tick(*, minutes_ago: float = 5.0, exit_code: int = 0) -> TickEnd:
    at_ = NOW - timedelta(minutes=minutes_ago)
    return TickEnd(night=NIGHT, at=at_, exit_code=exit_code, summary="0 profiles sent")


def an_alert(*, vehicle_id: str | None = None, cause: Cause = Cause.UNVERIFIED) -> Alert:
    condition = Condition(
        cause=cause,
        subject="CP1/1",
        what="CP1/1 cannot be verified",
        why="does not answer",
        page="cannot-be-verified",
        vehicle_id=vehicle_id,
    )
    return Alert(id=1, condition=condition, since=NOW, seen_at=NOW)


def a_quiet_report(depot: Depot | None = None) -> MorningReport:
    return report_of(facts_of(a_planned_night(depot)), depot=depot, now=NOW)


def a_status(depot: Depot | None = None, **known: Any) -> Status:
    """A depot at eleven in the evening where all is well, but for what is given."""
    depot = depot or a_depot()
    well: dict[str, Any] = {"live": a_live_state(), "report": a_quiet_report(depot), "tick": a_tick()}
    return status_of(depot, Known(**{**well, **known}), now=NOW, is_night=True)


def test_a_depot_where_all_is_well_needs_nobody() -> None:
    status = a_status()
    assert not status.needs_a_person
    assert not any("▲" in line for line in lines(status))


@pytest.mark.parametrize(
    "wrong",
    [
        {"live": a_live_state(a_charger("CP1"))},
        {"report": None},
        {"tick": a_tick(minutes_ago=45)},
        {"tick": a_tick(exit_code=1)},
        {"alerts": [an_alert()]},
    ],
    ids=["a charger is away", "no plan", "cron is silent", "a tick needs somebody", "an alert"],
)
def test_what_is_wrong_needs_a_person_and_is_marked(wrong: dict[str, Any]) -> None:
    status = a_status(**wrong)
    assert status.needs_a_person
    assert any("▲" in line for line in lines(status))
    assert document(status)["needs_a_person"]


def test_an_alert_that_somebody_knows_of_is_shown_and_asks_for_nobody() -> None:
    status = a_status(alerts=[replace(an_alert(), acknowledged_at=NOW)])
    assert not status.needs_a_person
    assert any("cannot be verified" in line for line in lines(status))


def test_a_plan_that_was_made_just_now_has_no_late_tick() -> None:
    assert a_status(tick=None).is_tick_late  # the builder's plan is of the morning
    plan = replace(a_planned_night(), created_at=NOW - timedelta(minutes=10))
    assert not a_status(tick=None, report=report_of(facts_of(plan), now=NOW)).is_tick_late


def courses(status: Status) -> dict[str, Course]:
    return {one.departure.visit.vehicle_id: one.course for one in status.leaving}


def test_departures_are_told_apart_by_plan_session_and_soc() -> None:
    depot = a_depot()
    short = a_planned_night(depot, power_kw={"V1": charging(), "V2": charging(minutes=30)})
    events = [connected("CP1"), *a_metered_session("CP1")]
    report = report_of(facts_of(short, events=events), depot=depot, now=NOW)
    status = a_status(depot, report=report)
    assert courses(status)["V2"] is Course.AT_RISK
    assert status.at_risk[0].short_percent > 5
    told = "\n".join(lines(status))
    assert "V2 at CP2/1: at risk by" in told
    assert told.index("V2 at CP2/1") < told.index("V1 at CP1/1")


def test_who_has_not_come_by_its_arrival_is_not_there_yet_and_before_it_expected() -> None:
    assert set(courses(a_status()).values()) == {Course.NOT_THERE}
    early = status_of(
        a_depot(),
        Known(live=a_live_state(), report=report_of(facts_of(a_planned_night()), now=at("13:00"))),
        now=at("13:00"),
        is_night=True,
    )
    assert set(courses(early).values()) == {Course.EXPECTED}


def test_an_alert_of_a_departure_puts_it_at_risk_though_the_plan_does_not() -> None:
    status = a_status(alerts=[an_alert(vehicle_id="V1", cause=Cause.DEPARTURE)])
    assert courses(status)["V1"] is Course.AT_RISK


def test_power_is_that_of_the_meters_and_of_the_building() -> None:
    live = a_live_state(
        a_charger("CP1", power_kw=7.0),
        a_charger("CP2", power_kw=3.0),
        site=SiteReading(at=NOW, site_kw=15.0),
    )
    power = a_status(live=live).power
    assert power is not None
    assert (power.chargers_kw, power.base_load_kw, power.site_kw) == (10.0, 5.0, 15.0)
    assert not power.is_forecast


def test_without_a_site_meter_the_building_is_taken_as_forecast_and_old_meters_are_counted_as_silent() -> (
    None
):
    old = a_charger("CP1", power_kw=7.0, now=NOW - timedelta(hours=1))
    power = a_status(live=a_live_state(old, a_charger("CP2"))).power
    assert power is not None
    assert power.is_forecast
    assert (power.chargers_kw, power.silent) == (0.0, 1)


def test_without_a_gateway_what_the_store_knows_is_still_told() -> None:
    status = a_status(live=None, away="the gateway at 127.0.0.1:9001 cannot be reached")
    told = "\n".join(lines(status))
    assert "cannot be reached" in told
    assert "V1 at CP1/1" in told
    assert document(status)["gateway"]["is_up"] is False


def test_what_a_charger_that_is_away_said_last_is_told() -> None:
    live = a_live_state(a_charger("CP1"), a_charger("CP2", is_there=False))
    status = a_status(live=live, last_words={"CP2": disconnected("CP2", time="22:40", reason="keepalive")})
    assert any("CP2: not connected since 22:40: keepalive" in line for line in lines(status))


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "M"]), min_size=1, max_size=20)


@given(
    width=st.integers(30, 80),
    reasons=st.lists(st.lists(words, min_size=1, max_size=30).map(" ".join), max_size=3),
    chargers=st.integers(1, 40),
)
def test_every_line_fits_on_the_screen_and_lists_stay_short(
    width: int, reasons: Sequence[str], chargers: int
) -> None:
    depot = a_depot(chargers=[replace(a_depot().chargers[0], id=f"CP{n}") for n in range(chargers)])
    holder = Holder(writer=Writer.DISPATCHER, host="h", process_id=1, words=" ".join(reasons) or "x")
    status = status_of(
        depot,
        Known(
            live=LiveState(now=NOW, chargers=()),
            alerts=[replace(an_alert(), condition=replace(an_alert().condition, why=why)) for why in reasons],
            tick=a_tick(),
            lease=Lease(token=1, holder=holder, taken_at=NOW, until=NOW),
        ),
        now=NOW,
        is_night=False,
    )
    told = lines(status, width=width)
    assert all(len(line) <= width for line in told)
    assert sum("not connected" in line for line in told) <= 12
    assert sum("not connected" in line for line in lines(status, width=80, shows_all=True)) == chargers


def test_how_a_tick_has_ended_is_said_once() -> None:
    summary = "d: good; night of 2025-11-10: 0 profiles sent"
    told = "\n".join(lines(a_status(tick=replace(a_tick(), summary=summary))))
    assert told.count("good") == 1
