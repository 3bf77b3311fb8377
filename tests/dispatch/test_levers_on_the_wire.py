"""Levers that show in the course of a tick, against simulated charge points over real WebSockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dispatch.evidence import Layer, Rung
from dispatch.simulator.persona import Persona
from optimiser.depot import Depot
from optimiser.night import Night
from optimiser.plan import Plan
from tests.dispatch.overnight_builders import Rehearsal, a_rehearsal, row_of, three_vans_tonight


def with_levers(levers: Mapping[str, Mapping[str, Any]]) -> tuple[Depot, Night, Plan]:
    """Three vans' night with capabilities by charger."""
    depot, night, plan = three_vans_tonight()
    chargers = tuple(replace(charger, capabilities=levers.get(charger.id, {})) for charger in depot.chargers)
    return replace(depot, chargers=chargers), night, plan


def asked(night: Rehearsal, charger_id: str, action: str) -> list[Any]:
    """The payloads of calls that went out to a charger."""
    with night.journal.engine.connect() as connection:
        frames = connection.exec_driver_sql(
            "select frame from messages where charger_id = ? and direction = 'out' and action = ? order by id",
            (charger_id, action),
        )
        return [json.loads(frame)[3] for (frame,) in frames if json.loads(frame)[0] == 2]


async def test_what_is_known_of_three_chargers_changes_their_tick(tmp_path: Path) -> None:
    made = with_levers(
        {
            "CP1": {"smart_charging": False},
            "CP2": {"read_back": "skip", "session_profile": "always"},
            "CP3": {"remedy": "switch it on at the charger", "zero_ends_session": True},
        }
    )
    personas = {"CP3": Persona(refuses_profiles=True)}
    async with a_rehearsal(tmp_path, made, personas=personas) as night:
        report = await night.tick()
        one, two, three = (row_of(report, charger_id) for charger_id in ("CP1", "CP2", "CP3"))

        assert asked(night, "CP1", "SetChargingProfile") == []
        assert asked(night, "CP1", "GetCompositeSchedule") == []
        assert one.sentences[0] == "its model takes no charging profiles: it counts at full power"
        assert one.needs_a_person

        assert asked(night, "CP2", "GetCompositeSchedule") == []
        assert two.sentences[0] == "cannot be read back: its model is known to tell no schedule of use"
        assert two.rungs[Rung.READ_BACK] is not None
        assert two.has_override
        assert Layer.OVERRIDE in {command.layer for command in night.journal.commands(charger_id="CP2")}

        assert "switch it on at the charger" in three.sentences


async def test_a_profile_that_ends_a_pause_is_sent_twice_and_a_charger_just_connected_is_left_alone(
    tmp_path: Path,
) -> None:
    made = with_levers({"CP1": {"repeat_after_pause": True}, "CP2": {"quiet_after_connect_s": 1.5}})
    _, _, plan = made
    async with a_rehearsal(tmp_path, made) as night:
        connected = (await night.stations.live()).charger("CP2").connected_since
        await night.tick()
        first = night.journal.commands(charger_id="CP2")[0]
        assert connected is not None
        assert (first.at - connected).total_seconds() >= 1.5

        held = night.journal.commands(charger_id="CP1")[-1].profile
        assert {period.limit for period in held.periods if period.start_s < 8 * 3600} >= {0.0}
        before = len(asked(night, "CP1", "SetChargingProfile"))
        powers = tuple(
            replace(visit, power_kw=(6.9,) * len(visit.power_kw)) if visit.charger_id == "CP1" else visit
            for visit in plan.visits
        )
        night.journal.save_plan(replace(plan, visits=powers), kind="replan")
        await night.tick()
        again = asked(night, "CP1", "SetChargingProfile")[before:]
        assert len(again) == 4  # the plan and the session's own profile
        assert again[::2] == again[1::2]
