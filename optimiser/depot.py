"""What stays from night to night: site, feeders, chargers, connectors, vehicles, policy.

Plain values, checked where they are read (:mod:`optimiser.inputs`); nothing here reads a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from optimiser.display import Card, Printed, counted
from optimiser.horizon import FloatArray
from optimiser.links import AlertSettings, MqttSettings
from optimiser.rules import Rule
from optimiser.tariff import Tariff
from optimiser.units import NOMINAL_VOLTAGE_V, ROUNDING_SLACK, kw_from_current_a

DC_STEP_KW = 0.1
"""Step of a DC set-point: limits to DC chargers are sent in whole watts, a hundred at a time. [kW]"""

MAX_PERIODS = 24
"""Periods that a charging profile may have where nothing else is known: what most chargers report."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The connection of the depot to the grid. Powers in kW, voltage line to neutral."""

    transformer_limit_kw: float
    reserve_kw: float = 0.0
    base_load_kw: float = 0.0
    base_load_max_kw: float = 0.0
    voltage_v: float = NOMINAL_VOLTAGE_V


@dataclass(frozen=True, kw_only=True)
class Feeder:
    """A cable or sub-distribution with a limit of its own. One without parent hangs on the transformer."""

    id: str
    parent: str | None = None
    limit_kw: float | None = None
    limit_per_phase_a: float | None = None


@dataclass(frozen=True, kw_only=True)
class Connector:
    """One plug. AC has ``phases`` 1 or 3 and currents per phase; DC has ``phases`` 0 and powers.

    A charger that knows a few currents only has them in ``allowed_currents_a``, rising; then there is no step.
    ``limit_side`` says where a DC charger applies a limit: at its output, where the grid draws more by
    ``conversion_efficiency``, or at its grid side.
    """

    id: int
    phases: int
    max_current_a: float = 0.0
    min_current_a: float = 6.0
    current_step_a: float = 1.0
    allowed_currents_a: tuple[float, ...] = ()
    phase_map: tuple[str, ...] = ()
    max_kw: float = 0.0
    min_kw: float = 0.0
    conversion_efficiency: float = 0.95
    limit_side: Literal["output", "grid"] = "output"

    @property
    def is_dc(self) -> bool:
        """Whether this connector gives direct current."""
        return self.phases == 0

    @property
    def grid_per_limit(self) -> float:
        """Grid-side kW for one kW of a DC limit."""
        return 1.0 / self.conversion_efficiency if self.limit_side == "output" else 1.0

    def full_power_kw(self, voltage_v: float) -> float:
        """Grid-side power with nothing but the hardware to limit it. [kW]"""
        if self.is_dc:
            return self.max_kw * self.grid_per_limit
        return kw_from_current_a(self.max_current_a, phases=self.phases, voltage_v=voltage_v)


@dataclass(frozen=True, kw_only=True)
class Commissioned:
    """What an acceptance test has found of a charger, with that firmware: levers with their values and reasons."""

    on: date
    firmware: str
    capabilities: Mapping[str, Any]
    because: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Charger:
    """A charge point (OCPP 1.6) or charging station (2.0.1) with its connectors.

    ``capabilities`` is what the site says of this charger, over what its model file and itself say and what it was
    ``commissioned`` as.
    ``max_periods`` is how many periods of a charging profile each of its connectors can hold for a night.
    """

    id: str
    feeder: str | None = None
    vendor: str = ""
    model: str = ""
    ocpp: str = "1.6"
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    commissioned: Commissioned | None = None
    connectors: tuple[Connector, ...] = ()
    max_periods: int = MAX_PERIODS


@dataclass(frozen=True, kw_only=True)
class ChargeCurve:
    """Highest battery-side power over SoC, straight between the points, level outside them. DC taper."""

    id: str
    soc_percent: tuple[float, ...]
    max_kw: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """A vehicle. ``battery_kwh`` is usable; a maximum of 0 means "cannot"; efficiency is grid to battery.

    ``vehicle_type`` and ``group`` are what fleet rules know it by.
    """

    id: str
    battery_kwh: float
    max_ac_current_a: float
    ac_phases: int
    max_dc_kw: float
    charge_efficiency: float
    id_tag: str
    min_current_a: float = 0.0
    charge_curve: ChargeCurve | None = None
    vehicle_type: str = ""
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class HorizonSettings:
    """Local times between which a night is planned; the end is on the next day."""

    start: time = time(12)
    end: time = time(12)
    step_minutes: int = 15


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the depot decides for itself.

    ``tick_minutes``: from one tick to the next where ticks are repeated.
    ``settle_s``: how long a charger may take to follow a new limit before its meter is held against it.
    ``soc_tolerance_percent``: how far a vehicle's projected SoC may fall short before the night is planned anew.
    ``secure_against_forgetful``: how many chargers may wake at full power at once without passing a limit.
    ``unknown_vehicle``: what a stranger on a connector gets.
    ``readiness``: share of departures, 0 to 1, that are to be ready although arrivals are uncertain.
    ``precondition_minutes``: how long before its departure a vehicle is warmed or cooled, where it is.
    ``tiers``: kinds of users, the most important first; see :mod:`optimiser.rules`.
    ``keep_messages_days``: how long raw messages of chargers and readings of their meters are kept.
    """

    tick_minutes: int = 15
    settle_s: int = 30
    soc_tolerance_percent: float = 1.0
    secure_against_forgetful: int = 0
    unknown_vehicle: Literal["floor", "hold"] = "floor"
    readiness: float | None = None
    precondition_minutes: int = 30
    keep_messages_days: int = 400
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Certificates with their keys and the authority of the chargers' certificates, as paths relative to the folder.

    The second certificate is one of another kind, RSA beside ECDSA. ``client_organization`` is who owns the chargers.
    """

    certificate: str
    key: str
    second_certificate: str | None = None
    second_key: str | None = None
    client_ca: str | None = None
    client_organization: str | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """Each certificate with its key."""
        pairs = [(self.certificate, self.key)]
        if self.second_certificate is not None and self.second_key is not None:
            pairs.append((self.second_certificate, self.second_key))
        return pairs


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Where the gateway listens. Secrets are named by file, never written in ``depot.yaml``.

    ``certificate_names`` are the CN of chargers' certificates by charger id, where they are not the id itself.
    """

    listen: str = "127.0.0.1:9000"
    api: str = "127.0.0.1:9001"
    security_profile: int = 1
    allow_unauthenticated: bool = False
    tls: TlsFiles | None = None
    credentials: str | None = None
    certificate_names: Mapping[str, str] = field(default_factory=dict)
    api_token_file: str | None = None
    mqtt: MqttSettings | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Depot(Printed):
    """All that stays from night to night: site, feeders, chargers, vehicles, tariff, policy.

    ``rules`` in the order in which they decide. ``store`` is an SQLAlchemy URL. Depots are values: nothing changes one, :func:`dataclasses.replace` makes
    another.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> depot
    Depot parcel-12 (Europe/Berlin)
      transformer    43.0 kW
      chargers       12 with 12 connectors, 132.5 kW at full power
      vehicles       12 with 684.0 kWh of usable battery
      demand charge  21.93 EUR per kW above 24.0 kW
    >>> depot.vehicle("V001").battery_kwh, depot.connector("CP01", 1).max_current_a
    (64.0, 16.0)
    """

    name: str
    timezone: str
    currency: str
    site: Site
    chargers: tuple[Charger, ...]
    vehicles: tuple[Vehicle, ...]
    feeders: tuple[Feeder, ...] = ()
    tariff: Tariff = field(default_factory=Tariff)
    horizon: HorizonSettings = field(default_factory=HorizonSettings)
    policy: Policy = field(default_factory=Policy)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    store: str = "sqlite:///depot.db"
    rules: tuple[Rule, ...] = ()

    def _card(self) -> Card:
        site, tariff = self.site, self.tariff
        full_kw = [connector.full_power_kw(site.voltage_v) for _, connector in self.connectors()]
        battery_kwh = sum(vehicle.battery_kwh for vehicle in self.vehicles)
        reserve = f", {site.reserve_kw:,.1f} kW of it in reserve" if site.reserve_kw else ""
        connectors = counted(len(full_kw), "connector")
        facts = [
            ("transformer", f"{site.transformer_limit_kw:,.1f} kW{reserve}"),
            ("chargers", f"{len(self.chargers)} with {connectors}, {sum(full_kw):,.1f} kW at full power"),
            ("vehicles", f"{len(self.vehicles)} with {battery_kwh:,.1f} kWh of usable battery"),
        ]
        if self.feeders:
            facts.append(("feeders", str(len(self.feeders))))
        if tariff.demand_charge_per_kw:
            charge = f"{tariff.demand_charge_per_kw:,.2f} {self.currency} per kW"
            facts.append(("demand charge", f"{charge} above {tariff.peak_so_far_kw:,.1f} kW"))
        return Card(
            title=f"Depot {self.name} ({self.timezone})",
            facts=tuple(facts),
            headers=("connector", "feeder", "model", "kind", "at most"),
            rows=tuple(
                (
                    f"{charger.id}/{connector.id}",
                    charger.feeder or "transformer",
                    f"{charger.vendor} {charger.model}".strip(),
                    "DC" if connector.is_dc else f"AC, {counted(connector.phases, 'phase')}",
                    f"{full:,.1f} kW",
                )
                for (charger, connector), full in zip(self.connectors(), full_kw, strict=True)
            ),
            numbers=frozenset({4}),
            more="depot.chargers has all",
        )

    def connectors(self) -> Iterator[tuple[Charger, Connector]]:
        """Every connector with its charger, in the order of ``depot.yaml``."""
        for charger in self.chargers:
            for connector in charger.connectors:
                yield charger, connector

    def charger(self, charger_id: str) -> Charger:
        """The charger of that id. Raises :class:`KeyError`."""
        return self._chargers_by_id.get(charger_id) or _missing("charger", charger_id)

    def connector(self, charger_id: str, connector_id: int) -> Connector:
        """The connector of that charger and id. Raises :class:`KeyError`."""
        found = (c for c in self.charger(charger_id).connectors if c.id == connector_id)
        return next(found, None) or _missing("connector", f"{charger_id}/{connector_id}")

    @cached_property
    def _chargers_by_id(self) -> dict[str, Charger]:
        return {charger.id: charger for charger in self.chargers}

    @cached_property
    def _vehicles_by_id(self) -> dict[str, Vehicle]:
        return {vehicle.id: vehicle for vehicle in self.vehicles}

    def vehicle(self, vehicle_id: str) -> Vehicle:
        """The vehicle of that id. Raises :class:`KeyError`."""
        return self._vehicles_by_id.get(vehicle_id) or _missing("vehicle", vehicle_id)

    def feeder_path(self, charger: Charger) -> tuple[str, ...]:
        """Ids of the feeders between a charger and the transformer, nearest first."""
        parents = {feeder.id: feeder.parent for feeder in self.feeders}
        path: list[str] = []
        feeder = charger.feeder
        while feeder is not None:
            path.append(feeder)
            feeder = parents[feeder]
        return tuple(path)


def _missing(kind: str, name: str) -> Any:
    raise KeyError(f"no {kind} {name}")


@dataclass(frozen=True, kw_only=True)
class PowerRange:
    """What one vehicle can draw on one connector, grid side: 0, or multiples of ``step_kw`` from min to max.

    Where the charger has a list of currents, ``listed_kw`` are their powers and ``step_kw`` is the largest distance
    between two. ``max_kw`` is what the hardware allows, 0 where this vehicle cannot charge here; ``phases`` what both
    have (0 on DC).
    """

    min_kw: float
    max_kw: float
    step_kw: float
    phases: int
    listed_kw: tuple[float, ...] = ()

    def levels_kw(self) -> FloatArray:
        """The powers above 0 that this vehicle can be given here, rising. [kW]"""
        if self.listed_kw:
            return np.array(self.listed_kw)
        if self.max_kw <= 0:
            return np.zeros(0)
        lowest = max(1, math.ceil(self.min_kw / self.step_kw - ROUNDING_SLACK))
        highest = math.floor(self.max_kw / self.step_kw + ROUNDING_SLACK)
        levels_kw: FloatArray = self.step_kw * np.arange(lowest, highest + 1, dtype=float)
        return levels_kw


def power_range(connector: Connector, vehicle: Vehicle, *, voltage_v: float) -> PowerRange:
    """The range of grid-side powers of a vehicle on a connector.

    On AC the smaller current per phase, on the phases that both have: a one-phase 32 A van on a three-phase
    16 A connector gets one phase at 16 A, 3.68 kW. On DC the smaller power; what a vehicle can take holds
    at the charger's output.
    """
    if connector.is_dc:
        grid_per_output = 1.0 / connector.conversion_efficiency
        return PowerRange(
            min_kw=connector.min_kw * connector.grid_per_limit,
            max_kw=min(connector.max_kw * connector.grid_per_limit, vehicle.max_dc_kw * grid_per_output),
            step_kw=DC_STEP_KW * connector.grid_per_limit,
            phases=0,
        )
    phases = min(connector.phases, vehicle.ac_phases)

    def power_kw(current_a: float) -> float:
        return kw_from_current_a(current_a, phases=phases, voltage_v=voltage_v)

    least_a = max(connector.min_current_a, vehicle.min_current_a)
    most_a = min(connector.max_current_a, vehicle.max_ac_current_a)
    if connector.allowed_currents_a:
        listed_kw = [power_kw(a) for a in connector.allowed_currents_a if least_a <= a <= most_a]
        steps_kw = [after - before for before, after in pairwise(listed_kw)]
        return PowerRange(
            min_kw=min(listed_kw, default=power_kw(least_a)),
            max_kw=max(listed_kw, default=0.0),
            step_kw=max(steps_kw, default=power_kw(connector.current_step_a)),
            phases=phases,
            listed_kw=tuple(listed_kw),
        )
    return PowerRange(
        min_kw=power_kw(least_a),
        max_kw=power_kw(most_a),
        step_kw=power_kw(connector.current_step_a),
        phases=phases,
    )
