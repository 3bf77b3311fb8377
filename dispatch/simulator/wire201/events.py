"""What a simulated charging station of OCPP 2.0.1 tells: states, transactions and their meters, as payloads."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dispatch.simulator.outlet import Measured, Outlet, State, Transaction
from optimiser.horizon import format_instant

CHARGING_STATES: Mapping[State, str] = {
    "Available": "Idle",
    "Preparing": "EVConnected",
    "Charging": "Charging",
    "SuspendedEV": "SuspendedEV",
    "SuspendedEVSE": "SuspendedEVSE",
    "Finishing": "EVConnected",
}
"""``chargingState`` for a connector's state."""

ENDED_BY: Mapping[str, str] = {
    "EVDisconnected": "EVCommunicationLost",
    "DeAuthorized": "Deauthorized",
    "Remote": "RemoteStop",
    "ImmediateReset": "ResetCommand",
    "Other": "AbnormalCondition",
}
"""``triggerReason`` for why a transaction stopped."""


def transaction_id(charger_id: str, transaction: Transaction, *, number: int) -> str:
    """The station's own id of its ``number``-th transaction: another one for every start anywhere."""
    begun = f"{charger_id}/{transaction.connector_id}/{transaction.started_at.isoformat()}/{number}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, begun))


def id_token(id_tag: str) -> dict[str, str]:
    """A tag as an ``idToken``."""
    return {"idToken": id_tag[:36], "type": "ISO14443"}


def status(evse_id: int, state: State, *, at: datetime) -> dict[str, Any]:
    """StatusNotification: an EVSE has one connector, which is free or not."""
    return {
        "timestamp": format_instant(at),
        "connectorStatus": connector_status(state),
        "evseId": evse_id,
        "connectorId": 1,
    }


def connector_status(state: State) -> str:
    """What 2.0.1 makes of a connector's state."""
    return "Available" if state == "Available" else "Occupied"


def meter_value(outlet: Outlet, *, at: datetime, context: str) -> dict[str, Any]:
    """A ``meterValue``; at the begin and at the end of a transaction it is the register alone."""
    is_edge = context in {"Transaction.Begin", "Transaction.End"}
    told = [value for value in outlet.measured() if value.unit == "Wh" or not is_edge]
    samples = [_sampled(value, context=context) for value in told]
    return {"timestamp": format_instant(at), "sampledValue": samples}


def transaction_event(
    outlet: Outlet,
    transaction: Transaction,
    *,
    kind: str,
    trigger: str,
    at: datetime,
    offline: bool,
    context: str | None = None,
    **info: Any,
) -> dict[str, Any]:
    """The next TransactionEvent of a transaction, with the meter if a ``context`` for it is given.

    ``info`` goes into its ``transactionInfo``. The tag is told once, with the start (E03.FR.01).
    """
    number, transaction.messages = transaction.messages, transaction.messages + 1
    event = {
        "eventType": kind,
        "timestamp": format_instant(at),
        "triggerReason": trigger,
        "seqNo": number,
        "offline": offline,
        "evse": {"id": outlet.connector.id, "connectorId": 1},
        "transactionInfo": {"transactionId": transaction.transaction_id, **info},
    }
    if kind == "Started":
        event["idToken"] = id_token(transaction.id_tag)
    elif not outlet.connector.is_dc and outlet.drawn.phases:
        event["numberOfPhasesUsed"] = outlet.drawn.phases
    if context is not None:
        event["meterValue"] = [meter_value(outlet, at=at, context=context)]
    return event


def charging_needs(outlet: Outlet, *, voltage_v: float, max_tuples: int) -> dict[str, Any]:
    """NotifyEVChargingNeeds of a vehicle that has just been plugged in (K15); energy in Wh, power in W."""
    plugged, stay = outlet.plugged, outlet.stay
    if plugged is None or stay is None:
        raise ValueError(f"no vehicle on EVSE {outlet.connector.id}")
    vehicle, connector = plugged.vehicle, plugged.connector
    missing_wh = round(vehicle.battery_kwh * (100.0 - plugged.soc_percent) * 10.0)
    needs: dict[str, Any] = {"departureTime": format_instant(stay.departure)}
    if connector.is_dc:
        volts = 400
        needs["requestedEnergyTransfer"] = "DC"
        needs["dcChargingParameters"] = {
            "evMaxCurrent": round(vehicle.max_dc_kw * 1000.0 / volts),
            "evMaxVoltage": volts,
            "evMaxPower": round(vehicle.max_dc_kw * 1000.0),
            "energyAmount": missing_wh,
            "stateOfCharge": round(plugged.soc_percent),
            "evEnergyCapacity": round(vehicle.battery_kwh * 1000.0),
        }
    else:
        phases = min(vehicle.ac_phases, connector.phases)
        words = {1: "AC_single_phase", 2: "AC_two_phase", 3: "AC_three_phase"}
        needs["requestedEnergyTransfer"] = words[phases]
        needs["acChargingParameters"] = {
            "energyAmount": missing_wh,
            "evMinCurrent": round(max(vehicle.min_current_a, connector.min_current_a)),
            "evMaxCurrent": round(vehicle.max_ac_current_a),
            "evMaxVoltage": round(voltage_v),
        }
    return {"evseId": connector.id, "maxScheduleTuples": max_tuples, "chargingNeeds": needs}


def _sampled(value: Measured, *, context: str) -> dict[str, Any]:
    sampled = {
        "value": round(value.value, 1),
        "context": context,
        "measurand": value.measurand,
        "unitOfMeasure": {"unit": value.unit},
    }
    places = {"phase": value.phase, "location": value.location}
    return sampled | {key: text for key, text in places.items() if text is not None}
