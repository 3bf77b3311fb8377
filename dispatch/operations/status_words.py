"""How a depot stands, as lines for one screen: readable without colour, at 80 columns and on a phone. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dispatch.events import Booted, Disconnected, Metered, StationEvent, StatusChanged
from dispatch.morning.readiness import Departure
from dispatch.operations.status import Course, Leaving, Status
from dispatch.station import ChargerState, ConnectorState
from optimiser.display import counted
from optimiser.horizon import Horizon

WIDTH = 80
"""Columns of a terminal that says nothing of its size. [characters]"""
LABEL = 10
"""Columns before what is told."""
SHOWN = 12
"""Rows of each list: the first ones are those that need somebody."""
MARKS = {
    Course.READY: "✓",
    Course.ON_THE_WAY: "…",
    Course.AT_RISK: "▲",
    Course.EXPECTED: "–",
    Course.NOT_THERE: "?",
    Course.LEFT: " ",
}
TICK_WORDS = {
    0: "good",
    1: "done, but a person is needed",
    2: "bad input",
    3: "not reachable",
    4: "refused",
}
"""What the exit code of a tick says."""


def lines(status: Status, *, width: int = WIDTH, shows_all: bool = False) -> list[str]:
    """The screen, line by line; each fits into the width unless one word alone does not."""
    shown = 10**9 if shows_all else SHOWN
    told = [
        _headed(status.depot.name, _when(status)),
        *_labelled("gateway", _gateway(status), width),
        *_labelled("plan", _plan(status), width),
        *_labelled("last tick", _tick(status), width),
        *_labelled("power", _power(status), width),
        *_labelled("writer", _lease(status), width),
        *_labelled("alerts", _alerts(status), width),
    ]
    for text in _alert_lines(status):
        told += _hanging(text, width)
    told += _listed("next departures", [*_departures(status)], shown, width)
    told += _listed("chargers", [*_chargers(status)], shown, width)
    if status.incidents:
        count = counted(len(status.incidents), "incident")
        told += _hanging(f"▲ {count} of this night not mended: depot report DIR", width)
    return told


def _headed(name: str, when: str) -> str:
    return f"{name} · {when}"


def _when(status: Status) -> str:
    horizon = _horizon(status)
    night = f", night of {status.plan.night:%a %d %b}" if status.plan is not None else ""
    return f"{horizon.local(status.now):%a %d %b %H:%M}{night}"


def _gateway(status: Status) -> str:
    known = status.known
    if known.live is None:
        return f"▲ {known.away}"
    count, total = len(status.connected), len(status.depot.chargers)
    mark = "" if count == total else "▲ "
    return f"{mark}up, {count} of {counted(total, 'charger')} connected"


def _plan(status: Status) -> str:
    if status.known.store_away:
        return f"▲ the store cannot be read: {status.known.store_away}"
    report, plan = status.known.report, status.plan
    if report is None or plan is None:
        return (
            "▲ none for tonight: depot plan"
            if status.is_night
            else "none: it is day, and no night contains now"
        )
    clock = _clock(status, plan.created_at)
    again = len(report.versions)
    made = f"made {_clock(status, report.base.created_at)}"
    if again:
        made += f", planned again {counted(again, 'time')}, last {clock}"
    risk = f"▲ {len(status.at_risk)}" if status.at_risk else "none"
    return f"{made}; {risk} of {counted(len(plan.visits), 'departure')} at risk"


def _tick(status: Status) -> str:
    tick = status.known.tick
    late = "▲ too long ago: is cron, or depot dispatch --loop, alive? " if status.is_tick_late else ""
    if tick is None:
        return f"{late}none yet"
    ended = TICK_WORDS.get(tick.exit_code, f"exit code {tick.exit_code}")
    mark = "▲ " if tick.exit_code and not late else ""
    # A tick that came to its end says itself how that was.
    said = tick.summary if ended in tick.summary else f"{ended}; {tick.summary}"
    return f"{late}{mark}{_clock(status, tick.at)}, {_ago(status.now - tick.at)}: {said}"


def _power(status: Status) -> str:
    power = status.power
    if power is None:
        return "cannot be told without the gateway"
    mark = "▲ " if power.site_kw > power.limit_kw else ""
    base = "forecast" if power.is_forecast else "by its meter"
    silent = f", {counted(power.silent, 'session')} without a meter" if power.silent else ""
    share = 100.0 * power.site_kw / power.limit_kw if power.limit_kw else 0.0
    return (
        f"{mark}{power.site_kw:.1f} of {power.limit_kw:.1f} kW ({share:.0f} %): chargers {power.chargers_kw:.1f}, "
        f"building {power.base_load_kw:.1f} ({base}){silent}"
    )


def _lease(status: Status) -> str:
    lease = status.known.lease
    return "nobody now" if lease is None else f"{lease.holder.words} since {_clock(status, lease.taken_at)}"


def _alerts(status: Status) -> str:
    unknown = sum(alert.acknowledged_at is None for alert in status.known.alerts)
    if not status.known.alerts:
        return "none open"
    return f"{len(status.known.alerts)} open, {unknown} not acknowledged"


def _alert_lines(status: Status) -> Iterator[str]:
    for alert in status.known.alerts:
        mark = "▲" if alert.acknowledged_at is None else " "
        what = alert.condition
        yield f"  {mark} {_clock(status, alert.since)} {what.what}: {what.why} (page {what.page})"


def _departures(status: Status) -> Iterator[str]:
    ahead = [one for one in status.leaving if one.course is not Course.LEFT]
    order = sorted(
        ahead, key=lambda one: one.course is not Course.AT_RISK
    )  # those first, each part by the clock
    for one in order:
        visit = one.departure.visit
        yield (
            f"{MARKS[one.course]} {_clock(status, visit.departure)} {visit.vehicle_id} at {one.departure.place}: "
            f"{one.course}{_course_words(status, one)}"
        )


def _course_words(status: Status, one: Leaving) -> str:
    visit = one.departure.visit
    told = _told(status, one.departure)
    if one.course is Course.AT_RISK:
        by = f" by {one.short_percent:.0f} % ({one.short_kwh:.1f} kWh)" if one.short_percent else ""
        return f"{by}, needs {visit.required_soc_percent:.0f} %{told}"
    if one.course is Course.NOT_THERE:
        return f", expected at {_clock(status, visit.arrival)}"
    if one.course is Course.EXPECTED:
        return f" at {_clock(status, visit.arrival)}"
    if one.course is Course.ON_THE_WAY:
        return f" to {visit.required_soc_percent:.0f} %{told}"
    return told


def _told(status: Status, departure: Departure) -> str:
    if departure.soc_percent is None or departure.soc_at is None:
        return ""
    return f", {departure.soc_percent:.0f} % at {_clock(status, departure.soc_at)}"


def _chargers(status: Status) -> Iterator[str]:
    words = status.known.last_words or {}
    for charger_id in status.missing:
        yield f"▲ {charger_id}: not connected{_last_words(status, words.get(charger_id))}"
    for state in status.connected:
        yield f"  {state.charger_id}: since {_clock(status, state.connected_since)}{_states(status, state)}"


def _last_words(status: Status, event: StationEvent | None) -> str:
    if event is None:
        return ", never heard of"
    at = _clock(status, event.received_at)
    match event:
        case Disconnected():
            return f" since {at}: {event.reason}"
        case Booted():
            return f", last started {at}"
        case StatusChanged():
            return f", last said {event.status} at {at}"
        case Metered():
            return f", last measured at {at}"
        case _:
            return f", last heard of at {at}"


def _states(status: Status, state: ChargerState) -> str:
    return "".join(f"; {_connector(status, one)}" for one in state.connectors if one.connector_id > 0)


def _connector(status: Status, one: ConnectorState) -> str:
    said = one.status or "says nothing of its state"
    meter = one.meter
    if one.transaction is None or meter is None:
        return f"{one.connector_id} {said}"
    told = [f"{meter.power_kw:.1f} kW"] if meter.power_kw is not None else []
    told += [f"{meter.soc_percent:.0f} %"] if meter.soc_percent is not None else []
    return (
        f"{one.connector_id} {said}, {' and '.join(told) or 'metered'} at {_clock(status, meter.received_at)}"
    )


def _listed(title: str, rows: Sequence[str], shown: int, width: int) -> Iterator[str]:
    if not rows:
        return
    yield f"{title}:"
    for row in rows[:shown]:
        yield from _hanging(f"  {row}", width)
    if len(rows) > shown:
        yield f"  and {len(rows) - shown} more: --all"


def _labelled(label: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=label.ljust(LABEL),
        subsequent_indent=" " * LABEL,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _hanging(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=" " * 6,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _ago(passed: timedelta) -> str:
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"


def _horizon(status: Status) -> Horizon:
    """What converts times; where no night is known only the zone counts."""
    if status.plan is not None:
        return status.plan.horizon
    return Horizon(start=status.now, step_s=900, steps=1, timezone=status.depot.timezone)


def _clock(status: Status, instant: datetime | None) -> str:
    """The local time of an instant, with its day where that is neither today nor within twelve hours."""
    if instant is None:
        return "–"
    local = _horizon(status).local(instant)
    is_near = abs(instant - status.now) < timedelta(hours=12)
    return f"{local:%H:%M}" if is_near else f"{local:%a %H:%M}"
