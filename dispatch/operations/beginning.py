"""A depot folder to begin with: what stands in its files. Pure; who writes them is not its business.

What it writes can be checked and planned at once: sample vehicles, one per charger, that together need no more than
half of what the connection can give in their night.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from dispatch.operations.texts import rendered
from optimiser.horizon import Horizon

MOST_CHARGERS = 500
"""Chargers of a folder to begin with; larger depots write theirs with a program."""
LEAST_LIMIT_KW = 10.0
"""The smallest connection at which a three-phase charger at 6 A, 4.14 kW, has room beside the building. [kW]"""
NOON = time(12)
STEP_MINUTES = 15
BASE_LOAD_SHARE = 0.1
"""What the building is taken to draw, as a share of the connection."""
PHASES = ("L1", "L2", "L3")
BATTERY_KWH, EFFICIENCY, REQUIRED_PERCENT = 60.0, 0.9, 90.0
"""A sample vehicle: a small electric van."""
MOST_NEEDED_PERCENT = 35.0
"""What a sample vehicle needs at most: 21 kWh, an ordinary day of a parcel van. [%]"""
STAY_H = 12.0
"""How long a sample vehicle stays at least. [h]"""
FIRST_ARRIVAL, FIRST_DEPARTURE = time(16, 30), time(6)
CHEAP_HOURS, DEAR_HOURS = range(6), range(17, 21)
CHEAP, ORDINARY, DEAR = "0.19", "0.27", "0.36"
"""Per kWh in the depot's currency: a shape to plan with, of no real market."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What is known of a depot before it has a folder. ``limit_kw``: what its connection can carry."""

    name: str
    timezone: str
    currency: str
    chargers: int
    limit_kw: float
    ocpp: str
    night: date

    @property
    def charger_ids(self) -> list[str]:
        """CP01, CP02 and so on."""
        digits = max(2, len(str(self.chargers)))
        return [f"CP{number:0{digits}d}" for number in range(1, self.chargers + 1)]

    @property
    def horizon(self) -> Horizon:
        """The night as ``depot.yaml`` has it. Raises :class:`optimiser.horizon.TimeError`."""
        return Horizon.for_night(
            self.night, start=NOON, end=NOON, step_minutes=STEP_MINUTES, timezone=self.timezone
        )


def files_of(beginning: Beginning) -> dict[str, str]:
    """The text of every file of the folder, by its path in it."""
    night = f"nights/{beginning.night}"
    return {
        "depot.yaml": _depot(beginning),
        "vehicles.csv": _lines(_vehicles(beginning)),
        f"{night}/visits.csv": _lines(_visits(beginning)),
        f"{night}/prices.csv": _lines(_prices(beginning)),
    }


def _depot(beginning: Beginning) -> str:
    chargers = [
        {"id": charger_id, "phase_map": PHASES[turn % 3 :] + PHASES[: turn % 3]}
        for turn, charger_id in enumerate(beginning.charger_ids)
    ]
    base_load_kw = round(beginning.limit_kw * BASE_LOAD_SHARE, 1)
    return rendered(
        "depot.yaml.j2",
        name=beginning.name,
        timezone=beginning.timezone,
        currency=beginning.currency,
        limit_kw=f"{beginning.limit_kw:.10g}",
        base_load_kw=f"{base_load_kw:.10g}",
        ocpp=beginning.ocpp,
        chargers=chargers,
    )


def _vehicles(beginning: Beginning) -> Iterator[str]:
    yield "vehicle_id,battery_kwh,max_ac_current_a,ac_phases,max_dc_kw,charge_efficiency,id_tag"
    for number, vehicle_id in enumerate(_vehicle_ids(beginning), start=1):
        yield f"{vehicle_id},{BATTERY_KWH:g},16,3,0,{EFFICIENCY:g},TAG-{number:04d}"


def _visits(beginning: Beginning) -> Iterator[str]:
    yield "vehicle_id,charger_id,connector_id,arrival,arrival_soc_percent,departure,required_soc_percent"
    free_kwh = 0.5 * beginning.limit_kw * (1.0 - BASE_LOAD_SHARE) * STAY_H * EFFICIENCY
    needed_percent = min(MOST_NEEDED_PERCENT, 100.0 * free_kwh / beginning.chargers / BATTERY_KWH)
    arrival_percent = REQUIRED_PERCENT - round(needed_percent, 1)
    morning = beginning.night + timedelta(days=1)
    for turn, (vehicle_id, charger_id) in enumerate(
        zip(_vehicle_ids(beginning), beginning.charger_ids, strict=True)
    ):
        later = timedelta(minutes=10 * (turn % 12))
        arrival = datetime.combine(beginning.night, FIRST_ARRIVAL) + later
        departure = datetime.combine(morning, FIRST_DEPARTURE) + later
        yield (
            f"{vehicle_id},{charger_id},1,{arrival:%Y-%m-%dT%H:%M},{arrival_percent:.10g},"
            f"{departure:%Y-%m-%dT%H:%M},{REQUIRED_PERCENT:g}"
        )


def _prices(beginning: Beginning) -> Iterator[str]:
    """By the hour; with offsets, so that a night on which clocks change is told as clearly as any other."""
    yield "start,import_price_per_kwh"
    horizon = beginning.horizon
    instant = horizon.start
    while instant < horizon.end:
        local = horizon.local(instant)
        price = CHEAP if local.hour in CHEAP_HOURS else DEAR if local.hour in DEAR_HOURS else ORDINARY
        yield f"{local.isoformat(timespec='minutes')},{price}"
        instant += timedelta(hours=1)


def _vehicle_ids(beginning: Beginning) -> list[str]:
    return [charger_id.replace("CP", "V") for charger_id in beginning.charger_ids]


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
