"""One connector of a simulated charge point: who is plugged in, what the meter shows, which transaction runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from dispatch.simulator.resolver import Session
from dispatch.simulator.vehicle import UNLIMITED, Draw, Limit, PluggedVehicle, advance, draw, is_offered_power
from optimiser.depot import Connector, Vehicle

NOTHING = Limit(power_kw=0.0)
"""What flows without a transaction."""

State = Literal["Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One value of a meter, in OCPP's words for what it is: the same in both versions."""

    measurand: str
    value: float
    unit: str
    phase: str | None = None
    location: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stay:
    """A vehicle that will be on a connector between two instants, and how full it comes.

    From ``preconditioned_from`` until it leaves it takes ``precondition_kwh`` out of its battery, at constant power;
    kept waiting for ``sleeps_after_s`` it falls asleep, None: never.
    """

    vehicle: Vehicle
    arrival: datetime
    departure: datetime
    arrival_soc_percent: float
    precondition_kwh: float = 0.0
    preconditioned_from: datetime | None = None
    sleeps_after_s: float | None = None


@dataclass(kw_only=True)
class Transaction:
    """A transaction as the charge point knows it.

    ``transaction_id``: in 1.6 None until the gateway has given one, in 2.0.1 the charge point's own. ``messages``
    counts what was told of it, ``was_told`` says whether the gateway has taken any of that.
    """

    connector_id: int
    id_tag: str
    started_at: datetime
    transaction_id: int | str | None = None
    remote_start_id: int | None = None
    messages: int = 0
    was_told: bool = False
    is_running: bool = True
    is_authorized: bool = True


@dataclass(kw_only=True)
class Outlet:
    """A connector over the night. ``register_kwh`` is its meter's, on the side on which its limits hold.

    A charger regulates what it measures: where a DC limit holds at the output, the meter is there too.
    """

    connector: Connector
    voltage_v: float
    stays: deque[Stay] = field(default_factory=deque)
    stay: Stay | None = None
    plugged: PluggedVehicle | None = None
    transaction: Transaction | None = None
    register_kwh: float = 0.0
    limit: Limit = UNLIMITED
    reported: State = "Available"

    @classmethod
    def with_stays(cls, connector: Connector, stays: Iterable[Stay], *, voltage_v: float) -> Outlet:
        """A connector that is free until the first of its stays."""
        ordered = deque(sorted(stays, key=lambda stay: stay.arrival))
        return cls(connector=connector, voltage_v=voltage_v, stays=ordered)

    @property
    def is_charging(self) -> bool:
        """Whether a transaction runs, be it with or without power."""
        return self.transaction is not None and self.transaction.is_running

    @property
    def register_wh(self) -> int:
        """The meter as OCPP tells it. [Wh]"""
        return int(self.register_kwh * 1000.0)

    @property
    def drawn(self) -> Draw:
        """What the vehicle draws from the grid now."""
        if self.plugged is None or not self.is_charging:
            return Draw(power_kw=0.0, current_a=0.0, phases=0)
        return draw(self.plugged, self.limit)

    @property
    def metered_kw(self) -> float:
        """Power on the meter's side. [kW]"""
        return self.drawn.power_kw * self._metered_share

    @property
    def state(self) -> State:
        """The connector's state in the words of OCPP 1.6 §7.7, which has more of them than 2.0.1."""
        if self.plugged is None:
            return "Available"
        if not self.is_charging:
            return "Finishing"
        if self.drawn.power_kw > 0:
            return "Charging"
        wants_none = self.plugged.is_full or (
            self.plugged.is_asleep and is_offered_power(self.plugged, self.limit)
        )
        return "SuspendedEV" if wants_none else "SuspendedEVSE"

    def next_change(self) -> datetime | None:
        """When the next vehicle comes, or the present one begins to be preconditioned or goes."""
        if self.stay is None:
            return self.stays[0].arrival if self.stays else None
        return self._preconditioned_from or self.stay.departure

    @property
    def is_to_be_preconditioned(self) -> bool:
        """Whether the next change is that the vehicle begins to be preconditioned."""
        return self._preconditioned_from is not None

    def plug_in(self) -> Stay:
        """Put the next vehicle on the connector."""
        self.stay = self.stays.popleft()
        self.plugged = PluggedVehicle.arriving(
            self.stay.vehicle,
            self.connector,
            soc_percent=self.stay.arrival_soc_percent,
            voltage_v=self.voltage_v,
            sleeps_after_s=self.stay.sleeps_after_s,
        )
        return self.stay

    def precondition(self) -> None:
        """Let the vehicle begin to be warmed or cooled for its departure."""
        begins = self._preconditioned_from
        if self.stay is None or self.plugged is None or begins is None:
            return
        hours = (self.stay.departure - begins).total_seconds() / 3600.0
        self.plugged = replace(self.plugged, consumed_kw=self.stay.precondition_kwh / hours)

    def unplug(self) -> None:
        """Let the vehicle go."""
        self.stay = self.plugged = None

    def start(self, *, id_tag: str, at: datetime, remote_start_id: int | None = None) -> Transaction:
        """Begin a transaction; that wakes a vehicle that sleeps."""
        self.transaction = Transaction(
            connector_id=self.connector.id, id_tag=id_tag, started_at=at, remote_start_id=remote_start_id
        )
        if self.plugged is not None:
            self.plugged = self.plugged.awake()
        return self.transaction

    def session(self, at: datetime) -> Session:
        """What the resolver has to know of this connector."""
        running = self.transaction if self.is_charging else None
        return Session(
            connector_id=self.connector.id,
            in_transaction=running is not None,
            charging_since=at if running is None else running.started_at,
        )

    def charge(self, seconds: float, limit: Limit) -> None:
        """Let the vehicle charge under a limit."""
        self.limit = limit
        if self.plugged is None:
            return
        if not self.is_charging:
            self.plugged = advance(self.plugged, NOTHING, seconds)
            return
        before_kwh = self.plugged.drawn_kwh
        self.plugged = advance(self.plugged, limit, seconds)
        self.register_kwh += (self.plugged.drawn_kwh - before_kwh) * self._metered_share

    def measured(self) -> tuple[Measured, ...]:
        """What the meter shows now: power, current per phase, register, and the vehicle's SoC."""
        drawn = self.drawn
        currents = (
            Measured(
                measurand="Current.Import",
                value=drawn.current_a if phase <= drawn.phases else 0.0,
                unit="A",
                phase=f"L{phase}",
            )
            for phase in range(1, self.connector.phases + 1)
        )
        return (
            Measured(measurand="Power.Active.Import", value=self.metered_kw * 1000.0, unit="W"),
            *currents,
            Measured(measurand="Energy.Active.Import.Register", value=self.register_wh, unit="Wh"),
            *(
                ()
                if self.plugged is None
                else (
                    Measured(measurand="SoC", value=self.plugged.soc_percent, unit="Percent", location="EV"),
                )
            ),
        )

    @property
    def _preconditioned_from(self) -> datetime | None:
        """When the vehicle begins to be preconditioned; None once it has, and where it never is."""
        has_begun = self.plugged is None or self.plugged.consumed_kw > 0
        return None if self.stay is None or has_begun else self.stay.preconditioned_from

    @property
    def _metered_share(self) -> float:
        at_output = self.connector.is_dc and self.connector.limit_side == "output"
        return self.connector.conversion_efficiency if at_output else 1.0
