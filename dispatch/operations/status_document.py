"""How a depot stands, for programs: one JSON document, instants in UTC. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.alert import Alert
from dispatch.operations.status import Leaving, Status
from dispatch.station import ChargerState
from optimiser.horizon import format_instant

SCHEMA = "depot-status/1"


def document(status: Status) -> dict[str, Any]:
    """All that is known."""
    known, plan, power = status.known, status.plan, status.power
    return {
        "schema": SCHEMA,
        "depot": status.depot.name,
        "now": format_instant(status.now),
        "needs_a_person": status.needs_a_person,
        "gateway": {
            "is_up": known.live is not None,
            "why_not": known.away or None,
            "connected": len(status.connected),
            "chargers": len(status.depot.chargers),
        },
        "store": {"is_read": not known.store_away, "why_not": known.store_away or None},
        "plan": None
        if plan is None or known.report is None
        else {
            "night": plan.night.isoformat(),
            "created_at": format_instant(plan.created_at),
            "replanned": len(known.report.versions),
        },
        "last_tick": None
        if known.tick is None
        else {
            "night": known.tick.night.isoformat(),
            "at": format_instant(known.tick.at),
            "exit_code": known.tick.exit_code,
            "summary": known.tick.summary,
            "is_late": status.is_tick_late,
        },
        "power": None
        if power is None
        else {
            "site_kw": power.site_kw,
            "limit_kw": power.limit_kw,
            "chargers_kw": power.chargers_kw,
            "base_load_kw": power.base_load_kw,
            "base_load_is_forecast": power.is_forecast,
            "sessions_without_meter": power.silent,
        },
        "writer": None
        if known.lease is None
        else {"words": known.lease.holder.words, "since": format_instant(known.lease.taken_at)},
        "alerts": [_alert(alert) for alert in known.alerts],
        "departures": [_leaving(one) for one in status.leaving],
        "chargers": [_charger(known.live.charger(charger.id)) for charger in status.depot.chargers]
        if known.live is not None
        else [],
        "open_incidents": [
            {"where": one.where, "sentence": one.sentence, "at": format_instant(one.at)}
            for one in status.incidents
        ],
    }


def _alert(alert: Alert) -> dict[str, Any]:
    condition = alert.condition
    return {
        "id": alert.id,
        "cause": condition.cause.value,
        "what": condition.what,
        "why": condition.why,
        "page": condition.page,
        "since": format_instant(alert.since),
        "acknowledged_at": _maybe(alert.acknowledged_at),
    }


def _leaving(one: Leaving) -> dict[str, Any]:
    departure, visit = one.departure, one.departure.visit
    return {
        "vehicle_id": visit.vehicle_id,
        "charger_id": visit.charger_id,
        "connector_id": visit.connector_id,
        "departure": format_instant(visit.departure),
        "course": one.course.value,
        "short_percent": one.short_percent,
        "short_kwh": one.short_kwh,
        "required_soc_percent": visit.required_soc_percent,
        "planned_soc_percent": visit.planned_soc_percent,
        "soc_percent": departure.soc_percent,
        "soc_at": _maybe(departure.soc_at),
    }


def _charger(state: ChargerState) -> dict[str, Any]:
    return {
        "charger_id": state.charger_id,
        "connected_since": _maybe(state.connected_since),
        "connectors": [
            {
                "connector_id": one.connector_id,
                "status": one.status,
                "is_in_session": one.transaction is not None,
                "power_kw": None if one.meter is None else one.meter.power_kw,
                "soc_percent": None if one.meter is None else one.meter.soc_percent,
                "metered_at": None if one.meter is None else format_instant(one.meter.received_at),
            }
            for one in state.connectors
            if one.connector_id > 0
        ],
    }


def _maybe(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
