"""Profiles as they come over the wire, vehicles on connectors and charge points without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import jsonschema

from dispatch.simulator.grammar import instant
from dispatch.simulator.machine import Machine
from dispatch.simulator.outlet import Stay
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import Session
from dispatch.simulator.vehicle import PluggedVehicle
from dispatch.simulator.wire16.machine import Machine16
from dispatch.simulator.wire201.machine import Machine201
from optimiser.depot import Charger, Connector, Vehicle
from optimiser.horizon import format_instant
from tests.builders import a_van, an_ac_connector

Built = TypeVar("Built", bound=Machine)

NOW = datetime(2025, 11, 10, 18, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def stamp(seconds: float) -> str:
    return format_instant(after(seconds))


def a_schedule(
    periods: Sequence[tuple[int, float]] = ((0, 10.0),),
    *,
    start_s: float | None = 0.0,
    duration_s: int | None = None,
    unit: str = "A",
    number_phases: int | None = 3,
) -> dict[str, Any]:
    phases = {} if number_phases is None else {"numberPhases": number_phases}
    return {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": s, "limit": limit, **phases} for s, limit in periods],
        **({} if start_s is None else {"startSchedule": stamp(start_s)}),
        **({} if duration_s is None else {"duration": duration_s}),
    }


def a_profile(
    periods: Sequence[tuple[int, float]] = ((0, 10.0),),
    *,
    profile_id: int = 1,
    level: int = 1,
    purpose: str = "TxDefaultProfile",
    kind: str = "Absolute",
    start_s: float | None = -60.0,
    duration_s: int | None = None,
    unit: str = "A",
    number_phases: int | None = 3,
    **rest: Any,
) -> dict[str, Any]:
    """A ``csChargingProfiles``; times in seconds from ``NOW``, further properties as they stand on the wire."""
    return {
        "chargingProfileId": profile_id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": a_schedule(
            periods, start_s=start_s, duration_s=duration_s, unit=unit, number_phases=number_phases
        ),
        **rest,
    }


def a_profile_201(
    periods: Sequence[tuple[int, float]] = ((0, 10.0),),
    *,
    profile_id: int = 1,
    level: int = 1,
    purpose: str = "TxDefaultProfile",
    kind: str = "Absolute",
    start_s: float | None = -60.0,
    duration_s: int | None = None,
    unit: str = "A",
    number_phases: int | None = 3,
    **rest: Any,
) -> dict[str, Any]:
    """A ``chargingProfile`` of OCPP 2.0.1; times in seconds from ``NOW``."""
    schedule = a_schedule(
        periods, start_s=start_s, duration_s=duration_s, unit=unit, number_phases=number_phases
    )
    return {
        "id": profile_id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [{"id": 1, **schedule}],
        **rest,
    }


def a_session(
    *, connector_id: int = 1, in_transaction: bool = True, charging_since: datetime = NOW
) -> Session:
    return Session(connector_id=connector_id, in_transaction=in_transaction, charging_since=charging_since)


def plugged_in(
    vehicle: Vehicle | None = None, connector: Connector | None = None, *, soc_percent: float = 50.0
) -> PluggedVehicle:
    return PluggedVehicle.arriving(
        vehicle or a_van(), connector or an_ac_connector(), soc_percent=soc_percent, voltage_v=230.0
    )


def a_stay(
    vehicle: Vehicle | None = None,
    *,
    arrival_s: float = -3600.0,
    departure_s: float = 10 * 3600.0,
    soc_percent: float = 50.0,
) -> Stay:
    return Stay(
        vehicle=vehicle or a_van(),
        arrival=after(arrival_s),
        departure=after(departure_s),
        arrival_soc_percent=soc_percent,
    )


def a_machine(
    *stays: Stay,
    connectors: Sequence[Connector] | None = None,
    persona: Persona | None = None,
    started: bool = True,
) -> Machine16:
    """A charge point of OCPP 1.6 whose n-th stay is on its n-th connector."""
    return _built(Machine16, stays, connectors=connectors, persona=persona, started=started)


def a_station(
    *stays: Stay,
    connectors: Sequence[Connector] | None = None,
    persona: Persona | None = None,
    started: bool = True,
) -> Machine201:
    """A charging station of OCPP 2.0.1 whose n-th stay is on its n-th EVSE."""
    return _built(Machine201, stays, connectors=connectors, persona=persona, started=started)


def _built(
    kind: type[Built],
    stays: Sequence[Stay],
    *,
    connectors: Sequence[Connector] | None,
    persona: Persona | None,
    started: bool,
) -> Built:
    wired = tuple(connectors or (an_ac_connector(),))
    machine = kind(
        charger=Charger(id="CP1", vendor="Vendor", model="Model", connectors=wired),
        stays={connector.id: [stay] for connector, stay in zip(wired, stays, strict=False)},
        voltage_v=230.0,
        persona=persona or Persona(),
        meter_interval_s=60.0,
    )
    if started:
        machine.start(NOW)
    return machine


def sent(machine: Machine, *, actions: Sequence[str] | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Empty the outbox as a gateway would that answers everything with yes: transactions are 1, 2, …"""
    said: list[tuple[str, dict[str, Any]]] = []
    started = 0
    while machine.outbox:
        outgoing = machine.outbox.popleft()
        payload = machine.payload(outgoing)
        if payload is None:
            continue
        check_schema(outgoing.action, payload, version=version_of(machine))
        said.append((outgoing.action, payload))
        started += outgoing.action == "StartTransaction"
        yes = {"status": "Accepted"}
        answer: dict[str, Any] = {"transactionId": started, "idTagInfo": yes, "idTokenInfo": yes}
        machine.answered(outgoing, answer, NOW)
    return [entry for entry in said if actions is None or entry[0] in actions]


def version_of(machine: Machine) -> str:
    return machine.subprotocol.removeprefix("ocpp")


def check_schema(name: str, payload: Mapping[str, Any], *, version: str = "1.6") -> None:
    """Hold a payload against the JSON schema of its OCPP version that the ``ocpp`` package ships.

    Numbers become Decimals, because as a double 5.7 is no multiple of 0.1. Timestamps have an offset.
    """
    if version == "2.0.1" and not name.endswith("Response"):
        name += "Request"
    _validator(name, version).validate(json.loads(json.dumps(payload), parse_float=Decimal))


@cache
def _validator(name: str, version: str) -> jsonschema.Draft4Validator:
    folder = {"1.6": "v16", "2.0.1": "v201"}[version]
    text = (files("ocpp") / folder / "schemas" / f"{name}.json").read_text(encoding="utf-8-sig")
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date-time", raises=ValueError)(lambda text: bool(instant(str(text))))
    schema = json.loads(text, parse_float=Decimal)
    return jsonschema.Draft4Validator(schema, format_checker=formats)
