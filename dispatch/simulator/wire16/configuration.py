"""The configuration keys of OCPP 1.6: what a simulated charge point tells of itself and what can be changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dispatch.simulator.machine import Settings
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import RateUnit

UNIT_NAMES: Mapping[RateUnit, str] = {"A": "Current", "W": "Power"}
"""Names of the rate units in ``ChargingScheduleAllowedChargingRateUnit`` (OCPP 1.6 §9.4.2)."""

MEASURANDS = "Power.Active.Import,Current.Import,Energy.Active.Import.Register,SoC"


class Configuration:
    """What GetConfiguration tells and ChangeConfiguration may change.

    Two keys can be written, each a whole number of seconds: ``MeterValueSampleInterval`` (0: no samples) and
    ``HeartbeatInterval``.
    """

    def __init__(
        self, settings: Settings, *, persona: Persona, units: tuple[RateUnit, ...], connectors: int
    ) -> None:
        self._settings = settings
        self._fixed = {
            "ChargeProfileMaxStackLevel": str(persona.max_stack_level),
            "ChargingScheduleAllowedChargingRateUnit": ",".join(UNIT_NAMES[unit] for unit in units),
            "ChargingScheduleMaxPeriods": str(persona.max_periods),
            "ConnectorSwitch3to1PhaseSupported": "false",
            "GetConfigurationMaxKeys": "50",
            "MaxChargingProfilesInstalled": str(persona.max_profiles),
            "MeterValuesSampledData": MEASURANDS,
            "NumberOfConnectors": str(connectors),
            "SupportedFeatureProfiles": "Core,SmartCharging,RemoteTrigger",
        }

    def get(self, keys: list[str]) -> dict[str, Any]:
        """The answer to GetConfiguration; no keys asks for all."""
        known = [{"key": key, "readonly": True, "value": value} for key, value in self._fixed.items()]
        known += [
            {"key": key, "readonly": False, "value": str(math.ceil(value))}
            for key, value in self._writable().items()
        ]
        if not keys:
            return {"configurationKey": known}
        names = {entry["key"] for entry in known}
        return {
            "configurationKey": [entry for entry in known if entry["key"] in keys],
            "unknownKey": [key for key in keys if key not in names],
        }

    def change(self, key: str, value: str) -> str:
        """The status of ChangeConfiguration."""
        if key not in self._writable():
            return "Rejected" if key in self._fixed else "NotSupported"
        if not value.isdecimal():
            return "Rejected"
        if key == "HeartbeatInterval":
            self._settings.heartbeat_interval_s = float(value)
        else:
            self._settings.meter_interval_s = float(value)
        return "Accepted"

    def _writable(self) -> dict[str, float]:
        return {
            "HeartbeatInterval": self._settings.heartbeat_interval_s,
            "MeterValueSampleInterval": self._settings.meter_interval_s,
        }
