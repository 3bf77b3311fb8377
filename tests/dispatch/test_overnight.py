"""Ticks against a real gateway and simulated charge points over WebSockets, faults included."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from dispatch.evidence import Command, Layer, Rung, Verdict
from dispatch.overnight import preview
from dispatch.report import NightReport
from dispatch.simulator.persona import Persona
from dispatch.station import Outcome, Purpose, StationsUnreachableError
from tests.builders import NIGHT
from tests.dispatch.gateway_builders import a_listening_depot
from tests.dispatch.overnight_builders import (
    EVENING,
    Rehearsal,
    a_clock,
    a_free_address,
    a_gateway_for,
    a_rehearsal,
    charge_points,
    row_of,
    three_vans_tonight,
)

ALL = {"CP1", "CP2", "CP3"}
ABOUT_PROFILES = {"GetCompositeSchedule", "SetChargingProfile"}


def confirmed(report: NightReport, rung: Rung) -> set[str]:
    return {row.place.charger_id for row in report.rows if row.rungs[rung] is Verdict.CONFIRMED}


def unanswered(night: Rehearsal, charger_id: str) -> list[Command]:
    return list(night.journal.ledger(since=EVENING).unanswered(charger_id))


async def test_a_night_climbs_every_rung_and_a_second_tick_sends_nothing(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight()) as night:
        first = await night.tick()
        assert first.sent == 6
        assert all(confirmed(first, rung) == ALL for rung in Rung)
        assert not first.needs_a_person
        commands = night.journal.commands()
        evidence = night.journal.evidence(NIGHT)
        second = await night.tick()
        assert second.sent == 0
        assert night.journal.commands() == commands
        assert all(confirmed(second, rung) == ALL for rung in Rung)
        again = night.journal.evidence(NIGHT)[len(evidence) :]
        assert {e.rung for e in again} == {Rung.READ_BACK, Rung.METERED}


async def test_floors_are_on_all_chargers_before_any_plan_is(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight()) as night:
        await night.tick()
        layers = [command.layer for command in night.journal.commands()]
        assert layers == [Layer.FLOOR] * 3 + [Layer.PLAN] * 3


async def test_every_answer_leads_to_its_raw_message(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight()) as night:
        await night.tick()
        with night.journal.engine.connect() as connection:
            known = set(connection.exec_driver_sql("select message_id from messages").scalars())
        assert {command.message_id for command in night.journal.commands()} <= known
        looks = [e for e in night.journal.evidence(NIGHT) if e.rung is Rung.READ_BACK]
        assert {look.message_id for look in looks} <= known


async def test_a_nearly_empty_vehicle_gets_a_profile_of_its_own_from_a_re_plan(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight(), arrival_soc_percent={"V2": 8.0}) as night:
        report = await night.tick()
        assert report.is_replanned
        assert any("V2 had 8 % instead of" in note for note in report.notes)
        assert row_of(report, "CP2").has_override
        assert not report.needs_a_person
        (override,) = [c for c in night.journal.commands() if c.layer is Layer.OVERRIDE]
        assert (override.charger_id, override.profile.purpose) == ("CP2", Purpose.TX)
        live = await night.stations.live()
        transaction = live.charger("CP2").connector(1).transaction
        assert transaction is not None
        assert override.profile.transaction_id == transaction.transaction_id
        assert night.journal.base_plan(NIGHT) != night.journal.latest_plan(NIGHT)
        again = await night.tick()
        assert (again.sent, again.is_replanned) == (0, False)


async def test_a_charger_that_refuses_is_named_and_the_others_are_served(tmp_path: Path) -> None:
    personas = {"CP1": Persona(refuses_profiles=True)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas) as night:
        report = await night.tick()
        row = row_of(report, "CP1")
        assert row.rungs[Rung.ACCEPTED] is Verdict.CONTRADICTED
        assert row.sentences[0] == "refuses its profile: Rejected"
        assert row.needs_a_person
        assert confirmed(report, Rung.READ_BACK) == {"CP2", "CP3"}
        outcomes = {c.outcome for c in night.journal.commands(charger_id="CP1")}
        assert outcomes == {Outcome.REFUSED}


async def test_a_charger_that_never_answers_is_tried_twice_and_named(tmp_path: Path) -> None:
    personas = {"CP1": Persona(never_answers_profiles=True)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas, call_timeout_s=0.5) as night:
        report = await night.tick()
        row = row_of(report, "CP1")
        assert row.rungs[Rung.ACCEPTED] is Verdict.CANNOT_TELL
        assert row.sentences[0].startswith("does not answer")
        assert row.needs_a_person
        assert confirmed(report, Rung.METERED) == {"CP2", "CP3"}
        tries = night.journal.commands(charger_id="CP1")
        assert [command.outcome for command in tries] == [Outcome.NO_ANSWER] * 2


async def test_whose_session_a_pause_has_ended_is_told_with_what_it_has(tmp_path: Path) -> None:
    personas = {"CP1": Persona(zero_ends_transaction=True)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas) as night:
        assert (await night.tick()).risks == ()
        await night.until(lambda live: live.charger("CP1").connector(1).transaction is None)
        report = await night.tick()
        (risk,) = report.risks
        assert risk.because == "is occupied, and charges nobody: no session runs"
        assert abs(risk.soc_percent - 60.0) < 0.5
        assert set(report.doubted) == {("V1", risk.departure)}


async def test_a_charger_that_is_not_connected_is_named_and_the_others_are_served(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight(), charger_ids=["CP2", "CP3"]) as night:
        report = await night.tick()
        assert row_of(report, "CP1").sentences[0] == "not connected"
        assert row_of(report, "CP1").needs_a_person
        assert report.is_reachable
        assert confirmed(report, Rung.READ_BACK) == {"CP2", "CP3"}
        assert night.journal.commands(charger_id="CP1") == []


async def test_a_charger_that_shows_full_power_is_contradicted_and_counts_as_such(tmp_path: Path) -> None:
    personas = {"CP1": Persona(composite="wrong")}
    made = three_vans_tonight(transformer_limit_kw=20.0)
    async with a_rehearsal(tmp_path, made, personas=personas) as night:
        report = await night.tick()
        row = row_of(report, "CP1")
        assert row.rungs[Rung.READ_BACK] is Verdict.CONTRADICTED
        assert "it shows 16 A where" in " ".join(row.sentences)
        assert row.needs_a_person
        assert any("CP1/1 may draw 11.0 kW more than planned whatever it is told" in n for n in report.notes)
        others_kw = [v.power_kw for v in report.plan.visits if v.charger_id != "CP1"]
        assert max(map(sum, zip(*others_kw, strict=True))) <= 20.0 - 2.0 - 11.04 + 1e-6
        assert all(row_of(report, name).rungs[Rung.READ_BACK] is Verdict.CONFIRMED for name in ("CP2", "CP3"))
        again = await night.tick()
        assert not again.is_replanned


async def test_a_charger_that_cannot_be_read_back_is_believed_once_its_meter_agrees(tmp_path: Path) -> None:
    personas = {"CP1": Persona(composite="rejected")}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas) as night:
        report = await night.tick()
        row = row_of(report, "CP1")
        assert (row.rungs[Rung.READ_BACK], row.rungs[Rung.METERED]) == (
            Verdict.CANNOT_TELL,
            Verdict.CONFIRMED,
        )
        assert row.sentences == ("cannot be read back: Rejected",)
        assert (await night.tick()).sent == 0


async def test_a_charger_that_obeys_nothing_is_caught_by_its_meter(tmp_path: Path) -> None:
    personas = {"CP1": Persona(ignores_profiles=True)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas) as night:
        report = await night.tick()
        row = row_of(report, "CP1")
        assert (row.rungs[Rung.READ_BACK], row.rungs[Rung.METERED]) == (
            Verdict.CONFIRMED,
            Verdict.CONTRADICTED,
        )
        assert "11.04 kW drawn at 21:00" in row.sentences[-1]
        assert row.needs_a_person


@pytest.mark.parametrize(
    "persona",
    [Persona(units=("W",)), Persona(max_periods=6), Persona(max_stack_level=0)],
    ids=["only watts", "few periods", "one level"],
)
async def test_a_charger_with_narrow_means_is_served_within_them(tmp_path: Path, persona: Persona) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas={"CP1": persona}) as night:
        assert confirmed(await night.tick(), Rung.READ_BACK) == ALL
        assert (await night.tick()).sent == 0


@pytest.mark.parametrize("composite", ["ok", "rejected"])
async def test_chargers_that_come_back_without_their_profiles_get_them_again(
    tmp_path: Path, composite: Literal["ok", "rejected"]
) -> None:
    made, personas = three_vans_tonight(), {"CP1": Persona(composite=composite)}
    async with a_rehearsal(tmp_path, made, personas=personas) as night:
        await night.tick()
        before = night.journal.commands()
    later = EVENING + timedelta(hours=1)
    async with a_rehearsal(tmp_path, made, personas=personas, begin=later) as night:
        report = await night.tick()
        again = night.journal.commands()[len(before) :]
        assert [c.layer for c in again] == [Layer.FLOOR] * 3 + [Layer.PLAN] * 3
        assert confirmed(report, Rung.METERED) == ALL
        assert (await night.tick()).sent == 0


async def test_a_gateway_that_comes_back_to_the_same_chargers_finds_everything_in_place(
    tmp_path: Path,
) -> None:
    depot, night_read, plan = three_vans_tonight()
    where, clock = a_free_address(), a_clock(EVENING)
    made = a_listening_depot(depot, listen=str(where)), night_read, plan
    async with charge_points(depot, night_read, where):
        async with a_gateway_for(tmp_path, made, clock=clock) as first:
            await first.until_all_are_metered()
            assert (await first.tick()).sent == 6
        async with a_gateway_for(tmp_path, made, clock=clock) as second:
            await second.until_all_are_metered()
            report = await second.tick()
            assert report.sent == 0
            assert all(confirmed(report, rung) == ALL for rung in Rung)


async def test_a_gateway_that_dies_in_the_middle_leaves_the_command_visibly_unanswered(
    tmp_path: Path,
) -> None:
    made = three_vans_tonight()
    personas = {"CP1": Persona(never_answers_profiles=True)}
    async with a_rehearsal(tmp_path, made, personas=personas, call_timeout_s=60.0) as night:
        ticking = asyncio.create_task(night.tick())
        await night.until(lambda _: bool(unanswered(night, "CP1")))
    with pytest.raises(StationsUnreachableError):
        await ticking
    async with a_rehearsal(tmp_path, made) as night:
        (cut_off,) = unanswered(night, "CP1")
        # Its last breath may still have told the dispatcher that the charger's socket is gone.
        assert cut_off.outcome in {None, Outcome.NO_ANSWER}
        assert confirmed(await night.tick(), Rung.READ_BACK) == ALL
        assert unanswered(night, "CP1") == []


async def test_a_preview_says_what_would_be_sent_and_sends_nothing(tmp_path: Path) -> None:
    depot, night_read, plan = made = three_vans_tonight()
    async with a_rehearsal(tmp_path, made) as night:
        writes = await preview(depot, night_read, plan, journal=night.journal, stations=night.stations)
        assert night.journal.commands() == []
        assert night.journal.evidence(NIGHT) == []
        await night.tick()
        sent = [(c.charger_id, c.profile) for c in night.journal.commands()]
        assert [(w.place.charger_id, p.profile) for w in writes for p in w.profiles] == sent


async def test_a_folder_that_has_changed_since_the_plan_is_told_and_the_plan_is_kept(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight()) as night:
        night.night = replace(night.night, inputs_sha256="changed")
        report = await night.tick()
        assert report.sent > 0
        assert not report.is_replanned
        assert report.needs_a_person
        assert not any(row.needs_a_person for row in report.rows)
        assert any("has changed since this plan was made" in note for note in report.notes)


async def test_a_visit_that_was_taken_from_the_folder_is_taken_from_the_next_plan(tmp_path: Path) -> None:
    async with a_rehearsal(tmp_path, three_vans_tonight(), arrival_soc_percent={"V2": 8.0}) as night:
        night.night = replace(night.night, inputs_sha256="changed", visits=night.night.visits[:2])
        report = await night.tick()
        assert report.is_replanned
        assert [visit.vehicle_id for visit in report.plan.visits] == ["V1", "V2"]
        assert report.plan.inputs_sha256 == "changed"


async def test_a_charger_that_takes_no_more_what_it_once_accepted_is_said_to_refuse(tmp_path: Path) -> None:
    made = three_vans_tonight(transformer_limit_kw=20.0)
    async with a_rehearsal(tmp_path, made) as night:
        assert row_of(await night.tick(), "CP1").rungs[Rung.ACCEPTED] is Verdict.CONFIRMED
    personas = {"CP1": Persona(refuses_profiles=True)}
    later = EVENING + timedelta(minutes=10)
    # The others are away, so that no other form of what is refused can be tried: it would be a raise.
    async with a_rehearsal(tmp_path, made, personas=personas, charger_ids=["CP1"], begin=later) as night:
        row = row_of(await night.tick(), "CP1")
    assert row.rungs[Rung.ACCEPTED] is Verdict.CONTRADICTED
    assert row.sentences[0] == "refuses its profile: Rejected"
    assert row.needs_a_person


async def test_a_charger_that_knows_nothing_of_profiles_and_says_nothing_is_not_waited_for_again_and_again(
    tmp_path: Path,
) -> None:
    personas = {"CP1": Persona(smart_charging=False, never_answers_unknown_actions=True)}
    async with a_rehearsal(tmp_path, three_vans_tonight(), personas=personas, call_timeout_s=0.5) as night:
        report = await night.tick()
        assert row_of(report, "CP1").sentences[0].startswith("does not answer")
        with night.journal.engine.connect() as connection:
            query = "select action from messages where charger_id = 'CP1' and direction = 'out' order by id"
            asked = [a for a in connection.exec_driver_sql(query).scalars() if a in ABOUT_PROFILES]
    assert asked == ["GetCompositeSchedule", "SetChargingProfile"]


async def test_before_the_first_charger_is_there_nobody_is_planned_around(tmp_path: Path) -> None:
    made = three_vans_tonight()
    async with a_gateway_for(tmp_path, made, clock=a_clock(EVENING)) as rehearsal:
        report = await rehearsal.tick()
        assert not report.is_reachable
        assert not report.is_replanned
        assert rehearsal.journal.latest_plan(NIGHT) == made[2]
