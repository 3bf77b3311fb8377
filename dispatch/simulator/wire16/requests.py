"""The requests that a simulated charge point of OCPP 1.6 knows, with the shapes of their payloads."""

from __future__ import annotations

from dispatch.simulator.grammar import Grammar, Shape

PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")

PROFILE: Shape = {
    "chargingProfileId": "int",
    "transactionId?": "int",
    "stackLevel": "int",
    "chargingProfilePurpose": PURPOSES,
    "chargingProfileKind": ("Absolute", "Recurring", "Relative"),
    "recurrencyKind?": ("Daily", "Weekly"),
    "validFrom?": "instant",
    "validTo?": "instant",
    "chargingSchedule": {
        "duration?": "int",
        "startSchedule?": "instant",
        "chargingRateUnit": ("A", "W"),
        "chargingSchedulePeriod": [{"startPeriod": "int", "limit": "tenths", "numberPhases?": "int"}],
        "minChargingRate?": "tenths",
    },
}

# OCPP 1.6 spells the code for what is missing with one r, as do chargers that follow it to the letter.
GRAMMAR = Grammar(
    malformed="FormationViolation",
    missing="OccurenceConstraintViolation",
    requests={
        "SetChargingProfile": {"connectorId": "int", "csChargingProfiles": PROFILE},
        "ClearChargingProfile": {
            "id?": "int",
            "connectorId?": "int",
            "chargingProfilePurpose?": PURPOSES,
            "stackLevel?": "int",
        },
        "GetCompositeSchedule": {"connectorId": "int", "duration": "int", "chargingRateUnit?": ("A", "W")},
        "GetConfiguration": {"key?": ["text"]},
        "ChangeConfiguration": {"key": "text", "value": "text"},
        "TriggerMessage": {
            "requestedMessage": (
                "BootNotification",
                "DiagnosticsStatusNotification",
                "FirmwareStatusNotification",
                "Heartbeat",
                "MeterValues",
                "StatusNotification",
            ),
            "connectorId?": "int",
        },
        "Reset": {"type": ("Hard", "Soft")},
        "RemoteStartTransaction": {"connectorId?": "int", "idTag": "text", "chargingProfile?": PROFILE},
        "RemoteStopTransaction": {"transactionId": "int"},
    },
)
