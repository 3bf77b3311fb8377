"""The requests that a simulated charging station of OCPP 2.0.1 knows, with the shapes of their payloads."""

from __future__ import annotations

from dispatch.simulator.grammar import Grammar, Shape

PURPOSES = (
    "ChargingStationExternalConstraints",
    "ChargingStationMaxProfile",
    "TxDefaultProfile",
    "TxProfile",
)
SOURCES = ("EMS", "Other", "SO", "CSO")
EVSE: Shape = {"id": "int", "connectorId?": "int"}
COMPONENT: Shape = {"name": "text50", "instance?": "text50", "evse?": EVSE}
VARIABLE: Shape = {"name": "text50", "instance?": "text50"}
ATTRIBUTES = ("Actual", "Target", "MinSet", "MaxSet")
ID_TOKEN: Shape = {
    "idToken": "text36",
    "type": (
        *("Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"),
    ),
    "additionalInfo?": [{"additionalIdToken": "text36", "type": "text50"}],
}

SCHEDULE: Shape = {
    "id": "int",
    "startSchedule?": "instant",
    "duration?": "int",
    "chargingRateUnit": ("W", "A"),
    "chargingSchedulePeriod": [
        {"startPeriod": "int", "limit": "number", "numberPhases?": "int", "phaseToUse?": "int"},
        1,
        1024,
    ],
    "minChargingRate?": "number",
}
"""Without ``salesTariff``, which belongs to ISO 15118."""

PROFILE: Shape = {
    "id": "int",
    "stackLevel": "int",
    "chargingProfilePurpose": PURPOSES,
    "chargingProfileKind": ("Absolute", "Recurring", "Relative"),
    "recurrencyKind?": ("Daily", "Weekly"),
    "validFrom?": "instant",
    "validTo?": "instant",
    "chargingSchedule": [SCHEDULE, 1, 3],
    "transactionId?": "text36",
}

GRAMMAR = Grammar(
    malformed="FormatViolation",
    missing="OccurrenceConstraintViolation",
    extension="customData",
    requests={
        "SetChargingProfile": {"evseId": "int", "chargingProfile": PROFILE},
        "ClearChargingProfile": {
            "chargingProfileId?": "int",
            "chargingProfileCriteria?": {
                "evseId?": "int",
                "chargingProfilePurpose?": PURPOSES,
                "stackLevel?": "int",
            },
        },
        "GetChargingProfiles": {
            "requestId": "int",
            "evseId?": "int",
            "chargingProfile": {
                "chargingProfilePurpose?": PURPOSES,
                "stackLevel?": "int",
                "chargingProfileId?": ["int", 1, 1024],
                "chargingLimitSource?": [SOURCES, 1, 4],
            },
        },
        "GetCompositeSchedule": {"evseId": "int", "duration": "int", "chargingRateUnit?": ("W", "A")},
        "GetVariables": {
            "getVariableData": [
                {"component": COMPONENT, "variable": VARIABLE, "attributeType?": ATTRIBUTES},
                1,
                1024,
            ]
        },
        "SetVariables": {
            "setVariableData": [
                {
                    "component": COMPONENT,
                    "variable": VARIABLE,
                    "attributeType?": ATTRIBUTES,
                    "attributeValue": "text1000",
                },
                1,
                1024,
            ]
        },
        "GetBaseReport": {
            "requestId": "int",
            "reportBase": ("ConfigurationInventory", "FullInventory", "SummaryInventory"),
        },
        "TriggerMessage": {
            "requestedMessage": (
                *("BootNotification", "LogStatusNotification", "FirmwareStatusNotification", "Heartbeat"),
                *("MeterValues", "SignChargingStationCertificate", "SignV2GCertificate"),
                *("StatusNotification", "TransactionEvent", "SignCombinedCertificate"),
                "PublishFirmwareStatusNotification",
            ),
            "evse?": EVSE,
        },
        "RequestStartTransaction": {
            "evseId?": "int",
            "groupIdToken?": ID_TOKEN,
            "idToken": ID_TOKEN,
            "remoteStartId": "int",
            "chargingProfile?": PROFILE,
        },
        "RequestStopTransaction": {"transactionId": "text36"},
        "Reset": {"type": ("Immediate", "OnIdle"), "evseId?": "int"},
    },
)
