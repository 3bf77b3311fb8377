"""A station that speaks OCPP 2.0.1, and what it says of its sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dispatch.gateway import Gateway
from optimiser.depot import Depot
from tests.builders import a_depot
from tests.dispatch.gateway_builders import ChargePoint, a_charge_point, a_gateway, a_listening_depot
from tests.dispatch.ocpp201.wire201_builders import TX, a_validator

AT = "2025-11-10T19:00:00Z"


def a_mixed_depot(**changes: Any) -> Depot:
    """CP1 speaks 2.0.1, the others 1.6."""
    depot = replace(a_depot(), **changes)
    first, *others = depot.chargers
    return a_listening_depot(replace(depot, chargers=(replace(first, ocpp="2.0.1"), *others)))


def an_event(event_type: str, *, seq: int = 0, **more: Any) -> dict[str, Any]:
    info = {"transactionId": TX} | more.pop("info", {})
    payload = {
        "eventType": event_type,
        "timestamp": AT,
        "triggerReason": "CablePluggedIn",
        "seqNo": seq,
        "transactionInfo": info,
    }
    a_validator("TransactionEventRequest").validate(payload | more)
    return payload | more


def a_meter_value(
    value: float, *, measurand: str, unit: str, at: str = AT, exponent: int = 0
) -> dict[str, Any]:
    scale = {"unit": unit, "multiplier": exponent}
    return {
        "timestamp": at,
        "sampledValue": [{"value": value, "measurand": measurand, "unitOfMeasure": scale}],
    }


REGISTER = a_meter_value(12.345, measurand="Energy.Active.Import.Register", unit="Wh", exponent=3)
EVSE = {"id": 1, "connectorId": 1}
TOKEN = {"idToken": "TAG-V1", "type": "ISO14443"}


@asynccontextmanager
async def a_station(
    gateway: Gateway,
    *,
    is_booted: bool = True,
    subprotocols: Sequence[str] = ("ocpp2.0.1",),
    variables: Sequence[Mapping[str, Any]] = (),
) -> AsyncIterator[ChargePoint]:
    async with a_charge_point(gateway, subprotocols=subprotocols, variables=variables) as station:
        if is_booted:
            answer = await station.boot_201()
            a_validator("BootNotificationResponse").validate(answer)
            assert answer["status"] == "Accepted"
        yield station


@asynccontextmanager
async def a_conversation(folder: Path) -> AsyncIterator[tuple[Gateway, ChargePoint]]:
    async with a_gateway(folder, a_mixed_depot()) as gateway, a_station(gateway) as station:
        yield gateway, station
