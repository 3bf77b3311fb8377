"""The table of connectors after a tick: how far each has climbed, and a sentence where something is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from dispatch.evidence import Rung, Verdict
from dispatch.safety import Place
from optimiser.plan import Plan

MARKS: Mapping[Verdict | None, str] = {
    Verdict.CONFIRMED: "✓",
    Verdict.CONTRADICTED: "✗",
    Verdict.CANNOT_TELL: "?",
    None: "–",
}
HEADERS = ("connector", "vehicle", "planned", "sent", "accepted", "read back", "metered", "")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One connector: what is known of each rung (None: not reached, or nothing to be known), and why."""

    place: Place
    vehicle_id: str | None
    rungs: Mapping[Rung, Verdict | None]
    sentences: tuple[str, ...] = ()
    needs_a_person: bool = False
    has_override: bool = False


Leaving = tuple[str, datetime]
"""Who leaves when: a vehicle's id and its departure."""


class Wait(Enum):
    """What a warning waits for, unless the departure is near: nothing, a second look, or just that it is near."""

    NOTHING = "nothing"
    SECOND_LOOK = "second look"
    DEPARTURE = "departure"


@dataclass(frozen=True, kw_only=True)
class Risk:
    """A vehicle that is planned ready, and sure of ``soc_percent`` alone when it leaves; ``because`` says why. [%]"""

    place: Place
    vehicle_id: str
    departure: datetime
    soc_percent: float
    required_soc_percent: float
    because: str
    wait: Wait = Wait.NOTHING


@dataclass(frozen=True, kw_only=True)
class NightReport:
    """What one tick found and did. ``sent`` counts profiles; ``was_refused``: nothing could be sent safely.

    ``risks``: who is planned ready and may leave short all the same. ``doubted``: since when they have been,
    with those of whom that is not said yet and those that are planned short.
    """

    plan: Plan
    at: datetime
    rows: tuple[Row, ...]
    sent: int
    is_replanned: bool = False
    is_outdated: bool = False
    is_reachable: bool = True
    was_refused: bool = False
    notes: tuple[str, ...] = field(default=())
    risks: tuple[Risk, ...] = ()
    doubted: Mapping[Leaving, datetime] = field(default_factory=dict)

    @property
    def needs_a_person(self) -> bool:
        """Whether anything needs a person: a connector, a vehicle that leaves short, a plan of an older folder."""
        is_short = bool(self.short or self.risks)
        return self.is_outdated or is_short or any(row.needs_a_person for row in self.rows)

    @property
    def short(self) -> tuple[str, ...]:
        """A sentence for every vehicle that is planned to leave with less than it needs."""
        local = self.plan.horizon.local
        return tuple(
            f"{visit.vehicle_id} leaves at {local(visit.departure):%H:%M} with "
            f"{instead_of(visit.planned_soc_percent, visit.required_soc_percent)}"
            for visit in self.plan.visits
            if not visit.is_ready
        )

    @property
    def at_risk(self) -> tuple[str, ...]:
        """A sentence for every vehicle that is planned ready, and not sure of it."""
        local = self.plan.horizon.local
        return tuple(
            f"{risk.vehicle_id} may leave at {local(risk.departure):%H:%M} with "
            f"{instead_of(risk.soc_percent, risk.required_soc_percent)}: {risk.place} {risk.because}"
            for risk in self.risks
        )


def instead_of(soc_percent: float, required_soc_percent: float) -> str:
    """Two states of charge in as few digits as show that they differ.

    >>> instead_of(31.4, 40.0), instead_of(89.6, 90.0)
    ('31 % instead of 40 %', '89.6 % instead of 90.0 %')
    """
    digits = 0 if f"{soc_percent:.0f}" != f"{required_soc_percent:.0f}" else 1
    return f"{soc_percent:.{digits}f} % instead of {required_soc_percent:.{digits}f} %"


def table_rows(report: NightReport) -> list[tuple[str, ...]]:
    """The table's cells, in the order of :data:`HEADERS`."""
    return [
        (
            str(row.place),
            (row.vehicle_id or "–") + (" (override)" if row.has_override else ""),
            *(MARKS[row.rungs.get(rung)] for rung in Rung),
            "; ".join(row.sentences),
        )
        for row in report.rows
    ]


def summary(report: NightReport) -> list[str]:
    """What people read below the table."""
    horizon = report.plan.horizon
    wrong = [str(row.place) for row in report.rows if row.needs_a_person]
    first = (
        f"night of {report.plan.night}, {horizon.local(report.at):%Y-%m-%d %H:%M}: "
        f"{_counted(report.sent, 'profile')} sent, {_confirmed(report.rows)} of {len(report.rows)} connectors "
        "read back as they should be"
    )
    lines = [first]
    lines += [*report.notes, *report.short, *report.at_risk]
    if wrong:
        lines.append(f"needs a person: {', '.join(wrong)}")
    return lines


def document(report: NightReport) -> dict[str, Any]:
    """The report for programs; instants in local time with their offset."""
    local = report.plan.horizon.local
    return {
        "night": report.plan.night.isoformat(),
        "at": local(report.at).isoformat(),
        "plan_created_at": local(report.plan.created_at).isoformat(),
        "replanned": report.is_replanned,
        "profiles_sent": report.sent,
        "needs_a_person": report.needs_a_person,
        "connectors": [
            {
                "charger_id": row.place.charger_id,
                "connector_id": row.place.connector_id,
                "vehicle_id": row.vehicle_id,
                "override": row.has_override,
                "rungs": {rung.value: row.rungs.get(rung) for rung in Rung},
                "sentences": list(row.sentences),
                "needs_a_person": row.needs_a_person,
            }
            for row in report.rows
        ],
        "short": list(report.short),
        "at_risk": list(report.at_risk),
        "notes": list(report.notes),
    }


def _confirmed(rows: Sequence[Row]) -> int:
    return sum(row.rungs.get(Rung.READ_BACK) is Verdict.CONFIRMED for row in rows)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
