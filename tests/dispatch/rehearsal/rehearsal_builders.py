"""A small depot's night to be rehearsed, and nights as they might have happened, written down by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

import numpy as np

from dispatch.rehearsal.applied import scene_of
from dispatch.rehearsal.faults import Fault
from dispatch.rehearsal.happened import Happened, Told
from dispatch.rehearsal.keeper import Gear
from dispatch.rehearsal.night import play
from dispatch.rehearsal.scene import Scene, bounds
from dispatch.rehearsal.site import Departed, Piece, Plug, Record, Slept
from dispatch.rehearsal.verdict import Verdict, judge
from optimiser.depot import Charger, Depot, Policy
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector


@cache
def a_planned_night(
    *,
    transformer_limit_kw: float = 25.0,
    vans: int = 3,
    secure_against_forgetful: int = 0,
    free_chargers: int = 0,
    precondition_kwh: float = 0.0,
    required_soc_percent: float = 80.0,
) -> tuple[Depot, Night, Plan]:
    """Vans at home from 17:50 to 07:42 with 50 % that need 80, one to a charger; a tick every hour."""
    names = [f"V{number}" for number in range(1, vans + 1)]
    wired = (an_ac_connector(),)
    chargers = [Charger(id=f"CP{n}", connectors=wired) for n in range(1, vans + free_chargers + 1)]
    depot = a_depot(
        vehicles=[a_van(name) for name in names],
        chargers=chargers,
        transformer_limit_kw=transformer_limit_kw,
        policy=Policy(tick_minutes=60, secure_against_forgetful=secure_against_forgetful),
    )
    visits = [
        a_visit(
            name,
            charger_id=f"CP{number}",
            arrival_soc_percent=50,
            required_soc_percent=required_soc_percent,
            precondition_kwh=precondition_kwh,
        )
        for number, name in enumerate(names, start=1)
    ]
    prices = np.where(np.arange(96) < 48, 0.40, 0.20)  # cheap from midnight on
    night = a_night(depot, visits=visits, price_per_kwh=prices)
    return depot, night, plan_night(depot, night, created_at=night.horizon.start)


def played(
    *faults: Fault,
    gear: Gear = "memory",
    made: tuple[Depot, Night, Plan] | None = None,
) -> Happened:
    depot, night, plan = made or a_planned_night()
    return play(scene_of(depot, night, faults), plan, gear=gear)


def verdict_on(*faults: Fault, made: tuple[Depot, Night, Plan] | None = None) -> Verdict:
    return judge(played(*faults, made=made))


def energy_kwh(happened: Happened, charger_id: str) -> float:
    return happened.record.energy_kwh(Plug(charger_id, 1))


def a_scene(*faults: Fault, made: tuple[Depot, Night, Plan] | None = None) -> Scene:
    depot, night, _ = made or a_planned_night()
    return scene_of(depot, night, faults)


def a_record(begin: datetime, pieces: Mapping[str, Sequence[Piece]]) -> Record:
    return Record(begin=begin, pieces={Plug(name, 1): tuple(drawn) for name, drawn in pieces.items()})


def level(scene: Scene, start: datetime, hours: float, kw: float) -> Piece:
    """So much power from an instant on, as a piece of the record of a scene's night."""
    begin, _ = bounds(scene)
    start_s = (start - begin).total_seconds()
    return Piece(start_s, start_s + hours * 3600.0, kw, kw, 3)


def happened_by_hand(
    scene: Scene,
    *,
    pieces: Mapping[str, Sequence[Piece]] | None = None,
    soc_percent: Mapping[str, float] | None = None,
    short: Sequence[tuple[datetime, frozenset[str]]] = (),
    lost_entries: int = 0,
    plan: Plan | None = None,
    slept: Mapping[str, datetime] | None = None,
) -> Happened:
    """A night in which everybody leaves with 80 % unless ``soc_percent`` says otherwise."""
    begin, end = bounds(scene)
    departed = [
        Departed(
            plug=guest.plug,
            vehicle_id=guest.visit.vehicle_id,
            at=guest.departure,
            soc_percent=(soc_percent or {}).get(guest.visit.vehicle_id, 80.0),
        )
        for guest in scene.guests
        if not guest.is_absent
    ]
    return Happened(
        scene=scene,
        plan=plan or a_planned_night()[2],
        begin=begin,
        end=end,
        record=a_record(begin, pieces or {}),
        departed=tuple(departed),
        told=tuple(Told(at=at, short=names, sent=0) for at, names in short),
        lost_entries=lost_entries,
        slept=tuple(
            Slept(plug=guest.plug, vehicle_id=guest.vehicle.id, offered_at=slept[guest.vehicle.id])
            for guest in scene.guests
            if slept and guest.vehicle.id in slept
        ),
    )


def hours_later(instant: datetime, hours: float) -> datetime:
    return instant + timedelta(hours=hours)
