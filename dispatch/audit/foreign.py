"""Profiles that are not ours, for whoever tells of alerts: which chargers are looked at for them, and what is found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from dispatch.alert import Alert, Cause, Condition
from dispatch.audit.facts import Found, Kind
from dispatch.audit.inspection import Inspection, inspect_depot
from dispatch.evidence import Rung, Verdict
from dispatch.journal import Journal
from dispatch.report import NightReport
from dispatch.station import Stations
from optimiser.depot import Depot


async def look_for_foreign(
    depot: Depot,
    report: NightReport,
    *,
    open_alerts: Sequence[Alert],
    journal: Journal,
    stations: Stations,
) -> list[Condition]:
    """What is foreign on the depot's chargers after a tick.

    Who lists its profiles (OCPP 2.0.1) is asked for them; of the others those are looked at whose read-back shows more
    than we have sent. Of a charger that is away what was known before is taken to be so still.

    Raises :class:`dispatch.station.StationsUnreachableError`.
    """
    known = [alert.condition for alert in open_alerts if alert.condition.cause is Cause.FOREIGN]
    suspects = suspected(depot, report, known)
    if not suspects:
        return []
    found = await inspect_depot(
        depot, report.plan, journal=journal, stations=stations, clear_foreign=False, among=suspects
    )
    away = {charger.charger_id for charger in found.chargers if not charger.is_connected}
    return [*foreign_in(found), *(one for one in known if one.charger_id in away)]


def suspected(depot: Depot, report: NightReport, known: Collection[Condition]) -> set[str]:
    """The chargers that are looked at after a tick. Pure."""
    listing = {charger.id for charger in depot.chargers if charger.ocpp == "2.0.1"}
    contradicted = {
        row.place.charger_id for row in report.rows if row.rungs.get(Rung.READ_BACK) is Verdict.CONTRADICTED
    }
    here = {charger.id for charger in depot.chargers}
    return listing | contradicted | ({one.charger_id for one in known if one.charger_id} & here)


def foreign_in(found: Inspection) -> Iterator[Condition]:
    """The foreign profiles of an inspection, those of one charger as one condition. Pure."""
    of_charger: dict[str, list[Found]] = {}
    for one in found.found:
        if one.kind is Kind.FOREIGN:
            of_charger.setdefault(one.place.charger_id, []).append(one)
    for charger_id, ones in of_charger.items():
        yield Condition(
            cause=Cause.FOREIGN,
            subject=charger_id,
            what=f"{charger_id} has a profile that is not ours",
            why="; ".join(dict.fromkeys(f"{one.place}: {one.sentence}" for one in ones)),
            page="foreign-profile",
            night=found.plan.night,
            charger_id=charger_id,
        )
