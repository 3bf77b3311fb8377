"""The charge points of a depot with the vehicles of one night, and all of them at once on a gateway."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from dispatch.simulator.charge_point import ChargePoint, Timing, websocket_dial
from dispatch.simulator.machine import Machine
from dispatch.simulator.outlet import Stay
from dispatch.simulator.persona import Persona
from dispatch.simulator.personas import PERSONAS
from dispatch.simulator.wire16.machine import Machine16
from dispatch.simulator.wire201.machine import Machine201
from optimiser.depot import Charger, Depot
from optimiser.night import Night

VERSIONS: Mapping[str, type[Machine]] = {"1.6": Machine16, "2.0.1": Machine201}
"""What simulates a charger, by its OCPP version."""


class SimulationError(ValueError):
    """What was asked for does not fit the depot; one message for everything that does not."""


def chosen_personas(options: Iterable[str]) -> dict[str, Persona]:
    """Personas by charger id, from texts ``CHARGER=NAME``.

    Raises :class:`SimulationError` that names everything that is wrong with them, and the names there are.
    """
    pairs = [text.rpartition("=") for text in options]
    wrong = [f"persona {''.join(pair)!r}: not CHARGER=NAME" for pair in pairs if not (pair[0] and pair[1])]
    wrong += [
        f"persona {name!r} of {charger_id}: none of {', '.join(PERSONAS)}"
        for charger_id, _, name in pairs
        if charger_id and name not in PERSONAS
    ]
    if wrong:
        raise SimulationError("\n".join(wrong))
    return {charger_id: PERSONAS[name].persona for charger_id, _, name in pairs}


def utc_now() -> datetime:
    """The computer's clock."""
    return datetime.now(UTC)


def machines(
    depot: Depot,
    night: Night,
    *,
    meter_interval_s: float,
    charger_ids: Collection[str] | None = None,
    arrival_soc_percent: Mapping[str, float] | None = None,
    personas: Mapping[str, Persona] | None = None,
    sleeps_after_s: Mapping[str, float] | None = None,
) -> tuple[Machine, ...]:
    """The charge points of a depot, all or those named, each with its vehicles of the night.

    ``arrival_soc_percent`` by vehicle id takes the place of what the night expects; ``personas`` are by
    charger id, default the honest one; ``sleeps_after_s`` by vehicle id has those that fall asleep. Raises :class:`SimulationError` for names that the depot does not have.
    """
    arrival_socs, characters = arrival_soc_percent or {}, personas or {}
    chargers = {charger.id for charger in depot.chargers}
    visitors = {visit.vehicle_id for visit in night.visits}
    problems = [
        *(f"charger {name}: not in this depot" for name in sorted({*(charger_ids or ())} - chargers)),
        *(f"persona of {name}: no such charger" for name in sorted(set(characters) - chargers)),
        *(f"arrival SoC of {name}: no such visitor" for name in sorted(set(arrival_socs) - visitors)),
        *(
            f"arrival SoC of {name}: {soc:g} %, 0 to 100 allowed"
            for name, soc in sorted(arrival_socs.items())
            if not 0 <= soc <= 100
        ),
    ]
    if problems:
        raise SimulationError("\n".join(problems))
    personas_of = {charger.id: characters.get(charger.id, Persona()) for charger in depot.chargers}
    return tuple(
        VERSIONS[charger.ocpp](
            charger=charger,
            stays=_stays(
                depot,
                night,
                charger,
                arrival_socs,
                sleeps_after_s or {},
                ahead_s=personas_of[charger.id].clock_skew_s,
            ),
            voltage_v=depot.site.voltage_v,
            persona=personas_of[charger.id],
            meter_interval_s=meter_interval_s,
        )
        for charger in depot.chargers
        if charger_ids is None or charger.id in charger_ids
    )


async def simulate(
    depot: Depot,
    night: Night,
    *,
    gateway_url: str,
    credentials: Mapping[str, str],
    trust: Mapping[str, ssl.SSLContext] | None = None,
    charger_ids: Collection[str] | None = None,
    arrival_soc_percent: Mapping[str, float] | None = None,
    meter_interval_s: float = 60.0,
    personas: Mapping[str, Persona] | None = None,
    clock: Callable[[], datetime] = utc_now,
    timing: Timing | None = None,
) -> None:
    """Run the charge points against a gateway until cancelled, each on its own socket.

    ``credentials`` are passwords by charger id, ``trust`` how each recognises an encrypted gateway, with its own
    certificate where it has one; a charger without one comes without. Names and errors as in :func:`machines`.
    Raises nothing for a gateway that is away: charge points keep trying.
    """
    built = machines(
        depot,
        night,
        meter_interval_s=meter_interval_s,
        charger_ids=charger_ids,
        arrival_soc_percent=arrival_soc_percent,
        personas=personas,
    )
    async with asyncio.TaskGroup() as tasks:
        for machine in built:
            dial = websocket_dial(
                machine,
                gateway_url=gateway_url,
                password=credentials.get(machine.charger.id),
                trust=(trust or {}).get(machine.charger.id),
                timeout_s=(timing or Timing()).call_timeout_s,
            )
            charge_point = ChargePoint(machine, dial=dial, clock=clock, timing=timing)
            tasks.create_task(charge_point.run(), name=machine.charger.id)


def _stays(
    depot: Depot,
    night: Night,
    charger: Charger,
    arrival_socs: Mapping[str, float],
    sleeps_after_s: Mapping[str, float],
    *,
    ahead_s: float,
) -> dict[int, list[Stay]]:
    """Who comes to a charger when, on its own clock: vehicles do not keep to a clock that is wrong."""
    ahead = timedelta(seconds=ahead_s)
    stays: dict[int, list[Stay]] = {connector.id: [] for connector in charger.connectors}
    lead = timedelta(minutes=depot.policy.precondition_minutes)
    for visit in night.visits:
        if visit.charger_id == charger.id:
            stay = Stay(
                vehicle=depot.vehicle(visit.vehicle_id),
                arrival=visit.arrival + ahead,
                departure=visit.departure + ahead,
                arrival_soc_percent=arrival_socs.get(visit.vehicle_id, visit.arrival_soc_percent),
                precondition_kwh=visit.precondition_kwh,
                preconditioned_from=max(visit.arrival, visit.departure - lead) + ahead
                if visit.precondition_kwh > 0
                else None,
                sleeps_after_s=sleeps_after_s.get(visit.vehicle_id),
            )
            stays[visit.connector_id].append(stay)
    return stays
