"""Charging profiles in OCPP 2.0.1: requests about them, and what a charging station answers (part 2, block K)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from dispatch.connection import CallRefusedError
from dispatch.simulator.grammar import is_in_tenths
from dispatch.simulator.persona import ExternalLimit, Persona
from dispatch.simulator.resolver import Installed, Payload, Period, Purpose, Rules, Session
from dispatch.simulator.smart_charging import Objection, SmartCharging
from dispatch.simulator.wire import read_profile
from optimiser.horizon import format_instant

RULES = Rules(
    slot_replaces=False, defaults_are_one_stack=True, fewest_phases_convert=True, tells_full_power=True
)

PURPOSES: Mapping[str, Purpose] = {
    "ChargingStationExternalConstraints": "external",
    "ChargingStationMaxProfile": "station_max",
    "TxDefaultProfile": "default",
    "TxProfile": "transaction",
}
PROFILES_PER_REPORT = 4
"""How many profiles one ReportChargingProfiles carries; the rest follows in the next."""
EXTERNAL_ID = -1
"""The id of the limit that others hold: negative, as is recommended, so that it meets none of a gateway's."""


def read(evse_id: int, profile: Payload, *, ignores_offsets: bool = False) -> Installed:
    """A ``chargingProfile`` sent to an EVSE; of several schedules the first."""
    return read_profile(
        profile,
        profile["chargingSchedule"][0],
        profile_id=profile["id"],
        connector_id=evse_id,
        purpose=PURPOSES[profile["chargingProfilePurpose"]],
        ignores_offsets=ignores_offsets,
    )


def external(limit: ExternalLimit, *, now: datetime) -> Installed:
    """The profile that stands for what an energy management system asks of the whole station."""
    schedule = {
        "id": 1,
        "startSchedule": format_instant(now),
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit.limit_a}],
    }
    profile = {
        "id": EXTERNAL_ID,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargingStationExternalConstraints",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    return read(0, profile)


def source(entry: Installed) -> str:
    """Who set a profile: the operator's system all but those from outside."""
    return "EMS" if entry.purpose == "external" else "CSO"


class Profiles:
    """The answers about charging profiles of one charging station."""

    def __init__(self, smart: SmartCharging, persona: Persona) -> None:
        self._smart = smart
        self._persona = persona

    def read(self, evse_id: int, profile: Payload) -> Installed:
        """A profile as this station reads it."""
        return read(evse_id, profile, ignores_offsets=self._persona.reads_offsets_as_utc)

    def set(self, payload: Payload, *, transactions: Mapping[int, int | str | None]) -> dict[str, Any]:
        """The answer to SetChargingProfile; ``transactions`` are those running, by EVSE (K01)."""
        objection = self.objection(payload["evseId"], payload["chargingProfile"])
        new = self.read(payload["evseId"], payload["chargingProfile"])
        objection = objection or _objection_to_transaction(new, transactions)
        if objection is not None:
            info = {"reasonCode": objection.reason, "additionalInfo": objection.text[:512]}
            return self._smart.refusal(objection, {"status": "Rejected", "statusInfo": info})
        self._smart.install(new)
        return {"status": "Accepted"}

    def objection(self, evse_id: int, profile: Payload) -> Objection | None:
        """Why a profile is not taken, whatever transactions run."""
        if not self._smart.has_connector(evse_id):
            return Objection(reason="UnknownEvse", text=f"there is no EVSE {evse_id}")  # K01.FR.28
        new = self.read(evse_id, profile)
        return (
            _objection_to_form(new, profile)
            or self._objection_to_phases(new)
            or self._objection_to_neighbours(new)
            or self._smart.objection(new)
        )

    def clear(self, payload: Payload) -> dict[str, Any]:
        """The answer to ClearChargingProfile (K10). What comes from outside is not cleared (K10.FR.08)."""
        if not payload.keys() & {"chargingProfileId", "chargingProfileCriteria"}:
            raise CallRefusedError(
                "OccurrenceConstraintViolation", "an id or criteria must be given (K10.FR.02)"
            )
        found = self._smart.clear(lambda entry: entry.purpose != "external" and _is_cleared(entry, payload))
        return {"status": "Accepted" if found else "Unknown"}

    def found(self, payload: Payload) -> list[Installed]:
        """The profiles that GetChargingProfiles asks for (K09).

        Raises :class:`dispatch.connection.CallRefusedError` where it does not say which (K09.FR.03).
        """
        criterion = payload["chargingProfile"]
        if not criterion:
            raise CallRefusedError(
                "OccurrenceConstraintViolation", "ids or a criterion must be given (K09.FR.03)"
            )
        return [
            entry
            for entry in self._smart.installed
            if entry.connector_id == payload.get("evseId", entry.connector_id)
            and entry.profile_id in criterion.get("chargingProfileId", [entry.profile_id])
            and source(entry) in criterion.get("chargingLimitSource", [source(entry)])
            and _meets(entry, criterion)
        ]

    def composite(
        self, payload: Payload, *, sessions: Mapping[int, Session], now: datetime
    ) -> dict[str, Any]:
        """The answer to GetCompositeSchedule (K08)."""
        evse_id = payload["evseId"]
        told = self._smart.composite(
            evse_id,
            sessions=[sessions[evse_id]] if evse_id in sessions else list(sessions.values()),
            unit=payload.get("chargingRateUnit"),
            now=now,
            duration_s=payload["duration"],
        )
        if told is None:
            return {"status": "Rejected"}
        if self._persona.composite == "missing":
            return {"status": "Accepted"}
        schedule = {
            "evseId": evse_id,
            "duration": told.duration_s,
            "scheduleStart": format_instant(told.start),
            "chargingRateUnit": told.unit,
            "chargingSchedulePeriod": told.periods(),
        }
        return {"status": "Accepted", "schedule": schedule}

    def _objection_to_phases(self, new: Installed) -> Objection | None:
        """Fewer phases than are wired can be had only where phases can be switched (K01.FR.20, FR.43, FR.48)."""
        wired = max(
            (c.phases for c in self._smart.connectors.values() if new.connector_id in {0, c.id}), default=0
        )
        if self._persona.switches_phases or wired == 0:
            return None
        periods = new.payload["chargingSchedule"][0]["chargingSchedulePeriod"]
        if any("phaseToUse" in period for period in periods):
            return Objection(reason="InvalidSchedule", text="phases are not switched here")
        if any(_phases(period) < wired for period in new.periods):
            return Objection(reason="InvalidSchedule", text=f"all {wired} phases are always used")
        return None

    def _objection_to_neighbours(self, new: Installed) -> Objection | None:
        """Profiles that may not stand beside each other under two ids (K01.FR.06, FR.39, FR.52, FR.53)."""
        for old in self._smart.installed:
            if old.profile_id == new.profile_id:
                if old.purpose == "external":
                    return Objection(
                        reason="InvalidProfile", text=f"id {old.profile_id} is held from outside"
                    )
                continue
            same = (old.purpose, old.level) == (new.purpose, new.level)
            is_default = new.purpose == "default" and 0 in {old.connector_id, new.connector_id}
            in_place = old.connector_id == new.connector_id or is_default
            overlaps = old.valid_from < new.valid_to and new.valid_from < old.valid_to
            if same and in_place and overlaps:
                return Objection(
                    reason="DuplicateProfile", text=f"profile {old.profile_id} is on that stack level already"
                )
        return None


def reports(request_id: int, found: Sequence[Installed]) -> Iterator[dict[str, Any]]:
    """The ReportChargingProfiles that tell profiles, by EVSE and source; all but the last say more is to come."""

    def origin(entry: Installed) -> tuple[int, str]:
        return entry.connector_id, source(entry)

    parts: list[tuple[tuple[int, str], list[Installed]]] = []
    for place, entries in groupby(sorted(found, key=origin), key=origin):
        held = list(entries)
        parts += [
            (place, held[n : n + PROFILES_PER_REPORT]) for n in range(0, len(held), PROFILES_PER_REPORT)
        ]
    for number, ((evse_id, told_by), part) in enumerate(parts, start=1):
        yield {
            "requestId": request_id,
            "chargingLimitSource": told_by,
            "evseId": evse_id,
            "chargingProfile": [dict(entry.payload) for entry in part],
            "tbc": number < len(parts),
        }


def _objection_to_form(new: Installed, profile: Payload) -> Objection | None:
    """What the clauses forbid whoever the station is."""
    schedule = profile["chargingSchedule"][0]
    limits = [period["limit"] for period in schedule["chargingSchedulePeriod"]]
    phases = [
        (p.get("numberPhases", 3), p["phaseToUse"])
        for p in schedule["chargingSchedulePeriod"]
        if "phaseToUse" in p
    ]
    found = (
        ("InvalidProfile", "only others set external constraints (K01.FR.22)", new.purpose == "external"),
        (
            "InvalidProfile",
            "the station's maximum is for EVSE 0 (K01)",
            new.purpose == "station_max" and new.connector_id != 0,
        ),
        (
            "InvalidProfile",
            "the station's maximum is never relative (K01.FR.38)",
            new.purpose == "station_max" and new.kind == "Relative",
        ),
        (
            "InvalidProfile",
            "a TxProfile is for an EVSE (K01.FR.16)",
            new.purpose == "transaction" and new.connector_id == 0,
        ),
        ("InvalidProfile", "validTo is after validFrom", new.valid_to <= new.valid_from),
        (
            "InvalidSchedule",
            "one schedule without ISO 15118 (K01.FR.34)",
            len(profile["chargingSchedule"]) > 1,
        ),
        (
            "InvalidSchedule",
            "startSchedule is missing (K01.FR.40)",
            new.kind != "Relative" and "startSchedule" not in schedule,
        ),
        (
            "InvalidSchedule",
            "relative has no startSchedule (K01.FR.41)",
            new.kind == "Relative" and "startSchedule" in schedule,
        ),
        (
            "InvalidProfile",
            "recurrencyKind belongs to recurring",
            (new.kind == "Recurring") != ("recurrencyKind" in profile),
        ),
        ("InvalidSchedule", "a limit has at most one decimal", not all(map(is_in_tenths, limits))),
        (
            "InvalidSchedule",
            "phaseToUse is 1 to 3 and only with one phase (K01.FR.19)",
            any(number != 1 or phase not in {1, 2, 3} for number, phase in phases),
        ),
    )
    return next((Objection(reason=reason, text=text) for reason, text, applies in found if applies), None)


def _objection_to_transaction(
    new: Installed, transactions: Mapping[int, int | str | None]
) -> Objection | None:
    if new.purpose != "transaction":
        return None
    if new.transaction_id is None:
        return Objection(reason="MissingParam", text="a TxProfile needs its transactionId (K01.FR.03)")
    if new.connector_id not in transactions:
        return Objection(reason="TxNotFound", text=f"no transaction on EVSE {new.connector_id} (K01.FR.09)")
    if new.transaction_id != transactions[new.connector_id]:
        return Objection(
            reason="UnknownTxId", text=f"another transaction runs on EVSE {new.connector_id} (K01.FR.33)"
        )
    return None


def _is_cleared(entry: Installed, payload: Payload) -> bool:
    if "chargingProfileId" in payload:
        return bool(entry.profile_id == payload["chargingProfileId"])
    criteria = payload["chargingProfileCriteria"]
    return entry.connector_id == criteria.get("evseId", entry.connector_id) and _meets(entry, criteria)


def _meets(entry: Installed, criteria: Payload) -> bool:
    """Purpose and stack level, where they are asked for."""
    wanted = criteria.get("chargingProfilePurpose")
    return (wanted is None or PURPOSES[wanted] == entry.purpose) and entry.level == criteria.get(
        "stackLevel", entry.level
    )


def _phases(period: Period) -> int:
    return 3 if period.number_phases is None else period.number_phases
