"""The morning report for programs: one JSON document, instants in local time with their offset."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.morning.climb import Climb
from dispatch.morning.loads import Peak
from dispatch.morning.readiness import Departure
from dispatch.morning.report import MorningReport
from dispatch.morning.versions import Share, Version
from optimiser.horizon import Horizon

SCHEMA = "depot-morning/1"


def document(report: MorningReport) -> dict[str, Any]:
    """All of the report but the course of the night."""
    horizon, plan = report.plan.horizon, report.plan
    spent = report.spent
    return {
        "schema": SCHEMA,
        "depot": plan.depot,
        "night": plan.night.isoformat(),
        "at": _iso(horizon, report.at),
        "is_over": report.is_over,
        "ready_and_proven": report.is_ready_and_proven,
        "departures": [_departure(horizon, one) for one in report.departures],
        "metered": {
            "energy_kwh": spent.energy_kwh,
            "cost_energy": spent.energy,
            "cost_demand": spent.demand,
            "unknown_minutes": spent.unknown_minutes,
            "currency": plan.cost.currency,
        },
        "planned": {"cost_energy": report.base.cost.energy, "cost_demand": report.base.cost.demand}
        | {"peak_kw": report.base.peak_kw},
        "baseline": {
            name: value
            for name, value in (plan.baseline or report.base.baseline).items()
            if name != "charging_kw"
        },
        "peaks": [_peak(horizon, peak) for peak in report.peaks],
        "not_metered": [
            {**_place(gap.place), "from": _iso(horizon, gap.start), "minutes": gap.minutes}
            for gap in report.gaps
        ],
        "connectors": [_climb(horizon, climb) for climb in report.climbs],
        "plans": [_version(horizon, version) for version in report.versions],
        "overrides": [
            {
                **_place(override.place),
                "vehicle_id": override.vehicle_id,
                "transaction_id": override.transaction_id,
                "first_at": _iso(horizon, override.first_at),
                "last_at": _iso(horizon, override.last_at),
                "sent": override.count,
                "until": _iso(horizon, override.until),
                "outcome": override.outcome,
                "reason": override.reason,
            }
            for override in report.overrides
        ],
        "incidents": [
            {
                "kind": incident.kind.value,
                "at": _iso(horizon, incident.at),
                "until": _iso(horizon, incident.until),
                "where": incident.where,
                "sentence": incident.sentence,
                "needs_a_person": incident.needs_a_person,
            }
            for incident in report.incidents
        ],
    }


def _departure(horizon: Horizon, one: Departure) -> dict[str, Any]:
    visit = one.visit
    return {
        "vehicle_id": visit.vehicle_id,
        **_place(one.place),
        "departure": _iso(horizon, visit.departure),
        "required_soc_percent": visit.required_soc_percent,
        "planned_soc_percent": one.first.planned_soc_percent,
        "replanned_soc_percent": visit.planned_soc_percent,
        "state": one.state.value,
        "basis": one.basis.value,
        "lowest_soc_percent": one.lowest_percent,
        "highest_soc_percent": one.highest_percent,
        "told_soc_percent": one.soc_percent,
        "told_at": _iso(horizon, one.soc_at),
        "drawn_kwh": one.drawn_kwh,
        "plugged_in": _iso(horizon, one.plugged_in),
        "unplugged": _iso(horizon, one.unplugged),
        "transaction_ids": [session.transaction_id for session in one.sessions],
    }


def _peak(horizon: Horizon, peak: Peak) -> dict[str, Any]:
    return {
        "name": peak.name,
        "verdict": peak.verdict.value,
        "metered_kw": peak.metered_kw,
        "metered_at": _iso(horizon, peak.metered_at),
        "at_most_kw": peak.at_most_kw,
        "limit_kw": peak.limit_kw,
        "minutes_over": len(peak.over),
        "first_over": _iso(horizon, peak.over[0]) if peak.over else None,
    }


def _climb(horizon: Horizon, climb: Climb) -> dict[str, Any]:
    return {
        **_place(climb.place),
        "vehicle_ids": list(climb.vehicle_ids),
        "proven": climb.is_proven,
        "rungs": {
            rung.value: {"verdict": step.verdict, "at": _iso(horizon, step.at), "detail": step.detail}
            for rung, step in climb.steps.items()
        },
    }


def _version(horizon: Horizon, version: Version) -> dict[str, Any]:
    return {
        "at": _iso(horizon, version.at),
        "kind": "replan" if version.is_replan else "plan",
        "because": list(version.because),
        "gains": [_share(share) for share in version.gains],
        "pays": [_share(share) for share in version.pays],
        "extra_cost": version.money,
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "vehicle_id": share.visit.vehicle_id,
        "more_kwh": share.more_kwh,
        "later_kwh": share.later_kwh,
        "soc_before_percent": share.before.planned_soc_percent,
        "soc_after_percent": share.visit.planned_soc_percent,
    }


def _place(place: tuple[str, int]) -> dict[str, Any]:
    return {"charger_id": place[0], "connector_id": place[1]}


def _iso(horizon: Horizon, instant: datetime | None) -> str | None:
    return None if instant is None else horizon.local(instant).isoformat(timespec="seconds")
