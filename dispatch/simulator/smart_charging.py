"""The smart charging of a simulated charge point: which profiles it takes, what it says and lets pass by them."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dispatch.connection import CallRefusedError
from dispatch.simulator.persona import Persona
from dispatch.simulator.resolver import (
    Allowance,
    Installed,
    Payload,
    RateUnit,
    Session,
    after_clear,
    after_transaction,
    allowances_at,
    install,
    replaces_any,
    schedule,
)
from dispatch.simulator.vehicle import UNLIMITED, Limit
from optimiser.depot import Charger, Connector
from optimiser.horizon import format_instant
from optimiser.units import floor_to_step

log = logging.getLogger(__name__)

LONGEST_SCHEDULE_S = 7 * 24 * 3600
"""A composite schedule is worked out for a week at most; the answer says for how long it is. [s]"""
WIRE_STEP = 0.1
"""One decimal is what the schemas of OCPP 1.6 let a limit have. [A or W]"""
DEFAULT_PHASES = 3
"""What ``numberPhases`` is where it is not given (OCPP 1.6 §7.13)."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """A limit of a composite schedule in the unit asked for, from ``start_s`` on; None where there is none."""

    start_s: int
    limit: float | None
    number_phases: int | None = None


class SmartCharging:
    """The profiles on one charge point. They outlive a lost connection and a reboot, TxProfiles no transaction."""

    def __init__(self, *, charger: Charger, voltage_v: float, persona: Persona) -> None:
        self.installed: tuple[Installed, ...] = ()
        self._charger = charger
        self._connectors = {connector.id: connector for connector in charger.connectors}
        self._voltage_v = voltage_v
        self._persona = persona
        # Amperes per phase mean nothing to a charger that gives direct current.
        has_dc = any(connector.is_dc for connector in charger.connectors)
        self.units: tuple[RateUnit, ...] = ("W",) if has_dc else persona.units

    def set_profile(self, payload: Payload, *, transactions: Mapping[int, int | None]) -> dict[str, Any]:
        """The answer to SetChargingProfile; ``transactions`` are those running, by connector.

        Raises :class:`dispatch.connection.CallRefusedError` for a connector that does not exist.
        """
        new = Installed(connector_id=payload["connectorId"], profile=payload["csChargingProfiles"])
        self._check_connector(new.connector_id)
        objection = self._objection(new, transactions)
        if objection:
            profile_id = new.profile["chargingProfileId"]
            log.info("%s refused profile %s: %s", self._charger.id, profile_id, objection)
            return {"status": "Rejected"}
        self.installed = install(self.installed, new)
        return {"status": "Accepted"}

    def clear_profile(self, payload: Payload) -> dict[str, Any]:
        """The answer to ClearChargingProfile."""
        before = len(self.installed)
        self.installed = after_clear(self.installed, payload)
        return {"status": "Accepted" if len(self.installed) < before else "Unknown"}

    def transaction_ended(self, connector_id: int) -> None:
        """Forget the TxProfiles of a connector."""
        self.installed = after_transaction(self.installed, connector_id)

    def composite_schedule(
        self, payload: Payload, *, sessions: Mapping[int, Session], now: datetime
    ) -> dict[str, Any]:
        """The answer to GetCompositeSchedule from ``now`` on, in the unit asked for, else the first offered.

        Where no profile says anything while others do, the hardware's maximum is the limit. Where more periods
        are needed than fit, the schedule is cut short and says so by its duration.
        """
        unit: RateUnit = payload.get("chargingRateUnit", self.units[0])
        known = payload["connectorId"] == 0 or payload["connectorId"] in self._connectors
        if (
            self._persona.composite == "rejected"
            or not known
            or unit not in self.units
            or payload["duration"] <= 0
        ):
            return {"status": "Rejected"}
        duration_s = min(payload["duration"], LONGEST_SCHEDULE_S)
        asked = [sessions[payload["connectorId"]]] if payload["connectorId"] else list(sessions.values())
        levels = self._levels(asked, unit=unit, now=now, duration_s=duration_s)
        if all(level.limit is None for level in levels):
            return {"status": "Rejected"}
        if len(levels) > self._persona.max_periods:
            duration_s = levels[self._persona.max_periods].start_s
            levels = levels[: self._persona.max_periods]
        full = sum(self._full(self._connectors[session.connector_id], unit) for session in asked)
        if self._persona.composite == "wrong":
            levels = [Level(start_s=0, limit=None)]
        return {
            "status": "Accepted",
            "connectorId": payload["connectorId"],
            "scheduleStart": format_instant(now),
            "chargingSchedule": {
                "duration": duration_s,
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": [_period(level, full=full) for level in levels],
            },
        }

    def limit_at(self, session: Session, at: datetime, *, sharers: int) -> Limit:
        """The limit in force on a connector at an instant; see :meth:`limits`."""
        if self._persona.ignores_profiles:
            return UNLIMITED
        return _limit(allowances_at(self.installed, session, at), sharers=sharers)

    def limits(
        self, session: Session, *, start: datetime, end: datetime, sharers: int
    ) -> Iterator[tuple[float, Limit]]:
        """How long, in seconds, which limit is in force on a connector, from start to end.

        The station's maximum is for all connectors together: each of the ``sharers`` gets an equal share of it.
        """
        if self._persona.ignores_profiles:
            yield (end - start).total_seconds(), UNLIMITED
            return
        whole = start.replace(microsecond=0)
        # One second more than the difference, because both ends may lie within a second.
        duration_s = int((end - whole).total_seconds()) + 1
        stretches = schedule(self.installed, session, start=whole, duration_s=duration_s)
        edges = [whole + timedelta(seconds=stretch.start_s) for stretch in stretches]
        for stretch, begin, finish in zip(stretches, edges, [*edges[1:], end], strict=True):
            seconds = (min(finish, end) - max(begin, start)).total_seconds()
            if seconds > 0:
                yield seconds, _limit(stretch.allowances, sharers=sharers)

    def _check_connector(self, connector_id: int) -> None:
        if connector_id != 0 and connector_id not in self._connectors:
            raise CallRefusedError("PropertyConstraintViolation", f"there is no connector {connector_id}")

    def _objection(self, new: Installed, transactions: Mapping[int, int | None]) -> str | None:
        """Why a strict charge point does not take a profile; None where it does."""
        profile, persona = new.profile, self._persona
        plan = profile["chargingSchedule"]
        periods = plan["chargingSchedulePeriod"]
        starts = [period["startPeriod"] for period in periods]
        is_full = len(self.installed) >= persona.max_profiles and not replaces_any(self.installed, new)
        objections = {
            "it refuses all profiles": persona.refuses_profiles,
            f"unit {plan['chargingRateUnit']}, {self.units} allowed": plan["chargingRateUnit"]
            not in self.units,
            f"{len(periods)} periods, 1 to {persona.max_periods} allowed": not (
                1 <= len(periods) <= persona.max_periods
            ),
            f"stack level {profile['stackLevel']}, 0 to {persona.max_stack_level} allowed": not (
                0 <= profile["stackLevel"] <= persona.max_stack_level
            ),
            f"{persona.max_profiles} profiles are installed already": is_full,
            "periods begin at 0 and ascend": starts[:1] != [0] or starts != sorted(set(starts)),
            "a limit is negative": any(period["limit"] < 0 for period in periods),
            "numberPhases is 1 to 3": any(not 1 <= p.get("numberPhases", 3) <= 3 for p in periods),
            "duration is positive": plan.get("duration", 1) <= 0,
            "recurring needs startSchedule and recurrencyKind": profile["chargingProfileKind"] == "Recurring"
            and not ("startSchedule" in plan and "recurrencyKind" in profile),
        }
        found = next((text for text, applies in objections.items() if applies), None)
        return found or _objection_to_purpose(new, transactions)

    def _levels(
        self, sessions: list[Session], *, unit: RateUnit, now: datetime, duration_s: int
    ) -> list[Level]:
        """The composite schedule of one connector, or the sum of several under the station's maximum."""
        per_connector = [
            (
                self._connectors[session.connector_id],
                schedule(self.installed, session, start=now, duration_s=duration_s),
            )
            for session in sessions
        ]
        starts = sorted({stretch.start_s for _, stretches in per_connector for stretch in stretches})
        levels: list[Level] = []
        for start_s in starts:
            held = [
                (connector, next(s.allowances for s in reversed(stretches) if s.start_s <= start_s))
                for connector, stretches in per_connector
            ]
            level = self._level(held, unit=unit, start_s=start_s)
            if not levels or (levels[-1].limit, levels[-1].number_phases) != (
                level.limit,
                level.number_phases,
            ):
                levels.append(level)
        return levels

    def _level(
        self, held: list[tuple[Connector, tuple[Allowance, ...]]], *, unit: RateUnit, start_s: int
    ) -> Level:
        if not any(allowances for _, allowances in held):
            return Level(start_s=start_s, limit=None)
        total = 0.0
        ceilings: list[float] = []
        phases: set[int | None] = set()
        for connector, allowances in held:
            values = [(self._converted(a, connector, unit), a) for a in allowances]
            lowest = min((value for value, a in values if not a.whole_station), default=None)
            # In a sum a connector without a limit of its own counts with what its hardware gives.
            unlimited = self._full(connector, unit) if len(held) > 1 else math.inf
            total += unlimited if lowest is None else lowest
            ceilings += [value for value, a in values if a.whole_station]
            phases.update(a.number_phases for _, a in values)
        limit = floor_to_step(min([total, *ceilings]), WIRE_STEP)
        # Phases are told where all that hold agree about them.
        return Level(start_s=start_s, limit=limit, number_phases=phases.pop() if len(phases) == 1 else None)

    def _converted(self, allowance: Allowance, connector: Connector, unit: RateUnit) -> float:
        if allowance.unit == unit:
            return allowance.limit
        phases = min(allowance.number_phases or DEFAULT_PHASES, connector.phases)
        per_ampere_w = self._voltage_v * phases
        return allowance.limit * per_ampere_w if unit == "W" else allowance.limit / per_ampere_w

    def _full(self, connector: Connector, unit: RateUnit) -> float:
        """The hardware's maximum where a limit holds. [A per phase or W]"""
        if connector.is_dc:
            return connector.max_kw * 1000.0
        per_ampere = self._voltage_v * connector.phases if unit == "W" else 1.0
        return connector.max_current_a * per_ampere


def _objection_to_purpose(new: Installed, transactions: Mapping[int, int | None]) -> str | None:
    profile, connector_id = new.profile, new.connector_id
    if profile["chargingProfilePurpose"] == "ChargePointMaxProfile":
        if connector_id != 0:
            return "ChargePointMaxProfile is for connector 0"
        if profile["chargingProfileKind"] == "Relative":
            return "ChargePointMaxProfile has no transaction to be relative to"
    if profile["chargingProfilePurpose"] == "TxProfile":
        if connector_id not in transactions:
            return f"no transaction on connector {connector_id}"
        if profile.get("transactionId", transactions[connector_id]) != transactions[connector_id]:
            return f"transaction {profile['transactionId']} does not run on connector {connector_id}"
    return None


def _period(level: Level, *, full: float) -> dict[str, Any]:
    limit = floor_to_step(full, WIRE_STEP) if level.limit is None else level.limit
    period: dict[str, Any] = {"startPeriod": level.start_s, "limit": limit}
    return period if level.number_phases is None else {**period, "numberPhases": level.number_phases}


def _limit(allowances: tuple[Allowance, ...], *, sharers: int) -> Limit:
    def lowest(unit: RateUnit) -> float | None:
        shares = (a.limit / (sharers if a.whole_station else 1) for a in allowances if a.unit == unit)
        return min(shares, default=None)

    power_w = lowest("W")
    return Limit(current_a=lowest("A"), power_kw=None if power_w is None else power_w / 1000.0)
