"""What a charge point makes of the profiles installed on it: the limits in force at an instant and over time.

An independent reading of OCPP 1.6 (§3.13, §5.7, §5.16, §7.8–7.14 and errata) on payloads as they came over the
wire; it shares nothing with the dispatcher's own engine, so that the two can be held against each other.

The charge point counts whole seconds: fractions on the wire are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

RateUnit = Literal["A", "W"]
Payload = Mapping[str, Any]

RECURRENCE_S = {"Daily": 24 * 3600, "Weekly": 7 * 24 * 3600}
"""Length of a recurrence, by its name. Clock changes do not exist on the wire. [s]"""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A ``csChargingProfiles`` payload and the connector it was sent to."""

    connector_id: int
    profile: Payload


@dataclass(frozen=True, kw_only=True)
class Session:
    """Whether a transaction runs on a connector, and since when it charges.

    Without one, ``charging_since`` is the instant from which a vehicle is imagined to charge.
    """

    connector_id: int
    in_transaction: bool
    charging_since: datetime


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The limit of one profile: A per phase or W in total, with the phases its sender had in mind."""

    limit: float
    unit: RateUnit
    number_phases: int | None = None
    whole_station: bool = False


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What holds from ``start_s`` after the beginning of a schedule: all of them at once, or no limit if none."""

    start_s: int
    allowances: tuple[Allowance, ...]


def install(installed: tuple[Installed, ...], new: Installed) -> tuple[Installed, ...]:
    """The profiles after one was accepted: it replaces its own id and its own slot (§3.13.2, §5.16.4)."""
    return (*(old for old in installed if not _replaces(new, old)), new)


def replaces_any(installed: tuple[Installed, ...], new: Installed) -> bool:
    """Whether a profile would take the place of an installed one."""
    return any(_replaces(new, old) for old in installed)


def after_clear(installed: tuple[Installed, ...], criteria: Payload) -> tuple[Installed, ...]:
    """What ClearChargingProfile leaves: an id alone decides, else all criteria must fit, none fits all."""
    return tuple(entry for entry in installed if not _fits(entry, criteria))


def after_transaction(installed: tuple[Installed, ...], connector_id: int) -> tuple[Installed, ...]:
    """What the end of a transaction leaves: its TxProfiles go (§3.13.1)."""
    return tuple(e for e in installed if e.connector_id != connector_id or _purpose(e) != "TxProfile")


def allowances_at(installed: tuple[Installed, ...], session: Session, at: datetime) -> tuple[Allowance, ...]:
    """The limits in force on a connector at an instant; all of them hold, none is no limit.

    A TxProfile with a period at the instant overrules every TxDefaultProfile whatever their values, a
    TxDefaultProfile of the connector overrules those of connector 0; the station's maximum always holds.
    """
    connector_id = session.connector_id
    lead = _lead(installed, session, at, purpose="TxProfile", connector_id=connector_id)
    if not session.in_transaction or lead is None:
        lead = _lead(installed, session, at, purpose="TxDefaultProfile", connector_id=connector_id)
    if lead is None:
        lead = _lead(installed, session, at, purpose="TxDefaultProfile", connector_id=0)
    ceiling = _lead(installed, session, at, purpose="ChargePointMaxProfile", connector_id=0)
    return tuple(allowance for allowance in (lead, ceiling) if allowance is not None)


def schedule(
    installed: tuple[Installed, ...], session: Session, *, start: datetime, duration_s: int
) -> tuple[Stretch, ...]:
    """The limits of a connector from ``start`` on, as few stretches as there are changes."""
    start = _whole_second(start)
    end = start + timedelta(seconds=duration_s)
    edges = {start}
    for entry in installed:
        edges.update(edge for edge in _edges(entry.profile, session, start, end) if start < edge < end)
    stretches: list[Stretch] = []
    for edge in sorted(edges):
        allowances = allowances_at(installed, session, edge)
        if not stretches or stretches[-1].allowances != allowances:
            start_s = int((edge - start).total_seconds())
            stretches.append(Stretch(start_s=start_s, allowances=allowances))
    return tuple(stretches)


def instant(text: str) -> datetime:
    """A timestamp of the wire in UTC. Raises :class:`ValueError` for one without offset."""
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return _whole_second(stamp.astimezone(UTC))


def _lead(
    installed: tuple[Installed, ...], session: Session, at: datetime, *, purpose: str, connector_id: int
) -> Allowance | None:
    """The limit of the highest stack level that has a period at the instant."""
    stack = [e for e in installed if e.connector_id == connector_id and _purpose(e) == purpose]
    for entry in sorted(stack, key=lambda entry: int(entry.profile["stackLevel"]), reverse=True):
        period = _period_at(entry.profile, session, at)
        if period is not None:
            return Allowance(
                limit=float(period["limit"]),
                unit=entry.profile["chargingSchedule"]["chargingRateUnit"],
                number_phases=period.get("numberPhases"),
                whole_station=purpose == "ChargePointMaxProfile",
            )
    return None


def _period_at(profile: Payload, session: Session, at: datetime) -> Payload | None:
    if "validFrom" in profile and at < instant(profile["validFrom"]):
        return None
    if "validTo" in profile and at >= instant(profile["validTo"]):
        return None
    elapsed_s = (at - _anchor(profile, session)).total_seconds()
    if elapsed_s < 0:
        return None
    if profile["chargingProfileKind"] == "Recurring":
        elapsed_s %= RECURRENCE_S[profile["recurrencyKind"]]
    plan = profile["chargingSchedule"]
    if "duration" in plan and elapsed_s >= plan["duration"]:
        return None
    begun = [period for period in plan["chargingSchedulePeriod"] if period["startPeriod"] <= elapsed_s]
    return max(begun, key=lambda period: int(period["startPeriod"]), default=None)


def _anchor(profile: Payload, session: Session) -> datetime:
    """Where a schedule's seconds count from; one without a start counts from the start of charging (§7.14)."""
    start: str | None = profile["chargingSchedule"].get("startSchedule")
    if profile["chargingProfileKind"] == "Relative" or start is None:
        return _whole_second(session.charging_since)
    return instant(start)


def _edges(profile: Payload, session: Session, start: datetime, end: datetime) -> Iterator[datetime]:
    """Instants between start and end at which a profile may begin, end or change its limit; some outside too."""
    yield from (instant(profile[key]) for key in ("validFrom", "validTo") if key in profile)
    plan = profile["chargingSchedule"]
    offsets_s = [int(period["startPeriod"]) for period in plan["chargingSchedulePeriod"]]
    offsets_s += [0, *([int(plan["duration"])] if "duration" in plan else [])]
    for anchor in _anchors(profile, _anchor(profile, session), start, end):
        yield from (anchor + timedelta(seconds=offset_s) for offset_s in offsets_s)


def _anchors(profile: Payload, first: datetime, start: datetime, end: datetime) -> Iterator[datetime]:
    if profile["chargingProfileKind"] != "Recurring":
        yield first
        return
    recurrence = timedelta(seconds=RECURRENCE_S[profile["recurrencyKind"]])
    # No occurrence before the first one: a schedule does not reach back behind its start.
    anchor = first + recurrence * max(0, (start - first) // recurrence)
    while anchor < end:
        yield anchor
        anchor += recurrence


def _replaces(new: Installed, old: Installed) -> bool:
    same_id = new.profile["chargingProfileId"] == old.profile["chargingProfileId"]
    return same_id or _slot(new) == _slot(old)


def _slot(entry: Installed) -> tuple[int, str, int]:
    return entry.connector_id, _purpose(entry), entry.profile["stackLevel"]


def _fits(entry: Installed, criteria: Payload) -> bool:
    profile = entry.profile
    if "id" in criteria:
        return bool(profile["chargingProfileId"] == criteria["id"])
    found = {
        "connectorId": entry.connector_id,
        "chargingProfilePurpose": profile["chargingProfilePurpose"],
        "stackLevel": profile["stackLevel"],
    }
    return all(found[key] == criteria[key] for key in found if key in criteria)


def _purpose(entry: Installed) -> str:
    return str(entry.profile["chargingProfilePurpose"])


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
