"""What of a tick's findings somebody has to be told at once. Pure.

It judges nothing anew: a departure is at risk where the tick's plan says so, a connector contradicted or not verified
where its row does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dispatch.alert import Cause, Condition
from dispatch.evidence import Rung, Verdict
from dispatch.report import NightReport, Risk, Row, instead_of
from optimiser.planned import PlannedVisit

OF_TICKS = frozenset({Cause.DEPARTURE, Cause.CONTRADICTED, Cause.UNVERIFIED})
"""What a tick knows whether it is so."""
PAGES = (
    ("not connected", "not-connected"),
    ("refuses its profile", "refuses"),
    ("does not answer", "does-not-answer"),
)
"""What a row's sentence begins with, and the operator's page about it."""
LOOKED_AT = (Rung.READ_BACK, Rung.METERED)


def conditions_of(report: NightReport) -> list[Condition]:
    """What is wrong by a tick: departures at risk, then connectors, each in the plan's order."""
    return [*_departures(report), *_connectors(report)]


def _departures(report: NightReport) -> Iterator[Condition]:
    for visit in report.plan.visits:
        if not visit.is_ready and visit.departure > report.at:
            yield _departure(report, visit)
    for risk in report.risks:
        yield _risk(report, risk)


def _risk(report: NightReport, risk: Risk) -> Condition:
    """A departure that is planned ready; the same alert as if it were planned short, so that it is told once."""
    return Condition(
        cause=Cause.DEPARTURE,
        subject=f"{risk.vehicle_id}@{risk.departure.isoformat()}",
        what=f"{risk.vehicle_id} at {risk.place} may not be ready: leaves at "
        f"{report.plan.horizon.local(risk.departure):%a %H:%M}, sure of "
        f"{instead_of(risk.soc_percent, risk.required_soc_percent)}",
        why=f"{risk.place} {risk.because}",
        page="vehicle-short",
        night=report.plan.night,
        charger_id=risk.place.charger_id,
        connector_id=risk.place.connector_id,
        vehicle_id=risk.vehicle_id,
    )


def _departure(report: NightReport, visit: PlannedVisit) -> Condition:
    local = report.plan.horizon.local
    named = re.compile(rf"(?<![\w-]){re.escape(visit.vehicle_id)}(?![\w-])")
    reasons = [note for note in (*report.notes, *report.plan.warnings) if named.search(note)]
    why = "; ".join(dict.fromkeys(reasons)) or "nothing that may still be given to it is enough"
    return Condition(
        cause=Cause.DEPARTURE,
        subject=f"{visit.vehicle_id}@{visit.departure.isoformat()}",
        what=f"{visit.vehicle_id} at {visit.charger_id}/{visit.connector_id} will not be ready: leaves at "
        f"{local(visit.departure):%a %H:%M} with "
        f"{instead_of(visit.planned_soc_percent, visit.required_soc_percent)}",
        why=why,
        page="vehicle-short",
        night=report.plan.night,
        charger_id=visit.charger_id,
        connector_id=visit.connector_id,
        vehicle_id=visit.vehicle_id,
    )


def _connectors(report: NightReport) -> Iterator[Condition]:
    for row in report.rows:
        if not row.needs_a_person:
            continue
        verdicts = {row.rungs.get(rung) for rung in LOOKED_AT}
        if Verdict.CONTRADICTED in verdicts:
            what = f"{row.place} contradicts its limit{_standing(row)}"
            yield _connector(report, row, Cause.CONTRADICTED, what=what, page="draws-too-much")
        elif Verdict.CONFIRMED not in verdicts or _page(row) is not None:
            page = _page(row) or "cannot-be-verified"
            what = f"{row.place} cannot be verified{_standing(row)}"
            yield _connector(report, row, Cause.UNVERIFIED, what=what, page=page)
        # What is left is only held back for the sake of others, and they have an alert of their own.


def _connector(report: NightReport, row: Row, cause: Cause, *, what: str, page: str) -> Condition:
    return Condition(
        cause=cause,
        subject=str(row.place),
        what=what,
        why="; ".join(row.sentences) or "nothing is proven of its limit",
        page=page,
        night=report.plan.night,
        charger_id=row.place.charger_id,
        connector_id=row.place.connector_id,
        vehicle_id=row.vehicle_id,
    )


def _page(row: Row) -> str | None:
    said = (page for sentence in row.sentences for begin, page in PAGES if sentence.startswith(begin))
    return next(said, None)


def _standing(row: Row) -> str:
    return "" if row.vehicle_id is None else f" ({row.vehicle_id} stands there)"
