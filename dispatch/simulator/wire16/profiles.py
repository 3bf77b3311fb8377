"""Charging profiles in OCPP 1.6: requests about them, and what a charge point of this version answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dispatch.connection import CallRefusedError
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import Installed, Payload, Purpose, Rules, Session
from dispatch.simulator.smart_charging import Objection, SmartCharging
from dispatch.simulator.wire import read_profile
from optimiser.horizon import format_instant

RULES = Rules(
    slot_replaces=True, defaults_are_one_stack=False, fewest_phases_convert=False, tells_full_power=False
)

PURPOSES: Mapping[str, Purpose] = {
    "ChargePointMaxProfile": "station_max",
    "TxDefaultProfile": "default",
    "TxProfile": "transaction",
}


def read(connector_id: int, profile: Payload, *, ignores_offsets: bool = False) -> Installed:
    """A ``csChargingProfiles`` sent to a connector."""
    return read_profile(
        profile,
        profile["chargingSchedule"],
        profile_id=profile["chargingProfileId"],
        connector_id=connector_id,
        purpose=PURPOSES[profile["chargingProfilePurpose"]],
        ignores_offsets=ignores_offsets,
    )


class Profiles:
    """The answers about charging profiles of one charge point."""

    def __init__(self, smart: SmartCharging, persona: Persona) -> None:
        self._smart = smart
        self._persona = persona

    def read(self, connector_id: int, profile: Payload) -> Installed:
        """A profile as this charge point reads it."""
        return read(connector_id, profile, ignores_offsets=self._persona.reads_offsets_as_utc)

    def set(self, payload: Payload, *, transactions: Mapping[int, int | str | None]) -> dict[str, Any]:
        """The answer to SetChargingProfile; ``transactions`` are those running, by connector.

        Raises :class:`dispatch.connection.CallRefusedError` for a connector that does not exist (errata 3.39).
        """
        connector_id = payload["connectorId"]
        if not self._smart.has_connector(connector_id):
            raise CallRefusedError("PropertyConstraintViolation", f"there is no connector {connector_id}")
        new = self.read(connector_id, payload["csChargingProfiles"])
        objection = self._smart.objection(new) or _objection_to_purpose(new, transactions)
        if objection is not None:
            return self._smart.refusal(objection, {"status": "Rejected"})
        self._smart.install(new)
        return {"status": "Accepted"}

    def clear(self, payload: Payload) -> dict[str, Any]:
        """The answer to ClearChargingProfile: an id alone decides, else all criteria must fit, none fits all."""
        return {"status": "Accepted" if self._smart.clear(lambda e: fits(e, payload)) else "Unknown"}

    def composite(
        self, payload: Payload, *, sessions: Mapping[int, Session], now: datetime
    ) -> dict[str, Any]:
        """The answer to GetCompositeSchedule (§5.7)."""
        connector_id = payload["connectorId"]
        asked = [sessions[connector_id]] if connector_id in sessions else list(sessions.values())
        told = self._smart.composite(
            connector_id,
            sessions=asked,
            unit=payload.get("chargingRateUnit"),
            now=now,
            duration_s=payload["duration"],
        )
        if told is None:
            return {"status": "Rejected"}
        if self._persona.composite == "missing":
            return {"status": "Accepted"}
        return {
            "status": "Accepted",
            "connectorId": connector_id,
            "scheduleStart": format_instant(told.start),
            "chargingSchedule": {
                "duration": told.duration_s,
                "chargingRateUnit": told.unit,
                "chargingSchedulePeriod": told.periods(),
            },
        }


def fits(entry: Installed, criteria: Payload) -> bool:
    """Whether ClearChargingProfile means a profile (errata 3.25, 3.26)."""
    if "id" in criteria:
        return bool(entry.profile_id == criteria["id"])
    found = {
        "connectorId": entry.connector_id,
        "chargingProfilePurpose": entry.payload["chargingProfilePurpose"],
        "stackLevel": entry.level,
    }
    return all(found[key] == criteria[key] for key in found if key in criteria)


def _objection_to_purpose(new: Installed, transactions: Mapping[int, int | str | None]) -> Objection | None:
    def objection(text: str) -> Objection:
        return Objection(reason="InvalidProfile", text=text)

    if new.purpose == "station_max":
        if new.connector_id != 0:
            return objection("ChargePointMaxProfile is for connector 0")
        if new.kind == "Relative":
            return objection("ChargePointMaxProfile has no transaction to be relative to")
    if new.purpose == "transaction":
        if new.connector_id not in transactions:
            return objection(f"no transaction on connector {new.connector_id}")
        if new.transaction_id not in {None, transactions[new.connector_id]}:
            return objection(f"transaction {new.transaction_id} does not run on connector {new.connector_id}")
    return None
